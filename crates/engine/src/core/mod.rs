//! The one thread that owns the replica, and so the database: everything that is decided or written passes through it.
//!
//! It takes all that is waiting, feeds it to the replica, commits once, carries out what the replica says, and only
//! then answers. So what queued up during one commit is the next one, which is group commit without a timer.

mod allowance;
mod clock;
mod connections;
mod fault;
mod incoming;
mod input;
mod notices;
mod outputs;
mod published;
mod random;
#[cfg(test)]
mod tests;
mod thread;

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use lanline_protocol::{
    clock::Time,
    command::CommandError,
    frame::ReachOutcome,
    id::StoreId,
    identity::{DeviceId, DeviceKey},
    session::ConnectionId,
    store::StoreError,
};
use tokio::sync::{
    mpsc::{UnboundedReceiver, unbounded_channel},
    oneshot,
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use self::{
    clock::Clock,
    input::{Change, Input, Look},
    published::Published,
    random::SystemRandom,
    thread::Thread,
};
pub(crate) use self::{
    connections::{Connections, JoinEnd, is_greeted},
    fault::sentence,
    published::Subscribed,
};
use crate::{
    api::{ApiError, ErrorCode, StoreCondition},
    board::Board,
    folder::Folder,
    impostors::Impostors,
    net::{CloseReason, ConnectionEvent},
    reaching,
    store::{OpenStoreError, SqliteStore},
};

/// The state machine on its database.
pub(crate) type Replica = lanline_protocol::replica::Replica<SqliteStore>;

/// The database's name in the data folder.
pub(crate) const DATABASE: &str = "lanline.db";

/// What is told of what was under way when a device began anew.
const ANEW: &str = "This device was begun anew for an import: try again.";

/// How this program names itself to peers.
const AGENT: &str = concat!("lanline/", env!("CARGO_PKG_VERSION"));

/// What commands work on.
pub(crate) struct Machine {
    pub(crate) replica: Replica,
    pub(crate) connections: Connections,
    /// Whether nothing more is to be taken in once this is committed.
    pub(crate) ends: bool,
}

impl Machine {
    /// Ends a connection from this side, for a reason that is not the replica's.
    pub(crate) fn end(&mut self, now: Time, connection: ConnectionId, reason: &CloseReason) -> Result<(), StoreError> {
        if let Some(open) = self.connections.ended(now.steady_ms, connection, reason) {
            open.handle.close(reason.clone());
            self.replica.disconnected(now, connection)?;
        }
        Ok(())
    }

    /// This device has these addresses now.
    pub(crate) fn moved(&mut self, now: Time, here: &[IpAddr]) -> Result<(), StoreError> {
        for connection in self.connections.astray(here) {
            self.end(now, connection, &CloseReason::NetworkChanged)?;
        }
        self.replica.moved();
        Ok(())
    }

    /// Leaves a device alone until somebody asks for it, or it dials in. Only members are dialled by themselves, so that
    /// of others nothing need be remembered, and strangers could fill the memory with it.
    pub(crate) fn hold(&mut self, connection: ConnectionId, device: DeviceId) {
        if self.replica.is_with_fellow(connection) {
            self.connections.hold(device);
        }
    }
}

/// The way to the core's thread. Clones lead to the same one; it ends when none is left.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    inputs: mpsc::Sender<Input>,
    board: Arc<Board>,
    impostors: Arc<Impostors>,
    /// Why it ends, once it was told to.
    closing: Arc<Mutex<Option<ApiError>>>,
}

/// A core that was just started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) core: Core,
    /// Done when the thread has ended and closed the database.
    pub(crate) ended: oneshot::Receiver<()>,
    /// Done when the core has failed and does nothing any more.
    pub(crate) failed: CancellationToken,
    /// What is told of it without asking.
    pub(crate) subscribed: Subscribed,
    /// Devices to be reached.
    pub(crate) reaches: UnboundedReceiver<reaching::Asked>,
}

