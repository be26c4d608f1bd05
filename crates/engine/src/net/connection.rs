//! One connection after its handshake: frames in, frames out, heartbeat, goodbye.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use lanline_protocol::checked::{CheckedBatch, Checking};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::close::CloseReason;
use super::frame::{self, FrameLimit, Kind, Next, PING, PONG};
use super::handle::FramePermit;
use super::shared::{Shared, Work};
use super::{ConnectionEvent, Sink, Timeouts, tls};
use crate::platform;

/// Frames of one connection that may wait for the core.
const FRAMES_WAITING: u32 = 4;

/// Bytes of one connection's frames that may wait for the core.
const BYTES_WAITING: usize = 2 * 1024 * 1024;

/// Bytes read at a time from a peer that says little, for which room is kept while it is silent; from one that says
/// something; and from one that says much.
const READ: usize = 512;
const READ_SOME: usize = 4 * 1024;
const READ_MUCH: usize = 64 * 1024;

/// Frames up to this length are copied together into one write; longer ones are written as they are.
const COALESCED: usize = 16 * 1024;

/// How long the socket may take nothing before the peer is read from all the same although the
/// queue towards it is full. Without that, two devices that each wait for the other to read would
/// wait for ever.
const STUCK: Duration = Duration::from_millis(250);

/// How a connection is to behave. Where the system refuses, nothing breaks.
pub(super) fn settle(stream: &TcpStream, stalled: Duration) {
    // Else a heartbeat may wait for a delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    // Who takes nothing in for a while does not hear either that the other side is gone.
    let _ = platform::give_up_after(stream, stalled);
}

/// Runs a connection to its end, whose reason it returns.
pub(super) async fn run<S>(stream: S, shared: Arc<Shared>, sink: Sink, timeouts: Timeouts) -> CloseReason
where
    S: AsyncRead + AsyncWrite,
{
    let (mut read, mut write) = tokio::io::split(stream);
    let mut writer = pin!(Writer { write: &mut write, shared: &shared, sink: &sink, timeouts }.run());
    let mut written = None;
    let reason = {
        let reader = pin!(Reader::new(&mut read, &shared, &sink, timeouts).run());
        tokio::select! {
            biased;
            reason = shared.closing() => reason,
            result = &mut writer => {
                written = Some(result.clone());
                match result {
                    Ok(()) => shared.closing().await,
                    Err(reason) => reason,
                }
            }
            reason = reader => {
                shared.cut(reason.clone());
                reason
            }
        }
    };
    // Whoever still sends is told nothing more and must not fill a queue that nobody empties.
    shared.close(reason.clone());
    if matches!(reason, CloseReason::Stalled | CloseReason::Reset) {
        return reason;
    }
    let ending = async {
        if written.is_none() {
            written = Some(writer.await);
        }
        // To close with bytes unread would reset the connection, and the goodbye might never be read.
        // Not worth the wait where the peer has left or its place is needed.
        let hurry = matches!(reason, CloseReason::Goodbye(_) | CloseReason::Silent | CloseReason::Evicted);
        if written == Some(Ok(())) && !hurry {
            drain(&mut read).await;
        }
    };
    // Too slow: the connection is cut, which is what a goodbye would have announced.
    let _ = timeout(timeouts.goodbye, ending).await;
    reason
}

/// Reads on to the peer's end of the connection and drops what it finds.
pub(super) async fn drain(read: &mut (impl AsyncRead + Unpin)) {
    let mut dropped = vec![0; READ_SOME];
    while matches!(read.read(&mut dropped).await, Ok(1..)) {}
}

struct Reader<'a, R> {
    read: &'a mut R,
    shared: &'a Arc<Shared>,
    sink: &'a Sink,
    timeouts: Timeouts,
    frames: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// The writer's progress when it was last found stuck.
    stuck: Option<u64>,
    /// The last batch that a task of its own looks through, and with it those before it: what comes later is handed on
    /// later. It gives whether it was one of an honest peer.
    before: Option<AbortOnDropHandle<bool>>,
}

/// Looks on, letting others who share the thread come in between. `None`: no honest peer sends it.
async fn look_on(mut checking: Checking) -> Option<CheckedBatch> {
    while !checking.step().ok()? {
        tokio::task::yield_now().await;
    }
    checking.finish()
}

impl<'a, R: AsyncRead + Unpin> Reader<'a, R> {
    fn new(read: &'a mut R, shared: &'a Arc<Shared>, sink: &'a Sink, timeouts: Timeouts) -> Self {
        let frames = Arc::new(Semaphore::new(FRAMES_WAITING as usize));
        let bytes = Arc::new(Semaphore::new(BYTES_WAITING));
        Self { read, shared, sink, timeouts, frames, bytes, stuck: None, before: None }
    }

