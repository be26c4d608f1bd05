//! Whether what is said to all on a network goes out and comes in.

use super::{
    Named,
    facts::Facts,
    local_firewall::{
        self,
        ruleset::{Fate, Packet, Protocol, Way},
    },
};
use crate::{
    api::{Check, CheckName},
    settings::DEFAULT_PORT,
};

const THIS: Named = Named(CheckName::Multicast);

/// Of Lanline's own announcements, and of multicast DNS (RFC 6762).
pub(super) const PORTS: [u16; 2] = [DEFAULT_PORT, 5353];

pub(super) fn check(facts: &Facts) -> Check {
    let Some(link) = facts.main_link() else {
        return THIS.skipped("This device is connected to no network.");
    };
    let packets = PORTS.into_iter().flat_map(|port| {
        [Way::In, Way::Out].map(|way| {
            let (own, other) = (link.ip, link.neighbour());
            let (source, destination) =
                if way == Way::In { (other, group(own.is_ipv4(), port)) } else { (own, group(own.is_ipv4(), port)) };
            Packet {
                way,
                protocol: Protocol::Udp,
                is_v4: own.is_ipv4(),
                source: Some(source),
                destination: Some(destination),
                source_port: Some(port),
                destination_port: Some(port),
                established: false,
                interface: Some(link.name.clone()),
            }
        })
    });
    let dropped: Vec<Packet> = packets.filter(|packet| facts.firewall.fate(packet).0 == Fate::Dropped).collect();
    let Some(first) = dropped.first() else {
        return match facts.firewall.is_known() {
            true => THIS.ok("No rule of this device drops what devices say to all on the network to find each other."),
            false => THIS.skipped("It is not known whether this device hears what is said to all on the network."),
        };
    };
    let mut ports: Vec<u16> = dropped.iter().filter_map(|packet| packet.destination_port).collect();
    ports.sort_unstable();
    ports.dedup();
    let shown: Vec<String> = ports.iter().map(u16::to_string).collect();
    let way = if first.way == Way::In { "hear others" } else { "be heard" };
    let commands: Vec<String> = ports
        .iter()
        .filter_map(|port| dropped.iter().find(|packet| packet.destination_port == Some(*port)))
        .map(|packet| format!("`{}`", local_firewall::command(facts, packet)))
        .collect();
    THIS.fail(
        format!("The firewall of this device drops UDP at port {}, so that it does not {way}.", shown.join(" and ")),
        format!(
            "Allow it: {}. Devices that are known by their address are reached all the same.",
            commands.join(" and ")
        ),
    )
}

/// Where it is said to: the group of multicast DNS, and one of those that stay on the link.
fn group(is_v4: bool, port: u16) -> std::net::IpAddr {
    match (is_v4, port) {
        (true, 5353) => std::net::Ipv4Addr::new(224, 0, 0, 251).into(),
        (true, _) => std::net::Ipv4Addr::new(224, 0, 0, 198).into(),
        (false, 5353) => std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb).into(),
        (false, _) => std::net::Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x8000, 0x3039).into(),
    }
}
