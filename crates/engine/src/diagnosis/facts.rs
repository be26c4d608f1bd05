//! All that a diagnosis is made from. The checks look at nothing else, so that each is a function of what was found.

use std::net::IpAddr;

use lanline_protocol::{frame::ReachOutcome, identity::DeviceId, reaching};

use super::{
    LIMITS,
    attempt::{self, Attempt, Outcome},
    captive_portal::Connectivity,
    link::{self, Link},
    local_firewall::{
        Firewall,
        ruleset::{Packet, Protocol, Way},
    },
    neighbour::{self, Neighbour},
    port, route,
    sounding::Sounding,
    view::{self, View},
    vpn::{self, Held},
};
use crate::{Node, api::ServerState, net::Address};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) links: Vec<Link>,
    pub(super) server: ServerState,
    /// The port that others are to reach: the one that the server listens on, or would.
    pub(super) port: u16,
    /// Whether another program listens at the port while this device does not.
    pub(super) port_is_taken: bool,
    pub(super) firewall: Firewall,
    /// Whether the router answers on its link.
    pub(super) router_is: Option<Neighbour>,
    /// Whether anybody else but the router and the other device answers on a link.
    pub(super) others_are_there: Option<bool>,
    /// Local networks to which a tunnel holds the way.
    pub(super) held: Vec<Held>,
    pub(super) has_default_route: bool,
    pub(super) connectivity: Option<Connectivity>,
    pub(super) attempt: Option<Attempt>,
    pub(super) views: Vec<View>,
    /// What came of asking all on the network.
    pub(super) sounding: Sounding,
    /// Where connected devices are that this one dialled: they listen, and answer whoever asks all.
    pub(super) listening: Vec<IpAddr>,
    /// This device's clock, in milliseconds since the Unix epoch.
    pub(super) now_ms: i64,
}

impl Facts {
    /// Finds out what there is to find out; each step has its own time.
    pub(super) async fn gather(node: &Node, address: Option<Address>) -> Self {
        let server = node.board().server();
        let port = server.port.unwrap_or(match node.setup().port {
            0 => crate::settings::DEFAULT_PORT,
            port => port,
        });
        let links = blocking(link::links).await.unwrap_or_default();
        let port_is_taken = async {
            let listen = node.setup().listen.clone();
            !server.running && blocking(move || port::is_taken(&listen, port)).await.unwrap_or_default()
        };
        let address_is_given = address.is_some();
        let attempt = async {
            match address {
                Some(address) => Some(attempt::make(node, address, &links).await),
                None => None,
            }
        };
        let router = async {
            let router = blocking(|| route::router(LIMITS.program)).await.flatten();
            // Whether the network answers at all is of interest only where another device may not.
            let ip = router.as_ref().map(|router| router.ip).filter(|_| address_is_given);
            let known = links.clone();
            (router, blocking(move || neighbour::look_for(ip?, &known, LIMITS.neighbour)).await.flatten())
        };
        let known = links.clone();
        let (attempt, sounding, port_is_taken, firewall, (router, router_is), held, connectivity, has_default_route) = tokio::join!(
            attempt,
            Sounding::make(node),
            port_is_taken,
            blocking(Firewall::read),
            router,
            blocking(move || vpn::held(&known, LIMITS.program)),
            blocking(|| Connectivity::read(LIMITS.program)),
            blocking(route::has_default),
        );
        let views = async {
            match server.port {
                Some(port) => view::ask(node, port, attempt.as_ref().and_then(Attempt::answers)).await,
                None => Vec::new(),
            }
        };
        let others = async {
            let address = attempt.as_ref().filter(|attempt| attempt.is_unanswered())?.address?;
            let but: Vec<_> = router.iter().map(|router| router.ip).chain([address.ip()]).collect();
            blocking(move || neighbour::is_anybody_there(&but)).await.flatten()
        };
        let (views, others_are_there) = tokio::join!(views, others);
        let listening = view::listening(node).await;
        let now_ms = node.core().read_at(|_, now| Ok(now.wall_ms())).await.unwrap_or_default();
        Self {
            links,
            server,
            port,
            port_is_taken,
            firewall: firewall.unwrap_or_default(),
            router_is,
            others_are_there,
            held: held.unwrap_or_default(),
            has_default_route: has_default_route.unwrap_or_default(),
            connectivity: connectivity.flatten(),
            attempt,
            views,
            sounding,
            listening,
            now_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
        }
    }

