//! The devices, the network between them, and what is to happen when. Time goes from one event to the next.

use std::collections::BTreeMap;

use lanline_protocol::id::{Hash, RoomId};
use lanline_protocol::identity::{DeviceId, PublicKey};
use lanline_protocol::link::InviteLink;
use lanline_protocol::session::ConnectionId;

use crate::device::{Device, Input};
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::network::{DOUBTFUL_US, Link, Parcel, QUEUE_LOW, SILENT_US, Walls};
use crate::profile::Profile;
use crate::trace::Trace;

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
    /// An attempt to reach a device ends.
    Dialled { from: usize, boots: u64, device: DeviceId, to: Option<usize> },
    /// It is looked whether a dialled device said hello.
    Greeted { from: usize, boots: u64, device: DeviceId, last: bool },
    /// A device starts.
    Boot(usize),
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
    next_link: u64,
    pub(crate) trace: Trace,
    pub(crate) ledger: Ledger,
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) invites: Vec<InviteLink>,
    pub(crate) violation: Option<Violation>,
    /// When a frame other than a liar's was last sent, and how many there were.
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
            Happening::Dialled { from, boots, device, to } => self.dialled(from, boots, device, to),
            Happening::Greeted { from, boots, device, last } => self.greeted(from, boots, device, last),
            Happening::Boot(device) => self.boot(device),
            Happening::Lower(ways) => self.lower(&ways),
            Happening::Mend(device) => self.mend(device),
            Happening::Quicken(device) => self.devices[device].commit_us = self.profile.commit_us,
            Happening::Act => self.act(),
            Happening::Retry(device) => self.retry(device),
        }
    }

    // Devices.

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
                let long = if ms >= 1000 { 1 + u64::from(device.idle.min(4)) } else { 1 };
                now_us + ms * 1000 * long
            })
        };
        let dial = if device.refusing_until.is_some() { None } else { device.dialer.next_at() };
        let next = [own, dial, device.targets_at, device.refusing_until].into_iter().flatten().min();
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
        if device.targets_at.is_some_and(|at| at <= now_us)
            && let Some(machine) = &device.machine
        {
            device.targets_at = None;
            let mut targets = if device.refusing_until.is_some() { Vec::new() } else { machine.targets().to_vec() };
            targets.retain(|target| !device.held.contains(&target.device));
            device.dialer.take(&targets, now_us);
        }
        if device.refusing_until.is_none() {
            for (target, addresses) in device.dialer.due(now_us) {
                self.dial(index, target, &addresses);
            }
        }
        let device = &self.devices[index];
        let due = match device.refusing_until {
            Some(at) => at <= now_us,
            None => device
                .machine
                .as_ref()
                .and_then(|machine| machine.next_wake_ms(device.time(now_us)))
                .is_some_and(|ms| ms == 0 || ms >= 1000),
        };
        if due && device.work_at.is_none() {
            // The work sets the next alarm.
            self.work_soon(index);
            return;
        }
        self.set_alarm(index);
    }

    // Connections.

    /// Tries to reach a device at addresses that are known of it.
    pub(crate) fn dial(&mut self, from: usize, device: DeviceId, addresses: &[String]) {
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
        let boots = self.devices[from].boots;
        self.after(pause, Happening::Dialled { from, boots, device, to: found });
    }

    fn dialled(&mut self, from: usize, boots: u64, device: DeviceId, to: Option<usize>) {
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
                self.after(1_000_000, Happening::Greeted { from, boots, device, last: false });
            }
            None => self.greeted(from, boots, device, true),
        }
    }

    fn greeted(&mut self, from: usize, boots: u64, device: DeviceId, last: bool) {
        if self.devices[from].boots != boots {
            return;
        }
        let Some(machine) = &self.devices[from].machine else { return };
        let greeted = machine.peers().iter().any(|peer| peer.device == device);
        if !greeted && !last {
            self.after(4_000_000, Happening::Greeted { from, boots, device, last: true });
            return;
        }
        let now_us = self.now_us;
        self.devices[from].dialer.ended(device, greeted, now_us, &mut self.dice);
        if !greeted {
            self.give(from, Input::Unreached(device));
        }
        self.set_alarm(from);
    }

    fn connect(&mut self, from: usize, to: usize) {
        let link = self.next_link;
        self.next_link += 1;
        let ids = [ConnectionId(link * 2), ConnectionId(link * 2 + 1)];
        let exporter = Hash::of(&[self.seed.to_be_bytes(), link.to_be_bytes()].concat());
        let delay = self.profile.delay_us * self.dice.between(50, 200) / 100;
        self.links.insert(link, Link::new([(from, ids[0]), (to, ids[1])], delay, self.profile.bytes_per_ms));
        self.trace.take(self.now_us, 1, &[from as u8, to as u8]);
        self.trace.say(self.now_us, format_args!("{from} reaches {to} (connection {link})"));
        for (end, (own, other)) in [(from, to), (to, from)].into_iter().enumerate() {
            let address = if end == 0 { self.devices[other].address.clone() } else { format!("10.9.0.{other}:50000") };
            let peer = self.keys[other];
            let (connection, dialled) = (ids[end], end == 0);
            self.give(own, Input::Opened { connection, link, end, peer, exporter, dialled, address });
        }
    }

    /// Hands a parcel to the network.
    pub(crate) fn send(&mut self, link: u64, to_end: usize, parcel: Parcel) {
        let Some(known) = self.links.get_mut(&link) else { return };
        let way = known.direction(to_end);
        let lane = &mut known.ways[to_end];
        if let Parcel::Frame(bytes) = &parcel {
            lane.queued += bytes.len();
        }
        lane.queue.push_back(parcel);
        if !self.walls.stands(way) {
            self.take_next(link, to_end);
        }
    }

    /// The network takes what waits, as far as it can.
    pub(crate) fn take_next(&mut self, link: u64, end: usize) {
        loop {
            let now_us = self.now_us;
            let Some(known) = self.links.get_mut(&link) else { return };
            let lasts = match known.ways[end].queue.front() {
                Some(parcel) if !known.ways[end].busy => known.transmission_us(parcel),
                _ => return,
            };
            if let Some(lasts) = lasts {
                known.ways[end].busy = true;
                self.after(lasts, Happening::Taken(link, end));
                return;
            }
            let arrives = known.fly(end, now_us);
            self.at(arrives, Happening::Arrival(link, end));
        }
    }

    fn taken(&mut self, link: u64, end: usize) {
        let now_us = self.now_us;
        let Some(known) = self.links.get_mut(&link) else { return };
        known.ways[end].busy = false;
        if known.ways[end].queue.is_empty() {
            return;
        }
        let sender = known.ends[1 - end].device;
        let before = known.ways[end].queued;
        let arrives = known.fly(end, now_us);
        let drained = before >= QUEUE_LOW && known.ways[end].queued < QUEUE_LOW;
        let way = known.direction(end);
        self.at(arrives, Happening::Arrival(link, end));
        if !self.walls.stands(way) {
            self.take_next(link, end);
        }
        if drained {
            self.give(sender, Input::Drained);
        }
    }

    fn arrival(&mut self, link: u64, end: usize) {
        let Some(known) = self.links.get_mut(&link) else { return };
        if self.walls.stands(known.direction(end)) {
            known.ways[end].overdue += 1;
            return;
        }
        let Some(parcel) = known.ways[end].flying.pop_front() else { return };
        let (device, connection) = (known.ends[end].device, known.ends[end].connection);
        if !known.ends[end].open {
            return;
        }
        match parcel {
            Parcel::Frame(bytes) => self.give(device, Input::Frame(connection, bytes)),
            Parcel::End(reason) => self.end_for(link, end, reason),
        }
    }

    fn silence(&mut self, link: u64, end: usize) {
        let Some(known) = self.links.get(&link) else { return };
        let since = self.walls.since(known.direction(end));
        if since.is_some_and(|since| since + SILENT_US <= self.now_us) {
            self.end_for(link, end, "silent");
            self.send(link, 1 - end, Parcel::End("silent"));
        }
    }

    /// The device at one end is told that the connection is over.
    pub(crate) fn end_for(&mut self, link: u64, end: usize, reason: &'static str) {
        let Some(known) = self.links.get_mut(&link) else { return };
        if !std::mem::replace(&mut known.ends[end].open, false) {
            return;
        }
        let (device, connection) = (known.ends[end].device, known.ends[end].connection);
        let over = known.is_over();
        self.trace.say(self.now_us, format_args!("{device} loses connection {link}: {reason}"));
        self.give(device, Input::Closed(connection, reason));
        if over {
            self.links.remove(&link);
        }
    }

    /// A device ends a connection: what it said before is still sent.
    pub(crate) fn hang_up(&mut self, link: u64, end: usize, reason: &'static str) {
        let Some(known) = self.links.get_mut(&link) else { return };
        known.ends[end].open = false;
        let other = known.ends[1 - end].open;
        self.trace.say(self.now_us, format_args!("connection {link} is ended by end {end}: {reason}"));
        if other {
            self.send(link, 1 - end, Parcel::End(reason));
        } else {
            self.links.remove(&link);
        }
    }

    /// A connection breaks; some of what was on its way still arrives.
    pub(crate) fn cut(&mut self, link: u64) {
        for end in [0, 1] {
            let Some(known) = self.links.get_mut(&link) else { return };
            let way = &mut known.ways[end];
            way.queue.clear();
            way.queued = 0;
            let left = self.dice.index(way.flying.len() + 1);
            way.flying.truncate(left);
            way.queue.push_back(Parcel::End("reset"));
            let stands = self.walls.stands(known.direction(end));
            if !stands {
                known.ways[end].busy = false;
                self.take_next(link, end);
            }
        }
    }

    /// Whether a connection was silent for so long that a new one takes its place.
    pub(crate) fn is_doubtful(&self, link: u64, end: usize) -> bool {
        let Some(known) = self.links.get(&link) else { return true };
        let blocked = self.walls.since(known.direction(end));
        let since = [blocked, known.orphaned_at_us].into_iter().flatten().min();
        since.is_some_and(|since| since + DOUBTFUL_US <= self.now_us)
    }

    /// Nothing passes any more on these ways.
    pub(crate) fn raise(&mut self, ways: &[(usize, usize)]) {
        for way in ways {
            if self.walls.raise(*way, self.now_us) {
                let hit: Vec<(u64, usize)> = self
                    .links
                    .iter()
                    .flat_map(|(id, link)| [0, 1].map(|end| (*id, end, link.direction(end))))
                    .filter(|(.., direction)| direction == way)
                    .map(|(id, end, _)| (id, end))
                    .collect();
                for (link, end) in hit {
                    self.after(SILENT_US, Happening::Silence(link, end));
                }
            }
        }
    }

    fn lower(&mut self, ways: &[(usize, usize)]) {
        for way in ways {
            if self.walls.lower(*way) {
                self.flow_again(*way);
            }
        }
    }

    fn flow_again(&mut self, way: (usize, usize)) {
        let hit: Vec<(u64, usize)> = self
            .links
            .iter()
            .flat_map(|(id, link)| [0, 1].map(|end| (*id, end, link.direction(end))))
            .filter(|(.., direction)| *direction == way)
            .map(|(id, end, _)| (id, end))
            .collect();
        for (link, end) in hit {
            let Some(known) = self.links.get_mut(&link) else { continue };
            let overdue = std::mem::take(&mut known.ways[end].overdue);
            let soon = self.now_us + known.delay_us;
            known.ways[end].last_arrival_us = known.ways[end].last_arrival_us.max(soon);
            for _ in 0..overdue {
                self.at(soon, Happening::Arrival(link, end));
            }
            self.take_next(link, end);
        }
    }

    /// Takes all walls down.
    pub(crate) fn open_network(&mut self) {
        let ways = self.walls.all();
        self.walls = Walls::default();
        for way in ways {
            self.flow_again(way);
        }
    }
}
