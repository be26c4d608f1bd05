//! Entries: the signed unit, its header, and the groups that one signature covers.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::body::Body;
use crate::cbor;
use crate::id::{EntryId, Hash, LogId, RoomId};
use crate::identity::{Context, DeviceKey, PublicKey, Signature};
use crate::kind::{Kind, Lane};
use crate::limits;

/// One log: one author's entries in one room from one store, in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(map)]
pub struct LogKey {
    /// Who writes it.
    #[n(0)]
    pub author: PublicKey,
    /// Which of the author's logs.
    #[n(1)]
    pub log: LogId,
}

/// What is kept of an entry for ever. Encoded once by its author as a CBOR map; the entry's id is BLAKE3 of
/// those bytes, which are kept and passed on as they are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// The room; absent in the creation entry, whose id is the room's.
    #[n(0)]
    pub room: Option<RoomId>,
    /// The author.
    #[n(1)]
    pub author: PublicKey,
    /// The author's log.
    #[n(2)]
    pub log: LogId,
    /// Its number in the log, from 1 without gaps.
    #[n(3)]
    pub seq: u64,
    /// The entry before it in the log; absent in the first.
    #[n(4)]
    pub previous: Option<EntryId>,
    /// Hybrid logical clock, in microseconds since the Unix epoch; rises within a log.
    #[n(5)]
    pub timestamp_us: u64,
    /// [`Kind`] by number.
    #[n(6)]
    pub kind: u16,
    /// Hash of the body, its salt included.
    #[n(7)]
    pub body_hash: Hash,
    /// Length of the body in bytes.
    #[n(8)]
    pub body_bytes: u32,
    /// The add that the author writes under; in the first entry of a log only.
    #[n(9)]
    pub add: Option<EntryId>,
}

impl Header {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.kind)
    }

    /// Its lane.
    pub fn lane(&self) -> Lane {
        self.kind().lane()
    }

    /// Its log.
    pub fn log_key(&self) -> LogKey {
        LogKey { author: self.author, log: self.log }
    }
}

/// Why an entry is not taken, whatever the state of the room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not deterministic CBOR, or not a header.
    #[error("malformed header: {0}")]
    Header(#[from] cbor::CborError),
    /// A header or body over its limit.
    #[error("entry too large")]
    TooLarge,
    /// Fields that contradict each other: a first entry with a predecessor, and the like.
    #[error("contradictory header")]
    Contradictory,
    /// A body that is not the one the header names.
    #[error("body does not match its header")]
    BodyMismatch,
}

/// An entry as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// BLAKE3 of `header_bytes`.
    pub id: EntryId,
    /// The decoded header.
    pub header: Header,
    /// The header as its author encoded it.
    pub header_bytes: Vec<u8>,
    /// The body, where it is held.
    pub body: Option<Vec<u8>>,
    /// The author's signature over the id, on the last entry of a group.
    pub signature: Option<Signature>,
}

/// An entry on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WireEntry {
    /// The header's bytes, at least as many as the shortest header has.
    #[cbor(n(0), decode_with = "long_enough")]
    pub header: ByteVec,
    /// The body; absent when erased, or missing at the sender.
    #[n(1)]
    pub body: Option<ByteVec>,
    /// On the last entry of a group.
    #[n(2)]
    pub signature: Option<Signature>,
}

/// What cannot be a header is refused before an entry is made of it: a frame of nothing but the beginnings of entries
/// would take forty times its own length.
fn long_enough<C>(d: &mut minicbor::Decoder<'_>, _: &mut C) -> Result<ByteVec, minicbor::decode::Error> {
    let position = d.position();
    let header = d.bytes()?;
    if header.len() < limits::SHORTEST_HEADER {
        return Err(minicbor::decode::Error::message("too short for a header").at(position));
    }
    Ok(header.to_vec().into())
}

impl Entry {
    /// An entry of one's own, still without its group's signature.
    pub fn write(header: Header, body: Vec<u8>) -> Self {
        let header_bytes = cbor::encode(&header);
        let id = EntryId::new(*Hash::of(&header_bytes).as_bytes());
        Self { id, header, header_bytes, body: Some(body), signature: None }
    }

