//! Whether another program holds the port, here or at the other device.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Named, attempt::Outcome, facts::Facts};
use crate::{
    api::{Check, CheckName, ErrorCode},
    platform,
};

const THIS: Named = Named(CheckName::Port);

pub(super) fn check(facts: &Facts) -> Check {
    if let Some(attempt) = facts.attempt.as_ref().filter(|attempt| attempt.outcome == Outcome::NotLanline) {
        return THIS.fail(
            format!("What listens at {} is not Lanline.", attempt.shown()),
            "Look at the other device on which port its server listens (`lanline status`), and give that one.",
        );
    }
    let port = facts.port;
    let failed = facts.server.failure.as_ref().is_some_and(|failure| failure.code == ErrorCode::PortInUse);
    match facts.port_is {
        port_is if failed || port_is == Port::Taken => THIS.fail(
            format!("Another program listens on port {port}, so that this device cannot."),
            format!("End that program, or take another port: `lanline serve --port {}`.", other(port)),
        ),
        _ if facts.server.running => THIS.ok(format!("This device holds port {port}.")),
        Port::Forbidden => THIS.fail(
            format!("The system does not let this program listen on port {port}."),
            "Take a port above 1023 that no other program was promised: `lanline serve --port 12345`.",
        ),
        Port::Free | Port::Taken => THIS.ok(format!("Port {port} is free.")),
        Port::Unknown => THIS.skipped(format!("It is not known whether port {port} is free.")),
    }
}

/// A port that is not this one.
fn other(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(port - 1)
}

/// What is known of a port on this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Port {
    /// Nobody else holds it.
    Free,
    /// Another program does.
    Taken,
    /// The system does not let this program have it.
    Forbidden,
    /// It could not be looked.
    #[default]
    Unknown,
}

/// Looks whether a port could be had, at the addresses given or at all. Nothing listens for that; blocks.
pub(super) fn look(addresses: &[SocketAddr], port: u16) -> Port {
    let all = [SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
    let given: Vec<SocketAddr> = addresses.iter().map(|address| SocketAddr::from((address.ip(), port))).collect();
    let addresses = if given.is_empty() { all.to_vec() } else { given };
    let looked: Vec<Port> = addresses.iter().map(|address| have(*address)).collect();
    // A machine without IPv6 says so of one, which does not count where the other is known.
    [Port::Taken, Port::Forbidden, Port::Free].into_iter().find(|port| looked.contains(port)).unwrap_or_default()
}

fn have(address: SocketAddr) -> Port {
    let bound = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).and_then(|socket| {
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // As a server does.
        if platform::REUSES_ADDRESSES {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&address.into())
    });
    match bound.map_err(|error| error.kind()) {
        Ok(()) => Port::Free,
        Err(ErrorKind::AddrInUse) => Port::Taken,
        Err(ErrorKind::PermissionDenied) => Port::Forbidden,
        Err(_) => Port::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_taken() {
        let localhost = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let held = std::net::TcpListener::bind(localhost).unwrap();
        let port = held.local_addr().unwrap().port();
        assert_eq!(look(&[localhost], port), Port::Taken);
        let all = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
        assert_eq!(look(&[], all.local_addr().unwrap().port()), Port::Taken);
        drop(held);
        assert_eq!(look(&[localhost], port), Port::Free);
        // Of nobody here (RFC 5737).
        assert_eq!(look(&[SocketAddr::from(([192, 0, 2, 1], 0))], port), Port::Unknown);
        assert_eq!((other(1), other(u16::MAX)), (2, u16::MAX - 1));
    }
}
