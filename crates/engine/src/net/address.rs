//! Addresses as people type them and as Lanline shows them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use super::interface::{needs_zone, zone_index, zone_name};

/// Characters of a host name, at most (RFC 1035, section 2.3.4).
const HOST_MAX: usize = 253;

/// Where a device may be reached: an address with its port, or a host name that is looked up anew
/// for every dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An IP address and port; IPv6 with its zone where it needs one.
    Socket(SocketAddr),
    /// A host name and port.
    Name {
        /// At most 253 letters, digits, dots, dashes and underscores.
        host: String,
        /// Never 0.
        port: u16,
    },
}

/// Why a text is no address. Each is one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing was given.
    #[error("Enter an address, such as 192.168.1.5 or 192.168.1.5:12345.")]
    Empty,
    /// Neither an IP address nor a host name.
    #[error("\"{0}\" is not an address; enter one such as 192.168.1.5, 192.168.1.5:12345 or laptop.local.")]
    Malformed(String),
    /// The port is not a number from 1 to 65535.
    #[error("\"{0}\" is not a port; enter a number from 1 to 65535 after the colon.")]
    Port(String),
    /// A link-local IPv6 address without its zone.
    #[error("{0} needs its network interface; enter it as {0}%eth0, with the name or number of the interface.")]
    ZoneMissing(Ipv6Addr),
    /// There is no such interface here.
    #[error("This device has no network interface \"{0}\"; check what stands after the % sign.")]
    ZoneUnknown(String),
}

impl Address {
    /// Reads `host`, `host:port`, `ip`, `ip:port`, `v6`, `[v6]` or `[v6]:port`, where a `v6` may
    /// carry a zone (`fe80::1%eth0`, `fe80::1%2`). Without a port it gets `default_port`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (inside, after) = rest.split_once(']').ok_or_else(|| malformed(text))?;
            let port = match after.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if after.is_empty() => default_port,
                None => return Err(malformed(text)),
            };
            return parse_v6(inside, port)?.ok_or_else(|| malformed(text));
        }
        if text.matches(':').count() > 1 {
            return parse_v6(text, default_port)?.ok_or_else(|| malformed(text));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, parse_port(port)?),
            None => (text, default_port),
        };
        match IpAddr::from_str(host) {
            Ok(ip) => Ok(Self::Socket((ip, port).into())),
            Err(_) if is_host_name(host) => Ok(Self::Name { host: host.to_ascii_lowercase(), port }),
            Err(_) => Err(malformed(text)),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => f.write_str(&show(address)),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// `ip:port`, `[v6]:port` or `[v6%zone]:port`; [`Address::parse`] reads it back.
pub fn show(address: &SocketAddr) -> String {
    shown_with(address, zone_name)
}

/// As [`show`], with the names of zones from elsewhere.
pub(super) fn shown_with(address: &SocketAddr, zone: impl Fn(u32) -> String) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("[{}%{}]:{}", v6.ip(), zone(v6.scope_id()), v6.port()),
        _ => address.to_string(),
    }
}

/// An address without its port, as [`show`] shows it.
pub(super) fn show_ip(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), zone_name(v6.scope_id())),
        _ => address.ip().to_string(),
    }
}

/// Reads an IP address to listen on: as [`Address::parse`], without a port, which the result has as 0.
pub(crate) fn parse_ip(text: &str) -> Option<SocketAddr> {
    if let Ok(ip) = Ipv4Addr::from_str(text) {
        return Some((ip, 0).into());
    }
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match parse_v6(inside.unwrap_or(text), 0) {
        Ok(Some(Address::Socket(address))) => Some(address),
        _ => None,
    }
}

/// The address of a peer: of IPv4 as such, also where one socket serves both, and of a link with its zone.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => (v4, v6.port()).into(),
            None => {
                let zone = if needs_zone(v6.ip()) { v6.scope_id() } else { 0 };
                SocketAddrV6::new(*v6.ip(), v6.port(), 0, zone).into()
            }
        },
        SocketAddr::V4(_) => address,
    }
}

