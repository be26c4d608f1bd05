//! Passing for somebody else.

use std::net::SocketAddr;
use std::time::Duration;

use lanline_engine::net::{CloseReason, DialError, Timeouts};
use lanline_peer::{ALPN, PATIENCE, Peer, Shows};
use lanline_protocol::frame::{Frame, Hello};
use lanline_protocol::id::StoreId;
use lanline_protocol::identity::DeviceKey;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::mallory::{MALLORY, alice, answers, key_of, open, stranger};
use crate::described::Member;
use crate::device::{ALICE, BOB, CAROL, Sockets};
use crate::specification::handshake::{found_by, is_refused, record};

/// Somebody listens, and shows this.
async fn door(shows: Shows) -> SocketAddr {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let acceptor = shows.server(&[ALPN]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = door.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        }
    });
    address
}

/// Where alice expects bob, somebody else is, and is told nothing.
async fn is_not_bob(shows: Shows, key: &DeviceKey) {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (address, bob) = (door(shows).await, key_of(BOB).public().device_id());
    let changed = DialError::IdentityChanged { address: address.to_string(), expected: bob, found: key.public() };
    assert_eq!(alice.dial(address, Some(bob)).await, Err(changed));
    assert!(alice.is_quiet());
    // And where nobody is expected, it is who it is.
    assert_eq!(alice.dial(address, None).await, Ok(key.public()));
}

/// In adbd, the comparison of two keys of different kinds answered with an error that was taken for "equal".
#[tokio::test]
async fn certificate_of_another_key_type_cve_2026_0073() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    // The last two are Ed25519 keys of which the certificate says that they are X25519 and Ed448.
    let mistyped = [Shows::Mistyped(MALLORY, 0x6e), Shows::Mistyped(MALLORY, 0x71)];
    for shows in [Shows::P256, Shows::P384, Shows::Rsa].into_iter().chain(mistyped) {
        is_refused(address, shows, &[ALPN]).await;
        assert!(found_by(&alice, shows, &[ALPN]).await.is_err(), "{shows:?}");
        assert!(alice.is_quiet(), "{shows:?}");
    }
}

#[tokio::test]
async fn certificate_of_a_member_without_its_key() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let borrowed = Shows::Borrowed { of: BOB, by: MALLORY };
    is_refused(address, borrowed, &[ALPN]).await;
    assert!(found_by(&alice, borrowed, &[ALPN]).await.is_err());
    // Nor is bob said to be where somebody else is: whoever is known would be no impostor.
    let (address, carol) = (door(borrowed).await, key_of(CAROL).public().device_id());
    assert_eq!(alice.dial(address, Some(carol)).await, Err(DialError::NotLanline(address.to_string())));
    assert!(alice.is_quiet());
}

#[tokio::test]
async fn certificate_with_something_behind_it() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    is_refused(address, Shows::Followed(MALLORY), &[ALPN]).await;
    assert!(found_by(&alice, Shows::Followed(MALLORY), &[ALPN]).await.is_err());
    assert!(alice.is_quiet());
}

/// In LocalSend the fingerprint that a device announced was taken for that of its certificate.
#[tokio::test]
async fn announced_fingerprint_is_no_identity_cve_2025_54792() {
    let naming_bob = Shows::Naming(MALLORY, key_of(BOB).public().device_id());
    is_not_bob(naming_bob, &key_of(MALLORY)).await;
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let _mallory = Peer::dial_as(address, naming_bob).await;
    assert_eq!(alice.opened().await.0, key_of(MALLORY).public());
}

/// In KDE Connect eight characters of a hash of both keys were compared, and whoever may choose a key can look for one
/// that has the same. Here nothing that is shortened decides anything: neither the beginning of an id ...
#[tokio::test]
async fn ground_key_with_the_same_first_characters_cve_2025_32898() {
    let first = |key: &DeviceKey| key.public().device_id().to_string()[..2].to_owned();
    let bobs = first(&key_of(BOB));
    let seeds = (0..100_000_u32).map(|n| *lanline_protocol::id::Hash::of(&n.to_be_bytes()).as_bytes());
    let ground = seeds.into_iter().find(|seed| first(&DeviceKey::from_seed(seed)) == bobs).expect("one in 1024");
    is_not_bob(Shows::Seed(ground), &DeviceKey::from_seed(&ground)).await;
}

/// In KDE Connect the second of two packets might name another device than the first, which had been looked at.
#[tokio::test]
async fn identity_from_a_second_packet_cve_2025_66270() {
    let (alice, room) = alice().await;
    let mut bob = Member::join(&alice, &json!(room.to_string())).await;
    bob.settle().await;
    let mut mallory = stranger(&alice).await;
    let hello = |store| Frame::Hello(Hello { store, name: "bob".into(), agent: "test".into() });
    mallory.say(&hello(StoreId::new([0xb0; 16]))).await;
    // The room, as bob would name it here, and as mallory.
    for (slot, seed) in [(0, BOB), (1, MALLORY)] {
        let name = open(&mallory, slot, room, &key_of(seed).public());
        mallory.say(&name).await;
    }
    let answers = answers(&mut mallory).await;
    assert!(answers.len() == 2 && answers.iter().all(|frame| matches!(frame, Frame::Unknown(_))), "{answers:?}");
    // With bob's store it would go on where bob is.
    mallory.say(&hello(StoreId::new([0xb1; 16]))).await;
    assert_eq!(mallory.goodbye().await, "bad_frame");
    assert_eq!(alice.members(room).await, ["alice", "bob"]);
    alice.node.close().await;
}

