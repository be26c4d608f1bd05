//! What a device keeps, in one SQLite database.

mod copy;
mod ids;
mod open;
mod page;
mod row;
mod sql;
mod statement;
#[cfg(test)]
mod tests;
mod tip;
mod trouble;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
};

use lanline_protocol::{
    entry::Entry,
    entry::LogKey,
    frame::Head,
    id::{EntryId, LogId, RoomId, StoreId},
    identity::{DeviceId, PublicKey},
    kind::{Kind, Lane},
    record::{Record, RecordKey},
    store::{Arrival, Cursor, Device, Item, Lost, NewEntry, Order, Store, StoreError, Stored, Tip},
};
use rusqlite::{Connection, params};

pub(crate) use self::copy::{copy_database, has_entries, mark_copied};
pub use self::open::OpenStoreError;
pub(crate) use self::trouble::{Trouble, trouble};
use self::{
    ids::Ids,
    row::{bound, bytes, comparable, from_bits, to_bits},
    statement::next_record,
    tip::{NewTip, Tips},
    trouble::failure,
};
use crate::platform::Pin;

/// A device's database in one file, used from one thread.
///
/// A record that does not match its checksum is given as not held, an entry's body that does not match its hash as
/// missing. An entry whose header does not match is left out, as lost, until it is put back; one of the membership lane is
/// taken from its spare, and an error where that is damaged too. Which of header and id is damaged is told by the tips and
/// by the entry that follows.
pub struct SqliteStore {
    db: Connection,
    id: StoreId,
    committed_id: StoreId,
    /// Given last, committed or not.
    last_arrival: i64,
    saved_arrival: i64,
    transaction: Transaction,
    numbers: Numbers,
    tips: Tips,
    ids: Ids,
    damage: RefCell<Damage>,
    /// What must stand where it stood, or what is committed is lost.
    pins: Vec<Pin>,
}

/// What was written since the last commit.
enum Transaction {
    Clean,
    Begun,
    /// A write failed: what came before it may be gone too, so nothing of it may be committed.
    Failed(StoreError),
}

/// Numbers that rooms and logs stand under, as far as they were written to.
#[derive(Default)]
struct Numbers {
    rooms: HashMap<RoomId, i64>,
    logs: HashMap<(i64, LogKey), i64>,
}

/// What reading found damaged since this was looked after last, by arrival.
#[derive(Default)]
struct Damage {
    lost: BTreeMap<Arrival, Lost>,
    /// Read from their spares.
    spared: BTreeMap<Arrival, EntryId>,
    /// Whole, but for their ids.
    misnamed: BTreeMap<Arrival, EntryId>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the database, or makes one with `fresh_id`. One that another identity wrote, or that is in another file than
    /// it was (imported, copied or restored), gets `fresh_id` too, and forgets what others acknowledged and which logs it
    /// was writing: another device, or this one before, may have gone on writing those. Blocks; the folder must be held by
    /// this process alone.
    ///
    /// # Errors
    /// [`OpenStoreError`]
    pub fn open(path: &Path, identity: PublicKey, fresh_id: StoreId) -> Result<Self, OpenStoreError> {
        let open::Opened { db, id, last_arrival, ids, pins } = open::open(path, identity, fresh_id)?;
        Ok(Self {
            db,
            id,
            committed_id: id,
            last_arrival,
            saved_arrival: last_arrival,
            transaction: Transaction::Clean,
            numbers: Numbers::default(),
            tips: Tips::default(),
            ids,
            damage: RefCell::default(),
            pins,
        })
    }

    /// The next arrival to be given.
    fn next_arrival(&self) -> Result<i64, rusqlite::Error> {
        // None is left only where a disk made another number of the last one.
        let next = self.last_arrival.checked_add(1);
        next.ok_or_else(|| rusqlite::Error::ToSqlConversionFailure("no arrival is left".into()))
    }

    /// From now on nothing is committed, either, where this file no longer stands where it stood.
    pub(crate) fn rely_on(&mut self, pin: Pin) {
        self.pins.push(pin);
    }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl Store for SqliteStore {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        let mut rooms: Vec<RoomId> = Vec::new();
        for room in self.many(sql::ROOMS, [], |row| Ok(RoomId::new(bytes(row, 0)?)))? {
            if self.standing(&room.creation())?.is_some() {
                rooms.push(room);
            }
        }
        Ok(rooms)
    }