/// `None`: not an IPv6 address at all.
fn parse_v6(text: &str, port: u16) -> Result<Option<Address>, AddressError> {
    let (ip, zone) = match text.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (text, None),
    };
    let Ok(ip) = Ipv6Addr::from_str(ip) else {
        return Ok(None);
    };
    if let Some(v4) = ip.to_ipv4_mapped() {
        return Ok(Some(Address::Socket((v4, port).into())));
    }
    let scope = match zone {
        Some(zone) => zone_index(zone).ok_or_else(|| AddressError::ZoneUnknown(zone.chars().take(64).collect()))?,
        None if needs_zone(&ip) => return Err(AddressError::ZoneMissing(ip)),
        None => 0,
    };
    // A zone on an address that needs none would only make two of one address.
    let scope = if needs_zone(&ip) { scope } else { 0 };
    Ok(Some(Address::Socket(SocketAddrV6::new(ip, port, 0, scope).into())))
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or_else(|| AddressError::Port(text.chars().take(64).collect()))
}

/// Letters, digits, dots, dashes, underscores; and not all digits and dots, which would be a
/// mistyped IP address that a resolver may take for something else.
fn is_host_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= HOST_MAX
        && !text.starts_with(['-', '.'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && text.chars().any(|c| c.is_ascii_alphabetic())
}

fn malformed(text: &str) -> AddressError {
    AddressError::Malformed(text.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        match Address::parse(text, 12345) {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_promised_form_is_read() {
        for (text, expected) in [
            ("192.168.1.5", "192.168.1.5:12345"),
            (" 192.168.1.5:80 ", "192.168.1.5:80"),
            ("Laptop.local", "laptop.local:12345"),
            ("laptop:1", "laptop:1"),
            ("2001:db8::1", "[2001:db8::1]:12345"),
            ("[2001:db8::1]", "[2001:db8::1]:12345"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
            ("[2001:db8::1%1]:7", "[2001:db8::1]:7"),
            ("::ffff:10.0.0.1", "10.0.0.1:12345"),
        ] {
            assert_eq!(parsed(text), expected);
            assert_eq!(parsed(expected), expected);
        }
    }

    #[test]
    fn a_peer_keeps_its_zone_and_loses_what_only_maps_it() {
        let peer = |ip: &str, zone| SocketAddrV6::new(ip.parse().unwrap(), 7, 9, zone).into();
        for (given, kept) in [
            (peer("::ffff:10.0.0.1", 0), "10.0.0.1:7"),
            (peer("fe80::1", 3), "[fe80::1%3]:7"),
            (peer("2001:db8::1", 3), "[2001:db8::1]:7"),
            ("10.0.0.1:7".parse().unwrap(), "10.0.0.1:7"),
        ] {
            assert_eq!(canonical(given).to_string(), kept);
        }
    }

    #[test]
    fn a_zone_is_a_name_or_a_number() {
        let here = if_addrs::get_if_addrs().unwrap();
        let interface = here.iter().find(|interface| interface.index.is_some()).unwrap();
        let index = interface.index.unwrap();
        let address = Address::Socket(SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 0, index).into());
        for zone in [index.to_string(), zone_name(index)] {
            assert_eq!(Address::parse(&format!("[fe80::1%{zone}]:9"), 12345), Ok(address.clone()));
            assert_eq!(Address::parse(&format!("fe80::1%{zone}"), 9), Ok(address.clone()));
        }
        assert_eq!(Address::parse(&address.to_string(), 1), Ok(address));
    }

    #[test]
    fn what_is_no_address_is_told_in_a_sentence() {
        use AddressError as E;
        for (text, error) in [
            ("", E::Empty),
            ("  ", E::Empty),
            ("fe80::1", E::ZoneMissing("fe80::1".parse().unwrap())),
            ("[fe80::1%nowhere]:5", E::ZoneUnknown("nowhere".into())),
            ("laptop:", E::Port(String::new())),
            ("laptop:0", E::Port("0".into())),
            ("laptop:65536", E::Port("65536".into())),
            ("laptop:+5", E::Port("+5".into())),
            ("[::1]:x", E::Port("x".into())),
            ("[::1]5", E::Malformed("[::1]5".into())),
            ("[::1", E::Malformed("[::1".into())),
            ("1:2:3", E::Malformed("1:2:3".into())),
            ("192.168.1", E::Malformed("192.168.1".into())),
            ("999.1.1.1", E::Malformed("999.1.1.1".into())),
            ("-x", E::Malformed("-x".into())),
            ("a b", E::Malformed("a b".into())),
            ("http://laptop", E::Port("//laptop".into())),
        ] {
            assert_eq!(Address::parse(text, 12345), Err(error.clone()), "{text}");
            assert!(error.to_string().ends_with('.'));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_shown_and_read_again(text in "[\\[\\]:%.a-f0-9\\PC]{0,40}") {
            if let Ok(address) = Address::parse(&text, 12345) {
                prop_assert_eq!(Address::parse(&address.to_string(), 1), Ok(address));
            }
        }
    }
}
