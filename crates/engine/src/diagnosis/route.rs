//! By which interface and over which router an address is reached, as the system says.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use serde_json::Value;

use super::link::Link;
use crate::platform::{self, System};

/// A way to an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// The interface, where it is known.
    pub(super) interface: Option<String>,
    /// This device's own address on the way.
    pub(super) source: Option<IpAddr>,
    /// The router, where there is one and it is known.
    pub(super) router: Option<IpAddr>,
}

/// The way to an address; `None`: there is none. Nothing is sent. Blocks.
pub(super) fn to(address: SocketAddr, links: &[Link], limit: Duration) -> Option<Route> {
    let source = source(address);
    let told = (platform::SYSTEM == System::Linux).then(|| {
        let ip = address.ip().to_string();
        let zone = match address {
            SocketAddr::V6(address) => links.iter().find(|link| link.index != 0 && link.index == address.scope_id()),
            SocketAddr::V4(_) => None,
        };
        let zone = zone.map(|link| ["oif", &link.name]);
        let asked = ["-j", "route", "get", &ip].into_iter().chain(zone.into_iter().flatten());
        platform::told_by("ip", &asked.collect::<Vec<_>>(), limit).ok().and_then(|told| parse(&told))
    });
    match (told.flatten(), source) {
        (Some(route), source) => Some(Route { source: source.or(route.source), ..route }),
        (None, Some(source)) => {
            let interface = links.iter().find(|link| link.ip == source).map(|link| link.name.clone());
            Some(Route { interface, source: Some(source), router: None })
        }
        (None, None) => None,
    }
}

/// The own address from which the system would speak to another: it decides so as soon as a socket is tied to that one.
fn source(address: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(address).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

/// Whether there is a way to addresses that are nowhere near: those of documentation (RFC 5737, RFC 3849) stand for them.
/// Nothing is sent.
pub(super) fn has_default() -> bool {
    let far = [IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
    far.into_iter().any(|ip| source((ip, 9).into()).is_some())
}

/// The route in what `ip -j route get` says.
fn parse(told: &str) -> Option<Route> {
    let routes: Value = serde_json::from_str(told).ok()?;
    let route = routes.get(0)?;
    let text = |key: &str| route.get(key).and_then(Value::as_str);
    let ip = |key: &str| text(key).and_then(|text| text.parse().ok());
    let via = route.get("via").and_then(|via| via.get("host")).and_then(Value::as_str);
    Some(Route {
        interface: text("dev").map(str::to_owned),
        source: ip("prefsrc"),
        router: ip("gateway").or(via.and_then(|via| via.parse().ok())),
    })
}

/// The router to everywhere else, where the system says. Blocks.
pub(super) fn router(limit: Duration) -> Option<Router> {
    if platform::SYSTEM != System::Linux {
        return None;
    }
    let told = |family: &str| platform::told_by("ip", &["-j", family, "route", "show", "default"], limit).ok();
    let told = ["-4", "-6"].into_iter().filter_map(told).find_map(|told| parse_default(&told));
    told.or_else(|| parse_table(&std::fs::read_to_string("/proc/net/route").ok()?))
}

/// A router, and the interface that it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Router {
    pub(super) ip: IpAddr,
    pub(super) interface: String,
}

fn parse_default(told: &str) -> Option<Router> {
    let routes: Value = serde_json::from_str(told).ok()?;
    routes.as_array()?.iter().find_map(|route| {
        let text = |key: &str| route.get(key).and_then(Value::as_str);
        Some(Router { ip: text("gateway")?.parse().ok()?, interface: text("dev")?.to_owned() })
    })
}

/// The router in Linux' `/proc/net/route`, whose addresses are in the order of this machine's bytes.
fn parse_table(table: &str) -> Option<Router> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (interface, destination, router) = (fields.next()?, fields.next()?, fields.next()?);
        let ip = Ipv4Addr::from(u32::from_str_radix(router, 16).ok()?.to_ne_bytes());
        (destination == "00000000" && !ip.is_unspecified())
            .then(|| Router { ip: ip.into(), interface: interface.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // All written by hand, after what `ip -j route` says and the kernel's `/proc/net/route`.

    #[test]
    fn routes_are_read() {
        let direct =
            r#"[{"dst":"192.168.1.7","dev":"wlp2s0","prefsrc":"192.168.1.5","flags":[],"uid":1000,"cache":[]}]"#;
        let route = parse(direct).unwrap();
        assert_eq!((route.interface.as_deref(), route.router), (Some("wlp2s0"), None));
        let far = r#"[{"dst":"10.9.9.9","gateway":"192.168.1.1","dev":"wlp2s0","prefsrc":"192.168.1.5","flags":[],"uid":0,"cache":[]}]"#;
        assert_eq!(parse(far).unwrap().router, Some("192.168.1.1".parse().unwrap()));
        let over = r#"[{"dst":"10.9.9.9","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0"}]"#;
        assert_eq!(parse(over).unwrap().router, Some("fe80::1".parse().unwrap()));
        assert_eq!(parse("RTNETLINK answers: Network is unreachable"), None);
        assert_eq!(parse("[]"), None);
    }

    #[test]
    fn the_router_is_read() {
        let expected = Router { ip: "192.168.1.1".parse().unwrap(), interface: "wlp2s0".into() };
        let told = r#"[{"dst":"default","dev":"tun0","scope":"link","flags":[]},{"dst":"default","gateway":"192.168.1.1","dev":"wlp2s0","protocol":"dhcp","metric":600,"flags":[]}]"#;
        assert_eq!(parse_default(told), Some(expected.clone()));
        assert_eq!(parse_default("[]"), None);
        let router = u32::from_ne_bytes([192, 168, 1, 1]);
        let table = format!(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             wlp2s0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\nwlp2s0\t00000000\t{router:08X}\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
        );
        assert_eq!(parse_table(&table), Some(expected));
        assert_eq!(parse_table(""), None);
    }
}
