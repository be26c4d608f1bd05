//! What connected devices say of reaching this one.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use lanline_protocol::{identity::DeviceId, reaching};
use tokio::sync::oneshot;

use super::LIMITS;
use crate::{Node, net::Address};

/// How many devices are asked.
const ASKED: usize = 4;

/// What one device says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Where that device is: an address, without its port.
    pub(super) from: String,
    /// What it says; `None`: nothing, as one of an older version does.
    pub(super) said: Option<reaching::View>,
}

/// Asks devices that are connected whether they reach this one at a port, `first` before all others.
pub(super) async fn ask(node: &Node, port: u16, first: Option<DeviceId>) -> Vec<View> {
    let peers = node.core().read(|machine| Ok(machine.replica.peers())).await.unwrap_or_default();
    let mut peers: Vec<_> = peers.into_iter().map(|peer| (peer.device, peer.address)).collect();
    peers.sort_by_key(|(device, _)| Some(*device) != first);
    let asking = peers.into_iter().take(ASKED).map(|(device, address)| async move {
        let from = ip(&address).map(|ip| ip.to_string()).unwrap_or_default();
        View { from, said: ask_one(node, device, port).await.map(canonical) }
    });
    join_all(asking).await
}

/// Where connected devices are that this one dialled.
pub(super) async fn listening(node: &Node) -> Vec<SocketAddr> {
    let peers = node.core().read(|machine| Ok(machine.replica.peers())).await.unwrap_or_default();
    let dialled = peers.into_iter().filter(|peer| peer.dialled);
    dialled.filter_map(|peer| socket(&peer.address)).collect()
}

/// The IP address in that of a peer.
fn ip(address: &str) -> Option<IpAddr> {
    socket(address).map(|address| address.ip())
}

/// An address of a peer; one of IPv4 as that, whatever socket it came by.
fn socket(address: &str) -> Option<SocketAddr> {
    let Ok(Address::Socket(mut address)) = Address::parse(address, 1) else { return None };
    if let canonical @ IpAddr::V4(_) = address.ip().to_canonical() {
        address = (canonical, address.port()).into();
    }
    Some(address)
}

/// Where it sees this device is what it says, and any text: only an IP address is passed on, as this device writes it.
fn canonical(said: reaching::View) -> reaching::View {
    let ip = said.address.parse::<IpAddr>();
    reaching::View { address: ip.map(|ip| ip.to_canonical().to_string()).unwrap_or_default(), ..said }
}

async fn ask_one(node: &Node, device: DeviceId, port: u16) -> Option<reaching::View> {
    let (answer, answered) = oneshot::channel();
    let asked = node.core().write(move |machine, _| {
        // Of two diagnoses at once the second waits for what the first asked: it would be answered with "untried".
        match machine.connections.await_view(device, port, answer) {
            true => machine.replica.ask_to_reach(device, port),
            false => Ok(()),
        }
    });
    asked.await.ok()?;
    tokio::time::timeout(LIMITS.reach, answered).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use lanline_protocol::frame::ReachOutcome;

    use super::*;

    #[test]
    fn nobody_puts_words_into_a_finding() {
        for (said, passed_on) in [
            ("call Bob", ""),
            ("192.168.1.5, which is hacked", ""),
            ("192.168.1.5", "192.168.1.5"),
            ("::ffff:192.168.1.5", "192.168.1.5"),
            ("2001:DB8:0::5", "2001:db8::5"),
            ("", ""),
        ] {
            let view = reaching::View { outcome: ReachOutcome::Open, address: said.into(), ahead_us: None };
            assert_eq!(canonical(view).address, passed_on, "{said}");
        }
    }

    #[test]
    fn a_connected_device_is_at_an_address_without_its_port() {
        assert_eq!(ip("192.168.1.7:5000"), Some("192.168.1.7".parse().unwrap()));
        assert_eq!(ip("[::ffff:192.168.1.7]:5000"), Some("192.168.1.7".parse().unwrap()));
        assert_eq!(ip("somewhere:5000"), None);
        // With its zone, where it is known by that.
        assert_eq!(socket("[fe80::7%3]:5000"), Some("[fe80::7%3]:5000".parse().unwrap()));
    }
}
