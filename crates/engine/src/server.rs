//! The device as a server: where it listens, and that others are told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lanline_protocol::command::CommandError;
use tokio::sync::Mutex;

use crate::{
    Settings,
    api::{ApiError, ErrorCode, Listening, ServerState},
    board::Board,
    core::{Core, Machine},
    net::{CloseReason, ListenError, Listener, Net, show_all},
};

/// Under what the port is kept while this device is to listen, also after it was started again.
const KEPT: &str = "server";

/// Listens or not; one change at a time.
#[derive(Debug)]
pub(crate) struct Server {
    net: Arc<Net>,
    core: Core,
    board: Arc<Board>,
    listen: Vec<SocketAddr>,
    listener: Mutex<Option<Listener>>,
    /// Whether the door resumes the server at the next start.
    resumes: AtomicBool,
}

impl Server {
    pub(crate) fn new(net: Arc<Net>, core: Core, board: Arc<Board>, settings: &Settings) -> Self {
        Self {
            net,
            core,
            board,
            listen: settings.listen.clone(),
            listener: Mutex::new(None),
            resumes: AtomicBool::new(false),
        }
    }

    /// Listens on the port; 0 takes any free one, or the one it listens on already. From another port it moves.
    pub(crate) async fn start(&self, port: u16) -> Result<Listening, ApiError> {
        let mut listener = self.listener.lock().await;
        if let Some(running) = listener.as_ref()
            && (port == 0 || port == running.port())
        {
            return Ok(self.announce(running));
        }
        // A device that can take nothing in does not listen.
        self.core.read(|_| Ok(())).await?;
        let started = self.net.listen(&self.listen, port)?;
        let port = started.port();
        let before = listener.replace(started);
        if let Some(before) = before {
            before.stop().await;
        }
        let listening = match listener.as_ref() {
            Some(running) => self.announce(running),
            None => return Err(crate::turn::closed().into()),
        };
        let resumes = self.resumes();
        let kept = self.core.write(move |machine, _| if resumes { keep(machine, Some(port)) } else { Ok(()) });
        // It listens, whether or not it will after the next start.
        if let Err(error) = kept.await {
            tracing::warn!(%error, "the server will not start by itself the next time");
        }
        Ok(listening)
    }

    /// Listens again on the port it listened on when this device ended, if it did and was not told to stop. Where that
    /// fails, the server's state says why. From now on it is kept in mind whether to listen after the next start: only
    /// for a door that resumes, so that what other doors do does not change what this one finds.
    pub(crate) async fn resume(&self) -> Result<(), ApiError> {
        self.resumes.store(true, Ordering::Release);
        let kept = self.core.read(|machine| Ok(machine.replica.kept(KEPT)?)).await?;
        let Some(port) = kept.and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes) else { return Ok(()) };
        match self.start(port).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.board.set_server(ServerState { failure: Some(error.clone()), ..ServerState::default() });
                Err(error)
            }
        }
    }

    /// Stops listening and takes leave of everyone who dialled in.
    pub(crate) async fn stop(&self) -> Result<(), ApiError> {
        let mut listener = self.listener.lock().await;
        if let Some(running) = listener.take() {
            running.stop().await;
            self.core.set_addresses(Vec::new());
        }
        self.board.set_server(ServerState::default());
        let resumes = self.resumes();
        let parted = self.core.write(move |machine, now| {
            for connection in machine.connections.accepted() {
                machine.end(now, connection, &CloseReason::ServerStopped)?;
            }
            if resumes { keep(machine, None) } else { Ok(()) }
        });
        // It is stopped; where nothing can be written, nobody is connected either.
        if let Err(error) = parted.await {
            tracing::warn!(%error, "the server will start by itself the next time");
        }
        Ok(())
    }

    /// Stops listening because the core has failed; nobody is left to be told.
    pub(crate) async fn fail(&self) {
        let running = self.listener.lock().await.take();
        if let Some(running) = running {
            running.stop().await;
        }
        self.board.set_server(ServerState::default());
    }

    /// This device has other addresses: tells those who are to know.
    pub(crate) async fn moved(&self) {
        let listener = self.listener.lock().await;
        if let Some(running) = listener.as_ref()
            && self.board.server().addresses != shown(running)
        {
            self.announce(running);
        }
    }

    /// Whether it is kept in mind whether to listen after the next start.
    pub(crate) fn resumes(&self) -> bool {
        self.resumes.load(Ordering::Acquire)
    }

    fn announce(&self, running: &Listener) -> Listening {
        let (port, addresses) = (running.port(), shown(running));
        if self.board.server().addresses != addresses {
            self.core.set_addresses(addresses.clone());
        }
        self.board.set_server(ServerState {
            running: true,
            port: Some(port),
            addresses: addresses.clone(),
            failure: None,
        });
        Listening { port, addresses }
    }
}

