//! Dialling: names looked up, addresses tried side by side, and who answered checked.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lanline_protocol::identity::{DeviceId, PublicKey};
use rustls::AlertDescription;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_rustls::TlsStream;

use super::address::{Address, show};
use super::tls::{self, Peer, Refusal, Tls, tls_error};
use super::{ConnectionId, Inner, Net, connection};

/// Addresses tried in one dial.
const CANDIDATES_MAX: usize = 16;

/// Why no connection came about. Each is one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// There was no address to dial.
    #[error("No address of that device is known; enter one.")]
    NoAddress,
    /// The name could not be looked up.
    #[error("The name {0} was not found on this network; check it, or enter the address in numbers.")]
    UnknownHost(String),
    /// The network does not lead there.
    #[error("{address} cannot be reached: {reason}; check that both devices are on the same network.")]
    Unreachable {
        /// Where.
        address: String,
        /// In plain words.
        reason: String,
    },
    /// Nothing answered in time.
    #[error("{0} did not answer; check that the device is on and on the same network, and its firewall.")]
    TimedOut(String),
    /// The device is there, and nothing listens at that port.
    #[error("Nothing listens at {0}; start the server there, or check the port.")]
    Refused(String),
    /// It hung up before it had shown who it is.
    #[error("{0} hung up at once; try again in a moment.")]
    HungUp(String),
    /// Something else than Lanline listens there.
    #[error("What listens at {0} is not Lanline; check the address and the port.")]
    NotLanline(String),
    /// Lanline listens there, of a version that this one does not speak.
    #[error("{0} runs a version of Lanline that this one cannot talk to; update the older of the two.")]
    VersionUnsupported(String),
    /// The address is this device's own.
    #[error("{0} is this device itself; enter the address of another.")]
    OwnKey(String),
    /// A certain device was dialled and another one answered. Nothing was sent to it.
    #[error(
        "Another device than expected answers at {address}, and nothing was sent to it; ask the person you meant whether \
         it has another address before you connect."
    )]
    IdentityChanged {
        /// Where.
        address: String,
        /// Who was expected.
        expected: DeviceId,
        /// The key that answered.
        found: PublicKey,
    },
    /// This device is shutting down.
    #[error("Lanline is closing on this device; start it again to connect.")]
    Stopping,
}

impl DialError {
    /// When several addresses failed, the failure that tells most is reported.
    fn rank(&self) -> u8 {
        match self {
            Self::NoAddress => 0,
            Self::UnknownHost(_) => 1,
            Self::Unreachable { .. } => 2,
            Self::TimedOut(_) => 3,
            Self::Refused(_) => 4,
            Self::HungUp(_) => 5,
            Self::OwnKey(_) => 6,
            Self::NotLanline(_) => 7,
            Self::VersionUnsupported(_) => 8,
            Self::IdentityChanged { .. } => 9,
            Self::Stopping => 10,
        }
    }

    fn or_worse(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.rank() >= self.rank() => other,
            _ => self,
        }
    }
}

/// A connection that came about. Its `Opened` event is already on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// The connection.
    pub id: ConnectionId,
    /// Who answered.
    pub peer: PublicKey,
    /// At which of the addresses.
    pub address: SocketAddr,
}

impl Net {
    /// Connects to one device at any of its addresses, the best first, within `limit`; what is
    /// slow is tried beside the next (RFC 8305). With `expect`, only that device will do.
    /// Dropping the future ends the attempt.
    pub async fn dial(
        &self,
        addresses: &[Address],
        expect: Option<DeviceId>,
        limit: Duration,
    ) -> Result<Dialled, DialError> {
        let Some(first) = addresses.first() else {
            return Err(DialError::NoAddress);
        };
        let deadline = Instant::now() + limit;
        let too_late = || DialError::TimedOut(first.to_string());
        let (candidates, unknown) = tokio::select! {
            resolved = resolve(addresses) => resolved,
            () = sleep_until(deadline) => return Err(too_late()),
        };
        let (stream, peer, address) = race(&self.inner, candidates, expect, deadline)
            .await
            .map_err(|failure| failure.map_or_else(too_late, |error| error.or_worse(unknown)))?;
        let id = self.inner.open(stream, peer, address, true).ok_or(DialError::Stopping)?;
        Ok(Dialled { id, peer: peer.key, address })
    }
}

