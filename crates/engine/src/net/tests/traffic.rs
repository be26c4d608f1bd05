use std::time::Instant;

use lanline_protocol::frame::{Batch, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::sleep;

use super::*;
use crate::net::frame::{PING, PONG};
use crate::net::shared::Ends;

/// A frame as it goes over the wire.
fn framed(frame: &[u8]) -> Vec<u8> {
    [&u32::try_from(frame.len()).unwrap().to_be_bytes(), frame].concat()
}

/// Waits for a condition that another thread brings about.
async fn until(mut condition: impl FnMut() -> bool) {
    let reached = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("the condition in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_all_sizes_arrive_once_and_in_order_both_ways() {
    let (mut alice, at_alice, mut bob, at_bob, _listener) = pair(patient()).await;
    at_alice.handle.set_limit(FrameLimit::Data);
    at_bob.handle.set_limit(FrameLimit::Data);
    let sizes = [2, 3, 100, 16 * 1024, 16 * 1024 + 1, 65_536, 1, 700_000, 2, FrameLimit::Data.bytes()];
    let frames: Vec<Bytes> = sizes.iter().map(|size| frame_of((*size).max(2), *size as u8)).collect();
    for frame in &frames {
        at_alice.handle.send(frame.clone());
        at_bob.handle.send(frame.clone());
    }
    for expected in &frames {
        assert_eq!(alice.frame().await.0, *expected);
        assert_eq!(bob.frame().await.0, *expected);
    }
    until(|| at_alice.handle.queued_bytes() == 0 && at_bob.handle.queued_bytes() == 0).await;
    until(|| at_alice.handle.rtt().is_some() && at_bob.handle.rtt().is_some()).await;
}

#[tokio::test]
async fn a_close_delivers_what_was_sent_and_says_why() {
    let (mut alice, at_alice, mut bob, _at_bob, _listener) = pair(patient()).await;
    for n in 0..20 {
        at_alice.handle.send(frame_of(4096, n));
    }
    at_alice.handle.close(CloseReason::Removed);
    at_alice.handle.close(CloseReason::Replaced);
    at_alice.handle.send(frame_of(10, 99));
    for n in 0..20 {
        assert_eq!(bob.frame().await.0, frame_of(4096, n));
    }
    assert_eq!(bob.closed().await, CloseReason::Goodbye("removed".into()));
    assert_eq!(alice.closed().await, CloseReason::Removed);
}

#[tokio::test]
async fn a_frame_over_the_limit_ends_the_connection() {
    let (mut alice, at_alice, mut bob, at_bob, _listener) = pair(patient()).await;
    at_bob.handle.send(frame_of(FrameLimit::Stranger.bytes(), 1));
    at_bob.handle.send(frame_of(FrameLimit::Stranger.bytes() + 1, 2));
    assert_eq!(alice.frame().await.0.len(), 4096);
    assert_eq!(alice.closed().await, CloseReason::FrameTooLarge);
    assert_eq!(bob.closed().await, CloseReason::Goodbye("frame_too_large".into()));
    at_alice.handle.send(frame_of(10, 3));
}

#[tokio::test]
async fn a_frame_is_judged_when_the_core_has_dealt_with_those_before_it() {
    let (mut alice, at_alice, _bob, at_bob, _listener) = pair(patient()).await;
    at_bob.handle.send(frame_of(100, 1));
    at_bob.handle.send(frame_of(60_000, 2));
    let (_, permit) = alice.frame().await;
    // The large frame is on its way or here; the core is still busy with the one that admits it.
    sleep(Duration::from_millis(50)).await;
    assert!(alice.events.try_recv().is_err());
    at_alice.handle.set_limit(FrameLimit::Control);
    drop(permit);
    assert_eq!(alice.frame().await.0.len(), 60_000);
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection() {
    for bytes in [framed(b"\x01\x02"), framed(b"\x82"), framed(b""), b"\xFF\xFF\xFF\xFFnoise".to_vec()] {
        let mut alice = Device::new(1, patient());
        let (_listener, address) = alice.listen();
        let mut peer = raw_peer(address).await;
        alice.opened().await;
        peer.write_all(&bytes).await.unwrap();
        let expected = if bytes[0] == 0xFF { CloseReason::FrameTooLarge } else { CloseReason::BadFrame };
        assert_eq!(alice.closed().await, expected);
        let mut heard = Vec::new();
        timeout(PATIENCE, peer.read_to_end(&mut heard)).await.expect("a clean end").expect("with close_notify");
        assert!(heard.ends_with(expected.name().as_bytes()), "{heard:?}");
    }
}

#[tokio::test]
async fn a_megabyte_of_noise_inside_tls_ends_the_connection() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    let mut peer = raw_peer(address).await;
    alice.opened().await;
    let mut noise = vec![0; 1024 * 1024];
    getrandom::fill(&mut noise).unwrap();
    noise[0] = 0x80;
    let _ = peer.write_all(&noise).await;
    let _ = peer.flush().await;
    assert_eq!(alice.closed().await, CloseReason::FrameTooLarge);
}

#[tokio::test]
async fn bytes_past_tls_end_the_connection() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    let (mut tcp, _tls) = raw_peer(address).await.into_inner();
    alice.opened().await;
    tcp.write_all(b"\x17\x03\x03\x00\x20 this is no record of the session").await.unwrap();
    assert_eq!(alice.closed().await, CloseReason::BadFrame);
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_gone() {
    let timeouts = Timeouts { silent: Duration::from_millis(600), ping: Duration::from_millis(100), ..patient() };
    let mut alice = Device::new(1, timeouts);
    let (_listener, address) = alice.listen();
    let mut peer = raw_peer(address).await;
    let start = Instant::now();
    alice.opened().await;
    assert_eq!(alice.closed().await, CloseReason::Silent);
    assert!(start.elapsed() >= Duration::from_millis(600));
    // It was pinged meanwhile, and told in the end.
    let mut heard = Vec::new();
    timeout(PATIENCE, peer.read_to_end(&mut heard)).await.unwrap().unwrap();
    assert!(heard.starts_with(&[PING, PING].concat()), "{heard:?}");
    assert!(heard.ends_with(b"silent"));
}

#[tokio::test]
async fn idle_devices_stay_connected() {
    let timeouts = Timeouts { silent: Duration::from_millis(1500), ping: Duration::from_millis(100), ..patient() };
    let (mut alice, at_alice, _bob, at_bob, _listener) = pair(timeouts).await;
    sleep(Duration::from_secs(3)).await;
    at_bob.handle.send(frame_of(10, 1));
    assert_eq!(alice.frame().await.0, frame_of(10, 1));
    assert!(at_alice.handle.rtt().is_some() && at_bob.handle.rtt().is_some());
}

#[tokio::test]
async fn an_end_without_a_goodbye_is_a_reset() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    // Half-closed with TLS's own end; half-closed without; gone.
    let mut peer = raw_peer(address).await;
    alice.opened().await;
    peer.shutdown().await.unwrap();
    assert_eq!(alice.closed().await, CloseReason::Reset);

    let (mut tcp, _tls) = raw_peer(address).await.into_inner();
    alice.opened().await;
    tcp.shutdown().await.unwrap();
    assert_eq!(alice.closed().await, CloseReason::Reset);

    let peer = raw_peer(address).await;
    alice.opened().await;
    drop(peer);
    assert_eq!(alice.closed().await, CloseReason::Reset);
}

#[tokio::test]
async fn a_goodbye_ends_the_connection_at_once() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    let mut peer = raw_peer(address).await;
    alice.opened().await;
    peer.write_all(&framed(b"\x82\x01\xA1\x00\x6C<b>bored</b>!")).await.unwrap();
    assert_eq!(alice.closed().await, CloseReason::Goodbye("bboredb".into()));
    timeout(PATIENCE, peer.read_to_end(&mut Vec::new())).await.expect("an end in time").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_costs_no_memory() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    let (mut read, mut write) = tokio::io::split(raw_peer(address).await);
    let side = alice.opened().await;
    let flood = PING.repeat(10_000);
    for _ in 0..30 {
        write.write_all(&flood).await.unwrap();
        assert!(side.handle.queued_bytes() < 100);
    }
    write.write_all(&framed(&frame_of(10, 1))).await.unwrap();
    write.flush().await.unwrap();
    assert_eq!(alice.frame().await.0, frame_of(10, 1));
    // Answered all the same; how often depends on how many pings came together.
    let mut heard = [0; PING.len() + PONG.len()];
    timeout(PATIENCE, read.read_exact(&mut heard)).await.unwrap().unwrap();
    assert!(heard.windows(PONG.len()).any(|frame| frame == PONG), "{heard:?}");
}

