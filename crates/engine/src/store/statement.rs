//! Statements within the one transaction, and the numbers that rooms and logs stand under.

use std::path::Path;

use lanline_protocol::{
    entry::LogKey,
    id::{EntryId, RoomId},
    kind::Lane,
    record::Record,
    store::{Arrival, Lost, StoreError, Stored},
};
use rusqlite::{Error, OptionalExtension, Params, Row, Rows, params};

use super::{
    Damage, Ids, Numbers, SqliteStore, Transaction, ids, row, sql,
    trouble::{self, failure},
};

impl SqliteStore {
    /// Runs a write within the transaction, which begins with the first.
    pub(super) fn write<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, StoreError> {
        let begun = match &self.transaction {
            Transaction::Failed(error) => return Err(error.clone()),
            Transaction::Begun => Ok(()),
            Transaction::Clean => self.execute("BEGIN IMMEDIATE", []).map(|_| ()),
        };
        let result = begun.and_then(|()| {
            self.transaction = Transaction::Begun;
            act(self)
        });
        result.map_err(|error| {
            let error = self.write_failure(error);
            self.transaction = Transaction::Failed(error.clone());
            error
        })
    }

    /// What the database said of a write.
    pub(super) fn write_failure(&self, error: Error) -> StoreError {
        match self.db.path() {
            Some(path) => trouble::write_failure(error, Path::new(path)),
            None => failure(error),
        }
    }

    pub(super) fn execute(&self, statement: &str, values: impl Params) -> Result<usize, Error> {
        self.db.prepare_cached(statement)?.execute(values)
    }

    pub(super) fn one<T>(
        &self,
        statement: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.db.prepare_cached(statement).map_err(failure)?;
        statement.query_row(values, read).optional().map_err(failure)
    }

