//! Asking one address after the other, where what is said to all does not get through.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::Via;
use super::datagram::{self, Own};
use super::ear::Ear;
use super::message::Message;
use super::traffic::Counts;
use crate::net::{Link, LinkAddress};

/// Networks that are asked through: the 256 addresses around each own one.
const NETWORKS: usize = 4;
/// Addresses that are asked at once.
const BATCH: usize = 64;
/// Between one batch and the next: all of them are asked within 5 s.
const PACE: Duration = Duration::from_millis(220);
/// For answers after the last question. Devices take up to 100 ms on purpose.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What is to be asked from one own address.
#[derive(Debug)]
struct Network {
    link: Arc<Link>,
    own: LinkAddress,
    addresses: Vec<Ipv4Addr>,
}

/// One time through the local networks.
#[derive(Debug)]
pub(super) struct Probe {
    asked: usize,
    done: CancellationToken,
    /// Ended when dropped.
    _end: DropGuard,
}

impl Probe {
    /// Begins, within a runtime.
    pub(super) fn start(links: &[Link], ear: &Arc<Ear>, counts: impl Fn(&Link) -> Arc<Counts>) -> Self {
        let networks = networks(links);
        let (done, end) = (CancellationToken::new(), CancellationToken::new());
        let sockets: Vec<_> = networks
            .into_iter()
            .filter_map(|network| {
                let counts = counts(&network.link);
                let own = Own::open(&network.link, network.own, ear, &counts, Via::Probe);
                let own = own.inspect_err(|error| tracing::debug!(%error, "a network is not asked through")).ok()?;
                Some((own, counts, network.addresses))
            })
            .collect();
        // Where nothing can be sent nobody is asked.
        let asked = sockets.iter().map(|(_, _, addresses)| addresses.len()).sum();
        let (finished, ended, port) = (done.clone().drop_guard(), end.clone(), ear.port());
        tokio::spawn(async move {
            ended.run_until_cancelled(ask(&sockets, port)).await;
            drop((sockets, finished));
        });
        Self { asked, done, _end: end.drop_guard() }
    }

    /// How many addresses are asked.
    pub(super) fn asked(&self) -> usize {
        self.asked
    }

    /// Whether all answers are in.
    pub(super) fn is_done(&self) -> bool {
        self.done.is_cancelled()
    }
}

async fn ask(sockets: &[(Own, Arc<Counts>, Vec<Ipv4Addr>)], port: u16) {
    let datagram = Message::Ask.to_datagram();
    let mut pace = tokio::time::interval(PACE);
    let mut number = 0_usize;
    for (own, counts, addresses) in sockets {
        for to in addresses {
            if number.is_multiple_of(BATCH) {
                pace.tick().await;
            }
            number += 1;
            counts.sent(datagram::send(&own.socket, &datagram, SocketAddr::from((*to, port))));
        }
    }
    tokio::time::sleep(PATIENCE).await;
}

/// Of each network once, nobody's address twice, and none that is beyond a router or at the far end of a tunnel.
fn networks(links: &[Link]) -> Vec<Network> {
    let own: BTreeSet<IpAddr> = links.iter().flat_map(|link| &link.addresses).map(|address| address.ip).collect();
    let mut asked = BTreeSet::new();
    let mut networks = Vec::new();
    let addresses = links.iter().filter(|link| !link.loopback && !link.point_to_point).flat_map(|link| {
        let link = Arc::new(link.clone());
        link.addresses.clone().into_iter().map(move |address| (Arc::clone(&link), address))
    });
    for (link, address) in addresses {
        let IpAddr::V4(ip) = address.ip else { continue };
        let around: Vec<Ipv4Addr> = (0..=u8::MAX)
            .map(|last| Ipv4Addr::from_bits((ip.to_bits() & 0xffff_ff00) | u32::from(last)))
            .filter(|to| address.holds(&IpAddr::V4(*to)) && !is_all_or_none(*to, &address))
            .filter(|to| !own.contains(&IpAddr::V4(*to)) && asked.insert(*to))
            .collect();
        if !around.is_empty() {
            networks.push(Network { link, own: address, addresses: around });
        }
        if networks.len() == NETWORKS {
            break;
        }
    }
    networks
}

/// Whether an address is the first or the last of its network, which are nobody's.
fn is_all_or_none(ip: Ipv4Addr, within: &LinkAddress) -> bool {
    let hosts = u32::MAX.checked_shr(within.prefix.into()).unwrap_or_default();
    within.prefix <= 30 && (ip.to_bits() & hosts == 0 || ip.to_bits() & hosts == hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, addresses: &[(&str, u8)]) -> Link {
        let addresses = addresses.iter().map(|(ip, prefix)| LinkAddress {
            ip: ip.parse().unwrap(),
            prefix: *prefix,
            broadcast: None,
        });
        Link {
            index,
            name: format!("eth{index}"),
            loopback: index == 1,
            point_to_point: false,
            addresses: addresses.collect(),
        }
    }

    fn counts(links: &[Link]) -> Vec<usize> {
        networks(links).iter().map(|network| network.addresses.len()).collect()
    }

    #[test]
    fn everybody_else_of_a_network_is_asked_and_nobody_beyond_it() {
        let [network] = networks(&[link(2, &[("192.168.1.5", 24), ("fe80::1", 64)])]).try_into().unwrap();
        assert_eq!(network.addresses.len(), 253);
        for (ip, asked) in [([192, 168, 1, 1], true), ([192, 168, 1, 5], false), ([192, 168, 1, 255], false)] {
            assert_eq!(network.addresses.contains(&ip.into()), asked, "{ip:?}");
        }
        assert_eq!(counts(&[link(2, &[("192.168.1.5", 28)])]), [13], "a smaller one");
        assert_eq!(counts(&[link(2, &[("10.1.2.3", 8)])]), [255], "of a larger one what is around");
        assert_eq!(counts(&[link(2, &[("10.0.0.1", 32), ("10.0.0.4", 31)])]), [1], "the other end of a cable");
        assert_eq!(counts(&[link(1, &[("127.0.0.1", 8)])]), [0; 0], "never this device");
        let vpn = Link { point_to_point: true, ..link(2, &[("10.8.0.2", 24)]) };
        assert_eq!(counts(&[vpn]), [0; 0], "never those beyond a tunnel");
    }

    #[tokio::test]
    async fn where_nothing_can_be_sent_nobody_is_asked() {
        let (heard, _) = tokio::sync::mpsc::channel(1);
        let ear = Arc::new(Ear::new(heard, 12345));
        // It is nobody's address here.
        let probe = Probe::start(&[link(2, &[("192.0.2.77", 24)])], &ear, |_| Arc::default());
        assert_eq!(probe.asked(), 0);
    }

    #[test]
    fn two_addresses_in_one_network_ask_once_and_no_more_than_four_networks_are_asked() {
        assert_eq!(counts(&[link(2, &[("192.168.1.5", 24), ("192.168.1.6", 24)])]), [252]);
        assert_eq!(counts(&[link(2, &[("192.168.1.5", 24)]), link(3, &[("192.168.1.6", 24)])]), [252]);
        let many: Vec<Link> = (2..9).map(|index| link(index, &[(format!("10.0.{index}.1").as_str(), 24)])).collect();
        assert_eq!(counts(&many), [253; 4]);
    }
}
