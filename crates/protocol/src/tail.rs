//! What is sent of a lane: read, judged and encoded once for all who are at the same place, as everyone is who follows
//! a room that somebody speaks in. Otherwise each message would be read and encoded as often as a room has members.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use minicbor::Encoder;

use crate::cbor;
use crate::entry::{Entry, LogKey};
use crate::frame::Batch;
use crate::id::{EntryId, RoomId};
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::limits;
use crate::planted::{self, Bug};
use crate::record::Record;
use crate::room::Room;
use crate::store::{Arrival, Item, Lost, Store, StoreError};

/// What is passed on whole or not at all.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Entries up to a signed one.
    Group(Group),
    /// An entry that the disk has lost, or the end of a group of which it has lost one: nothing to send.
    Lost {
        /// Its arrival.
        arrival: Arrival,
        /// Its log.
        log: LogKey,
        /// The number that its group begins with, as far as that is known.
        first: u64,
        /// The entry.
        id: EntryId,
        /// Whether it counts.
        counts: bool,
    },
    /// A record.
    Record {
        /// Its arrival.
        arrival: Arrival,
        /// Whose it is.
        author: PublicKey,
        /// Whether its author is a member.
        counts: bool,
        /// As in [`Record::size`](crate::record::Record::size).
        size: usize,
        /// As it stands in a batch.
        wire: Vec<u8>,
    },
}

/// Entries up to a signed one.
#[derive(Debug)]
pub(crate) struct Group {
    /// The arrival of the last.
    pub(crate) arrival: Arrival,
    /// Their log.
    pub(crate) log: LogKey,
    /// The first one's number.
    pub(crate) first: u64,
    /// The last one's number and id.
    pub(crate) last: (u64, EntryId),
    /// How many they are.
    pub(crate) entries: usize,
    /// Whether every word of them is held.
    pub(crate) whole: bool,
    /// Whether their log forked, so that a number does not say which branch is held.
    pub(crate) forked: bool,
    /// Whether they count.
    pub(crate) counts: bool,
    /// The sum of [`Entry::size`].
    pub(crate) size: usize,
    held: Vec<Entry>,
    /// As they stand in a batch, one after the other, once somebody is sent them.
    wire: OnceLock<Vec<u8>>,
}

impl Group {
    fn new(room: &Room, entries: Vec<Entry>, arrival: Arrival) -> Option<Self> {
        let (first, last) = (entries.first()?, entries.last()?);
        let log = last.header.log_key();
        Some(Self {
            arrival,
            log,
            first: first.header.seq,
            last: (last.header.seq, last.id),
            entries: entries.len(),
            whole: entries.iter().all(|entry| entry.body.is_some()),
            forked: room.logs.get(last.header.lane()).get(&log).is_some_and(|log| log.tips.len() > 1),
            // A cut may fall within a group; what of it counts proves itself only with the rest.
            counts: first.header.lane() == Lane::Membership || room.counts(&first.header, first.id),
            size: entries.iter().map(Entry::size).sum(),
            held: entries,
            wire: OnceLock::new(),
        })
    }

    fn wire(&self) -> &[u8] {
        self.wire.get_or_init(|| {
            let mut wire = Vec::with_capacity(self.size);
            for entry in &self.held {
                entry.write_to(&mut wire);
            }
            wire
        })
    }
}

impl Piece {
    pub(crate) fn arrival(&self) -> Arrival {
        match self {
            Self::Group(group) => group.arrival,
            Self::Record { arrival, .. } | Self::Lost { arrival, .. } => *arrival,
        }
    }

    fn bytes(&self) -> usize {
        let wire = match self {
            // As held, and as sent.
            Self::Group(group) => 2 * group.size,
            Self::Record { wire, .. } => wire.len(),
            Self::Lost { .. } => 0,
        };
        wire + size_of::<Self>()
    }
}

/// A record, to be sent.
fn record(room: &Room, arrival: Arrival, record: &Record) -> Piece {
    Piece::Record {
        arrival,
        author: record.key.author,
        counts: room.is_member(&record.key.author),
        size: record.size(),
        wire: cbor::encode(&record.to_wire()),
    }
}

