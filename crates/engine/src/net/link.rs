//! The networks that this device is on, as far as one datagram gets.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use if_addrs::{IfAddr, Interface};

use crate::platform;

/// One interface that works, and its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The system's number for it; never 0.
    pub(crate) index: u32,
    /// The system's name for it.
    pub(crate) name: String,
    /// Whether it leads to this device alone.
    pub(crate) loopback: bool,
    /// Whether there is but one other on it: the far end of a tunnel.
    pub(crate) point_to_point: bool,
    /// Sorted, each once; at least one.
    pub(crate) addresses: Vec<LinkAddress>,
}

/// One address of a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkAddress {
    /// This device's own address.
    pub(crate) ip: IpAddr,
    /// How many of its first bits all on the link share.
    pub(crate) prefix: u8,
    /// Where all on the link hear it; of IPv4 alone, and not on every link.
    pub(crate) broadcast: Option<Ipv4Addr>,
}

impl Link {
    /// Whether an address is one that is reached on this link without a router, or this device's own there.
    pub(crate) fn holds(&self, ip: &IpAddr) -> bool {
        let link_local = matches!(ip, IpAddr::V6(ip) if super::interface::needs_zone(ip));
        let of_family = |address: &LinkAddress| address.ip.is_ipv4() == ip.is_ipv4();
        self.addresses.iter().any(|address| of_family(address) && (link_local || address.holds(ip)))
    }

    /// Whether it leads to containers or virtual machines of this device alone.
    pub(crate) fn is_virtual(&self) -> bool {
        super::interface::is_virtual(&self.name)
    }

    /// Whether an address is this device's own on this link.
    pub(crate) fn has(&self, ip: &IpAddr) -> bool {
        self.addresses.iter().any(|address| address.ip == *ip)
    }
}

/// Whether an address is on one of these links; where it has a zone, on that one.
pub(crate) fn on_link(links: &[Link], address: &SocketAddr) -> bool {
    let zone = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(v6.scope_id()),
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    };
    links.iter().any(|link| zone.is_none_or(|zone| zone == link.index) && link.holds(&address.ip()))
}

impl LinkAddress {
    /// Whether an address shares the first bits with this one.
    pub(crate) fn holds(&self, ip: &IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let beyond = 32_u32.saturating_sub(self.prefix.into());
                (own.to_bits() ^ ip.to_bits()).checked_shr(beyond).unwrap_or_default() == 0
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let beyond = 128_u32.saturating_sub(self.prefix.into());
                (own.to_bits() ^ ip.to_bits()).checked_shr(beyond).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

/// This device's links, loopback among them. Asking the system may take a moment.
///
/// # Errors
///
/// Where the system does not tell.
pub(crate) fn links() -> io::Result<Vec<Link>> {
    if_addrs::get_if_addrs().map(gathered)
}

fn gathered(interfaces: Vec<Interface>) -> Vec<Link> {
    let mut links = BTreeMap::new();
    for interface in interfaces {
        let runs = interface.is_loopback() || platform::is_up(&interface.oper_status);
        let (Some(index), ip) = (interface.index.filter(|index| *index != 0), interface.ip()) else { continue };
        if !runs || ip.is_unspecified() || ip.is_multicast() {
            continue;
        }
        let (prefix, broadcast) = match &interface.addr {
            IfAddr::V4(v4) => {
                let to_all = v4.prefixlen <= 30 && !interface.is_p2p() && !interface.is_loopback();
                let last = u32::MAX.checked_shr(v4.prefixlen.into()).unwrap_or_default();
                // Where nobody told them, some systems have none, 0.0.0.0, or the address itself.
                let told = v4.broadcast.filter(|told| !told.is_unspecified() && *told != v4.ip);
                let broadcast = told.unwrap_or(Ipv4Addr::from_bits(v4.ip.to_bits() | last));
                (v4.prefixlen, to_all.then_some(broadcast))
            }
            IfAddr::V6(v6) => (v6.prefixlen, None),
        };
        let link = links.entry(index).or_insert_with(|| Link {
            index,
            name: interface.name.clone(),
            loopback: interface.is_loopback(),
            point_to_point: interface.is_p2p(),
            addresses: Vec::new(),
        });
        // Further addresses of loopback need not look like it.
        link.loopback |= interface.is_loopback();
        link.addresses.push(LinkAddress { ip, prefix, broadcast });
    }
    let mut links: Vec<Link> = links.into_values().collect();
    for link in &mut links {
        link.addresses.sort();
        link.addresses.dedup();
    }
    links
}

#[cfg(test)]
mod tests {
    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    fn interface(name: &str, index: u32, ip: &str, prefixlen: u8) -> Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => IfAddr::V4(Ifv4Addr {
                ip,
                netmask: Ipv4Addr::UNSPECIFIED,
                prefixlen,
                broadcast: Some(Ipv4Addr::BROADCAST),
            }),
            IpAddr::V6(ip) => {
                IfAddr::V6(Ifv6Addr { ip, netmask: std::net::Ipv6Addr::UNSPECIFIED, prefixlen, broadcast: None })
            }
        };
        Interface {
            name: name.into(),
            addr,
            index: Some(index),
            oper_status: IfOperStatus::Up,
            is_p2p: name.starts_with("tun"),
            #[cfg(windows)]
            adapter_name: name.into(),
        }
    }

