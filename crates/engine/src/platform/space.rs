use std::{
    io::{self, Write},
    path::Path,
};

use super::files::{create_private_file, remove_file};

/// What is written to find out whether there is room: more than a database's page.
const PROBE_BYTES: usize = 64 * 1024;
const PROBE_FILE: &str = "lanline.probe";

/// Whether nothing more can be written to a folder for lack of space: the disk's, or what this user may use of it.
pub(crate) fn is_full(folder: &Path) -> bool {
    let path = folder.join(PROBE_FILE);
    let probed = remove_file(&path).and_then(|()| {
        let mut file = create_private_file(&path)?;
        file.write_all(&[0; PROBE_BYTES])?;
        file.sync_all()
    });
    if let Err(error) = remove_file(&path) {
        tracing::debug!(%error, "a probe could not be removed");
    }
    probed.is_err_and(|error| says_full(&error))
}

/// Bytes that this user may still write to the disk of a folder, where the system says so.
pub(crate) fn free(folder: &Path) -> Option<u64> {
    fs4::available_space(folder).inspect_err(|error| tracing::debug!(%error, "the free space is unknown")).ok()
}

fn says_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_full_share_of_the_disk_is_a_full_disk() {
        use rustix::io::Errno;
        for (errno, full) in [(Errno::NOSPC, true), (Errno::DQUOT, true), (Errno::IO, false), (Errno::ROFS, false)] {
            assert_eq!(says_full(&io::Error::from(errno)), full, "{errno}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_where_nothing_fits_is_full_and_another_is_not() {
        assert!(!is_full(tempfile::tempdir().unwrap().path()));
        // The device that is always full does not let a file be made in it, which is no lack of space.
        assert!(!is_full(Path::new("/dev/full")));
    }
}
