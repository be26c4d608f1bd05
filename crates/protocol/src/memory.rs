//! A store in memory, for tests and the simulator: the same promises as a database on disk, and a crash
//! that keeps exactly what was committed.

mod table;
mod tables;

use std::ops::Bound;

use self::tables::Tables;
use crate::entry::{Entry, LogKey};
use crate::frame::Head;
use crate::id::{EntryId, RoomId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::record::{Record, RecordKey, RecordName};
use crate::store::{Arrival, Cursor, Device, Item, Lost, NewEntry, Order, Store, StoreError, Stored, Tip};

/// A store in memory. A clone stands for a copied database.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    now: Tables,
    store_id: StoreId,
    last_arrival: Arrival,
    /// Id and last arrival as of the last commit.
    committed: (StoreId, Arrival),
    dirty: bool,
    failed: Option<StoreError>,
    /// Damaged, and not asked for yet.
    damaged: Vec<Lost>,
    /// Asked for since the last commit.
    told: Vec<Lost>,
}

fn lost_of(stored: &Stored) -> Lost {
    let header = &stored.entry.header;
    Lost {
        arrival: stored.arrival,
        room: stored.entry.room(),
        log: header.log_key(),
        seq: header.seq,
        id: stored.entry.id,
        ends_group: stored.entry.signature.is_some(),
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(store_id: StoreId) -> Self {
        Self {
            now: Tables::default(),
            store_id,
            last_arrival: 0,
            committed: (store_id, 0),
            dirty: false,
            failed: None,
            damaged: Vec::new(),
            told: Vec::new(),
        }
    }

    /// What a crash leaves: what was committed.
    #[must_use]
    pub fn crash(mut self) -> Self {
        self.undo();
        self.last_arrival = self.committed.1;
        self
    }

    /// What a damaged disk leaves of a content entry: nothing but that it was there, or, where only the words are hit, its
    /// header. `false` where it is lost already.
    pub fn damage(&mut self, id: EntryId, header: bool) -> bool {
        let Some(place) = self.now.entries.rows.get(&id).copied() else { return false };
        let Some(item) = self.now.items.rows.get_mut(&place) else { return false };
        let Item::Entry(stored) = item else { return false };
        if place.1 != Lane::Content || stored.entry.body.is_none() {
            return false;
        }
        let lost = lost_of(stored);
        stored.entry.body = None;
        if header {
            *item = Item::Lost(lost);
        }
        self.damaged.push(lost);
        true
    }

    fn undo(&mut self) {
        self.now.rollback();
        self.store_id = self.committed.0;
        self.dirty = false;
        self.failed = None;
        // Reading finds it again.
        self.damaged.append(&mut self.told);
    }

    fn arrive(&mut self) -> Arrival {
        self.last_arrival += 1;
        self.last_arrival
    }

    /// Begins a write.
    fn write(&mut self) -> Result<&mut Tables, StoreError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => {
                self.dirty = true;
                Ok(&mut self.now)
            }
        }
    }

    fn fail(&mut self, why: &str) -> StoreError {
        let error = StoreError::Failed(why.into());
        self.failed = Some(error.clone());
        error
    }
}

impl Store for MemoryStore {
    fn store_id(&self) -> StoreId {
        self.store_id
    }

