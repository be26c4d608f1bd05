//! A device's disk: the store in memory, with what may go wrong with one, and a list of what was committed for those
//! who watch from outside.

use std::cell::Cell;

use lanline_protocol::entry::{Entry, LogKey};
use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::identity::{DeviceId, PublicKey};
use lanline_protocol::kind::Lane;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::record::{Record, RecordKey};
use lanline_protocol::store::{Arrival, Cursor, Device, Item, Lost, NewEntry, Order, Store, StoreError, Stored, Tip};

/// Something that was committed.
#[derive(Clone, Debug)]
pub(crate) enum Put {
    Entry(Box<PutEntry>),
    Record(RecordKey, u64, Hash),
    Cursor(StoreId, RoomId, Lane, Cursor),
    Ack(DeviceId, RoomId, Lane, Arrival),
    Renewed,
}

/// What of an entry is looked at from outside.
#[derive(Clone, Debug)]
pub(crate) struct PutEntry {
    pub(crate) id: EntryId,
    pub(crate) log: LogKey,
    pub(crate) seq: u64,
    pub(crate) previous: Option<EntryId>,
    pub(crate) kind: u16,
    pub(crate) timestamp_us: u64,
    pub(crate) shown_us: u64,
    pub(crate) signed: bool,
    pub(crate) reply_to: Option<EntryId>,
}

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// There is room for so many more writes.
    Full(u32),
    /// So many more writes succeed.
    Broken(u32),
    /// So many more reads succeed.
    Unreadable(u32),
    /// The device loses power in its next commit, before or after it took effect.
    PowerCut {
        kept: bool,
    },
}

/// See the module's documentation.
pub(crate) struct Disk {
    inner: MemoryStore,
    fault: Cell<Fault>,
    failed: Option<StoreError>,
    written: bool,
    power_cut: bool,
    waiting: Vec<Put>,
    committed: Vec<Put>,
}

