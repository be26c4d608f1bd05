//! A device: its disk, the production replica on it while it runs, and what waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lanline_protocol::clock::Time;
use lanline_protocol::id::{Hash, RoomId, StoreId};
use lanline_protocol::identity::{DeviceId, DeviceKey, PublicKey};
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::replica::Replica;
use lanline_protocol::session::ConnectionId;
use lanline_protocol::store::StoreError;

use crate::dialer::Dialer;
use crate::dice::{Dice, Entropy};
use crate::disk::{Disk, Fault};
use crate::liar::Liar;

/// The wall clock when a simulation begins, in microseconds since the Unix epoch: September 2026.
const BEGIN_US: i64 = 1_790_000_000_000_000;

/// What waits for the device's next burst.
#[derive(Debug)]
pub(crate) enum Input {
    Frame(ConnectionId, Vec<u8>),
    Opened {
        connection: ConnectionId,
        link: u64,
        end: usize,
        peer: PublicKey,
        exporter: Hash,
        dialled: bool,
        address: String,
    },
    Closed(ConnectionId, &'static str),
    Command(Command),
    /// A device that was dialled and not reached.
    Unreached(DeviceId),
    /// It is on another network.
    Moved,
    Drained,
}

/// What a person asks of the device.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Name(String),
    Create,
    /// By its place among all that was said.
    Say(usize),
    /// As far as so many messages before the last.
    MarkRead(RoomId, usize),
    Invite {
        room: RoomId,
        ttl_ms: u64,
        uses: u32,
    },
    /// By the link's place among all links.
    Join {
        connection: ConnectionId,
        link: usize,
    },
    CancelJoin {
        connection: ConnectionId,
        room: RoomId,
    },
    Remove(RoomId, usize),
    Leave(RoomId),
    HandOver(RoomId, usize),
    /// To make a device the owner, or else to remove it.
    Vote(RoomId, usize, bool),
    Listen(Vec<String>),
    /// To be connected to a device, or to be left alone by it.
    StayWith(usize),
    PartWith(usize),
}

pub(crate) struct Device {
    pub(crate) index: usize,
    pub(crate) key_seed: [u8; 32],
    pub(crate) public: PublicKey,
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    /// While it runs.
    pub(crate) machine: Option<Replica<Disk>>,
    /// While it does not.
    pub(crate) shelf: Option<MemoryStore>,
    /// Older copies of its disk.
    pub(crate) backups: Vec<MemoryStore>,
    /// What is wrong with its disk, whether it runs or not.
    pub(crate) fault: Fault,
    pub(crate) boots: u64,
    booted_us: u64,
    pub(crate) wall_offset_us: i64,
    pub(crate) inbox: VecDeque<Input>,
    pub(crate) work_at: Option<u64>,
    pub(crate) wake_at: Option<u64>,
    /// When an idle second passed without anything to do, the next is waited for longer.
    pub(crate) idle: u32,
    pub(crate) connections: BTreeMap<ConnectionId, (u64, usize)>,
    pub(crate) limits: BTreeMap<ConnectionId, usize>,
    pub(crate) dialer: Dialer,
    /// As of which look of the replica the dialer knows whom to dial.
    pub(crate) looked: Option<u64>,
    /// Devices that its person asked for, and those that one of the two asked to be left alone.
    pub(crate) asked: BTreeSet<DeviceId>,
    pub(crate) held: BTreeSet<DeviceId>,
    /// Whether the replica is still to be told of these two.
    pub(crate) wishes_changed: bool,
    /// While its disk is full: when writing is tried again.
    pub(crate) refusing_until: Option<u64>,
    /// Frozen as a whole.
    pub(crate) asleep_until: u64,
    pub(crate) listens: bool,
    pub(crate) address: String,
    /// How long its disk takes over a commit.
    pub(crate) commit_us: u64,
    /// Links it is trying, with the connection once there is one.
    pub(crate) joining: Option<Joining>,
    /// What its person said and has no answer to, and how often it was tried again.
    pub(crate) unanswered: Vec<(usize, u32)>,
    pub(crate) liar: Option<Liar>,
}

/// A join that a person waits for.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) link: usize,
    pub(crate) host: DeviceId,
    pub(crate) asked: Option<ConnectionId>,
    pub(crate) until_us: u64,
}

impl Device {
    pub(crate) fn new(seed: u64, index: usize, dice: &mut Dice) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"device").update(&seed.to_be_bytes()).update(&(index as u64).to_be_bytes());
        let hash = *hasher.finalize().as_bytes();
        let public = DeviceKey::from_seed(&hash).public();
        let mut store = [0; 16];
        store.copy_from_slice(&hash[..16]);
        Self {
            index,
            key_seed: hash,
            public,
            id: public.device_id(),
            name: format!("device {index}"),
            machine: None,
            shelf: Some(MemoryStore::new(StoreId::new(store))),
            backups: Vec::new(),
            fault: Fault::None,
            boots: 0,
            booted_us: 0,
            wall_offset_us: i64::try_from(dice.below(2_000_000)).unwrap_or(0) - 1_000_000,
            inbox: VecDeque::new(),
            work_at: None,
            wake_at: None,
            idle: 0,
            connections: BTreeMap::new(),
            limits: BTreeMap::new(),
            dialer: Dialer::default(),
            looked: None,
            asked: BTreeSet::new(),
            held: BTreeSet::new(),
            wishes_changed: false,
            refusing_until: None,
            asleep_until: 0,
            listens: index == 0,
            address: format!("10.0.0.{index}:12345"),
            commit_us: 3000,
            joining: None,
            unanswered: Vec::new(),
            liar: None,
        }
    }

    pub(crate) fn time(&self, now_us: u64) -> Time {
        let wall = BEGIN_US + i64::try_from(now_us).unwrap_or(0) + self.wall_offset_us;
        Time { wall_us: u64::try_from(wall).unwrap_or(0), steady_ms: now_us.saturating_sub(self.booted_us) / 1000 }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.machine.is_some()
    }

    /// Its disk as it is now, on or off.
    pub(crate) fn disk(&self) -> Option<&MemoryStore> {
        self.shelf.as_ref().or(self.machine.as_ref().map(|machine| machine.store().held()))
    }

    /// Starts on what lies on the shelf.
    pub(crate) fn boot(&mut self, seed: u64, now_us: u64) -> Result<(), StoreError> {
        let Some(store) = self.shelf.take() else { return Ok(()) };
        self.boots += 1;
        self.booted_us = now_us.saturating_sub(self.boots * 1_000_003 % 7_000_000);
        self.refusing_until = None;
        self.asleep_until = 0;
        let mut replica = self.open(seed, now_us, Disk::new(store))?;
        replica.store_mut().set_fault(self.fault);
        self.machine = Some(replica);
        Ok(())
    }

    pub(crate) fn open(&self, seed: u64, now_us: u64, disk: Disk) -> Result<Replica<Disk>, StoreError> {
        let key = DeviceKey::from_seed(&self.key_seed);
        let entropy = Box::new(Entropy::new(seed, self.index, self.boots));
        Replica::open(key, disk, entropy, "simulator", self.time(now_us))
    }

    /// Leaves another device alone from now on.
    pub(crate) fn hold(&mut self, other: DeviceId) {
        self.wishes_changed |= self.held.insert(other) | self.asked.remove(&other);
    }

    /// Where it can be reached, as it tells others.
    pub(crate) fn addresses(&self) -> Vec<String> {
        if self.listens { vec![self.address.clone()] } else { Vec::new() }
    }
}
