//! Frames: what two devices say to each other on one connection.
//!
//! Each is a CBOR array of a type and a map with numbered fields. The connection layer answers
//! [`Frame::Ping`] and [`Frame::Goodbye`] itself; the rest is the session's. Types that are not known are
//! skipped, fields that are not known too.
//!
//! A room is named by its tag once and from then on by a slot that the sender of the name chose: slots in a
//! frame are those of the frame's sender, but for [`Unknown`], which answers a name and so repeats the peer's.

mod comparing;
mod pairing;
mod reaching;

use minicbor::{Decode, Decoder, Encode, Encoder};

pub use comparing::{Compare, CompareAnswer, CompareEnd, CompareEndReason, CompareReveal};
pub use pairing::{Admission, Pair, PairAnswer, PairProof, PairRefusal, Paired};
pub use reaching::{Reach, ReachOutcome, Reached};

use crate::body::name_fits;
use crate::cbor::{self, CborError};
use crate::entry::{LogKey, WireEntry};
use crate::id::{EntryId, Hash, RoomId, StoreId};
use crate::identity::{DeviceId, Signature};
use crate::kind::Lane;
use crate::limits;
use crate::record::WireRecord;

impl<C> Encode<C> for Lane {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u8(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Lane {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_number(d.u8()?).ok_or_else(|| minicbor::decode::Error::message("unknown lane"))
    }
}

/// Ends a connection on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Goodbye {
    /// Why, in one word of lower-case letters and underscores.
    #[n(0)]
    pub reason: String,
}

/// The first frame each way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// The sender's store; the cursors that follow are into it and into the other's.
    #[n(0)]
    pub store: StoreId,
    /// The device's name, as it calls itself.
    #[n(1)]
    pub name: String,
    /// The program and its version, for people; nothing depends on it.
    #[n(2)]
    pub agent: String,
}

/// A room the sender believes both belong to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Tag {
    /// The sender's name for it on this connection.
    #[n(0)]
    pub slot: u32,
    /// [`room_tag`] of the sender.
    #[n(1)]
    pub tag: Hash,
}

/// Names rooms.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Open {
    /// At most [`limits::OPEN_TAGS`].
    #[n(0)]
    pub rooms: Vec<Tag>,
}

/// Answers a tag that the receiver does not recognise, or of a room where it does not believe the sender a
/// member: the two cannot be told apart.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Unknown {
    /// As the other named it.
    #[n(0)]
    pub slot: u32,
}

/// How far the sender holds what the receiver's store holds of a room and lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Resume {
    /// The room.
    #[n(0)]
    pub slot: u32,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// The arrival reached in the receiver's store; 0 with no anchor: nothing yet.
    #[n(2)]
    pub arrival: u64,
    /// The last entry of this room and lane at or before that arrival.
    #[n(3)]
    pub anchor: Option<EntryId>,
}

/// Asks for heads, since a cursor or a digest did not match.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WantHeads {
    /// The room, by the slot of the frame's sender.
    #[n(0)]
    pub slot: u32,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
}

/// The tip of a log, or of one branch of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// The log.
    #[n(0)]
    pub log: LogKey,
    /// The tip's number.
    #[n(1)]
    pub seq: u64,
    /// The tip.
    #[n(2)]
    pub id: EntryId,
}

/// A page of the sender's heads, in order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Heads {
    /// The room.
    #[n(0)]
    pub slot: u32,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// At most [`limits::HEADS_PAGE`].
    #[n(2)]
    pub heads: Vec<Head>,
    /// Whether this page ends them.
    #[n(3)]
    pub last: bool,
}

/// Entries and records, in the sender's arrival order; groups whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Batch {
    /// The room.
    #[n(0)]
    pub slot: u32,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// Entries.
    #[n(2)]
    pub entries: Vec<WireEntry>,
    /// Records; in the content lane only.
    #[n(3)]
    pub records: Vec<WireRecord>,
    /// The arrival in the sender's store that this batch reaches, what it skipped included. Absent where a
    /// one-sided believer pushes the membership lane outside of any cursor.
    #[n(4)]
    pub upto: Option<u64>,
    /// The last entry of this room and lane at or before `upto`.
    #[n(5)]
    pub anchor: Option<EntryId>,
    /// Whether the sender holds no more of this lane now.
    #[n(6)]
    pub end: bool,
}

/// Everything up to this arrival in the receiver's store is on the sender's disk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ack {
    /// The room, by the slot of the frame's sender.
    #[n(0)]
    pub slot: u32,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// The arrival.
    #[n(2)]
    pub upto: u64,
    /// Whether something of the receiver's own was refused on the way there, so that what it said is not all held.
    #[n(3)]
    pub partial: Option<bool>,
}

