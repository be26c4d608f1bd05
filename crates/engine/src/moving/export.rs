use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use tokio_util::sync::CancellationToken;

use super::{
    Until, failed,
    sealed::{Cost, SealError, seal},
};
use crate::{
    api::{ApiError, ErrorCode},
    identity::Seed,
    platform::{self, Pin},
    store::copy_database,
};

/// The copy of the database that is read while the device goes on writing its own.
const COPY: &str = "export.db";
/// How the name of one ends that is not whole.
const PART: &str = ".part";

/// Writes the device's key and a copy of its database, of one moment, to a new file that the passphrase opens. Blocks, for
/// as long as copying the database takes, and is called once at a time by who holds the folder; who writes to the database
/// is not held up.
pub(crate) fn export(
    folder: &Path,
    database: &Path,
    seed: &Seed,
    path: &Path,
    passphrase: &str,
    stop: &CancellationToken,
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
    clean_beside(path);
    let mut out = part.create().map_err(|error| failed(&what, &error))?;
    // So that nobody takes it for left behind; some disks have no locks, and there nobody does.
    if let Err(error) = out.try_lock() {
        tracing::debug!(%error, "an export is written without a lock");
    }
    let copy = Temporary::new(folder.join(COPY));
    drop(copy.create().map_err(|error| failed("Copying the database", &error))?);
    copy_database(database, &copy.0)?;
    let copied = File::open(&copy.0).map_err(|error| failed("Copying the database", &error))?;
    let mut plain = Until { from: seed.as_slice().chain(copied), stop };
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
    let placed = out.sync_all().and_then(|()| part.take_its_place(&out, path));
    placed.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(),
        _ => failed(&what, &error),
    })?;
    kept(path, path.parent().map_or(Ok(()), platform::sync_dir))
}

/// What is to be told of a file that is written whole and has its name, whether or not its folder is known to be on the
/// disk.
fn kept(path: &Path, folder: io::Result<()>) -> Result<(), ApiError> {
    match folder {
        // One may be let put files where one may not look.
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(ApiError::new(
            ErrorCode::ReadOnly,
            format!(
                "{} is written and whole, but its disk does not confirm that it keeps it ({error}): check that disk, and \
                 whether the file is still there afterwards.",
                path.display()
            ),
        )),
        _ => Ok(()),
    }
}

/// Where it is written until it is whole: nowhere else than any other export of that name is.
fn beside(path: &Path) -> Result<PathBuf, ApiError> {
    let name = path.file_name().filter(|_| path.is_absolute());
    let name = name.ok_or_else(|| ApiError::invalid("An export needs the full path of a file to write."))?;
    let no_randomness =
        |error| ApiError::new(ErrorCode::Internal, format!("The system gives no random numbers ({error})."));
    let random = getrandom::u32().map_err(no_randomness)?;
    let mut part = OsString::from(".");
    part.push(name);
    part.push(format!(".{random:08x}{PART}"));
    Ok(path.with_file_name(part))
}

/// Removes what exports of that name left behind that were killed; not what is being written, which is locked.
fn clean_beside(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let is_part = |file: &OsStr| {
        let rest =
            file.as_encoded_bytes().strip_prefix(b".").and_then(|rest| rest.strip_prefix(name.as_encoded_bytes()));
        let random = rest.and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(PART.as_bytes()));
        random.is_some_and(|random| random.len() == 8 && random.iter().all(u8::is_ascii_hexdigit))
    };
    // One may be let put files where one may not look.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let left = entry.path();
        if !is_part(&entry.file_name()) || !platform::open_regular_file(&left).is_ok_and(|file| file.try_lock().is_ok())
        {
            continue;
        }
        if let Err(error) = platform::remove_file(&left) {
            tracing::warn!(%error, file = %left.display(), "what an export left behind could not be removed");
        }
    }
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

    /// Gives it its name, if nothing has that. `file` is what was written to it.
    fn take_its_place(&self, file: &File, path: &Path) -> io::Result<()> {
        if !Pin::of(file, &self.0)?.holds() {
            return Err(io::Error::other("another export to the same name is under way"));
        }
        match std::fs::hard_link(&self.0, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Some disks, such as most memory sticks, have no links.
            Err(_) => self.take_its_place_without_links(path),
            Ok(()) => Ok(()),
        }
    }

    /// Whoever makes a file there, as only one can, moves the whole one over it.
    fn take_its_place_without_links(&self, path: &Path) -> io::Result<()> {
        drop(platform::create_private_file(path)?);
        std::fs::rename(&self.0, path).inspect_err(|_| {
            if let Err(error) = platform::remove_file(path) {
                tracing::warn!(%error, file = %path.display(), "an empty file could not be removed");
            }
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_links_has_one_export_of_a_name_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export");
        let parts: Vec<Temporary> = (0..8).map(|n| Temporary::new(folder.path().join(format!("{n}.part")))).collect();
        for (n, part) in parts.iter().enumerate() {
            part.create().unwrap().write_all(&[u8::try_from(n).unwrap(); 100]).unwrap();
        }
        let placed: Vec<io::Result<()>> = std::thread::scope(|scope| {
            let run: Vec<_> =
                parts.iter().map(|part| scope.spawn(|| part.take_its_place_without_links(&path))).collect();
            run.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let won = placed.iter().position(Result::is_ok).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [u8::try_from(won).unwrap(); 100]);
        let lost: Vec<io::ErrorKind> = placed.iter().filter_map(|placed| Some(placed.as_ref().err()?.kind())).collect();
        assert_eq!(lost, [io::ErrorKind::AlreadyExists; 7]);
        // Where it cannot be moved there, nothing is left that would be taken for an export.
        let other = folder.path().join("other");
        Temporary::new(folder.path().join("gone.part")).take_its_place_without_links(&other).unwrap_err();
        assert!(!other.exists());
    }

    #[test]
    fn each_export_to_a_name_is_written_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export");
        let parts = [beside(&path).unwrap(), beside(&path).unwrap()];
        assert_ne!(parts[0], parts[1]);
        let [killed, goes_on] = parts.map(Temporary::new);
        drop(killed.create().unwrap());
        let file = goes_on.create().unwrap();
        file.try_lock().unwrap();
        let others: Vec<PathBuf> =
            [".export.part", ".export2.01234567.part", "export.01234567.part", ".export.0123456.part"]
                .map(|name| folder.path().join(name))
                .into();
        for other in &others {
            std::fs::write(other, "").unwrap();
        }
        clean_beside(&path);
        assert!(!killed.0.exists(), "nobody writes it any more");
        assert!(goes_on.0.exists() && others.iter().all(|other| other.exists()));
        goes_on.take_its_place(&file, &path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_another_wrote_meanwhile_is_not_taken_for_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (part, path) = (Temporary::new(folder.path().join(".x.part")), folder.path().join("x"));
        let file = part.create().unwrap();
        let other = part.create().unwrap();
        part.take_its_place(&file, &path).unwrap_err();
        assert!(!path.exists());
        part.take_its_place(&other, &path).unwrap();
        assert_eq!(part.take_its_place(&other, &path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_whole_export_is_not_told_as_none() {
        let path = Path::new("/media/stick/export");
        kept(path, Ok(())).unwrap();
        kept(path, Err(io::ErrorKind::PermissionDenied.into())).unwrap();
        let said = kept(path, Err(io::Error::other("input/output error"))).unwrap_err().message;
        assert!(said.starts_with("/media/stick/export is written and whole") && said.ends_with('.'), "{said}");
    }
}