/// Why the core cannot start: one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// What is in the database cannot be read.
    #[error("The database of this device cannot be read ({0}): check the disk, or put back a copy of it.")]
    Unreadable(StoreError),
    /// The lock file cannot be looked at.
    #[error("The lock of the data folder cannot be read ({0}): check the disk.")]
    NoLock(std::io::Error),
    /// The system gives no random numbers.
    #[error("The system gives no random numbers ({0}): restart the machine.")]
    NoRandomness(getrandom::Error),
    /// The system gives no thread.
    #[error("The system cannot run another thread ({0}): close other programs, then start Lanline again.")]
    NoThread(std::io::Error),
}

impl CoreError {
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Store(OpenStoreError::Unwritable { .. } | OpenStoreError::Full(_)) => ErrorCode::ReadOnly,
            _ => ErrorCode::Internal,
        }
    }
}

impl Core {
    /// Opens the database in the folder and starts the thread, which holds the folder until it ends. Blocks.
    pub(crate) fn start(
        folder: Arc<Folder>,
        seed: Zeroizing<[u8; 32]>,
        board: Arc<Board>,
    ) -> Result<Started, CoreError> {
        let clock = Clock::new();
        let store = open_store(&folder, &seed)?;
        board.restore_notices(notices::kept(&store).map_err(CoreError::Unreadable)?);
        let replica = open_replica(&seed, store, clock.now()).map_err(CoreError::Unreadable)?;
        board.set_name(replica.name());
        let (inputs, waiting) = mpsc::channel();
        let (published, subscribed) = Published::new();
        let (reach, reaches) = unbounded_channel();
        let failed = CancellationToken::new();
        let impostors = Arc::<Impostors>::default();
        let told = (Arc::clone(&board), Arc::clone(&impostors));
        let thread = Thread::new(replica, folder, seed, clock, waiting, (published, reach), told, failed.clone());
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("lanline-core".to_owned())
            .spawn(move || {
                thread.run();
                // Whoever waited for it may have lost patience.
                let _ = end.send(());
            })
            .map_err(CoreError::NoThread)?;
        Ok(Started {
            core: Self { inputs, board, impostors, closing: Arc::default() },
            ended,
            failed,
            subscribed,
            reaches,
        })
    }

