//! The local socket: the same JSON-RPC as over standard input and output, for other processes of the same user.
//!
//! A Unix socket in the data folder, or a named pipe on Windows. Where the folder's path is too long for a socket's
//! (108 bytes on Linux, 104 on macOS), the socket stands in the runtime folder, and a file in the data folder says
//! where; so does the pipe's name.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use interprocess::local_socket::{
    ConnectOptions, GenericFilePath, ListenerOptions, ToFsName as _,
    tokio::{Listener, prelude::*},
};
use tokio::sync::Semaphore;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use crate::rpc::Client;
use crate::{node::WeakNode, platform, rpc};

/// The file in the data folder that names the socket where it stands elsewhere.
const PATH_FILE: &str = "socket.path";
/// How many processes may be connected at once.
const CONNECTIONS: usize = 64;
/// How long a process that has just been answered may take to be told when the device is closed.
const PATIENCE: Duration = Duration::from_millis(500);

/// The open socket; gone when dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    stop: DropGuard,
    connections: TaskTracker,
    place: Place,
}

/// Removes the socket's file when dropped.
#[derive(Debug)]
struct Place {
    path: PathBuf,
}

impl Socket {
    /// Opens the socket of a data folder that this process holds, replacing what an earlier one left behind.
    pub(crate) fn open(folder: &Path, node: WeakNode) -> io::Result<Self> {
        let place = Place::choose(folder)?;
        let options = ListenerOptions::new().name(place.path.as_path().to_fs_name::<GenericFilePath>()?);
        let listener = platform::for_this_user(options.reclaim_name(false))?.create_tokio()?;
        platform::make_private(&place.path)?;
        let stop = CancellationToken::new();
        let connections = TaskTracker::new();
        connections.spawn(accept(listener, node, stop.clone(), connections.clone()));
        Ok(Self { stop: stop.drop_guard(), connections, place })
    }

    /// Takes no more requests, and waits a moment for the answers to those under way.
    pub(crate) async fn close(self) {
        let Self { stop, connections, place } = self;
        drop(place);
        drop(stop);
        connections.close();
        let _ = tokio::time::timeout(PATIENCE, connections.wait()).await;
    }
}

impl Place {
    fn choose(folder: &Path) -> io::Result<Self> {
        let record = folder.join(PATH_FILE);
        if let Some(left) = recorded(folder) {
            platform::remove_socket(&left)?;
        }
        let beside = platform::socket_in(folder);
        platform::remove_file(&record)?;
        let path = match beside {
            Some(path) => path,
            None => {
                let path = platform::socket_elsewhere()?;
                let mut file = platform::create_private_file(&record)?;
                io::Write::write_all(&mut file, path.as_os_str().as_encoded_bytes())?;
                path
            }
        };
        platform::remove_socket(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = platform::remove_socket(&self.path) {
            tracing::debug!(%error, "the local socket could not be removed");
        }
    }
}

/// Where the data folder says its socket is, if it says so.
fn recorded(folder: &Path) -> Option<PathBuf> {
    std::fs::read_to_string(folder.join(PATH_FILE)).ok().filter(|path| !path.is_empty()).map(PathBuf::from)
}

async fn accept(listener: Listener, node: WeakNode, stop: CancellationToken, connections: TaskTracker) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                tracing::warn!(%error, "the local socket does not accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !platform::is_same_user(&stream) {
            tracing::warn!("another user was refused at the local socket");
            continue;
        }
        let Ok(permit) = free.clone().try_acquire_owned() else {
            // Told at once, by the end of the connection, rather than kept waiting for others to go.
            tracing::warn!("{CONNECTIONS} processes are connected to the local socket already; one more was refused");
            continue;
        };
        let Some(node) = node.upgrade() else { break };
        let stop = stop.clone();
        connections.spawn(async move {
            if let Err(error) = rpc::serve(&node, &stream, &stream, stop.cancelled()).await {
                tracing::debug!(%error, "a connection to the local socket broke");
            }
            drop(permit);
        });
    }
}

impl Client {
    /// Connects to the process that holds this data folder; `None` where none does.
    pub async fn connect(folder: &Path) -> Option<Self> {
        let path = recorded(folder).or_else(|| platform::socket_in(folder))?;
        let name = path.as_path().to_fs_name::<GenericFilePath>().ok()?;
        let stream = ConnectOptions::new().name(name).connect_tokio().await.ok()?;
        if !platform::is_same_user(&stream) {
            return None;
        }
        let (input, output) = tokio::io::split(stream);
        Some(Self::over(input, output))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Flags, Node, Settings, api::CallError};

    async fn alice(folder: &Path) -> Node {
        let flags = Flags { data_dir: Some(folder.into()), name: Some("Alice".into()), ..Flags::default() };
        Node::open(Settings::load(flags).unwrap()).await.unwrap()
    }

    async fn name_of_who_holds(folder: &Path) -> Value {
        let client = Client::connect(folder).await.expect("nobody answers at the socket");
        client.call("status", &Value::Null).await.unwrap()["name"].take()
    }

    #[tokio::test]
    async fn another_process_reaches_the_device_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Client::connect(folder.path()).await.is_none());
        let node = alice(folder.path()).await;
        assert_eq!(name_of_who_holds(folder.path()).await, json!("Alice"));
        let client = Client::connect(folder.path()).await.unwrap();
        let error = client.call("status", &json!({"x": 1})).await.unwrap_err();
        assert!(matches!(error, CallError::BadArguments(_)));
        node.close().await;
        assert!(Client::connect(folder.path()).await.is_none());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_socket_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        assert!(Client::connect(folder.path()).await.is_none());
        let node = alice(folder.path()).await;
        assert_eq!(name_of_who_holds(folder.path()).await, json!("Alice"));
        node.close().await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_folder_with_a_long_path_has_a_socket_too() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("long".repeat(40));
        for _ in 0..2 {
            let node = alice(&folder).await;
            let path = recorded(&folder).unwrap();
            assert_eq!(name_of_who_holds(&folder).await, json!("Alice"));
            node.close().await;
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn a_device_that_is_dropped_leaves_no_socket() {
        let folder = tempfile::tempdir().unwrap();
        drop(alice(folder.path()).await);
        assert!(Client::connect(folder.path()).await.is_none());
        alice(folder.path()).await.close().await;
    }
}
