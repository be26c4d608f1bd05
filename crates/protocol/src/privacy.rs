//! What a person keeps to themselves.

use crate::clock::Time;
use crate::id::RoomId;
use crate::replica::Replica;
use crate::store::{Store, StoreError};

/// Under what it is kept; absent: reading is told.
const UNTOLD: &str = "read/untold";

/// Whether this store's person lets others know what was read.
pub(crate) fn tells_read<S: Store>(store: &S) -> Result<bool, StoreError> {
    Ok(store.value(UNTOLD)?.is_none())
}

impl<S: Store> Replica<S> {
    /// Whether this device's receipts tell others what was read here.
    pub fn tells_read(&self) -> bool {
        self.tells_read
    }

    /// Whether this device's receipts tell others from now on what is read here. What they told is not taken back, and
    /// what was read in silence is told once they tell again.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn set_tells_read(&mut self, now: Time, tells: bool) -> Result<(), StoreError> {
        if tells == self.tells_read {
            return Ok(());
        }
        self.wrote = true;
        self.store.put_value(UNTOLD, if tells { None } else { Some(&[]) })?;
        self.tells_read = tells;
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.receipts_due(now, room);
        }
        Ok(())
    }
}
