//! The data folder: made, closed to others, and locked.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    api::ErrorCode,
    identity::KEY_FILE,
    platform::{self, Pin},
};

const LOCK_FILE: &str = "lock";

/// Stands beside the lock while it is held for a single command. Not in the lock itself, which Windows lets nobody else
/// read meanwhile.
const ONE_COMMAND_FILE: &str = "lock.call";

/// How long to wait for the lock: a process that is just ending may hold it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait for the lock while it is held for a single command, which may last 20 s.
const ONE_COMMAND_PATIENCE: Duration = Duration::from_secs(25);

/// For how long a folder is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Until the device is closed.
    Lasting,
    /// For a single command.
    OneCommand,
}

/// The data folder, held by this process alone until dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The operating system lets go of the lock when the process ends, however it ends.
    lock: File,
    stay: Stay,
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The lock goes after it.
        if self.stay == Stay::OneCommand
            && let Err(error) = platform::remove_file(&self.path.join(ONE_COMMAND_FILE))
        {
            tracing::debug!(%error, "the mark of a single command could not be removed");
        }
    }
}

/// The data folder or the key in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process holds it.
    #[error(
        "Another Lanline is running with the data folder {}: close it, or choose another folder with --data-dir.",
        .0.display()
    )]
    Locked(PathBuf),
    /// It cannot be made or written.
    #[error(
        "The data folder {} cannot be written ({reason}): make it writable, or choose another folder with --data-dir.",
        path.display()
    )]
    Unwritable {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Others can look into it, and it is not this device's alone.
    #[error(
        "The folder {} is open to other users of this machine and holds other files, or cannot be closed to them: \
         choose an empty one on another disk with --data-dir, or run `chmod 700` on it.",
        .0.display()
    )]
    Exposed(PathBuf),
    /// The key file cannot be read.
    #[error("The identity key {} cannot be read ({reason}): make it readable for this user.", path.display())]
    KeyUnreadable {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The key file does not hold a key.
    #[error(
        "The identity key {} is damaged: put back a copy of it, or move the folder {} away to begin as a new device.",
        .0.display(), folder_of(.0).display()
    )]
    KeyDamaged(PathBuf),
    /// There is no key file, but the rooms of the device whose key it was.
    #[error(
        "The identity key {} is missing, though this device has rooms: put back the file, import an export with another \
         --data-dir, or move the folder {} away to begin as a new device.",
        .0.join(KEY_FILE).display(), .0.display()
    )]
    KeyMissing(PathBuf),
    /// Others can read the key file.
    #[error(
        "The identity key {} can be read by other users of this machine: run `chmod 600` on it if you trust them not \
         to have copied it, else move the folder {} away to begin as a new device.",
        .0.display(), folder_of(.0).display()
    )]
    KeyExposed(PathBuf),
    /// The key is in the system's key store, which cannot be read.
    #[error(
        "This device's key is in the system's key store, which cannot be opened here ({reason}): start Lanline in the \
         desktop session of the user who put it there, with the key store unlocked."
    )]
    KeyStoreClosed {
        /// What the key store or the system said.
        reason: String,
    },
    /// The key should be in the system's key store, and is not.
    #[error(
        "The system's key store does not hold this device's key: start Lanline as the user and on the machine that put \
         it there, or move the folder {} away to begin as a new device and import an export.",
        folder_of(.0).display()
    )]
    KeyNotInStore(PathBuf),
    /// The system gives no random numbers.
    #[error("The system gives no random numbers to make a key from ({0}): restart the machine.")]
    NoRandomness(getrandom::Error),
}

fn folder_of(key: &Path) -> &Path {
    key.parent().unwrap_or(key)
}

impl FolderError {
    /// The error's code in the API.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Locked(_) => ErrorCode::Locked,
            Self::Unwritable { .. } => ErrorCode::ReadOnly,
            Self::Exposed(_)
            | Self::KeyUnreadable { .. }
            | Self::KeyDamaged(_)
            | Self::KeyMissing(_)
            | Self::KeyExposed(_)
            | Self::KeyStoreClosed { .. }
            | Self::KeyNotInStore(_)
            | Self::NoRandomness(_) => ErrorCode::Internal,
        }
    }
}

