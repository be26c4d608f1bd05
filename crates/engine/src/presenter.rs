//! The window of a device, where it has one. The engine knows none: it keeps a place for who does.

use std::sync::{Arc, Mutex, PoisonError};

use crate::api::{ApiError, ErrorCode, OpenedInvite};

/// What a window that comes to the front shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// Itself, as it is.
    Window,
    /// A question: whether to join by this invite. Nothing is done before the person says so.
    Invite(OpenedInvite),
    /// Why the link that was opened is of no use.
    Unusable(ApiError),
}

type Present = dyn Fn(Presentation) -> Result<(), ApiError> + Send + Sync;

/// Who shows things to the person, if anyone does.
#[derive(Default)]
pub(crate) struct Presenter {
    slot: Mutex<Option<Arc<Present>>>,
}

impl Presenter {
    pub(crate) fn set(&self, present: Arc<Present>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(present);
    }

    pub(crate) fn present(&self, presentation: Presentation) -> Result<(), ApiError> {
        // Out of the lock before it runs: it is not ours.
        let present = self.slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match present {
            Some(present) => present(presentation),
            None => Err(ApiError::new(
                ErrorCode::NotFound,
                "This device runs without a window: join with the command `join`, or stop it and open the app.",
            )),
        }
    }
}

impl std::fmt::Debug for Presenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presenter").finish_non_exhaustive()
    }
}
