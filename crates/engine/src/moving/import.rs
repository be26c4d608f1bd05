use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use lanline_protocol::identity::DeviceKey;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    Until, failed,
    sealed::{UnsealError, Unsealing},
};
use crate::{
    api::{ApiError, ErrorCode},
    folder::{Folder, FolderError},
    identity::{self, KEY_FILE, Seed},
    platform::{self, KeyStore},
    settings::KeyChoice,
    store::mark_copied,
};

/// What was imported and waits to take its place. It is whole as soon as it has this name.
const READY: &str = "import";
const UNREADY: &str = "import.new";

/// What was in an export: the key, and the database beside what the folder holds, which is held meanwhile. Dropped, it is
/// gone.
pub(crate) struct Staged {
    folder: Arc<Folder>,
    seed: Seed,
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Err(error) = remove_dir(&self.folder.path().join(UNREADY)) {
            tracing::warn!(%error, "what was not imported could not be removed");
        }
    }
}

/// Opens an export and puts what is in it beside what the folder holds, whole or not at all. Blocks; memory stays small
/// however long the export is.
pub(crate) fn stage(
    folder: Arc<Folder>,
    database: &str,
    path: &Path,
    passphrase: &str,
    stop: &CancellationToken,
) -> Result<Staged, ApiError> {
    let unready = folder.path().join(UNREADY);
    match unpack(&unready, database, path, passphrase, stop) {
        Ok(seed) => Ok(Staged { folder, seed }),
        Err(error) => {
            let _ = remove_dir(&unready);
            Err(error)
        }
    }
}

/// Writes the database that is in the export, and gives the key that is.
fn unpack(
    into: &Path,
    database: &str,
    path: &Path,
    passphrase: &str,
    stop: &CancellationToken,
) -> Result<Seed, ApiError> {
    let reading = |error: io::Error| unread(path, &error);
    let unsealing = |error: UnsealError| refusal(path, error);
    let writing = |error: io::Error| failed("Writing what was imported", &error);
    if !path.is_absolute() {
        return Err(ApiError::invalid("An import needs the full path of an export."));
    }
    let file = Until { from: platform::open_regular_file(path).map_err(reading)?, stop };
    let mut sealed = Unsealing::begin(passphrase.as_bytes(), file).map_err(unsealing)?;
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
    std::fs::File::open(&database).and_then(|file| file.sync_all()).map_err(writing)?;
    Ok(seed)
}

impl Staged {
    /// Has it take the place of what the folder holds, which was looked at and is written to no more. From here on it does
    /// so at the next start, whichever comes first: [`finish`] does the rest.
    pub(crate) fn settle(self, store: &impl KeyStore, choice: KeyChoice) -> Result<(), FolderError> {
        let folder = self.folder.path();
        let (unready, ready) = (folder.join(UNREADY), folder.join(READY));
        let choice = if identity::was_refused(folder) { KeyChoice::File } else { choice };
        let unwritable = |reason| FolderError::Unwritable { path: folder.to_owned(), reason };
        let put = identity::put(&unready, store, choice, self.seed.clone()).and_then(|_| {
            std::fs::rename(&unready, &ready).map_err(unwritable)?;
            platform::sync_dir(folder).map_err(|reason| {
                // It is not done, and so it must not come to be done later.
                let _ = std::fs::rename(&ready, &unready);
                unwritable(reason)
            })
        });
        put.inspect_err(|_| identity::discard(&unready, store))
    }
}

/// Puts what was imported in the place of what the folder holds, if there is something. It may be cut short at any point,
/// and goes on at the next start. Nobody may have the database open.
pub(crate) fn finish(folder: &Path, database: &str, store: &impl KeyStore) -> Result<(), FolderError> {
    let (unready, ready) = (folder.join(UNREADY), folder.join(READY));
    let unwritable = |reason| FolderError::Unwritable { path: folder.to_owned(), reason };
    identity::discard(&unready, store);
    remove_dir(&unready).map_err(unwritable)?;
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
        identity::move_in(&ready, folder)?;
    }
    platform::sync_dir(folder).and_then(|()| remove_dir(&ready)).map_err(unwritable)
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn unread(path: &Path, error: &io::Error) -> ApiError {
    let what = format!("Reading {}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ApiError::new(ErrorCode::ReadOnly, format!("{what} failed ({error}): make it readable for this user."))
        }
        _ => failed(&what, error),
    }
}

fn refusal(file: &Path, error: UnsealError) -> ApiError {
    let path = file.display();
    match error {
        UnsealError::Read(error) => unread(file, &error),
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
