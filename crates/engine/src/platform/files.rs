use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// Makes a folder, and those above it, that only this user can enter (mode 0700 on Unix; elsewhere the person's own
/// profile folder already is private). All of them are on the disk when it returns.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    for parent in missing.iter().filter_map(|path| path.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match sync_dir(parent) {
            // One may be let make folders where one may not look.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Makes a file that must not exist yet and that only this user can read (mode 0600 on Unix).
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens a file to read that is one: whoever opens a named pipe would wait until somebody writes to it, and a device may
/// never end.
pub(crate) fn open_regular_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file but a folder, a pipe or a device"))
}

/// Opens a file to read and write; makes one that only this user can read where it is missing.
pub(crate) fn open_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Lets only this user open a file or a socket (mode 0600).
#[cfg(unix)]
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    set_mode(path, 0o600)
}

/// Lets only this user into a folder (mode 0700).
#[cfg(unix)]
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    set_mode(path, 0o700)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Not where nothing is to be changed, which only the owner may.
    if std::fs::metadata(path)?.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Lets only this user open a file: the folder's own protection is trusted here, and a pipe has no file.
#[cfg(not(unix))]
pub(crate) fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Lets only this user into a folder: what the system gave it is trusted here.
#[cfg(not(unix))]
pub(crate) fn make_private_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether only its owner can look into a folder.
#[cfg(unix)]
pub(crate) fn is_private_dir(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 == 0)
}

/// Whether only its owner can look into a folder: what the system gave it is trusted here.
#[cfg(not(unix))]
pub(crate) fn is_private_dir(_: &Path) -> io::Result<bool> {
    Ok(true)
}

/// The number that the system knows a file by as long as it exists, whatever its name; a copy has another.
#[cfg(unix)]
pub(crate) fn file_number(path: &Path) -> io::Result<Option<u64>> {
    Ok(Some(std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path)?)))
}

/// The number that the system knows a file by: this one's cannot be asked for by means of the standard library.
#[cfg(not(unix))]
pub(crate) fn file_number(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether only its owner can read or write the open file.
#[cfg(unix)]
pub(crate) fn is_private(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 == 0)
}

/// Whether only its owner can read or write the open file: the folder's own protection is trusted here.
#[cfg(not(unix))]
pub(crate) fn is_private(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// Makes sure that what was created or renamed in a folder is found there after a power cut.
#[cfg(unix)]
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes sure that what was created or renamed in a folder is found there after a power cut: NTFS journals it.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
