//! Whether a device on the same link answers at all, whatever it lets through: by the system's table of neighbours.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket},
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
    /// It answered some time ago, or the system was told so; whether it is there now is not known.
    Doubted,
}

/// What the table says of one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Known(Neighbour),
    /// It is being asked, and never answered so far.
    Asked,
}

/// Speaks to a neighbour, and looks for as long as `within` says whether it answers on its link; `None`: it is not known.
/// One empty datagram to the port that everybody discards (RFC 863). Blocks.
pub(super) fn look_for(ip: IpAddr, link: &Link, within: Duration) -> Option<Neighbour> {
    if platform::SYSTEM != System::Linux {
        return None;
    }
    let deadline = Instant::now() + within;
    // Only so that the system looks for it; what it says, the table tells. Once: each time it would begin anew.
    let discard = |ip: IpAddr, port: u16| match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => SocketAddr::from(SocketAddrV6::new(ip, port, 0, link.index)),
        ip => SocketAddr::from((ip, port)),
    };
    let _ = UdpSocket::bind(discard(link.ip, 0)).and_then(|socket| socket.send_to(&[], discard(ip, 9)));
    loop {
        let state = state(ip, &link.name);
        match state {
            Some(State::Known(Neighbour::There)) => return Some(Neighbour::There),
            Some(State::Known(Neighbour::Silent)) => return Some(Neighbour::Silent),
            _ if Instant::now() < deadline => std::thread::sleep(LOOK),
            Some(State::Known(other)) => return Some(other),
            Some(State::Asked) => return Some(Neighbour::Silent),
            None => return None,
        }
    }
}

fn state(ip: IpAddr, interface: &str) -> Option<State> {
    let told = platform::told_by("ip", &["-j", "neigh", "show", "to", &ip.to_string(), "dev", interface], LIMIT);
    match told {
        Ok(told) => parse(&told),
        Err(_) => parse_table(&std::fs::read_to_string("/proc/net/arp").ok()?, ip),
    }
}

/// Whether any other device than those at these addresses answers on a link; `None`: it is not known. Blocks.
pub(super) fn is_anybody_there(interface: &str, but: &[IpAddr]) -> Option<bool> {
    anybody(&platform::told_by("ip", &["-j", "neigh", "show"], LIMIT).ok()?, interface, but)
}

/// The same by what `ip -j neigh show` says. A device may have several addresses: those with the hardware's address of one
/// of `but` are the same device.
fn anybody(told: &str, interface: &str, but: &[IpAddr]) -> Option<bool> {
    let neighbours: Value = serde_json::from_str(told).ok()?;
    let text = |neighbour: &Value, key: &str| neighbour.get(key).and_then(Value::as_str).map(str::to_owned);
    let on_it = |neighbour: &&Value| text(neighbour, "dev").as_deref() == Some(interface);
    let neighbours: Vec<&Value> = neighbours.as_array()?.iter().filter(on_it).collect();
    let is_meant = |neighbour: &Value| {
        let ip: Option<IpAddr> = text(neighbour, "dst").and_then(|ip| ip.parse().ok());
        ip.is_none_or(|ip| but.contains(&ip))
    };
    let meant = neighbours.iter().filter(|neighbour| is_meant(neighbour));
    let meant: Vec<String> = meant.filter_map(|neighbour| text(neighbour, "lladdr")).collect();
    let other = |neighbour: &&&Value| {
        !is_meant(neighbour) && text(neighbour, "lladdr").is_none_or(|hardware| !meant.contains(&hardware))
    };
    let there = |neighbour: &&Value| state_of(neighbour) == Some(State::Known(Neighbour::There));
    Some(neighbours.iter().filter(other).any(there))
}

/// The state in what `ip -j neigh show to` says.
fn parse(told: &str) -> Option<State> {
    let neighbours: Value = serde_json::from_str(told).ok()?;
    neighbours.as_array()?.iter().filter_map(state_of).next()
}

