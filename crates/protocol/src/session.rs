//! What one connection is at: who is there, which rooms are shared, and how far each side is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::clock::Time;
use crate::comparing::Comparing;
use crate::entry::LogKey;
use crate::evidence::Evidence;
use crate::frame::{Frame, Head, Hello, room_tag};
use crate::id::{EntryId, Hash, RoomId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::pairing::{Attempt, Guest, Proving};
use crate::record::RecordKey;
use crate::room::{PerLane, Room};
use crate::store::Arrival;

/// A connection, as the engine numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Largest frame this device takes from a peer, by what it knows of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrameLimit {
    /// [`crate::limits::STRANGER_FRAME`].
    Stranger,
    /// [`crate::limits::CONTROL_FRAME`].
    Control,
    /// [`crate::limits::DATA_FRAME`].
    Data,
}

impl FrameLimit {
    /// The limit in bytes, without the length that precedes the frame.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Stranger => crate::limits::STRANGER_FRAME,
            Self::Control => crate::limits::CONTROL_FRAME,
            Self::Data => crate::limits::DATA_FRAME,
        }
    }
}

/// One lane of one shared room: what flows out, and what comes in.
#[derive(Debug, Default)]
pub(crate) struct LaneState {
    /// Whether the peer said where it stands, heads that follow or not.
    pub(crate) stands: bool,
    /// Whether it is known where the peer stands, and sending may go on.
    pub(crate) flowing: bool,
    /// The arrival in this store that was sent, or skipped.
    pub(crate) sent: Arrival,
    /// The last entry at or before `sent`.
    pub(crate) anchor: Option<EntryId>,
    /// The arrival that the peer acknowledged.
    pub(crate) acked: Arrival,
    /// Batches sent and not acknowledged: arrival reached, bytes.
    pub(crate) in_flight: VecDeque<(Arrival, usize)>,
    /// Numbers up to which the peer is known to hold a log.
    pub(crate) have: BTreeMap<LogKey, u64>,
    /// Logs of which something that the peer lacks cannot be sent, because its words are lost here, each with the lowest
    /// number of that.
    pub(crate) gaps: BTreeMap<LogKey, u64>,
    /// Whether all records are to be sent once, outside of arrival order.
    pub(crate) records_due: bool,
    /// Whether the peer was told that it has all there is.
    pub(crate) said_end: bool,
    /// Since when the peer was not told of arrivals that were skipped, in steady milliseconds.
    pub(crate) skipped_since_ms: Option<u64>,
    /// Whether this device said where it stands.
    pub(crate) resumed: bool,
    /// Whether the peer said that this device has all it holds.
    pub(crate) their_end: bool,
    /// Whether something of the peer's own was refused, since both were known to hold the same: an ack reaches all that
    /// came before, so that none speaks of it.
    pub(crate) refused: bool,
    /// Whether what the peer acknowledges says nothing, until it has told its heads: something was withheld from it.
    pub(crate) unsure: bool,
    /// The arrival that the peer is to acknowledge before its cursors are believed again.
    pub(crate) recheck_until: Option<Arrival>,
    /// The cursor into the peer's store.
    pub(crate) cursor: crate::store::Cursor,
    /// Heads that are being told, page by page.
    pub(crate) heads_in: Vec<Head>,
    /// Whether those are complete, and wait for what is on its way to be acknowledged.
    pub(crate) heads_told: bool,
    /// When digests were last compared, and what was held then on both sides.
    pub(crate) digest_at: Option<(u64, Arrival, Arrival)>,
}

impl LaneState {
    /// Notes that of a log nothing can be sent from a number on.
    pub(crate) fn note_gap(&mut self, log: LogKey, first: u64) {
        let known = self.gaps.entry(log).or_insert(first);
        *known = (*known).min(first);
    }
}

