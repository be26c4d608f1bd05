//! Opening the database: made where it is missing, brought up to date, and set up to keep what it is told.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use lanline_protocol::{id::StoreId, identity::PublicKey, store::StoreError};
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, OptionalExtension, config::DbConfig};

use super::{copy::FILE, ids::Ids, sql, trouble};
use crate::platform::{self, Pin};

/// The oldest SQLite that keeps its word: those before could lose commits when a WAL was reset.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Marks the file as this program's: "Lanl".
const APPLICATION_ID: i32 = 0x4c61_6e6c;

/// What brings a database from each version to the next. `user_version` counts how many were run.
const MIGRATIONS: [&str; 3] = [include_str!("schema.sql"), include_str!("spares.sql"), include_str!("ids.sql")];

/// How long to wait for another process that writes to the file or has it for itself; who only reads it, a backup for
/// one, holds nothing up.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared: all of them.
const STATEMENTS: usize = 64;

/// Pages in the write-ahead log, above which a commit writes them into the database. What changes again and again is
/// written there once.
const LOG_PAGES: i32 = 8192;

/// Memory for pages, in KiB.
const CACHE_KIB: i32 = 16 * 1024;

/// Why the database cannot be used: one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// The file is something else, or damaged.
    #[error(
        "The database {} is damaged or not Lanline's: put back a copy of it, or move it away to begin with an empty one.",
        .0.display()
    )]
    NotADatabase(PathBuf),
    /// A newer version of this program wrote it.
    #[error("The database {} was written by a newer Lanline (its version is {found}, this one knows {known}): update Lanline.", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: usize,
    },
    /// The file or its folder cannot be written.
    #[error(
        "The database {} cannot be written ({reason}): make it and its folder writable for this user.",
        path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The disk is full.
    #[error("The disk with the database {} is full: free some space on it.", .0.display())]
    Full(PathBuf),
    /// The disk or the database failed.
    #[error("The database {} cannot be opened ({reason}): check the disk, or put back a copy of it.", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The program was built with a SQLite that may lose data.
    #[error("This Lanline was built with SQLite {0}, which may lose data: install one built with 3.51.3 or later.")]
    OldSqlite(&'static str),
}

/// A database that is ready.
pub(super) struct Opened {
    pub(super) db: Connection,
    pub(super) id: StoreId,
    pub(super) last_arrival: i64,
    pub(super) ids: Ids,
    /// The files that must stay where they are.
    pub(super) pins: Vec<Pin>,
}

/// As [`super::SqliteStore::open`].
pub(super) fn open(path: &Path, identity: PublicKey, fresh_id: StoreId) -> Result<Opened, OpenStoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenStoreError::OldSqlite(rusqlite::version()));
    }
    create(path).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenStoreError::Full(path.to_owned()),
        _ => OpenStoreError::Unwritable { path: path.to_owned(), reason: error.to_string() },
    })?;
    let refused = |error: Error| refusal(path, error);
    // Without `SQLITE_OPEN_URI`, or a folder's name could be read as parameters.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(refused)?;
    db.busy_timeout(BUSY).map_err(refused)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    let version = version(&db, path)?;
    if db.is_readonly("main").map_err(refused)? {
        return Err(OpenStoreError::Unwritable { path: path.to_owned(), reason: "it is read-only".to_owned() });
    }
    // Now that it is known to be this program's. SQLite gives the files beside it the same mode, where it makes them.
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        if file.is_file() {
            platform::make_private(&file)
                .map_err(|error| OpenStoreError::Unwritable { path: file, reason: error.to_string() })?;
        }
    }
    let mode = set_up(&db).map_err(refused)?;
    if mode != "wal" {
        let reason = format!("its disk only allows the journal mode {mode}");
        return Err(OpenStoreError::Failed { path: path.to_owned(), reason });
    }
    let file = platform::file_number(path)
        .map_err(|error| OpenStoreError::Failed { path: path.to_owned(), reason: error.to_string() })?;
    let (id, last_arrival, ids) = prepare(&mut db, version, identity, fresh_id, file).map_err(refused)?;
    let pin = |path: &Path| {
        Pin::at(path).map_err(|error| OpenStoreError::Failed { path: path.to_owned(), reason: error.to_string() })
    };
    // The log too: SQLite made it with the first transaction and keeps it until the end.
    let pins = vec![pin(path)?, pin(&beside(path, "-wal"))?];
    Ok(Opened { db, id, last_arrival, ids, pins })
}

