//! The plain bridge: a TCP port on which anything that can open a socket posts lines to a room as this device, and reads
//! what is said there.
//!
//! There is no encryption and no password on it: it is for programs on this machine, and for small things in a network
//! that is trusted as it is.

mod client;
mod hub;

use std::{
    io::{ErrorKind, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use lanline_engine::{
    Settings,
    api::{CallError, Listening, MessagePage, Messages, NoParams, StartServer, Status},
};
use tokio::net::TcpListener;

use self::{client::Clients, hub::Hub};
use crate::{device::Device, exit::Failure, plain, print, room, signal};

/// Serves a room at an address until a signal comes or the device ends.
pub(crate) async fn run(settings: &Settings, address: SocketAddr, given: &str) -> Result<(), Failure> {
    let asked_to_end = tokio::spawn(signal::asked_to_end());
    let device = Device::to_stay(settings).await?;
    let result = tokio::select! {
        result = serve(&device, address, given) => result,
        _ = asked_to_end => Ok(()),
    };
    device.close().await;
    result
}

/// Lets the other members in, whose devices may have none but this one to dial. Without a port, those who listen are
/// reached all the same.
async fn listen(device: &Device) {
    let started: Result<Listening, CallError> = device.call("start_server", StartServer::default()).await;
    if let Err(error) = started {
        print::aside(&format!("Other devices cannot connect to this one. {}", plain::line(&error.to_string())));
    }
}

async fn serve(device: &Device, address: SocketAddr, given: &str) -> Result<(), Failure> {
    let room = room::named(device, given).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| cannot_listen(address, &error))?;
    let at = listener.local_addr().map_err(Failure::input)?;
    if device.is_here() {
        listen(device).await;
    }
    // Listened to before it is asked what was said last, so that nothing falls between.
    let events = device.events();
    let status: Status = device.call("status", NoParams {}).await?;
    let newest = Messages { room: room.room.clone(), before: None, limit: Some(1) };
    let newest: MessagePage = device.call("messages", newest).await?;
    if !at.ip().is_loopback() {
        print::aside(&format!(
            "Warning: whoever reaches {at} can read this room and write in it as this device, unencrypted and without a \
             password."
        ));
    }
    // Nobody may be reading; the bridge works all the same.
    let _ = writeln!(std::io::stdout(), "Bridge to {} on {at}. Ctrl-C stops.", plain::name(&room.name));
    let hub = Hub::new(status.device_id, room.room.clone(), newest.messages.into_iter().map(|message| message.id));
    Clients::new(device, listener, hub).run(events).await
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Failure {
    Failure::input(match error.kind() {
        ErrorKind::AddrInUse => {
            format!("Another program listens on {address}: choose another port, or 0 for any free one.")
        }
        ErrorKind::AddrNotAvailable => format!("This machine has no address {}: give one of its own.", address.ip()),
        ErrorKind::PermissionDenied => {
            format!(
                "The system does not let this program listen on port {}: choose one of 1024 or above.",
                address.port()
            )
        }
        _ => format!("Listening on {address} failed ({error}): choose another address."),
    })
}

/// The address of a bridge: `PORT` for this machine alone, else `IP:PORT` or `[v6]:PORT`.
pub(crate) fn address(given: &str) -> Result<SocketAddr, String> {
    let given = given.trim();
    if let Ok(port) = given.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let address = match given.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        None => given.parse().ok(),
    };
    address.ok_or_else(|| "it must be a port, or an address and a port such as 127.0.0.1:7000 or [::1]:7000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_for_this_machine() {
        for (given, expected) in [
            ("7000", "127.0.0.1:7000"),
            (" 0 ", "127.0.0.1:0"),
            ("localhost:7000", "127.0.0.1:7000"),
            ("0.0.0.0:7000", "0.0.0.0:7000"),
            ("[::1]:7000", "[::1]:7000"),
        ] {
            assert_eq!(address(given).unwrap().to_string(), expected);
        }
        for given in ["", "70000", "-1", "localhost", "host:1", "127.0.0.1", "::1:7000", "127.0.0.1:70000"] {
            address(given).unwrap_err();
        }
    }
}
