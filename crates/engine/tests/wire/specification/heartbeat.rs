//! Signs of life, in the time that they really take.

use std::time::{Duration, Instant};

use lanline_engine::net::Timeouts;
use tokio::time::sleep;

use crate::device::{ALICE, BOB, Device, Sockets};
use lanline_peer::{PING, PONG, Peer};

#[tokio::test]
async fn ping_when_quiet() {
    let alice = Device::open().await;
    let mut peer = Peer::dial(alice.address, BOB).await;
    // The first at once, beside `hello`.
    peer.hear(&PING).await;
    let mut before = Instant::now();
    for _ in 0..2 {
        peer.hear(&PING).await;
        let quiet = before.elapsed();
        before = Instant::now();
        assert!((Duration::from_millis(1_500)..Duration::from_millis(4_000)).contains(&quiet), "{quiet:?}");
    }
    alice.node.close().await;
}

#[tokio::test]
async fn ping_answered() {
    let alice = Device::open().await;
    let mut peer = Peer::dial(alice.address, BOB).await;
    // Before `hello` and after it, one and several, and one of which only the beginning is as it should be.
    peer.send(&PING).await;
    peer.hear(&PONG).await;
    peer.hello().await;
    for _ in 0..3 {
        peer.send(&PING).await;
        peer.hear(&PONG).await;
    }
    peer.write(&[&[0, 0, 0, 3][..], &PING].concat().repeat(20)).await;
    peer.hear(&PONG).await;
    peer.send(&[0x82, 0x02, 0xa1, 0x00, 0xff]).await;
    peer.hear(&PONG).await;
    alice.node.close().await;
}

#[tokio::test]
async fn silence_ends() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let mut silent = Peer::dial(address, BOB).await;
    let mut slow = Peer::dial(address, BOB).await;
    for _ in 0..2 {
        alice.opened().await;
    }
    let start = Instant::now();
    let ends = async {
        assert_eq!(silent.goodbye().await, "silent");
        let after = start.elapsed();
        assert!((Duration::from_millis(6_500)..Duration::from_secs(12)).contains(&after), "{after:?}");
    };
    // Any byte is a sign of life, also of a frame that takes its time.
    let lives = async {
        for byte in [0, 0] {
            slow.write(&[byte]).await;
            sleep(Duration::from_millis(4_500)).await;
        }
        slow.write(&[&[0, 3][..], &PING].concat()).await;
        slow.hear(&PONG).await;
    };
    tokio::join!(ends, lives);
}
