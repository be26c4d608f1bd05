use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    failed,
    sealed::{Cost, SealError, seal},
};
use crate::{
    api::{ApiError, ErrorCode},
    identity::Seed,
    platform,
    store::copy_database,
};

/// The copy of the database that is read while the device goes on writing its own.
const COPY: &str = "export.db";

/// Writes the device's key and a copy of its database, of one moment, to a new file that the passphrase opens. Blocks, for
/// as long as copying the database takes, and is called once at a time; who writes to the database is not held up.
pub(crate) fn export(
    folder: &Path,
    database: &Path,
    seed: &Seed,
    path: &Path,
    passphrase: &str,
) -> Result<(), ApiError> {
    let taken = || {
        let sentence = format!("{} is there already: choose another name, or remove it.", path.display());
        ApiError::new(ErrorCode::Exists, sentence)
    };
    let part = Temporary::new(beside(path)?);
    if path.symlink_metadata().is_ok() {
        return Err(taken());
    }
    let what = format!("Writing {}", path.display());
    let mut out = part.create().map_err(|error| failed(&what, &error))?;
    let copy = Temporary::new(folder.join(COPY));
    drop(copy.create().map_err(|error| failed("Copying the database", &error))?);
    copy_database(database, &copy.0)?;
    let copied = File::open(&copy.0).map_err(|error| failed("Copying the database", &error))?;
    let mut plain = seed.as_slice().chain(copied);
    let mut buffered = io::BufWriter::new(&mut out);
    let written = seal(passphrase.as_bytes(), Cost::CHOSEN, &mut plain, &mut buffered);
    match written.and_then(|()| Ok(buffered.flush()?)) {
        Ok(()) => {}
        Err(SealError::Io(error)) => return Err(failed(&what, &error)),
        Err(SealError::System(reason)) => {
            return Err(ApiError::new(ErrorCode::Internal, format!("{what} failed ({reason}): close other programs.")));
        }
    }
    drop(buffered);
    let kept = out.sync_all().and_then(|()| part.take_its_place(path)).and_then(|()| match path.parent() {
        Some(parent) => platform::sync_dir(parent),
        None => Ok(()),
    });
    kept.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(),
        _ => failed(&what, &error),
    })
}

/// Where it is written until it is whole.
fn beside(path: &Path) -> Result<PathBuf, ApiError> {
    let name = path.file_name().filter(|_| path.is_absolute());
    let name = name.ok_or_else(|| ApiError::invalid("An export needs the full path of a file to write."))?;
    let mut part = OsString::from(".");
    part.push(name);
    part.push(".part");
    Ok(path.with_file_name(part))
}

/// A file that is removed when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Makes it anew, for this user alone; one that was left there goes.
    fn create(&self) -> io::Result<File> {
        platform::remove_file(&self.0)?;
        platform::create_private_file(&self.0)
    }

    /// Gives it its name, if nothing has that.
    fn take_its_place(&self, path: &Path) -> io::Result<()> {
        match std::fs::hard_link(&self.0, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Some disks, such as most memory sticks, have no links.
            Err(_) if path.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => std::fs::rename(&self.0, path),
            Ok(()) => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = platform::remove_file(&self.0) {
            tracing::warn!(%error, file = %self.0.display(), "a file that is not needed any more could not be removed");
        }
    }
}

/// Removes what an export left behind that did not end.
pub(crate) fn clean(folder: &Path) -> io::Result<()> {
    platform::remove_file(&folder.join(COPY))
}
