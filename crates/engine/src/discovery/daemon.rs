//! The thread of multicast DNS, and how it is ended.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use mdns_sd::ServiceDaemon;
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::Link;

/// How often a thread that is flooded is interrupted, and how long it has to end each time.
const INTERRUPTIONS: u32 = 200;
const INTERRUPTION: Duration = Duration::from_millis(50);
/// How often, and after how long each time, a thread is told to end whose queue is full.
const TOLD: u32 = 10;
const TOLD_AGAIN: Duration = Duration::from_millis(10);

/// Ends its thread when dropped.
pub(super) struct Daemon(pub(super) ServiceDaemon);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It says goodbye for what was announced.
        if matches!(self.0.shutdown(), Err(mdns_sd::Error::Again)) {
            // Its queue is full for a moment. Nobody is to wait for that here.
            let daemon = self.0.clone();
            std::thread::spawn(move || {
                for _ in 0..TOLD {
                    std::thread::sleep(TOLD_AGAIN);
                    if !matches!(daemon.shutdown(), Err(mdns_sd::Error::Again)) {
                        return;
                    }
                }
            });
        }
    }
}

impl Daemon {
    /// Ends a thread that has so much to read that it does nothing else, and would go on to store it.
    pub(super) async fn end_flooded(self, links: Arc<[Link]>, port: u16) {
        let Ok(status) = self.0.shutdown() else { return };
        for _ in 0..INTERRUPTIONS {
            for address in links.iter().flat_map(|link| link.addresses.iter().map(|address| (link.index, address.ip))) {
                if let Err(error) = interrupt(address, port) {
                    tracing::debug!(%error, "a thread of mDNS cannot be interrupted here");
                }
            }
            if tokio::time::timeout(INTERRUPTION, status.recv_async()).await.is_ok() {
                return;
            }
        }
    }
}

/// Sends to all who speak mDNS on this machine, and to nobody else, datagrams of no bytes. Others pass over them; to this
/// thread one means that there is no more to read, and it turns to what else it has to do.
fn interrupt((index, ip): (u32, IpAddr), port: u16) -> std::io::Result<()> {
    let socket = match ip {
        IpAddr::V4(ip) => {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_multicast_ttl_v4(0)?;
            socket.set_multicast_if_v4(&ip)?;
            socket
        }
        IpAddr::V6(_) => {
            let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_multicast_hops_v6(0)?;
            socket.set_multicast_if_v6(index)?;
            socket
        }
    };
    let everybody = match ip {
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::new(224, 0, 0, 251), port)),
        IpAddr::V6(_) => SocketAddrV6::new(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb), port, 0, index).into(),
    };
    socket.set_nonblocking(true)?;
    // Its queue is full most of the time.
    for _ in 0..8 {
        socket.send_to(&[], &everybody.into())?;
    }
    Ok(())
}