/// One room on one connection.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// This device's name for it, once it was named.
    pub(crate) my_slot: Option<u32>,
    /// The peer's name for it.
    pub(crate) their_slot: Option<u32>,
    /// Whether the membership lane was pushed to a peer that does not believe.
    pub(crate) pushed: bool,
    /// Lost entries that the peer is being asked for, and those it was asked for and did not give.
    pub(crate) asking: BTreeSet<EntryId>,
    pub(crate) lacks: BTreeSet<EntryId>,
    /// When it was asked last.
    pub(crate) asked_ms: u64,
    pub(crate) lanes: PerLane<LaneState>,
}

impl Shared {
    pub(crate) fn open(&self) -> bool {
        self.my_slot.is_some() && self.their_slot.is_some()
    }
}

/// What a peer is told in frames that nothing acknowledges, as many as it takes.
#[derive(Debug)]
pub(crate) enum Telling {
    /// The heads of a lane, as they were when it was begun.
    Heads { room: RoomId, slot: u32, lane: Lane, heads: Vec<Head>, told: usize },
    /// All records of members, by their keys; those after this one.
    Records { room: RoomId, slot: u32, after: Option<RecordKey> },
    /// Entries that the peer lost.
    Entries { room: RoomId, slot: u32, ids: Vec<EntryId> },
    /// Who belongs, after one arrival and as far as the peer may know; and what this device wrote up to its leaving.
    Membership { room: RoomId, slot: u32, after: Arrival, evidence: Evidence, leave: Arrival },
}

/// A join that this device asked for.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) room: RoomId,
    pub(crate) tag: Hash,
    /// What it asked with.
    /// What it asked with; nothing, where it asked by a code.
    pub(crate) frame: Option<Frame>,
}

/// How far meeting by a code is.
pub(crate) enum Pairing {
    /// The peer shows a code, this device began.
    Guest(Box<Guest>),
    /// This device has proved that it was told the code, and the peer is to prove that it showed it.
    Proving(Proving),
    /// This device shows a code, the peer began.
    Host(Attempt),
}

pub(crate) struct Session {
    pub(crate) peer: PublicKey,
    pub(crate) device: DeviceId,
    pub(crate) exporter: Hash,
    pub(crate) dialled: bool,
    pub(crate) address: String,
    pub(crate) hello: Option<Hello>,
    pub(crate) limit: FrameLimit,
    /// Boxed: the map reserves room for eleven.
    pub(crate) shared: BTreeMap<RoomId, Box<Shared>>,
    pub(crate) their_slots: BTreeMap<u32, RoomId>,
    pub(crate) next_slot: u32,
    /// Rooms whose membership lane the peer was sent since one of the two is no member any more, each with the arrival
    /// up to which, and the newest that was held then.
    pub(crate) told: BTreeMap<RoomId, (Arrival, Arrival)>,
    /// A former member whose entries the peer still takes for good, so that it believes in whom that one added.
    pub(crate) believes: BTreeMap<RoomId, PublicKey>,
    pub(crate) joining: Vec<Joining>,
    pub(crate) join_attempts: u32,
    /// How often the peer began to meet by which of this device's codes.
    pub(crate) pairs: (u64, u32),
    /// Boxed: most connections have none.
    pub(crate) pairing: Option<Box<Pairing>>,
    pub(crate) comparing: Option<Box<Comparing>>,
    /// The port at which the peer asked to be reached, while that is tried.
    pub(crate) reaching: Option<u16>,
    /// The port at which the peer was asked to reach this device.
    pub(crate) asked_to_be_reached: Option<u16>,
    /// Bytes sent and not acknowledged, over all rooms.
    pub(crate) in_flight: usize,
    /// What is told beside, in order.
    pub(crate) tellings: VecDeque<Telling>,
    /// Bytes that wait to be taken by the network, where the caller says how many.
    pub(crate) queued: Option<usize>,
    /// Whether the connection ends once all is told, no room being shared any more.
    pub(crate) ending: bool,
    /// Acks to be sent once what they speak of is committed, each with whether something of the peer's own is not held.
    pub(crate) acks: BTreeMap<(RoomId, Lane), (Arrival, bool)>,
    /// Tags by which this peer may name rooms, with the rooms known when they were made.
    tags: BTreeMap<Hash, RoomId>,
    tagged: BTreeSet<RoomId>,
    /// Whether the peer did not know a room, and none was opened since.
    pub(crate) estranged: bool,
    /// When it began, in steady milliseconds.
    pub(crate) since_ms: u64,
    /// When the last room stopped being shared; a stranger from then on.
    pub(crate) stranger_since_ms: u64,
}

