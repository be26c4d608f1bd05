use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

async fn door() -> (TcpListener, SocketAddr) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    (door, address)
}

#[tokio::test]
async fn both_sides_know_each_other_and_share_a_secret() {
    let (alice, at_alice, bob, at_bob, _listener) = pair(patient()).await;
    assert_eq!((at_alice.peer, at_bob.peer), (bob.key, alice.key));
    assert_eq!(at_alice.exporter, at_bob.exporter);
    assert!(at_bob.dialled && !at_alice.dialled);

    let (_, again, _, _, _listener) = pair(patient()).await;
    assert_ne!(again.exporter, at_alice.exporter);
}

#[tokio::test]
async fn only_the_expected_device_will_do() {
    let mut alice = Device::new(1, patient());
    let bob = Device::new(2, patient());
    let carol = Device::new(3, patient());
    let (_listener, address) = alice.listen();

    let expected = carol.key.device_id();
    let error = bob.net.dial(&[address.into()], Some(expected), PATIENCE).await.unwrap_err();
    assert_eq!(error, DialError::IdentityChanged { address: address.to_string(), expected, found: alice.key });
    assert!(alice.events.try_recv().is_err(), "alice never learnt who bob is");

    let found = bob.net.dial(&[address.into()], Some(alice.key.device_id()), PATIENCE).await.unwrap();
    assert_eq!((found.peer, found.address), (alice.key, address));
    assert_eq!(alice.opened().await.peer, bob.key);
}

/// Whoever answers in another's place learns no more than that somebody dialled: not even who.
#[tokio::test]
async fn nothing_is_sent_to_another_than_the_expected_device() {
    let bob = Device::new(2, patient());
    let (door, address) = door().await;
    let acceptor = STRANGER.server(&[ALPN]);
    let serve = async {
        let (stream, _) = door.accept().await.unwrap();
        let (mut ours, theirs) = tokio::io::duplex(1 << 16);
        // What bob sends is counted on its way to the impostor's TLS.
        let relay = async {
            let (mut from_bob, mut to_bob) = stream.into_split();
            let (mut answers, mut heard) = tokio::io::split(&mut ours);
            let mut sent = Vec::new();
            let hear = async {
                let mut bytes = [0; 4096];
                while let Ok(read @ 1..) = from_bob.read(&mut bytes).await {
                    sent.extend_from_slice(&bytes[..read]);
                    if heard.write_all(&bytes[..read]).await.is_err() {
                        break;
                    }
                }
                let _ = heard.shutdown().await;
            };
            tokio::join!(hear, async { drop(tokio::io::copy(&mut answers, &mut to_bob).await) });
            sent
        };
        tokio::join!(relay, async { acceptor.accept(theirs).await.map(drop) })
    };
    let expected = Device::new(3, patient()).key.device_id();
    let addresses = [address.into()];
    let (error, (sent, accepted)) = tokio::join!(bob.net.dial(&addresses, Some(expected), PATIENCE), serve);
    assert!(matches!(error, Err(DialError::IdentityChanged { .. })), "{error:?}");
    // The handshake never ended, so that there was nothing to send by; and bob's certificate was not shown either.
    let alert = accepted.unwrap_err();
    assert!(format!("{alert:?}").contains("AlertReceived"), "{alert:?}");
    let records = records(&sent);
    assert_eq!(records.first().map(|(kind, _)| *kind), Some(0x16), "ClientHello: {records:?}");
    let after: usize = records.iter().skip(1).map(|(_, length)| length).sum();
    assert!(after < 64, "an alert and what is around it: {records:?}");
}

/// The kind and length of each TLS record.
fn records(mut bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut found = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        found.push((*kind, length));
        bytes = rest.get(length..).unwrap_or_default();
    }
    found
}

