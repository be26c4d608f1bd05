use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use lanline_protocol::identity::DeviceKey;
use zeroize::Zeroizing;

use super::{
    failed,
    sealed::{UnsealError, Unsealing},
};
use crate::{
    api::{ApiError, ErrorCode},
    folder::FolderError,
    identity::{self, KEY_FILE, Seed},
    platform::{self, KeyStore},
    settings::KeyChoice,
    store::mark_copied,
};

/// What was imported and waits to take its place. It is whole as soon as it has this name.
const READY: &str = "import";
const UNREADY: &str = "import.new";

/// Opens an export and puts what is in it beside what the folder holds, whole or not at all. [`finish`] does the rest.
/// Blocks; memory stays small however long the export is.
pub(crate) fn stage(
    folder: &Path,
    database: &str,
    store: &impl KeyStore,
    choice: KeyChoice,
    path: &Path,
    passphrase: &str,
) -> Result<(), ApiError> {
    let unready = folder.join(UNREADY);
    let staged = unpack(&unready, database, path, passphrase).and_then(|seed| {
        let choice = if identity::was_refused(folder) { KeyChoice::File } else { choice };
        let before = |error: FolderError| ApiError::new(error.code(), error.to_string());
        identity::put(&unready, store, choice, seed).map_err(before)?;
        let ready = std::fs::rename(&unready, folder.join(READY)).and_then(|()| platform::sync_dir(folder));
        ready.map_err(|error| failed("Writing what was imported", &error))
    });
    if staged.is_err() {
        let _ = remove_dir(&unready);
    }
    staged
}

/// Writes the database that is in the export, and gives the key that is.
fn unpack(into: &Path, database: &str, path: &Path, passphrase: &str) -> Result<Seed, ApiError> {
    let reading = |error: io::Error| failed(&format!("Reading {}", path.display()), &error);
    let unsealing = |error: UnsealError| refusal(path, error);
    let writing = |error: io::Error| failed("Writing what was imported", &error);
    if !path.is_absolute() {
        return Err(ApiError::invalid("An import needs the full path of an export."));
    }
    let mut sealed = Unsealing::begin(passphrase.as_bytes(), File::open(path).map_err(reading)?).map_err(unsealing)?;
    let first = sealed.next().map_err(unsealing)?.ok_or(UnsealError::Damaged).map_err(unsealing)?;
    let (seed, rest) = first.split_first_chunk::<32>().ok_or(UnsealError::Damaged).map_err(unsealing)?;
    let seed = Zeroizing::new(*seed);

    remove_dir(into).and_then(|()| platform::create_private_dir(into)).map_err(writing)?;
    let database = into.join(database);
    let mut out = platform::create_private_file(&database).map_err(writing)?;
    out.write_all(rest).map_err(writing)?;
    while let Some(chunk) = sealed.next().map_err(unsealing)? {
        out.write_all(&chunk).map_err(writing)?;
    }
    drop(out);
    let public = DeviceKey::from_seed(&seed).public();
    mark_copied(&database, public).map_err(|error| ApiError::invalid(error.to_string()))?;
    File::open(&database).and_then(|file| file.sync_all()).map_err(writing)?;
    Ok(seed)
}

/// Puts what was imported in the place of what the folder holds, if there is something. It may be cut short at any point,
/// and goes on at the next start. Nobody may have the database open.
pub(crate) fn finish(folder: &Path, database: &str, store: &impl KeyStore) -> Result<(), FolderError> {
    let ready = folder.join(READY);
    let unwritable = |reason| FolderError::Unwritable { path: folder.to_owned(), reason };
    remove_dir(&folder.join(UNREADY)).map_err(unwritable)?;
    super::export::clean(folder).map_err(unwritable)?;
    if !ready.is_dir() {
        return Ok(());
    }
    if ready.join(database).exists() {
        for suffix in ["-wal", "-shm"] {
            platform::remove_file(&folder.join(format!("{database}{suffix}"))).map_err(unwritable)?;
        }
        std::fs::rename(ready.join(database), folder.join(database)).map_err(unwritable)?;
    }
    if ready.join(KEY_FILE).exists() {
        identity::move_in(&ready, folder, store)?;
    }
    platform::sync_dir(folder).and_then(|()| remove_dir(&ready)).map_err(unwritable)
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn refusal(path: &Path, error: UnsealError) -> ApiError {
    let path = path.display();
    match error {
        UnsealError::Read(error) => failed(&format!("Reading {path}"), &error),
        UnsealError::Foreign => ApiError::invalid(format!("{path} is no export of Lanline's: choose another file.")),
        UnsealError::Newer => ApiError::new(
            ErrorCode::VersionUnsupported,
            format!("{path} was written by a newer Lanline: update this one, then import it."),
        ),
        UnsealError::Damaged => {
            ApiError::invalid(format!("{path} is damaged or incomplete: copy it again, or use another export."))
        }
        UnsealError::WrongPassphrase => ApiError::new(
            ErrorCode::WrongPassphrase,
            format!("The passphrase does not open {path}: type the one that it was exported with."),
        ),
    }
}
