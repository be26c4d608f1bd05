//! What passes between devices: connections are made, carry, break and end, and ways are closed and opened.

use lanline_protocol::id::Hash;
use lanline_protocol::session::ConnectionId;

use crate::device::Input;
use crate::network::{DOUBTFUL_US, Link, Parcel, QUEUE_LOW, SILENT_US, Walls};
use crate::world::{Happening, World};

/// Two that reach each other again after less than this are not silent: who is sent away as a stranger comes back after a
/// minute at the earliest.
const AGAIN_US: u64 = 55_000_000;

impl World {
    pub(crate) fn connect(&mut self, from: usize, to: usize) {
        let link = self.next_link;
        self.next_link += 1;
        let ids = [ConnectionId(link * 2), ConnectionId(link * 2 + 1)];
        let exporter = Hash::of(&[self.seed.to_be_bytes(), link.to_be_bytes()].concat());
        let delay = self.profile.delay_us * self.dice.between(50, 200) / 100;
        let ends = [(from, ids[0]), (to, ids[1])];
        self.links.insert(link, Link::new(ends, self.now_us, delay, self.profile.bytes_per_ms));
        let before = self.reached.insert((from.min(to), from.max(to)), self.now_us);
        self.last_opening_us = self.now_us;
        if before.is_some_and(|before| self.now_us < before + AGAIN_US) {
            self.last_frame_us = self.now_us;
        }
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

    pub(crate) fn taken(&mut self, link: u64, end: usize) {
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

    pub(crate) fn arrival(&mut self, link: u64, end: usize) {
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

    pub(crate) fn silence(&mut self, link: u64, end: usize) {
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

    pub(crate) fn lower(&mut self, ways: &[(usize, usize)]) {
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
