//! Devices to be met: a whole one, and its sockets alone where a test is about time.

use std::net::{Ipv4Addr, SocketAddr};

use lanline_engine::net::{
    Address, CloseReason, ConnectionEvent, ConnectionHandle, DialError, Listener, Net, Timeouts,
};
use lanline_engine::{Flags, Node, Settings};
use lanline_protocol::id::RoomId;
use lanline_protocol::identity::{DeviceId, DeviceKey, PublicKey};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use lanline_peer::PATIENCE;

/// Alice's seed, and that of her peers.
pub(crate) const ALICE: u8 = 1;
pub(crate) const BOB: u8 = 2;
pub(crate) const CAROL: u8 = 3;

/// A device that listens.
pub(crate) struct Device {
    pub(crate) node: Node,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Device {
    /// Alice's.
    pub(crate) async fn open() -> Self {
        Self::of("alice").await
    }

    pub(crate) async fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = Flags { data_dir: Some(folder.path().into()), name: Some(name.into()), ..Flags::default() };
        let node = Node::open(Settings::load(flags).unwrap()).await.unwrap();
        let listening = node.call("start_server", json!({"port": 0})).await.unwrap();
        let port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();
        Self { node, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), _folder: folder }
    }

    pub(crate) async fn call(&self, command: &str, params: Value) -> Value {
        self.node.call(command, params).await.unwrap_or_else(|error| panic!("{command}: {error:?}"))
    }

    pub(crate) async fn id(&self) -> String {
        self.call("status", json!({})).await["device_id"].as_str().unwrap().to_owned()
    }

    /// The texts of a room, in the order in which they are shown.
    pub(crate) async fn texts(&self, room: RoomId) -> Vec<String> {
        let page = self.call("messages", json!({"room": room.to_string()})).await;
        let messages = page["messages"].as_array().unwrap();
        messages.iter().filter_map(|message| message["text"].as_str().map(str::to_owned)).collect()
    }

    /// The names of a room's members, sorted.
    pub(crate) async fn members(&self, room: RoomId) -> Vec<String> {
        let members = self.call("members", json!({"room": room.to_string()})).await;
        let names = members.as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// A device's sockets.
pub(crate) struct Sockets {
    pub(crate) net: Net,
    events: UnboundedReceiver<ConnectionEvent>,
}

impl Sockets {
    pub(crate) fn new(seed: u8, timeouts: Timeouts) -> Self {
        let (sender, events) = unbounded_channel();
        let sink = move |event| drop(sender.send(event));
        let net = Net::new(&DeviceKey::from_seed(&[seed; 32]), Handle::current(), timeouts, sink).unwrap();
        Self { net, events }
    }

    pub(crate) fn listen(&self) -> (Listener, SocketAddr) {
        let listener = self.net.listen(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], 0).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()));
        (listener, address)
    }

    pub(crate) async fn dial(&self, address: SocketAddr, expect: Option<DeviceId>) -> Result<PublicKey, DialError> {
        let address: Address = address.into();
        self.net.dial(&[address], expect, PATIENCE).await.map(|dialled| dialled.peer)
    }

    /// The next connection, whatever is told of others before.
    pub(crate) async fn opened(&mut self) -> (PublicKey, ConnectionHandle) {
        let waiting = async {
            loop {
                match self.events.recv().await.expect("a living sink") {
                    ConnectionEvent::Opened { peer, handle, .. } => return (peer, handle),
                    ConnectionEvent::Frame { bytes, .. } => panic!("of whom? {bytes:?}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, waiting).await.expect("a connection in time")
    }

    /// Why the next connection ended.
    pub(crate) async fn closed(&mut self) -> CloseReason {
        let waiting = async {
            loop {
                match self.events.recv().await.expect("a living sink") {
                    ConnectionEvent::Closed { reason, .. } => return reason,
                    ConnectionEvent::Frame { bytes, .. } => panic!("of whom? {bytes:?}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, waiting).await.expect("an end in time")
    }

    /// Whether anything at all was told.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.events.try_recv().is_err()
    }
}