/// The pieces of a page of the store.
fn pieces(room: &Room, items: Vec<Item>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    // What its group begins with, and whether that lost something.
    let (mut begins, mut broken) = (None, false);
    // As a group, it counts by its first.
    let lost = |arrival, log, id, (first, begins)| {
        let counts = room.counts_at(Lane::Content, log, (first, begins));
        Piece::Lost { arrival, log, first, id, counts }
    };
    for item in items {
        match item {
            Item::Lost(Lost { arrival, log, seq, id, ends_group, .. }) => {
                pieces.push(lost(arrival, log, id, *begins.get_or_insert((seq, id))));
                broken = !ends_group;
                if ends_group {
                    entries.clear();
                    begins = None;
                }
            }
            Item::Record(arrival, found) => pieces.push(record(room, arrival, &found)),
            Item::Entry(stored) => {
                let (entry, arrival) = (stored.entry, stored.arrival);
                let (log, id, signed) = (entry.header.log_key(), entry.id, entry.signature.is_some());
                let first = *begins.get_or_insert((entry.header.seq, id));
                entries.push(entry);
                if signed {
                    begins = None;
                    let entries = std::mem::take(&mut entries);
                    if std::mem::take(&mut broken) {
                        pieces.push(lost(arrival, log, id, first));
                    } else {
                        pieces.extend(Group::new(room, entries, arrival).map(Piece::Group));
                    }
                }
            }
        }
    }
    pieces
}

/// What was stored of a room's content since the last commit: whoever is in step is sent it without its being read.
#[derive(Debug)]
struct Fresh {
    /// All that came after this arrival is here.
    after: Arrival,
    items: Vec<New>,
}

#[derive(Debug)]
enum New {
    /// A group, or the end of one, and the arrival of its last entry.
    Group(Vec<Entry>, Arrival),
    Record(Record, Arrival),
}

impl Fresh {
    /// Cut into pages as [`Store::page`] cuts them, each with the arrival it comes after.
    fn pages(self, room: &Room) -> Vec<(Arrival, Vec<Piece>)> {
        let (mut pages, mut page, mut after) = (Vec::new(), Vec::new(), self.after);
        let (mut count, mut bytes) = (0, 0);
        for new in self.items {
            let (piece, entries, size) = match new {
                New::Record(found, arrival) => (Some(record(room, arrival, &found)), 1, found.size()),
                New::Group(entries, arrival) => {
                    let (count, group) = (entries.len(), Group::new(room, entries, arrival));
                    let size = group.as_ref().map_or(0, |group| group.size);
                    (group.map(Piece::Group), count, size)
                }
            };
            page.extend(piece);
            (count, bytes) = (count + entries, bytes + size);
            if count >= limits::BATCH_ITEMS || bytes >= limits::BATCH_BYTES {
                let next = page.last().map_or(after, Piece::arrival);
                pages.push((std::mem::replace(&mut after, next), std::mem::take(&mut page)));
                (count, bytes) = (0, 0);
            }
        }
        if !page.is_empty() {
            pages.push((after, page));
        }
        pages
    }
}

/// A page by its place.
#[derive(Debug)]
struct Page {
    room: RoomId,
    lane: Lane,
    after: Arrival,
    bytes: usize,
    pieces: Arc<Vec<Piece>>,
}

/// The pages read since something was written, the last ones of them, and those that were written.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pages: VecDeque<Page>,
    bytes: usize,
    fresh: BTreeMap<RoomId, Fresh>,
}

impl Tail {
    /// What came after an arrival, as [`Store::page`] gives it.
    pub(crate) fn page<S: Store>(
        &mut self,
        store: &S,
        room: &Room,
        lane: Lane,
        after: Arrival,
    ) -> Result<Arc<Vec<Piece>>, StoreError> {
        let known = self.pages.iter().find(|page| page.after == after && page.lane == lane && page.room == room.id);
        if let Some(page) = known {
            return Ok(Arc::clone(&page.pieces));
        }
        let mut items = store.page(room.id, lane, after, limits::BATCH_ITEMS, limits::BATCH_BYTES)?;
        if planted::is(Bug::GroupSplit) {
            items.truncate(limits::GROUP_ENTRIES / 2);
        }
        let pieces = Arc::new(pieces(room, items));
        self.keep(room.id, lane, after, &pieces);
        Ok(pieces)
    }

