//! Whether an open file still stands where it was opened.

use std::{
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
};

/// A file as it stood at its path. On Unix a file can be deleted or moved while it is open: what is then written to it
/// goes nowhere, and no write fails.
#[derive(Debug)]
pub(crate) struct Pin {
    path: PathBuf,
    id: Id,
}

impl Pin {
    /// What stands at the path now.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), id: id(&std::fs::metadata(path)?) })
    }

    /// What was opened at the path.
    pub(crate) fn of(file: &File, path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), id: id(&file.metadata()?) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still the same file that stands there. An error other than that nothing stands there says nothing
    /// of the file, and counts as a yes.
    pub(crate) fn holds(&self) -> bool {
        match std::fs::metadata(&self.path) {
            Ok(found) => id(&found) == self.id,
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        }
    }
}

/// Device and inode.
#[cfg(unix)]
type Id = (u64, u64);

#[cfg(unix)]
fn id(file: &Metadata) -> Id {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

/// Always the same: Windows neither deletes nor moves a file that is open without leave to do so.
#[cfg(not(unix))]
type Id = bool;

#[cfg(not(unix))]
fn id(_: &Metadata) -> Id {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_deleted_or_replaced_stands_there_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = File::create(&path).unwrap();
        let pins = [Pin::at(&path).unwrap(), Pin::of(&file, &path).unwrap()];
        assert!(pins.iter().all(Pin::holds));
        std::fs::remove_file(&path).unwrap();
        assert!(!pins.iter().any(Pin::holds));
        std::fs::write(&path, "another").unwrap();
        assert!(!pins.iter().any(Pin::holds));
    }
}
