//! The device behind the window, or why there is none yet.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use lanline_engine::api::ApiError;
use lanline_engine::{Flags, Node, Settings};
use serde_json::json;
use tauri::async_runtime::spawn;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::questions::Questions;

/// Opened once; where that failed, again whenever the page asks for something.
pub(crate) struct Device {
    /// What the app was started with, or what is wrong with it.
    flags: Result<Flags, ApiError>,
    node: RwLock<Result<Node, ApiError>>,
    /// Held while it is opened, so that two calls do not lock each other out of the folder.
    opening: tokio::sync::Mutex<()>,
    questions: Arc<Questions>,
    /// A link that was opened while the device was not: it is asked about once that is.
    link: Mutex<Option<String>>,
}

impl Device {
    /// The device that these flags describe, open if it can be; never, where they describe none.
    pub(crate) async fn new(flags: Result<Flags, ApiError>) -> Self {
        let node = open(&flags).await;
        let device = Self {
            flags,
            node: RwLock::new(node),
            opening: tokio::sync::Mutex::new(()),
            questions: Arc::default(),
            link: Mutex::default(),
        };
        if let Ok(node) = device.node() {
            device.has_window(&node);
        }
        device
    }

    /// What the window is to ask.
    pub(crate) fn questions(&self) -> &Arc<Questions> {
        &self.questions
    }

    /// Has the window ask about a link: now, or when the device is open.
    pub(crate) fn open_link(&self, link: String) {
        match self.node() {
            Ok(node) => present(node, link),
            Err(_) => *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(link),
        }
    }

    /// Other processes may bring this one's window to the front from now on.
    fn has_window(&self, node: &Node) {
        let questions = Arc::clone(&self.questions);
        node.set_presenter(move |presentation| questions.present(presentation));
    }

    /// The open device, or why it is not open: a sentence that says what to do.
    pub(crate) fn node(&self) -> Result<Node, ApiError> {
        self.node.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tries once more to open it; `opened` hears of it before anyone else does.
    pub(crate) async fn reopen(&self, opened: impl FnOnce(&Node)) -> Result<Node, ApiError> {
        let _alone = self.opening.lock().await;
        if let Ok(node) = self.node() {
            return Ok(node);
        }
        let node = open(&self.flags).await;
        if let Ok(node) = &node {
            opened(node);
            self.has_window(node);
        }
        self.node.write().unwrap_or_else(PoisonError::into_inner).clone_from(&node);
        let waiting = self.link.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(link) = waiting {
            self.open_link(link);
        }
        node
    }

    /// The folder where the window may keep data of its own: in the device's, if that is open.
    pub(crate) fn window_folder(&self) -> Option<PathBuf> {
        self.node().ok().map(|node| node.setup().data_dir.join("webview"))
    }

    /// Says goodbye to the peers and closes the store.
    pub(crate) async fn close(&self) {
        if let Ok(node) = self.node() {
            node.close().await;
        }
    }
}

/// What is wrong with a link is told in the window as well, so the answer is of use to nobody here.
fn present(node: Node, link: String) {
    spawn(async move { node.call("present", json!({ "link": link })).await });
}

async fn open(flags: &Result<Flags, ApiError>) -> Result<Node, ApiError> {
    let settings = Settings::load(flags.clone()?).map_err(|error| ApiError::invalid(error.to_string()))?;
    log(&settings);
    let node = Node::open(settings).await.map_err(|error| ApiError::new(error.code(), error.to_string()))?;
    node.resume_server().await;
    Ok(node)
}

/// Logs to stderr, as much as the setting says when it is first read.
fn log(settings: &Settings) {
    let filter: Targets = settings.log.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // It would be told on standard error, and panic where nobody reads that.
    let lines = lines.log_internal_errors(false);
    // Fails where an earlier try to open the device began to log.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
