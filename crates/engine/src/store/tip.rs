//! Tips that move on within one transaction. Of a hundred entries of one log the first and the last move it in the
//! database; the row between is not written a hundred times.

use std::{cell::RefCell, collections::HashMap};

use rusqlite::{Error, params};

use super::{SqliteStore, sql};

type Id = [u8; 32];

/// An entry without a successor, as its row is to say.
#[derive(Clone, Copy)]
pub(super) struct NewTip {
    pub(super) seq: i64,
    pub(super) id: Id,
    pub(super) timestamp_us: i64,
    pub(super) add: Id,
}

/// By log and lane, the tip that was moved last: where its row stands, and where it is to stand.
#[derive(Default)]
pub(super) struct Tips(RefCell<HashMap<(i64, u8), Waiting>>);

struct Waiting {
    written: (i64, Id),
    now: NewTip,
}

impl Tips {
    pub(super) fn forget(&mut self) {
        self.0.get_mut().clear();
    }
}

impl SqliteStore {
    /// Moves the tip that `previous` is to its successor, or adds one where it is none. Fails where the entry of the new
    /// tip is held already.
    pub(super) fn extend(&self, log: i64, lane: u8, previous: Option<Id>, tip: NewTip) -> Result<(), Error> {
        let mut waiting = self.tips.0.borrow_mut();
        if let Some(waiting) = waiting.get_mut(&(log, lane))
            && Some(waiting.now.id) == previous
            && waiting.now.seq.checked_add(1) == Some(tip.seq)
        {
            waiting.now = tip;
            return Ok(());
        }
        if let Some(other) = waiting.remove(&(log, lane)) {
            self.move_tip(log, lane, other.written, other.now)?;
        }
        let moved = match previous {
            Some(previous) => self.move_tip(log, lane, (tip.seq - 1, previous), tip)?,
            None => 0,
        };
        if moved == 0 {
            // What follows a tip is news; this might be held.
            if self.db.prepare_cached(sql::HELD)?.exists(params![log, tip.seq, tip.id])? {
                return Err(Error::ToSqlConversionFailure("an entry that is held already".into()));
            }
            self.execute(sql::PUT_TIP, params![log, lane, tip.seq, tip.id, tip.timestamp_us, tip.add])?;
        }
        waiting.insert((log, lane), Waiting { written: (tip.seq, tip.id), now: tip });
        Ok(())
    }

    /// Writes what waits.
    pub(super) fn settle_tips(&self) -> Result<(), Error> {
        for ((log, lane), waiting) in self.tips.0.borrow_mut().iter_mut() {
            self.move_tip(*log, *lane, waiting.written, waiting.now)?;
            waiting.written = (waiting.now.seq, waiting.now.id);
        }
        Ok(())
    }

    fn move_tip(&self, log: i64, lane: u8, from: (i64, Id), to: NewTip) -> Result<usize, Error> {
        if from == (to.seq, to.id) {
            return Ok(1);
        }
        self.execute(sql::MOVE_TIP, params![log, lane, to.seq, to.id, to.timestamp_us, to.add, from.0, from.1])
    }
}