/// Makes an empty file that only this user can read, where there is none: SQLite would let others read it. The files
/// it puts beside get the same mode.
fn create(path: &Path) -> io::Result<()> {
    match platform::create_private_file(path) {
        Ok(_) => path.parent().map_or(Ok(()), platform::sync_dir),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file that SQLite keeps beside the database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// How many migrations were run on the file; none where it is empty.
pub(super) fn version(db: &Connection, path: &Path) -> Result<usize, OpenStoreError> {
    let read =
        |statement| db.query_row(statement, [], |row| row.get::<_, i64>(0)).map_err(|error| refusal(path, error));
    let tables = read("SELECT count(*) FROM sqlite_schema")?;
    let application = read("PRAGMA application_id")?;
    let found = read("PRAGMA user_version")?;
    // SQLite takes a file of a few bytes for an empty database, and would write over it.
    let pages = read("PRAGMA page_count")?;
    let overlooked = pages == 0 && path.metadata().is_ok_and(|file| file.len() > 0);
    if tables == 0 && found == 0 && !overlooked {
        return Ok(0);
    }
    let known = MIGRATIONS.len();
    match usize::try_from(found) {
        Ok(version) if application == i64::from(APPLICATION_ID) && version > 0 => {
            if version > known {
                Err(OpenStoreError::Newer { path: path.to_owned(), found, known })
            } else {
                Ok(version)
            }
        }
        _ => Err(OpenStoreError::NotADatabase(path.to_owned())),
    }
}

/// Sets what the store promises. Gives the journal mode that the disk allows; all but `wal` is a failure.
fn set_up(db: &Connection) -> Result<String, Error> {
    // Plans do not depend on what is bound, or statements would be compiled anew each time that changes.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A commit is on disk when it returns; on Apple's systems only `fullfsync` empties the drive's own cache, elsewhere
    // it means nothing. `trusted_schema` and `cell_size_check` are for a file that someone else prepared, or a disk
    // damaged.
    db.execute_batch(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = OFF;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = {LOG_PAGES};
         PRAGMA cache_size = -{CACHE_KIB};"
    ))?;
    db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
}

/// Runs the migrations that are missing and sees to whom the database belongs, all at once or not at all. Gives the
/// store's id, the highest arrival ever given, and the ids that are not written yet.
fn prepare(
    db: &mut Connection,
    version: usize,
    identity: PublicKey,
    fresh_id: StoreId,
    file: Option<u64>,
) -> Result<(StoreId, i64, Ids), Error> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration)?;
    }
    if version < MIGRATIONS.len() {
        transaction.execute_batch(&format!(
            "PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION_ID};",
            MIGRATIONS.len()
        ))?;
    }
    if version == 0 {
        transaction.execute(sql::PUT_STORE, (fresh_id.as_bytes(), identity.as_bytes()))?;
    }
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (mut id, owner, last_arrival): ([u8; 16], [u8; 32], i64) = transaction.query_row(sql::STORE, [], read)?;
    let other_identity = owner != *identity.as_bytes();
    let origin = origin(&transaction, file)?;
    if other_identity || origin != Origin::Here {
        if other_identity || origin == Origin::Elsewhere {
            tracing::warn!(other_identity, "the database was copied: it goes on as a new store with new logs");
        }
        id = *fresh_id.as_bytes();
        transaction.execute(sql::RENAME, [id])?;
        transaction.execute(sql::MOVE_IN, [identity.as_bytes()])?;
        transaction.execute(sql::FORGET_ACKS, [])?;
        transaction.execute(sql::FORGET_OWN_LOGS, [])?;
    }
    let mut ids = Ids::read(&transaction)?;
    if ids.is_full() {
        // All that a migration left unwritten: else each start and each rollback would read it again.
        ids.write(&transaction, last_arrival)?;
    }
    transaction.commit()?;
    Ok((StoreId::new(id), last_arrival, ids))
}

/// Where a database was before it was opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// In this file, as far as is known.
    Here,
    /// In an export.
    Export,
    /// In another file, of which nobody said that this is a copy.
    Elsewhere,
}

/// Where the database says that it was before. From now on it says that it is in this file, where the system numbers
/// files.
fn origin(db: &Connection, file: Option<u64>) -> Result<Origin, Error> {
    let file = file.map(u64::to_be_bytes);
    let said: Option<Vec<u8>> = db.query_row(sql::VALUE, [FILE], |row| row.get(0)).optional()?;
    if said.as_deref() == file.as_ref().map(<[u8; 8]>::as_slice) {
        return Ok(Origin::Here);
    }
    match file {
        Some(file) => db.execute(sql::PUT_VALUE, (FILE, file.as_slice()))?,
        None => db.execute(sql::FORGET_VALUE, [FILE])?,
    };
    Ok(match said {
        Some(said) if said.is_empty() => Origin::Export,
        Some(_) if file.is_some() => Origin::Elsewhere,
        _ => Origin::Here,
    })
}

pub(super) fn refusal(path: &Path, error: Error) -> OpenStoreError {
    let (code, reason, path) = (error.sqlite_error_code(), error.to_string(), path.to_owned());
    if trouble::write_failure(error, &path) == StoreError::Full {
        return OpenStoreError::Full(path);
    }
    match code {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenStoreError::NotADatabase(path),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            OpenStoreError::Unwritable { path, reason }
        }
        _ => OpenStoreError::Failed { path, reason },
    }
}