    async fn run(mut self) -> CloseReason {
        let reason = match self.read_frames().await {
            Ok(never) => match never {},
            Err(reason) => reason,
        };
        self.wait_for_those_before().await.err().unwrap_or(reason)
    }

    async fn read_frames(&mut self) -> Result<std::convert::Infallible, CloseReason> {
        let mut buffer = BytesMut::new();
        let mut size = READ;
        loop {
            loop {
                match frame::next(&mut buffer, self.shared.limit()) {
                    Next::Frame(bytes) => self.take(bytes).await?,
                    Next::TooLong(length) => self.wait_for_limit(length).await?,
                    Next::Incomplete => break,
                }
            }
            if buffer.is_empty() {
                // An idle connection holds no more than it needs.
                buffer = BytesMut::new();
            }
            // In steps of what has arrived, never by what was declared.
            buffer.reserve(size);
            // Only waiting for the peer counts as its silence, not waiting for the core.
            self.shared.set_waiting(Some(Instant::now()));
            let read = timeout(self.timeouts.silent, self.read.read_buf(&mut buffer)).await;
            self.shared.set_waiting(None);
            let count = match read {
                Err(_) => return Err(CloseReason::Silent),
                Ok(Err(error)) => return Err(broken(&error)),
                Ok(Ok(0)) => return Err(CloseReason::Reset),
                Ok(Ok(count)) => count,
            };
            size = match count {
                READ_SOME.. => READ_MUCH,
                READ.. => READ_SOME,
                _ => READ,
            };
        }
    }

    async fn take(&mut self, bytes: Bytes) -> Result<(), CloseReason> {
        match frame::kind(&bytes) {
            Kind::Goodbye(reason) => Err(CloseReason::Goodbye(reason)),
            Kind::Bad => Err(CloseReason::BadFrame),
            Kind::Ping => {
                self.shared.owe_pong();
                Ok(())
            }
            Kind::Pong => {
                self.shared.pong_heard(Instant::now());
                Ok(())
            }
            Kind::Core => {
                self.wait_for_writer().await;
                let permit = self.permit(bytes.len()).await?;
                let id = self.shared.id;
                match self.begin_looking(&bytes) {
                    Some(checking) => self.take_batch(checking, permit).await,
                    None => {
                        self.wait_for_those_before().await?;
                        (self.sink)(ConnectionEvent::Frame { id, bytes, permit });
                        Ok(())
                    }
                }
            }
        }
    }

    /// `None`: it is no batch, or of somebody who may be anyone, for whom nothing is done before the core has found that
    /// it is to be.
    fn begin_looking(&self, frame: &[u8]) -> Option<Checking> {
        if self.shared.limit() < FrameLimit::Data.bytes() { None } else { Checking::begin(frame) }
    }

    /// Looks a batch through and hands it on: a small one at once, where none is waited for, a large one on any thread,
    /// while more is read.
    async fn take_batch(&mut self, mut checking: Checking, permit: FramePermit) -> Result<(), CloseReason> {
        let id = self.shared.id;
        if self.before.as_ref().is_none_or(|before| before.is_finished()) {
            self.wait_for_those_before().await?;
            if checking.step().map_err(|_| CloseReason::BadFrame)? {
                let batch = checking.finish().ok_or(CloseReason::BadFrame)?;
                (self.sink)(ConnectionEvent::Batch { id, batch, permit });
                return Ok(());
            }
        }
        let (shared, sink, before) = (Arc::clone(self.shared), Arc::clone(self.sink), self.before.take());
        self.before = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let batch = look_on(checking).await;
            let fine = match before {
                Some(before) => before.await.unwrap_or(false),
                None => true,
            };
            match batch.filter(|_| fine) {
                Some(batch) => {
                    sink(ConnectionEvent::Batch { id, batch, permit });
                    true
                }
                None => {
                    shared.cut(CloseReason::BadFrame);
                    false
                }
            }
        })));
        Ok(())
    }

    /// Waits until the batches that are looked through by tasks were handed on.
    async fn wait_for_those_before(&mut self) -> Result<(), CloseReason> {
        let Some(before) = self.before.take() else { return Ok(()) };
        if before.await.unwrap_or(false) { Ok(()) } else { Err(CloseReason::BadFrame) }
    }

    async fn permit(&self, length: usize) -> Result<FramePermit, CloseReason> {
        let length = u32::try_from(length).map_err(|_| CloseReason::FrameTooLarge)?;
        // The semaphores are never closed; were they, the connection would be at its end.
        let frame = Arc::clone(&self.frames).acquire_owned().await.map_err(|_| CloseReason::Reset)?;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(length).await.map_err(|_| CloseReason::Reset)?;
        Ok(FramePermit { _frame: frame, _bytes: bytes })
    }

    /// A frame is over the limit; but the core may be about to raise it, for a frame that it has
    /// not come to yet. So it is judged when nothing before it is left.
    async fn wait_for_limit(&self, length: usize) -> Result<(), CloseReason> {
        if length <= FrameLimit::Data.bytes() {
            let all = self.frames.acquire_many(FRAMES_WAITING).await;
            drop(all.map_err(|_| CloseReason::Reset)?);
        }
        if length > self.shared.limit() { Err(CloseReason::FrameTooLarge) } else { Ok(()) }
    }

    /// Waits while the queue towards the peer is full and moving.
    async fn wait_for_writer(&mut self) {
        while self.shared.is_full() {
            let progress = self.shared.progress();
            if self.stuck == Some(progress) {
                return;
            }
            if timeout(STUCK, self.shared.drained.notified()).await.is_err() && self.shared.progress() == progress {
                self.stuck = Some(progress);
            }
        }
    }
}

