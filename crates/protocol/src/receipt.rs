//! Receipts: what each member says it holds and has read, and what follows for a message's state.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::cbor;
use crate::clock::Time;
use crate::entry::LogKey;
use crate::id::{RoomId, ShortId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::limits;
use crate::record::{Addresses, Mark, Receipts, Record, RecordKey, RecordName, Watermark};
use crate::replica::Replica;
use crate::room::Room;
use crate::store::{Store, StoreError, Stored};

/// How many entries that are not held a room's records may have named before it is looked which of them still are.
pub(crate) const NAMED: usize = 4096;

/// Which members hold a message, have it in order, and have read it: each a fact. The author is in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Members other than the author.
    pub members: usize,
    /// Those whose disk is known to hold it.
    pub stored: Vec<DeviceId>,
    /// Those whose receipts say that they hold everything up to it.
    pub delivered: Vec<DeviceId>,
    /// Those whose receipts say that it was read.
    pub read: Vec<DeviceId>,
    /// In a room too large for everyone's receipts: how many hold everything up to it, the most that any meeting point
    /// said. A claim of others, which the state does not follow.
    pub counted: usize,
}

/// A message's state: the strongest statement that is true of every other member, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// On this device's disk.
    Queued,
    /// On another member's disk.
    Stored,
    /// Delivered to every other member.
    Delivered,
    /// Read by every other member.
    Read,
}

impl Standing {
    /// The state that this amounts to.
    pub fn status(&self) -> Status {
        if self.members > 0 && self.read.len() >= self.members {
            Status::Read
        } else if self.members > 0 && self.delivered.len() >= self.members {
            Status::Delivered
        } else if !self.stored.is_empty() {
            Status::Stored
        } else {
            Status::Queued
        }
    }
}

impl Room {
    /// What a member told of a log, by entries that are held, over all its stores.
    pub(crate) fn marks<'a>(&'a self, member: &PublicKey, log: &'a LogKey) -> impl Iterator<Item = &'a Mark> {
        let told = self.receipts.range(stores_of(member)).filter_map(|(_, told)| {
            let index = told.binary_search_by_key(log, |told| told.log).ok()?;
            told.get(index)
        });
        told.flat_map(|told| &told.marks).filter(|(_, held)| *held).map(|(mark, _)| mark)
    }

    /// Looks up which of the entries that receipts name are held.
    pub(crate) fn read_receipts<S: Store>(&mut self, store: &S, receipts: &Receipts) -> Result<Vec<Told>, StoreError> {
        let mut told = Vec::new();
        for watermark in &receipts.logs {
            let mut marks = Vec::new();
            for mark in &watermark.marks {
                marks.push((*mark, self.holds_named(store, &watermark.log, mark.seq, mark.id)?));
            }
            told.push(Told { log: watermark.log, marks });
        }
        Ok(told)
    }

    /// Whether an entry of the content lane that a record names is held; if not, it is remembered.
    pub(crate) fn holds_named<S: Store>(
        &mut self,
        store: &S,
        log: &LogKey,
        seq: u64,
        id: ShortId,
    ) -> Result<bool, StoreError> {
        // What the disk lost of a log was held: all that stands before it is.
        let held = match self.logs.get(Lane::Content).get(log) {
            Some(state) => self.damage.lost(log, seq, id) || state.holds(store, self.id, *log, (seq, id))?,
            None => false,
        };
        if !held {
            self.named.insert((*log, seq));
        }
        Ok(held)
    }

    /// An entry of the content lane was stored, which records may have named before.
    pub(crate) fn note_named(&mut self, log: &LogKey, seq: u64, id: ShortId) {
        if !self.named.contains(&(*log, seq)) {
            return;
        }
        let mut waits = false;
        for told in self.receipts.values_mut().flatten().filter(|told| told.log == *log) {
            for (mark, held) in told.marks.iter_mut().filter(|(mark, _)| mark.seq == seq) {
                *held |= mark.id == id;
                waits |= !*held;
            }
        }
        let counted = self.counts.values_mut().flat_map(|(_, counted)| counted);
        for counted in counted.filter(|counted| counted.count.log == *log && counted.count.seq == seq) {
            counted.held |= counted.count.id == id;
            waits |= !counted.held;
        }
        if !waits {
            self.named.remove(&(*log, seq));
        }
    }

    /// Lets go of what only records named that were replaced since, once it is much: each record that a member writes
    /// may name other entries that do not exist.
    pub(crate) fn forget_named(&mut self) {
        if self.named.len() < self.named_most {
            return;
        }
        let told = self.receipts.values().flatten().flat_map(|told| {
            let waiting = told.marks.iter().filter(|(_, held)| !held);
            waiting.map(|(mark, _)| (told.log, mark.seq))
        });
        let counted = self.counts.values().flat_map(|(_, counted)| counted).filter(|counted| !counted.held);
        self.named = told.chain(counted.map(|counted| (counted.count.log, counted.count.seq))).collect();
        self.named_most = NAMED + 2 * self.named.len();
    }

