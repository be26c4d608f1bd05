//! A few devices on one thread: the production state machine on stores in memory, and wires whose frames an input
//! delivers, alters and makes up.

use std::collections::{BTreeMap, VecDeque};

use lanline_protocol::clock::Time;
use lanline_protocol::frame::ReachOutcome;
use lanline_protocol::id::{Hash, RoomId, StoreId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::limits;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::replica::{Event, Output, Random, Replica};
use lanline_protocol::session::ConnectionId;
use lanline_protocol::view::Shown;

/// BLAKE3 in counter mode: the same seed, the same run.
struct Seeded(blake3::OutputReader);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// One device; without a replica its words are the input's.
struct Device {
    replica: Option<Replica<MemoryStore>>,
    /// How long a frame may be, by connection.
    limits: BTreeMap<ConnectionId, usize>,
    events: Vec<Event>,
}

/// A connection. Each end has a device and what is on its way to it.
struct Wire {
    ends: [(usize, ConnectionId); 2],
    queues: [VecDeque<Vec<u8>>; 2],
}

/// Devices and what connects them.
pub struct World {
    /// What all clocks say.
    pub now: Time,
    devices: Vec<Device>,
    wires: BTreeMap<u64, Wire>,
    next: u64,
}

/// The device's key.
pub fn key(device: usize) -> DeviceKey {
    DeviceKey::from_seed(&[device as u8 + 1; 32])
}

/// An empty store of the device's.
pub fn empty_store(device: usize) -> MemoryStore {
    MemoryStore::new(StoreId::new([device as u8 + 1; 16]))
}

/// When everything begins.
pub const BEGINNING: Time = Time { wall_us: 1_790_000_000_000_000, steady_ms: 0 };

impl World {
    /// Devices with these stores; who has none speaks by hand.
    pub fn new(now: Time, stores: impl IntoIterator<Item = Option<MemoryStore>>) -> Self {
        let open = |(index, store): (usize, Option<MemoryStore>)| {
            let seed = blake3::Hasher::new().update(&[index as u8]).update(&now.steady_ms.to_be_bytes()).finalize_xof();
            let open = |store| Replica::open(key(index), store, Box::new(Seeded(seed)), "fuzz", now).unwrap();
            Device { replica: store.map(open), limits: BTreeMap::new(), events: Vec::new() }
        };
        let devices = stores.into_iter().enumerate().map(open).collect();
        Self { now, devices, wires: BTreeMap::new(), next: 1 }
    }

    /// A device that has a replica.
    pub fn replica(&mut self, device: usize) -> &mut Replica<MemoryStore> {
        self.devices[device].replica.as_mut().unwrap()
    }

    /// What happened at a device since this was asked last.
    pub fn events(&mut self, device: usize) -> Vec<Event> {
        std::mem::take(&mut self.devices[device].events)
    }

    /// Lets time pass.
    pub fn advance(&mut self, ms: u64) {
        self.now.steady_ms += ms;
        self.now.wall_us += ms * 1000;
    }

    /// One device dials another. Gives the wire, whose ends are in this order.
    pub fn connect(&mut self, from: usize, to: usize) -> u64 {
        let wire = self.next;
        self.next += 1;
        let ends = [(from, ConnectionId(wire * 2)), (to, ConnectionId(wire * 2 + 1))];
        self.wires.insert(wire, Wire { ends, queues: Default::default() });
        let (exporter, now) = (exporter(wire), self.now);
        for ((device, connection), (other, _), dialled) in [(ends[0], ends[1], true), (ends[1], ends[0], false)] {
            self.devices[device].limits.insert(connection, limits::STRANGER_FRAME);
            if let Some(replica) = self.devices[device].replica.as_mut() {
                let address = format!("10.0.0.{other}:12345");
                replica.connected(now, connection, key(other).public(), exporter, dialled, address).unwrap();
            }
        }
        self.commit(from);
        self.commit(to);
        wire
    }

    /// The connection's name at one of its ends, while it is there.
    pub fn connection(&self, wire: u64, end: usize) -> Option<ConnectionId> {
        self.wires.get(&wire).map(|wire| wire.ends[end].1)
    }

    /// What is on its way to an end.
    pub fn queue(&mut self, wire: u64, end: usize) -> Option<&mut VecDeque<Vec<u8>>> {
        self.wires.get_mut(&wire).map(|wire| &mut wire.queues[end])
    }

    /// Ends a connection.
    pub fn cut(&mut self, wire: u64) {
        self.end(wire, None);
    }

    fn end(&mut self, id: u64, by: Option<usize>) {
        let Some(wire) = self.wires.remove(&id) else { return };
        let now = self.now;
        for (device, connection) in wire.ends {
            self.devices[device].limits.remove(&connection);
            if let Some(replica) = self.devices[device].replica.as_mut().filter(|_| by != Some(device)) {
                replica.disconnected(now, connection).unwrap();
                self.commit(device);
            }
        }
    }

    /// Gives an end bytes as if the other had sent them.
    pub fn tell(&mut self, id: u64, end: usize, bytes: &[u8]) {
        let Some(wire) = self.wires.get(&id) else { return };
        let (device, connection) = wire.ends[end];
        let now = self.now;
        let limit = self.devices[device].limits.get(&connection).copied().unwrap_or(limits::STRANGER_FRAME);
        let Some(replica) = self.devices[device].replica.as_mut() else { return };
        if bytes.len() > limit {
            return self.cut(id);
        }
        replica.frame(now, connection, bytes).unwrap();
    }

    /// Delivers the first frame on its way to an end; `false`: there is none.
    pub fn deliver(&mut self, wire: u64, end: usize) -> bool {
        let Some(bytes) = self.queue(wire, end).and_then(VecDeque::pop_front) else { return false };
        self.tell(wire, end, &bytes);
        true
    }

    /// Commits at a device and carries out what follows.
    pub fn commit(&mut self, device: usize) {
        let queued: Vec<(ConnectionId, usize)> = self
            .wires
            .values()
            .flat_map(|wire| {
                [0, 1].map(|end| (wire.ends[end], wire.queues[1 - end].iter().map(Vec::len).sum::<usize>()))
            })
            .filter_map(|((at, connection), bytes)| (at == device).then_some((connection, bytes)))
            .collect();
        let now = self.now;
        let Some(replica) = self.devices[device].replica.as_mut() else { return };
        for (connection, bytes) in queued {
            replica.set_queued(connection, bytes);
        }
        let mut reached = Vec::new();
        for output in replica.commit(now).unwrap() {
            match output {
                Output::Send(connection, bytes) => {
                    if let Some(wire) = self.wires.get_mut(&(connection.0 / 2)) {
                        wire.queues[1 - (connection.0 % 2) as usize].push_back(bytes);
                    }
                }
                Output::Limit(connection, limit) => {
                    self.devices[device].limits.insert(connection, limit.bytes());
                }
                Output::Close(connection, _) => self.end(connection.0 / 2, Some(device)),
                Output::Reach(connection, _) => reached.push(connection),
                Output::Event(event) => self.devices[device].events.push(event),
            }
        }
        let Some(replica) = self.devices[device].replica.as_mut() else { return };
        // No device has an address here; what is said of it goes out with the next commit.
        for connection in reached {
            replica.reached(now, connection, ReachOutcome::Silent);
        }
    }

    /// Delivers and commits until nothing more is said for two seconds.
    ///
    /// # Panics
    /// Where the devices never come to rest.
    pub fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..2_000 {
            let wires: Vec<u64> = self.wires.keys().copied().collect();
            let mut heard = false;
            for wire in wires {
                heard |= self.deliver(wire, 0) | self.deliver(wire, 1);
            }
            if !heard {
                quiet += 1;
                self.advance(400);
            } else {
                quiet = 0;
            }
            for device in 0..self.devices.len() {
                self.commit(device);
            }
            if quiet > 5 {
                return;
            }
        }
        panic!("the devices never come to rest");
    }

    /// The texts of a room as a device shows them, with their authors.
    pub fn texts(&mut self, device: usize, room: RoomId) -> Vec<(String, lanline_protocol::identity::DeviceId)> {
        let (messages, _) = self.replica(device).messages(room, None, 1_000).unwrap();
        let texts = messages.into_iter().filter_map(|message| match message.shown {
            Shown::Text(text, _) => Some((text, message.author)),
            _ => None,
        });
        texts.collect()
    }

    /// A room of the first device's, with the others in it.
    pub fn room(&mut self) -> RoomId {
        let now = self.now;
        for device in 0..self.devices.len() {
            self.replica(device).set_name(now, ["alice", "bob", "carol"][device]).unwrap();
            self.commit(device);
        }
        self.replica(0).set_addresses(now, &["10.0.0.0:12345".to_owned()]).unwrap();
        let room = self.replica(0).create_room(now, "home").unwrap();
        self.commit(0);
        for device in 1..self.devices.len() {
            let now = self.now;
            let link = self.replica(0).invite(now, room, limits::INVITE_TTL_MS, 1).unwrap();
            self.commit(0);
            let wire = self.connect(device, 0);
            self.settle();
            let connection = self.connection(wire, 0).unwrap();
            self.replica(device).join(connection, &link).unwrap();
            self.commit(device);
            self.settle();
            assert!(self.replica(device).members(room).is_ok());
        }
        room
    }

    /// What the devices have on their disks.
    pub fn into_stores(self) -> Vec<MemoryStore> {
        self.devices.into_iter().filter_map(|device| Some(device.replica?.into_store().crash())).collect()
    }
}

/// What both ends of a wire derive from it.
pub fn exporter(wire: u64) -> Hash {
    Hash::of(&wire.to_be_bytes())
}
