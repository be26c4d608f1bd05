//! What the protocol needs of a database: ordered reads, and writes that one commit makes durable at once.
//!
//! `protocol` decides everything; a store only keeps. Writes are seen by the reads that follow them and are
//! on disk when [`Store::commit`] has returned; [`Store::rollback`], or a crash, undoes all of them since the
//! last commit. A write that fails takes the others since the last commit with it: those that follow fail alike,
//! and the commit fails and undoes them. One conformance suite (the feature `conformance`) holds every
//! implementation to that.

use crate::entry::{Entry, LogKey};
use crate::frame::Head;
use crate::id::{EntryId, RoomId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::record::{Record, RecordKey};

/// A store's own number for what it stored: rises, is never reused, and is shared by entries and records of
/// all rooms. Where a record is replaced, the new one arrives anew and the old number is gone. Only a crash may
/// bring back numbers that were never committed.
pub type Arrival = u64;

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; nothing was committed, and reading goes on.
    #[error("the disk is full")]
    Full,
    /// The disk or the database failed; nothing after the last commit may be relied on.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// Where an entry is shown: by time, then author, number and id, all but the time the entry's own. A stored
/// entry's time and number are below [`crate::limits::NUMBER`]; bounds to compare with may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// Microseconds since the Unix epoch: the entry's own time, or, where that was too far ahead of this
    /// device's clock, when it arrived.
    pub time_us: u64,
    /// The author.
    pub author: PublicKey,
    /// The number in the log.
    pub seq: u64,
    /// The entry.
    pub id: EntryId,
}

/// An entry as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// When it came.
    pub arrival: Arrival,
    /// Where it is shown.
    pub order: Order,
    /// The entry; its body absent where it was erased or is missing.
    pub entry: Entry,
    /// Whether the body was erased on purpose, rather than missing.
    pub erased: bool,
}

/// What a page of a lane holds, in arrival order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all items are entries")]
pub enum Item {
    /// An entry.
    Entry(Stored),
    /// A record and its arrival.
    Record(Arrival, Record),
    /// An entry that was stored and cannot be read any more.
    Lost(Lost),
}

/// An entry that was stored, and whose words, or all of it, the disk has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// When it came.
    pub arrival: Arrival,
    /// Its room.
    pub room: RoomId,
    /// Its log.
    pub log: LogKey,
    /// Its number there.
    pub seq: u64,
    /// The entry: with this id the bytes that come from a member prove themselves.
    pub id: EntryId,
    /// Whether it carried its group's signature.
    pub ends_group: bool,
}

impl Item {
    /// When it came.
    pub fn arrival(&self) -> Arrival {
        match self {
            Self::Entry(stored) => stored.arrival,
            Self::Record(arrival, _) => *arrival,
            Self::Lost(lost) => lost.arrival,
        }
    }
}

/// A log's tip, with what is needed to continue it without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tip {
    /// Number and id.
    pub head: Head,
    /// The tip's own time.
    pub timestamp_us: u64,
    /// The add that the log is written under; for the creator's first log, the creation entry.
    pub add: EntryId,
}

/// How far this device holds what another store holds of a room and lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The other store's arrival.
    pub arrival: Arrival,
    /// The last entry there, at or before that arrival.
    pub anchor: Option<EntryId>,
}

/// A device this one has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its key.
    pub key: PublicKey,
    /// What it called itself last.
    pub name: String,
    /// Where it was last reached by dialling, as `ip:port`.
    pub address: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub first_seen_at: u64,
    /// Milliseconds since the Unix epoch.
    pub last_seen_at: u64,
}

/// An entry to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// The entry; its room and lane say where it belongs.
    pub entry: &'a Entry,
    /// Where it is shown.
    pub order: Order,
    /// The add that its log is written under.
    pub add: EntryId,
}

/// A device's database. See the module's documentation for what its transaction means.
#[expect(clippy::missing_errors_doc, reason = "every call fails with StoreError when the disk or the database does")]
pub trait Store {
    /// This store's id.
    fn store_id(&self) -> StoreId;

    /// Rooms whose creation entry is held, in order.
    fn rooms(&self) -> Result<Vec<RoomId>, StoreError>;

    /// The tips of all logs of a room and lane, in order of (log, seq, id): entries without a successor.
    fn tips(&self, room: RoomId, lane: Lane) -> Result<Vec<Tip>, StoreError>;

    /// What came after an arrival, in arrival order: at least one item if there is any, then until `items`
    /// or `bytes` (of [`Entry::size`] and [`Record::size`]) is reached, then on to the next item that is a
    /// record or a signed entry, so that no group is cut. Records belong to the content lane.
    fn page(
        &self,
        room: RoomId,
        lane: Lane,
        after: Arrival,
        items: usize,
        bytes: usize,
    ) -> Result<Vec<Item>, StoreError>;

    /// The last entry of a room and lane at or before an arrival.
    fn anchor(&self, room: RoomId, lane: Lane, at: Arrival) -> Result<Option<(Arrival, EntryId)>, StoreError>;

    /// The newest arrival of a room and lane, records included in the content lane; 0 if there is none.
    fn newest(&self, room: RoomId, lane: Lane) -> Result<Arrival, StoreError>;

