//! The devices, the network between them, and what is to happen when. Time goes from one event to the next.

use std::collections::BTreeMap;

use lanline_protocol::id::RoomId;
use lanline_protocol::identity::PublicKey;
use lanline_protocol::link::InviteLink;

use crate::device::{Device, Input};
use crate::dialer::Attempt;
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::network::{Link, Walls};
use crate::profile::Profile;
use crate::scene::Step;
use crate::trace::Trace;

/// The pause after which a replica that is connected looks after itself.
const IDLE_MS: u64 = 1000;

/// Something that happens by itself at its time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A device takes in what waits and commits.
    Work(usize),
    /// A device has something to do by itself.
    Wake(usize),
    /// The network took a parcel.
    Taken(u64, usize),
    /// A parcel arrives.
    Arrival(u64, usize),
    /// A connection was silent for as long as may be, towards this end.
    Silence(u64, usize),
    /// A device vanished without a word some time ago, and the one at this end notices.
    Orphaned(u64, usize),
    /// An attempt to reach a device ends: it is there, or nobody is.
    Dialled(Attempt, Option<usize>),
    /// It is looked whether a dialled device said hello; the last time or not.
    Greeted(Attempt, bool),
    /// A device starts.
    Boot(usize),
    /// One thing of several in order.
    Step(Step),
    /// Nothing may pass for so long.
    Raise(Vec<(usize, usize)>, u64),
    /// Something may pass again.
    Lower(Vec<(usize, usize)>),
    /// A disk works again.
    Mend(usize),
    /// The disk is as quick as ever.
    Quicken(usize),
    /// Somebody does something, or something breaks.
    Act,
    /// People try again what was not answered.
    Retry(usize),
}

/// What must never be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What kind, in a word or two, the same for all of its kind.
    pub kind: &'static str,
    /// What exactly.
    pub what: String,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) now_us: u64,
    pub(crate) dice: Dice,
    pub(crate) profile: Profile,
    pub(crate) devices: Vec<Device>,
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) links: BTreeMap<u64, Link>,
    pub(crate) walls: Walls,
    queue: BTreeMap<(u64, u64), Happening>,
    next_event: u64,
    pub(crate) next_link: u64,
    pub(crate) trace: Trace,
    pub(crate) ledger: Ledger,
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) invites: Vec<InviteLink>,
    pub(crate) violation: Option<Violation>,
    /// When two last reached each other: each pair, the lower one first, and any.
    pub(crate) reached: BTreeMap<(usize, usize), u64>,
    pub(crate) last_opening_us: u64,
    /// When a frame other than a liar's was last sent that was not among a connection's first, and how many of all there
    /// were. Connections are made for ever: by who wanders from one listener to another, and to a member that lost its
    /// disk and knows nothing of the room.
    pub(crate) last_frame_us: u64,
    pub(crate) frames: u64,
    /// While faults are off.
    pub(crate) healing: bool,
}

impl World {
    pub(crate) fn new(seed: u64, profile: Profile, print: bool) -> Self {
        let mut dice = Dice::new(seed);
        let mut devices: Vec<Device> = (0..profile.devices).map(|index| Device::new(seed, index, &mut dice)).collect();
        for device in &mut devices {
            device.listens = profile.listens.get(device.index).copied().unwrap_or(false);
            device.commit_us = profile.commit_us;
        }
        let keys = devices.iter().map(|device| device.public).collect();
        Self {
            seed,
            now_us: 0,
            dice,
            ledger: Ledger::new(devices.len()),
            profile,
            devices,
            keys,
            links: BTreeMap::new(),
            walls: Walls::default(),
            queue: BTreeMap::new(),
            next_event: 0,
            next_link: 1,
            trace: Trace::new(print),
            rooms: Vec::new(),
            invites: Vec::new(),
            violation: None,
            reached: BTreeMap::new(),
            last_opening_us: 0,
            last_frame_us: 0,
            frames: 0,
            healing: false,
        }
    }

    pub(crate) fn violate(&mut self, kind: &'static str, what: String) {
        self.trace.say(self.now_us, format_args!("VIOLATION ({kind}): {what}"));
        self.violation.get_or_insert(Violation { kind, what });
    }

    pub(crate) fn at(&mut self, at_us: u64, happening: Happening) {
        self.next_event += 1;
        self.queue.insert((at_us.max(self.now_us), self.next_event), happening);
    }

