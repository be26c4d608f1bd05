//! The core's side of one connection.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::close::CloseReason;
use super::frame::FrameLimit;
use super::shared::Shared;

/// Bytes waiting for the peer below which the core may go on filling; see [`ConnectionEvent::Drained`](super::ConnectionEvent::Drained).
pub const QUEUE_LOW: usize = 256 * 1024;

/// Bytes waiting for the peer above which no more is read from it: who does not take the answers
/// gets no more questions answered.
pub const QUEUE_HIGH: usize = 1024 * 1024;

/// Bytes waiting for the peer above which the connection is closed as stalled.
pub const QUEUE_MAX: usize = 4 * 1024 * 1024;

/// A connection, for as long as this device runs; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A frame's place among the few that may wait for the core. Dropping it says that the frame is
/// dealt with; until then little more is read from its peer.
#[derive(Debug)]
pub struct FramePermit {
    pub(super) _frame: OwnedSemaphorePermit,
    pub(super) _bytes: OwnedSemaphorePermit,
}

/// What the core holds of a connection. Cheap to clone; every call returns at once. Calls after the
/// connection's end do nothing.
#[derive(Clone)]
pub struct ConnectionHandle(pub(super) Arc<Shared>);

impl ConnectionHandle {
    /// Sends an encoded frame, in the order called. It must not be longer than
    /// [`FrameLimit::Data`]. When more than [`QUEUE_MAX`] bytes would wait, the connection is
    /// closed as stalled instead; look at [`Self::queued_bytes`] before filling it.
    pub fn send(&self, frame: Bytes) {
        self.0.send(frame);
    }

    /// Bytes that wait to be written.
    pub fn queued_bytes(&self) -> usize {
        self.0.queued()
    }

    /// How long the peer's frames may be from now on. A frame that arrived too early is judged once
    /// the core has dropped the permits of all before it: set the limit before dropping the permit
    /// of the frame that raised it.
    pub fn set_limit(&self, limit: FrameLimit) {
        self.0.set_limit(limit);
    }

    /// Ends the connection: what is queued is written, then a goodbye with the reason's name, all
    /// within a second. The `Closed` event follows. The first reason given counts.
    pub fn close(&self, reason: CloseReason) {
        self.0.close(reason);
    }

    /// The address of this device that it hangs on, where the system says so.
    pub fn local(&self) -> Option<IpAddr> {
        self.0.ends.local
    }

    /// For how long a ping has been waiting for its answer.
    pub fn unanswered(&self) -> Option<Duration> {
        self.0.unanswered()
    }

    /// The same, where nothing else came from the peer since, either, though it was listened to.
    pub fn silent(&self) -> Option<Duration> {
        self.0.silent()
    }

    /// How long the last ping took to be answered.
    pub fn rtt(&self) -> Option<Duration> {
        self.0.rtt()
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle").field("id", &self.0.id).finish()
    }
}
