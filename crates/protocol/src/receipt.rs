//! Receipts: what each member says it holds and has read, and what follows for a message's state.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::cbor;
use crate::clock::Time;
use crate::entry::LogKey;
use crate::id::{RoomId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::limits;
use crate::planted::{self, Bug};
use crate::record::{Addresses, Receipts, Record, RecordKey, RecordName, Watermark};
use crate::replica::Replica;
use crate::room::Room;
use crate::store::{Store, StoreError, Stored};

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
    /// A member's watermark in a log: delivered, read. The highest over its stores.
    pub(crate) fn watermark(&self, member: &PublicKey, log: &LogKey) -> (u64, u64) {
        let mut best = (0, 0);
        for (_, receipts) in self.receipts.range(stores_of(member)) {
            if let Ok(index) = receipts.logs.binary_search_by_key(log, |mark| mark.log)
                && let Some(mark) = receipts.logs.get(index)
            {
                best = (best.0.max(mark.delivered), best.1.max(mark.read));
            }
        }
        best
    }

    /// How many records of a device are held.
    pub(crate) fn records_of(&self, device: &PublicKey) -> usize {
        let (first, last) = stores_of(device).into_inner();
        let all = (first.0, first.1, RecordName(0))..=(last.0, last.1, RecordName(u16::MAX));
        self.record_versions.range(all).count()
    }
}

/// How many logs fit receipts, whatever the numbers in them.
const MARKS: usize = limits::RECORD_BYTES / 80;

/// All stores of a device.
fn stores_of(device: &PublicKey) -> RangeInclusive<(PublicKey, StoreId)> {
    (*device, StoreId::new([0; 16]))..=(*device, StoreId::new([0xff; 16]))
}

impl<S: Store> Replica<S> {
    /// Which members hold and have read an entry.
    pub(crate) fn standing(&self, room: &Room, stored: &Stored) -> Standing {
        let header = &stored.entry.header;
        // Receipts name numbers, of which each may mean two entries in a log that forked.
        let forked = room.logs.get(header.lane()).get(&header.log_key()).is_some_and(|log| log.tips.len() > 1);
        let counted = if forked { 0 } else { room.counted(&header.log_key(), header.seq) };
        let mut standing = Standing { counted, ..Standing::default() };
        let members = room.membership.iter().flat_map(|membership| membership.members.keys());
        for member in members.filter(|member| **member != header.author) {
            standing.members += 1;
            let device = member.device_id();
            let (delivered, read) = if *member == self.me {
                (header.seq, room.read.get(&header.log_key()).copied().unwrap_or(0))
            } else if forked {
                (0, 0)
            } else {
                room.watermark(member, &header.log_key())
            };
            let took = room.was_taken_by(device, stored.arrival, header.lane(), &header.log_key(), header.seq);
            if *member == self.me || took || delivered >= header.seq {
                standing.stored.push(device);
            }
            if delivered >= header.seq {
                standing.delivered.push(device);
            }
            if read >= header.seq {
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
            let tip = state.highest().map_or(0, |tip| tip.seq);
            let delivered = room.damage.missing.get(log).map_or(tip, |first| first.saturating_sub(1));
            let delivered = if planted::is(Bug::DeliveredTooHigh) { delivered + 1 } else { delivered };
            let (_, told) = room.watermark(&self.me, log);
            let read = if self.tells_read { room.read.get(log).copied().unwrap_or(0).max(told) } else { told };
            let read = read.min(delivered);
            receipts.logs.push(Watermark { log: *log, delivered, read });
            newest.push((state.highest().map_or(0, |tip| tip.timestamp_us), *log));
        }
        if receipts.logs.len() > MARKS {
            // The logs that were written to last.
            newest.sort_unstable_by(|a, b| b.cmp(a));
            let newest: BTreeSet<LogKey> = newest.into_iter().take(MARKS).map(|(_, log)| log).collect();
            receipts.logs.retain(|mark| newest.contains(&mark.log));
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
            *room.newest.get_mut(Lane::Content) = arrival;
            room.note_record(&record);
        }
        Ok(())
    }
}