struct Writer<'a, W> {
    write: &'a mut W,
    shared: &'a Shared,
    sink: &'a Sink,
    timeouts: Timeouts,
}

impl<W: AsyncWrite + Unpin> Writer<'_, W> {
    /// Writes until the connection is to close and all is written.
    async fn run(mut self) -> Result<(), CloseReason> {
        let mut batch = BytesMut::new();
        // The first ping goes out at once: the round trip is known from the start.
        let mut ping_due = true;
        loop {
            let mut large = None;
            let mut end = false;
            if self.shared.take_pong() {
                self.append(&mut batch, &PONG);
            }
            if self.shared.take_ping() || ping_due {
                self.shared.ping_sent(Instant::now());
                self.append(&mut batch, &PING);
                ping_due = false;
            }
            while batch.len() < COALESCED {
                match self.shared.next_work() {
                    Work::Frame(frame) => {
                        // Its length fits, or it would not have been taken into the queue.
                        batch.extend_from_slice(&u32::try_from(frame.len()).unwrap_or_default().to_be_bytes());
                        if frame.len() > COALESCED {
                            large = Some(frame);
                            break;
                        }
                        batch.extend_from_slice(&frame);
                    }
                    Work::End => {
                        end = true;
                        break;
                    }
                    Work::Nothing => break,
                }
            }
            if end {
                return self.finish(batch).await;
            }
            if !batch.is_empty() {
                self.write_all(&batch).await?;
                batch.clear();
                if let Some(frame) = large {
                    self.write_all(&frame).await?;
                }
                continue;
            }
            within(self.timeouts.stalled, self.write.flush()).await?;
            batch = BytesMut::new();
            tokio::select! {
                () = self.shared.wake.notified() => {}
                () = sleep_until(tokio::time::Instant::now() + self.timeouts.ping) => ping_due = true,
            }
        }
    }

    fn append(&self, batch: &mut BytesMut, frame: &[u8]) {
        self.shared.count(frame.len());
        batch.extend_from_slice(frame);
    }

    /// The last words, then TLS's own end and TCP's.
    async fn finish(&mut self, mut batch: BytesMut) -> Result<(), CloseReason> {
        let reason = self.shared.closing().await;
        if !matches!(reason, CloseReason::Goodbye(_)) {
            self.append(&mut batch, &frame::goodbye(reason.name()));
        }
        self.write_all(&batch).await?;
        within(self.timeouts.stalled, self.write.shutdown()).await
    }

    async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), CloseReason> {
        while !bytes.is_empty() {
            let count = match timeout(self.timeouts.stalled, self.write.write(bytes)).await {
                Err(_) => return Err(CloseReason::Stalled),
                Ok(Ok(0)) => return Err(CloseReason::Reset),
                Ok(Ok(count)) => count,
                Ok(Err(_)) => return Err(CloseReason::Reset),
            };
            bytes = bytes.get(count..).unwrap_or_default();
            if self.shared.took(count) {
                (self.sink)(ConnectionEvent::Drained { id: self.shared.id });
            }
        }
        Ok(())
    }
}

/// A step that sends what is written; it stalls when the peer takes nothing for too long.
async fn within(limit: Duration, step: impl Future<Output = io::Result<()>>) -> Result<(), CloseReason> {
    match timeout(limit, step).await {
        Err(_) => Err(CloseReason::Stalled),
        Ok(result) => result.map_err(|_| CloseReason::Reset),
    }
}

/// Bytes that TLS cannot read are the peer's fault; all else is the network's or the peer's end.
fn broken(error: &io::Error) -> CloseReason {
    match tls::tls_error(error) {
        None | Some(rustls::Error::AlertReceived(_)) => CloseReason::Reset,
        Some(_) => CloseReason::BadFrame,
    }
}
