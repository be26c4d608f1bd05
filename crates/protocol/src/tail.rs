//! What is sent of a lane: read, judged and encoded once for all who are at the same place, as everyone is who follows
//! a room that somebody speaks in. Otherwise each message would be read and encoded as often as a room has members.

use std::collections::VecDeque;
use std::sync::Arc;

use minicbor::Encoder;

use crate::cbor;
use crate::entry::{Entry, LogKey};
use crate::frame::Batch;
use crate::id::{EntryId, RoomId};
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::limits;
use crate::planted::{self, Bug};
use crate::room::Room;
use crate::store::{Arrival, Item, Store, StoreError};

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
        /// The entry.
        id: EntryId,
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
    /// As they stand in a batch, one after the other.
    pub(crate) wire: Vec<u8>,
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
            Self::Group(group) => group.wire.len(),
            Self::Record { wire, .. } => wire.len(),
            Self::Lost { .. } => 0,
        };
        wire + size_of::<Self>()
    }
}

fn group(room: &Room, entries: &[&Entry], arrival: Arrival) -> Option<Group> {
    let (first, last) = (entries.first()?, entries.last()?);
    let log = last.header.log_key();
    let whole = entries.iter().all(|entry| entry.body.is_some());
    let mut wire = Vec::new();
    if whole {
        for entry in entries {
            wire.extend(cbor::encode(&entry.to_wire()));
        }
    }
    Some(Group {
        arrival,
        log,
        last: (last.header.seq, last.id),
        entries: entries.len(),
        whole,
        forked: room.logs.get(last.header.lane()).get(&log).is_some_and(|log| log.tips.len() > 1),
        // A cut may fall within a group; what of it counts proves itself only with the rest.
        counts: room.counts(first),
        size: entries.iter().map(|entry| entry.size()).sum(),
        wire,
    })
}

/// The pieces of a page of the store.
fn pieces(room: &Room, items: &[Item]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut entries: Vec<&Entry> = Vec::new();
    let mut broken = false;
    for item in items {
        match item {
            Item::Lost(lost) => {
                pieces.push(Piece::Lost { arrival: lost.arrival, log: lost.log, id: lost.id });
                broken = !lost.ends_group;
                if lost.ends_group {
                    entries.clear();
                }
            }
            Item::Record(arrival, record) => pieces.push(Piece::Record {
                arrival: *arrival,
                author: record.key.author,
                counts: room.is_member(&record.key.author),
                size: record.size(),
                wire: cbor::encode(&record.to_wire()),
            }),
            Item::Entry(stored) => {
                let (entry, arrival) = (&stored.entry, stored.arrival);
                entries.push(entry);
                if entry.signature.is_some() {
                    if std::mem::take(&mut broken) {
                        pieces.push(Piece::Lost { arrival, log: entry.header.log_key(), id: entry.id });
                    } else {
                        pieces.extend(group(room, &entries, arrival).map(Piece::Group));
                    }
                    entries.clear();
                }
            }
        }
    }
    pieces
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

/// The pages read since something was written, the last ones of them.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pages: VecDeque<Page>,
    bytes: usize,
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
        let pieces = Arc::new(pieces(room, &items));
        let bytes = pieces.iter().map(Piece::bytes).sum();
        self.bytes += bytes;
        self.pages.push_back(Page { room: room.id, lane, after, bytes, pieces: Arc::clone(&pieces) });
        while self.bytes > limits::TAIL_BYTES
            && let Some(oldest) = self.pages.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
        Ok(pieces)
    }

    /// Something was written: what was read may be read otherwise now.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
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
                self.entries_wire.push(&group.wire);
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