/// Asks for entries that the sender's disk has lost.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WantEntries {
    /// The room, by the slot of the frame's sender.
    #[n(0)]
    pub slot: u32,
    /// Entries of the content lane, at most [`limits::WANT_ENTRIES`].
    #[n(1)]
    pub ids: Vec<EntryId>,
}

/// Answers [`WantEntries`]: those of them that the sender holds, each for itself, whatever its group.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entries {
    /// The room.
    #[n(0)]
    pub slot: u32,
    /// Entries with their bodies.
    #[n(1)]
    pub entries: Vec<WireEntry>,
    /// Whether this frame ends the answer.
    #[n(2)]
    pub last: bool,
}

/// What the sender holds, when it believes both hold the same.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Digest {
    /// The room.
    #[n(0)]
    pub slot: u32,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// BLAKE3 over the sorted heads, and over the versions of records in the content lane.
    #[n(2)]
    pub digest: Hash,
}

/// Asks to be added to a room.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Join {
    /// [`room_tag`] of the joiner.
    #[n(0)]
    pub tag: Hash,
    /// Of [`crate::link::JoinClaim`], by the invite's key.
    #[n(1)]
    pub signature: Signature,
    /// The invite's public key.
    #[n(2)]
    pub invite: crate::identity::PublicKey,
    /// The joiner's name.
    #[n(3)]
    pub name: String,
}

/// Why a join was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such room here, no such invite, or a claim that does not hold.
    Unknown,
    /// The invite's time is over.
    Expired,
    /// The invite was used as often as it may be.
    Used,
    /// This device cannot add anyone now; also a reason that a newer version gives and this one does not know.
    Unavailable,
}

impl<C> Encode<C> for Refusal {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let number = match self {
            Self::Unknown => 0,
            Self::Expired => 1,
            Self::Used => 2,
            Self::Unavailable => 3,
        };
        e.u16(number)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Refusal {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(match d.u16()? {
            0 => Self::Unknown,
            1 => Self::Expired,
            2 => Self::Used,
            _ => Self::Unavailable,
        })
    }
}

/// Answers a [`Join`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Joined {
    /// The tag that was asked for.
    #[n(0)]
    pub tag: Hash,
    /// Absent where the joiner was added, or was a member already: the room follows.
    #[n(1)]
    pub refusal: Option<Refusal>,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the type it holds")]
pub enum Frame {
    Goodbye(Goodbye),
    /// Says that the sender is alive; asks for a pong. An empty map.
    Ping,
    /// Answers a ping. An empty map.
    Pong,
    Hello(Hello),
    Open(Open),
    Unknown(Unknown),
    Resume(Resume),
    WantHeads(WantHeads),
    Heads(Heads),
    Batch(Batch),
    Ack(Ack),
    Digest(Digest),
    Join(Join),
    Joined(Joined),
    WantEntries(WantEntries),
    Entries(Entries),
    Pair(Pair),
    PairAnswer(PairAnswer),
    PairProof(PairProof),
    Paired(Paired),
    Compare(Compare),
    CompareAnswer(CompareAnswer),
    CompareReveal(CompareReveal),
    CompareEnd(CompareEnd),
    Reach(Reach),
    Reached(Reached),
    /// A type of a newer version.
    Other(u16),
}

/// How a room is named on a connection: so that who does not know it learns nothing, and no name is good
/// twice. BLAKE3 keyed derivation over room, TLS exporter and the sender of the name.
pub fn room_tag(room: RoomId, exporter: &Hash, sender: DeviceId) -> Hash {
    let material = [room.as_bytes().as_slice(), exporter.as_bytes(), sender.as_bytes()].concat();
    Hash::new(blake3::derive_key("lanline/1 2026 room tag", &material))
}