    fn holds(link: &Link, ip: &str) -> bool {
        link.holds(&ip.parse().unwrap())
    }

    #[test]
    fn addresses_are_gathered_by_interface() {
        let links = gathered(vec![
            interface("lo", 1, "127.0.0.1", 8),
            interface("eth0", 2, "192.168.1.5", 24),
            interface("tun0", 3, "10.8.0.2", 32),
            interface("eth0", 2, "fe80::1", 64),
            interface("eth0", 2, "192.168.1.5", 24),
        ]);
        let names: Vec<_> = links.iter().map(|link| (link.name.as_str(), link.addresses.len())).collect();
        assert_eq!(names, [("lo", 1), ("eth0", 2), ("tun0", 1)]);
        assert!(links.iter().all(|link| link.loopback == (link.name == "lo")));
        assert!(links.iter().all(|link| link.point_to_point == (link.name == "tun0")));
    }

    #[test]
    fn what_does_not_run_is_no_link() {
        let mut down = interface("eth0", 2, "192.168.1.5", 24);
        down.oper_status = IfOperStatus::Down;
        let links = gathered(vec![down, interface("lo", 1, "127.0.0.1", 8)]);
        assert!(matches!(links.as_slice(), [Link { loopback: true, .. }]));
    }

    #[test]
    fn what_is_beyond_the_prefix_is_not_on_the_link() {
        let [link] = gathered(vec![interface("eth0", 2, "192.168.1.5", 24), interface("eth0", 2, "2001:db8::5", 64)])
            .try_into()
            .unwrap();
        for ip in ["192.168.1.5", "192.168.1.250", "2001:db8::1:2:3:4", "fe80::7"] {
            assert!(holds(&link, ip), "{ip}");
        }
        for ip in ["192.168.2.5", "8.8.8.8", "2001:db8:0:1::5"] {
            assert!(!holds(&link, ip), "{ip}");
        }
        let [four] = gathered(vec![interface("tun0", 3, "10.8.0.2", 32)]).try_into().unwrap();
        assert!(holds(&four, "10.8.0.2") && !holds(&four, "10.8.0.1") && !holds(&four, "fe80::1"));
        let [all] = gathered(vec![interface("eth0", 2, "10.0.0.1", 0)]).try_into().unwrap();
        assert!(holds(&all, "203.0.113.1"));
    }

    #[test]
    fn this_device_has_links() {
        for link in links().unwrap() {
            assert!(link.index != 0 && !link.addresses.is_empty());
            assert!(link.addresses.iter().all(|address| link.holds(&address.ip) && link.has(&address.ip)));
        }
    }
}
