//! A running device.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak},
    time::Duration,
};

use lanline_protocol::identity::{DeviceId, DeviceKey};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    Settings,
    api::{ApiError, CallError, Event, Job, StoreCondition, StoreState},
    attending::{Attending, Task},
    board::Board,
    core::{Core, CoreError, DATABASE, Started, Subscribed},
    discovery::{self, Discovery},
    events::EventStream,
    folder::{Folder, FolderError, Stay},
    identity::{self, Identity},
    moving::{self, Staged},
    net::{Net, Timeouts, TlsError},
    platform::SystemKeyStore,
    presenter::Presenter,
    reaching,
    server::Server,
    socket::Socket,
    store,
    turn::{self, Line},
};

/// How long closing may take.
const CLOSE: Duration = Duration::from_secs(5);

/// A running device: what every door holds. Clones are the same device.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    board: Arc<Board>,
    /// Another one after an import.
    running: RwLock<Running>,
    presenter: Presenter,
    /// Held by an export and by an import: both are at work in the folder.
    moving: Arc<tokio::sync::Mutex<()>>,
    /// Done once the device is to be closed: what takes long ends as soon as it can.
    closing: CancellationToken,
    /// Whether it is there for a single command.
    alone: bool,
    /// `None` once closed.
    open: Mutex<Option<Open>>,
}

/// What is this device by its key.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    identity: Arc<Identity>,
    device_id: DeviceId,
    pub(crate) core: Core,
    pub(crate) net: Arc<Net>,
    pub(crate) server: Arc<Server>,
    pub(crate) discovery: Discovery,
    pub(crate) subscribed: Subscribed,
}

/// A device that was just begun, and what belongs to it.
struct Begun {
    running: Running,
    /// Ending with the core, and reaching back.
    tasks: Vec<Task>,
    ended: oneshot::Receiver<()>,
}

/// What is let go of when the device is closed.
#[derive(Debug)]
struct Open {
    socket: Option<Socket>,
    line: Line,
    serving: tokio::task::JoinHandle<()>,
    /// Finding others and being found; `None`: it is not begun.
    discovery: Option<discovery::Stay>,
    /// Dialling, reaching back, looking for other addresses, and ending with the core.
    tasks: Vec<Task>,
    /// Done when the core's thread has ended.
    ended: oneshot::Receiver<()>,
    /// Held by this device from its beginning to its end, also while it becomes another one, and by whatever else is at
    /// work there. Let go of after the socket: whoever takes it next puts its own in that place.
    folder: Arc<Folder>,
}

/// Ends everything that others see once the core has failed: a server that takes nothing in is no server.
fn end_with(failed: CancellationToken, server: Arc<Server>, net: Arc<Net>) -> Task {
    AbortOnDropHandle::new(tokio::spawn(async move {
        failed.cancelled().await;
        server.fail().await;
        net.shutdown().await;
    }))
}

/// Takes the folder.
async fn take(path: PathBuf, stay: Stay) -> Result<Arc<Folder>, OpenError> {
    blocking(move || Ok(Arc::new(Folder::open(&path, stay)?))).await
}