    /// Takes an entry from a peer: everything that can be checked without the room and its group's signature.
    ///
    /// # Errors
    /// [`EntryError`]
    pub fn read(wire: WireEntry) -> Result<Self, EntryError> {
        let entry = Self::from_parts(wire.header.into(), wire.body.map(Into::into), wire.signature)?;
        if entry.header.log.lane() == entry.header.lane() { Ok(entry) } else { Err(EntryError::Contradictory) }
    }

    /// As [`Entry::read`], from the parts a store keeps. Detects a damaged row by its hash.
    ///
    /// # Errors
    /// [`EntryError`]
    pub fn from_parts(
        header_bytes: Vec<u8>,
        body: Option<Vec<u8>>,
        signature: Option<Signature>,
    ) -> Result<Self, EntryError> {
        if header_bytes.len() > limits::HEADER_BYTES {
            return Err(EntryError::TooLarge);
        }
        let header: Header = cbor::decode(&header_bytes)?;
        if header.body_bytes as usize > limits::BODY_BYTES {
            return Err(EntryError::TooLarge);
        }
        let first = header.seq == 1;
        let creation = header.kind() == Kind::Create;
        let consistent = (1..=limits::NUMBER).contains(&header.seq)
            && header.timestamp_us <= limits::NUMBER
            && header.kind > 0
            && header.previous.is_none() == first
            && header.room.is_none() == creation
            && (!creation || first)
            && header.add.is_some() == (first && !creation);
        if !consistent {
            return Err(EntryError::Contradictory);
        }
        if let Some(body) = &body
            && (body.len() != header.body_bytes as usize || Hash::of(body) != header.body_hash)
        {
            return Err(EntryError::BodyMismatch);
        }
        let id = EntryId::new(*Hash::of(&header_bytes).as_bytes());
        Ok(Self { id, header, header_bytes, body, signature })
    }

    /// The room it belongs to; a creation entry's is its own id.
    pub fn room(&self) -> RoomId {
        self.header.room.unwrap_or(RoomId::of_creation(self.id))
    }

    /// Signs the group that ends with this entry.
    pub fn sign(&mut self, key: &DeviceKey) {
        self.signature = Some(key.sign(Context::Entry, self.id.as_bytes()));
    }

    /// Whether its signature, if it has one, is its author's.
    pub fn signature_holds(&self) -> bool {
        let author = &self.header.author;
        self.signature.is_none_or(|signature| author.verify(Context::Entry, self.id.as_bytes(), &signature))
    }

    /// What it says; [`Body::Unknown`] where the body is not held.
    pub fn decode_body(&self) -> Body {
        self.body.as_deref().map_or(Body::Unknown, |body| Body::decode(self.header.kind(), body))
    }

    /// As it goes over the wire.
    pub fn to_wire(&self) -> WireEntry {
        WireEntry {
            header: self.header_bytes.clone().into(),
            body: self.body.clone().map(Into::into),
            signature: self.signature,
        }
    }

    /// Appends what [`Entry::to_wire`] is encoded to, without copying it first.
    pub(crate) fn write_to(&self, bytes: &mut Vec<u8>) {
        // Writing to a `Vec` cannot fail.
        let _ = self.encode_to(&mut minicbor::Encoder::new(bytes));
    }

    fn encode_to(
        &self,
        e: &mut minicbor::Encoder<&mut Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
        e.map(1 + u64::from(self.body.is_some()) + u64::from(self.signature.is_some()))?;
        e.u8(0)?.bytes(&self.header_bytes)?;
        if let Some(body) = &self.body {
            e.u8(1)?.bytes(body)?;
        }
        if let Some(signature) = &self.signature {
            e.u8(2)?.bytes(signature.as_bytes())?;
        }
        Ok(())
    }

    /// Bytes it takes in a frame, about.
    pub fn size(&self) -> usize {
        self.header_bytes.len() + self.body.as_ref().map_or(0, Vec::len) + limits::ENTRY_BYTES
    }
}
