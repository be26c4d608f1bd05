//! Whether a device on the same link answers at all, whatever it lets through: by the system's table of neighbours.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::link::Link;
use crate::platform::{self, System};

/// How often the table is looked at.
const LOOK: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(2);

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    /// It answered, just now or lately.
    There,
    /// It did not answer.
    Silent,
    /// It answered some time ago; it is being asked whether it is still there.
    Doubted,
}

/// Speaks to a neighbour, and looks for as long as `within` says whether it answers on its link; `None`: it is not known.
/// One empty datagram to the port that everybody discards (RFC 863). Blocks.
pub(super) fn look_for(ip: IpAddr, links: &[Link], within: Duration) -> Option<Neighbour> {
    if platform::SYSTEM != System::Linux {
        return None;
    }
    let own = links.iter().filter(|link| !link.loopback).find(|link| link.holds(ip))?;
    let deadline = Instant::now() + within;
    // Only so that the system looks for it; what it says, the table tells. Once: each time it would begin anew.
    let _ = std::net::UdpSocket::bind((own.ip, 0)).and_then(|socket| socket.send_to(&[], (ip, 9)));
    loop {
        let state = state(ip);
        match state {
            Some(Neighbour::There | Neighbour::Silent) => return state,
            _ if Instant::now() >= deadline => return state,
            _ => std::thread::sleep(LOOK),
        }
    }
}

fn state(ip: IpAddr) -> Option<Neighbour> {
    let told = platform::told_by("ip", &["-j", "neigh", "show", "to", &ip.to_string()], LIMIT);
    match told {
        Ok(told) => parse(&told),
        Err(_) => parse_table(&std::fs::read_to_string("/proc/net/arp").ok()?, ip),
    }
}

/// Whether any other device than one of these answers on its link; `None`: it is not known. Blocks.
pub(super) fn is_anybody_there(but: &[IpAddr]) -> Option<bool> {
    let told = platform::told_by("ip", &["-j", "neigh", "show"], LIMIT).ok()?;
    let neighbours: Value = serde_json::from_str(&told).ok()?;
    let there = neighbours.as_array()?.iter().any(|neighbour| {
        let ip = neighbour.get("dst").and_then(Value::as_str).and_then(|ip| ip.parse().ok());
        ip.is_some_and(|ip| !but.contains(&ip)) && state_of(neighbour) == Some(Neighbour::There)
    });
    Some(there)
}

/// The state in what `ip -j neigh show to` says.
fn parse(told: &str) -> Option<Neighbour> {
    let neighbours: Value = serde_json::from_str(told).ok()?;
    neighbours.as_array()?.iter().filter_map(state_of).next()
}

fn state_of(neighbour: &Value) -> Option<Neighbour> {
    let state = neighbour.get("state")?.get(0)?.as_str()?;
    match state {
        "REACHABLE" | "PERMANENT" | "NOARP" => Some(Neighbour::There),
        "FAILED" => Some(Neighbour::Silent),
        _ => Some(Neighbour::Doubted),
    }
}

/// The state in Linux' `/proc/net/arp`, which knows less.
fn parse_table(table: &str, ip: IpAddr) -> Option<Neighbour> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let found: IpAddr = fields.next()?.parse().ok()?;
        let flags = u32::from_str_radix(fields.nth(1)?.trim_start_matches("0x"), 16).ok()?;
        let is_complete = flags & 2 != 0;
        (found == ip).then_some(if is_complete { Neighbour::There } else { Neighbour::Silent })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let told = |state: &str| {
            format!(r#"[{{"dst":"192.168.1.1","dev":"wlp2s0","lladdr":"aa:bb:cc:dd:ee:ff","state":["{state}"]}}]"#)
        };
        assert_eq!(parse(&told("REACHABLE")), Some(Neighbour::There));
        assert_eq!(parse(&told("STALE")), Some(Neighbour::Doubted));
        assert_eq!(parse(&told("INCOMPLETE")), Some(Neighbour::Doubted));
        assert_eq!(parse(r#"[{"dst":"192.168.1.9","dev":"wlp2s0","state":["FAILED"]}]"#), Some(Neighbour::Silent));
        assert_eq!(parse("[]"), None);
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     192.168.1.1      0x1         0x2         aa:bb:cc:dd:ee:ff     *        wlp2s0\n\
                     192.168.1.9      0x1         0x0         00:00:00:00:00:00     *        wlp2s0\n";
        let state = |ip: &str| parse_table(table, ip.parse().unwrap());
        assert_eq!(state("192.168.1.1"), Some(Neighbour::There));
        assert_eq!(state("192.168.1.9"), Some(Neighbour::Silent));
        assert_eq!(state("192.168.1.7"), None);
    }
}