/// Keeps in mind whether to listen after the next start, and where.
fn keep(machine: &mut Machine, port: Option<u16>) -> Result<(), CommandError> {
    Ok(machine.replica.keep(KEPT, port.map(u16::to_be_bytes).as_ref().map(<[u8; 2]>::as_slice))?)
}

fn shown(listener: &Listener) -> Vec<String> {
    show_all(&listener.addresses())
}

impl From<ListenError> for ApiError {
    fn from(error: ListenError) -> Self {
        let code = match error {
            ListenError::PortInUse(_) => ErrorCode::PortInUse,
            ListenError::NotAllowed(_) | ListenError::NoSuchAddress(_) => ErrorCode::InvalidArgument,
            ListenError::Other { .. } => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, path::Path};

    use lanline_protocol::store::StoreError;
    use serde_json::json;

    use super::*;
    use crate::{
        Flags, Node, Settings,
        api::{NoParams, StartServer},
    };

    fn settings(folder: &Path) -> Settings {
        let flags = Flags { data_dir: Some(folder.into()), ..Flags::default() };
        let mut settings = Settings::load(flags).unwrap();
        settings.listen = vec!["127.0.0.1:0".parse().unwrap()];
        settings
    }

    async fn alice(folder: &Path) -> Node {
        let node = Node::open(settings(folder)).await.unwrap();
        node.resume_server().await;
        node
    }

    async fn server(alice: &Node) -> ServerState {
        alice.status(NoParams {}).await.unwrap().server
    }

    #[tokio::test]
    async fn a_device_listens_again_where_it_did_unless_it_was_told_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let alice = self::alice(folder.path()).await;
        assert_eq!(server(&alice).await, ServerState::default());
        let port = alice.start_server(StartServer { port: Some(0) }).await.unwrap().port;
        alice.close().await;

        let alice = self::alice(folder.path()).await;
        assert_eq!(server(&alice).await.port, Some(port));
        alice.close().await;

        let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let alice = self::alice(folder.path()).await;
        let state = server(&alice).await;
        assert!(!state.running && state.failure.unwrap().code == ErrorCode::PortInUse);
        drop(taken);
        alice.start_server(StartServer { port: Some(port) }).await.unwrap();
        assert_eq!(server(&alice).await.failure, None);
        alice.stop_server(NoParams {}).await.unwrap();
        alice.close().await;

        let alice = self::alice(folder.path()).await;
        assert_eq!(server(&alice).await, ServerState::default());
        alice.close().await;
    }

    async fn in_a_terminal(folder: &Path) -> Node {
        Node::open(settings(folder)).await.unwrap()
    }

    #[tokio::test]
    async fn a_door_that_does_not_resume_the_server_changes_nothing_for_one_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let terminal = in_a_terminal(folder.path()).await;
        terminal.start_server(StartServer { port: Some(0) }).await.unwrap();
        terminal.close().await;
        let alice = self::alice(folder.path()).await;
        assert_eq!(server(&alice).await, ServerState::default());
        let port = alice.start_server(StartServer { port: Some(0) }).await.unwrap().port;
        alice.close().await;
        let terminal = in_a_terminal(folder.path()).await;
        terminal.stop_server(NoParams {}).await.unwrap();
        terminal.close().await;
        let alice = self::alice(folder.path()).await;
        assert_eq!(server(&alice).await.port, Some(port));
        alice.close().await;
    }

    #[tokio::test]
    async fn a_device_for_one_command_refuses_what_would_end_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let alice = Node::open_alone(settings(folder.path())).await.unwrap();
        let device = json!({"device_id": alice.device_id().to_string()});
        for (name, params) in [
            ("start_server", json!({})),
            ("stop_server", json!({})),
            ("connect", json!({"address": "127.0.0.1"})),
            ("disconnect", device),
        ] {
            let error = ApiError::from(alice.call(name, params).await.unwrap_err());
            assert!(error.code == ErrorCode::InvalidArgument && error.message.contains("lanline serve"), "{error:?}");
        }
        alice.call("status", json!({})).await.unwrap();
        alice.close().await;
    }

    #[tokio::test]
    async fn a_server_starts_and_stops_whole_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let alice = self::alice(folder.path()).await;
        let full = alice.core().write::<(), _>(|_, _| Err(CommandError::Store(StoreError::Full)));
        assert_eq!(full.await.unwrap_err().code, ErrorCode::ReadOnly);
        let port = alice.start_server(StartServer { port: Some(0) }).await.unwrap().port;
        assert!(server(&alice).await.running && TcpListener::bind(("127.0.0.1", port)).is_err());
        alice.stop_server(NoParams {}).await.unwrap();
        assert!(!server(&alice).await.running);
        TcpListener::bind(("127.0.0.1", port)).unwrap();
        alice.close().await;
    }
}
