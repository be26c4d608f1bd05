use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// A TLS 1.2 ClientHello such as an old client sends, without `supported_versions`.
fn tls12_hello() -> Vec<u8> {
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
    let length = u16::try_from(body.len()).unwrap();
    let mut hello = vec![0x16, 0x03, 0x01];
    hello.extend((length + 4).to_be_bytes());
    hello.extend([0x01, 0x00]);
    hello.extend(length.to_be_bytes());
    hello.extend(body);
    hello
}

fn noise(length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    getrandom::fill(&mut noise).unwrap();
    noise[0] = 0x7F; // never by chance a TLS record
    noise
}

/// Writes bytes and reads to the end of the connection; what came back.
async fn say(address: SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The other side may hang up before all is written.
    let _ = stream.write_all(&bytes).await;
    let mut heard = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end in time");
    heard
}

/// Shakes hands as a client and reads to the end.
async fn shake(address: SocketAddr, shows: Shows, alpn: &'static [&'static [u8]]) {
    if let Ok(mut stream) = lanline_peer::shake(address, shows, alpn).await {
        let mut heard = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end in time");
        assert!(heard.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused_each_for_its_reason() {
    let timeouts = Timeouts { handshake: Duration::from_millis(700), ..Timeouts::default() };
    let alice = Arc::new(Device::new(1, timeouts));
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();

    let refusal = async |expected: &str| {
        let (stream, _) = door.accept().await.unwrap();
        let reason = crate::net::listener::handshake(&alice.net.inner, stream, || {}).await.expect_err(expected);
        assert_eq!(reason, expected);
    };

    let alert = |description: u8| vec![0x15, 0x03, 0x03, 0, 2, 2, description];
    let (heard, ()) = tokio::join!(say(address, tls12_hello()), refusal("TLS 1.2 or older"));
    assert_eq!(heard, alert(70), "protocol_version");
    let plain = b"GET / HTTP/1.1\r\nHost: lanline\r\n\r\n".to_vec();
    let (heard, ()) = tokio::join!(say(address, plain), refusal("plain text or noise instead of TLS"));
    assert!(heard.is_empty() || heard.starts_with(&[0x15]));
    tokio::join!(say(address, noise(1024 * 1024)), refusal("plain text or noise instead of TLS"));
    tokio::join!(say(address, Vec::new()), refusal("no TLS handshake in time"));
    let half = tls12_hello()[..20].to_vec();
    tokio::join!(say(address, half), refusal("no TLS handshake in time"));

    let ours: &[&[u8]] = &[ALPN];
    tokio::join!(shake(address, Shows::Nothing, ours), refusal("no certificate"));
    tokio::join!(shake(address, Shows::Twice(9), ours), refusal("not exactly one certificate"));
    tokio::join!(shake(address, Shows::P256, ours), refusal("not an Ed25519 certificate"));
    let no_alpn = "another protocol, or another version of it (ALPN)";
    tokio::join!(shake(address, STRANGER, &[b"lanline/2", b"h2"]), refusal(no_alpn));
    tokio::join!(shake(address, STRANGER, &[]), refusal(no_alpn));

    // And with nothing wrong, the same client is let in.
    let accept = async {
        let (stream, _) = door.accept().await.unwrap();
        crate::net::listener::handshake(&alice.net.inner, stream, || {}).await.map(drop)
    };
    let (accepted, _peer) = tokio::join!(accept, raw_peer(address));
    accepted.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_idle_strangers_keep_no_member_out() {
    let mut alice = Device::new(1, Timeouts { handshake: Duration::from_secs(2), ..patient() });
    let mut bob = Device::new(2, patient());
    let (_listener, address) = alice.listen();

    let mut strangers = JoinSet::new();
    for _ in 0..500 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        strangers.spawn(async move {
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard).await;
            heard
        });
    }
    // Also those who do worse than nothing.
    strangers.spawn(say(address, noise(1024 * 1024)));
    strangers.spawn(say(address, b"hello\n".to_vec()));

    bob.dial(address).await.unwrap();
    let (at_alice, at_bob) = (alice.opened().await, bob.opened().await);
    at_bob.handle.send(frame_of(100, 1));
    at_alice.handle.send(frame_of(100, 2));
    assert_eq!(alice.frame().await.0, frame_of(100, 1));
    assert_eq!(bob.frame().await.0, frame_of(100, 2));

    // Every stranger is closed in time, and the member never notices.
    let all = async { while strangers.join_next().await.is_some() {} };
    timeout(PATIENCE, all).await.expect("every stranger is closed in time");
    at_bob.handle.send(frame_of(100, 3));
    assert_eq!(alice.frame().await.0, frame_of(100, 3));
    assert_eq!(at_alice.peer, bob.key);
}

#[tokio::test]
async fn what_is_agreed_is_post_quantum_and_never_resumed() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    let mut peer = raw_peer(address).await;
    let side = alice.opened().await;
    side.handle.send(frame_of(10, 0));
    let mut heard = [0; 7];
    timeout(PATIENCE, peer.read_exact(&mut heard)).await.unwrap().unwrap();
    let (_, state) = peer.get_ref();
    assert_eq!(state.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(
        state.negotiated_key_exchange_group().map(|group| group.name()),
        Some(rustls::NamedGroup::X25519MLKEM768)
    );
    assert_eq!(state.tls13_tickets_received(), 0);
    assert_eq!(state.peer_certificates().map(<[_]>::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_with_keys_push_out_each_other_and_no_member() {
    let (mut alice, at_alice, _bob, at_bob, _listener) = pair(patient()).await;
    at_alice.handle.set_limit(FrameLimit::Data);
    let (_door, address) = alice.listen();
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS_MAX + 3 {
        strangers.push(raw_peer(address).await);
    }
    let (mut opened, mut evicted) = (Vec::new(), Vec::new());
    while opened.len() < STRANGERS_MAX + 3 || evicted.len() < 3 {
        match alice.event().await {
            ConnectionEvent::Opened { id, handle, .. } => {
                // They know a room's id, which makes nobody a member.
                handle.set_limit(FrameLimit::Control);
                opened.push(id);
            }
            ConnectionEvent::Closed { id, reason } => {
                assert_eq!(reason, CloseReason::Evicted);
                evicted.push(id);
            }
            other => panic!("{other:?}"),
        }
    }
    evicted.sort();
    assert_eq!(evicted, opened[..3]);
    at_bob.handle.send(frame_of(10, 1));
    assert_eq!(alice.frame().await.0, frame_of(10, 1));
}