    /// The link that others are most likely on: where the address in question is, or the first that works; none that does
    /// not leave this device.
    pub(super) fn main_link(&self) -> Option<&Link> {
        let of_attempt = self.attempt.as_ref().and_then(|attempt| {
            let by_route = attempt.route.as_ref().and_then(|route| route.source);
            let mut leaving = self.links.iter().filter(|link| !link.loopback);
            attempt.link(&self.links).or_else(|| leaving.find(|link| Some(link.ip) == by_route))
        });
        let mut usable = self.links.iter().filter(|link| link.is_usable() && !link.is_makeshift());
        of_attempt.or_else(|| usable.next())
    }

    /// The first packet by which a neighbour, or the device in question, dials this one.
    pub(super) fn dialled_in(&self) -> Option<Packet> {
        let link = self.main_link()?;
        let other = self.attempt.as_ref().and_then(|attempt| Some(attempt.address?.ip()));
        let from_outside = |ip: IpAddr| ip.is_ipv4() == link.ip.is_ipv4() && !ip.is_loopback();
        Some(Packet {
            way: Way::In,
            protocol: Protocol::Tcp,
            is_v4: link.ip.is_ipv4(),
            source: Some(other.filter(|ip| from_outside(*ip)).unwrap_or_else(|| link.neighbour())),
            destination: Some(link.ip),
            source_port: Some(EPHEMERAL),
            destination_port: Some(self.port),
            established: false,
            interface: Some(link.name.clone()),
        })
    }

    /// The first packet by which this device dials the one in question, and the answer.
    pub(super) fn dialled_out(&self) -> Option<[Packet; 2]> {
        let attempt = self.attempt.as_ref()?;
        let address = attempt.address?;
        let link = self.main_link();
        let own = attempt.route.as_ref().and_then(|route| route.source).or(link.map(|link| link.ip));
        let by_route = attempt.route.as_ref().and_then(|route| route.interface.clone());
        let out = Packet {
            way: Way::Out,
            protocol: Protocol::Tcp,
            is_v4: address.is_ipv4(),
            source: own,
            destination: Some(address.ip()),
            source_port: Some(EPHEMERAL),
            destination_port: Some(address.port()),
            established: false,
            interface: by_route.or(link.map(|link| link.name.clone())),
        };
        let answer = Packet {
            way: Way::In,
            source: out.destination,
            destination: out.source,
            source_port: out.destination_port,
            destination_port: out.source_port,
            established: true,
            ..out.clone()
        };
        Some([out, answer])
    }

    /// What others said who tried to reach this device, with where they are.
    pub(super) fn said(&self) -> impl Iterator<Item = (&str, &reaching::View)> {
        self.views.iter().filter_map(|view| Some((view.from.as_str(), view.said.as_ref()?)))
    }

    /// Whether some tried to reach this device and none of them did, with what became of the first.
    pub(super) fn unreached(&self) -> Option<ReachOutcome> {
        let tried = || self.said().map(|(_, said)| said.outcome).filter(|outcome| *outcome != ReachOutcome::Untried);
        if tried().any(|outcome| outcome == ReachOutcome::Open) { None } else { tried().next() }
    }
}

/// Of the ports from which connections are made.
const EPHEMERAL: u16 = 50_000;

impl Attempt {
    fn answers(&self) -> Option<DeviceId> {
        match self.outcome {
            Outcome::Answers(device) => Some(device),
            _ => None,
        }
    }
}

async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(look).await.ok()
}

#[cfg(test)]
impl Facts {
    /// A device in a network where all is well, and that found nothing out.
    pub(super) fn well() -> Self {
        Self {
            links: vec![link::of("lo", "127.0.0.1/8"), link::of("eth0", "192.168.1.5/24")],
            server: ServerState {
                running: true,
                port: Some(12345),
                addresses: vec!["192.168.1.5:12345".into()],
                failure: None,
            },
            port: 12345,
            port_is_taken: false,
            firewall: Firewall::default(),
            router_is: None,
            others_are_there: None,
            held: Vec::new(),
            has_default_route: true,
            connectivity: None,
            attempt: None,
            views: Vec::new(),
            sounding: Sounding::Unknown,
            listening: Vec::new(),
            now_ms: 1_790_000_000_000,
        }
    }

    /// The same, and dialling an address ended so.
    pub(super) fn dialled(address: &str, outcome: Outcome) -> Self {
        Self { attempt: Some(attempt::of(address, outcome)), ..Self::well() }
    }

    /// The same, and a device tried to reach this one.
    pub(super) fn seen(mut self, outcome: ReachOutcome, address: &str) -> Self {
        let said = reaching::View { outcome, address: address.into(), ahead_us: None };
        self.views.push(View { from: "192.168.1.7".into(), said: Some(said) });
        self
    }
}
