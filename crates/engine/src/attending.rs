//! What a device does by itself while it runs: it looks on which networks it is, finds others there, and dials the members
//! of its rooms.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Settings,
    board::Board,
    dialing, discovery,
    node::Running,
    whereabouts::{self, Whereabouts},
};

/// How long a door may take to listen to a device that it opened.
const DOOR: Duration = Duration::from_secs(1);

/// Ends when it is dropped.
pub(crate) type Task = AbortOnDropHandle<()>;

/// See the module's documentation. It goes on as long as this is kept.
#[derive(Debug)]
pub(crate) struct Attending {
    pub(crate) tasks: Vec<Task>,
    /// `None` where discovery is off.
    pub(crate) discovery: Option<discovery::Stay>,
}

impl Attending {
    /// All of it.
    pub(crate) fn to(running: &Running, board: &Arc<Board>, settings: &Settings) -> Self {
        let (looking, here) = look(running);
        let discovery = settings.discovery.then(|| discover(running, board, settings, here.clone()));
        let Running { net, core, subscribed, .. } = running.clone();
        let board = Arc::clone(board);
        let dialing = AbortOnDropHandle::new(tokio::spawn(async move {
            // Nobody is reached before the door that this device was opened for listens to what happens, as every one of
            // them does next, or is waited for in vain.
            let _ = tokio::time::timeout(DOOR, board.heard()).await;
            dialing::run(net, core, subscribed.targets, here).await;
        }));
        Self { tasks: vec![looking, dialing], discovery }
    }

    /// For a device that is there for a single command: it finds others and dials nobody.
    pub(crate) fn only_to_look(running: &Running, board: &Arc<Board>, settings: &Settings) -> Self {
        let (looking, here) = look(running);
        Self { tasks: vec![looking], discovery: Some(discover(running, board, settings, here)) }
    }
}

fn look(running: &Running) -> (Task, watch::Receiver<Whereabouts>) {
    let (seen, here) = watch::channel(Whereabouts::default());
    let looking = whereabouts::watch(Arc::clone(&running.server), seen);
    (AbortOnDropHandle::new(tokio::spawn(looking)), here)
}

fn discover(
    running: &Running,
    board: &Arc<Board>,
    settings: &Settings,
    here: watch::Receiver<Whereabouts>,
) -> discovery::Stay {
    let Running { core, net, subscribed, .. } = running.clone();
    let (board, listen) = (Arc::clone(board), settings.listen.clone());
    running.discovery.start(discovery::Device { core, net, board, here, listen, circles: subscribed.circles })
}
