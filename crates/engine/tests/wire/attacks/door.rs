//! Before there is a handshake.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanline_engine::net::{PENDING_PER_ADDRESS_MAX, Timeouts};
use lanline_peer::{PATIENCE, Peer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::identity::client_hello;
use super::mallory::key_of;
use crate::device::{ALICE, BOB, Sockets};

fn impatient() -> Timeouts {
    Timeouts { handshake: Duration::from_millis(700), ..Timeouts::default() }
}

/// Says this and reads to the end, which must come; what came.
async fn say(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut mallory = TcpStream::connect(address).await.unwrap();
    let _ = mallory.write_all(bytes).await;
    let mut heard = Vec::new();
    let _ = timeout(PATIENCE, mallory.read_to_end(&mut heard)).await.expect("an end in time");
    heard
}

#[tokio::test]
async fn other_protocols_in_plain_text() {
    let mut alice = Sockets::new(ALICE, impatient());
    let (_listener, address) = alice.listen();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: lanline\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"EHLO mallory\r\n",
        b"\x00\x00\x00\x85\xffSMBr\x00\x00\x00\x00",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x05\x01\x00",
        // A frame of Lanline's own, without TLS.
        b"\x00\x00\x00\x03\x82\x02\xa0",
    ] {
        let heard = say(address, bytes).await;
        assert!(heard.is_empty() || heard[0] == 0x15, "nothing but an alert: {heard:02x?}");
        assert!(alice.is_quiet(), "{bytes:02x?}");
    }
}

/// Slowloris: always a sign of life, never a whole one.
#[tokio::test]
async fn one_byte_at_a_time() {
    let mut alice = Sockets::new(ALICE, impatient());
    let (_listener, address) = alice.listen();
    let mut mallory = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    for byte in client_hello(&[]) {
        if mallory.write_all(&[byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(30)).await;
    }
    let _ = timeout(PATIENCE, mallory.read_to_end(&mut Vec::new())).await.expect("an end in time");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(alice.is_quiet());
}

#[tokio::test]
async fn a_client_hello_without_end() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let mut mallory = TcpStream::connect(address).await.unwrap();
    // One handshake message of 16 MiB, in records of 16 KiB.
    let first = [&[0x16, 0x03, 0x03, 0x40, 0x00, 0x01, 0xff, 0xff, 0xff][..], &vec![7; 0x4000 - 4]].concat();
    let next = [&[0x16, 0x03, 0x03, 0x40, 0x00][..], &vec![7; 0x4000]].concat();
    let mut taken = 0;
    let mut flood = Box::pin(async {
        if mallory.write_all(&first).await.is_err() {
            return;
        }
        while mallory.write_all(&next).await.is_ok() {
            taken += next.len();
        }
    });
    timeout(PATIENCE, &mut flood).await.expect("an end in time");
    drop(flood);
    // What the system holds between the two is not what the device took.
    assert!(taken < 12 << 20, "{taken} bytes");
    assert!(alice.is_quiet());
}

#[tokio::test]
async fn records_that_are_none() {
    let mut alice = Sockets::new(ALICE, impatient());
    let (_listener, address) = alice.listen();
    for (what, bytes) in [
        ("longer than TLS allows", b"\x16\x03\x03\xff\xff".to_vec()),
        ("without end, and empty", b"\x16\x03\x03\x00\x00".repeat(20_000)),
        ("alerts without end", b"\x15\x03\x03\x00\x02\x01\x5a".repeat(20_000)),
        ("changes of the cipher without end", b"\x14\x03\x03\x00\x01\x01".repeat(20_000)),
    ] {
        let heard = say(address, &bytes).await;
        assert!(heard.len() < 64, "{what}: {heard:02x?}");
        assert!(alice.is_quiet(), "{what}");
    }
}

/// In KDE Connect strangers who said nothing kept the places of those who would have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_kept_by_idle_strangers_cve_2020_26164() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let half = client_hello(&[])[..40].to_vec();
    let mut strangers = Vec::new();
    for n in 0..4 * PENDING_PER_ADDRESS_MAX {
        let mut stranger = TcpStream::connect(address).await.unwrap();
        if n % 2 == 0 {
            stranger.write_all(&half).await.unwrap();
        }
        strangers.push(stranger);
    }
    // From the same address, and at once.
    let begun = Instant::now();
    let mut bob = Peer::dial(address, BOB).await;
    assert_eq!(alice.opened().await.0, key_of(BOB).public());
    assert!(begun.elapsed() < Timeouts::default().handshake, "without waiting for those before");
    assert!(bob.is_connected().await);
    let mut evicted = 0;
    for stranger in &mut strangers {
        evicted += usize::from(timeout(PATIENCE, stranger.read_to_end(&mut Vec::new())).await.is_ok());
    }
    assert_eq!(evicted, strangers.len());
}
