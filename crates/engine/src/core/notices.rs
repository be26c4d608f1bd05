//! Notices on disk: who was not there when something happened hears of it after the next start.

use lanline_protocol::store::{Store, StoreError};

use super::Core;
use crate::{
    api::{ApiError, Notice},
    store::SqliteStore,
};

/// Where they stand among the store's values, as JSON.
const NAME: &str = "notices";

/// Those that were kept, oldest first. What cannot be read is none: they are no reason not to start.
pub(super) fn kept(store: &SqliteStore) -> Result<Vec<Notice>, StoreError> {
    let kept = store.value(NAME)?.unwrap_or_default();
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_slice(&kept).unwrap_or_else(|error| {
        tracing::warn!(%error, "the notices of earlier cannot be read");
        Vec::new()
    }))
}

/// Puts them in the place of those that were kept.
pub(super) fn keep(store: &mut SqliteStore, notices: &[Notice]) -> Result<(), StoreError> {
    // Strings and numbers always have a JSON.
    let Ok(json) = serde_json::to_vec(notices) else { return Ok(()) };
    store.put_value(NAME, Some(&json))
}

impl Core {
    /// Keeps a notice no longer.
    pub(crate) fn dismiss_notice(&self, id: u64) -> impl Future<Output = Result<(), ApiError>> + Send + use<> {
        let board = self.board.clone();
        self.write(move |machine, _| {
            board.dismiss_notice(id);
            Ok(keep(machine.replica.store_mut(), &board.notices())?)
        })
    }
}
