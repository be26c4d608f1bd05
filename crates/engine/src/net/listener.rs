//! Listening: the sockets, the accept loop, and what happens to strangers at the door.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::server::Acceptor;
use rustls::{InvalidMessage, PeerIncompatible};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tokio_rustls::{LazyConfigAcceptor, TlsStream, server};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::{canonical, show, show_ip};
use super::interface::local_addresses;
use super::limits::Slot;
use super::tls::{self, Peer, Refusal, tls_error};
use super::{Inner, Net, connection};
use crate::platform::{self, PORT_ADVICE};

/// Connections that the system may hold until they are accepted.
const BACKLOG: i32 = 1024;

/// Tries to find one port that is free on every address.
const PORT_TRIES: usize = 16;

/// Connections accepted in one go before those who came have their turn.
const AT_ONCE: u32 = 32;

/// Pauses after an accept that failed, doubling: with no file descriptor left, trying again at once
/// would only burn the processor.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long a refused stranger is given to read the alert and hang up.
const LINGER: Duration = Duration::from_secs(1);

/// How much a refused stranger may still say meanwhile: more than anybody has to who stops when it reads the alert.
const LINGER_BYTES: u64 = 64 * 1024;

/// Why the server did not start. Each is one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Another program, or another Lanline, listens there.
    #[error("Port {0} is already in use; choose another one, or 0 for any that is free.")]
    PortInUse(u16),
    /// The system does not let this user listen there.
    #[error("This device does not allow listening on port {0}; {PORT_ADVICE}.")]
    NotAllowed(u16),
    /// The address is not one of this device's.
    #[error("{0} is not an address of this device; correct LANLINE_LISTEN, or connect that network.")]
    NoSuchAddress(String),
    /// Anything else the system says.
    #[error("Listening on {address} failed ({reason}); check the network of this device and LANLINE_LISTEN.")]
    Other {
        /// Where.
        address: String,
        /// In the system's words.
        reason: String,
    },
}

/// A running server. Dropping it stops listening; connections that it accepted live on.
#[derive(Debug)]
pub struct Listener {
    bound: Vec<SocketAddr>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Listener {
    /// The port, the same on every address.
    pub fn port(&self) -> u16 {
        self.bound.first().map_or(0, SocketAddr::port)
    }

    /// Where others may reach this server, as far as is known now: see [`local_addresses`] where it
    /// listens on all.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for bound in &self.bound {
            match bound.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => {
                    addresses.extend(local_addresses(bound.port()).into_iter().filter(SocketAddr::is_ipv4));
                }
                ip if ip.is_unspecified() => addresses.extend(local_addresses(bound.port())),
                _ => addresses.push(*bound),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        addresses.retain(|address| seen.insert(*address));
        addresses
    }

    /// Stops listening, and returns when the port is free again and no more connection will open: those whose handshake
    /// was done have opened, the others are closed.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Net {
    /// Listens on `port` (0: any that is free) of the given addresses, whose own ports do not
    /// count; with none given, on all of this device's, IPv6 and IPv4.
    pub fn listen(&self, addresses: &[SocketAddr], port: u16) -> Result<Listener, ListenError> {
        let sockets = bind(addresses, port)?;
        let cancel = self.inner.stopping.child_token();
        let tasks = TaskTracker::new();
        let mut bound = Vec::new();
        for socket in sockets {
            let (address, listener) = {
                let _inside = self.inner.runtime.enter();
                let address = socket.local_addr().map_err(|error| other(SocketAddr::from(([0; 4], port)), &error))?;
                (address, TcpListener::from_std(socket).map_err(|error| other(address, &error))?)
            };
            bound.push(address);
            tracing::info!(address = %show(&address), "listening");
            let accepting = accept(Arc::clone(&self.inner), listener, tasks.clone(), cancel.clone());
            self.inner.tasks.spawn_on(tasks.track_future(accepting), &self.inner.runtime);
        }
        Ok(Listener { bound, cancel, tasks })
    }
}

fn bind(addresses: &[SocketAddr], port: u16) -> Result<Vec<StdListener>, ListenError> {
    if addresses.is_empty() {
        return bind_all(port).map(|socket| vec![socket]);
    }
    // `[::]` serves IPv4 too, unless IPv4 is asked for separately.
    let dual = !addresses.iter().any(SocketAddr::is_ipv4);
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_each(addresses, port, dual) {
            Err(ListenError::PortInUse(_)) if tries > 0 => {}
            result => return result,
        }
    }
}

fn bind_each(addresses: &[SocketAddr], port: u16, dual: bool) -> Result<Vec<StdListener>, ListenError> {
    let mut port = port;
    let mut sockets = Vec::new();
    for address in addresses {
        let mut address = *address;
        address.set_port(port);
        let socket = bind_one(address, dual).map_err(|error| explain(address, &error))?;
        if port == 0 {
            port = socket.local_addr().map_err(|error| other(address, &error))?.port();
        }
        sockets.push(socket);
    }
    Ok(sockets)
}

/// All addresses: one socket for IPv6 and IPv4, or IPv4 alone on a system without IPv6.
fn bind_all(port: u16) -> Result<StdListener, ListenError> {
    let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match bind_one(six, true) {
        Ok(socket) => Ok(socket),
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            Err(explain(six, &error))
        }
        Err(_) => {
            let four = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            bind_one(four, true).map_err(|error| explain(four, &error))
        }
    }
}