impl Disk {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            fault: Cell::new(Fault::None),
            failed: None,
            written: false,
            power_cut: false,
            waiting: Vec::new(),
            committed: Vec::new(),
        }
    }

    /// What a crash leaves of it.
    pub(crate) fn crash(self) -> MemoryStore {
        self.inner.crash()
    }

    /// What is on it. Between two transactions that is what is committed.
    pub(crate) fn held(&self) -> &MemoryStore {
        &self.inner
    }

    pub(crate) fn held_mut(&mut self) -> &mut MemoryStore {
        &mut self.inner
    }

    pub(crate) fn set_fault(&mut self, fault: Fault) {
        self.fault.set(fault);
    }

    pub(crate) fn fault(&self) -> Fault {
        self.fault.get()
    }

    /// Whether power was cut in a commit.
    pub(crate) fn power_was_cut(&self) -> bool {
        self.power_cut
    }

    /// What was committed since this was asked last.
    pub(crate) fn take_committed(&mut self) -> Vec<Put> {
        std::mem::take(&mut self.committed)
    }

    fn fail(&mut self, error: StoreError) -> StoreError {
        self.failed = Some(error.clone());
        error
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.written = true;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.fault.get() {
            Fault::Full(0) => Err(self.fail(StoreError::Full)),
            Fault::Broken(0) => Err(self.fail(StoreError::Failed("input/output error".into()))),
            Fault::Full(left) => {
                self.fault.set(Fault::Full(left - 1));
                Ok(())
            }
            Fault::Broken(left) => {
                self.fault.set(Fault::Broken(left - 1));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn read(&self) -> Result<(), StoreError> {
        match self.fault.get() {
            Fault::Unreadable(0) => Err(StoreError::Failed("input/output error".into())),
            Fault::Unreadable(left) => {
                self.fault.set(Fault::Unreadable(left - 1));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Store for Disk {
    fn store_id(&self) -> StoreId {
        self.inner.store_id()
    }

    fn rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        self.read()?;
        self.inner.rooms()
    }

    fn tips(&self, room: RoomId, lane: Lane) -> Result<Vec<Tip>, StoreError> {
        self.read()?;
        self.inner.tips(room, lane)
    }

    fn page(
        &self,
        room: RoomId,
        lane: Lane,
        after: Arrival,
        items: usize,
        bytes: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.read()?;
        self.inner.page(room, lane, after, items, bytes)
    }

    fn anchor(&self, room: RoomId, lane: Lane, at: Arrival) -> Result<Option<(Arrival, EntryId)>, StoreError> {
        self.read()?;
        self.inner.anchor(room, lane, at)
    }

    fn newest(&self, room: RoomId, lane: Lane) -> Result<Arrival, StoreError> {
        self.read()?;
        self.inner.newest(room, lane)
    }

    fn entry(&self, id: EntryId) -> Result<Option<Stored>, StoreError> {
        self.read()?;
        self.inner.entry(id)
    }

    fn at(&self, room: RoomId, log: LogKey, seq: u64) -> Result<Vec<Stored>, StoreError> {
        self.read()?;
        self.inner.at(room, log, seq)
    }

    fn of_kind(&self, room: RoomId, kind: u16) -> Result<Vec<Stored>, StoreError> {
        self.read()?;
        self.inner.of_kind(room, kind)
    }

    fn timeline(
        &self,
        room: RoomId,
        before: Option<Order>,
        hidden: &[u16],
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        self.read()?;
        self.inner.timeline(room, before, hidden, limit)
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
        self.read()?;
        self.inner.count(room, log, kind, after, upto, limit)
    }

    fn first_after(&self, room: RoomId, log: LogKey, beyond: u64, at: Order) -> Result<Option<u64>, StoreError> {
        self.read()?;
        self.inner.first_after(room, log, beyond, at)
    }

    fn missing(&self, room: RoomId) -> Result<Vec<(LogKey, u64)>, StoreError> {
        self.read()?;
        self.inner.missing(room)
    }

    fn lost(&self, room: RoomId, limit: usize) -> Result<Vec<Lost>, StoreError> {
        self.read()?;
        self.inner.lost(room, limit)
    }

    fn damaged(&mut self) -> Vec<Lost> {
        self.inner.damaged()
    }

    fn knows(&self, id: EntryId) -> Result<Option<bool>, StoreError> {
        self.read()?;
        self.inner.knows(id)
    }

    fn records(&self, room: RoomId, after: Option<RecordKey>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.read()?;
        self.inner.records(room, after, limit)
    }

    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.read()?;
        self.inner.record(key)
    }

    fn cursor(&self, store: StoreId, room: RoomId, lane: Lane) -> Result<Option<Cursor>, StoreError> {
        self.read()?;
        self.inner.cursor(store, room, lane)
    }

    fn acks(&self, room: RoomId, lane: Lane) -> Result<Vec<(DeviceId, Arrival)>, StoreError> {
        self.read()?;
        self.inner.acks(room, lane)
    }

    fn sent(&self, room: RoomId, client_id: &str) -> Result<Option<EntryId>, StoreError> {
        self.read()?;
        self.inner.sent(room, client_id)
    }

    fn devices(&self) -> Result<Vec<Device>, StoreError> {
        self.read()?;
        self.inner.devices()
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read()?;
        self.inner.value(name)
    }

    fn put_entry(&mut self, new: NewEntry<'_>) -> Result<Arrival, StoreError> {
        self.write()?;
        let arrival = self.inner.put_entry(new)?;
        let (entry, header) = (new.entry, &new.entry.header);
        let reply_to = match entry.decode_body() {
            lanline_protocol::body::Body::Text(text) => text.reply_to,
            _ => None,
        };
        self.waiting.push(Put::Entry(Box::new(PutEntry {
            id: entry.id,
            log: header.log_key(),
            seq: header.seq,
            previous: header.previous,
            kind: header.kind,
            timestamp_us: header.timestamp_us,
            shown_us: new.order.time_us,
            signed: entry.signature.is_some(),
            reply_to,
        })));
        Ok(arrival)
    }

    fn put_lost(&mut self, lost: &Lost) -> Result<(), StoreError> {
        self.write()?;
        self.inner.put_lost(lost)
    }

    fn put_again(&mut self, entry: &Entry) -> Result<(), StoreError> {
        self.write()?;
        self.inner.put_again(entry)
    }

    fn put_record(&mut self, record: &Record) -> Result<Arrival, StoreError> {
        self.write()?;
        self.waiting.push(Put::Record(record.key, record.version, Hash::of(&record.content)));
        self.inner.put_record(record)
    }

    fn put_cursor(&mut self, store: StoreId, room: RoomId, lane: Lane, cursor: Cursor) -> Result<(), StoreError> {
        self.write()?;
        self.waiting.push(Put::Cursor(store, room, lane, cursor));
        self.inner.put_cursor(store, room, lane, cursor)
    }

    fn put_ack(&mut self, device: DeviceId, room: RoomId, lane: Lane, arrival: Arrival) -> Result<(), StoreError> {
        self.write()?;
        self.waiting.push(Put::Ack(device, room, lane, arrival));
        self.inner.put_ack(device, room, lane, arrival)
    }

    fn put_sent(&mut self, room: RoomId, client_id: &str, id: EntryId) -> Result<(), StoreError> {
        self.write()?;
        self.inner.put_sent(room, client_id, id)
    }

    fn forget_device(&mut self, key: &PublicKey) -> Result<(), StoreError> {
        self.write()?;
        self.inner.forget_device(key)
    }

    fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        self.write()?;
        self.inner.put_device(device)
    }

    fn put_value(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.write()?;
        self.inner.put_value(name, value)
    }

    fn renew(&mut self, id: StoreId) -> Result<(), StoreError> {
        self.write()?;
        self.waiting.push(Put::Renewed);
        self.inner.renew(id)
    }

    fn skip(&mut self, arrivals: u64) {
        self.inner.skip(arrivals);
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let dirty = std::mem::take(&mut self.written);
        if self.failed.is_none() && dirty {
            match self.fault.get() {
                Fault::Full(_) => self.failed = Some(StoreError::Full),
                Fault::Broken(_) => self.failed = Some(StoreError::Failed("input/output error".into())),
                Fault::PowerCut { kept } => {
                    self.power_cut = true;
                    if kept {
                        self.inner.commit()?;
                        self.committed.append(&mut self.waiting);
                    }
                    return Err(StoreError::Failed("the power was cut".into()));
                }
                Fault::None | Fault::Unreadable(_) => {}
            }
        }
        if let Some(error) = self.failed.take() {
            self.rollback()?;
            return Err(error);
        }
        self.inner.commit()?;
        self.committed.append(&mut self.waiting);
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), StoreError> {
        self.waiting.clear();
        self.written = false;
        self.failed = None;
        self.inner.rollback()
    }
}

/// The device that a key is the identity of, or nothing of ours.
pub(crate) fn position(keys: &[PublicKey], key: &PublicKey) -> Option<usize> {
    keys.iter().position(|known| known == key)
}
