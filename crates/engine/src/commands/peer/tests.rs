//! Connecting to devices that do not do what a Lanline does.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use lanline_protocol::{
    frame::{Frame, Hello},
    id::StoreId,
    identity::DeviceKey,
};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use super::*;
use crate::{
    Flags, Settings,
    api::{CallError, NoParams, StartServer},
    net::{ConnectionEvent, Listener, Net, Timeouts},
};

/// However busy the machine: what takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(20);

async fn alice(folder: &Path) -> Node {
    let flags = Flags { data_dir: Some(folder.into()), ..Flags::default() };
    let mut settings = Settings::load(flags).unwrap();
    settings.listen = vec!["127.0.0.1:0".parse().unwrap()];
    Node::open(settings).await.unwrap()
}

/// Sockets with a device's key, and nothing behind them.
struct Hollow {
    key: DeviceKey,
    net: Net,
    _listener: Listener,
    address: Address,
    events: UnboundedReceiver<ConnectionEvent>,
}

impl Hollow {
    fn listen(seed: [u8; 32], port: u16) -> Self {
        let key = DeviceKey::from_seed(&seed);
        let (sender, events) = unbounded_channel();
        let sink = move |event| drop(sender.send(event));
        let net = Net::new(&key, tokio::runtime::Handle::current(), Timeouts::default(), sink).unwrap();
        let listener = net.listen(&["127.0.0.1:0".parse().unwrap()], port).unwrap();
        let address = Address::Socket(([127, 0, 0, 1], listener.port()).into());
        Self { key, net, _listener: listener, address, events }
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(ConnectionEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(self.events.recv().await.expect("a living sink")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("it happens in time")
    }

    async fn opened(&mut self) -> crate::net::ConnectionHandle {
        self.until(|event| match event {
            ConnectionEvent::Opened { handle, .. } => Some(handle),
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn to_ask_for_a_device_that_is_just_being_dialled_is_to_wait_for_it() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (alice, bob) = (self::alice(folders[0].path()).await, self::alice(folders[1].path()).await);
    alice.start_server(StartServer { port: Some(0) }).await.unwrap();
    let port = bob.start_server(StartServer { port: Some(0) }).await.unwrap().port;
    let room = alice.call("create_room", json!({"name": "Garden"})).await.unwrap()["room"].take();
    let link = alice.call("invite", json!({"room": room})).await.unwrap()["link"].take();
    bob.call("join", json!({"link": link})).await.unwrap();
    let id = bob.device_id();
    // Until Alice knows where Bob listens.
    let begun = Instant::now();
    while alice.core().read(move |machine| Ok(machine.replica.known_addresses(id).is_empty())).await.unwrap() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    bob.close().await;

    let seed = std::fs::read(folders[1].path().join("identity.key")).unwrap().try_into().unwrap();
    let mut bob = Hollow::listen(seed, port);
    let handle = bob.opened().await;
    let asked = alice.submit("connect", json!({"device_id": id.to_string()}));
    // The one who dialled by itself waits for the hello too.
    while alice.core().read(move |machine| Ok(machine.connections.awaited(id))).await.unwrap() < 2 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    let hello = Hello { store: StoreId::new([9; 16]), name: "Bob".to_owned(), agent: "test".to_owned() };
    handle.send(Frame::Hello(hello).encode().into());
    assert_eq!(asked.await, Ok(json!({"device_id": id.to_string()})));
    alice.close().await;
}

#[tokio::test]
async fn a_device_that_says_nothing_is_hung_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let alice = alice(folder.path()).await;
    let mut bob = Hollow::listen([2; 32], 0);
    let deadline = Instant::now() + Duration::from_millis(500);
    let error = alice.reach(std::slice::from_ref(&bob.address), None, deadline).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);
    let reason = bob
        .until(|event| match event {
            ConnectionEvent::Closed { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, CloseReason::Goodbye("silent".to_owned()));
    assert_eq!(alice.peers(NoParams {}).await.unwrap(), []);
    alice.close().await;
    bob.net.shutdown().await;
}

#[tokio::test]
async fn why_a_device_hung_up_is_told_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let alice = alice(folder.path()).await;
    let mut bob = Hollow::listen([2; 32], 0);
    let me = bob.key.public().device_id().to_string();
    for (reason, word) in [
        (CloseReason::ReadOnly, "free some space"),
        (CloseReason::Shutdown, "shutting down"),
        (CloseReason::Removed, "(removed)"),
        // Nothing takes over, although it says so.
        (CloseReason::Replaced, "(replaced)"),
    ] {
        let asked = alice.submit("connect", json!({"address": bob.address.to_string(), "device_id": me}));
        bob.opened().await.close(reason);
        match tokio::time::timeout(CONNECT, asked).await.expect("sooner than it would give up") {
            Err(CallError::Failed(error)) => {
                assert!(error.code == ErrorCode::Unreachable && error.message.contains(word), "{error:?}");
                assert!(error.message.ends_with('.'));
            }
            other => panic!("{other:?}"),
        }
    }
    alice.close().await;
}

/// A door that hangs up at once on the first who come, and leads to `behind` after them. Counts who came.
async fn crowded(turned_away: usize, behind: u16) -> (String, Arc<AtomicUsize>) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, came) = (door.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = door.accept().await {
            if count.fetch_add(1, Ordering::Relaxed) >= turned_away {
                let mut inside = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut stream, &mut inside).await });
            }
        }
    });
    (address, came)
}

#[tokio::test]
async fn who_is_hung_up_on_at_once_tries_again_and_not_for_ever() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (alice, bob) = (self::alice(folders[0].path()).await, self::alice(folders[1].path()).await);
    let port = bob.start_server(StartServer { port: Some(0) }).await.unwrap().port;
    let connect = |address: &str| Connect { address: Some(address.to_owned()), device_id: None };

    let (address, came) = crowded(usize::MAX, port).await;
    let error = alice.connect(connect(&address)).await.unwrap_err();
    assert!(error.code == ErrorCode::Unreachable && error.message.contains("hung up at once"), "{error:?}");
    assert_eq!(came.load(Ordering::Relaxed), 1 + PAUSES.len());
    // Who does not wait for it any more does not try any more.
    let (address, came) = crowded(usize::MAX, port).await;
    let given_up = tokio::time::timeout(PAUSES[0] * 2, alice.connect(connect(&address))).await;
    // The last one may still be on its way.
    tokio::time::sleep(PAUSES[0]).await;
    let tried = came.load(Ordering::Relaxed);
    assert!(given_up.is_err() && tried >= 1);
    tokio::time::sleep(PAUSES[1] * 2).await;
    assert_eq!(came.load(Ordering::Relaxed), tried);

    let (address, came) = crowded(PAUSES.len(), port).await;
    assert_eq!(alice.connect(connect(&address)).await.unwrap().device_id, bob.device_id().to_string());
    assert_eq!(came.load(Ordering::Relaxed), 1 + PAUSES.len());
    for node in [alice, bob] {
        node.close().await;
    }
}
