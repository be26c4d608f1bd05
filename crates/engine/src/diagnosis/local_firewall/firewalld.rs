//! What `firewall-cmd --list-all-zones` says of the zones, of which one holds for each interface: `firewall-cmd(1)`.

use std::ops::RangeInclusive;

use super::ruleset::{Fate, Protocol, port};

/// The ports of the services below, which they let in though no list of ports says so.
const OF_SERVICES: [u16; 17] = [22, 53, 67, 68, 80, 111, 137, 138, 139, 443, 445, 546, 547, 631, 2049, 5353, 9090];

/// Services that firewalld brings along on these systems.
const SERVICES: [&str; 14] = [
    "cockpit",
    "dhcp",
    "dhcpv6",
    "dhcpv6-client",
    "dns",
    "http",
    "https",
    "ipp",
    "ipp-client",
    "mdns",
    "nfs",
    "samba",
    "samba-client",
    "ssh",
];

/// All zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zones {
    zones: Vec<Zone>,
    /// The one for interfaces that are in none.
    default: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Zone {
    name: String,
    interfaces: Vec<String>,
    /// Whether it is also, or only, for packets from certain addresses.
    sources: bool,
    /// Whether it takes what is not named.
    accepts: bool,
    ports: Vec<(Protocol, RangeInclusive<u16>)>,
    services: Vec<String>,
    /// Whether it has rules that are not looked into.
    further: bool,
}

impl Zones {
    /// What becomes of packets to a port that come in by an interface.
    pub(crate) fn fate(&self, interface: &str, protocol: Protocol, port: u16) -> Fate {
        let Some(zone) = self.zone_of(interface) else { return Fate::MayBeDropped };
        // Who sends it may be in a zone for its address.
        let by_source = self.zones.iter().any(|zone| zone.sources);
        let named = zone.ports.iter().any(|(of, range)| *of == protocol && range.contains(&port));
        let mdns = port == 5353 && protocol == Protocol::Udp && zone.services.iter().any(|service| service == "mdns");
        let known = zone.services.iter().all(|service| SERVICES.contains(&service.as_str()))
            && (zone.services.is_empty() || port == 5353 || !OF_SERVICES.contains(&port));
        match zone.accepts || named || mdns {
            true if !zone.further && !by_source => Fate::Passes,
            false if !zone.further && !by_source && known => Fate::Dropped,
            _ => Fate::MayBeDropped,
        }
    }

    /// The name of the zone that an interface is in.
    pub(crate) fn of(&self, interface: &str) -> Option<&str> {
        self.zone_of(interface).map(|zone| zone.name.as_str())
    }

    fn zone_of(&self, interface: &str) -> Option<&Zone> {
        let of_it = |zone: &&Zone| zone.interfaces.iter().any(|name| name == interface);
        let mut default = self.zones.iter().filter(|zone| zone.name == self.default);
        self.zones.iter().find(of_it).or_else(|| default.next())
    }
}

/// The zones in it; `None` where it is no such answer.
pub(crate) fn parse(text: &str, default: &str) -> Option<Zones> {
    let mut zones: Vec<Zone> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with([' ', '\t']) {
            // Such as `public (default, active)`.
            let name = line.split_whitespace().next()?.to_owned();
            zones.push(Zone { name, ..Zone::default() });
            continue;
        }
        let zone = zones.last_mut()?;
        match line.trim().split_once(':').map(|(key, value)| (key, value.trim())) {
            Some(("target", target)) => zone.accepts = target == "ACCEPT",
            Some(("interfaces", names)) => zone.interfaces = names.split_whitespace().map(str::to_owned).collect(),
            Some(("sources", sources)) => zone.sources = !sources.is_empty(),
            Some(("services", names)) => zone.services = names.split_whitespace().map(str::to_owned).collect(),
            Some(("ports", given)) => zone.ports = given.split_whitespace().filter_map(read_port).collect(),
            Some(("source-ports" | "protocols" | "rich rules", given)) => zone.further |= !given.is_empty(),
            // Not about what comes in for this device.
            Some((
                "ingress-priority"
                | "egress-priority"
                | "icmp-block-inversion"
                | "forward"
                | "masquerade"
                | "forward-ports"
                | "icmp-blocks",
                _,
            )) => {}
            // A rich rule, one a line, or a word of a later version.
            _ => zone.further = true,
        }
    }
    (!zones.is_empty() && zones.iter().any(|zone| zone.name == default))
        .then(|| Zones { zones, default: default.to_owned() })
}

