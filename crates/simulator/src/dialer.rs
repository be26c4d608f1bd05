//! Whom a device dials, and when: as the engine does (`engine::dialing`).

use std::collections::BTreeMap;

use lanline_protocol::identity::DeviceId;
use lanline_protocol::replica::Target;

use crate::device::Input;
use crate::dice::Dice;
use crate::world::{Happening, World};

const PAUSE_MIN_US: u64 = 500_000;
const PAUSE_MAX_US: u64 = 5_000_000;
const LASTED_US: u64 = 5_000_000;
const IDLE_US: u64 = 60_000_000;
const ATTEMPTS_MAX: usize = 16;

/// An attempt of a device, in its life since so many starts, to reach another; a person asked for it or the dialer did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    from: usize,
    boots: u64,
    device: DeviceId,
    by_hand: bool,
}

#[derive(Debug)]
struct Dialling {
    addresses: Vec<String>,
    wanted: bool,
    running: bool,
    attempts: u32,
    last_at: Option<u64>,
    next_at: u64,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Dialer(BTreeMap<DeviceId, Dialling>);

impl Dialer {
    pub(crate) fn take(&mut self, targets: &[Target], now: u64) {
        let wanted = |id: &DeviceId| targets.iter().any(|target| target.device == *id);
        self.0.retain(|id, device| {
            let wanted = wanted(id);
            device.wanted &= wanted;
            wanted || device.running || device.last_at.is_some_and(|at| now < at + IDLE_US)
        });
        for target in targets {
            let device = self.0.entry(target.device).or_insert_with(|| Dialling {
                addresses: Vec::new(),
                wanted: false,
                running: false,
                attempts: 0,
                last_at: None,
                next_at: now,
            });
            let again = !std::mem::replace(&mut device.wanted, true) && !device.running;
            if again && device.last_at.is_none_or(|at| now >= at + LASTED_US) {
                device.attempts = 0;
                device.next_at = now;
            }
            if device.addresses != target.addresses {
                device.addresses.clone_from(&target.addresses);
                device.next_at = device.next_at.min(device.last_at.map_or(now, |at| (at + PAUSE_MIN_US).max(now)));
            }
        }
    }

    /// Whose turn it is, and where it may be.
    pub(crate) fn due(&mut self, now: u64) -> Vec<(DeviceId, Vec<String>)> {
        let running = self.0.values().filter(|device| device.running).count();
        let mut due: Vec<(u64, DeviceId)> = self
            .0
            .iter()
            .filter(|(_, device)| device.wanted && !device.running && device.next_at <= now)
            .map(|(id, device)| (device.next_at, *id))
            .collect();
        due.sort_unstable();
        due.truncate(ATTEMPTS_MAX.saturating_sub(running));
        due.into_iter()
            .filter_map(|(_, id)| {
                let device = self.0.get_mut(&id)?;
                device.running = true;
                device.last_at = Some(now);
                Some((id, device.addresses.clone()))
            })
            .collect()
    }

    /// As if nobody had been dialled yet: this device is on another network.
    pub(crate) fn begin_anew(&mut self, now: u64) {
        for device in self.0.values_mut() {
            (device.running, device.attempts, device.next_at) = (false, 0, now);
        }
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.0.values().filter(|device| device.wanted && !device.running).map(|device| device.next_at).min()
    }

    pub(crate) fn ended(&mut self, id: DeviceId, greeted: bool, now: u64, dice: &mut Dice) {
        if let Some(device) = self.0.get_mut(&id) {
            device.running = false;
            device.attempts = if greeted { 1 } else { device.attempts.saturating_add(1) };
            device.last_at = Some(now);
            let pause = (PAUSE_MIN_US << device.attempts.saturating_sub(1).min(8)).min(PAUSE_MAX_US);
            device.next_at = now + pause * dice.between(75, 100) / 100;
        }
    }
}

impl World {
    /// Tries to reach a device at addresses that are known of it.
    pub(crate) fn dial(&mut self, from: usize, device: DeviceId, addresses: &[String], by_hand: bool) {
        let found = addresses.iter().find_map(|address| {
            self.devices.iter().position(|other| {
                other.address == *address && other.is_on() && other.listens && other.asleep_until <= self.now_us
            })
        });
        let found = found.filter(|to| *to != from && !self.walls.between(from, *to));
        let pause = match found {
            Some(_) => self.dice.between(1, 4) * 2 * self.profile.delay_us,
            None => self.dice.between(1_000, 4_000_000),
        };
        let attempt = Attempt { from, boots: self.devices[from].boots, device, by_hand };
        self.after(pause, Happening::Dialled(attempt, found));
    }

    pub(crate) fn dialled(&mut self, attempt: Attempt, to: Option<usize>) {
        let Attempt { from, boots, device, .. } = attempt;
        if self.devices[from].boots != boots || !self.devices[from].is_on() {
            return;
        }
        let to = to.filter(|to| {
            let other = &self.devices[*to];
            // Another device may have the address now; the handshake shows it.
            other.id == device && other.is_on() && other.listens && !self.walls.between(from, *to)
        });
        match to {
            Some(to) => {
                self.connect(from, to);
                self.after(1_000_000, Happening::Greeted(attempt, false));
            }
            None => self.greeted(attempt, true),
        }
    }

    pub(crate) fn greeted(&mut self, attempt: Attempt, last: bool) {
        let Attempt { from, boots, device, by_hand } = attempt;
        if by_hand || self.devices[from].boots != boots {
            return;
        }
        let Some(machine) = &self.devices[from].machine else { return };
        let greeted = machine.peers().iter().any(|peer| peer.device == device);
        if !greeted && !last {
            self.after(4_000_000, Happening::Greeted(attempt, true));
            return;
        }
        let now_us = self.now_us;
        self.devices[from].dialer.ended(device, greeted, now_us, &mut self.dice);
        if !greeted {
            self.give(from, Input::Unreached(device));
        }
        self.set_alarm(from);
    }

    /// Tells the dialer whom the replica wants to be connected to, where that changed.
    pub(crate) fn publish_targets(&mut self, index: usize) {
        let now_us = self.now_us;
        let device = &mut self.devices[index];
        let (targets, looked) = match &device.machine {
            Some(machine) if device.refusing_until.is_none() => (machine.targets(), Some(machine.looks())),
            _ => (&[][..], None),
        };
        if std::mem::replace(&mut device.looked, looked) != looked {
            device.dialer.take(targets, now_us);
        }
    }
}