    fn tips(&self, room: RoomId, lane: Lane) -> Result<Vec<Tip>, StoreError> {
        self.settle_tips().map_err(failure)?;
        self.many(sql::TIPS, params![room.as_bytes(), lane.number()], |row| {
            let log = LogKey { author: PublicKey::new(bytes(row, 0)?), log: LogId::new(bytes(row, 1)?) };
            Ok(Tip {
                head: Head { log, seq: row::number(row, 2)?, id: EntryId::new(bytes(row, 3)?) },
                timestamp_us: row::number(row, 4)?,
                add: EntryId::new(bytes(row, 5)?),
            })
        })
    }

    fn page(
        &self,
        room: RoomId,
        lane: Lane,
        after: Arrival,
        items: usize,
        bytes: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.read_page(room, lane, after, items, bytes)
    }

    fn anchor(&self, room: RoomId, lane: Lane, at: Arrival) -> Result<Option<(Arrival, EntryId)>, StoreError> {
        self.one(sql::ANCHOR, params![room.as_bytes(), lane.number(), bound(at)], |row| {
            Ok((from_bits(row.get(0)?), row::id(row, 1)))
        })
    }

    fn newest(&self, room: RoomId, lane: Lane) -> Result<Arrival, StoreError> {
        let entry = self.anchor(room, lane, Arrival::MAX)?.map(|(arrival, _)| arrival);
        let record = match lane {
            Lane::Content => self.one(sql::NEWEST_RECORD, [room.as_bytes()], |row| row.get(0).map(from_bits))?,
            Lane::Membership => None,
        };
        Ok(entry.max(record).unwrap_or(0))
    }

    fn entry(&self, id: EntryId) -> Result<Option<Stored>, StoreError> {
        self.find(&id)
    }

    fn at(&self, room: RoomId, log: LogKey, seq: u64) -> Result<Vec<Stored>, StoreError> {
        self.entries(sql::AT, params![room.as_bytes(), log.author.as_bytes(), log.log.as_bytes(), bound(seq)])
    }

    fn of_kind(&self, room: RoomId, kind: u16) -> Result<Vec<Stored>, StoreError> {
        if Kind::from_number(kind) == Kind::Text {
            return self.entries(sql::TEXTS, [room.as_bytes()]);
        }
        self.entries(sql::OF_KIND, params![room.as_bytes(), kind])
    }

    fn timeline(
        &self,
        room: RoomId,
        before: Option<Order>,
        hidden: &[u16],
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        self.read_timeline(room, before, hidden, limit)
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
        let values = params![
            room.as_bytes(),
            log.author.as_bytes(),
            log.log.as_bytes(),
            kind,
            bound(after),
            bound(upto),
            count(limit),
        ];
        let counted: Option<i64> = self.one(sql::COUNT_KIND, values, |row| row.get(0))?;
        Ok(counted.and_then(|counted| usize::try_from(counted).ok()).unwrap_or(0))
    }

    fn first_after(&self, room: RoomId, log: LogKey, beyond: u64, at: Order) -> Result<Option<u64>, StoreError> {
        let values = params![
            room.as_bytes(),
            log.author.as_bytes(),
            log.log.as_bytes(),
            bound(at.time_us),
            at.author.as_bytes(),
            bound(at.seq),
            at.id.as_bytes(),
            bound(beyond),
        ];
        self.one(sql::FIRST_AFTER, values, |row| row.get(0).map(from_bits))
    }

    fn missing(&self, room: RoomId) -> Result<Vec<(LogKey, u64)>, StoreError> {
        self.many(sql::MISSING, [room.as_bytes()], |row| {
            let log = LogKey { author: PublicKey::new(bytes(row, 0)?), log: LogId::new(bytes(row, 1)?) };
            Ok((log, from_bits(row.get(2)?)))
        })
    }

    fn lost(&self, room: RoomId, limit: usize) -> Result<Vec<Lost>, StoreError> {
        self.many(sql::LOST, params![room.as_bytes(), count(limit)], row::lost)
    }