    pub(crate) fn after(&mut self, pause_us: u64, happening: Happening) {
        self.at(self.now_us + pause_us, happening);
    }

    /// Lets time pass up to then, or to the first violation.
    pub(crate) fn run_until(&mut self, until_us: u64) {
        while self.violation.is_none() {
            let Some(next) = self.queue.first_entry() else { break };
            let at_us = next.key().0;
            if at_us > until_us {
                break;
            }
            self.now_us = at_us;
            let happening = next.remove();
            self.happen(happening);
        }
        if self.violation.is_none() {
            self.now_us = self.now_us.max(until_us);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Work(device) => self.work(device),
            Happening::Wake(device) => self.wake(device),
            Happening::Taken(link, end) => self.taken(link, end),
            Happening::Arrival(link, end) => self.arrival(link, end),
            Happening::Silence(link, end) => self.silence(link, end),
            Happening::Orphaned(link, end) => self.end_for(link, end, "silent"),
            Happening::Dialled(attempt, to) => self.dialled(attempt, to),
            Happening::Greeted(attempt, last) => self.greeted(attempt, last),
            Happening::Boot(device) => self.boot(device),
            Happening::Step(step) => self.play(step),
            Happening::Raise(ways, pause_us) if !self.healing => self.block_for(ways, pause_us),
            Happening::Raise(..) => {}
            Happening::Lower(ways) => self.lower(&ways),
            Happening::Mend(device) => self.mend(device),
            Happening::Quicken(device) => self.devices[device].commit_us = self.profile.commit_us,
            Happening::Act => self.act(),
            Happening::Retry(device) => self.retry(device),
        }
    }

    /// Puts something before a device; its next burst takes it in.
    pub(crate) fn give(&mut self, device: usize, input: Input) {
        if self.devices[device].is_on() {
            self.devices[device].inbox.push_back(input);
            self.work_soon(device);
        }
    }

    pub(crate) fn work_soon(&mut self, device: usize) {
        let known = &mut self.devices[device];
        if known.work_at.is_none() {
            let at = self.now_us.max(known.asleep_until) + known.commit_us;
            known.work_at = Some(at);
            self.at(at, Happening::Work(device));
        }
    }

    /// Sets the alarm for what a device does by itself.
    pub(crate) fn set_alarm(&mut self, index: usize) {
        let now_us = self.now_us;
        let device = &mut self.devices[index];
        let Some(machine) = &device.machine else {
            device.wake_at = None;
            return;
        };
        let own = if device.refusing_until.is_some() {
            None
        } else {
            machine.next_wake_ms(device.time(now_us)).map(|ms| {
                // Nobody minds where an idle second is a long one.
                let long = if ms == IDLE_MS { 1 + u64::from(device.idle.min(4)) } else { 1 };
                now_us + ms * 1000 * long
            })
        };
        let dial = if device.refusing_until.is_some() { None } else { device.dialer.next_at() };
        let next = [own, dial, device.refusing_until].into_iter().flatten().min();
        let next = next.map(|at| at.max(now_us + 1000));
        if device.wake_at != next {
            device.wake_at = next;
            if let Some(at) = next {
                self.at(at, Happening::Wake(index));
            }
        }
    }

    fn wake(&mut self, index: usize) {
        let now_us = self.now_us;
        let device = &mut self.devices[index];
        if device.wake_at != Some(now_us) || !device.is_on() {
            return;
        }
        device.wake_at = None;
        if device.asleep_until > now_us {
            let at = device.asleep_until;
            device.wake_at = Some(at);
            self.at(at, Happening::Wake(index));
            return;
        }
        if device.refusing_until.is_none() {
            for (target, addresses) in device.dialer.due(now_us) {
                self.dial(index, target, &addresses, false);
            }
        }
        let device = &self.devices[index];
        let due = match device.refusing_until {
            Some(at) => at <= now_us,
            None => device
                .machine
                .as_ref()
                .and_then(|machine| machine.next_wake_ms(device.time(now_us)))
                .is_some_and(|ms| ms == 0 || ms == IDLE_MS),
        };
        if due && device.work_at.is_none() {
            // The work sets the next alarm.
            self.work_soon(index);
            return;
        }
        self.set_alarm(index);
    }
}