    pub(super) fn many<T>(
        &self,
        statement: &str,
        values: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.db.prepare_cached(statement).map_err(failure)?;
        let mut rows = statement.query(values).map_err(failure)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failure)? {
            found.push(read(row).map_err(failure)?);
        }
        Ok(found)
    }

    pub(super) fn entries(&self, statement: &str, values: impl Params) -> Result<Vec<Stored>, StoreError> {
        Ok(self.entries_and_lost(statement, values)?.0)
    }

    /// Entries, and how many were left out because they are lost.
    pub(super) fn entries_and_lost(
        &self,
        statement: &str,
        values: impl Params,
    ) -> Result<(Vec<Stored>, usize), StoreError> {
        let mut statement = self.db.prepare_cached(statement).map_err(failure)?;
        let mut rows = statement.query(values).map_err(failure)?;
        let (mut found, mut lost) = (Vec::new(), 0);
        while let Some(entry) = self.next_entry(&mut rows)? {
            match entry {
                Ok(stored) => found.push(stored),
                Err(_) => lost += 1,
            }
        }
        Ok((found, lost))
    }

    /// The next entry, or what is left of it. Who belongs is taken from its spare where it is damaged.
    pub(super) fn next_entry(&self, rows: &mut Rows<'_>) -> Result<Option<Result<Stored, Lost>>, StoreError> {
        let Some(row) = rows.next().map_err(failure)? else { return Ok(None) };
        let (arrival, wordless, known) = match row::found(row).map_err(failure)? {
            row::Found::Whole(stored) if stored.entry.body.is_some() || stored.entry.header.lane() == Lane::Content => {
                return Ok(Some(Ok(stored)));
            }
            row::Found::Whole(stored) => (stored.arrival, None, true),
            row::Found::Wordless(stored) => (stored.arrival, Some(stored), false),
            row::Found::Misnamed(stored) => {
                let content = stored.entry.header.lane() == Lane::Content;
                if content && self.called(stored.arrival)?.contains(&stored.entry.id) {
                    self.damage.borrow_mut().misnamed.insert(stored.arrival, stored.entry.id);
                    return Ok(Some(Ok(stored)));
                }
                (stored.arrival, None, stored.entry.body.is_none())
            }
            row::Found::Damaged { arrival, known } => (arrival, None, known),
        };
        if let Some(spare) = self.one(sql::SPARE, [row::to_bits(arrival)], row::spare)?.flatten() {
            let id = spare.entry.id;
            let is_it = row::ids(row, 1, 3).contains(&Some(*id.as_bytes()))
                || (spare.entry.signature.is_some() && spare.entry.signature_holds())
                || self.called(arrival)?.contains(&id);
            if is_it {
                self.damage.borrow_mut().spared.insert(arrival, id);
                return Ok(Some(Ok(spare)));
            }
        }
        let lost = self.one(sql::LOST_AT, [row::to_bits(arrival)], row::lost)?;
        // Of who belongs, nothing may be left out: somebody who was removed would belong again.
        let mut lost = lost.ok_or_else(|| StoreError::Failed(format!("entry {arrival} is damaged")))?;
        if !known {
            if let [id] = self.called(arrival)?[..] {
                // Its row may name it otherwise, which nobody could be asked for.
                lost.id = id;
            }
            tracing::error!(arrival, "an entry in the database is damaged: it is asked of the members");
            self.damage.borrow_mut().lost.insert(arrival, lost);
        }
        Ok(Some(wordless.ok_or(lost)))
    }

    fn called(&self, arrival: Arrival) -> Result<Vec<EntryId>, StoreError> {
        ids::called(&self.db, row::to_bits(arrival)).map_err(failure)
    }

    /// Puts right what reading found damaged, where the database itself has it whole. What cannot be written now is found
    /// again.
    pub(super) fn mend(&mut self) {
        let Damage { spared, misnamed, .. } = self.damage.get_mut();
        let (spared, misnamed) = (std::mem::take(spared), std::mem::take(misnamed));
        for (arrival, id) in spared {
            tracing::error!(arrival, "an entry in the database was damaged: it is replaced by its spare");
            let _ = self.write(|this| this.mend_by(sql::MEND, row::to_bits(arrival), &id));
        }
        for (arrival, id) in misnamed {
            tracing::error!(arrival, "the id of an entry in the database was damaged: it is put right");
            let _ = self.write(|this| this.mend_by(sql::RENAME_ENTRY, row::to_bits(arrival), &id));
        }
    }

    /// Changes an entry's row, its id too.
    pub(super) fn mend_by(&self, statement: &str, arrival: i64, id: &EntryId) -> Result<(), Error> {
        self.execute(statement, params![arrival, id.as_bytes()])?;
        self.put_right(id, arrival)
    }

    /// The number a room stands under, given where it has none yet.
    pub(super) fn room(&mut self, room: RoomId) -> Result<i64, Error> {
        if let Some(number) = self.numbers.rooms.get(&room) {
            return Ok(*number);
        }
        let known = self.db.prepare_cached(sql::ROOM_NUMBER)?.query_row([room.as_bytes()], |row| row.get(0));
        let number = match known.optional()? {
            Some(number) => number,
            None => self.db.prepare_cached(sql::PUT_ROOM)?.insert([room.as_bytes()])?,
        };
        self.numbers.rooms.insert(room, number);
        Ok(number)
    }

    /// As [`Self::room`], a log's.
    pub(super) fn log(&mut self, room: i64, log: LogKey) -> Result<i64, Error> {
        if let Some(number) = self.numbers.logs.get(&(room, log)) {
            return Ok(*number);
        }
        let key = params![room, log.author.as_bytes(), log.log.as_bytes()];
        let known = self.db.prepare_cached(sql::LOG_NUMBER)?.query_row(key, |row| row.get(0));
        let number = match known.optional()? {
            Some(number) => number,
            None => self.db.prepare_cached(sql::PUT_LOG)?.insert(key)?,
        };
        self.numbers.logs.insert((room, log), number);
        Ok(number)
    }

    /// Whether what is committed now will be found again: SQLite goes on writing to files that were deleted.
    pub(super) fn in_place(&self) -> Result<(), StoreError> {
        match self.pins.iter().find(|pin| !pin.holds()) {
            None => Ok(()),
            Some(gone) => {
                let name = gone.path().file_name().unwrap_or_default().display();
                Err(StoreError::Failed(format!("its file {name} was deleted or moved while it was open")))
            }
        }
    }

    /// Makes the writes durable.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.settle_tips()?;
        if self.ids.is_full() {
            self.write_ids()?;
        }
        if self.last_arrival != self.saved_arrival {
            self.execute(sql::COUNT, [self.last_arrival])?;
        }
        self.execute("COMMIT", []).map(|_| ())
    }

    /// Takes the writes back, also where SQLite did so itself. Arrivals that were given are not given again.
    pub(super) fn undo(&mut self) -> Result<(), Error> {
        self.numbers = Numbers::default();
        self.tips.forget();
        *self.damage.get_mut() = Damage::default();
        self.id = self.committed_id;
        if !self.db.is_autocommit() {
            self.execute("ROLLBACK", [])?;
        }
        self.ids = Ids::read(&self.db)?;
        self.transaction = Transaction::Clean;
        Ok(())
    }
}

/// The next record that is not damaged.
pub(super) fn next_record(rows: &mut Rows<'_>, room: RoomId) -> Result<Option<(Arrival, Record)>, StoreError> {
    while let Some(row) = rows.next().map_err(failure)? {
        if let Some(found) = row::record(room, row).map_err(failure)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
