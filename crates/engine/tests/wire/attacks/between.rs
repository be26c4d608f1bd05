//! Somebody who stands between two devices, each of which is connected to the other through him.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lanline_engine::api::ApiError;
use lanline_engine::net::{CloseReason, Timeouts};
use lanline_peer::{ALPN, PING, Peer, Shows, shake};
use lanline_protocol::link::InviteLink;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::mallory::{MALLORY, alice};
use crate::device::{ALICE, BOB, Device, Sockets};

/// Mallory shakes hands with whoever dials, and with alice, and hands every byte of each session on in the other. Gives
/// with how many both hands were shaken, too.
async fn two_sessions(alice: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let both = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&both);
    let acceptor = Shows::Key(MALLORY).server(&[ALPN]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = door.accept().await {
            let Ok(mut to_bob) = acceptor.accept(stream).await else { continue };
            let mut to_alice = shake(alice, Shows::Key(MALLORY), &[ALPN]).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move { copy_bidirectional(&mut to_bob, &mut to_alice).await });
        }
    });
    (address, both)
}

/// A cable: what stands between and shakes no hands.
async fn cable(alice: SocketAddr) -> SocketAddr {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = door.accept().await {
            let mut to_alice = TcpStream::connect(alice).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut to_alice).await });
        }
    });
    address
}

async fn refused(bob: &Device, params: Value) -> Value {
    let error = bob.node.call("join", params).await.expect_err("bob is not let in");
    serde_json::to_value(ApiError::from(error)).unwrap()["code"].take()
}

/// The link names the device; mallory is where it says that the device is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tls_sessions_when_a_link_is_used() {
    let ((alice, room), bob) = (alice().await, Device::of("bob").await);
    let (address, both) = two_sessions(alice.address).await;
    let link = alice.call("invite", json!({"room": room.to_string()})).await["link"].take();
    let mut link: InviteLink = link.as_str().unwrap().parse().unwrap();
    link.hosts[0].addresses = vec![address.to_string()];
    assert_eq!(refused(&bob, json!({"link": link.to_string()})).await, "identity_changed");
    assert_eq!(both.load(Ordering::Relaxed), 0);
    assert_eq!(alice.members(room).await, ["alice"]);
    assert_eq!(bob.call("rooms", json!({})).await, json!([]));
    // By a cable all is well: it is the second session that is found out.
    link.hosts[0].addresses = vec![cable(alice.address).await.to_string()];
    bob.call("join", json!({"link": link.to_string()})).await;
    assert_eq!(alice.members(room).await, ["alice", "bob"]);
    tokio::join!(alice.node.close(), bob.node.close());
}

/// Bob was told the right code, and mallory's address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tls_sessions_when_the_right_code_is_typed() {
    let ((alice, room), bob) = (alice().await, Device::of("bob").await);
    let (address, both) = two_sessions(alice.address).await;
    let shown = alice.call("invite", json!({"room": room.to_string()})).await;
    let typed = json!({"address": address.to_string(), "code": shown["code"]});
    assert_eq!(refused(&bob, typed.clone()).await, "wrong_code");
    // It was mallory's one guess: the same code is good for nobody any more.
    assert_eq!(refused(&bob, typed).await, "expired");
    assert_eq!(alice.members(room).await, ["alice"]);
    assert_eq!(bob.call("rooms", json!({})).await, json!([]));
    assert!(both.load(Ordering::Relaxed) > 0, "they did meet, through mallory");
    // By a cable the next code lets bob in.
    let shown = alice.call("show_code", json!({"link": shown["link"]})).await;
    let address = cable(alice.address).await;
    bob.call("join", json!({"address": address.to_string(), "code": shown["code"]})).await;
    assert_eq!(alice.members(room).await, ["alice", "bob"]);
    tokio::join!(alice.node.close(), bob.node.close());
}

/// After the handshake, one bit of one record.
#[tokio::test]
async fn one_bit_turned_on_the_way() {
    for turned in [5, 8, 20] {
        let mut alice = Sockets::new(ALICE, Timeouts::default());
        let (_listener, address) = alice.listen();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let between = door.local_addr().unwrap();
        let (send, mut turn) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(async move {
            let (bob, _) = door.accept().await.unwrap();
            let to_alice = TcpStream::connect(address).await.unwrap();
            let (mut from_bob, mut to_bob) = bob.into_split();
            let (mut from_alice, mut to_alice) = to_alice.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_alice, &mut to_bob).await });
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from_bob.read(&mut bytes).await {
                if turn.try_recv().is_ok() {
                    bytes[turned] ^= 0x10;
                }
                to_alice.write_all(&bytes[..count]).await.unwrap();
            }
        });
        let mut bob = Peer::dial(between, BOB).await;
        alice.opened().await;
        assert!(bob.is_connected().await);
        send.send(()).unwrap();
        bob.send(&PING).await;
        assert_eq!(alice.closed().await, CloseReason::BadFrame, "byte {turned}");
    }
}
