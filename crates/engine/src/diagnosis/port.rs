//! Whether another program holds the port, here or at the other device.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use super::{Named, attempt::Outcome, facts::Facts};
use crate::api::{Check, CheckName, ErrorCode};

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
    if failed || facts.port_is_taken {
        return THIS.fail(
            format!("Another program listens on port {port}, so that this device cannot."),
            format!("End that program, or take another port: `lanline serve --port {}`.", other(port)),
        );
    }
    match facts.server.running {
        true => THIS.ok(format!("This device holds port {port}.")),
        false => THIS.ok(format!("Port {port} is free.")),
    }
}

/// A port that is not this one.
fn other(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(port - 1)
}

/// Whether nobody else could listen on a port. Looks by listening for a moment; blocks.
pub(super) fn is_taken(addresses: &[SocketAddr], port: u16) -> bool {
    let all = [SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
    let given: Vec<SocketAddr> = addresses.iter().map(|address| SocketAddr::from((address.ip(), port))).collect();
    let addresses = if given.is_empty() { all.to_vec() } else { given };
    let taken = |address: &SocketAddr| {
        TcpListener::bind(address).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
    };
    addresses.iter().any(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_taken() {
        let localhost = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let held = TcpListener::bind(localhost).unwrap();
        let port = held.local_addr().unwrap().port();
        assert!(is_taken(&[localhost], port));
        drop(held);
        assert!(!is_taken(&[localhost], port));
        assert_eq!((other(1), other(u16::MAX)), (2, u16::MAX - 1));
    }
}
