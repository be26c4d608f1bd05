//! Databases that leave this device, and those that come to it.

use std::path::Path;

use lanline_protocol::identity::PublicKey;
use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{
    OpenStoreError,
    open::{refusal, version},
    sql, trouble,
};
use crate::api::{ApiError, ErrorCode};

/// Under which name of `local` a database says which file it is in. Empty: it was copied.
pub(super) const FILE: &str = "file";

/// Copies a database that may be open and written to, as it stands now, into an empty file. Blocks.
pub(crate) fn copy_database(from: &Path, to: &Path) -> Result<(), ApiError> {
    let copied = || {
        let from = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mut to = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // The copy is for this process alone, which throws it away.
        to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        // In one step, which is one transaction: all of it is of one moment, and none of it is read twice.
        let step = Backup::new(&from, &mut to)?.step(-1)?;
        Ok(step == StepResult::Done)
    };
    let done = copied().map_err(|error| ApiError::from(&trouble::write_failure(error, to)))?;
    if !done {
        return Err(ApiError::new(ErrorCode::ReadOnly, "Another program holds this device's database: try again."));
    }
    Ok(())
}

/// Whether somebody said something there, in whichever room. Nobody may have it open; where there is no file, nobody did.
/// Blocks.
pub(crate) fn has_entries(path: &Path) -> Result<bool, OpenStoreError> {
    if !path.exists() {
        return Ok(false);
    }
    let refused = |error| refusal(path, error);
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(refused)?;
    if version(&db, path)? == 0 {
        return Ok(false);
    }
    db.query_row(sql::HAS_ENTRIES, [], |row| row.get(0)).map_err(refused)
}

/// Checks that a file is this device's database, and notes in it that it is a copy: the next to open it is another store.
pub(crate) fn mark_copied(path: &Path, identity: PublicKey) -> Result<(), OpenStoreError> {
    let refused = |error| refusal(path, error);
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(refused)?;
    let version = version(&db, path)?;
    // Without a log beside it: what is copied is one file.
    let mark = || {
        db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        db.execute(sql::PUT_VALUE, (FILE, b"".as_slice()))?;
        db.query_row(sql::STORE, [], |row| row.get::<_, [u8; 32]>(1))
    };
    if version == 0 || mark().map_err(refused)? != *identity.as_bytes() {
        return Err(OpenStoreError::NotADatabase(path.to_owned()));
    }
    Ok(())
}