#[tokio::test]
async fn a_device_does_not_talk_to_itself() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    assert_eq!(alice.dial(address).await, Err(DialError::OwnKey(address.to_string())));

    // Nor to someone who sends back what it says: the relay reaches alice's own server.
    let (door, relay) = door().await;
    tokio::spawn(async move {
        let (mut here, _) = door.accept().await.unwrap();
        let mut there = TcpStream::connect(address).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
    });
    assert_eq!(alice.dial(relay).await, Err(DialError::OwnKey(relay.to_string())));
    assert!(alice.events.try_recv().is_err());
}

#[tokio::test]
async fn what_is_not_lanline_is_told_apart() {
    let bob = Device::new(2, patient());
    for (shows, alpn, expected) in [
        (Shows::P256, ALPN, DialError::NotLanline as fn(String) -> DialError),
        (Shows::Twice(9), ALPN, DialError::NotLanline),
        (STRANGER, b"", DialError::NotLanline),
        (STRANGER, b"lanline/9", DialError::VersionUnsupported),
    ] {
        let (door, address) = door().await;
        let alpn: Vec<&[u8]> = if alpn.is_empty() { vec![] } else { vec![alpn] };
        let acceptor = shows.server(&alpn);
        let serve = async {
            let (stream, _) = door.accept().await.unwrap();
            acceptor.accept(stream).await.map(drop)
        };
        let (error, _) = tokio::join!(bob.dial(address), serve);
        assert_eq!(error, Err(expected(address.to_string())), "{shows:?} {alpn:?}");
    }

    let (door, address) = door().await;
    let serve = async {
        let (mut stream, _) = door.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let (stream, _) = door.accept().await.unwrap();
        drop(stream);
    };
    let dials = async {
        assert_eq!(bob.dial(address).await, Err(DialError::NotLanline(address.to_string())));
        assert_eq!(bob.dial(address).await, Err(DialError::HungUp(address.to_string())));
    };
    tokio::join!(serve, dials);
}

#[tokio::test]
async fn a_dial_ends_in_time_with_a_reason() {
    let bob = Device::new(2, patient());
    assert_eq!(bob.net.dial(&[], None, PATIENCE).await, Err(DialError::NoAddress));

    let (silent, address) = door().await;
    let error = bob.net.dial(&[address.into()], None, Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error, DialError::TimedOut(address.to_string()));

    drop(silent);
    assert_eq!(bob.dial(address).await, Err(DialError::Refused(address.to_string())));

    let nowhere = Address::Name { host: "no-such-host.invalid".into(), port: 1 };
    let error = bob.net.dial(&[nowhere], None, PATIENCE).await.unwrap_err();
    assert_eq!(error, DialError::UnknownHost("no-such-host.invalid".into()));
}

#[tokio::test]
async fn an_address_that_does_not_answer_delays_little() {
    let alice = Device::new(1, patient());
    let bob = Device::new(2, patient());
    let (_listener, address) = alice.listen();
    let (_silent, silent) = door().await;
    let (closed, refusing) = door().await;
    drop(closed);
    let found = bob.net.dial(&[silent.into(), refusing.into(), address.into()], None, PATIENCE).await.unwrap();
    assert_eq!((found.peer, found.address), (alice.key, address));
}

#[tokio::test]
async fn a_dropped_dial_leaves_nothing() {
    let mut bob = Device::new(2, patient());
    let (silent, address) = door().await;
    let accepted = async { silent.accept().await.unwrap().0 };
    let mut stream = tokio::select! {
        _ = bob.dial(address) => panic!("nobody answered"),
        stream = accepted => stream,
    };
    timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("bob hangs up").ok();
    assert!(bob.events.try_recv().is_err());
}

#[tokio::test]
async fn a_host_name_is_looked_up() {
    let alice = Device::new(1, patient());
    let bob = Device::new(2, patient());
    let (_listener, address) = alice.listen();
    let name = Address::parse(&format!("localhost:{}", address.port()), 1).unwrap();
    let found = bob.net.dial(&[name], None, PATIENCE).await.unwrap();
    assert_eq!(found.peer, alice.key);
}
