//! The device as a server: where it listens, and that others are told.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::Mutex;

use crate::{
    Settings,
    api::{ApiError, ErrorCode, Listening, ServerState},
    board::Board,
    core::Core,
    net::{CloseReason, ListenError, Listener, Net, show},
};

/// How often it is looked whether this device has other addresses than before.
const LOOK: Duration = Duration::from_secs(5);

/// Listens or not; one change at a time.
#[derive(Debug)]
pub(crate) struct Server {
    net: Arc<Net>,
    core: Core,
    board: Arc<Board>,
    listen: Vec<SocketAddr>,
    listener: Mutex<Option<Listener>>,
}

impl Server {
    pub(crate) fn new(net: Arc<Net>, core: Core, board: Arc<Board>, settings: &Settings) -> Self {
        let listen = settings.listen.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        Self { net, core, board, listen, listener: Mutex::new(None) }
    }

    /// Listens on the port; 0 takes any free one, or the one it listens on already. From another port it moves.
    pub(crate) async fn start(&self, port: u16) -> Result<Listening, ApiError> {
        let mut listener = self.listener.lock().await;
        if let Some(running) = listener.as_ref()
            && (port == 0 || port == running.port())
        {
            return Ok(self.announce(running));
        }
        let started = self.net.listen(&self.listen, port)?;
        let before = listener.replace(started);
        if let Some(before) = before {
            before.stop().await;
        }
        match listener.as_ref() {
            Some(running) => Ok(self.announce(running)),
            None => Err(crate::turn::closed().into()),
        }
    }

    /// Stops listening and takes leave of everyone who dialled in.
    pub(crate) async fn stop(&self) -> Result<(), ApiError> {
        let mut listener = self.listener.lock().await;
        let Some(running) = listener.take() else { return Ok(()) };
        running.stop().await;
        self.core.set_addresses(Vec::new());
        self.board.set_server(ServerState::default());
        let parted = self.core.write(|machine, now| {
            for connection in machine.connections.accepted() {
                machine.end(now, connection, &CloseReason::ServerStopped)?;
            }
            Ok(())
        });
        match parted.await {
            // With a full disk nobody is connected.
            Err(error) if error.code == ErrorCode::ReadOnly => Ok(()),
            result => result,
        }
    }

    /// Notes, now and then, whether this device has other addresses; for as long as it runs.
    pub(crate) async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let listener = self.listener.lock().await;
            if let Some(running) = listener.as_ref()
                && self.board.server().addresses != shown(running)
            {
                self.announce(running);
            }
        }
    }

    fn announce(&self, running: &Listener) -> Listening {
        let (port, addresses) = (running.port(), shown(running));
        if self.board.server().addresses != addresses {
            self.core.set_addresses(addresses.clone());
        }
        self.board.set_server(ServerState { running: true, port: Some(port), addresses: addresses.clone() });
        Listening { port, addresses }
    }
}

fn shown(listener: &Listener) -> Vec<String> {
    listener.addresses().iter().map(show).collect()
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
