//! A local network: a switch, and what is set at its ports.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{Namespace, SlowCable, namespace::run};

/// The number of a network's router among its hosts.
pub(super) const ROUTER: u8 = 1;

/// The number of the first host at a network's far end.
const FAR: u8 = 100;

/// The name of the bridge in a switch's namespace.
const BRIDGE: &str = "bridge";

/// Which addresses the hosts of a network have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Families {
    /// IPv4, and link-local IPv6, which every system gives itself.
    Both,
    /// IPv6 of the network's own, and link-local.
    SixOnly,
}

/// One switch and its network, `10.81.N.0/24` or `fd81:N::/64`.
#[derive(Debug)]
pub(crate) struct Lan {
    switch: Namespace,
    number: u8,
    families: Families,
    has_router: AtomicBool,
    /// The first number for its hosts.
    first: u8,
    ports: Mutex<Vec<String>>,
    /// What it hangs on, where it is the far end of another.
    _cable: Option<SlowCable>,
}

/// How a host is plugged in: the address it gets, and the way out.
pub(super) struct Lease {
    /// What `ip` adds to the interface.
    pub(super) addresses: Vec<String>,
    /// Of the network's router, where it has one.
    pub(super) gateway: Option<String>,
}

impl Lan {
    pub(super) fn new(number: u8) -> Self {
        let switch = Namespace::new(&format!("switch{number}"));
        switch.ip(&[format!("link add {BRIDGE} type bridge"), format!("link set {BRIDGE} up")]);
        let (families, has_router) = (Families::Both, AtomicBool::new(false));
        Self { switch, number, families, has_router, first: ROUTER + 1, ports: Mutex::default(), _cable: None }
    }

    /// A second switch of the same network, at the other end of a cable that everything takes this long on.
    pub(crate) fn far_end(&self, delay: Duration) -> Self {
        let mut far = Self::new(self.number);
        far.families = self.families;
        far.has_router = self.has_router.load(Ordering::Relaxed).into();
        far.first = FAR;
        far._cable = Some(SlowCable::lay(self, &far, delay));
        far
    }

    /// As a network without IPv4: for the hosts that come from now on.
    pub(crate) fn six_only(self) -> Self {
        Self { families: Families::SixOnly, ..self }
    }

    /// Lays a cable from a port of its own, named after the host, to an interface of the host.
    pub(super) fn lay(&self, host: &str, namespace: &Namespace, interface: &str) {
        let (port, switch) = (port(host), self.switch.name());
        let words = ["link", "add", &port, "netns", switch, "type", "veth", "peer", "name", interface, "netns"];
        run("ip", &[&words[..], &[namespace.name()]].concat());
        self.switch.ip(&[format!("link set {port} master {BRIDGE} up")]);
        self.ports.lock().unwrap().push(port);
    }

    /// What the host with this number gets.
    pub(super) fn lease(&self, number: u8) -> Lease {
        let gateway =
            |address: String| (self.has_router.load(Ordering::Relaxed) && number != ROUTER).then_some(address);
        match self.families {
            Families::Both => Lease {
                addresses: vec![format!("{}/24 brd +", self.address(number))],
                gateway: gateway(self.address(ROUTER).to_string()),
            },
            Families::SixOnly => Lease {
                addresses: vec![format!("{}/64", self.six(number))],
                gateway: gateway(self.six(ROUTER).to_string()),
            },
        }
    }

    /// A number that no host of it has yet.
    pub(super) fn next_number(&self) -> u8 {
        u8::try_from(self.ports.lock().unwrap().len()).unwrap() + self.first
    }

    pub(super) fn routed(&self) {
        self.has_router.store(true, Ordering::Relaxed);
    }

    /// IPv4 of a number.
    pub(crate) fn address(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 81, self.number, number)
    }

    /// Where all hear what is sent.
    pub(crate) fn broadcast(&self) -> Ipv4Addr {
        self.address(u8::MAX)
    }

    /// IPv6 of a number.
    pub(crate) fn six(&self, number: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfd81, self.number.into(), 0, 0, 0, 0, 0, number.into())
    }

    /// Has its ports keep apart, but for the router's, as access points do with their guests.
    pub(crate) fn isolate(&self) {
        for guest in self.ports.lock().unwrap().iter().filter(|port| **port != self::port(super::router::NAME)) {
            self.switch.ip(&[format!("link set {guest} type bridge_slave isolated on")]);
        }
    }

    /// Pulls a host's cable out of the switch: its interface has no carrier then.
    pub(crate) fn pull(&self, host: &str) {
        self.switch.ip(&[format!("link set {} down", port(host))]);
    }

    /// Plugs it in again.
    pub(crate) fn plug(&self, host: &str) {
        self.switch.ip(&[format!("link set {} up", port(host))]);
    }

    /// Loses so many of a hundred frames that it passes on.
    pub(crate) fn lose(&self, percent: u8) {
        self.pass_on(&format!("numgen random mod 100 < {percent} drop"));
    }

    /// A rule for what it passes on.
    pub(crate) fn pass_on(&self, rule: &str) {
        self.switch.nft(&format!(
            "table bridge lab {{ chain forward {{ type filter hook forward priority 0; {rule}; }}; }}\n"
        ));
    }

    /// Lets no more than so much through to a host, as `tc` writes rates.
    pub(crate) fn throttle(&self, host: &str, rate: &str) {
        let (port, words) = (port(host), ["root", "tbf", "rate", rate, "burst", "16kb", "latency", "200ms"]);
        run("tc", &[&["-n", self.switch.name(), "qdisc", "add", "dev", &port], &words[..]].concat());
    }

    /// Has an interface that is in another namespace by now become a port.
    pub(super) fn take(&self, interface: &str, from: &Namespace) {
        from.ip(&[format!("link set {interface} netns {}", self.switch.name())]);
        self.switch.ip(&[format!("link set {interface} master {BRIDGE} up")]);
    }
}

/// The port that a host is at.
fn port(host: &str) -> String {
    format!("to-{host}")
}