/// The addresses to try, and the error of a name that was not found.
async fn resolve(addresses: &[Address]) -> (VecDeque<SocketAddr>, Option<DialError>) {
    let lookups = addresses.iter().take(CANDIDATES_MAX).map(|address| async move {
        match address {
            Address::Socket(address) => Ok(vec![*address]),
            Address::Name { host, port } => match lookup_host((host.as_str(), *port)).await {
                Ok(found) => Ok(found.collect()),
                Err(_) => Err(DialError::UnknownHost(host.clone())),
            },
        }
    });
    let mut unknown = None;
    let mut found = Vec::new();
    for result in join_all(lookups).await {
        match result {
            Ok(addresses) => found.extend(addresses),
            Err(error) => unknown = Some(error),
        }
    }
    (interleave(found), unknown)
}

/// IPv6 and IPv4 by turns, beginning with the first address's kind (RFC 8305, section 4), each
/// address once.
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let mut seen = std::collections::BTreeSet::new();
    let addresses: Vec<SocketAddr> = addresses.into_iter().filter(|address| seen.insert(*address)).collect();
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = VecDeque::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] || mixed.len() >= CANDIDATES_MAX {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

type Greeted = (TlsStream<TcpStream>, Peer, SocketAddr);

/// The first address whose handshake succeeds, or the failure that tells most; `None` when there
/// was none before the deadline.
async fn race(
    inner: &Inner,
    mut waiting: VecDeque<SocketAddr>,
    expect: Option<DeviceId>,
    deadline: Instant,
) -> Result<Greeted, Option<DialError>> {
    let mut running = FuturesUnordered::new();
    let mut failure: Option<DialError> = None;
    loop {
        if let Some(address) = waiting.pop_front() {
            running.push(attempt(inner, address, expect));
        } else if running.is_empty() {
            return Err(Some(failure.unwrap_or(DialError::NoAddress)));
        }
        tokio::select! {
            Some(result) = running.next() => match result {
                Ok(greeted) => return Ok(greeted),
                Err(error) => failure = Some(error.or_worse(failure)),
            },
            () = sleep(inner.timeouts.stagger), if !waiting.is_empty() => {}
            () = sleep_until(deadline) => {
                return Err(failure.filter(|error| error.rank() > DialError::TimedOut(String::new()).rank()));
            }
            () = inner.stopping.cancelled() => return Err(Some(DialError::Stopping)),
        }
    }
}

async fn attempt(inner: &Inner, address: SocketAddr, expect: Option<DeviceId>) -> Result<Greeted, DialError> {
    let stream = TcpStream::connect(address).await.map_err(|error| explain_connect(address, &error))?;
    connection::settle(&stream, inner.timeouts.stalled);
    let explain_tls = |error: &rustls::Error| explain_tls(address, expect, error);
    let name = Tls::server_name().map_err(|error| explain_tls(&error))?;
    let stream = inner
        .tls
        .connector(expect)
        .connect(name, stream)
        .await
        .map_err(|error| tls_error(&error).map_or_else(|| DialError::HungUp(show(&address)), explain_tls))?;
    let stream = TlsStream::Client(stream);
    let peer = tls::peer(&stream).map_err(|error| explain_tls(&error))?;
    Ok((stream, peer, address))
}

fn explain_connect(address: SocketAddr, error: &io::Error) -> DialError {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => return DialError::Refused(show(&address)),
        io::ErrorKind::TimedOut => return DialError::TimedOut(show(&address)),
        io::ErrorKind::HostUnreachable => "no device answers at that address".to_owned(),
        io::ErrorKind::NetworkUnreachable => "this device is not connected to that network".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this device has no address of that kind".to_owned(),
        io::ErrorKind::PermissionDenied => "this system does not allow it".to_owned(),
        _ => error.to_string(),
    };
    DialError::Unreachable { address: show(&address), reason }
}

fn explain_tls(address: SocketAddr, expect: Option<DeviceId>, error: &rustls::Error) -> DialError {
    let shown = show(&address);
    match (Refusal::of(error), expect) {
        (Some(Refusal::OwnKey), _) => return DialError::OwnKey(shown),
        (Some(Refusal::OtherKey { found }), Some(expected)) => {
            return DialError::IdentityChanged { address: shown, expected, found };
        }
        _ => {}
    }
    match error {
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => DialError::VersionUnsupported(shown),
        _ => DialError::NotLanline(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_alternate_between_the_families() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:1", "[::2]:1", "[::1]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"].map(parse);
        let mixed: Vec<_> = interleave(given.to_vec()).into();
        assert_eq!(mixed, ["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"].map(parse));
    }

    #[test]
    fn the_failure_that_tells_most_is_told() {
        let refused = DialError::Refused("a".into());
        let late = DialError::TimedOut("b".into());
        assert_eq!(late.clone().or_worse(Some(refused.clone())), refused);
        assert_eq!(refused.clone().or_worse(Some(late)), refused);
        assert_eq!(refused.clone().or_worse(None), refused);
    }
}
