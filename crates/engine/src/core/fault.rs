//! Why a command failed, as the doors tell it.

use lanline_protocol::{command::CommandError, store::StoreError};

use crate::{
    api::{ApiError, ErrorCode, StoreCondition, StoreState},
    net::CloseReason,
    store::{Trouble, trouble},
};

/// Why nothing is taken in.
pub(super) struct Refusal {
    pub(super) error: ApiError,
    /// What whoever connects is told.
    pub(super) farewell: CloseReason,
    /// When to try again, and what is hoped to have passed by then; `None`: it is for good.
    pub(super) retry: Option<(u64, StoreError)>,
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let code = match &error {
            CommandError::NotFound(_) => ErrorCode::NotFound,
            CommandError::NotAMember => ErrorCode::NotAMember,
            CommandError::NotOwner | CommandError::NotOwnerButVoter => ErrorCode::NotOwner,
            CommandError::TooLarge(_) => ErrorCode::TooLarge,
            CommandError::Invalid(_) => ErrorCode::InvalidArgument,
            CommandError::Store(error) => return Self::from(error),
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

impl From<&StoreError> for ApiError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Full => Self::new(ErrorCode::ReadOnly, FULL),
            StoreError::Failed(reason) => {
                let sentence = match trouble(error) {
                    Trouble::Full => FULL.to_owned(),
                    Trouble::Busy => BUSY.to_owned(),
                    Trouble::NoMemory => NO_MEMORY.to_owned(),
                    Trouble::NoFiles => NO_FILES.to_owned(),
                    Trouble::Failed => failed(reason),
                };
                Self::new(ErrorCode::ReadOnly, sentence)
            }
        }
    }
}

const FULL: &str = "The disk with this device's data is full: free some space on it, and writing goes on.";

const BUSY: &str = "Another program holds the database of this device: end it, and writing goes on.";

const NO_MEMORY: &str = "The system has no memory left: close other programs, and writing goes on.";

const NO_FILES: &str =
    "The files of this device's database cannot be opened: close other programs, and writing goes on.";

/// What a store error makes of the store.
pub(super) fn condition(error: &StoreError) -> StoreState {
    let state = if trouble(error).may_pass() { StoreCondition::ReadOnly } else { StoreCondition::Failed };
    StoreState { state, reason: Some(ApiError::from(error).message) }
}

fn failed(reason: &str) -> String {
    let reason: String = reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect();
    format!("The disk or the database of this device failed ({reason}): check the disk, then start Lanline again.")
}

/// What a caller is told whose command died with the core.
pub(super) fn internal() -> ApiError {
    ApiError::new(
        ErrorCode::Internal,
        "Lanline failed inside and stopped working on this device: start it again, and report it if it fails again.",
    )
}

/// A clause as a sentence.
pub(crate) fn sentence(clause: &str) -> String {
    let mut characters = clause.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if clause.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_protocol_says_becomes_a_sentence() {
        let error = ApiError::from(CommandError::Invalid("a name must not be empty; type one"));
        assert_eq!(error, ApiError::invalid("A name must not be empty; type one."));
        let error = ApiError::from(CommandError::Store(StoreError::Failed("x\ny".into())));
        assert!(error.message.contains("(x y)") && error.message.ends_with('.'), "{error}");
        assert_eq!(sentence(""), ".");
    }
}
