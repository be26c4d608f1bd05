//! All that a diagnosis is made from. The checks look at nothing else, so that each is a function of what was found.

use std::net::{IpAddr, SocketAddr};

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
    port::{self, Port},
    route,
    sounding::Sounding,
    view::{self, View},
    vpn::{self, Held},
};
use crate::{Node, api::ServerState, net::Address, platform};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) links: Vec<Link>,
    pub(super) server: ServerState,
    /// The port that others are to reach: the one that the server listens on, or would.
    pub(super) port: u16,
    /// Whether this device listens for itself alone, since its settings say so.
    pub(super) listens_to_itself: bool,
    /// What is known of the port while this device does not listen.
    pub(super) port_is: Port,
    pub(super) firewall: Firewall,
    /// Whether the router answers on its link.
    pub(super) router_is: Option<Neighbour>,
    /// Whether anybody else but the router and the other device answers on a link.
    pub(super) others_are_there: Option<bool>,
    /// Local networks to which a tunnel holds the way.
    pub(super) held: Vec<Held>,
    pub(super) has_default_route: bool,
    /// Whether this system tells tunnels from other interfaces.
    pub(super) tells_tunnels: bool,
    /// Whether this system says of what it forbids that nobody is there.
    pub(super) hides_refusals: bool,
    pub(super) connectivity: Option<Connectivity>,
    pub(super) attempt: Option<Attempt>,
    pub(super) views: Vec<View>,
    /// What came of asking all on the network.
    pub(super) sounding: Sounding,
    /// Where connected devices are that this one dialled: they listen, and answer whoever asks all.
    pub(super) listening: Vec<SocketAddr>,
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
        let listen = node.setup().listen.clone();
        let listens_to_itself = !listen.is_empty() && listen.iter().all(|address| address.ip().is_loopback());
        let port_is = async {
            if server.running {
                Port::Free
            } else {
                blocking(move || port::look(&listen, port)).await.unwrap_or_default()
            }
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
            let asked = router.clone().filter(|_| address_is_given);
            let known = links.clone();
            let look = move || {
                let route::Router { ip, interface } = asked?;
                let on_it = |link: &&Link| !link.loopback && link.holds(ip);
                let mut links = known.iter().filter(on_it);
                let link = links.clone().find(|link| link.name == interface).or_else(|| links.next())?;
                neighbour::look_for(ip, link, LIMITS.neighbour)
            };
            (router, blocking(look).await.flatten())
        };
        let known = links.clone();
        let (attempt, sounding, port_is, firewall, (router, router_is), held, connectivity, has_default_route) = tokio::join!(
            attempt,
            Sounding::make(node),
            port_is,
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
            let attempt = attempt.as_ref().filter(|attempt| attempt.is_unanswered())?;
            let (address, link) = (attempt.address?, attempt.link(&links)?.name.clone());
            let but: Vec<_> = router.iter().map(|router| router.ip).chain([address.ip()]).collect();
            blocking(move || neighbour::is_anybody_there(&link, &but)).await.flatten()
        };
        let (views, others_are_there) = tokio::join!(views, others);
        let listening = view::listening(node).await;
        let now_ms = node.core().read_at(|_, now| Ok(now.wall_ms())).await.unwrap_or_default();
        Self {
            links,
            server,
            port,
            listens_to_itself,
            port_is,
            firewall: firewall.unwrap_or_default(),
            router_is,
            others_are_there,
            held: held.unwrap_or_default(),
            has_default_route: has_default_route.unwrap_or_default(),
            tells_tunnels: platform::SYSTEM != platform::System::Windows,
            hides_refusals: platform::HIDES_REFUSALS,
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

    /// The same, of those who tried and tell something of the way from outside to here: not of those on this machine,
    /// whom nothing is in the way, and not of those who see a router in this device's place.
    pub(super) fn said_from_outside(&self) -> impl Iterator<Item = (&str, &reaching::View)> {
        let outside = |from: &str, said: &reaching::View| !self.is_own(from) && self.is_own(&said.address);
        let tried = self.said().filter(|(_, said)| said.outcome != ReachOutcome::Untried);
        tried.filter(move |(from, said)| outside(from, said))
    }

    /// Who reached this device from outside, where somebody did.
    pub(super) fn reached_by(&self) -> Option<&str> {
        self.said_from_outside().find(|(_, said)| said.outcome == ReachOutcome::Open).map(|(from, _)| from)
    }

    /// Whether some tried to reach this device from outside and none of them did, with what became of the first.
    pub(super) fn unreached(&self) -> Option<ReachOutcome> {
        let first = self.said_from_outside().map(|(_, said)| said.outcome).next();
        first.filter(|_| self.reached_by().is_none())
    }

    /// Whether an IP address, as text, is one of this device's own.
    pub(super) fn is_own(&self, ip: &str) -> bool {
        ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || self.links.iter().any(|link| link.ip == ip))
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

/// Not for ever: what hangs in the system is left alone, so that the rest is told in time.
pub(super) async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::time::timeout(LIMITS.step, tokio::task::spawn_blocking(look)).await.ok()?.ok()
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
            listens_to_itself: false,
            port_is: Port::Free,
            firewall: Firewall::default(),
            router_is: None,
            others_are_there: None,
            held: Vec::new(),
            has_default_route: true,
            tells_tunnels: true,
            hides_refusals: false,
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
