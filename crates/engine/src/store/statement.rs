//! Statements within the one transaction, and the numbers that rooms and logs stand under.

use std::path::Path;

use lanline_protocol::{
    entry::LogKey,
    id::RoomId,
    record::Record,
    store::{Arrival, StoreError, Stored},
};
use rusqlite::{Error, OptionalExtension, Params, Row, Rows, params};

use super::{
    Numbers, SqliteStore, Transaction, row, sql,
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
        let mut statement = self.db.prepare_cached(statement).map_err(failure)?;
        let mut rows = statement.query(values).map_err(failure)?;
        let mut found = Vec::new();
        while let Some(stored) = next_entry(&mut rows)? {
            found.push(stored);
        }
        Ok(found)
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
    pub(super) fn finish(&self) -> Result<(), Error> {
        if self.last_arrival != self.saved_arrival {
            self.execute(sql::COUNT, [self.last_arrival])?;
        }
        self.execute("COMMIT", []).map(|_| ())
    }

    /// Takes the writes back, also where SQLite did so itself. Arrivals that were given are not given again.
    pub(super) fn undo(&mut self) -> Result<(), Error> {
        self.numbers = Numbers::default();
        self.id = self.committed_id;
        if !self.db.is_autocommit() {
            self.execute("ROLLBACK", [])?;
        }
        self.transaction = Transaction::Clean;
        Ok(())
    }
}

pub(super) fn next_entry(rows: &mut Rows<'_>) -> Result<Option<Stored>, StoreError> {
    rows.next().map_err(failure)?.map(row::stored).transpose()
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