impl Session {
    pub(crate) fn new(peer: PublicKey, exporter: Hash, dialled: bool, address: String, now: Time) -> Self {
        Self {
            peer,
            device: peer.device_id(),
            exporter,
            dialled,
            address,
            hello: None,
            limit: FrameLimit::Stranger,
            shared: BTreeMap::new(),
            their_slots: BTreeMap::new(),
            next_slot: 0,
            told: BTreeMap::new(),
            believes: BTreeMap::new(),
            joining: Vec::new(),
            join_attempts: 0,
            pairs: (0, 0),
            pairing: None,
            comparing: None,
            reaching: None,
            asked_to_be_reached: None,
            in_flight: 0,
            tellings: VecDeque::new(),
            queued: None,
            ending: false,
            acks: BTreeMap::new(),
            tags: BTreeMap::new(),
            tagged: BTreeSet::new(),
            estranged: false,
            since_ms: now.steady_ms,
            stranger_since_ms: now.steady_ms,
        }
    }

    /// The room that the peer means by a tag, among those this device holds or joins.
    pub(crate) fn room_of_tag<'a>(&mut self, tag: &Hash, rooms: impl Iterator<Item = &'a RoomId>) -> Option<RoomId> {
        let joining = self.joining.iter().map(|joining| &joining.room).copied().collect::<Vec<_>>();
        for room in rooms.copied().chain(joining) {
            if self.tagged.insert(room) {
                self.tags.insert(room_tag(room, &self.exporter, self.device), room);
            }
        }
        self.tags.get(tag).copied()
    }

    /// A peer names rooms when it comes, and seldom later: until then a connection keeps no name of every room.
    pub(crate) fn forget_tags(&mut self) {
        // A stranger's are kept, so that it cannot have them worked out again and again.
        if !self.tagged.is_empty() && self.shares_a_room() {
            self.tags = BTreeMap::new();
            self.tagged = BTreeSet::new();
        }
    }

    /// Forgets where the two are with a room; what was on its way of it holds nothing back any more, and what came is
    /// acknowledged by no slot of later.
    pub(crate) fn unshare(&mut self, room: RoomId) -> Option<Box<Shared>> {
        let gone = self.shared.remove(&room)?;
        self.acks.retain(|(of, _), _| *of != room);
        for lane in Lane::ALL {
            let bytes: usize = gone.lanes.get(lane).in_flight.iter().map(|(_, bytes)| bytes).sum();
            self.in_flight = self.in_flight.saturating_sub(bytes);
        }
        // Who belongs is told all the same: it may be why the room is shared no more.
        self.tellings.retain(|telling| match telling {
            Telling::Heads { room: of, .. } | Telling::Records { room: of, .. } | Telling::Entries { room: of, .. } => {
                *of != room
            }
            Telling::Membership { .. } => true,
        });
        Some(gone)
    }

    /// Whether both sides opened a room, so that the peer is no stranger.
    pub(crate) fn shares_a_room(&self) -> bool {
        self.shared.values().any(|shared| shared.open())
    }

    /// Whether as much waits to be taken by the network as may.
    pub(crate) fn is_full(&self) -> bool {
        self.queued.is_some_and(|bytes| bytes >= crate::limits::QUEUE_BYTES)
    }

    /// Whether the peer was told all that there is about a room in which one of the two is no member any more.
    pub(crate) fn is_told(&self, room: &Room) -> bool {
        let newest = room.newest.get(Lane::Membership);
        self.told.get(&room.id).is_some_and(|(_, at)| at == newest)
    }

    pub(crate) fn is_joining(&self, room: RoomId) -> bool {
        self.joining.iter().any(|joining| joining.room == room)
    }
}
