//! A few devices on one thread: the production state machine on stores in memory, frames in queues that a
//! test delivers, delays and cuts as it likes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lanline_protocol::clock::Time;
use lanline_protocol::frame::Frame;
use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::link::InviteLink;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::replica::{CloseReason, Event, Output, Random, Replica};
use lanline_protocol::session::ConnectionId;
use lanline_protocol::store::{Cursor, Store};
use lanline_protocol::view::{Message, Shown};

use crate::schema;

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;
pub(crate) const CAROL: usize = 2;

/// BLAKE3 in counter mode: the same seed, the same run.
pub(crate) struct Seeded(blake3::OutputReader);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof())
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_be_bytes(bytes) % bound as u64) as usize
    }
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

struct Device {
    seed: u64,
    replica: Replica<MemoryStore>,
    events: Vec<Event>,
    /// Why it ended connections.
    closed: Vec<CloseReason>,
    /// What it is to reach: the connection, and the port at the address of its other end.
    reaches: Vec<(ConnectionId, u16)>,
    /// Texts that were said since the last commit, and before it.
    said: Vec<String>,
    committed: Vec<String>,
}

struct Wire {
    ends: [(usize, ConnectionId); 2],
    /// Frames on their way to end 0 and end 1.
    queues: [VecDeque<Vec<u8>>; 2],
}

pub(crate) struct World {
    pub(crate) now: Time,
    /// Whether what is sent is held against the CDDL, which does not describe what newer versions write.
    pub(crate) described: bool,
    devices: Vec<Device>,
    /// Devices that are switched off: nobody reaches them, and they reach nobody.
    pub(crate) off: BTreeSet<usize>,
    /// Who does not reach whom.
    pub(crate) apart: BTreeSet<(usize, usize)>,
    pub(crate) listening: BTreeSet<usize>,
    wires: BTreeMap<u64, Wire>,
    next: u64,
    seed: u64,
}

fn seed_of(device: usize) -> [u8; 32] {
    [device as u8 + 1; 32]
}

impl World {
    pub(crate) fn new(names: &[&str]) -> Self {
        Self::seeded(names, 1)
    }

