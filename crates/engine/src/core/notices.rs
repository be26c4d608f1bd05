//! Notices on disk: who was not there when something happened hears of it after the next start.

use lanline_protocol::{
    identity::DeviceId,
    store::{Store, StoreError},
};
use tokio::time::Instant;

use super::{Clock, Core};
use crate::{
    api::{ApiError, Notice, NoticeKind},
    dialing::readable,
    net::Address,
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
    /// Another device answered at an address of one that was dialled by itself. It is told, once of each that answers; but
    /// not of one that is known, for addresses change hands: then it is known where that one is now.
    pub(crate) async fn answered_by_another(
        &self,
        device: DeviceId,
        addresses: &[Address],
        at: String,
        found: DeviceId,
    ) {
        self.impostors.note(device, addresses, &at, Instant::now());
        let answered_at = at.clone();
        let who = self.read(move |machine| {
            // Where it was only found is anybody's word: that somebody else is there says nothing.
            let told = machine.replica.told_addresses(device).map(|told| readable(&told));
            let only_found = told.is_some_and(|told| told.iter().all(|address| address.to_string() != answered_at));
            if only_found || machine.replica.knows(found) {
                return Ok(None);
            }
            let called = machine.replica.devices().into_iter().find(|known| known.device == device);
            Ok(Some(called.map_or_else(|| short(device), |known| known.given_name.unwrap_or(known.name))))
        });
        let kept = match who.await {
            Ok(None) => self.write(move |machine, now| Ok(machine.replica.took_over(now, found, device, &at)?)).await,
            Ok(Some(who)) if self.impostors.is_news(device, found) => {
                self.tell_of_another(device, &who, &at);
                self.impostors.told(device, found);
                self.keep_notices().await
            }
            Ok(Some(_)) => Ok(()),
            // It is told when that one answers again.
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!(%device, %error, "another device answers than was dialled");
        }
    }

    fn tell_of_another(&self, device: DeviceId, who: &str, at: &str) {
        let text = format!(
            "Another device answers at {at}, where {who} was, and nothing was sent to it: ask the person of {who} what \
             changed, and connect to the right address. It is looked there for {who} again from time to time."
        );
        self.board.notice(Notice {
            id: 0, // given where it is kept
            kind: NoticeKind::IdentityChanged,
            at: Clock::new().now().wall_ms(),
            room: None,
            device_id: Some(device.to_string()),
            count: None,
            text,
        });
    }

    /// Keeps what stands on the board. Where that fails it is kept once the store takes anything again.
    async fn keep_notices(&self) -> Result<(), ApiError> {
        let board = self.board.clone();
        self.write(move |machine, _| Ok(keep(machine.replica.store_mut(), &board.notices())?)).await
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