    fn rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        let create = Kind::Create.number();
        let mut rooms = Vec::new();
        let mut next = self.now.kinds.rows.keys().next();
        while let Some((room, ..)) = next.copied() {
            if self.now.kinds.rows.range((room, create, 0)..=(room, create, Arrival::MAX)).next().is_some() {
                rooms.push(room);
            }
            next =
                self.now.kinds.rows.range((room, u16::MAX, Arrival::MAX)..).map(|(key, _)| key).find(|k| k.0 != room);
        }
        Ok(rooms)
    }

    fn tips(&self, room: RoomId, lane: Lane) -> Result<Vec<Tip>, StoreError> {
        let tips = self.now.tips.rows.range((room, lane, FIRST_HEAD)..);
        Ok(tips.take_while(|((r, l, _), _)| (*r, *l) == (room, lane)).map(|(_, tip)| *tip).collect())
    }

    fn page(
        &self,
        room: RoomId,
        lane: Lane,
        after: Arrival,
        items: usize,
        bytes: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let mut page = Vec::new();
        let mut size = 0;
        for (_, item) in self.now.items.rows.range((room, lane, after.saturating_add(1))..=(room, lane, Arrival::MAX)) {
            let ends_group = match item {
                Item::Entry(stored) => {
                    size += stored.entry.size();
                    stored.entry.signature.is_some()
                }
                Item::Record(_, record) => {
                    size += record.size();
                    true
                }
                Item::Lost(lost) => lost.ends_group,
            };
            page.push(item.clone());
            if (page.len() >= items || size >= bytes) && ends_group {
                break;
            }
        }
        Ok(page)
    }

    fn anchor(&self, room: RoomId, lane: Lane, at: Arrival) -> Result<Option<(Arrival, EntryId)>, StoreError> {
        Ok(self.now.items.rows.range((room, lane, 0)..=(room, lane, at)).rev().find_map(|(_, item)| match item {
            Item::Entry(stored) => Some((stored.arrival, stored.entry.id)),
            Item::Lost(lost) => Some((lost.arrival, lost.id)),
            Item::Record(..) => None,
        }))
    }

    fn newest(&self, room: RoomId, lane: Lane) -> Result<Arrival, StoreError> {
        Ok(self
            .now
            .items
            .rows
            .range((room, lane, 0)..=(room, lane, Arrival::MAX))
            .next_back()
            .map_or(0, |(_, item)| item.arrival()))
    }

    fn entry(&self, id: EntryId) -> Result<Option<Stored>, StoreError> {
        Ok(self.now.stored(id).cloned())
    }

    fn at(&self, room: RoomId, log: LogKey, seq: u64) -> Result<Vec<Stored>, StoreError> {
        let entries = seq.checked_sub(1).map(|before| self.now.of_log(room, log, before, seq));
        Ok(entries.into_iter().flatten().map(|(_, stored)| stored.clone()).collect())
    }

    fn of_kind(&self, room: RoomId, kind: u16) -> Result<Vec<Stored>, StoreError> {
        let found = self.now.kinds.rows.range((room, kind, 0)..=(room, kind, Arrival::MAX));
        Ok(found.filter_map(|(_, id)| self.now.stored(*id).cloned()).collect())
    }

    fn timeline(
        &self,
        room: RoomId,
        before: Option<Order>,
        hidden: &[u16],
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let end = before.unwrap_or(Order {
            time_us: u64::MAX,
            author: PublicKey::new([0xff; 32]),
            seq: u64::MAX,
            id: EntryId::new([0xff; 32]),
        });
        Ok(self
            .now
            .timeline
            .rows
            .range((room, FIRST_ORDER)..(room, end))
            .rev()
            .filter_map(|((_, order), _)| self.now.stored(order.id))
            .filter(|stored| !hidden.contains(&stored.entry.header.kind))
            .take(limit)
            .cloned()
            .collect())
    }

    fn count(
        &self,
        room: RoomId,
        log: LogKey,
        kind: u16,
        after: u64,
        upto: u64,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let counted = self.now.of_log(room, log, after, upto).filter(|(_, stored)| stored.entry.header.kind == kind);
        Ok(counted.take(limit).count())
    }

    fn first_after(&self, room: RoomId, log: LogKey, beyond: u64, at: Order) -> Result<Option<u64>, StoreError> {
        Ok(self.now.of_log(room, log, beyond, u64::MAX).find(|(_, stored)| stored.order > at).map(|(seq, _)| seq))
    }

    fn missing(&self, room: RoomId) -> Result<Vec<(LogKey, u64)>, StoreError> {
        let first = (room, FIRST_HEAD.log, 0, FIRST_HEAD.id);
        let missing = self.now.missing.rows.range(first..).map(|(key, ())| key).take_while(|(r, ..)| *r == room);
        let mut lowest: Vec<(LogKey, u64)> = missing.map(|(_, log, seq, _)| (*log, *seq)).collect();
        lowest.dedup_by_key(|(log, _)| *log);
        Ok(lowest)
    }

    fn lost(&self, room: RoomId, limit: usize) -> Result<Vec<Lost>, StoreError> {
        let first = (room, FIRST_HEAD.log, 0, FIRST_HEAD.id);
        let ids =
            self.now.missing.rows.range(first..).take_while(|((of, ..), ())| *of == room).map(|((.., id), ())| id);
        let places = ids.filter_map(|id| self.now.entries.rows.get(id));
        let mut lost: Vec<Lost> = places
            .filter_map(|place| match self.now.items.rows.get(place)? {
                Item::Entry(stored) => Some(lost_of(stored)),
                Item::Lost(lost) => Some(*lost),
                Item::Record(..) => None,
            })
            .collect();
        lost.sort_unstable_by_key(|lost| lost.arrival);
        lost.truncate(limit);
        Ok(lost)
    }

    fn knows(&self, id: EntryId) -> Result<Option<bool>, StoreError> {
        let item = self.now.entries.rows.get(&id).and_then(|place| self.now.items.rows.get(place));
        Ok(match item {
            Some(Item::Entry(stored)) => Some(stored.entry.signature.is_some()),
            Some(Item::Lost(lost)) => Some(lost.ends_group),
            Some(Item::Record(..)) | None => None,
        })
    }

    fn damaged(&mut self) -> Vec<Lost> {
        let damaged = std::mem::take(&mut self.damaged);
        self.told.extend(&damaged);
        damaged
    }

    fn records(&self, room: RoomId, after: Option<RecordKey>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let (author, store, name) = (PublicKey::new([0; 32]), StoreId::new([0; 16]), RecordName(0));
        let first = Bound::Included(RecordKey { room, author, store, name });
        let rows = self.now.records.rows.range((after.map_or(first, Bound::Excluded), Bound::Unbounded));
        let rows = rows.take_while(|(key, _)| key.room == room);
        Ok(rows
            .filter_map(|(_, arrival)| match self.now.items.rows.get(&(room, Lane::Content, *arrival)) {
                Some(Item::Record(_, record)) => Some(record.clone()),
                _ => None,
            })
            .take(limit)
            .collect())
    }

    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        Ok(self.now.records.rows.get(key).and_then(|arrival| {
            match self.now.items.rows.get(&(key.room, Lane::Content, *arrival)) {
                Some(Item::Record(_, record)) => Some(record.clone()),
                _ => None,
            }
        }))
    }

    fn cursor(&self, store: StoreId, room: RoomId, lane: Lane) -> Result<Option<Cursor>, StoreError> {
        Ok(self.now.cursors.rows.get(&(store, room, lane)).copied())
    }

    fn acks(&self, room: RoomId, lane: Lane) -> Result<Vec<(DeviceId, Arrival)>, StoreError> {
        let first = (room, lane, DeviceId::new([0; 32]));
        let rows = self.now.acks.rows.range(first..).take_while(|((r, l, _), _)| (*r, *l) == (room, lane));
        Ok(rows.map(|((.., device), arrival)| (*device, *arrival)).collect())
    }

    fn sent(&self, room: RoomId, client_id: &str) -> Result<Option<EntryId>, StoreError> {
        Ok(self.now.sent.rows.get(&(room, client_id.to_owned())).copied())
    }

    fn devices(&self) -> Result<Vec<Device>, StoreError> {
        Ok(self.now.devices.rows.values().cloned().collect())
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.now.values.rows.get(name).cloned())
    }

    fn put_entry(&mut self, new: NewEntry<'_>) -> Result<Arrival, StoreError> {
        self.write()?;
        let entry: &Entry = new.entry;
        let header = &entry.header;
        let (room, lane, log) = (entry.room(), header.lane(), header.log_key());
        if self.now.entries.rows.contains_key(&entry.id) {
            return Err(self.fail("entry stored twice"));
        }
        if new.order.time_us >= limits::NUMBER || header.seq >= limits::NUMBER {
            return Err(self.fail("number out of range"));
        }
        let arrival = self.arrive();
        let tables = self.write()?;
        if let Some(previous) = header.previous {
            tables.tips.remove(&(room, lane, Head { log, seq: header.seq - 1, id: previous }));
        }
        let head = Head { log, seq: header.seq, id: entry.id };
        let tip = Tip { head, timestamp_us: header.timestamp_us, add: new.add };
        tables.tips.insert((room, lane, head), tip);
        tables.entries.insert(entry.id, (room, lane, arrival));
        tables.timeline.insert((room, new.order), arrival);
        tables.kinds.insert((room, header.kind, arrival), entry.id);
        tables.logs.insert((room, log, header.seq, entry.id), arrival);
        if entry.body.is_none() && lane == Lane::Content {
            tables.missing.insert((room, log, header.seq, entry.id), ());
        }
        let stored = Stored { arrival, order: new.order, entry: entry.clone(), erased: false };
        tables.items.insert((room, lane, arrival), Item::Entry(stored));
        Ok(arrival)
    }

    fn put_lost(&mut self, lost: &Lost) -> Result<(), StoreError> {
        let tables = self.write()?;
        let Some(place) = tables.entries.rows.get(&lost.id).copied() else { return Ok(()) };
        if let Some(Item::Entry(stored)) = tables.items.rows.get(&place) {
            let mut stored = stored.clone();
            stored.entry.body = None;
            tables.items.insert(place, Item::Entry(stored));
        }
        tables.missing.insert((lost.room, lost.log, lost.seq, lost.id), ());
        Ok(())
    }

    fn put_again(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let tables = self.write()?;
        let Some(place) = tables.entries.rows.get(&entry.id).copied() else {
            return Err(self.fail("entry never stored"));
        };
        // Where it is shown is not part of what was damaged.
        let shown = tables.timeline.rows.keys().find(|(_, order)| order.id == entry.id).map(|(_, order)| *order);
        if let Some(order) = shown {
            let stored = Stored { arrival: place.2, order, entry: entry.clone(), erased: false };
            tables.items.insert(place, Item::Entry(stored));
        }
        tables.missing.remove(&(place.0, entry.header.log_key(), entry.header.seq, entry.id));
        // A rollback brings the damage back, and then it is found again.
        self.told.extend(self.damaged.extract_if(.., |lost| lost.id == entry.id));
        Ok(())
    }

    fn put_record(&mut self, record: &Record) -> Result<Arrival, StoreError> {
        self.write()?;
        let arrival = self.arrive();
        let tables = self.write()?;
        let room = record.key.room;
        if let Some(replaced) = tables.records.rows.get(&record.key).copied() {
            tables.items.remove(&(room, Lane::Content, replaced));
        }
        tables.records.insert(record.key, arrival);
        tables.items.insert((room, Lane::Content, arrival), Item::Record(arrival, record.clone()));
        Ok(arrival)
    }

    fn put_cursor(&mut self, store: StoreId, room: RoomId, lane: Lane, cursor: Cursor) -> Result<(), StoreError> {
        self.write()?.cursors.insert((store, room, lane), cursor);
        Ok(())
    }

    fn put_ack(&mut self, device: DeviceId, room: RoomId, lane: Lane, arrival: Arrival) -> Result<(), StoreError> {
        self.write()?.acks.insert((room, lane, device), arrival);
        Ok(())
    }

    fn put_sent(&mut self, room: RoomId, client_id: &str, id: EntryId) -> Result<(), StoreError> {
        self.write()?.sent.insert((room, client_id.to_owned()), id);
        Ok(())
    }

    fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        self.write()?.devices.insert(device.key, device.clone());
        Ok(())
    }

    fn forget_device(&mut self, key: &PublicKey) -> Result<(), StoreError> {
        self.write()?.devices.set(*key, None);
        Ok(())
    }

    fn put_value(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.write()?.values.set(name.to_owned(), value.map(<[u8]>::to_vec));
        Ok(())
    }

    fn renew(&mut self, id: StoreId) -> Result<(), StoreError> {
        let acks = &mut self.write()?.acks;
        let all: Vec<_> = acks.rows.keys().copied().collect();
        all.iter().for_each(|key| acks.remove(key));
        self.store_id = id;
        Ok(())
    }

    fn skip(&mut self, arrivals: u64) {
        self.last_arrival = self.last_arrival.saturating_add(arrivals);
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.failed.take() {
            self.rollback()?;
            return Err(error);
        }
        if self.dirty {
            self.now.commit();
            self.committed = (self.store_id, self.last_arrival);
            self.told.clear();
            self.dirty = false;
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), StoreError> {
        self.undo();
        Ok(())
    }
}

/// Before every other head.
const FIRST_HEAD: Head = Head {
    log: LogKey { author: PublicKey::new([0; 32]), log: crate::id::LogId::new([0; 16]) },
    seq: 0,
    id: EntryId::new([0; 32]),
};

/// Before every other place.
const FIRST_ORDER: Order = Order { time_us: 0, author: PublicKey::new([0; 32]), seq: 0, id: EntryId::new([0; 32]) };

#[cfg(feature = "conformance")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn conforms() {
        conformance::suite(MemoryStore::new, MemoryStore::crash);
    }
}