    /// What the disk lost of the room is other than it was: what hung on reading it is looked up again, so that it says
    /// what it would after a restart.
    pub(crate) fn look_up_again<S: Store>(&mut self, store: &S) -> Result<(), StoreError> {
        for (key, log) in self.logs.get_mut(Lane::Content) {
            log.find_branches(store, self.id, *key)?;
        }
        self.named.clear();
        for record in store.records(self.id, None, usize::MAX)? {
            self.note_record(store, &record)?;
        }
        Ok(())
    }

    /// How many records of a device are held.
    pub(crate) fn records_of(&self, device: &PublicKey) -> usize {
        let (first, last) = stores_of(device).into_inner();
        let all = (first.0, first.1, RecordName(0))..=(last.0, last.1, RecordName(u16::MAX));
        self.record_versions.range(all).count()
    }
}

/// What a device told of one log.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) log: LogKey,
    /// Each with whether the entry that it names is held.
    pub(crate) marks: Vec<(Mark, bool)>,
}

/// How many bytes of receipts a log and its marks take at most, whatever the numbers in them.
const fn watermark_bytes(marks: usize) -> usize {
    64 + 32 * marks
}

/// All stores of a device.
fn stores_of(device: &PublicKey) -> RangeInclusive<(PublicKey, StoreId)> {
    (*device, StoreId::new([0; 16]))..=(*device, StoreId::new([0xff; 16]))
}

impl<S: Store> Replica<S> {
    /// Which members hold and have read an entry.
    pub(crate) fn standing(&self, room: &Room, stored: &Stored) -> Standing {
        let header = &stored.entry.header;
        let (key, here) = (header.log_key(), (header.seq, ShortId::of(stored.entry.id)));
        let log = room.logs.get(header.lane()).get(&key);
        let counted = room.counted(&key, here);
        let mut standing = Standing { counted, ..Standing::default() };
        let members = room.membership.iter().flat_map(|membership| membership.members.keys());
        for member in members.filter(|member| **member != header.author) {
            standing.members += 1;
            let device = member.device_id();
            let (mut delivered, mut read) = (false, false);
            if *member == self.me {
                delivered = true;
                read = room.read.get(&key).is_some_and(|read| *read >= header.seq);
            } else if let Some(log) = log {
                for mark in room.marks(member, &key) {
                    if log.shared((mark.seq, mark.id), here) >= header.seq {
                        delivered = true;
                        read |= mark.read >= header.seq;
                    }
                }
            }
            if delivered || room.was_taken_by(device, stored.arrival, header.lane(), &key, header.seq) {
                standing.stored.push(device);
            }
            if delivered {
                standing.delivered.push(device);
            }
            if read {
                standing.read.push(device);
            }
        }
        standing
    }

