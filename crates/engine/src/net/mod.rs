//! The device's sockets: who may connect, who is on the other side, and whole frames to and from
//! the core. What the frames mean is not known here.
//!
//! Identity comes from the TLS handshake alone ([`ConnectionEvent::Opened`]'s `peer`). Everything a
//! peer can make this device spend before and after that has a limit: [`PENDING_MAX`], [`PENDING_PER_NETWORK_MAX`] and
//! [`PENDING_PER_ADDRESS_MAX`] handshakes, [`STRANGERS_MAX`] connections, [`FrameLimit`], the frames and bytes that wait for the
//! core ([`FramePermit`]), and [`QUEUE_MAX`] towards the peer.

mod address;
mod close;
mod connection;
mod dialer;
mod frame;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod handle;
mod interface;
mod limits;
mod link;
mod listener;
mod shared;
#[cfg(test)]
mod tests;
mod tls;
mod zones;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lanline_protocol::checked::CheckedBatch;
use lanline_protocol::identity::{DeviceId, DeviceKey, PublicKey};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use address::parse_ip;
pub use address::{Address, AddressError, show};
pub use close::CloseReason;
pub use dialer::{DialError, Dialled};
pub use frame::FrameLimit;
pub use handle::{ConnectionHandle, ConnectionId, FramePermit, QUEUE_HIGH, QUEUE_LOW, QUEUE_MAX};
pub(crate) use interface::is_virtual;
pub use interface::local_addresses;
pub use limits::{PENDING_MAX, PENDING_PER_ADDRESS_MAX, PENDING_PER_NETWORK_MAX, STRANGERS_MAX};
pub(crate) use link::{Link, LinkAddress, links, on_link};
pub use listener::{ListenError, Listener};
pub use tls::{ALPN, TlsError};
pub(crate) use zones::{Zones, show_all};

use limits::{LogGate, Pending};
use shared::{Ends, Shared};
use tls::{Peer, Tls};

/// How long things may take. The default is what the protocol promises; tests are less patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From a connection's acceptance to the end of its TLS handshake.
    pub handshake: Duration,
    /// Without anything sent, until a ping is.
    pub ping: Duration,
    /// Without anything heard, until the peer is gone. Several times the ping.
    pub silent: Duration,
    /// Without the peer taking anything of what is sent, until the connection is closed.
    pub stalled: Duration,
    /// For the last words of a connection that is closed.
    pub goodbye: Duration,
    /// Between one address of a device and the next when it is dialled (RFC 8305, section 5).
    pub stagger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            ping: Duration::from_secs(2),
            silent: Duration::from_secs(7),
            stalled: Duration::from_secs(10),
            goodbye: Duration::from_millis(800),
            stagger: Duration::from_millis(250),
        }
    }
}