    /// An entry by its id.
    fn entry(&self, id: EntryId) -> Result<Option<Stored>, StoreError>;

    /// The entries of a log with this number: one, or one a branch, by id.
    fn at(&self, room: RoomId, log: LogKey, seq: u64) -> Result<Vec<Stored>, StoreError>;

    /// Entries of one kind (by number), in order of arrival.
    fn of_kind(&self, room: RoomId, kind: u16) -> Result<Vec<Stored>, StoreError>;

    /// What is shown of a room before a place (or at its end), the newest first: entries whose kind, by
    /// number, is in none of the `hidden`.
    fn timeline(
        &self,
        room: RoomId,
        before: Option<Order>,
        hidden: &[u16],
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError>;

    /// How many entries of one kind a log holds after a number and up to another, which counts; at most `limit`.
    fn count(
        &self,
        room: RoomId,
        log: LogKey,
        kind: u16,
        after: u64,
        upto: u64,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// The lowest number of a log, beyond another, that is shown after a place; `None` if all of it stands before.
    fn first_after(&self, room: RoomId, log: LogKey, beyond: u64, at: Order) -> Result<Option<u64>, StoreError>;

    /// Logs with entries in the content lane that are lost, in whole or in part, each with the lowest number.
    fn missing(&self, room: RoomId) -> Result<Vec<(LogKey, u64)>, StoreError>;

    /// Entries in the content lane that are lost, in whole or in part, in order of arrival.
    fn lost(&self, room: RoomId, limit: usize) -> Result<Vec<Lost>, StoreError>;

    /// Whether an entry was stored, lost since or not, and if so whether it carried its group's signature.
    fn knows(&self, id: EntryId) -> Result<Option<bool>, StoreError>;

    /// Entries that reading found damaged since this was asked last, and that are not known as lost yet. What is damaged
    /// is never given as if it were whole: its words are absent, or [`Item::Lost`] stands in a page in its place, and
    /// every other reading leaves it out.
    fn damaged(&mut self) -> Vec<Lost>;

    /// Records of a room beyond a key of it, or from the first, in order of their keys; at most `limit`.
    fn records(&self, room: RoomId, after: Option<RecordKey>, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// One record.
    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError>;

    /// The cursor into another store.
    fn cursor(&self, store: StoreId, room: RoomId, lane: Lane) -> Result<Option<Cursor>, StoreError>;

    /// How far each device holds what this store holds.
    fn acks(&self, room: RoomId, lane: Lane) -> Result<Vec<(DeviceId, Arrival)>, StoreError>;

    /// The entry that was sent under a client's id.
    fn sent(&self, room: RoomId, client_id: &str) -> Result<Option<EntryId>, StoreError>;

    /// Devices met, in order of their keys.
    fn devices(&self) -> Result<Vec<Device>, StoreError>;

    /// A small local value by name.
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Stores an entry that is not held yet and whose predecessor is, and moves its log's tip.
    fn put_entry(&mut self, entry: NewEntry<'_>) -> Result<Arrival, StoreError>;

    /// Notes that an entry is lost, so that it is named by [`Store::missing`] and [`Store::lost`] from now on.
    fn put_lost(&mut self, lost: &Lost) -> Result<(), StoreError>;

    /// Stores an entry again that is lost, in its old place. From then on [`Store::damaged`] does not name it.
    fn put_again(&mut self, entry: &Entry) -> Result<(), StoreError>;

    /// Stores a record in the place of the one with its key.
    fn put_record(&mut self, record: &Record) -> Result<Arrival, StoreError>;

    /// Stores the cursor into another store.
    fn put_cursor(&mut self, store: StoreId, room: RoomId, lane: Lane, cursor: Cursor) -> Result<(), StoreError>;

    /// Stores how far a device holds what this store holds.
    fn put_ack(&mut self, device: DeviceId, room: RoomId, lane: Lane, arrival: Arrival) -> Result<(), StoreError>;

    /// Remembers the entry that was sent under a client's id.
    fn put_sent(&mut self, room: RoomId, client_id: &str, id: EntryId) -> Result<(), StoreError>;

    /// Stores a device.
    fn put_device(&mut self, device: &Device) -> Result<(), StoreError>;

    /// Forgets a device.
    ///
    /// # Errors
    /// [`StoreError`]
    fn forget_device(&mut self, key: &PublicKey) -> Result<(), StoreError>;

    /// Stores a small local value, or forgets it.
    fn put_value(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError>;

    /// Gives this store another id, and forgets every ack: its arrivals mean nothing to others any more.
    fn renew(&mut self, id: StoreId) -> Result<(), StoreError>;

    /// Leaves out so many arrivals: what is stored from now on is numbered beyond them. Nothing is written for it.
    fn skip(&mut self, arrivals: u64);

    /// Makes everything since the last commit durable, or, where it fails, undoes it as [`Store::rollback`] does.
    /// Without a write since: nothing to do.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Undoes everything since the last commit, except that arrivals which were given are not given again.
    fn rollback(&mut self) -> Result<(), StoreError>;
}
