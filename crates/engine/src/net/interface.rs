//! This device's network interfaces: the addresses others may reach it by, and the zones of
//! link-local addresses.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use if_addrs::{IfAddr, Interface};

use crate::platform;

/// The addresses at which others may reach a server on this port: those of the local network first,
/// link-local IPv6 with its zone last, loopback only when there is nothing else. The zone of a
/// link-local address is this device's own and means nothing on another.
pub fn local_addresses(port: u16) -> Vec<SocketAddr> {
    ranked(if_addrs::get_if_addrs().unwrap_or_default(), port)
}

/// The index of an interface, given its name or the number itself (RFC 4007, section 11.2).
pub(super) fn zone_index(zone: &str) -> Option<u32> {
    let by_name = || {
        let interfaces = if_addrs::get_if_addrs().ok()?;
        interfaces.into_iter().find(|interface| interface.name == zone)?.index
    };
    zone.parse().ok().filter(|index| *index != 0).or_else(by_name)
}

/// How a zone is written: by its interface's name where that is one plain word, else by its number.
pub(super) fn zone_name(index: u32) -> String {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let name = interfaces.into_iter().find(|interface| interface.index == Some(index)).map(|interface| interface.name);
    name.filter(|name| is_plain(name)).unwrap_or_else(|| index.to_string())
}

/// Whether a name can stand in an address.
pub(super) fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// Whether an interface of this name leads to containers or virtual machines of this device. The bridges of Docker's
/// further networks have twelve digits of theirs; others have a name that begins so, too. Windows gives the names that
/// people see there.
pub(crate) fn is_virtual(name: &str) -> bool {
    const VIRTUAL: [&str; 11] = [
        "docker",
        "veth",
        "virbr",
        "vmnet",
        "vboxnet",
        "lxc",
        "podman",
        "cni",
        "vEthernet",
        "VMware Network Adapter",
        "VirtualBox Host-Only",
    ];
    let of_docker = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    VIRTUAL.iter().any(|prefix| name.starts_with(prefix)) || name.strip_prefix("br-").is_some_and(of_docker)
}

fn ranked(interfaces: Vec<Interface>, port: u16) -> Vec<SocketAddr> {
    let mut ranked: Vec<(Rank, SocketAddr)> = interfaces
        .iter()
        .filter(|interface| interface.is_loopback() || platform::is_up(&interface.oper_status))
        .filter(|interface| !interface.ip().is_unspecified() && !interface.ip().is_multicast())
        .map(|interface| (rank(interface), socket_address(interface, port)))
        .collect();
    if ranked.iter().any(|(rank, _)| *rank != Rank::Loopback) {
        ranked.retain(|(rank, _)| *rank != Rank::Loopback);
    }
    ranked.sort();
    ranked.dedup_by_key(|(_, address)| *address);
    ranked.into_iter().map(|(_, address)| address).collect()
}

/// Best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// IPv4 of a private network (RFC 1918).
    Private,
    /// Any other IPv4.
    Other,
    /// IPv6 beyond the link.
    Six,
    /// The far end of a tunnel, or a bridge to containers and virtual machines: real, but seldom
    /// what the device next door can reach.
    Virtual,
    /// Self-assigned (RFC 3927, RFC 4291).
    LinkLocal,
    Loopback,
}

fn rank(interface: &Interface) -> Rank {
    if interface.is_loopback() {
        return Rank::Loopback;
    }
    if interface.is_link_local() {
        return Rank::LinkLocal;
    }
    if interface.is_p2p() || is_virtual(&interface.name) {
        return Rank::Virtual;
    }
    match &interface.addr {
        IfAddr::V4(v4) if v4.ip.is_private() => Rank::Private,
        IfAddr::V4(_) => Rank::Other,
        IfAddr::V6(_) => Rank::Six,
    }
}

fn socket_address(interface: &Interface, port: u16) -> SocketAddr {
    match interface.ip() {
        IpAddr::V6(ip) if needs_zone(&ip) => SocketAddrV6::new(ip, port, 0, interface.index.unwrap_or_default()).into(),
        ip => (ip, port).into(),
    }
}

/// Whether an address means something only together with an interface.
pub(super) fn needs_zone(ip: &Ipv6Addr) -> bool {
    ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    fn interface(name: &str, index: u32, ip: &str) -> Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => {
                IfAddr::V4(Ifv4Addr { ip, netmask: Ipv4Addr::new(255, 255, 255, 0), prefixlen: 24, broadcast: None })
            }
            IpAddr::V6(ip) => {
                IfAddr::V6(Ifv6Addr { ip, netmask: Ipv6Addr::UNSPECIFIED, prefixlen: 64, broadcast: None })
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

    fn shown(interfaces: Vec<Interface>) -> Vec<String> {
        ranked(interfaces, 12345).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_local_network_comes_first_and_loopback_not_at_all() {
        let interfaces = vec![
            interface("lo", 1, "127.0.0.1"),
            interface("eth0", 2, "fe80::1"),
            interface("docker0", 4, "172.17.0.1"),
            interface("tun0", 5, "10.8.0.2"),
            interface("eth0", 2, "2001:db8::7"),
            interface("eth1", 3, "203.0.113.9"),
            interface("eth0", 2, "192.168.1.5"),
            interface("eth0", 2, "192.168.1.5"),
        ];
        let expected = [
            "192.168.1.5:12345",
            "203.0.113.9:12345",
            "[2001:db8::7]:12345",
            "10.8.0.2:12345",
            "172.17.0.1:12345",
            "[fe80::1%2]:12345",
        ];
        assert_eq!(shown(interfaces), expected);
    }

    #[test]
    fn loopback_is_better_than_nothing() {
        let mut down = interface("eth0", 2, "192.168.1.5");
        down.oper_status = IfOperStatus::Down;
        assert_eq!(shown(vec![down, interface("lo", 1, "127.0.0.1")]), ["127.0.0.1:12345"]);
    }

    /// A cable that is out, as Unix systems tell it.
    #[cfg(unix)]
    #[test]
    fn an_interface_that_is_not_known_to_run_is_none() {
        let mut out = interface("eth0", 2, "192.168.1.5");
        out.oper_status = IfOperStatus::Unknown;
        let mut lo = interface("lo", 1, "127.0.0.1");
        lo.oper_status = IfOperStatus::Unknown;
        assert_eq!(shown(vec![out, lo]), ["127.0.0.1:12345"]);
    }

    #[test]
    fn every_interface_here_has_a_zone_that_leads_back_to_it() {
        for index in if_addrs::get_if_addrs().unwrap().into_iter().filter_map(|interface| interface.index) {
            assert_eq!(zone_index(&zone_name(index)), Some(index));
        }
        assert_eq!(zone_index("no such interface"), None);
        assert_eq!(zone_index("0"), None);
    }
}