    fn keep(&mut self, room: RoomId, lane: Lane, after: Arrival, pieces: &Arc<Vec<Piece>>) {
        let bytes = pieces.iter().map(Piece::bytes).sum();
        self.bytes += bytes;
        self.pages.push_back(Page { room, lane, after, bytes, pieces: Arc::clone(pieces) });
        while self.bytes > limits::TAIL_BYTES
            && let Some(oldest) = self.pages.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
    }

    /// Entries of the content lane were stored, up to a signed one, of which the last arrived then; `after`: the newest
    /// arrival of the lane before them.
    pub(crate) fn add_group(&mut self, room: RoomId, after: Arrival, entries: Vec<Entry>, arrival: Arrival) {
        self.fresh_of(room, after).items.push(New::Group(entries, arrival));
    }

    /// As [`Self::add_group`], a record, in the place of the one with its key.
    pub(crate) fn add_record(&mut self, room: RoomId, after: Arrival, record: Record, arrival: Arrival) {
        let items = &mut self.fresh_of(room, after).items;
        items.retain(|new| !matches!(new, New::Record(before, _) if before.key == record.key));
        items.push(New::Record(record, arrival));
    }

    fn fresh_of(&mut self, room: RoomId, after: Arrival) -> &mut Fresh {
        self.fresh.entry(room).or_insert_with(|| Fresh { after, items: Vec::new() })
    }

    /// Something was written: what was read may be read otherwise now, and what was added is in the store.
    pub(crate) fn written(&mut self, rooms: &BTreeMap<RoomId, Room>) {
        let fresh = std::mem::take(self).fresh;
        if planted::is(Bug::GroupSplit) {
            return;
        }
        for (id, fresh) in fresh {
            let pages = rooms.get(&id).map(|room| fresh.pages(room)).unwrap_or_default();
            for (after, pieces) in pages {
                self.keep(id, Lane::Content, after, &Arc::new(pieces));
            }
        }
    }
}

/// What of a page is sent to one peer, under way to a frame.
#[derive(Debug, Default)]
pub(crate) struct Picked<'a> {
    entries: u64,
    entries_wire: Vec<&'a [u8]>,
    records_wire: Vec<&'a [u8]>,
    /// As [`Entry::size`] and [`Record::size`](crate::record::Record::size) count it.
    pub(crate) bytes: usize,
}

impl<'a> Picked<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries_wire.is_empty() && self.records_wire.is_empty()
    }

    pub(crate) fn take(&mut self, piece: &'a Piece) {
        match piece {
            Piece::Group(group) => {
                self.entries += group.entries as u64;
                self.entries_wire.push(group.wire());
                self.bytes += group.size;
            }
            Piece::Record { size, wire, .. } => {
                self.records_wire.push(wire);
                self.bytes += size;
            }
            Piece::Lost { .. } => {}
        }
    }

    /// The encoded frame: `around` with these entries and records in it, instead of its own.
    pub(crate) fn encode(&self, around: &Batch) -> Vec<u8> {
        let wire = self.entries_wire.iter().chain(&self.records_wire);
        let mut bytes = Vec::with_capacity(wire.map(|wire| wire.len()).sum::<usize>() + 96);
        // Writing to a `Vec` cannot fail.
        let _ = self.write(around, &mut bytes);
        bytes
    }

    fn write(
        &self,
        around: &Batch,
        bytes: &mut Vec<u8>,
    ) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
        let fields = 5 + u64::from(around.upto.is_some()) + u64::from(around.anchor.is_some());
        let mut e = Encoder::new(&mut *bytes);
        e.array(2)?.u8(10)?.map(fields)?.u8(0)?.u32(around.slot)?.u8(1)?.u8(around.lane.number())?;
        e.u8(2)?.array(self.entries)?;
        for wire in &self.entries_wire {
            bytes.extend_from_slice(wire);
        }
        Encoder::new(&mut *bytes).u8(3)?.array(self.records_wire.len() as u64)?;
        for wire in &self.records_wire {
            bytes.extend_from_slice(wire);
        }
        let mut e = Encoder::new(&mut *bytes);
        if let Some(upto) = around.upto {
            e.u8(4)?.u64(upto)?;
        }
        if let Some(anchor) = &around.anchor {
            e.u8(5)?.bytes(anchor.as_bytes())?;
        }
        e.u8(6)?.bool(around.end)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::WireEntry;
    use crate::frame::Frame;
    use crate::identity::Signature;
    use crate::record::WireRecord;

    #[test]
    fn a_frame_of_pieces_is_the_frame_of_what_is_in_them() {
        let entry = |length| WireEntry {
            header: vec![1; length].into(),
            body: Some(vec![2; 300].into()),
            signature: Some(Signature::new([6; 64])),
        };
        let record = WireRecord { content: vec![2; 40].into(), signature: Signature::new([7; 64]) };
        for (upto, anchor) in [(None, None), (Some(70_000), None), (Some(5), Some(EntryId::new([9; 32])))] {
            let around = Batch {
                slot: 300,
                lane: Lane::Content,
                entries: Vec::new(),
                records: Vec::new(),
                upto,
                anchor,
                end: upto.is_none(),
            };
            let entries: Vec<WireEntry> = (100..130).map(entry).collect();
            let wire: Vec<Vec<u8>> = entries.iter().map(cbor::encode).collect();
            let content = cbor::encode(&record);
            let picked = Picked {
                entries: entries.len() as u64,
                entries_wire: wire.iter().map(Vec::as_slice).collect(),
                records_wire: vec![&content],
                bytes: 0,
            };
            let whole = Batch { entries, records: vec![record.clone()], ..around.clone() };
            assert_eq!(picked.encode(&around), Frame::Batch(whole).encode());
            assert_eq!(Picked::default().encode(&around), Frame::Batch(around).encode());
        }
    }
}

