//! This device's interfaces and addresses, those that do not work included.

use std::net::{IpAddr, SocketAddr};

use if_addrs::{IfAddr, Interface};

use super::local_firewall::ruleset;
use crate::{net::is_virtual, platform};

/// One address on one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The interface.
    pub(super) name: String,
    /// The system's number for it, which is the zone of its link-local addresses; 0: not known.
    pub(super) index: u32,
    pub(super) ip: IpAddr,
    pub(super) prefix: u8,
    /// Whether the interface works.
    pub(super) up: bool,
    pub(super) loopback: bool,
    /// Whether it is the near end of a tunnel.
    pub(super) tunnel: bool,
    /// Whether it leads to containers or virtual machines of this machine alone.
    pub(super) inside: bool,
}

impl Link {
    /// Whether others on a local network may reach it.
    pub(super) fn is_usable(&self) -> bool {
        self.up && !self.loopback && !self.tunnel && !self.inside
    }

    /// Whether it is an IPv6 address that says nothing of a network (RFC 4291), as every interface has.
    pub(super) fn is_link_local(&self) -> bool {
        matches!(self.ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
    }

    /// Whether the device gave itself the address, since nobody gave it one (RFC 3927).
    pub(super) fn is_makeshift(&self) -> bool {
        matches!(self.ip, IpAddr::V4(ip) if ip.is_link_local())
    }

    /// Whether an address is reached on this link without a router.
    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        ruleset::holds((self.ip, self.prefix), ip)
    }

    /// The same of an address with its zone, which says for link-local ones on which interface they are.
    pub(super) fn leads_to(&self, address: SocketAddr) -> bool {
        let zone = match address {
            SocketAddr::V6(address) if address.scope_id() != 0 => Some(address.scope_id()),
            _ => None,
        };
        self.holds(address.ip()) && zone.is_none_or(|zone| zone == self.index)
    }

    /// The network, such as `192.168.1.0/24`.
    pub(super) fn network(&self) -> String {
        let network = match self.ip {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.prefix.into())).unwrap_or_default();
                IpAddr::from(std::net::Ipv4Addr::from_bits(ip.to_bits() & mask))
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(self.prefix.into())).unwrap_or_default();
                IpAddr::from(std::net::Ipv6Addr::from_bits(ip.to_bits() & mask))
            }
        };
        format!("{network}/{}", self.prefix)
    }

    /// Another address of the network: where a neighbour may be.
    pub(super) fn neighbour(&self) -> IpAddr {
        match self.ip {
            IpAddr::V4(ip) => std::net::Ipv4Addr::from_bits(ip.to_bits() ^ 1).into(),
            IpAddr::V6(ip) => std::net::Ipv6Addr::from_bits(ip.to_bits() ^ 1).into(),
        }
    }
}

/// All of them. Asking the system may take a moment.
pub(super) fn links() -> Vec<Link> {
    if_addrs::get_if_addrs().unwrap_or_default().iter().filter_map(link).collect()
}

fn link(interface: &Interface) -> Option<Link> {
    let prefix = match &interface.addr {
        IfAddr::V4(v4) => v4.prefixlen,
        IfAddr::V6(v6) => v6.prefixlen,
    };
    let ip = interface.ip();
    (!ip.is_unspecified() && !ip.is_multicast()).then(|| Link {
        name: interface.name.clone(),
        index: interface.index.unwrap_or_default(),
        ip,
        prefix,
        up: interface.is_loopback() || platform::is_up(&interface.oper_status) || interface.is_p2p(),
        loopback: interface.is_loopback(),
        tunnel: !interface.is_loopback() && (interface.is_p2p() || platform::is_tunnel(&interface.name)),
        inside: is_virtual(&interface.name),
    })
}

#[cfg(test)]
pub(super) fn of(name: &str, address: &str) -> Link {
    let (ip, prefix) = address.split_once('/').unwrap();
    let (ip, prefix): (IpAddr, u8) = (ip.parse().unwrap(), prefix.parse().unwrap());
    let (loopback, tunnel, inside) = (ip.is_loopback(), name.starts_with("tun"), is_virtual(name));
    Link { name: name.into(), index: 0, ip, prefix, up: true, loopback, tunnel, inside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_knows_its_network() {
        for (address, network, inside, outside) in [
            ("192.168.1.5/24", "192.168.1.0/24", "192.168.1.200", "192.168.2.1"),
            ("10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.2"),
            ("10.1.2.3/0", "0.0.0.0/0", "8.8.8.8", "::1"),
            ("2001:db8::5/64", "2001:db8::/64", "2001:db8::9", "2001:db8:1::9"),
        ] {
            let link = of("eth0", address);
            assert_eq!(link.network(), network);
            assert!(link.holds(inside.parse().unwrap()) && !link.holds(outside.parse().unwrap()), "{address}");
        }
        for (name, inside) in
            [("docker0", true), ("virbr0", true), ("br-0123456789ab", true), ("br-lan", false), ("br0", false)]
        {
            assert_eq!(of(name, "172.17.0.1/16").is_usable(), !inside, "{name}");
        }
        assert_eq!(of("eth0", "192.168.1.5/24").neighbour().to_string(), "192.168.1.4");
    }
}