impl Folder {
    /// Makes the folder where it is missing and takes it for this process. Blocks for at most a second, or while it is
    /// held for a single command: to stay, it waits for that.
    pub(crate) fn open(path: &Path, stay: Stay) -> Result<Self, FolderError> {
        let unwritable = |reason| FolderError::Unwritable { path: path.to_owned(), reason };
        platform::create_private_dir(path).map_err(unwritable)?;
        keep_to_this_user(path)?;
        let (lock_path, one_command) = (path.join(LOCK_FILE), path.join(ONE_COMMAND_FILE));
        let begun = Instant::now();
        loop {
            // Opened anew each time: the one that was waited for may have been deleted meanwhile, and whoever locks one
            // that no longer stands there locks nobody out.
            let lock = open_lock(&lock_path).map_err(unwritable)?;
            match lock.try_lock() {
                Ok(()) if Pin::of(&lock, &lock_path).map_err(unwritable)?.holds() => {
                    match stay {
                        Stay::OneCommand => drop(open_lock(&one_command).map_err(unwritable)?),
                        // Whoever made it was killed.
                        Stay::Lasting => platform::remove_file(&one_command).map_err(unwritable)?,
                    }
                    return Ok(Self { path: path.to_owned(), lock, stay });
                }
                Ok(()) => {}
                Err(TryLockError::Error(reason)) => return Err(unwritable(reason)),
                Err(TryLockError::WouldBlock) => {
                    let waits = stay == Stay::Lasting && one_command.exists();
                    let patience = if waits { ONE_COMMAND_PATIENCE } else { LOCK_PATIENCE };
                    if begun.elapsed() >= patience {
                        return Err(FolderError::Locked(path.to_owned()));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// The lock, which must stay where it is for this process to hold the folder.
    pub(crate) fn pin(&self) -> io::Result<Pin> {
        Pin::of(&self.lock, &self.path.join(LOCK_FILE))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    let file = platform::open_private_file(path)?;
    platform::make_private(path)?;
    Ok(file)
}

/// Sees to it that others cannot look into a folder of this device's. One that holds other things is not touched: it may
/// be one that everybody uses.
fn keep_to_this_user(path: &Path) -> Result<(), FolderError> {
    let unwritable = |reason| FolderError::Unwritable { path: path.to_owned(), reason };
    if platform::is_private_dir(path).map_err(unwritable)? {
        return Ok(());
    }
    if !path.join(KEY_FILE).exists() {
        // Without the key in it, it is this device's only if there is nothing in it that another program put there.
        let own = [LOCK_FILE, ONE_COMMAND_FILE, "socket", "socket.path"];
        for entry in path.read_dir().map_err(unwritable)? {
            let name = entry.map_err(unwritable)?.file_name();
            if !own.iter().any(|own| name == *own) {
                return Err(FolderError::Exposed(path.to_owned()));
            }
        }
    }
    platform::make_private_dir(path).map_err(unwritable)?;
    // Some file systems take it and do nothing.
    if !platform::is_private_dir(path).map_err(unwritable)? {
        return Err(FolderError::Exposed(path.to_owned()));
    }
    tracing::warn!(folder = %path.display(), "the data folder was open to other users of this machine; it no longer is");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_made_for_this_user_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a").join("b");
        let _folder = Folder::open(&path, Stay::Lasting).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let alice = Folder::open(parent.path(), Stay::Lasting).unwrap();
        let error = Folder::open(parent.path(), Stay::Lasting).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Locked);
        assert!(error.to_string().contains(&parent.path().display().to_string()));
        drop(alice);
        Folder::open(parent.path(), Stay::Lasting).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = Folder::open(&path, Stay::Lasting).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn who_comes_to_stay_waits_for_a_single_command() {
        let parent = tempfile::tempdir().unwrap();
        let call = Folder::open(parent.path(), Stay::OneCommand).unwrap();
        let path = parent.path().to_owned();
        let begun = Instant::now();
        let waiting = std::thread::spawn(move || Folder::open(&path, Stay::Lasting).unwrap());
        // Another single command is not waited for, so that this takes longer than it would have waited.
        let error = Folder::open(parent.path(), Stay::OneCommand).unwrap_err();
        assert!(error.code() == ErrorCode::Locked && begun.elapsed() >= LOCK_PATIENCE);
        assert!(!waiting.is_finished());
        drop(call);
        let _folder = waiting.join().unwrap();
        assert!(!parent.path().join(ONE_COMMAND_FILE).exists());
        assert_eq!(Folder::open(parent.path(), Stay::Lasting).unwrap_err().code(), ErrorCode::Locked);
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_look_into_the_folder_or_take_the_lock() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let open_to_all = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let folder = parent.path().join("data");
        std::fs::create_dir(&folder).unwrap();
        for _ in 0..2 {
            open_to_all(&folder, 0o755);
            let _folder = Folder::open(&folder, Stay::Lasting).unwrap();
            assert_eq!((mode(&folder), mode(&folder.join(LOCK_FILE))), (0o700, 0o600));
            open_to_all(&folder.join(LOCK_FILE), 0o644);
        }

        let theirs = parent.path().join("shared");
        std::fs::create_dir(&theirs).unwrap();
        std::fs::write(theirs.join("holiday.jpg"), "").unwrap();
        open_to_all(&theirs, 0o755);
        let error = Folder::open(&theirs, Stay::Lasting).unwrap_err().to_string();
        assert!(error.contains(&theirs.display().to_string()) && error.contains("chmod 700"), "{error}");
        assert_eq!((mode(&theirs), theirs.read_dir().unwrap().count()), (0o755, 1), "it is as it was");
    }
}