    fn knows(&self, id: EntryId) -> Result<Option<bool>, StoreError> {
        Ok(self.standing(&id)?.map(|(_, signed)| signed))
    }

    fn damaged(&mut self) -> Vec<Lost> {
        self.mend();
        std::mem::take(&mut self.damage.get_mut().lost).into_values().collect()
    }

    fn records(&self, room: RoomId, after: Option<RecordKey>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.read_records(room, after, limit)
    }

    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        let mut statement = self.db.prepare_cached(sql::RECORD).map_err(failure)?;
        let values = params![key.room.as_bytes(), key.author.as_bytes(), key.store.as_bytes(), key.name.0];
        let mut rows = statement.query(values).map_err(failure)?;
        Ok(next_record(&mut rows, key.room)?.map(|(_, record)| record))
    }

    fn cursor(&self, store: StoreId, room: RoomId, lane: Lane) -> Result<Option<Cursor>, StoreError> {
        self.one(sql::CURSOR, params![store.as_bytes(), room.as_bytes(), lane.number()], |row| {
            let anchor: Option<[u8; 32]> = row.get(1)?;
            Ok(Cursor { arrival: from_bits(row.get(0)?), anchor: anchor.map(EntryId::new) })
        })
    }

    fn acks(&self, room: RoomId, lane: Lane) -> Result<Vec<(DeviceId, Arrival)>, StoreError> {
        self.many(sql::ACKS, params![room.as_bytes(), lane.number()], |row| {
            Ok((DeviceId::new(bytes(row, 0)?), from_bits(row.get(1)?)))
        })
    }

    fn sent(&self, room: RoomId, client_id: &str) -> Result<Option<EntryId>, StoreError> {
        self.one(sql::SENT, params![room.as_bytes(), client_id], |row| Ok(EntryId::new(bytes(row, 0)?)))
    }

    fn devices(&self) -> Result<Vec<Device>, StoreError> {
        self.many(sql::DEVICES, [], |row| {
            Ok(Device {
                key: PublicKey::new(bytes(row, 0)?),
                name: row.get(1)?,
                address: row.get(2)?,
                first_seen_at: from_bits(row.get(3)?),
                last_seen_at: from_bits(row.get(4)?),
            })
        })
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.one(sql::VALUE, [name], |row| row.get(0))
    }

    fn put_entry(&mut self, new: NewEntry<'_>) -> Result<Arrival, StoreError> {
        self.write(|this| {
            let (entry, header) = (new.entry, &new.entry.header);
            let (lane, seq) = (header.lane().number(), comparable(header.seq)?);
            let room = this.room(entry.room())?;
            let log = this.log(room, header.log_key())?;
            let tip = NewTip {
                seq,
                id: *entry.id.as_bytes(),
                timestamp_us: to_bits(header.timestamp_us),
                add: *new.add.as_bytes(),
            };
            this.extend(log, lane, header.previous.map(|previous| *previous.as_bytes()), tip)?;
            let arrival = this.next_arrival()?;
            this.execute(
                sql::PUT_ENTRY,
                params![
                    arrival,
                    room,
                    lane,
                    log,
                    seq,
                    header.kind,
                    comparable(new.order.time_us)?,
                    entry.id.as_bytes(),
                    entry.signature.as_ref().map(|signature| signature.as_bytes()),
                    entry.header_bytes,
                    entry.body,
                ],
            )?;
            if header.lane() == Lane::Membership {
                let signature = entry.signature.as_ref().map(|signature| signature.as_bytes());
                this.execute(sql::PUT_SPARE, params![arrival, signature, entry.header_bytes, entry.body])?;
            }
            this.last_arrival = arrival;
            this.ids.note(&entry.id, arrival);
            Ok(from_bits(arrival))
        })
    }

    fn put_lost(&mut self, lost: &Lost) -> Result<(), StoreError> {
        self.write(|this| this.mend_by(sql::PUT_LOST, to_bits(lost.arrival), &lost.id))
    }

    fn put_again(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let Some((arrival, _)) = self.standing(&entry.id)? else { return Ok(()) };
        self.write(|this| {
            let signature = entry.signature.as_ref().map(|signature| signature.as_bytes());
            let values = params![arrival, signature, entry.header_bytes, entry.body, entry.id.as_bytes()];
            this.execute(sql::PUT_AGAIN, values)?;
            // What reading found is over, or it would be noted as lost with the next commit.
            this.damage.get_mut().lost.remove(&from_bits(arrival));
            Ok(())
        })
    }

    fn put_record(&mut self, record: &Record) -> Result<Arrival, StoreError> {
        self.write(|this| {
            let room = this.room(record.key.room)?;
            let arrival = this.next_arrival()?;
            this.execute(
                sql::PUT_RECORD,
                params![
                    arrival,
                    room,
                    record.key.author.as_bytes(),
                    record.key.store.as_bytes(),
                    record.key.name.0,
                    to_bits(record.version),
                    record.value,
                    record.content,
                    record.signature.as_bytes(),
                    row::checksum(record).as_bytes(),
                ],
            )?;
            this.last_arrival = arrival;
            Ok(from_bits(arrival))
        })
    }

    fn put_cursor(&mut self, store: StoreId, room: RoomId, lane: Lane, cursor: Cursor) -> Result<(), StoreError> {
        self.write(|this| {
            let room = this.room(room)?;
            let anchor = cursor.anchor.as_ref().map(EntryId::as_bytes);
            let values = params![store.as_bytes(), room, lane.number(), to_bits(cursor.arrival), anchor];
            this.execute(sql::PUT_CURSOR, values).map(|_| ())
        })
    }

    fn put_ack(&mut self, device: DeviceId, room: RoomId, lane: Lane, arrival: Arrival) -> Result<(), StoreError> {
        self.write(|this| {
            let room = this.room(room)?;
            this.execute(sql::PUT_ACK, params![room, lane.number(), device.as_bytes(), to_bits(arrival)]).map(|_| ())
        })
    }

    fn put_sent(&mut self, room: RoomId, client_id: &str, id: EntryId) -> Result<(), StoreError> {
        self.write(|this| {
            let room = this.room(room)?;
            this.execute(sql::PUT_SENT, params![room, client_id, id.as_bytes()]).map(|_| ())
        })
    }

    fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        self.write(|this| {
            let values = params![
                device.key.as_bytes(),
                device.name,
                device.address,
                to_bits(device.first_seen_at),
                to_bits(device.last_seen_at),
            ];
            this.execute(sql::PUT_DEVICE, values).map(|_| ())
        })
    }

    fn forget_device(&mut self, key: &PublicKey) -> Result<(), StoreError> {
        self.write(|this| this.execute(sql::FORGET_DEVICE, [key.as_bytes()]).map(|_| ()))
    }

    fn put_value(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.write(|this| match value {
            Some(value) => this.execute(sql::PUT_VALUE, params![name, value]).map(|_| ()),
            None => this.execute(sql::FORGET_VALUE, [name]).map(|_| ()),
        })
    }

    fn renew(&mut self, id: StoreId) -> Result<(), StoreError> {
        self.write(|this| {
            this.execute(sql::RENAME, [id.as_bytes()])?;
            this.execute(sql::FORGET_ACKS, [])?;
            this.id = id;
            Ok(())
        })
    }

    fn skip(&mut self, arrivals: u64) {
        self.last_arrival = self.last_arrival.saturating_add_unsigned(arrivals);
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let finished = match &self.transaction {
            Transaction::Clean => return Ok(()),
            Transaction::Failed(error) => Err(error.clone()),
            Transaction::Begun => {
                self.in_place().and_then(|()| self.finish().map_err(|error| self.write_failure(error)))
            }
        };
        match finished {
            Ok(()) => {
                self.transaction = Transaction::Clean;
                self.tips.forget();
                self.saved_arrival = self.last_arrival;
                self.committed_id = self.id;
                Ok(())
            }
            Err(error) => {
                self.rollback()?;
                Err(error)
            }
        }
    }

    fn rollback(&mut self) -> Result<(), StoreError> {
        if matches!(self.transaction, Transaction::Clean) {
            return Ok(());
        }
        self.undo().map_err(|error| {
            let error = failure(error);
            self.transaction = Transaction::Failed(error.clone());
            error
        })
    }
}