/// Puts in its place what was imported, and starts the core and the net.
async fn begin(settings: &Settings, folder: Arc<Folder>, board: &Arc<Board>) -> Result<Begun, OpenError> {
    let (choice, core_board) = (settings.key_store, Arc::clone(board));
    let (key, identity, started) = blocking(move || {
        moving::finish(folder.path(), DATABASE, &SystemKeyStore)?;
        if identity::is_missing(folder.path())?
            && store::has_entries(&folder.path().join(DATABASE)).map_err(CoreError::from)?
        {
            return Err(FolderError::KeyMissing(folder.path().to_owned()).into());
        }
        let identity = identity::open(folder.path(), &SystemKeyStore, choice)?;
        let key = DeviceKey::from_seed(&identity.seed);
        let started = Core::start(folder, identity.seed.clone(), core_board)?;
        Ok((key, identity, started))
    })
    .await?;
    let Started { core, ended, failed, subscribed, reaches } = started;
    let sink = core.clone();
    let runtime = tokio::runtime::Handle::current();
    let net = Arc::new(Net::new(&key, runtime, Timeouts::default(), move |event| sink.deliver(event))?);
    let server = Arc::new(Server::new(Arc::clone(&net), core.clone(), Arc::clone(board), settings));
    let tasks = vec![
        end_with(failed, Arc::clone(&server), Arc::clone(&net)),
        AbortOnDropHandle::new(tokio::spawn(reaching::run(core.clone(), reaches))),
    ];
    let device_id = key.public().device_id();
    let discovery = Discovery::new(device_id);
    let running = Running { identity: Arc::new(identity), device_id, core, net, server, discovery, subscribed };
    Ok(Begun { running, tasks, ended })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| OpenError::Internal(error.to_string()))?
}

/// A device that may be gone.
#[derive(Clone, Debug)]
pub(crate) struct WeakNode {
    inner: Weak<Inner>,
}

impl WeakNode {
    /// The device, if it is still there.
    pub(crate) fn upgrade(&self) -> Option<Node> {
        self.inner.upgrade().map(|inner| Node { inner })
    }
}

/// Why a device cannot start: one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder or the key in it cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database or the thread that owns it cannot be used.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// No certificate could be made of the identity key.
    #[error("This device's certificate could not be made ({0}): try again, and report it if it fails again.")]
    Tls(#[from] TlsError),
    /// The task that opens it died.
    #[error("Lanline could not start ({0}): try again, and report it if it fails again.")]
    Internal(String),
}

fn refusal(error: OpenError) -> ApiError {
    ApiError::new(error.code(), error.to_string())
}

impl OpenError {
    /// The error's code in the API.
    pub fn code(&self) -> crate::api::ErrorCode {
        match self {
            Self::Folder(error) => error.code(),
            Self::Core(error) => error.code(),
            Self::Tls(_) | Self::Internal(_) => crate::api::ErrorCode::Internal,
        }
    }
}