/// A peer whose window is small and who never reads.
async fn deaf_peer(address: SocketAddr) -> client::TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(address).await.unwrap();
    let name = ServerName::try_from("lanline").unwrap();
    STRANGER.client(&[ALPN]).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut_off_when_nothing_moves() {
    let mut alice = Device::new(1, Timeouts { stalled: Duration::from_millis(500), ..patient() });
    let (_listener, address) = alice.listen();
    let _deaf = deaf_peer(address).await;
    let side = alice.opened().await;
    for _ in 0..3 {
        side.handle.send(frame_of(FrameLimit::Data.bytes(), 0));
    }
    assert_eq!(alice.closed().await, CloseReason::Stalled);
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut_off_when_too_much_waits() {
    let mut alice = Device::new(1, patient());
    let (_listener, address) = alice.listen();
    let _deaf = deaf_peer(address).await;
    let side = alice.opened().await;
    for _ in 0..1000 {
        side.handle.send(frame_of(65_000, 0));
        assert!(side.handle.queued_bytes() <= QUEUE_MAX);
        tokio::task::yield_now().await;
    }
    assert_eq!(alice.closed().await, CloseReason::Stalled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_core_slows_its_peers_only() {
    let (mut alice, at_alice, mut bob, at_bob, _listener) = pair(patient()).await;
    at_alice.handle.set_limit(FrameLimit::Data);
    let frames = 3000;
    let send = async {
        for n in 0..frames {
            at_bob.handle.send(frame_of(20_000, n as u8));
            while at_bob.handle.queued_bytes() >= QUEUE_LOW {
                match bob.event().await {
                    ConnectionEvent::Drained { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    };
    let receive = async {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(alice.frame().await);
        }
        // Nothing more while these four are held, and bob stays connected.
        sleep(Duration::from_millis(300)).await;
        assert!(alice.events.try_recv().is_err());
        let mut count = held.len();
        drop(held);
        while count < frames {
            assert_eq!(alice.frame().await.0, frame_of(20_000, count as u8));
            count += 1;
        }
    };
    tokio::join!(send, receive);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_the_core_is_limited_in_bytes_too() {
    let (mut alice, at_alice, _bob, at_bob, _listener) = pair(patient()).await;
    at_alice.handle.set_limit(FrameLimit::Data);
    for _ in 0..3 {
        at_bob.handle.send(frame_of(1024 * 1024, 0));
    }
    let (first, second) = (alice.frame().await, alice.frame().await);
    sleep(Duration::from_millis(200)).await;
    assert!(alice.events.try_recv().is_err());
    drop((first, second));
    alice.frame().await;
}

/// A connection over a pipe that holds little, so that neither side can write while the other does
/// not read.
fn piped(stream: tokio::io::DuplexStream) -> (ConnectionHandle, UnboundedReceiver<ConnectionEvent>) {
    let shared = Arc::new(Shared::new(ConnectionId(1), true, Ends::default()));
    let (sender, events) = unbounded_channel();
    let sink: Sink = Arc::new(move |event| drop(sender.send(event)));
    tokio::spawn(connection::run(stream, Arc::clone(&shared), sink, patient()));
    (ConnectionHandle(shared), events)
}

#[tokio::test]
async fn two_devices_that_flood_each_other_do_not_lock_up() {
    const EACH: u8 = 60;
    let (alices, bobs) = tokio::io::duplex(16 * 1024);
    let sides = [piped(alices), piped(bobs)];
    for (handle, _) in &sides {
        handle.set_limit(FrameLimit::Data);
        for n in 0..EACH {
            handle.send(frame_of(65_000, n));
        }
        assert!(handle.queued_bytes() > QUEUE_HIGH);
    }
    let receive = sides.map(async |(_handle, mut events)| {
        for n in 0..EACH {
            let frame = loop {
                match timeout(PATIENCE, events.recv()).await.expect("no lock-up") {
                    Some(ConnectionEvent::Frame { bytes, .. }) => break bytes,
                    Some(ConnectionEvent::Drained { .. }) => {}
                    other => panic!("not Frame: {other:?}"),
                }
            };
            assert_eq!(frame, frame_of(65_000, n));
        }
    });
    futures_util::future::join_all(receive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_says_goodbye_to_everyone_within_a_second() {
    let (mut alice, _, mut bob, _at_bob, _listener) = pair(Timeouts::default()).await;
    let mut carol = Device::new(3, Timeouts::default());
    let (_carols, address) = carol.listen();
    alice.dial(address).await.unwrap();
    alice.opened().await;
    carol.opened().await;
    let (door, alices) = alice.listen();
    let _deaf = deaf_peer(alices).await;
    let _idle = TcpStream::connect(alices).await.unwrap();
    let deaf = alice.opened().await;
    for _ in 0..3 {
        deaf.handle.send(frame_of(FrameLimit::Data.bytes(), 0));
    }

    let start = Instant::now();
    alice.net.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(2));
    let mut closed = Vec::new();
    while closed.len() < 3 {
        closed.push(alice.closed().await);
    }
    assert_eq!(closed, [CloseReason::Shutdown, CloseReason::Shutdown, CloseReason::Shutdown]);
    assert_eq!(bob.closed().await, CloseReason::Goodbye("shutdown".into()));
    assert_eq!(carol.closed().await, CloseReason::Goodbye("shutdown".into()));
    assert!(TcpStream::connect(alices).await.is_err());
    assert_eq!(alice.dial(address).await, Err(DialError::Stopping));
    door.stop().await;
}

/// A batch with one entry, whose body is the one that it names or is not.
fn batch(good: bool) -> Bytes {
    let (mut entry, _) = lanline_protocol::conformance::Chain::create(1, 1);
    if !good {
        entry.body = Some(vec![0; 20]);
    }
    let (lane, entries) = (lanline_protocol::kind::Lane::Membership, vec![entry.to_wire()]);
    let batch = Batch { slot: 7, lane, entries, records: Vec::new(), upto: Some(1), anchor: None, end: true };
    Frame::Batch(batch).encode().into()
}

#[tokio::test]
async fn a_members_batches_are_looked_through_before_the_core_sees_them() {
    let (mut alice, at_alice, mut bob, at_bob, _listener) = pair(patient()).await;
    // Whoever may be anyone is not worked for.
    for good in [true, false] {
        at_bob.handle.send(batch(good));
        assert_eq!(alice.frame().await.0, batch(good));
    }
    at_alice.handle.set_limit(FrameLimit::Data);
    at_bob.handle.send(batch(true));
    match alice.event().await {
        ConnectionEvent::Batch { batch, .. } => assert!(batch.size() > 64),
        other => panic!("not Batch: {other:?}"),
    }
    // What is no batch is the core's to judge.
    let broken = Bytes::from_static(&[0x82, 0x0a, 0xa0]);
    at_bob.handle.send(broken.clone());
    assert_eq!(alice.frame().await.0, broken);
    at_bob.handle.send(batch(false));
    assert_eq!(alice.closed().await, CloseReason::BadFrame);
    assert_eq!(bob.closed().await, CloseReason::Goodbye("bad_frame".into()));
}

/// A batch of a log, which is even in the lane of what is said, with so many entries, each signed for itself, of which the
/// last is as it should be or is not.
fn large_batch(log: u8, entries: u64, good: bool) -> Bytes {
    use lanline_protocol::{conformance::Chain, kind::Kind};
    let mut chain = Chain::new(1, Chain::create(1, 1).0.room(), log);
    let mut entries: Vec<_> = (1..=entries).map(|time| chain.sign(Kind::Text, time)).collect();
    if !good {
        entries.last_mut().unwrap().body = Some(vec![0; 20]);
    }
    let (lane, entries) =
        (lanline_protocol::kind::Lane::Content, entries.iter().map(|entry| entry.to_wire()).collect());
    let batch = Batch { slot: 7, lane, entries, records: Vec::new(), upto: Some(1), anchor: None, end: true };
    Frame::Batch(batch).encode().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_batches_are_looked_through_at_once_and_handed_on_in_order() {
    let (mut alice, at_alice, _bob, at_bob, _listener) = pair(patient()).await;
    at_alice.handle.set_limit(FrameLimit::Data);
    let frame = frame_of(10, 7);
    for (turn, entries) in [200, 60, 1, 120].into_iter().enumerate() {
        at_bob.handle.send(large_batch(2 * turn as u8 + 2, entries, true));
    }
    at_bob.handle.send(frame.clone());
    let mut sizes = Vec::new();
    for _ in 0..4 {
        match alice.event().await {
            ConnectionEvent::Batch { batch, .. } => sizes.push(batch.size()),
            other => panic!("not Batch: {other:?}"),
        }
    }
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2] && sizes[2] < sizes[3] && sizes[3] > sizes[1], "{sizes:?}");
    assert_eq!(alice.frame().await.0, frame);
    // Nothing of what comes after one that no honest peer sends is taken.
    at_bob.handle.send(large_batch(12, 100, false));
    at_bob.handle.send(large_batch(14, 1, true));
    assert_eq!(alice.closed().await, CloseReason::BadFrame);
}