    /// Has something done that may write. It is in line when this returns; the future awaits the answer, which comes
    /// when it is on disk.
    pub(crate) fn write<T, F>(&self, act: F) -> impl Future<Output = Result<T, ApiError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Machine, Time) -> Result<T, CommandError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.put(Input::Write(Box::new(Change { act: Some(act), result: None, answer })), answered)
    }

    /// Has something looked up, in what is on disk.
    pub(crate) fn read<T, F>(&self, look: F) -> impl Future<Output = Result<T, ApiError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Machine) -> Result<T, CommandError> + Send + 'static,
    {
        self.read_at(move |machine, _| look(machine))
    }

    /// As [`read`](Self::read), where it matters what time it is.
    pub(crate) fn read_at<T, F>(&self, look: F) -> impl Future<Output = Result<T, ApiError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Machine, Time) -> Result<T, CommandError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.put(Input::Read(Box::new(Look { look, answer })), answered)
    }

    fn put<T: Send + 'static>(
        &self,
        input: Input,
        answered: oneshot::Receiver<Result<T, ApiError>>,
    ) -> impl Future<Output = Result<T, ApiError>> + Send + use<T> {
        // Where this fails the answer's sender is dropped with the input.
        let _ = self.inputs.send(input);
        let core = self.clone();
        async move { answered.await.unwrap_or_else(|_| Err(core.gone())) }
    }

    /// Passes on what happened on a connection. Returns at once.
    pub(crate) fn deliver(&self, event: ConnectionEvent) {
        if let Err(mpsc::SendError(Input::Net(ConnectionEvent::Opened { handle, .. }))) =
            self.inputs.send(Input::Net(event))
        {
            handle.close(CloseReason::Shutdown);
        }
    }

    /// Tells members where this device listens; `[]`: no more.
    pub(crate) fn set_addresses(&self, addresses: Vec<String>) {
        // Fails only where there is nobody left to tell.
        let _ = self.inputs.send(Input::Listening { addresses });
    }

    /// Says that a device was dialled in vain, so that others are named.
    pub(crate) fn unreached(&self, device: DeviceId) {
        let _ = self.inputs.send(Input::Unreached(device));
    }

    /// Says what became of reaching the device on a connection.
    pub(crate) fn reached(&self, connection: ConnectionId, outcome: ReachOutcome) {
        let _ = self.inputs.send(Input::Reached(connection, outcome));
    }

    /// Where others answered than those that were dialled.
    pub(crate) fn impostors(&self) -> &Impostors {
        &self.impostors
    }

    /// Says where a device was found just now, as `ip:port`; `[]`: it is not found any more.
    pub(crate) fn found(&self, device: DeviceId, addresses: Vec<String>) {
        let _ = self.inputs.send(Input::Found { device, addresses });
    }

    /// Says that this device has these addresses now: who was not reached may be, and what hung on others is over.
    pub(crate) fn moved(&self, here: Vec<IpAddr>) {
        self.impostors.moved();
        let _ = self.inputs.send(Input::Moved { here });
    }

    /// Waits for the device on a connection that was just dialled to say hello; else why it did not.
    pub(crate) async fn greeted(
        &self,
        connection: ConnectionId,
        device: DeviceId,
    ) -> Result<Result<(), CloseReason>, ApiError> {
        let (answer, answered) = oneshot::channel();
        self.write(move |machine, _| {
            machine.connections.greet(&machine.replica, connection, device, answer);
            Ok(())
        })
        .await?;
        answered.await.map_err(|_| self.gone())
    }

    /// Commits what was asked for so far and ends the thread, whatever is asked later.
    pub(crate) fn close(&self) {
        *self.closing.lock().unwrap_or_else(PoisonError::into_inner) = Some(crate::turn::closed().into());
        // Fails only where it has ended.
        let _ = self.inputs.send(Input::Close);
    }

    /// As [`close`](Self::close), for a device that begins anew, and only where it may end as it is now: nothing is taken
    /// in between that look and the end. Whether it ends.
    pub(crate) fn close_if<F>(&self, may_end: F) -> impl Future<Output = Result<bool, ApiError>> + Send + use<F>
    where
        F: FnOnce(&Machine) -> Result<bool, CommandError> + Send + 'static,
    {
        let closing = Arc::clone(&self.closing);
        self.write(move |machine, _| {
            machine.ends = may_end(machine)?;
            if machine.ends {
                let anew = ApiError::new(ErrorCode::Internal, ANEW);
                *closing.lock().unwrap_or_else(PoisonError::into_inner) = Some(anew);
            }
            Ok(machine.ends)
        })
    }

    /// Why something was dropped without an answer.
    fn gone(&self) -> ApiError {
        let store = self.board.store();
        match store.reason {
            Some(reason) if store.state == StoreCondition::Failed => ApiError::new(ErrorCode::Internal, reason),
            // Else it died with it in hand, and is about to say so.
            _ => self.closing.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(fault::internal),
        }
    }
}

/// Opens the database in the folder, or makes it. Blocks.
fn open_store(folder: &Folder, seed: &[u8; 32]) -> Result<SqliteStore, CoreError> {
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh).map_err(CoreError::NoRandomness)?;
    let public = DeviceKey::from_seed(seed).public();
    let mut store = SqliteStore::open(&database(folder), public, StoreId::new(fresh))?;
    store.rely_on(folder.pin().map_err(CoreError::NoLock)?);
    Ok(store)
}

fn database(folder: &Folder) -> PathBuf {
    folder.path().join(DATABASE)
}

fn open_replica(seed: &[u8; 32], store: SqliteStore, now: Time) -> Result<Replica, StoreError> {
    Replica::open(DeviceKey::from_seed(seed), store, Box::new(SystemRandom), AGENT, now)
}
