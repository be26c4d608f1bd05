use std::time::{Duration, Instant};

use futures_util::FutureExt;
use lanline_engine::{
    Node, OpenError, Settings,
    api::{ApiError, CallError, ErrorCode},
    events::EventStream,
    socket::Client,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::exit::Failure;

/// How long to wait for a process that holds the data folder and cannot be reached: it is just starting or ending, or
/// it is another single command, which may last 20 s.
const PATIENCE: Duration = Duration::from_secs(25);
const PAUSE: Duration = Duration::from_millis(50);
/// How long a process that holds the folder may take to say that it is there, which needs no disk.
const ANSWER: Duration = Duration::from_secs(5);

const STOPPED: &str = "The Lanline that holds this data folder does not answer: it may have been stopped with Ctrl-Z. \
                       Bring it back with `fg`, or end it.";

/// The device of a data folder, in whichever process it runs.
#[derive(Clone, Debug)]
pub(crate) enum Device {
    /// No other process held the folder: it runs in this one.
    Here(Node),
    /// In the process that holds the folder.
    There(Client),
}

impl Device {
    /// For a single command. Where it runs here, nobody else reaches it meanwhile and it dials nobody by itself.
    pub(crate) async fn for_a_moment<R>(
        settings: &Settings,
        work: impl AsyncFnOnce(&Self) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let device = Self::find(settings, Node::open_alone).await?;
        let result = work(&device).await;
        device.close().await;
        result
    }

    /// For as long as somebody uses it. Where it runs here, it is a whole device: it dials the members of its rooms,
    /// and other processes reach it.
    pub(crate) async fn to_stay(settings: &Settings) -> Result<Self, Failure> {
        Self::find(settings, Node::open).await
    }

    async fn find<F: Future<Output = Result<Node, OpenError>>>(
        settings: &Settings,
        open: impl Fn(Settings) -> F,
    ) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(client) = Client::connect(&settings.data_dir).await {
                match tokio::time::timeout(ANSWER, client.call("status", &serde_json::Value::Null)).await {
                    Ok(Ok(_)) => return Ok(Self::There(client)),
                    // It is just ending.
                    Ok(Err(_)) if Instant::now() < deadline => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    Ok(Err(error)) => return Err(error.into()),
                    Err(_) => return Err(Failure::input(STOPPED)),
                }
            }
            match open(settings.clone()).await {
                Ok(node) => return Ok(Self::Here(node)),
                Err(error) if error.code() == ErrorCode::Locked && Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(Failure::input(error)),
            }
        }
    }

    /// Whether it runs in this process, and so ends with it.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    /// Calls a command by its name and waits for its answer.
    pub(crate) async fn call<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: P,
    ) -> Result<R, CallError> {
        self.submit(method, params).await
    }

    /// Asks: the order of effects is fixed when this returns, and the future awaits the answer. Whoever asks for much
    /// bounds how many answers it awaits.
    pub(crate) fn submit<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: P,
    ) -> impl Future<Output = Result<R, CallError>> + Send + use<P, R> {
        let asked = serde_json::to_value(params).map_err(unreadable).map(|params| match self {
            Self::Here(node) => node.submit(method, params).left_future(),
            Self::There(client) => client.submit(method, &params).right_future(),
        });
        async move { serde_json::from_value(asked?.await?).map_err(unreadable) }
    }

    /// What happens from now on; ends when the device does.
    pub(crate) fn events(&self) -> EventStream {
        match self {
            Self::Here(node) => node.subscribe(),
            Self::There(client) => client.subscribe(),
        }
    }

    /// Finishes what was asked and lets go of the folder, where this process holds it.
    pub(crate) async fn close(self) {
        if let Self::Here(node) = self {
            node.close().await;
        }
    }
}

/// What was asked or answered is not what the types say: the process that holds the folder is of another version.
fn unreadable(error: serde_json::Error) -> CallError {
    CallError::Failed(ApiError::new(
        ErrorCode::Internal,
        format!("The running Lanline is of another version ({error}): close it and start the one installed now."),
    ))
}
