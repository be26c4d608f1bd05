//! What `firewall-cmd --list-all` says of the zone that holds where no other does: `firewall-cmd(1)`.

use std::ops::RangeInclusive;

use super::ruleset::{Protocol, port};

/// Such a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    /// Whether it takes what is not named.
    accepts: bool,
    ports: Vec<(Protocol, RangeInclusive<u16>)>,
    services: Vec<String>,
}

impl Zone {
    /// Whether packets to a port of this device get in.
    pub(crate) fn lets_in(&self, protocol: Protocol, port: u16) -> bool {
        let named = self.ports.iter().any(|(of, range)| *of == protocol && range.contains(&port));
        let mdns = port == 5353 && protocol == Protocol::Udp && self.services.iter().any(|service| service == "mdns");
        self.accepts || named || mdns
    }
}

/// The zone in it; `None` where it is no such answer.
pub(crate) fn parse(text: &str) -> Option<Zone> {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.trim_start().split_once(':'));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.trim())
    };
    let ports = value("ports")?.split_whitespace().filter_map(|given| {
        let (range, protocol) = given.split_once('/')?;
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        };
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        Some((protocol, port(from)?..=port(to)?))
    });
    let services = value("services")?.split_whitespace().map(str::to_owned);
    Some(Zone { accepts: value("target")? == "ACCEPT", ports: ports.collect(), services: services.collect() })
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

    #[test]
    fn a_zone_lets_in_what_it_names() {
        let workstation = parse(WORKSTATION).unwrap();
        assert!(workstation.lets_in(Protocol::Tcp, 12345) && workstation.lets_in(Protocol::Udp, 5353));
        assert!(!workstation.lets_in(Protocol::Tcp, 22));
        let public = parse(PUBLIC).unwrap();
        assert!(public.lets_in(Protocol::Tcp, 8080) && !public.lets_in(Protocol::Tcp, 12345));
        assert!(public.lets_in(Protocol::Udp, 5353) && !public.lets_in(Protocol::Udp, 12345));
        assert!(parse(&PUBLIC.replace("target: default", "target: ACCEPT")).unwrap().lets_in(Protocol::Tcp, 12345));
        assert_eq!(parse("FirewallD is not running"), None);
    }
}
