//! What the database said, as the protocol takes it, and whether it may pass.

use std::path::Path;

use lanline_protocol::store::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

use crate::platform;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The disk is full, or this user's share of it.
    Full,
    /// Another program holds the database.
    Busy,
    /// The system has no memory to give.
    NoMemory,
    /// The system lets no file be opened.
    NoFiles,
    /// The disk or the database failed.
    Failed,
}

impl Trouble {
    /// Whether the store can be rolled back and tried again: what was committed is whole.
    pub(crate) fn may_pass(self) -> bool {
        self != Self::Failed
    }
}

// The protocol knows two kinds of trouble, and nothing of it depends on which of the second kind it is. So they go
// through it as text.
const BUSY: &str = "another program holds it";
const NO_MEMORY: &str = "the system has no memory left";
const NO_FILES: &str = "its files cannot be opened";

/// What a store's error tells.
pub(crate) fn trouble(error: &StoreError) -> Trouble {
    match error {
        StoreError::Full => Trouble::Full,
        StoreError::Failed(reason) if reason == BUSY => Trouble::Busy,
        StoreError::Failed(reason) if reason == NO_MEMORY => Trouble::NoMemory,
        StoreError::Failed(reason) if reason == NO_FILES => Trouble::NoFiles,
        StoreError::Failed(_) => Trouble::Failed,
    }
}

/// What the database said, as the protocol takes it.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
pub(super) fn failure(error: Error) -> StoreError {
    let Some(code) = error.sqlite_error() else { return StoreError::Failed(error.to_string()) };
    // SQLite says of every file that the disk is full but of its shared index, which merely cannot grow.
    match (code.code, code.extended_code) {
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full,
        // The second: others took and gave back its locks too often while this one tried.
        (ErrorCode::DatabaseBusy | ErrorCode::FileLockingProtocolFailed, _) => StoreError::Failed(BUSY.to_owned()),
        (ErrorCode::OutOfMemory, _) | (_, ffi::SQLITE_IOERR_NOMEM) => StoreError::Failed(NO_MEMORY.to_owned()),
        // This process, or the system, has too many open. One that is gone for good is found so when it is tried again.
        (ErrorCode::CannotOpen, _) => StoreError::Failed(NO_FILES.to_owned()),
        // Also a database that is locked by this connection itself, which would be a fault of Lanline's own.
        _ => StoreError::Failed(error.to_string()),
    }
}

/// As [`failure`], of a write to the database at this path. SQLite tells a full disk from a broken one, but a user's
/// full share of it not: that is looked for beside the database.
pub(super) fn write_failure(error: Error, path: &Path) -> StoreError {
    let unclear = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_WRITE);
    let folder = path.parent().filter(|_| unclear);
    if folder.is_some_and(platform::is_full) { StoreError::Full } else { failure(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(extended: std::ffi::c_int) -> Error {
        Error::SqliteFailure(ffi::Error::new(extended), None)
    }

    #[test]
    fn what_may_pass_is_told_from_what_does_not() {
        for (code, expected) in [
            (ffi::SQLITE_FULL, Trouble::Full),
            (ffi::SQLITE_IOERR_SHMSIZE, Trouble::Full),
            (ffi::SQLITE_BUSY, Trouble::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, Trouble::Busy),
            (ffi::SQLITE_PROTOCOL, Trouble::Busy),
            (ffi::SQLITE_CANTOPEN, Trouble::NoFiles),
            (ffi::SQLITE_LOCKED, Trouble::Failed),
            (ffi::SQLITE_NOMEM, Trouble::NoMemory),
            (ffi::SQLITE_IOERR_NOMEM, Trouble::NoMemory),
            (ffi::SQLITE_IOERR_FSYNC, Trouble::Failed),
            (ffi::SQLITE_IOERR_WRITE, Trouble::Failed),
            (ffi::SQLITE_CORRUPT, Trouble::Failed),
        ] {
            let told = trouble(&failure(said(code)));
            assert_eq!((told, told.may_pass()), (expected, expected != Trouble::Failed), "{code}");
        }
    }

    #[test]
    fn a_write_that_failed_with_room_on_the_disk_is_a_broken_disk() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_failure(said(ffi::SQLITE_IOERR_WRITE), &folder.path().join("store.db"));
        assert_eq!(trouble(&error), Trouble::Failed);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of looking");
    }
}