#[cfg(feature = "conformance")]
#[cfg(test)]
mod fresh {
    use super::*;
    use crate::conformance::Chain;
    use crate::id::StoreId;
    use crate::identity::DeviceKey;
    use crate::kind::Kind;
    use crate::memory::MemoryStore;
    use crate::record::{RecordKey, RecordName};
    use crate::store::{NewEntry, Order};

    #[test]
    fn an_entry_is_written_as_it_is_encoded() {
        let mut log = Chain::new(1, Chain::create(1, 1).0.room(), 2);
        let mut entries = vec![log.write(Kind::Text, 10), log.sign(Kind::Text, 11)];
        entries.extend(entries.clone().into_iter().map(|entry| Entry { body: None, ..entry }));
        for entry in entries {
            let mut written = Vec::new();
            entry.write_to(&mut written);
            assert_eq!(written, cbor::encode(&entry.to_wire()));
        }
    }

    #[test]
    fn what_was_just_stored_is_what_would_be_read() {
        let room = Room::empty(Chain::create(1, 1).0.room());
        let mut store = MemoryStore::new(StoreId::new([1; 16]));
        let mut logs = [Chain::new(1, room.id, 2), Chain::new(2, room.id, 3)];
        let (mut tail, mut newest) = (Tail::default(), 0);
        let device = DeviceKey::from_seed(&[1; 32]);
        for turn in 0..400_u64 {
            let log = &mut logs[usize::from(turn % 3 == 0)];
            let mut group: Vec<Entry> = (0..turn % 5).map(|n| log.write(Kind::Text, 10 + turn * 10 + n)).collect();
            group.push(log.sign(Kind::Text, 19 + turn * 10));
            let before = newest;
            for entry in &group {
                let header = &entry.header;
                let order = Order { time_us: turn, author: header.author, seq: header.seq, id: entry.id };
                newest = store.put_entry(NewEntry { entry, order, add: entry.id }).unwrap();
            }
            tail.add_group(room.id, before, group, newest);
            if turn % 7 == 0 {
                let name = RecordName(u16::try_from(turn % 2).unwrap());
                let key = RecordKey { room: room.id, author: device.public(), store: StoreId::new([1; 16]), name };
                let record = Record::write(&device, key, turn, vec![7; 50]);
                let before = std::mem::replace(&mut newest, store.put_record(&record).unwrap());
                tail.add_record(room.id, before, record, newest);
            }
        }
        store.commit().unwrap();
        let rooms = BTreeMap::from([(room.id, room)]);
        tail.written(&rooms);
        let room = rooms.values().next().unwrap();
        let (mut after, mut pages) = (0, 0);
        while after < newest {
            let read = Tail::default().page(&store, room, Lane::Content, after).unwrap();
            let kept = tail.pages.iter().find(|page| page.after == after).expect("it was not read");
            assert_eq!(format!("{:?}", kept.pieces), format!("{read:?}"));
            after = read.last().unwrap().arrival();
            pages += 1;
        }
        assert!(pages > 2, "{pages}");
    }
}