impl Frame {
    /// The type of [`Frame::Batch`].
    pub(crate) const BATCH: u8 = 10;

    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        fn frame<T: Encode<()>>(number: u8, body: &T) -> Vec<u8> {
            let mut bytes = vec![0x82];
            bytes.extend(cbor::encode(&number));
            bytes.extend(cbor::encode(body));
            bytes
        }
        match self {
            Self::Goodbye(body) => frame(1, body),
            Self::Ping => vec![0x82, 2, 0xa0],
            Self::Pong => vec![0x82, 3, 0xa0],
            Self::Hello(body) => frame(4, body),
            Self::Open(body) => frame(5, body),
            Self::Unknown(body) => frame(6, body),
            Self::Resume(body) => frame(7, body),
            Self::WantHeads(body) => frame(8, body),
            Self::Heads(body) => frame(9, body),
            Self::Batch(body) => frame(Self::BATCH, body),
            Self::Ack(body) => frame(11, body),
            Self::Digest(body) => frame(12, body),
            Self::Join(body) => frame(13, body),
            Self::Joined(body) => frame(14, body),
            Self::WantEntries(body) => frame(15, body),
            Self::Entries(body) => frame(16, body),
            Self::Pair(body) => frame(17, body),
            Self::PairAnswer(body) => frame(18, body),
            Self::PairProof(body) => frame(19, body),
            Self::Paired(body) => frame(20, body),
            Self::Compare(body) => frame(21, body),
            Self::CompareAnswer(body) => frame(22, body),
            Self::CompareReveal(body) => frame(23, body),
            Self::CompareEnd(body) => frame(24, body),
            Self::Reach(body) => frame(25, body),
            Self::Reached(body) => frame(26, body),
            Self::Other(_) => Vec::new(),
        }
    }

    /// Decodes one and holds every collection to its limit.
    ///
    /// # Errors
    /// [`CborError`]
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        cbor::check(bytes)?;
        let unexpected = |error: minicbor::decode::Error| CborError::Unexpected(error.to_string());
        let mut decoder = Decoder::new(bytes);
        if decoder.array().map_err(unexpected)? != Some(2) {
            return Err(CborError::Unexpected("a frame is a pair".into()));
        }
        let number = decoder.u16().map_err(unexpected)?;
        let body = bytes.get(decoder.position()..).unwrap_or_default();
        let frame = match number {
            1 => Self::Goodbye(cbor::decode_checked(body)?),
            2 => Self::Ping,
            3 => Self::Pong,
            4 => Self::Hello(cbor::decode_checked(body)?),
            5 => Self::Open(cbor::decode_checked(body)?),
            6 => Self::Unknown(cbor::decode_checked(body)?),
            7 => Self::Resume(cbor::decode_checked(body)?),
            8 => Self::WantHeads(cbor::decode_checked(body)?),
            9 => Self::Heads(cbor::decode_checked(body)?),
            10 => Self::Batch(cbor::decode_checked(body)?),
            11 => Self::Ack(cbor::decode_checked(body)?),
            12 => Self::Digest(cbor::decode_checked(body)?),
            13 => Self::Join(cbor::decode_checked(body)?),
            14 => Self::Joined(cbor::decode_checked(body)?),
            15 => Self::WantEntries(cbor::decode_checked(body)?),
            16 => Self::Entries(cbor::decode_checked(body)?),
            17 => Self::Pair(cbor::decode_checked(body)?),
            18 => Self::PairAnswer(cbor::decode_checked(body)?),
            19 => Self::PairProof(cbor::decode_checked(body)?),
            20 => Self::Paired(cbor::decode_checked(body)?),
            21 => Self::Compare(cbor::decode_checked(body)?),
            22 => Self::CompareAnswer(cbor::decode_checked(body)?),
            23 => Self::CompareReveal(cbor::decode_checked(body)?),
            24 => Self::CompareEnd(cbor::decode_checked(body)?),
            25 => Self::Reach(cbor::decode_checked(body)?),
            26 => Self::Reached(cbor::decode_checked(body)?),
            other => Self::Other(other),
        };
        if frame.bounded() { Ok(frame) } else { Err(CborError::Unexpected("over a limit".into())) }
    }

    fn bounded(&self) -> bool {
        match self {
            Self::Hello(hello) => name_fits(&hello.name) && name_fits(&hello.agent),
            Self::Open(open) => open.rooms.len() <= limits::OPEN_TAGS,
            Self::Heads(heads) => heads.heads.len() <= limits::HEADS_PAGE,
            Self::Join(join) => name_fits(&join.name),
            Self::Resume(resume) => resume.arrival <= limits::NUMBER,
            Self::Batch(batch) => batch.upto.is_none_or(|upto| upto <= limits::NUMBER),
            Self::Ack(ack) => ack.upto <= limits::NUMBER,
            Self::WantEntries(want) => want.ids.len() <= limits::WANT_ENTRIES,
            Self::Entries(answer) => answer.entries.len() <= limits::WANT_ENTRIES,
            Self::Pair(pair) => pair.message.len() <= limits::PAIRING_BYTES,
            Self::PairAnswer(answer) => answer.message.len() <= limits::PAIRING_BYTES,
            Self::Paired(paired) => paired.admission.is_some() != paired.refusal.is_some(),
            Self::Reach(reach) => reach.port != 0,
            Self::Reached(reached) => {
                let clock = reached.clock.is_none_or(|clock| clock <= limits::NUMBER);
                reached.port != 0 && reached.address.len() <= limits::ADDRESS_BYTES && clock
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
