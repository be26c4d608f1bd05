//! Alice, bob and carol, and what they write.

use crate::entry::{Entry, Header, LogKey};
use crate::frame::Head;
use crate::id::{EntryId, Hash, LogId, RoomId, StoreId};
use crate::identity::DeviceKey;
use crate::kind::Kind;
use crate::record::{Record, RecordKey, RecordName};
use crate::store::{Arrival, NewEntry, Order, Store, Tip};

pub(super) const ALICE: u8 = 1;
pub(super) const BOB: u8 = 2;
pub(super) const CAROL: u8 = 3;

/// The key of an actor.
pub(super) fn key(actor: u8) -> DeviceKey {
    DeviceKey::from_seed(&[actor; 32])
}

/// A log as its author continues it; a clone is a fork.
#[derive(Clone, Debug)]
pub struct Chain {
    actor: u8,
    room: RoomId,
    log: LogId,
    tip: Option<Tip>,
    add: EntryId,
}

impl Chain {
    /// A creation entry, signed, and the log it begins.
    pub fn create(actor: u8, nonce: u8) -> (Entry, Self) {
        let log = LogId::new([nonce; 16]);
        let mut entry = entry(actor, None, log, None, Kind::Create, u64::from(nonce), None);
        entry.sign(&key(actor));
        let head = Head { log: LogKey { author: entry.header.author, log }, seq: 1, id: entry.id };
        let tip = Tip { head, timestamp_us: u64::from(nonce), add: entry.id };
        let chain = Self { actor, room: entry.room(), log, tip: Some(tip), add: entry.id };
        (entry, chain)
    }

    /// A log that has no entry yet.
    pub fn new(actor: u8, room: RoomId, log: u8) -> Self {
        Self { actor, room, log: LogId::new([log; 16]), tip: None, add: room.creation() }
    }

    /// Which log.
    pub fn key(&self) -> LogKey {
        LogKey { author: key(self.actor).public(), log: self.log }
    }

    /// The last entry's place.
    pub fn tip(&self) -> Option<Tip> {
        self.tip
    }

    /// The add that it is written under.
    pub fn add(&self) -> EntryId {
        self.add
    }

    /// Writes the next entry, still unsigned.
    pub fn write(&mut self, kind: Kind, timestamp_us: u64) -> Entry {
        let entry = entry(self.actor, Some(self.room), self.log, self.tip, kind, timestamp_us, Some(self.add));
        let head = Head { log: self.key(), seq: entry.header.seq, id: entry.id };
        self.tip = Some(Tip { head, timestamp_us, add: self.add });
        entry
    }

    /// Writes the next entry and signs it.
    pub fn sign(&mut self, kind: Kind, timestamp_us: u64) -> Entry {
        let mut entry = self.write(kind, timestamp_us);
        entry.sign(&key(self.actor));
        entry
    }

    /// Writes a signed entry, and stores it as shown at its own time.
    pub(super) fn put<S: Store>(&mut self, store: &mut S, kind: Kind, timestamp_us: u64) -> (Arrival, Entry) {
        let entry = self.sign(kind, timestamp_us);
        (put(store, &entry, timestamp_us, self.add), entry)
    }
}

fn entry(
    actor: u8,
    room: Option<RoomId>,
    log: LogId,
    tip: Option<Tip>,
    kind: Kind,
    timestamp_us: u64,
    add: Option<EntryId>,
) -> Entry {
    let seq = tip.map_or(1, |tip| tip.head.seq + 1);
    let body = format!("a salt of 16 byte, then entry {seq} of {actor} at {timestamp_us}").into_bytes();
    let header = Header {
        room,
        author: key(actor).public(),
        log,
        seq,
        previous: tip.map(|tip| tip.head.id),
        timestamp_us,
        kind: kind.number(),
        body_hash: Hash::of(&body),
        body_bytes: u32::try_from(body.len()).unwrap(),
        add: add.filter(|_| seq == 1),
    };
    Entry::write(header, body)
}

/// Stores an entry as shown at this time.
pub(super) fn put<S: Store>(store: &mut S, entry: &Entry, time_us: u64, add: EntryId) -> Arrival {
    store.put_entry(NewEntry { entry, order: order(entry, time_us), add }).unwrap()
}

/// The place of an entry that is shown at this time.
pub(super) fn order(entry: &Entry, time_us: u64) -> Order {
    Order { time_us, author: entry.header.author, seq: entry.header.seq, id: entry.id }
}

/// A record of an actor.
pub(super) fn record(actor: u8, room: RoomId, store: u8, name: u16, version: u64) -> Record {
    let device = key(actor);
    let key = RecordKey { room, author: device.public(), store: StoreId::new([store; 16]), name: RecordName(name) };
    Record::write(&device, key, version, format!("version {version}").into_bytes())
}
