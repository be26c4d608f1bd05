//! What the core's handle and the connection's task share.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lanline_protocol::identity::PublicKey;
use tokio::sync::Notify;

use super::close::CloseReason;
use super::frame::{FrameLimit, HEADER};
use super::handle::{ConnectionId, QUEUE_HIGH, QUEUE_LOW, QUEUE_MAX};
use super::lock;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: ConnectionId,
    dialled: bool,
    pub(super) ends: Ends,
    queue: Mutex<Queue>,
    ping: Mutex<PingState>,
    /// Since when the peer is waited for and nothing came, while it is.
    waiting: Mutex<Option<Instant>>,
    /// Bytes given to be sent and not yet taken by the socket.
    queued: AtomicUsize,
    limit: AtomicUsize,
    /// Counts the writes that the socket took.
    progress: AtomicU64,
    pong_due: AtomicBool,
    /// A ping is to go out before its time.
    ping_due: AtomicBool,
    /// The writer has something to do.
    pub(super) wake: Notify,
    /// The socket took bytes.
    pub(super) drained: Notify,
    /// A reason to close was given.
    closing: Notify,
}

/// Between whom it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// Since when it is.
    pub(super) begun: Option<Instant>,
    /// This device's address, where the system says so.
    pub(super) local: Option<IpAddr>,
    pub(super) remote: Option<IpAddr>,
    pub(super) peer: Option<PublicKey>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    closing: Option<CloseReason>,
}

#[derive(Debug, Default)]
struct PingState {
    sent: Option<Instant>,
    rtt: Option<Duration>,
}

/// What the writer finds to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    Frame(Bytes),
    /// The queue is empty and stays so.
    End,
    Nothing,
}

impl Shared {
    pub(super) fn new(id: ConnectionId, dialled: bool, ends: Ends) -> Self {
        Self {
            id,
            dialled,
            ends,
            queue: Mutex::default(),
            ping: Mutex::default(),
            waiting: Mutex::default(),
            queued: AtomicUsize::new(0),
            limit: AtomicUsize::new(FrameLimit::Stranger.bytes()),
            progress: AtomicU64::new(0),
            pong_due: AtomicBool::new(false),
            ping_due: AtomicBool::new(false),
            wake: Notify::new(),
            drained: Notify::new(),
            closing: Notify::new(),
        }
    }

    pub(super) fn send(&self, frame: Bytes) {
        let length = HEADER + frame.len();
        {
            let mut queue = lock(&self.queue);
            if queue.closing.is_some() {
                return;
            }
            if frame.len() > FrameLimit::Data.bytes() {
                tracing::error!(connection = %self.id, length, "a frame of this device's own is too long to send");
                queue.closing = Some(CloseReason::FrameTooLarge);
            } else if self.queued.load(Ordering::Acquire) + length > QUEUE_MAX {
                queue.closing = Some(CloseReason::Stalled);
                queue.frames.clear();
            } else {
                // Counted before the writer can see the frame, so that the count never falls below zero.
                self.queued.fetch_add(length, Ordering::AcqRel);
                queue.frames.push_back(frame);
            }
            if queue.closing.is_some() {
                self.closing.notify_one();
            }
        }
        self.wake.notify_one();
    }

    pub(super) fn close(&self, reason: CloseReason) {
        lock(&self.queue).closing.get_or_insert(reason);
        self.closing.notify_one();
        self.wake.notify_one();
    }

    /// As [`Self::close`], for reasons that leave no one to write the rest to.
    pub(super) fn cut(&self, reason: CloseReason) {
        lock(&self.queue).frames.clear();
        self.close(reason);
    }

    /// The reason, once there is one.
    pub(super) async fn closing(&self) -> CloseReason {
        loop {
            let closing = self.closing.notified();
            if let Some(reason) = lock(&self.queue).closing.clone() {
                return reason;
            }
            closing.await;
        }
    }

    pub(super) fn next_work(&self) -> Work {
        let mut queue = lock(&self.queue);
        match queue.frames.pop_front() {
            Some(frame) => Work::Frame(frame),
            None if queue.closing.is_some() => Work::End,
            None => Work::Nothing,
        }
    }

    /// Counts bytes that did not come through [`Self::send`].
    pub(super) fn count(&self, bytes: usize) {
        self.queued.fetch_add(bytes, Ordering::AcqRel);
    }

    /// The socket took this many bytes. Whether the queue fell below [`QUEUE_LOW`] with them.
    pub(super) fn took(&self, bytes: usize) -> bool {
        let before = self.queued.fetch_sub(bytes, Ordering::AcqRel);
        self.progress.fetch_add(1, Ordering::AcqRel);
        self.drained.notify_one();
        before >= QUEUE_LOW && before.saturating_sub(bytes) < QUEUE_LOW
    }

    pub(super) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Acquire)
    }

    pub(super) fn is_full(&self) -> bool {
        self.queued.load(Ordering::Acquire) > QUEUE_HIGH
    }

    /// Bytes given to be sent and not yet taken by the socket.
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    pub(super) fn set_limit(&self, limit: FrameLimit) {
        self.limit.store(limit.bytes(), Ordering::Release);
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Acquire)
    }

    /// Whether the peer came by itself, the core does not know it as a member or as a holder of an invite, and it is
    /// not on its way out. To know a room's id, for which the core takes longer frames, is not enough.
    pub(super) fn is_stranger(&self) -> bool {
        !self.dialled && self.limit() < FrameLimit::Data.bytes() && lock(&self.queue).closing.is_none()
    }

    /// The peer asked for a pong. However often it asks, one is owed at a time.
    pub(super) fn owe_pong(&self) {
        self.pong_due.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn take_pong(&self) -> bool {
        self.pong_due.swap(false, Ordering::AcqRel)
    }

    /// Asks the peer for a pong now, whenever one was asked for last.
    pub(super) fn ask(&self, now: Instant) {
        self.ping_sent(now);
        self.ping_due.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn take_ping(&self) -> bool {
        self.ping_due.swap(false, Ordering::AcqRel)
    }

    /// The peer is waited for from now on; `None`: something came, or this device is busy with what came.
    pub(super) fn set_waiting(&self, since: Option<Instant>) {
        *lock(&self.waiting) = since;
    }

    /// For how long a ping has been waiting for its answer while nothing else came, either. Not while this device does not
    /// listen: an answer may be there then.
    pub(super) fn silent(&self) -> Option<Duration> {
        let waiting = (*lock(&self.waiting))?.elapsed();
        self.unanswered().map(|unanswered| unanswered.min(waiting))
    }

    /// A ping goes out. The time of an unanswered one stands, so that no answer looks quicker than
    /// it was.
    pub(super) fn ping_sent(&self, now: Instant) {
        lock(&self.ping).sent.get_or_insert(now);
    }

    pub(super) fn pong_heard(&self, now: Instant) {
        let mut ping = lock(&self.ping);
        if let Some(sent) = ping.sent.take() {
            ping.rtt = Some(now.saturating_duration_since(sent));
        }
    }

    /// For how long a ping has been waiting for its answer.
    pub(super) fn unanswered(&self) -> Option<Duration> {
        lock(&self.ping).sent.map(|sent| sent.elapsed())
    }

    /// How long the last ping took to be answered.
    pub(super) fn rtt(&self) -> Option<Duration> {
        lock(&self.ping).rtt
    }
}
