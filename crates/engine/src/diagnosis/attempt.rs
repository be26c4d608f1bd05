//! What happens when the address in question is dialled.

use std::{io, net::SocketAddr};

use lanline_protocol::identity::DeviceId;
use tokio::net::{TcpStream, lookup_host};

use super::{
    LIMITS,
    link::Link,
    neighbour::{self, Neighbour},
    route::{self, Route},
};
use crate::{
    Node,
    net::{Address, DialError},
};

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Where it was tried; `None`: the name that was given led nowhere.
    pub(super) address: Option<SocketAddr>,
    pub(super) outcome: Outcome,
    /// The way there, if there is one.
    pub(super) route: Option<Route>,
    /// Whether the device answers on its link, where it is on one of this device's and that is known.
    pub(super) neighbour: Option<Neighbour>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A device of Lanline answers.
    Answers(DeviceId),
    /// The name is known to nobody here.
    UnknownName,
    /// There is no way there.
    NoWay,
    /// Somebody said that the device is not there.
    NoDevice,
    /// The system does not let this program.
    NotPermitted,
    /// Nothing came back.
    Silent,
    /// The device is there, and takes no connection at that port.
    Refused,
    /// Something else than Lanline listens there.
    NotLanline,
    /// Lanline listens there, of a version that this one does not speak.
    OtherVersion,
    /// It hung up at once.
    HungUp,
    /// It is this device itself.
    Itself,
    /// Anything else.
    Failed,
}

impl Attempt {
    /// The address without its port, for people.
    pub(super) fn ip(&self) -> String {
        self.address.map_or_else(|| "the name that was given".to_owned(), |address| address.ip().to_string())
    }

    /// The address with its port, for people.
    pub(super) fn shown(&self) -> String {
        self.address.as_ref().map_or_else(|| self.ip(), crate::net::show)
    }

    /// Whether no connection came about, for all that is known of it because nothing came back.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self.outcome, Outcome::Silent | Outcome::NoDevice | Outcome::NoWay)
    }

    /// The link that the other device is on, where it is one of this device's own.
    pub(super) fn link<'a>(&self, links: &'a [Link]) -> Option<&'a Link> {
        let ip = self.address?.ip();
        let mut own = links.iter().filter(|link| !link.loopback && link.prefix > 0);
        own.find(|link| link.holds(ip) && !link.tunnel)
    }
}

/// Dials an address. Where a device answers, it stays connected for a while: it may be asked what it sees.
pub(super) async fn make(node: &Node, address: Address, links: &[Link]) -> Attempt {
    let address = match address {
        Address::Socket(address) => Some(address),
        Address::Name { host, port } => {
            let found = tokio::time::timeout(LIMITS.name, lookup_host((host, port))).await;
            found.ok().and_then(Result::ok).and_then(|mut found| found.next())
        }
    };
    let Some(address) = address else {
        return Attempt { address: None, outcome: Outcome::UnknownName, route: None, neighbour: None };
    };
    let (known, limit) = (links.to_vec(), LIMITS.program);
    let route = tokio::task::spawn_blocking(move || route::to(address, &known, limit)).await.ok().flatten();
    let outcome = match connect(address).await {
        Outcome::Failed => greet(node, address).await,
        other => other,
    };
    let mut attempt = Attempt { address: Some(address), outcome, route, neighbour: None };
    if attempt.is_unanswered() && attempt.link(links).is_some() {
        let (known, within) = (links.to_vec(), LIMITS.neighbour);
        let looked = tokio::task::spawn_blocking(move || neighbour::look_for(address.ip(), &known, within));
        attempt.neighbour = looked.await.ok().flatten();
    }
    attempt
}

/// A connection without a word; [`Outcome::Failed`]: it came about.
async fn connect(address: SocketAddr) -> Outcome {
    match tokio::time::timeout(LIMITS.connect, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Outcome::Failed,
        Ok(Err(error)) => refusal(&error),
        Err(_) => Outcome::Silent,
    }
}

fn refusal(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Outcome::Refused,
        io::ErrorKind::TimedOut => Outcome::Silent,
        io::ErrorKind::HostUnreachable => Outcome::NoDevice,
        io::ErrorKind::PermissionDenied => Outcome::NotPermitted,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Outcome::HungUp,
        _ => Outcome::NoWay,
    }
}

/// The handshake, and hello.
async fn greet(node: &Node, address: SocketAddr) -> Outcome {
    match node.meet(address, LIMITS.greet).await {
        Ok(device) => Outcome::Answers(device),
        Err(error) => match error {
            DialError::Refused(_) => Outcome::Refused,
            DialError::NotLanline(_) => Outcome::NotLanline,
            DialError::VersionUnsupported(_) => Outcome::OtherVersion,
            DialError::HungUp(_) => Outcome::HungUp,
            DialError::OwnKey(_) => Outcome::Itself,
            // It took the connection and then said nothing, which no Lanline does.
            DialError::TimedOut(_) => Outcome::NotLanline,
            _ => Outcome::Failed,
        },
    }
}

#[cfg(test)]
pub(super) fn of(address: &str, outcome: Outcome) -> Attempt {
    Attempt { address: Some(address.parse().unwrap()), outcome, route: None, neighbour: None }
}
