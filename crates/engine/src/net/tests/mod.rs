//! Real sockets on loopback. Alice, Bob and Carol are devices; strangers are whoever else connects.

mod dialling;
mod handshakes;
mod listening;
mod strangers;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lanline_peer::Shows;
use lanline_protocol::identity::{DeviceKey, PublicKey};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use tokio_rustls::client;

use super::*;

/// However busy the machine: what takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// For what is not about time.
fn patient() -> Timeouts {
    Timeouts { silent: Duration::from_secs(60), stalled: Duration::from_secs(60), ..Timeouts::default() }
}

struct Device {
    net: Net,
    key: PublicKey,
    events: UnboundedReceiver<ConnectionEvent>,
}

/// One side of a connection.
struct Side {
    peer: PublicKey,
    exporter: [u8; 32],
    dialled: bool,
    address: SocketAddr,
    handle: ConnectionHandle,
}

impl Device {
    fn new(seed: u8, timeouts: Timeouts) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let (sender, events) = unbounded_channel();
        let sink = move |event| drop(sender.send(event));
        let net = Net::new(&key, Handle::current(), timeouts, sink).unwrap();
        Self { net, key: key.public(), events }
    }

    /// Listens on loopback, at any free port.
    fn listen(&self) -> (Listener, SocketAddr) {
        let listener = self.net.listen(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], 0).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()));
        (listener, address)
    }

    async fn dial(&self, address: SocketAddr) -> Result<Dialled, DialError> {
        self.net.dial(&[address.into()], None, PATIENCE).await
    }

    async fn event(&mut self) -> ConnectionEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a living sink")
    }

    async fn opened(&mut self) -> Side {
        match self.event().await {
            ConnectionEvent::Opened { peer, exporter, dialled, address, handle, .. } => {
                Side { peer, exporter, dialled, address, handle }
            }
            other => panic!("not Opened: {other:?}"),
        }
    }

    async fn frame(&mut self) -> (Bytes, FramePermit) {
        loop {
            match self.event().await {
                ConnectionEvent::Frame { bytes, permit, .. } => return (bytes, permit),
                ConnectionEvent::Drained { .. } => {}
                other => panic!("not Frame: {other:?}"),
            }
        }
    }

    /// The reason of the next end of a connection, whatever comes before it.
    async fn closed(&mut self) -> CloseReason {
        loop {
            if let ConnectionEvent::Closed { reason, .. } = self.event().await {
                return reason;
            }
        }
    }
}

/// Alice listens, Bob dials.
async fn pair(timeouts: Timeouts) -> (Device, Side, Device, Side, Listener) {
    let mut alice = Device::new(1, timeouts);
    let mut bob = Device::new(2, timeouts);
    let (listener, address) = alice.listen();
    bob.dial(address).await.unwrap();
    let (at_alice, at_bob) = (alice.opened().await, bob.opened().await);
    (alice, at_alice, bob, at_bob, listener)
}

/// A frame of the core's, of this length.
fn frame_of(length: usize, fill: u8) -> Bytes {
    let mut frame = vec![fill; length];
    frame[..2].copy_from_slice(&[0x82, 0x05]);
    frame.into()
}

/// What a stranger shows who is nobody in particular.
const STRANGER: Shows = Shows::Key(9);

/// A peer that holds a key and speaks TLS, but writes what it likes.
async fn raw_peer(address: SocketAddr) -> client::TlsStream<TcpStream> {
    lanline_peer::shake(address, STRANGER, &[ALPN]).await.unwrap()
}