/// What the core is told. For each connection: `Opened`, then frames and `Drained`, then `Closed`.
#[derive(Debug)]
pub enum ConnectionEvent {
    /// A device has connected and shown its key. It may be anyone.
    Opened {
        /// The connection, for all further events.
        id: ConnectionId,
        /// The key that the peer proved to hold; never this device's own.
        peer: PublicKey,
        /// TLS exporter (RFC 8446, section 7.5; label `EXPORTER-lanline-1`, no context): the same
        /// on both sides and on no other connection.
        exporter: [u8; 32],
        /// Where the peer is; IPv4 as such even on a socket that serves both.
        address: SocketAddr,
        /// Whether this device dialled.
        dialled: bool,
        /// To send and to close.
        handle: ConnectionHandle,
    },
    /// A frame arrived: a CBOR array of two whose type is not 1, 2 or 3, as far as its first byte
    /// tells, and no longer than the connection's [`FrameLimit`].
    Frame {
        /// The connection.
        id: ConnectionId,
        /// The whole frame.
        bytes: Bytes,
        /// To be dropped when the frame is dealt with; at most four frames and 2 MiB of a
        /// connection wait so.
        permit: FramePermit,
    },
    /// As `Frame`, where the frame is a batch of whom the core takes data frames from: it was looked through here, so
    /// that the core, which there is one of, need not.
    Batch {
        /// The connection.
        id: ConnectionId,
        /// What was in it.
        batch: CheckedBatch,
        /// As a `Frame`'s.
        permit: FramePermit,
    },
    /// The queue towards the peer fell below [`QUEUE_LOW`] after it had been at least that long:
    /// time to send more, if there is more.
    Drained {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is over; nothing about it follows.
    Closed {
        /// The connection.
        id: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
}

/// How long a device that dials in again, or was found elsewhere, is asked whether the connection there is still lives, and
/// how often it is looked.
const ASKED: Duration = Duration::from_millis(600);
/// Beside three times what the way there and back takes, where that is more; and never more than this.
const ASKED_SLOWLY: Duration = Duration::from_millis(200);
const ASKED_MAX: Duration = Duration::from_secs(3);
const ASKED_EVERY: Duration = Duration::from_millis(10);
/// How long a connection has just begun: about as long as a device dials.
const BEGINNING: Duration = Duration::from_secs(5);
/// What may lie between asking and noting that it was asked.
const ASKED_ONCE: Duration = Duration::from_millis(50);

/// Where events go. It must not block for long: the connection it comes from waits.
type Sink = Arc<dyn Fn(ConnectionEvent) + Send + Sync>;

/// The device's sockets. Dropping it closes everything, without waiting.
#[derive(Debug)]
pub struct Net {
    inner: Arc<Inner>,
}

struct Inner {
    runtime: Handle,
    tls: Tls,
    timeouts: Timeouts,
    sink: Sink,
    pending: Arc<Pending>,
    log: LogGate,
    /// Connections and handshakes.
    tasks: TaskTracker,
    stopping: CancellationToken,
    next_id: AtomicU64,
    connections: Mutex<BTreeMap<ConnectionId, ConnectionHandle>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

impl Net {
    /// Sockets for the device with this key, driven by `runtime`. `sink` is called from its
    /// threads, for one connection in order; it must return at once (a channel's `send`).
    pub fn new(
        key: &DeviceKey,
        runtime: Handle,
        timeouts: Timeouts,
        sink: impl Fn(ConnectionEvent) + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let inner = Inner {
            runtime,
            tls: Tls::new(key)?,
            timeouts,
            sink: Arc::new(sink),
            pending: Arc::default(),
            log: LogGate::new(Instant::now()),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            next_id: AtomicU64::new(1),
            connections: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A device was found at these addresses. A connection with it that goes elsewhere, and on which it does not answer, is
    /// over: where it was it can take no leave.
    pub(crate) async fn doubt(&self, device: DeviceId, found: &[SocketAddr]) {
        let elsewhere = |ends: &Ends| ends.remote.is_some_and(|remote| found.iter().all(|found| found.ip() != remote));
        let which = |ends: &Ends| ends.peer.is_some_and(|peer| peer.device_id() == device) && elsewhere(ends);
        for handle in self.inner.ask(ASKED, which).await {
            handle.close(CloseReason::Silent);
        }
    }

    /// Closes every listener and connection, these with the goodbye `shutdown`, and returns when
    /// that is done, within a second. Nothing can be opened afterwards.
    pub async fn shutdown(&self) {
        self.inner.stop();
        self.inner.tasks.close();
        // Each task keeps to the goodbye's limit by itself; this one is for the unforeseen.
        let limit = self.inner.timeouts.goodbye + Duration::from_millis(150);
        let _ = tokio::time::timeout(limit, self.inner.tasks.wait()).await;
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.inner.stop();
    }
}

impl Inner {
    fn stop(&self) {
        self.stopping.cancel();
        let handles: Vec<ConnectionHandle> = lock(&self.connections).values().cloned().collect();
        for handle in handles {
            handle.close(CloseReason::Shutdown);
        }
    }

    /// Takes over a connection whose handshake is done. The `Opened` event comes before this
    /// returns. `None`: this device is shutting down.
    fn open(
        self: &Arc<Self>,
        stream: TlsStream<TcpStream>,
        peer: Peer,
        address: SocketAddr,
        dialled: bool,
    ) -> Option<ConnectionId> {
        let id = ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let local = stream.get_ref().0.local_addr().ok().map(|local| address::canonical(local).ip());
        let shared = Arc::new(Shared::new(
            id,
            dialled,
            Ends { begun: Some(Instant::now()), local, remote: Some(address.ip()), peer: Some(peer.key) },
        ));
        let handle = ConnectionHandle(Arc::clone(&shared));
        lock(&self.connections).insert(id, handle.clone());
        // Asked after it is listed: `stop` either finds it in the list or is noticed here.
        if self.stopping.is_cancelled() {
            lock(&self.connections).remove(&id);
            return None;
        }
        self.evict_strangers();
        let Peer { key: peer, exporter } = peer;
        tracing::debug!(connection = %id, peer = %peer, address = %show(&address), dialled, "connected");
        (self.sink)(ConnectionEvent::Opened { id, peer, exporter, address, dialled, handle });
        let inner = Arc::clone(self);
        let task = async move {
            let reason = connection::run(stream, shared, Arc::clone(&inner.sink), inner.timeouts).await;
            lock(&inner.connections).remove(&id);
            inner.log_closed(peer, address, &reason);
            (inner.sink)(ConnectionEvent::Closed { id, reason });
        };
        self.tasks.spawn_on(task, &self.runtime);
        Some(id)
    }

    /// A device dials in though it is connected: most often it has lost that connection, by another address or a sleep,
    /// and this one has not noticed. So it is asked there, and given a moment, before it is decided between the two.
    async fn ask_those_before(&self, peer: PublicKey) {
        // Not where it has just begun: both devices may have dialled at once.
        let is_old = |ends: &Ends| ends.begun.is_some_and(|begun| begun.elapsed() >= BEGINNING);
        self.ask(ASKED, |ends| ends.peer == Some(peer) && is_old(ends)).await;
    }

    /// Asks on some connections whether anybody is there still, and gives those on which nobody answers in time.
    async fn ask(&self, patience: Duration, which: impl Fn(&Ends) -> bool) -> Vec<ConnectionHandle> {
        let mut those: Vec<ConnectionHandle> =
            lock(&self.connections).values().filter(|handle| which(&handle.0.ends)).cloned().collect();
        // On a slow way one that is lost is sent again before it counts.
        let way = those.iter().filter_map(ConnectionHandle::rtt).max().unwrap_or_default();
        let patience = patience.max(3 * way + ASKED_SLOWLY).min(ASKED_MAX);
        let begun = Instant::now();
        those.iter().for_each(|handle| handle.0.ask(begun));
        while begun.elapsed() < patience && !those.is_empty() {
            tokio::time::sleep(ASKED_EVERY).await;
            // Whom this device does not listen to for now may have answered.
            those.retain(|handle| handle.silent().is_some_and(|silent| silent + ASKED_ONCE >= begun.elapsed()));
        }
        those
    }

    /// Keeps strangers from taking all the file descriptors that members need.
    fn evict_strangers(&self) {
        let connections = lock(&self.connections);
        let strangers: Vec<&ConnectionHandle> = connections.values().filter(|handle| handle.0.is_stranger()).collect();
        let excess = strangers.len().saturating_sub(STRANGERS_MAX);
        for handle in strangers.into_iter().take(excess) {
            handle.close(CloseReason::Evicted);
        }
    }

    /// A line for what the peer did wrong; an ordinary end is the core's to report.
    fn log_closed(&self, peer: PublicKey, address: SocketAddr, reason: &CloseReason) {
        use CloseReason::{BadFrame, FrameTooLarge, Silent, Stalled};
        if !matches!(reason, BadFrame | FrameTooLarge | Silent | Stalled) {
            tracing::debug!(%peer, address = %show(&address), %reason, "disconnected");
        } else if let Some(suppressed) = self.log.admit(Instant::now()) {
            tracing::warn!(%peer, address = %show(&address), %reason, suppressed, "a connection was closed");
        }
    }
}

/// Nothing here leaves data half-changed when a thread panics, so that a poisoned lock is only a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