fn bind_one(address: SocketAddr, dual: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual)?;
    }
    if platform::REUSES_ADDRESSES {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn explain(address: SocketAddr, error: &io::Error) -> ListenError {
    match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::PortInUse(address.port()),
        io::ErrorKind::PermissionDenied => ListenError::NotAllowed(address.port()),
        io::ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress(show_ip(&address)),
        _ => other(address, error),
    }
}

fn other(address: SocketAddr, error: &io::Error) -> ListenError {
    ListenError::Other { address: show(&address), reason: error.to_string() }
}

async fn accept(inner: Arc<Inner>, listener: TcpListener, tasks: TaskTracker, cancel: CancellationToken) {
    let mut pause = PAUSE_MIN;
    let mut at_once = 0;
    loop {
        // Who came is listened to before more come: a member whose first words are there already must not be pushed out
        // by a flood because nobody had looked. The others wait with the system meanwhile.
        at_once = (at_once + 1) % AT_ONCE;
        if at_once == 0 {
            yield_now().await;
        }
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                pause = PAUSE_MIN;
                let address = canonical(address);
                let slot = inner.pending.admit(address.ip());
                let greeted = greet(Arc::clone(&inner), stream, address, slot, cancel.clone());
                inner.tasks.spawn(tasks.track_future(greeted));
            }
            // The stranger hung up before we came to it.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => {
                if let Some(suppressed) = inner.log.admit(Instant::now()) {
                    tracing::warn!(%error, suppressed, "a connection could not be accepted");
                }
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                }
            }
        }
    }
}

/// One stranger, from the door to its name or out again.
async fn greet(inner: Arc<Inner>, stream: TcpStream, address: SocketAddr, slot: Slot, cancel: CancellationToken) {
    let greeted = tokio::select! {
        biased;
        () = cancel.cancelled() => return,
        () = slot.evicted() => Err("crowded out by newer connections".to_owned()),
        greeted = async {
            let greeted = handshake(&inner, stream, || slot.greeted()).await;
            let key = greeted.as_ref().ok().map(|(_, peer)| peer.key);
            if let Some(key) = key {
                inner.ask_those_before(key).await;
            }
            greeted
        } => greeted,
    };
    drop(slot);
    match greeted {
        Ok((stream, peer)) => {
            inner.open(stream, peer, address, false);
        }
        Err(reason) => refused(&inner, address, &reason),
    }
}

fn refused(inner: &Inner, address: SocketAddr, reason: &str) {
    if let Some(suppressed) = inner.log.admit(Instant::now()) {
        tracing::warn!(address = %show(&address), reason, suppressed, "a connection was refused");
    }
}

/// The stream and who is on it, or why not, in words for the log. `greeted` is told when the first words came.
pub(super) async fn handshake(
    inner: &Inner,
    stream: TcpStream,
    greeted: impl FnOnce(),
) -> Result<(TlsStream<TcpStream>, Peer), String> {
    connection::settle(&stream, inner.timeouts.stalled);
    match timeout(inner.timeouts.handshake, accept_tls(inner, stream, greeted)).await {
        Err(_) => Err("no TLS handshake in time".to_owned()),
        Ok(Ok(stream)) => {
            let mut stream = TlsStream::Server(stream);
            match tls::peer(&stream) {
                Ok(peer) => Ok((stream, peer)),
                Err(error) => {
                    part(&mut stream).await;
                    Err(explain_tls(&error))
                }
            }
        }
        Ok(Err((error, stream))) => {
            if let Some(mut stream) = stream {
                part(&mut stream).await;
            }
            Err(tls_error(&error).map_or_else(|| explain_io(&error), explain_tls))
        }
    }
}

async fn accept_tls(
    inner: &Inner,
    stream: TcpStream,
    greeted: impl FnOnce(),
) -> Result<server::TlsStream<TcpStream>, (io::Error, Option<TcpStream>)> {
    // For who says nothing nothing is made. What is wrong with the stream is found out by reading from it.
    let _ = stream.readable().await;
    let mut reading = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let hello = match (&mut reading).await {
        Ok(hello) => hello,
        Err(error) => return Err((error, reading.take_io())),
    };
    greeted();
    let accepting = hello.into_stream(inner.tls.server()).into_fallible();
    accepting.await.map_err(|(error, stream)| (error, Some(stream)))
}

/// Closes the connection to a refused stranger. Its last bytes are read first: closing with bytes
/// unread would reset the connection, and the alert that says what was wrong would be lost.
async fn part(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let parting = async {
        if stream.shutdown().await.is_ok() {
            connection::drain(&mut stream.take(LINGER_BYTES)).await;
        }
    };
    let _ = timeout(LINGER, parting).await;
}

fn explain_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it hung up during the handshake".to_owned(),
        _ => error.to_string(),
    }
}

fn explain_tls(error: &rustls::Error) -> String {
    use rustls::Error;
    if let Some(refusal) = Refusal::of(error) {
        return refusal.to_string();
    }
    match error {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => "plain text or noise instead of TLS".to_owned(),
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => "TLS 1.2 or older".to_owned(),
        Error::NoCertificatesPresented => "no certificate".to_owned(),
        Error::NoApplicationProtocol => Refusal::NoAlpn.to_string(),
        other => other.to_string(),
    }
}
