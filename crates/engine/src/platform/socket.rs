//! Where the local socket stands and who may reach it.

use std::{
    io,
    path::{Path, PathBuf},
};

use interprocess::local_socket::{ListenerOptions, tokio::Stream};

/// The longest path a Unix socket may have everywhere: 104 bytes on macOS, less the final zero.
#[cfg(unix)]
const SOCKET_PATH_MAX: usize = 103;

/// The socket's path in this data folder; `None` where it cannot stand there.
#[cfg(unix)]
pub(crate) fn socket_in(folder: &Path) -> Option<PathBuf> {
    let path = folder.join("socket");
    (path.as_os_str().len() <= SOCKET_PATH_MAX).then_some(path)
}

/// The socket's path in this data folder: named pipes stand in no folder.
#[cfg(windows)]
pub(crate) fn socket_in(_: &Path) -> Option<PathBuf> {
    None
}

/// A new path for a socket that cannot stand in its data folder.
#[cfg(unix)]
pub(crate) fn socket_elsewhere() -> io::Result<PathBuf> {
    let runtime = directories::BaseDirs::new().and_then(|dirs| dirs.runtime_dir().map(Path::to_owned));
    Ok(runtime.unwrap_or_else(std::env::temp_dir).join(random_name()?))
}

/// A new path for a socket that cannot stand in its data folder.
#[cfg(windows)]
pub(crate) fn socket_elsewhere() -> io::Result<PathBuf> {
    Ok(Path::new(r"\\.\pipe").join(random_name()?))
}

/// A name that nobody else can have taken.
fn random_name() -> io::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("lanline-{:016x}", u64::from_le_bytes(random)))
}

/// A listener that only this user can reach: by its file's mode and [`is_same_user`].
#[cfg(unix)]
pub(crate) fn for_this_user(options: ListenerOptions<'_>) -> io::Result<ListenerOptions<'_>> {
    Ok(options)
}

/// A listener that only this user can reach: by its security descriptor, which lets in none but the owner.
#[cfg(windows)]
pub(crate) fn for_this_user(options: ListenerOptions<'_>) -> io::Result<ListenerOptions<'_>> {
    use interprocess::os::windows::{local_socket::ListenerOptionsExt, security_descriptor::SecurityDescriptor};
    let owner_only = widestring::U16CString::from_str("D:P(A;;GA;;;OW)").map_err(io::Error::other)?;
    Ok(options.security_descriptor(SecurityDescriptor::deserialize(&owner_only)?))
}

/// Removes a socket that nobody listens at, if it is there; nothing that is not a socket.
#[cfg(unix)]
pub(crate) fn remove_socket(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => super::remove_file(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else stands where the socket should")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a socket that nobody listens at: a pipe goes with its process.
#[cfg(windows)]
pub(crate) fn remove_socket(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the process at the other end runs as the same user as this one.
#[cfg(unix)]
pub(crate) fn is_same_user(stream: &Stream) -> bool {
    use interprocess::local_socket::traits::StreamCommon;
    let this = rustix::process::geteuid().as_raw();
    stream.peer_creds().is_ok_and(|peer| peer.euid() == Some(this))
}

/// Whether the process at the other end runs as the same user as this one: the pipe's security descriptor lets in
/// nobody else.
#[cfg(windows)]
pub(crate) fn is_same_user(_: &Stream) -> bool {
    true
}
