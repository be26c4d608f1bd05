//! Where entries stand by their ids.
//!
//! An id falls anywhere, so in an index in the database each entry would change a page of its own. The ids of the newest
//! entries are held here instead, and written many at a time, in their order, with some commit. What is in the database
//! says how far that went: the rest is read again where it is opened.

use std::collections::HashMap;

use lanline_protocol::{
    entry::Entry,
    id::EntryId,
    store::{StoreError, Stored},
};
use rusqlite::{Connection, Error};

use super::{SqliteStore, row, sql};

/// How many are held before they are written. Few in tests, so that all that is tested is tested across it.
const HELD: usize = if cfg!(test) { 16 } else { 8192 };

/// The arrivals of entries whose ids are not written yet.
#[derive(Default)]
pub(super) struct Ids(HashMap<[u8; 32], i64>);

impl Ids {
    /// Reads what is not written yet.
    pub(super) fn read(db: &Connection) -> Result<Self, Error> {
        let mut statement = db.prepare_cached(sql::UNNAMED)?;
        let mut rows = statement.query([])?;
        let mut held = HashMap::new();
        while let Some(row) = rows.next()? {
            let arrival = row.get(0)?;
            let [named, hashed] = row::ids(row, 1, 2);
            held.extend([named, hashed].into_iter().flatten().map(|id| (id, arrival)));
            if named != hashed {
                // One of them is damaged, or both.
                held.extend(called(db, arrival)?.into_iter().map(|id| (*id.as_bytes(), arrival)));
            }
        }
        Ok(Self(held))
    }

    pub(super) fn note(&mut self, id: &EntryId, arrival: i64) {
        self.0.insert(*id.as_bytes(), arrival);
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= HELD
    }

    /// Writes all that is held, which is all up to an arrival.
    pub(super) fn write(&mut self, db: &Connection, upto: i64) -> Result<(), Error> {
        let mut all: Vec<(i64, i64)> = self.0.iter().map(|(id, arrival)| (short(id), *arrival)).collect();
        all.sort_unstable();
        {
            let mut put = db.prepare_cached(sql::PUT_ID)?;
            for (short, arrival) in all {
                put.execute([short, arrival])?;
            }
        }
        db.prepare_cached(sql::NAMED)?.execute([upto])?;
        self.0.clear();
        Ok(())
    }
}

/// What an entry is called by the tips and by what comes after it, where its own row is damaged: one id, its own, as long
/// as these are whole.
pub(super) fn called(db: &Connection, arrival: i64) -> Result<Vec<EntryId>, Error> {
    let column = |statement: &str, column: usize| -> Result<Vec<Option<Vec<u8>>>, Error> {
        db.prepare_cached(statement)?.query_map([arrival], |row| Ok(row.get(column).ok()))?.collect()
    };
    let ids = |statement| -> Result<Vec<EntryId>, Error> {
        let ids = column(statement, 0)?.into_iter().flatten();
        Ok(ids.filter_map(|id| id.try_into().ok().map(EntryId::new)).collect())
    };
    let headers = [column(sql::NEXT_OF, 0)?, column(sql::NEXT_OF, 1)?].into_iter().flatten().flatten();
    let next = headers.filter_map(|header| Entry::from_parts(header, None, None).ok()?.header.previous);
    let mut called = ids(sql::TIPS_AT)?;
    called.extend(next);
    let branches = ids(sql::BRANCHES_OF)?;
    called.retain(|id| !branches.contains(id));
    called.sort_unstable();
    called.dedup();
    Ok(called)
}

/// What an id is looked for by.
fn short(id: &[u8; 32]) -> i64 {
    id.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
}

impl SqliteStore {
    /// Where an entry may stand: of what is there it has yet to be seen whether it has this id.
    fn places(&self, id: &EntryId) -> Result<Vec<i64>, StoreError> {
        match self.ids.0.get(id.as_bytes()) {
            Some(arrival) => Ok(vec![*arrival]),
            None => self.many(sql::PLACES, [short(id.as_bytes())], |row| row.get(0)),
        }
    }

    /// An entry by its id.
    pub(super) fn find(&self, id: &EntryId) -> Result<Option<Stored>, StoreError> {
        for arrival in self.places(id)? {
            let found = self.entries(sql::ENTRY, [arrival])?.pop();
            if found.as_ref().is_some_and(|stored| stored.entry.id == *id) {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The arrival of an entry that is there, to be read or not, and whether it has a signature.
    pub(super) fn standing(&self, id: &EntryId) -> Result<Option<(i64, bool)>, StoreError> {
        for arrival in self.places(id)? {
            let found = self.one(sql::KNOWS, [arrival], |row| Ok((row::ids(row, 1, 2), row.get(0)?)))?;
            let Some(([named, hashed], signed)) = found else { continue };
            // A whole entry of another id only begins alike.
            if named != hashed || named.as_ref() == Some(id.as_bytes()) {
                return Ok(Some((arrival, signed)));
            }
        }
        Ok(None)
    }

    /// Has an entry found by its id, which its row did not tell when the ids were read.
    pub(super) fn put_right(&self, id: &EntryId, arrival: i64) -> Result<(), Error> {
        self.execute(sql::PUT_ID, [short(id.as_bytes()), arrival]).map(|_| ())
    }

    /// Writes all that is held.
    pub(super) fn write_ids(&mut self) -> Result<(), Error> {
        self.ids.write(&self.db, self.last_arrival)
    }
}