fn state_of(neighbour: &Value) -> Option<State> {
    let state = neighbour.get("state")?.get(0)?.as_str()?;
    Some(match state {
        "REACHABLE" => State::Known(Neighbour::There),
        "FAILED" => State::Known(Neighbour::Silent),
        "INCOMPLETE" => State::Asked,
        // Among them those that somebody wrote into the table, and those of links on which nobody is asked.
        _ => State::Known(Neighbour::Doubted),
    })
}

/// The state in Linux' `/proc/net/arp`, which knows less.
fn parse_table(table: &str, ip: IpAddr) -> Option<State> {
    const COMPLETE: u32 = 2;
    const PERMANENT: u32 = 4;
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let found: IpAddr = fields.next()?.parse().ok()?;
        let flags = u32::from_str_radix(fields.nth(1)?.trim_start_matches("0x"), 16).ok()?;
        let state = match flags {
            flags if flags & PERMANENT != 0 => State::Known(Neighbour::Doubted),
            flags if flags & COMPLETE != 0 => State::Known(Neighbour::There),
            _ => State::Asked,
        };
        (found == ip).then_some(state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // All written by hand, after what `ip -j neigh` says and the kernel's `/proc/net/arp`.

    #[test]
    fn the_table_is_read() {
        let told = |state: &str| {
            format!(r#"[{{"dst":"192.168.1.1","dev":"wlp2s0","lladdr":"aa:bb:cc:dd:ee:ff","state":["{state}"]}}]"#)
        };
        let known = |neighbour| Some(State::Known(neighbour));
        assert_eq!(parse(&told("REACHABLE")), known(Neighbour::There));
        for doubted in ["STALE", "DELAY", "PROBE", "PERMANENT", "NOARP"] {
            assert_eq!(parse(&told(doubted)), known(Neighbour::Doubted), "{doubted}");
        }
        assert_eq!(parse(&told("INCOMPLETE")), Some(State::Asked));
        assert_eq!(parse(r#"[{"dst":"192.168.1.9","dev":"wlp2s0","state":["FAILED"]}]"#), known(Neighbour::Silent));
        assert_eq!(parse("[]"), None);
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     192.168.1.1      0x1         0x2         aa:bb:cc:dd:ee:ff     *        wlp2s0\n\
                     192.168.1.2      0x1         0x6         aa:bb:cc:dd:ee:fe     *        wlp2s0\n\
                     192.168.1.9      0x1         0x0         00:00:00:00:00:00     *        wlp2s0\n";
        let state = |ip: &str| parse_table(table, ip.parse().unwrap());
        assert_eq!(state("192.168.1.1"), known(Neighbour::There));
        assert_eq!(state("192.168.1.2"), known(Neighbour::Doubted));
        assert_eq!(state("192.168.1.9"), Some(State::Asked));
        assert_eq!(state("192.168.1.7"), None);
    }

    #[test]
    fn others_are_those_of_the_same_link_that_are_neither_the_router_nor_the_device() {
        let entry = |ip: &str, interface: &str, hardware: u8| {
            format!(
                r#"{{"dst":"{ip}","dev":"{interface}","lladdr":"02:00:00:00:00:{hardware:02}","state":["REACHABLE"]}}"#
            )
        };
        let but = ["192.168.1.1".parse().unwrap(), "192.168.1.7".parse().unwrap()];
        let there = |entries: &[String]| anybody(&format!("[{}]", entries.join(",")), "eth0", &but);
        let (router, device) = (entry("192.168.1.1", "eth0", 1), entry("192.168.1.7", "eth0", 7));
        assert_eq!(there(&[router.clone(), device.clone()]), Some(false));
        // The router's other addresses, and a device of another link.
        let more = [router, entry("fe80::1", "eth0", 1), entry("10.0.0.9", "docker0", 9)];
        assert_eq!(there(&more), Some(false));
        assert_eq!(there(&[device, entry("192.168.1.8", "eth0", 8)]), Some(true));
        assert_eq!(there(&[r#"{"dst":"192.168.1.8","dev":"eth0","state":["FAILED"]}"#.to_owned()]), Some(false));
        assert_eq!(anybody("nonsense", "eth0", &but), None);
    }
}
