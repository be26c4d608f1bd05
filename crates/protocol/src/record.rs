//! Records: signed values that a later one replaces. Receipts, addresses and counts.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::cbor;
use crate::entry::LogKey;
use crate::id::{RoomId, ShortId, StoreId};
use crate::identity::{Context, DeviceKey, PublicKey, Signature};
use crate::limits;

/// What a record is about. Unknown names are kept and passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName(pub u16);

impl RecordName {
    /// [`Receipts`].
    pub const RECEIPTS: Self = Self(1);
    /// [`Addresses`].
    pub const ADDRESSES: Self = Self(2);
    /// [`Counts`].
    pub const COUNTS: Self = Self(3);
}

/// Which value a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The room it is told in.
    pub room: RoomId,
    /// The device it is of.
    pub author: PublicKey,
    /// The store it was written by.
    pub store: StoreId,
    /// What it is about.
    pub name: RecordName,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Content {
    #[n(0)]
    room: RoomId,
    #[n(1)]
    author: PublicKey,
    #[n(2)]
    store: StoreId,
    #[n(3)]
    name: u16,
    #[n(4)]
    version: u64,
    #[n(5)]
    value: ByteVec,
}

/// A record on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WireRecord {
    /// What is signed: a CBOR map of room, author, store, name, version and value.
    #[n(0)]
    pub content: ByteVec,
    /// The author's, under [`Context::Record`].
    #[n(1)]
    pub signature: Signature,
}

/// A record as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which value.
    pub key: RecordKey,
    /// The higher replaces the lower; of two that are equal, the one whose bytes are greater.
    pub version: u64,
    /// CBOR by name.
    pub value: Vec<u8>,
    /// What was signed, as its author encoded it.
    pub content: Vec<u8>,
    /// By the author.
    pub signature: Signature,
}

/// Why a record is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not deterministic CBOR, or not a record.
    #[error("malformed record: {0}")]
    Malformed(#[from] cbor::CborError),
    /// Over its limit.
    #[error("record too large")]
    TooLarge,
    /// Not signed by its author.
    #[error("record not signed by its author")]
    BadSignature,
}

impl Record {
    /// Writes one of one's own.
    pub fn write(device: &DeviceKey, key: RecordKey, version: u64, value: Vec<u8>) -> Self {
        let content = cbor::encode(&Content {
            room: key.room,
            author: key.author,
            store: key.store,
            name: key.name.0,
            version,
            value: value.clone().into(),
        });
        let signature = device.sign(Context::Record, &content);
        Self { key, version, value, content, signature }
    }

    /// Takes one from a peer, or from a store.
    ///
    /// # Errors
    /// [`RecordError`]
    pub fn read(wire: WireRecord) -> Result<Self, RecordError> {
        if wire.content.len() > limits::RECORD_BYTES + 256 {
            return Err(RecordError::TooLarge);
        }
        let content: Content = cbor::decode(&wire.content)?;
        if content.value.len() > limits::RECORD_BYTES || content.version > limits::NUMBER {
            return Err(RecordError::TooLarge);
        }
        if !content.author.verify(Context::Record, &wire.content, &wire.signature) {
            return Err(RecordError::BadSignature);
        }
        Ok(Self {
            key: RecordKey {
                room: content.room,
                author: content.author,
                store: content.store,
                name: RecordName(content.name),
            },
            version: content.version,
            value: content.value.into(),
            content: wire.content.into(),
            signature: wire.signature,
        })
    }

    /// As it goes over the wire.
    pub fn to_wire(&self) -> WireRecord {
        WireRecord { content: self.content.clone().into(), signature: self.signature }
    }

    /// Whether this one replaces the other.
    pub fn replaces(&self, other: &Self) -> bool {
        (self.version, &self.content) > (other.version, &other.content)
    }

    /// Bytes it takes in a frame, about.
    pub fn size(&self) -> usize {
        self.content.len() + 80
    }
}

/// An entry up to which a device holds a log, and how much of that its person has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Mark {
    /// Its number.
    #[n(0)]
    pub seq: u64,
    /// Its id: it and every entry before it is on the device's disk, with its body.
    #[n(1)]
    pub id: ShortId,
    /// Of these, every message up to this number was read.
    #[n(2)]
    pub read: u64,
}

/// How far a device holds, and its person has read, one log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Watermark {
    /// The log.
    #[n(0)]
    pub log: LogKey,
    /// One, or one a branch where the log forked; at most [`limits::BRANCHES`].
    #[n(1)]
    pub marks: Vec<Mark>,
}

/// What a device holds and its person has read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipts {
    /// By log, in order, content logs of others only.
    #[n(0)]
    pub logs: Vec<Watermark>,
}

impl Receipts {
    /// Reads a record's value, bounded and in order.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let mut this: Self = cbor::decode(value).ok()?;
        this.logs.iter_mut().for_each(|log| log.marks.truncate(limits::BRANCHES));
        // Each mark is looked up: of a log that is named twice, the first.
        this.logs.sort_by_key(|log| log.log);
        this.logs.dedup_by_key(|log| log.log);
        Some(this)
    }
}

/// So many members hold a log at least up to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Step {
    /// The number.
    #[n(0)]
    pub upto: u64,
    /// How many members, the log's author not among them.
    #[n(1)]
    pub members: u64,
}

/// How many members hold one log, or what its branches have in common.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Count {
    /// The log.
    #[n(0)]
    pub log: LogKey,
    /// From the highest number, with the fewest members, to the lowest; at most [`limits::COUNT_STEPS`].
    #[n(1)]
    pub steps: Vec<Step>,
    /// An entry that all of them stand before, or are.
    #[n(2)]
    pub seq: u64,
    /// Its id.
    #[n(3)]
    pub id: ShortId,
}

/// How many members hold what, by what they acknowledged to the member that tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Counts {
    /// By log, in order, content logs only; at most [`limits::COUNTED_LOGS`].
    #[n(0)]
    pub logs: Vec<Count>,
}

impl Counts {
    /// Reads a record's value, bounded and in order.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let mut this: Self = cbor::decode(value).ok()?;
        this.logs.truncate(limits::COUNTED_LOGS);
        this.logs.iter_mut().for_each(|count| count.steps.truncate(limits::COUNT_STEPS));
        this.logs.sort_unstable_by_key(|count| count.log);
        Some(this)
    }
}

/// Where a device listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Addresses {
    /// As `ip:port`, best first; at most [`limits::ADDRESSES`], each at most [`limits::ADDRESS_BYTES`].
    #[n(0)]
    pub addresses: Vec<String>,
}

impl Addresses {
    /// Reads a record's value, bounded.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let mut this: Self = cbor::decode(value).ok()?;
        this.addresses.retain(|address| address.len() <= limits::ADDRESS_BYTES);
        this.addresses.truncate(limits::ADDRESSES);
        Some(this)
    }
}
