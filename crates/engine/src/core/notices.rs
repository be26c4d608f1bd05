//! Notices on disk: who was not there when something happened hears of it after the next start.

use lanline_protocol::{
    identity::DeviceId,
    store::{Store, StoreError},
};

use super::Core;
use crate::{
    api::{ApiError, Notice, NoticeKind},
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
    /// Tells that another device answered where one was dialled by itself.
    pub(crate) async fn answered_by_another(&self, device: DeviceId, address: String, found: DeviceId) {
        let board = self.board.clone();
        let told = self.write(move |machine, now| {
            let known = machine.replica.devices();
            // Addresses change hands; who is known to be there is no impostor.
            if known.iter().any(|known| known.device == found) {
                return Ok(());
            }
            let called = known.into_iter().find(|known| known.device == device);
            let who = called.map_or_else(|| short(device), |known| known.given_name.unwrap_or(known.name));
            let text = format!(
                "Another device answers at {address}, where {who} was. Nothing was sent to it, and {who} is not dialled \
                 there again by itself: ask its person, and connect to the right address."
            );
            board.notice(Notice {
                id: 0, // given where it is kept
                kind: NoticeKind::IdentityChanged,
                at: now.wall_ms(),
                room: None,
                device_id: Some(device.to_string()),
                count: None,
                text,
            });
            Ok(keep(machine.replica.store_mut(), &board.notices())?)
        });
        if let Err(error) = told.await {
            tracing::warn!(%device, %error, "another device answers than was dialled");
        }
    }

    /// Keeps a notice no longer.
    pub(crate) fn dismiss_notice(&self, id: u64) -> impl Future<Output = Result<(), ApiError>> + Send + use<> {
        let board = self.board.clone();
        self.write(move |machine, _| {
            board.dismiss_notice(id);
            Ok(keep(machine.replica.store_mut(), &board.notices())?)
        })
    }
}

/// The beginning of an id, where nothing else is known of a device.
fn short(device: DeviceId) -> String {
    device.to_string().chars().take(7).collect()
}
