//! What the core's thread is given to do.

use std::net::IpAddr;

use lanline_protocol::{
    clock::Time, command::CommandError, frame::ReachOutcome, identity::DeviceId, session::ConnectionId,
    store::StoreError,
};
use tokio::sync::oneshot;

use super::{Machine, fault};
use crate::{
    api::ApiError,
    net::{ConnectionEvent, FramePermit},
};

/// One thing to do, in the order it was asked for.
pub(super) enum Input {
    /// Something happened on a connection.
    Net(ConnectionEvent),
    /// A command that may write.
    Write(Box<dyn Write>),
    /// A command that only looks.
    Read(Box<dyn Read>),
    /// The server started, stopped, or has other addresses.
    Listening {
        /// Where others may reach it; none: it is stopped.
        addresses: Vec<String>,
    },
    /// A device was dialled in vain.
    Unreached(DeviceId),
    /// A device was found on the network.
    Found {
        device: DeviceId,
        /// Where; none: not any more.
        addresses: Vec<String>,
    },
    /// What became of reaching the device on a connection.
    Reached(ConnectionId, ReachOutcome),
    /// This device has other addresses than before.
    Moved {
        /// All it has now.
        here: Vec<IpAddr>,
    },
    /// Commit and end.
    Close,
}

impl Input {
    /// What it weighs in memory, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Net(ConnectionEvent::Frame { bytes, .. }) => bytes.len(),
            Self::Net(ConnectionEvent::Batch { batch, .. }) => batch.size(),
            _ => 0,
        }
    }
}

/// A command that may write: it acts before the commit and is answered after it.
pub(super) trait Write: Send {
    fn act(&mut self, machine: &mut Machine, now: Time) -> Result<(), StoreError>;
    /// `failure`: what it wrote was not committed, and why.
    fn answer(self: Box<Self>, failure: Option<&ApiError>);
}

/// A command that only looks, at what is committed.
pub(super) trait Read: Send {
    fn look(self: Box<Self>, machine: Result<&Machine, &ApiError>, now: Time);
}

pub(super) struct Change<T, F> {
    pub(super) act: Option<F>,
    pub(super) result: Option<Result<T, ApiError>>,
    pub(super) answer: oneshot::Sender<Result<T, ApiError>>,
}

impl<T, F> Write for Change<T, F>
where
    T: Send,
    F: FnOnce(&mut Machine, Time) -> Result<T, CommandError> + Send,
{
    fn act(&mut self, machine: &mut Machine, now: Time) -> Result<(), StoreError> {
        let Some(act) = self.act.take() else { return Ok(()) };
        self.result = match act(machine, now) {
            Ok(done) => Some(Ok(done)),
            Err(CommandError::Store(error)) => return Err(error),
            Err(error) => Some(Err(error.into())),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&ApiError>) {
        let result = match (self.result, failure) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(failure)) => Err(failure.clone()),
            (Some(done), None) => done,
            (None, None) => Err(fault::internal()),
        };
        // Whoever asked may have gone.
        let _ = self.answer.send(result);
    }
}

pub(super) struct Look<T, F> {
    pub(super) look: F,
    pub(super) answer: oneshot::Sender<Result<T, ApiError>>,
}

impl<T, F> Read for Look<T, F>
where
    T: Send,
    F: FnOnce(&Machine, Time) -> Result<T, CommandError> + Send,
{
    fn look(self: Box<Self>, machine: Result<&Machine, &ApiError>, now: Time) {
        let Self { look, answer } = *self;
        let result = match machine {
            Ok(machine) => look(machine, now).map_err(ApiError::from),
            Err(refusal) => Err(refusal.clone()),
        };
        // Whoever asked may have gone.
        let _ = answer.send(result);
    }
}

/// What was taken in since the last commit and is still to be answered.
#[derive(Default)]
pub(super) struct Burst {
    pub(super) inputs: usize,
    pub(super) bytes: usize,
    /// Whether anything was in it that somebody waits for: more than acks and the like.
    pub(super) presses: bool,
    pub(super) writes: Vec<Box<dyn Write>>,
    pub(super) reads: Vec<Box<dyn Read>>,
    pub(super) permits: Vec<FramePermit>,
}