    /// Something changed that this device's receipts tell of.
    pub(crate) fn receipts_due(&mut self, now: Time, id: RoomId) {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.receipts_due_ms.get_or_insert(now.steady_ms + limits::RECEIPTS_EVERY_MS);
        }
    }

    /// Where a room became small enough for receipts, they tell all that was not told meanwhile.
    pub(crate) fn receipts_where_members_changed(&mut self, now: Time) {
        let changed: Vec<RoomId> = self
            .rooms
            .values_mut()
            .filter_map(|room| std::mem::take(&mut room.receipts_stale).then_some(room.id))
            .collect();
        for room in changed {
            self.receipts_due(now, room);
        }
    }

    /// Writes the receipts that were waiting long enough.
    pub(crate) fn write_due_receipts(&mut self, now: Time) -> Result<(), StoreError> {
        let due: Vec<RoomId> = self
            .rooms
            .values()
            .filter(|room| room.receipts_due_ms.is_some_and(|at| at <= now.steady_ms))
            .map(|room| room.id)
            .collect();
        for id in due {
            if let Some(room) = self.rooms.get_mut(&id) {
                room.receipts_due_ms = None;
            }
            self.write_receipts(now, id)?;
        }
        Ok(())
    }

    fn write_receipts(&mut self, now: Time, id: RoomId) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let members = room.membership.as_ref().map_or(0, |membership| membership.members.len());
        if !room.is_member(&self.me) || members > limits::RECEIPT_MEMBERS {
            return Ok(());
        }
        let (mut receipts, mut newest) = (Receipts::default(), Vec::new());
        for (log, state) in room.logs.get(Lane::Content).iter().filter(|(log, _)| log.author != self.me) {
            let mut ends: Vec<(u64, ShortId)> = state.tips.iter().map(|tip| (tip.seq, ShortId::of(tip.id))).collect();
            if let Some(first) = room.damage.missing.get(log) {
                let whole = first.saturating_sub(1);
                ends.retain(|(seq, _)| *seq < whole);
                let before = if whole > 0 { self.store.at(id, *log, whole)? } else { Vec::new() };
                ends.extend(before.iter().map(|stored| (whole, ShortId::of(stored.entry.id))));
            }
            ends.sort_unstable();
            let marks = ends.into_iter().take(limits::BRANCHES).map(|end| {
                let told = room.marks(&self.me, log).map(|mark| mark.read.min(state.shared((mark.seq, mark.id), end)));
                let told = told.max().unwrap_or(0);
                let read = room.read.get(log).copied().filter(|_| self.tells_read).unwrap_or(0);
                Mark { seq: end.0, id: end.1, read: read.max(told).min(end.0) }
            });
            let marks: Vec<Mark> = marks.collect();
            if marks.is_empty() {
                continue;
            }
            newest.push((state.highest().map_or(0, |tip| tip.timestamp_us), *log, watermark_bytes(marks.len())));
            receipts.logs.push(Watermark { log: *log, marks });
        }
        let room_for = limits::RECORD_BYTES - watermark_bytes(0);
        if newest.iter().map(|(.., bytes)| bytes).sum::<usize>() > room_for {
            // The logs that were written to last.
            newest.sort_unstable_by(|a, b| b.cmp(a));
            let mut bytes = 0;
            let newest = newest.into_iter().take_while(|(.., more)| {
                bytes += more;
                bytes <= room_for
            });
            let newest: BTreeSet<LogKey> = newest.map(|(_, log, _)| log).collect();
            receipts.logs.retain(|watermark| newest.contains(&watermark.log));
        }
        self.write_record(now, id, RecordName::RECEIPTS, cbor::encode(&receipts))
    }

    /// Tells the members of every room where this device listens. Where it stops, nothing is told: the addresses
    /// stay the best guess of where it will be next, and whoever dials them in vain dials again.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn set_addresses(&mut self, now: Time, addresses: &[String]) -> Result<(), StoreError> {
        self.gathering.found();
        self.listening =
            addresses.iter().filter(|a| a.len() <= limits::ADDRESS_BYTES).take(limits::ADDRESSES).cloned().collect();
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.write_addresses(now, room)?;
        }
        Ok(())
    }

    pub(crate) fn write_addresses(&mut self, now: Time, id: RoomId) -> Result<(), StoreError> {
        let belongs = self.rooms.get(&id).is_some_and(|room| room.is_member(&self.me));
        if !belongs || self.listening.is_empty() {
            return Ok(());
        }
        let value = cbor::encode(&Addresses { addresses: self.listening.clone() });
        self.write_record(now, id, RecordName::ADDRESSES, value)
    }

    /// Writes one of this device's records, if it says something new.
    pub(crate) fn write_record(
        &mut self,
        now: Time,
        id: RoomId,
        name: RecordName,
        value: Vec<u8>,
    ) -> Result<(), StoreError> {
        if value.len() > limits::RECORD_BYTES {
            return Ok(());
        }
        let key = RecordKey { room: id, author: self.me, store: self.store.store_id(), name };
        let before = self.store.record(&key)?;
        if before.as_ref().is_some_and(|before| before.value == value) {
            return Ok(());
        }
        // Beyond any version that a copy of this database may have told before it was rolled back.
        let version = before.map_or(0, |before| before.version.saturating_add(1)).max(now.wall_us);
        let record = Record::write(&self.key, key, version, value);
        let arrival = self.store.put_record(&record)?;
        self.wrote = true;
        if let Some(room) = self.rooms.get_mut(&id) {
            let before = std::mem::replace(room.newest.get_mut(Lane::Content), arrival);
            room.note_record(&self.store, &record)?;
            self.tail.add_record(id, before, record, arrival);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Hash, LogId};
    use crate::identity::DeviceKey;
    use crate::memory::MemoryStore;

    #[test]
    fn what_records_named_that_were_replaced_is_let_go() {
        let (store, key) = (MemoryStore::new(StoreId::new([1; 16])), DeviceKey::from_seed(&[1; 32]));
        let mut room = Room::empty(RoomId::new([1; 32]));
        let place =
            RecordKey { room: room.id, author: key.public(), store: StoreId::new([1; 16]), name: RecordName::RECEIPTS };
        let mut last = LogId::new([0; 16]);
        for version in 1..100 {
            let log = |n: u64| {
                let hash = Hash::of(&[version, n].map(u64::to_be_bytes).concat());
                LogId::from_slice(&hash.as_bytes()[..16]).unwrap()
            };
            let logs: BTreeSet<LogId> = (0..300).map(log).collect();
            last = *logs.first().unwrap();
            let mark = Mark { seq: 1, id: ShortId::new([1; 16]), read: 0 };
            let told = logs.into_iter().map(|log| LogKey { author: key.public(), log });
            let logs = told.map(|log| Watermark { log, marks: vec![mark] }).collect();
            let record = Record::write(&key, place, version, cbor::encode(&Receipts { logs }));
            room.note_record(&store, &record).unwrap();
        }
        assert!(room.named.len() < 2 * NAMED, "{} are remembered", room.named.len());
        assert!(room.named.contains(&(LogKey { author: key.public(), log: last }, 1)), "this may still come");
    }
}
