//! Who is spoken to.

use std::net::SocketAddr;

use lanline_engine::net::{ALPN, DialError, Timeouts};
use lanline_peer::Shows;
use lanline_protocol::identity::DeviceKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::device::{ALICE, BOB, CAROL, Sockets};
use lanline_peer::{PATIENCE, Peer};

/// The TLS 1.2 ClientHello of an old client, without `supported_versions`.
pub(crate) fn tls12_client_hello() -> Vec<u8> {
    let mut body = vec![0x03, 0x03];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xC0, 0x2F, 1, 0]);
    let extensions = [
        &[0x00, 0x0A, 0, 4, 0, 2, 0, 29][..],
        &[0x00, 0x0B, 0, 2, 1, 0],
        &[0x00, 0x0D, 0, 6, 0, 4, 0x04, 0x03, 0x08, 0x04],
    ]
    .concat();
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    record(0x01, &body)
}

/// The TLS 1.2 ServerHello that answers this ClientHello: the same session, an old cipher suite.
fn tls12_server_hello(client_hello: &[u8]) -> Vec<u8> {
    // Record head, handshake head, version, random; then the session's id.
    let session = &client_hello[43..][..1 + usize::from(client_hello[43])];
    let body = [&[0x03, 0x03][..], &[7; 32], session, &[0xC0, 0x2F, 0x00]].concat();
    record(0x02, &body)
}

/// A handshake message in a record of its own.
pub(crate) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&[0x16, 0x03, 0x03][..], &(length + 4).to_be_bytes(), &[kind, 0], &length.to_be_bytes(), body].concat()
}

/// Shakes hands with a device that listens, says a frame, and hears nothing but the end.
pub(crate) async fn is_refused(address: SocketAddr, shows: Shows, alpn: &[&[u8]]) {
    // In TLS 1.3 this side finishes before its certificate was looked at.
    if let Ok(mut stream) = lanline_peer::shake(address, shows, alpn).await {
        let _ = stream.write_all(b"\x00\x00\x00\x03\x82\x02\xa0").await;
        let mut heard = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end in time");
        assert!(heard.is_empty(), "{shows:?}: {heard:02x?}");
    }
}

/// What a device that dials finds of a server that shows this.
pub(crate) async fn found_by(bob: &Sockets, shows: Shows, alpn: &[&[u8]]) -> Result<(), DialError> {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let acceptor = shows.server(alpn);
    let serve = async {
        let (stream, _) = door.accept().await.unwrap();
        if let Ok(mut stream) = acceptor.accept(stream).await {
            let mut heard = Vec::new();
            let _ = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        }
    };
    tokio::select! {
        result = bob.dial(address, None) => result.map(drop),
        () = async { serve.await; std::future::pending().await } => unreachable!(),
    }
}

#[tokio::test]
async fn tls_1_3_only() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&tls12_client_hello()).await.unwrap();
    let mut heard = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end in time").unwrap();
    assert_eq!(heard, [0x15, 0x03, 0x03, 0, 2, 2, 70], "the alert protocol_version");
    assert!(alice.is_quiet());

    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let old = door.local_addr().unwrap();
    let serve = async {
        let (mut stream, _) = door.accept().await.unwrap();
        let mut hello = vec![0; 4096];
        let length = stream.read(&mut hello).await.unwrap();
        stream.write_all(&tls12_server_hello(&hello[..length])).await.unwrap();
        let mut heard = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end in time").unwrap();
        heard
    };
    let (error, heard) = tokio::join!(alice.dial(old, None), serve);
    assert_eq!(error, Err(DialError::NotLanline(old.to_string())));
    assert_eq!(heard.first(), Some(&0x15), "an alert and nothing else: {heard:02x?}");
    assert!(alice.is_quiet());

    let _peer = Peer::dial(address, BOB).await;
    assert_eq!(alice.opened().await.0, DeviceKey::from_seed(&[BOB; 32]).public());
}

#[tokio::test]
async fn alpn_required() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    let others: [&[&[u8]]; 4] = [&[], &[b"h2"], &[b"lanline/2"], &[b"lanline", b"LANLINE/1", b"lanline/1.0"]];
    for alpn in others {
        is_refused(address, Shows::Key(BOB), alpn).await;
        assert!(found_by(&alice, Shows::Key(BOB), alpn).await.is_err(), "{alpn:?}");
        assert!(alice.is_quiet(), "{alpn:?}");
    }
    assert_eq!(found_by(&alice, Shows::Key(BOB), &[b"h2", ALPN]).await, Ok(()));
    alice.opened().await;
    let _peer = Peer::dial(address, CAROL).await;
    assert_eq!(alice.opened().await.0, DeviceKey::from_seed(&[CAROL; 32]).public());
}

#[tokio::test]
async fn one_ed25519_certificate() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    is_refused(address, Shows::Nothing, &[ALPN]).await;
    for shows in [Shows::Twice(BOB), Shows::P256] {
        is_refused(address, shows, &[ALPN]).await;
        assert!(found_by(&alice, shows, &[ALPN]).await.is_err(), "{shows:?}");
    }
    assert!(alice.is_quiet());
    assert_eq!(found_by(&alice, Shows::Key(BOB), &[ALPN]).await, Ok(()));
    alice.opened().await;
    let _peer = Peer::dial(address, CAROL).await;
    alice.opened().await;
}

#[tokio::test]
async fn not_own_key() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    is_refused(address, Shows::Key(ALICE), &[ALPN]).await;
    assert!(matches!(found_by(&alice, Shows::Key(ALICE), &[ALPN]).await, Err(DialError::OwnKey(_))));
    assert_eq!(alice.dial(address, None).await, Err(DialError::OwnKey(address.to_string())));
    assert!(alice.is_quiet());
    assert_eq!(found_by(&alice, Shows::Key(BOB), &[ALPN]).await, Ok(()));
}

#[tokio::test]
async fn expected_device() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let mut bob = Sockets::new(BOB, Timeouts::default());
    let (_listener, address) = bob.listen();
    let found = DeviceKey::from_seed(&[BOB; 32]).public();
    let expected = DeviceKey::from_seed(&[CAROL; 32]).public().device_id();
    let changed = DialError::IdentityChanged { address: address.to_string(), expected, found };
    assert_eq!(alice.dial(address, Some(expected)).await, Err(changed));
    assert!(alice.is_quiet() && bob.is_quiet(), "neither was told of the other");
    assert_eq!(alice.dial(address, Some(found.device_id())).await, Ok(found));
    assert_eq!(bob.opened().await.0, DeviceKey::from_seed(&[ALICE; 32]).public());
}
