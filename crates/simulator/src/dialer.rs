//! Whom a device dials, and when: as the engine does (`engine::dialing`).

use std::collections::BTreeMap;

use lanline_protocol::identity::DeviceId;
use lanline_protocol::replica::Target;

use crate::dice::Dice;

const PAUSE_MIN_US: u64 = 500_000;
const PAUSE_MAX_US: u64 = 5_000_000;
const LASTED_US: u64 = 5_000_000;
const IDLE_US: u64 = 60_000_000;
const ATTEMPTS_MAX: usize = 16;

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
