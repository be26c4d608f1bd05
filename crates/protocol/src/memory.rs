//! A store in memory, for tests and the simulator: the same promises as a database on disk, and a crash
//! that keeps exactly what was committed.

use std::collections::BTreeMap;

use crate::entry::{Entry, LogKey};
use crate::frame::Head;
use crate::id::{EntryId, RoomId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::record::{Record, RecordKey};
use crate::store::{Arrival, Cursor, Device, Item, Lost, NewEntry, Order, Store, StoreError, Stored, Tip};

#[derive(Clone, Debug)]
struct Tables {
    store_id: StoreId,
    last_arrival: Arrival,
    items: BTreeMap<(RoomId, Lane, Arrival), Item>,
    entries: BTreeMap<EntryId, (RoomId, Lane, Arrival)>,
    timeline: BTreeMap<(RoomId, Order), Arrival>,
    logs: BTreeMap<(RoomId, LogKey, u64, EntryId), Arrival>,
    tips: BTreeMap<(RoomId, Lane, Head), Tip>,
    records: BTreeMap<RecordKey, Arrival>,
    cursors: BTreeMap<(StoreId, RoomId, Lane), Cursor>,
    acks: BTreeMap<(RoomId, Lane, DeviceId), Arrival>,
    sent: BTreeMap<(RoomId, String), EntryId>,
    devices: BTreeMap<PublicKey, Device>,
    values: BTreeMap<String, Vec<u8>>,
}

impl Tables {
    fn arrive(&mut self) -> Arrival {
        self.last_arrival += 1;
        self.last_arrival
    }
}

/// A store in memory. A clone stands for a copied database.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    committed: Tables,
    now: Tables,
    dirty: bool,
    failed: Option<StoreError>,
    damaged: Vec<Lost>,
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
        let tables = Tables {
            store_id,
            last_arrival: 0,
            items: BTreeMap::new(),
            entries: BTreeMap::new(),
            timeline: BTreeMap::new(),
            logs: BTreeMap::new(),
            tips: BTreeMap::new(),
            records: BTreeMap::new(),
            cursors: BTreeMap::new(),
            acks: BTreeMap::new(),
            sent: BTreeMap::new(),
            devices: BTreeMap::new(),
            values: BTreeMap::new(),
        };
        Self { committed: tables.clone(), now: tables, dirty: false, failed: None, damaged: Vec::new() }
    }

    /// What a crash leaves: what was committed.
    #[must_use]
    pub fn crash(self) -> Self {
        Self { now: self.committed.clone(), committed: self.committed, dirty: false, failed: None, damaged: Vec::new() }
    }

    fn stored(&self, id: EntryId) -> Option<&Stored> {
        let place = self.now.entries.get(&id)?;
        match self.now.items.get(place)? {
            Item::Entry(stored) => Some(stored),
            Item::Record(..) | Item::Lost(_) => None,
        }
    }

    /// What a damaged disk leaves of an entry: nothing but that it was there, or, where only the words are hit, its
    /// header.
    pub fn damage(&mut self, id: EntryId, header: bool) {
        for tables in [&mut self.now, &mut self.committed] {
            let item = tables.entries.get(&id).and_then(|place| tables.items.get_mut(place));
            let Some(item) = item else { continue };
            let Item::Entry(stored) = item else { continue };
            let lost = lost_of(stored);
            stored.entry.body = None;
            if header {
                *item = Item::Lost(lost);
            }
            self.damaged.push(lost);
        }
        self.damaged.dedup();
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
        self.now.store_id
    }

    fn rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        let creations = self.now.items.values().filter_map(|item| match item {
            Item::Entry(stored) if stored.entry.header.kind() == Kind::Create => Some(stored.entry.room()),
            _ => None,
        });
        let mut rooms: Vec<RoomId> = creations.collect();
        rooms.sort_unstable();
        Ok(rooms)
    }

    fn tips(&self, room: RoomId, lane: Lane) -> Result<Vec<Tip>, StoreError> {
        Ok(self.now.tips.iter().filter(|((r, l, _), _)| (*r, *l) == (room, lane)).map(|(_, tip)| *tip).collect())
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
        for (_, item) in self.now.items.range((room, lane, after.saturating_add(1))..=(room, lane, Arrival::MAX)) {
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
        Ok(self.now.items.range((room, lane, 0)..=(room, lane, at)).rev().find_map(|(_, item)| match item {
            Item::Entry(stored) => Some((stored.arrival, stored.entry.id)),
            Item::Lost(lost) => Some((lost.arrival, lost.id)),
            Item::Record(..) => None,
        }))
    }

    fn newest(&self, room: RoomId, lane: Lane) -> Result<Arrival, StoreError> {
        Ok(self
            .now
            .items
            .range((room, lane, 0)..=(room, lane, Arrival::MAX))
            .next_back()
            .map_or(0, |(_, item)| item.arrival()))
    }

    fn entry(&self, id: EntryId) -> Result<Option<Stored>, StoreError> {
        Ok(self.stored(id).cloned())
    }

    fn at(&self, room: RoomId, log: LogKey, seq: u64) -> Result<Vec<Stored>, StoreError> {
        let (from, to) = (EntryId::new([0; 32]), EntryId::new([0xff; 32]));
        Ok(self
            .now
            .logs
            .range((room, log, seq, from)..=(room, log, seq, to))
            .filter_map(|((.., id), _)| self.stored(*id).cloned())
            .collect())
    }

    fn of_kind(&self, room: RoomId, kind: u16) -> Result<Vec<Stored>, StoreError> {
        let mut found: Vec<Stored> = Vec::new();
        for item in self.now.items.values() {
            if let Item::Entry(stored) = item
                && stored.entry.room() == room
                && stored.entry.header.kind == kind
            {
                found.push(stored.clone());
            }
        }
        found.sort_unstable_by_key(|stored| stored.arrival);
        Ok(found)
    }

    fn timeline(
        &self,
        room: RoomId,
        before: Option<Order>,
        hidden: &[u16],
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        Ok(self
            .now
            .timeline
            .keys()
            .rev()
            .filter(|(r, order)| *r == room && before.is_none_or(|before| *order < before))
            .filter_map(|(_, order)| self.stored(order.id))
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
        Ok(self
            .now
            .logs
            .keys()
            .filter(|(r, l, seq, _)| (*r, *l) == (room, log) && *seq > after && *seq <= upto)
            .filter(|(.., id)| self.stored(*id).is_some_and(|stored| stored.entry.header.kind == kind))
            .take(limit)
            .count())
    }

    fn first_after(&self, room: RoomId, log: LogKey, beyond: u64, at: Order) -> Result<Option<u64>, StoreError> {
        Ok(self
            .now
            .logs
            .keys()
            .filter(|(r, l, seq, _)| (*r, *l) == (room, log) && *seq > beyond)
            .filter(|(.., id)| self.stored(*id).is_some_and(|stored| stored.order > at))
            .map(|(_, _, seq, _)| *seq)
            .min())
    }

    fn missing(&self, room: RoomId) -> Result<Vec<(LogKey, u64)>, StoreError> {
        let mut lowest: BTreeMap<LogKey, u64> = BTreeMap::new();
        for lost in self.lost(room, usize::MAX)? {
            let first = lowest.entry(lost.log).or_insert(lost.seq);
            *first = (*first).min(lost.seq);
        }
        Ok(lowest.into_iter().collect())
    }

    fn lost(&self, room: RoomId, limit: usize) -> Result<Vec<Lost>, StoreError> {
        let content = (room, Lane::Content, 0)..=(room, Lane::Content, Arrival::MAX);
        let lost = self.now.items.range(content).filter_map(|(_, item)| match item {
            Item::Entry(stored) => (stored.entry.body.is_none() && !stored.erased).then(|| lost_of(stored)),
            Item::Lost(lost) => Some(*lost),
            Item::Record(..) => None,
        });
        Ok(lost.take(limit).collect())
    }

    fn knows(&self, id: EntryId) -> Result<Option<bool>, StoreError> {
        let item = self.now.entries.get(&id).and_then(|place| self.now.items.get(place));
        Ok(match item {
            Some(Item::Entry(stored)) => Some(stored.entry.signature.is_some()),
            Some(Item::Lost(lost)) => Some(lost.ends_group),
            Some(Item::Record(..)) | None => None,
        })
    }

    fn damaged(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.damaged)
    }

    fn records(&self, room: RoomId) -> Result<Vec<Record>, StoreError> {
        Ok(self
            .now
            .records
            .iter()
            .filter(|(key, _)| key.room == room)
            .filter_map(|(_, arrival)| match self.now.items.get(&(room, Lane::Content, *arrival)) {
                Some(Item::Record(_, record)) => Some(record.clone()),
                _ => None,
            })
            .collect())
    }

    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        Ok(self.now.records.get(key).and_then(|arrival| {
            match self.now.items.get(&(key.room, Lane::Content, *arrival)) {
                Some(Item::Record(_, record)) => Some(record.clone()),
                _ => None,
            }
        }))
    }

    fn cursor(&self, store: StoreId, room: RoomId, lane: Lane) -> Result<Option<Cursor>, StoreError> {
        Ok(self.now.cursors.get(&(store, room, lane)).copied())
    }

    fn acks(&self, room: RoomId, lane: Lane) -> Result<Vec<(DeviceId, Arrival)>, StoreError> {
        Ok(self
            .now
            .acks
            .iter()
            .filter(|((r, l, _), _)| (*r, *l) == (room, lane))
            .map(|((.., device), arrival)| (*device, *arrival))
            .collect())
    }

    fn sent(&self, room: RoomId, client_id: &str) -> Result<Option<EntryId>, StoreError> {
        Ok(self.now.sent.get(&(room, client_id.to_owned())).copied())
    }

    fn devices(&self) -> Result<Vec<Device>, StoreError> {
        Ok(self.now.devices.values().cloned().collect())
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.now.values.get(name).cloned())
    }

    fn put_entry(&mut self, new: NewEntry<'_>) -> Result<Arrival, StoreError> {
        self.write()?;
        let entry: &Entry = new.entry;
        let (room, lane, log) = (entry.room(), entry.header.lane(), entry.header.log_key());
        if self.now.entries.contains_key(&entry.id) {
            return Err(self.fail("entry stored twice"));
        }
        if new.order.time_us >= limits::NUMBER || entry.header.seq >= limits::NUMBER {
            return Err(self.fail("number out of range"));
        }
        let tables = self.write()?;
        let arrival = tables.arrive();
        if let Some(previous) = entry.header.previous {
            tables.tips.remove(&(room, lane, Head { log, seq: entry.header.seq - 1, id: previous }));
        }
        let head = Head { log, seq: entry.header.seq, id: entry.id };
        let tip = Tip { head, timestamp_us: entry.header.timestamp_us, add: new.add };
        tables.tips.insert((room, lane, head), tip);
        tables.entries.insert(entry.id, (room, lane, arrival));
        tables.timeline.insert((room, new.order), arrival);
        tables.logs.insert((room, log, entry.header.seq, entry.id), arrival);
        let stored = Stored { arrival, order: new.order, entry: entry.clone(), erased: false };
        tables.items.insert((room, lane, arrival), Item::Entry(stored));
        Ok(arrival)
    }

    fn put_lost(&mut self, lost: &Lost) -> Result<(), StoreError> {
        let tables = self.write()?;
        let item = tables.entries.get(&lost.id).and_then(|place| tables.items.get_mut(place));
        if let Some(Item::Entry(stored)) = item {
            stored.entry.body = None;
        }
        Ok(())
    }

    fn put_again(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let tables = self.write()?;
        let Some(place) = tables.entries.get(&entry.id).copied() else {
            return Err(self.fail("entry never stored"));
        };
        // Where it is shown is not part of what was damaged.
        let order = tables.timeline.keys().find(|(_, order)| order.id == entry.id).map(|(_, order)| *order);
        if let Some(order) = order {
            let stored = Stored { arrival: place.2, order, entry: entry.clone(), erased: false };
            tables.items.insert(place, Item::Entry(stored));
        }
        Ok(())
    }

    fn put_record(&mut self, record: &Record) -> Result<Arrival, StoreError> {
        let tables = self.write()?;
        let arrival = tables.arrive();
        let room = record.key.room;
        if let Some(replaced) = tables.records.insert(record.key, arrival) {
            tables.items.remove(&(room, Lane::Content, replaced));
        }
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

    fn put_value(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        let values = &mut self.write()?.values;
        match value {
            Some(value) => values.insert(name.to_owned(), value.to_vec()),
            None => values.remove(name),
        };
        Ok(())
    }

    fn renew(&mut self, id: StoreId) -> Result<(), StoreError> {
        let tables = self.write()?;
        tables.store_id = id;
        tables.acks.clear();
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.failed.take() {
            self.rollback()?;
            return Err(error);
        }
        if self.dirty {
            self.committed = self.now.clone();
            self.dirty = false;
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), StoreError> {
        self.failed = None;
        if self.dirty {
            self.now = Tables { last_arrival: self.now.last_arrival, ..self.committed.clone() };
            self.dirty = false;
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn conforms() {
        conformance::suite(MemoryStore::new, MemoryStore::crash);
    }
}