    pub(crate) fn seeded(names: &[&str], seed: u64) -> Self {
        let now = Time { wall_us: 1_790_000_000_000_000, steady_ms: 0 };
        let devices = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let store = MemoryStore::new(StoreId::new([index as u8 + 1; 16]));
                let seed = seed * 1000 + index as u64;
                let mut replica = Self::open(index, seed, store, now);
                replica.set_name(now, name).unwrap();
                replica.commit(now).unwrap();
                Device {
                    seed,
                    replica,
                    events: Vec::new(),
                    closed: Vec::new(),
                    reaches: Vec::new(),
                    said: Vec::new(),
                    committed: Vec::new(),
                }
            })
            .collect();
        Self {
            now,
            described: true,
            devices,
            off: BTreeSet::new(),
            apart: BTreeSet::new(),
            listening: BTreeSet::new(),
            wires: BTreeMap::new(),
            next: 1,
            seed,
        }
    }

    fn open(index: usize, seed: u64, store: MemoryStore, now: Time) -> Replica<MemoryStore> {
        let key = DeviceKey::from_seed(&seed_of(index));
        Replica::open(key, store, Box::new(Seeded::new(seed)), "test", now).unwrap()
    }

    pub(crate) fn replica(&mut self, device: usize) -> &mut Replica<MemoryStore> {
        &mut self.devices[device].replica
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.now.steady_ms += ms;
        self.now.wall_us += ms * 1000;
    }

    /// Commits at one device and carries out what follows.
    pub(crate) fn commit(&mut self, device: usize) {
        let outputs = self.devices[device].replica.commit(self.now).unwrap();
        let said = std::mem::take(&mut self.devices[device].said);
        self.devices[device].committed.extend(said);
        for output in outputs {
            match output {
                Output::Send(connection, bytes) => {
                    if let Err(wrong) = schema::frame(&bytes)
                        && self.described
                    {
                        panic!("{wrong}, in a frame of device {device}: {bytes:02x?}");
                    }
                    if let Some(wire) = self.wires.get_mut(&connection.0.div_euclid(2)) {
                        let to = usize::from(wire.ends[0].1 == connection);
                        wire.queues[to].push_back(bytes);
                    }
                }
                Output::Close(connection, reason) => {
                    self.devices[device].closed.push(reason);
                    // What was sent before arrives; then the other side sees the end.
                    let id = connection.0.div_euclid(2);
                    if let Some(wire) = self.wires.get_mut(&id) {
                        let other = usize::from(wire.ends[0].1 == connection);
                        let (peer, theirs) = wire.ends[other];
                        let frames = std::mem::take(&mut wire.queues[other]);
                        let now = self.now;
                        for bytes in frames {
                            self.replica(peer).frame(now, theirs, &bytes).unwrap();
                        }
                    }
                    self.cut_wire(id, Some(device));
                }
                Output::Limit(..) => {}
                Output::Reach(connection, port) => self.devices[device].reaches.push((connection, port)),
                Output::Event(event) => self.devices[device].events.push(event),
            }
        }
    }

    pub(crate) fn events(&mut self, device: usize) -> Vec<Event> {
        std::mem::take(&mut self.devices[device].events)
    }

    /// `from` dials `to`. Gives the connection at `from`.
    pub(crate) fn connect(&mut self, from: usize, to: usize) -> ConnectionId {
        let wire = self.next;
        self.next += 1;
        let ids = [ConnectionId(wire * 2), ConnectionId(wire * 2 + 1)];
        let exporter = Hash::of(&[self.seed.to_be_bytes(), wire.to_be_bytes()].concat());
        self.wires.insert(wire, Wire { ends: [(from, ids[0]), (to, ids[1])], queues: Default::default() });
        let (key_from, key_to) =
            (DeviceKey::from_seed(&seed_of(from)).public(), DeviceKey::from_seed(&seed_of(to)).public());
        let now = self.now;
        self.replica(from).connected(now, ids[0], key_to, exporter, true, format!("10.0.0.{to}:12345")).unwrap();
        self.replica(to).connected(now, ids[1], key_from, exporter, false, format!("10.0.0.{from}:50000")).unwrap();
        self.commit(from);
        self.commit(to);
        ids[0]
    }

    /// As [`World::connect`], with a test in the place of the device that dials: what `to` says waits for
    /// [`World::heard`], and `from` says what [`World::tell`] is given. Gives the exporter.
    pub(crate) fn connect_by_hand(&mut self, from: usize, to: usize) -> Hash {
        let wire = self.next;
        self.next += 1;
        let exporter = Hash::of(&[self.seed.to_be_bytes(), wire.to_be_bytes()].concat());
        let ids = [ConnectionId(wire * 2), ConnectionId(wire * 2 + 1)];
        self.wires.insert(wire, Wire { ends: [(from, ids[0]), (to, ids[1])], queues: Default::default() });
        let key = DeviceKey::from_seed(&seed_of(from)).public();
        let now = self.now;
        self.replica(to).connected(now, ids[1], key, exporter, false, format!("10.0.0.{from}:50000")).unwrap();
        self.commit(to);
        exporter
    }

    /// The exporter of a connection.
    pub(crate) fn exporter(&self, connection: ConnectionId) -> Hash {
        Hash::of(&[self.seed.to_be_bytes(), connection.0.div_euclid(2).to_be_bytes()].concat())
    }

    /// What is on its way, taken off it.
    pub(crate) fn heard(&mut self, from: usize, to: usize) -> Vec<Vec<u8>> {
        self.queue(from, to).map(|(wire, end)| wire.queues[end].drain(..).collect()).unwrap_or_default()
    }

    /// Gives a device bytes as if the other had sent them, without a commit.
    pub(crate) fn tell(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let Some((wire, end)) = self.queue(from, to) else { return };
        let connection = wire.ends[end].1;
        let now = self.now;
        self.replica(to).frame(now, connection, bytes).unwrap();
    }

    /// What a device is to reach since it was last asked.
    pub(crate) fn reaches(&mut self, device: usize) -> Vec<(ConnectionId, u16)> {
        std::mem::take(&mut self.devices[device].reaches)
    }

    /// Why a device ended its last connection that it ended.
    pub(crate) fn closed(&self, device: usize) -> Option<CloseReason> {
        self.devices[device].closed.last().copied()
    }

    fn cut_wire(&mut self, wire: u64, except: Option<usize>) {
        let Some(wire) = self.wires.remove(&wire) else { return };
        let now = self.now;
        for (device, connection) in wire.ends {
            if Some(device) != except {
                self.replica(device).disconnected(now, connection).unwrap();
                self.commit(device);
            }
        }
    }

    /// Cuts every connection between two devices; what was on its way is lost.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        let wires: Vec<u64> = self
            .wires
            .iter()
            .filter(|(_, wire)| {
                let ends = [wire.ends[0].0, wire.ends[1].0];
                ends == [a, b] || ends == [b, a]
            })
            .map(|(id, _)| *id)
            .collect();
        for wire in wires {
            self.cut_wire(wire, None);
        }
    }

    pub(crate) fn connected(&self, a: usize, b: usize) -> bool {
        self.wires.values().any(|wire| {
            let ends = [wire.ends[0].0, wire.ends[1].0];
            ends == [a, b] || ends == [b, a]
        })
    }

    /// The process dies: what was not committed is gone, and so are its connections.
    pub(crate) fn crash(&mut self, device: usize) {
        let wires: Vec<u64> = self
            .wires
            .iter()
            .filter(|(_, wire)| wire.ends.iter().any(|(end, _)| *end == device))
            .map(|(id, _)| *id)
            .collect();
        for wire in wires {
            self.cut_wire(wire, Some(device));
        }
        let (seed, store) = (self.devices[device].seed + 100, self.store(device));
        self.devices[device].said.clear();
        self.restore(device, seed, store);
    }

    /// What a device said and committed, in order.
    pub(crate) fn committed(&self, device: usize) -> &[String] {
        &self.devices[device].committed
    }

    /// A copy of what a device has on its disk.
    pub(crate) fn store(&mut self, device: usize) -> MemoryStore {
        let placeholder = MemoryStore::new(StoreId::new([0; 16]));
        let seed = self.devices[device].seed;
        let empty = Self::open(device, seed, placeholder, self.now);
        let mut store = std::mem::replace(&mut self.devices[device].replica, empty).into_store();
        store.rollback().unwrap();
        self.devices[device].replica = Self::open(device, seed, store.clone(), self.now);
        store
    }

    /// The device forgets how far it holds others' stores, as after a restored backup of just that; its
    /// connections end.
    pub(crate) fn forget_cursors(&mut self, device: usize) {
        self.crash(device);
        let (seed, mut store) = (self.devices[device].seed + 100, self.store(device));
        let names: Vec<_> = (0..self.devices.len()).collect();
        for other in names {
            let theirs = self.devices[other].replica.store_id();
            for room in store.rooms().unwrap() {
                for lane in Lane::ALL {
                    let cursor = Cursor { arrival: 1_000_000, anchor: None };
                    store.put_cursor(theirs, room, lane, cursor).unwrap();
                }
            }
        }
        store.commit().unwrap();
        self.restore(device, seed, store);
    }

    /// The device goes on with another database.
    pub(crate) fn restore(&mut self, device: usize, seed: u64, store: MemoryStore) {
        let now = self.now;
        self.devices[device].seed = seed;
        self.devices[device].replica = Self::open(device, seed, store, now);
    }

    /// The device goes on with an old copy of its database, and draws other random numbers than it did then.
    pub(crate) fn roll_back(&mut self, device: usize, store: MemoryStore) {
        self.next += 1;
        self.restore(device, self.seed.wrapping_mul(31).wrapping_add(self.next * 1_000_003), store);
    }

    /// Delivers one frame, from a queue that `pick` chooses; `false` when nothing is on its way.
    pub(crate) fn deliver_one(&mut self, pick: &mut impl FnMut(usize) -> usize) -> bool {
        let waiting: Vec<(u64, usize)> = self
            .wires
            .iter()
            .flat_map(|(id, wire)| [(*id, 0), (*id, 1)].map(|(id, end)| (id, end, wire.queues[end].len())))
            .filter(|(.., length)| *length > 0)
            .map(|(id, end, _)| (id, end))
            .collect();
        if waiting.is_empty() {
            return false;
        }
        let (id, end) = waiting[pick(waiting.len())];
        let wire = self.wires.get_mut(&id).unwrap();
        let bytes = wire.queues[end].pop_front().unwrap();
        let (device, connection) = wire.ends[end];
        let now = self.now;
        self.replica(device).frame(now, connection, &bytes).unwrap();
        true
    }

    /// Tells every device how much of what it sent is still on its way. Gives the most of any.
    pub(crate) fn tell_queued(&mut self) -> usize {
        let mut all = Vec::new();
        for wire in self.wires.values() {
            for (end, (device, connection)) in wire.ends.into_iter().enumerate() {
                all.push((device, connection, wire.queues[1 - end].iter().map(Vec::len).sum::<usize>()));
            }
        }
        for (device, connection, bytes) in &all {
            self.replica(*device).set_queued(*connection, *bytes);
        }
        all.iter().map(|(.., bytes)| *bytes).max().unwrap_or(0)
    }

    /// Puts a frame at the front of what is on its way.
    pub(crate) fn inject(&mut self, from: usize, to: usize, frame: &Frame) {
        if let Some((wire, end)) = self.queue(from, to) {
            wire.queues[end].push_front(frame.encode());
        }
        self.deliver_from(from, to);
    }

    fn queue(&mut self, from: usize, to: usize) -> Option<(&mut Wire, usize)> {
        self.wires.values_mut().find_map(|wire| match [wire.ends[0].0, wire.ends[1].0] {
            ends if ends == [from, to] => Some((wire, 1)),
            ends if ends == [to, from] => Some((wire, 0)),
            _ => None,
        })
    }

    fn deliver_from(&mut self, from: usize, to: usize) {
        let Some((wire, end)) = self.queue(from, to) else { return };
        let Some(bytes) = wire.queues[end].pop_front() else { return };
        let connection = wire.ends[end].1;
        let now = self.now;
        self.replica(to).frame(now, connection, &bytes).unwrap();
    }

    /// Does something to the bytes that are on their way.
    pub(crate) fn alter_frames(&mut self, from: usize, to: usize, mut alter: impl FnMut(&mut Vec<u8>)) {
        if let Some((wire, end)) = self.queue(from, to) {
            wire.queues[end].iter_mut().for_each(&mut alter);
        }
    }

    /// Delivers and commits until nothing more happens, timers included.
    pub(crate) fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..100_000 {
            if self.deliver_one(&mut |_| 0) {
                quiet = 0;
            } else {
                quiet += 1;
                self.advance(200);
            }
            for device in 0..self.devices.len() {
                self.commit(device);
            }
            if quiet > 12 {
                return;
            }
        }
        panic!("the devices never come to rest");
    }

    pub(crate) fn create_room(&mut self, device: usize, name: &str) -> RoomId {
        let now = self.now;
        let room = self.replica(device).create_room(now, name).unwrap();
        self.commit(device);
        room
    }

    pub(crate) fn listen(&mut self, device: usize) {
        let now = self.now;
        self.listening.insert(device);
        self.replica(device).set_addresses(now, &[format!("10.0.0.{device}:12345")]).unwrap();
        self.commit(device);
    }

    pub(crate) fn invite(&mut self, device: usize, room: RoomId) -> InviteLink {
        let now = self.now;
        let link = self.replica(device).invite(now, room, 60_000, 1).unwrap();
        self.commit(device);
        link
    }

    /// `joiner` joins through `host`, over a connection of its own if there is none.
    pub(crate) fn join(&mut self, joiner: usize, host: usize, link: &InviteLink) {
        let device = DeviceKey::from_seed(&seed_of(host)).public().device_id();
        let connection = match self.replica(joiner).connection(device) {
            Some(connection) => connection,
            None => self.connect(joiner, host),
        };
        self.settle();
        self.replica(joiner).join(connection, link).unwrap();
        self.commit(joiner);
        self.settle();
    }

    pub(crate) fn say(&mut self, device: usize, room: RoomId, text: &str) -> EntryId {
        let now = self.now;
        self.devices[device].said.push(text.to_owned());
        self.replica(device).send_message(now, room, text, None, None).unwrap()
    }

    /// As [`World::say`], if the device believes that it may.
    pub(crate) fn try_say(&mut self, device: usize, room: RoomId, text: &str) {
        let now = self.now;
        if self.replica(device).send_message(now, room, text, None, None).is_ok() {
            self.devices[device].said.push(text.to_owned());
        }
    }

    /// Every message of a room, paged from the newest to the oldest.
    pub(crate) fn messages(&mut self, device: usize, room: RoomId) -> Vec<Message> {
        let mut all: Vec<Message> = Vec::new();
        loop {
            let before = all.first().map(|message| message.id);
            let (mut page, more) = self.replica(device).messages(room, before, 7).unwrap();
            page.extend(all);
            all = page;
            if !more {
                return all;
            }
        }
    }

    pub(crate) fn texts(&mut self, device: usize, room: RoomId) -> Vec<String> {
        self.messages(device, room)
            .into_iter()
            .filter_map(|message| match message.shown {
                Shown::Text(text, _) => Some(text),
                _ => None,
            })
            .collect()
    }

    /// Everyone dials whom it wants to be connected to, for so many seconds.
    pub(crate) fn gather(&mut self, seconds: usize) {
        for _ in 0..seconds {
            for device in 0..self.devices.len() {
                if self.off.contains(&device) {
                    continue;
                }
                for target in self.replica(device).targets().to_vec() {
                    let host: usize = target.addresses[0].split([':', '.']).nth(3).unwrap().parse().unwrap();
                    let there = self.listening.contains(&host) && !self.off.contains(&host);
                    if !there || self.apart.contains(&(device, host)) {
                        let now = self.now;
                        self.replica(device).unreached(now, target.device);
                        self.commit(device);
                    } else if !self.connected(device, host) {
                        self.connect(device, host);
                    }
                }
            }
            while self.deliver_one(&mut |_| 0) {
                for device in 0..self.devices.len() {
                    self.commit(device);
                }
            }
            self.advance(1000);
            for device in 0..self.devices.len() {
                self.commit(device);
            }
        }
    }

    /// Switches a device off.
    pub(crate) fn switch_off(&mut self, device: usize) {
        self.off.insert(device);
        for other in 0..self.devices.len() {
            self.cut(device, other);
        }
    }

    /// With whom a device is connected.
    pub(crate) fn peers_of(&self, device: usize) -> Vec<usize> {
        (0..self.devices.len()).filter(|other| *other != device && self.connected(device, *other)).collect()
    }

    /// A room of alice's with the first `members` devices in it, all connected to alice.
    pub(crate) fn room_of(&mut self, members: usize) -> RoomId {
        self.listen(ALICE);
        let room = self.create_room(ALICE, "home");
        for member in 1..members {
            let link = self.invite(ALICE, room);
            self.join(member, ALICE, &link);
        }
        room
    }
}
