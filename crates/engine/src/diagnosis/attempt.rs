//! What happens when the address in question is dialled.

use std::{io, net::SocketAddr};

use futures_util::future::join_all;
use lanline_protocol::identity::DeviceId;
use tokio::net::{TcpStream, lookup_host};

use super::{
    LIMITS,
    facts::blocking,
    link::Link,
    neighbour::{self, Neighbour},
    route::{self, Route},
};
use crate::{
    Node,
    net::{Address, DialError},
    platform,
};

/// Of a name's addresses, those that are tried, all at once.
const ADDRESSES: usize = 4;

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
    /// It took the connection and then said nothing: a Lanline that hangs, or another program.
    SaidNothing,
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
        let address = self.address?;
        let mut own = links.iter().filter(|link| !link.loopback && link.prefix > 0);
        own.find(|link| link.leads_to(address) && !link.tunnel)
    }
}

/// Dials an address. Where a device answers, it stays connected for a while: it may be asked what it sees.
pub(super) async fn make(node: &Node, address: Address, links: &[Link]) -> Attempt {
    let addresses: Vec<SocketAddr> = match address {
        Address::Socket(address) => vec![address],
        Address::Name { host, port } => {
            let found = tokio::time::timeout(LIMITS.name, lookup_host((host, port))).await;
            found.ok().and_then(Result::ok).map(|found| found.take(ADDRESSES).collect()).unwrap_or_default()
        }
    };
    let tried = join_all(addresses.into_iter().map(|address| async move { (address, connect(address).await) })).await;
    let Some((address, outcome)) = best(tried) else {
        return Attempt { address: None, outcome: Outcome::UnknownName, route: None, neighbour: None };
    };
    let (known, limit) = (links.to_vec(), LIMITS.program);
    let route = blocking(move || route::to(address, &known, limit)).await.flatten();
    let outcome = match outcome {
        Outcome::Failed => greet(node, address).await,
        other => other,
    };
    let mut attempt = Attempt { address: Some(address), outcome, route, neighbour: None };
    if attempt.is_unanswered()
        && let Some(link) = attempt.link(links).cloned()
    {
        let look = move || neighbour::look_for(address.ip(), &link, LIMITS.neighbour);
        attempt.neighbour = blocking(look).await.flatten();
    }
    attempt
}

/// Of several addresses of one name, the first that takes a connection, or else the first from which anything came back.
fn best(tried: Vec<(SocketAddr, Outcome)>) -> Option<(SocketAddr, Outcome)> {
    let rank = |outcome: Outcome| match outcome {
        Outcome::Failed => 0,
        Outcome::Silent | Outcome::NoDevice | Outcome::NoWay => 2,
        _ => 1,
    };
    tried.into_iter().min_by_key(|(_, outcome)| rank(*outcome))
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
        _ if platform::is_host_down(error) => Outcome::NoDevice,
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
            DialError::TimedOut(_) => Outcome::SaidNothing,
            _ => Outcome::Failed,
        },
    }
}

#[cfg(test)]
pub(super) fn of(address: &str, outcome: Outcome) -> Attempt {
    Attempt { address: Some(address.parse().unwrap()), outcome, route: None, neighbour: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_names_addresses_the_first_that_answers_counts() {
        let at = |last: u8| SocketAddr::from(([192, 168, 1, last], 12345));
        let tried = |outcomes: &[Outcome]| best((1..).map(at).zip(outcomes.iter().copied()).collect());
        assert_eq!(tried(&[]), None);
        assert_eq!(tried(&[Outcome::NoWay, Outcome::Silent]), Some((at(1), Outcome::NoWay)));
        assert_eq!(tried(&[Outcome::Silent, Outcome::Refused]), Some((at(2), Outcome::Refused)));
        assert_eq!(tried(&[Outcome::Refused, Outcome::Failed, Outcome::Failed]), Some((at(2), Outcome::Failed)));
    }

    #[test]
    fn a_zone_says_which_link_it_is() {
        let mut links =
            vec![super::super::link::of("eth0", "fe80::5/64"), super::super::link::of("wlan0", "fe80::6/64")];
        (links[0].index, links[1].index) = (2, 3);
        let link = |zone| {
            let address = std::net::SocketAddrV6::new("fe80::7".parse().unwrap(), 12345, 0, zone);
            let attempt = Attempt { address: Some(address.into()), ..of("[fe80::7]:1", Outcome::Silent) };
            attempt.link(&links).map(|link| link.name.clone())
        };
        assert_eq!(link(3).as_deref(), Some("wlan0"));
        assert_eq!(link(2).as_deref(), Some("eth0"));
        assert_eq!(link(9), None);
    }

    #[test]
    fn errors_without_a_name_are_told_apart() {
        let refused = |number: i32| refusal(&io::Error::from_raw_os_error(number));
        if cfg!(target_os = "linux") {
            assert_eq!(
                (refused(112), refused(113), refused(1)),
                (Outcome::NoDevice, Outcome::NoDevice, Outcome::NotPermitted)
            );
        }
        assert_eq!(refusal(&io::Error::from(io::ErrorKind::ConnectionRefused)), Outcome::Refused);
    }
}