impl Node {
    /// Takes the data folder and starts the device: it dials the members of its rooms, and other processes of this user
    /// reach it over the local socket. It listens only once `start_server` is called. Where a single command holds the
    /// folder, that is waited for.
    ///
    /// # Errors
    /// The folder is held by another process or cannot be written; the key or the database in it cannot be used.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let node = Self::begin(settings, Stay::Lasting).await?;
        let socket = Socket::open(&node.inner.settings.data_dir, node.weak())
            // A device that other processes cannot reach still works.
            .inspect_err(|error| tracing::warn!(%error, "no local socket: other terminals cannot reach this device"))
            .ok();
        let Attending { tasks, discovery } = Attending::to(&node.running(), &node.inner.board, &node.inner.settings);
        if let Some(open) = node.lock().as_mut() {
            (open.socket, open.discovery) = (socket, discovery);
            open.tasks.extend(tasks);
        }
        Ok(node)
    }

    /// As [`open`](Self::open), but no other process reaches it and it dials nobody by itself: for a single command, so
    /// that nobody begins to rely on a device that is about to end.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn open_alone(settings: Settings) -> Result<Self, OpenError> {
        Self::begin(settings, Stay::OneCommand).await
    }

    async fn begin(settings: Settings, stay: Stay) -> Result<Self, OpenError> {
        let board = Arc::new(Board::new());
        let folder = take(settings.data_dir.clone(), stay).await?;
        let Begun { running, tasks, ended } = begin(&settings, Arc::clone(&folder), &board).await?;
        let (line, serve) = Line::new();
        let serving = tokio::spawn(serve);
        let open = Open { socket: None, line, serving, discovery: None, tasks, ended, folder };
        let node = Self {
            inner: Arc::new(Inner {
                board,
                running: RwLock::new(running),
                presenter: Presenter::default(),
                moving: Arc::default(),
                closing: CancellationToken::new(),
                alone: stay == Stay::OneCommand,
                open: Mutex::new(Some(open)),
                settings,
            }),
        };
        node.take_name().await;
        Ok(node)
    }

    /// Takes the name that was set for this start, if there is one.
    async fn take_name(&self) {
        if let Some(name) = self.inner.settings.name.clone()
            && let Err(error) = self.core().write(move |machine, now| machine.replica.set_name(now, &name)).await
        {
            tracing::warn!(%error, "the name could not be set");
        }
    }

    /// Ends what this device is and begins as what was imported, for the same doors; whether it does: not where it has
    /// rooms, of which one may have come while the import was read. Called in turn, while nothing else is under way but
    /// what is aside.
    pub(crate) async fn begin_anew(&self, staged: Staged) -> Result<bool, ApiError> {
        let Running { net, core, server, .. } = self.running();
        if !core.close_if(|machine| Ok(machine.replica.rooms()?.is_empty())).await? {
            return Ok(false);
        }
        // Nothing is taken in from here on, and the folder stays this device's: what is put aside is what was looked at.
        let (gone, ended) = oneshot::channel();
        drop(gone);
        let before = match self.lock().as_mut() {
            Some(open) => {
                let (tasks, ended) = (std::mem::take(&mut open.tasks), std::mem::replace(&mut open.ended, ended));
                ((tasks, open.discovery.take()), ended, Arc::clone(&open.folder))
            }
            None => return Err(turn::closed().into()),
        };
        let (tasks, ended, folder) = before;
        let port = self.inner.board.server().port;
        drop(tasks);
        server.fail().await;
        net.shutdown().await;
        // An error is an end as well.
        let _ = ended.await;

        let choice = self.inner.settings.key_store;
        let settled = blocking(move || Ok(staged.settle(&SystemKeyStore, choice)?)).await.map_err(refusal);
        // As what was imported, or as before where that could not be settled.
        let begun = match begin(&self.inner.settings, folder, &self.inner.board).await.map_err(refusal) {
            Ok(begun) => begun,
            Err(error) => {
                // It answers and says why, and holds the folder, until it is closed.
                let state = StoreState { state: StoreCondition::Failed, reason: Some(error.message.clone()) };
                self.inner.board.set_store(state);
                return Err(error);
            }
        };
        let Begun { running, mut tasks, ended } = begun;
        let mut discovery = None;
        if !self.inner.alone {
            let attending = Attending::to(&running, &self.inner.board, &self.inner.settings);
            tasks.extend(attending.tasks);
            discovery = attending.discovery;
        }
        *self.inner.running.write().unwrap_or_else(PoisonError::into_inner) = running.clone();
        let closed = match self.lock().as_mut() {
            Some(open) => {
                (open.tasks, open.ended, open.discovery) = (tasks, ended, discovery);
                false
            }
            None => true,
        };
        if closed {
            running.net.shutdown().await;
            running.core.close();
            return Err(turn::closed().into());
        }
        self.take_name().await;
        if server.resumes() {
            self.resume_server().await;
        }
        if let Some(port) = port
            && let Err(error) = running.server.start(port).await
        {
            tracing::warn!(%error, "the server could not be started again");
        }
        self.inner.board.emit(Event::EventsLost { count: 1 });
        settled.map(|()| true)
    }

    /// Calls a command by its name; `params` is an object, or null for none.
    ///
    /// # Errors
    /// No such command, bad arguments, or the command's own error.
    pub async fn call(&self, name: &str, params: Value) -> Result<Value, CallError> {
        self.submit(name, params).await
    }

    /// Puts a command in line: the order of effects is fixed when this returns, and the future awaits the answer.
    /// Dropping the future does not take the command back. The caller bounds how many answers it awaits.
    pub fn submit(&self, name: &str, params: Value) -> impl Future<Output = Result<Value, CallError>> + Send + use<> {
        let placed = Job::new(self, name, params).and_then(|job| match self.lock().as_ref() {
            Some(open) => Ok(open.line.put(job)),
            None => Err(turn::closed()),
        });
        async move { placed?.await }
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> EventStream {
        self.inner.board.subscribe()
    }

    /// Finishes what was asked, takes leave of everyone and lets go of the data folder, within 5 s; what is still at work
    /// in the folder then holds it until it is done. Later calls fail.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        let open = self.lock().take();
        let Some(open) = open else { return };
        if tokio::time::timeout(CLOSE, self.finish(open)).await.is_err() {
            // A disk that does not answer would otherwise keep this process for ever. What is under way there is not
            // answered; the database takes it whole or not at all.
            tracing::error!("this device did not finish what it was doing: the disk does not answer");
            // Should it answer later, the folder is let go of then.
            self.core().close();
        }
        self.inner.board.close();
    }

    async fn finish(&self, Open { socket, line, serving, discovery, tasks, ended, folder }: Open) {
        if let Some(socket) = socket {
            socket.close().await;
        }
        drop(line);
        let _ = serving.await;
        drop((tasks, discovery));
        self.net().shutdown().await;
        self.core().close();
        // An error is an end as well.
        let _ = ended.await;
        drop(folder);
    }

    /// Refuses a command whose effect ends with a device that is there for a single command.
    pub(crate) fn must_stay(&self) -> Result<(), ApiError> {
        if self.inner.alone {
            return Err(ApiError::invalid(
                "This needs a device that keeps running: start one with `lanline serve`, then call it again.",
            ));
        }
        Ok(())
    }

    /// How this device is set up.
    pub fn setup(&self) -> &Settings {
        &self.inner.settings
    }

    /// The same device for one of its own parts, which must not keep it from being dropped.
    pub(crate) fn weak(&self) -> WeakNode {
        WeakNode { inner: Arc::downgrade(&self.inner) }
    }

    fn running(&self) -> Running {
        self.inner.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        self.running().device_id
    }

    pub(crate) fn identity(&self) -> Arc<Identity> {
        self.running().identity
    }

    pub(crate) fn board(&self) -> &Board {
        &self.inner.board
    }

    pub(crate) fn core(&self) -> Core {
        self.running().core
    }

    pub(crate) fn net(&self) -> Arc<Net> {
        self.running().net
    }

    pub(crate) fn server(&self) -> Arc<Server> {
        self.running().server
    }

    /// What finds others. A device that is there for a single command looks for them from the first time it is asked to.
    pub(crate) fn discovery(&self) -> Result<Discovery, ApiError> {
        let settings = &self.inner.settings;
        if !settings.discovery {
            return Err(ApiError::invalid(
                "Discovery is off on this device: start it without `--no-discovery`, and LANLINE_DISCOVERY=on.",
            ));
        }
        let running = self.running();
        if self.inner.alone
            && let Some(open) = self.lock().as_mut().filter(|open| open.discovery.is_none())
        {
            let Attending { tasks, discovery } = Attending::only_to_look(&running, &self.inner.board, settings);
            open.tasks.extend(tasks);
            open.discovery = discovery;
        }
        Ok(running.discovery)
    }

    /// Until when this device's name is announced, in milliseconds since the Unix epoch.
    pub(crate) fn visible_until(&self) -> Option<u64> {
        self.running().discovery.visible_until()
    }

    /// Held by who exports or imports.
    pub(crate) fn moving(&self) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.inner.moving)
    }

    /// The folder, which nobody else takes while this is held.
    pub(crate) fn folder(&self) -> Result<Arc<Folder>, ApiError> {
        self.lock().as_ref().map(|open| Arc::clone(&open.folder)).ok_or_else(|| turn::closed().into())
    }

    /// Done once the device is to be closed.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.inner.closing.clone()
    }

    pub(crate) fn presenter(&self) -> &Presenter {
        &self.inner.presenter
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