fn read_port(given: &str) -> Option<(Protocol, RangeInclusive<u16>)> {
    let (range, protocol) = given.split_once('/')?;
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    Some((protocol, port(from)?..=port(to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Both are written by hand, after `firewall-cmd(1)` and the zones that the systems bring along.

    /// As Fedora Workstation's.
    const WORKSTATION: &str = "\
FedoraWorkstation (default, active)
  target: default
  ingress-priority: 0
  egress-priority: 0
  icmp-block-inversion: no
  interfaces: wlp2s0
  sources: 
  services: dhcpv6-client samba-client ssh
  ports: 1025-65535/udp 1025-65535/tcp
  protocols: 
  forward: yes
  masquerade: no
  forward-ports: 
  source-ports: 
  icmp-blocks: 
  rich rules: 
";

    /// As Red Hat's.
    const PUBLIC: &str = "\
public (active)
  target: default
  icmp-block-inversion: no
  interfaces: eth0
  sources: 
  services: cockpit dhcpv6-client mdns ssh
  ports: 8080/tcp
  protocols: 
  forward: yes
  masquerade: no
  forward-ports: 
  source-ports: 
  icmp-blocks: 
  rich rules: 
";

    fn zones(text: &str) -> Zones {
        parse(text, "public").unwrap()
    }

    #[test]
    fn a_zone_lets_in_what_it_names() {
        let both = zones(&format!("{WORKSTATION}\n{PUBLIC}"));
        let workstation = |protocol, port| both.fate("wlp2s0", protocol, port);
        assert_eq!(workstation(Protocol::Tcp, 12345), Fate::Passes);
        assert_eq!(workstation(Protocol::Udp, 5353), Fate::Passes);
        assert_eq!(workstation(Protocol::Tcp, 23), Fate::Dropped);
        // A service of the zone's may be what lets it in.
        assert_eq!(workstation(Protocol::Tcp, 22), Fate::MayBeDropped);
        let public = |protocol, port| both.fate("eth0", protocol, port);
        assert_eq!(public(Protocol::Tcp, 8080), Fate::Passes);
        assert_eq!(public(Protocol::Tcp, 12345), Fate::Dropped);
        assert_eq!(public(Protocol::Udp, 5353), Fate::Passes);
        assert_eq!(public(Protocol::Udp, 12345), Fate::Dropped);
        // In no zone by itself: the default one holds.
        assert_eq!(both.fate("eth7", Protocol::Tcp, 12345), Fate::Dropped);
        assert_eq!((both.of("wlp2s0"), both.of("eth7")), (Some("FedoraWorkstation"), Some("public")));
        let open = zones(&PUBLIC.replace("target: default", "target: ACCEPT"));
        assert_eq!(open.fate("eth0", Protocol::Tcp, 12345), Fate::Passes);
        assert_eq!(parse("FirewallD is not running", "public"), None);
        assert_eq!(parse(PUBLIC, "home"), None);
        assert_eq!(parse("", "public"), None);
    }

    #[test]
    fn what_is_not_looked_into_may_let_in_or_not() {
        for (from, to) in [
            ("rich rules: \n", "rich rules: \n\trule family=\"ipv4\" port port=\"12345\" protocol=\"tcp\" accept\n"),
            ("sources: \n", "sources: 192.168.1.0/24\n"),
            ("services: cockpit", "services: lanline cockpit"),
            ("protocols: \n", "protocols: tcp\n"),
            ("  target:", "  music: loud\n  target:"),
        ] {
            let changed = PUBLIC.replace(from, to);
            assert_ne!(changed, PUBLIC);
            assert_eq!(zones(&changed).fate("eth0", Protocol::Tcp, 12345), Fate::MayBeDropped, "{to}");
        }
        let rich = PUBLIC.replace("rich rules: \n", "rich rules: \n\trule source address=\"192.168.1.7\" drop\n");
        assert_eq!(
            zones(&rich.replace("target: default", "target: ACCEPT")).fate("eth0", Protocol::Tcp, 1),
            Fate::MayBeDropped
        );
    }
}
