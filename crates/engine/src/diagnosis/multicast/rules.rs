//! Whether a rule of this device drops what devices say to all on a network to find each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    super::{
        facts::Facts,
        link::Link,
        local_firewall::{
            self,
            ruleset::{Fate, Packet, Protocol, Way},
        },
    },
    THIS,
};
use crate::{
    api::Check,
    discovery::{GROUP_V4, GROUP_V6},
    settings::DEFAULT_PORT,
};

/// Of Lanline's own announcements, and of multicast DNS (RFC 6762).
const PORTS: [u16; 2] = [DEFAULT_PORT, 5353];

/// The check where one does.
pub(super) fn check(facts: &Facts, link: &Link) -> Option<Check> {
    let packets = PORTS.into_iter().flat_map(|port| [Way::In, Way::Out].map(|way| packet(link, way, port)));
    let dropped: Vec<Packet> = packets.filter(|packet| facts.firewall.fate(packet).0 == Fate::Dropped).collect();
    let first = dropped.first()?;
    let mut ports: Vec<u16> = dropped.iter().filter_map(|packet| packet.destination_port).collect();
    ports.sort_unstable();
    ports.dedup();
    let shown: Vec<String> = ports.iter().map(u16::to_string).collect();
    let way = if first.way == Way::In { "hear others" } else { "be heard" };
    let commands = dropped.iter().map(|packet| local_firewall::command(facts, packet)).collect();
    Some(THIS.fail(
        format!("The firewall of this device drops UDP at port {}, so that it does not {way}.", shown.join(" and ")),
        format!(
            "{} Devices that are known by their address are reached all the same.",
            local_firewall::allow(commands)
        ),
    ))
}

/// As one device says it to all on a link.
fn packet(link: &Link, way: Way, port: u16) -> Packet {
    let (own, other, group) = (link.ip, link.neighbour(), group(link.ip.is_ipv4(), port));
    Packet {
        way,
        protocol: Protocol::Udp,
        is_v4: own.is_ipv4(),
        source: Some(if way == Way::In { other } else { own }),
        destination: Some(group),
        source_port: Some(port),
        destination_port: Some(port),
        established: false,
        interface: Some(link.name.clone()),
    }
}

/// Where it is said to: the group of multicast DNS, and Lanline's own, which stay on the link.
fn group(is_v4: bool, port: u16) -> IpAddr {
    match (is_v4, port) {
        (true, 5353) => Ipv4Addr::new(224, 0, 0, 251).into(),
        (true, _) => GROUP_V4.into(),
        (false, 5353) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb).into(),
        (false, _) => GROUP_V6.into(),
    }
}