/// A ClientHello of TLS 1.3 with these extensions besides the necessary ones; the last must be the last.
pub(super) fn client_hello(more: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut point = [0; 32];
    point[0] = 9;
    let share = [&[0x00, 0x1d, 0, 32][..], &point].concat();
    let own: [(u16, Vec<u8>); 6] = [
        (0x2b, vec![2, 0x03, 0x04]),
        (0x0a, vec![0, 2, 0x00, 0x1d]),
        (0x33, [&short(share.len())[..], &share].concat()),
        (0x0d, vec![0, 2, 0x08, 0x07]),
        (0x10, [&short(1 + ALPN.len())[..], &[ALPN.len() as u8], ALPN].concat()),
        (0x2d, vec![1, 1]),
    ];
    let mut extensions = Vec::new();
    for (kind, body) in own.iter().chain(more) {
        extensions.extend([&kind.to_be_bytes()[..], &short(body.len()), body].concat());
    }
    let head = [&[0x03, 0x03][..], &[7; 32], &[32], &[8; 32], &[0, 2, 0x13, 0x01, 1, 0]].concat();
    record(0x01, &[&head[..], &short(extensions.len()), &extensions].concat())
}

/// The kinds of the extensions in a ServerHello in the first record.
fn extensions(heard: &[u8]) -> Vec<u16> {
    assert_eq!((heard[0], heard[5]), (0x16, 0x02), "a ServerHello");
    let mut at = 9 + 2 + 32;
    at += 1 + usize::from(heard[at]) + 2 + 1;
    let end = at + 2 + usize::from(u16::from_be_bytes([heard[at], heard[at + 1]]));
    at += 2;
    let mut kinds = Vec::new();
    while at < end {
        kinds.push(u16::from_be_bytes([heard[at], heard[at + 1]]));
        at += 4 + usize::from(u16::from_be_bytes([heard[at + 2], heard[at + 3]]));
    }
    kinds
}

#[tokio::test]
async fn early_data_by_a_ticket_that_was_made_up() {
    let mut alice = Sockets::new(ALICE, Timeouts { handshake: Duration::from_millis(700), ..Timeouts::default() });
    let (_listener, address) = alice.listen();
    let ticket = [&[0, 38, 0, 32][..], &[5; 32], &[0; 4], &[0, 33, 32], &[6; 32]].concat();
    let hello = client_hello(&[(0x2a, Vec::new()), (0x29, ticket)]);
    let mut mallory = TcpStream::connect(address).await.unwrap();
    mallory.write_all(&hello).await.unwrap();
    mallory.write_all(&[&[0x17, 0x03, 0x03, 0, 64][..], &[0x82; 64]].concat()).await.unwrap();
    let mut heard = Vec::new();
    timeout(PATIENCE, mallory.read_to_end(&mut heard)).await.expect("an end in time").unwrap();
    let kinds = extensions(&heard);
    assert!(kinds.contains(&0x33), "it begins from the start: {kinds:02x?}");
    assert!(!kinds.contains(&0x29), "and takes up nothing: {kinds:02x?}");
    assert!(alice.is_quiet());
}

#[tokio::test]
async fn recorded_handshake_played_again() {
    let mut alice = Sockets::new(ALICE, Timeouts { handshake: Duration::from_millis(700), ..Timeouts::default() });
    let (_listener, address) = alice.listen();
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = relay.local_addr().unwrap();
    let recording = tokio::spawn(async move {
        let (mut bob, _) = relay.accept().await.unwrap();
        let mut alice = TcpStream::connect(address).await.unwrap();
        let (mut from_bob, mut to_bob) = bob.split();
        let (mut from_alice, mut to_alice) = alice.split();
        let mut recorded = Vec::new();
        let record = async {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from_bob.read(&mut bytes).await {
                recorded.extend_from_slice(&bytes[..count]);
                to_alice.write_all(&bytes[..count]).await.unwrap();
            }
        };
        tokio::select! {
            () = record => {}
            _ = tokio::io::copy(&mut from_alice, &mut to_bob) => {}
        }
        recorded
    });
    let mut bob = Peer::dial(between, BOB).await;
    assert_eq!(alice.opened().await.0, key_of(BOB).public());
    bob.send(&lanline_peer::PING).await;
    bob.hear(&lanline_peer::PONG).await;
    drop(bob);
    let recorded = timeout(PATIENCE, recording).await.expect("an end in time").unwrap();
    alice.closed().await;
    assert!(recorded.len() > 500);
    let mut mallory = TcpStream::connect(address).await.unwrap();
    mallory.write_all(&recorded).await.unwrap();
    let mut heard = Vec::new();
    let _ = timeout(PATIENCE, mallory.read_to_end(&mut heard)).await.expect("an end in time");
    assert!(alice.is_quiet(), "bob is not there again");
}

#[tokio::test]
async fn new_keys_without_end() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let mut mallory = Peer::dial(address, MALLORY).await;
    alice.opened().await;
    for _ in 0..200 {
        let _ = mallory.stream.get_mut().1.refresh_traffic_keys();
        if mallory.stream.flush().await.is_err() {
            break;
        }
    }
    assert_eq!(alice.closed().await, CloseReason::BadFrame);
}
