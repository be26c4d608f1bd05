//! Somebody on the network says what others said, or anything at all.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lanline_peer::{ALPN, Shows};
use tokio::io::AsyncReadExt;

use crate::{
    conversation::{assert_settled, meet, talk},
    finding::nearby,
    lab::{Host, Lan},
    story::{self, Outcome, Over, seconds},
};

/// Where devices tell each other that they are there.
const DISCOVERY_PORT: u16 = 12345;

/// Longer than from one announcement of something new to the next.
const QUIET: Duration = Duration::from_millis(1500);

/// How long it is tried to lead somebody astray.
const TRIED: Duration = Duration::from_secs(8);

/// A socket that hears what is broadcast at a host, and broadcasts.
fn ear(host: &Host) -> UdpSocket {
    let socket = host.place().inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, DISCOVERY_PORT)).unwrap());
    socket.set_broadcast(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    socket
}

/// The last announcement that comes from a host before it has no more to say for a while: of all that it is by then.
fn overheard(ear: &UdpSocket, host: &Host) -> Vec<u8> {
    let (mut heard, deadline) = (None, Instant::now() + crate::device::SOON);
    let mut last = Instant::now();
    let mut datagram = vec![0; 2048];
    while Instant::now() < deadline {
        match ear.recv_from(&mut datagram) {
            Ok((length, from)) if from.ip() == host.address() && instance_end(&datagram[..length]).is_some() => {
                (heard, last) = (Some(datagram[..length].to_vec()), Instant::now());
            }
            _ => {}
        }
        if last.elapsed() > QUIET
            && let Some(heard) = heard.take()
        {
            return heard;
        }
    }
    panic!("nothing is heard from {}", host.name());
}

/// What became of those who came to the wrong device.
#[derive(Debug, Default)]
struct Visits {
    came: AtomicUsize,
    /// Bytes that they sent after the handshake.
    told: AtomicUsize,
}

/// Listens with a key of its own, as Lanline does, and counts what it is told.
fn listen(host: &Host, port: u16) -> Arc<Visits> {
    let listener = host.place().inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
    let visits = Arc::new(Visits::default());
    let counting = Arc::clone(&visits);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let shows = Shows::Key(66).server(&[ALPN]);
        for stream in listener.incoming().map_while(Result::ok) {
            counting.came.fetch_add(1, Ordering::Relaxed);
            stream.set_nonblocking(true).unwrap();
            let heard = runtime.block_on(async {
                let stream = tokio::net::TcpStream::from_std(stream).unwrap();
                let mut heard = Vec::new();
                let reading = async {
                    if let Ok(mut stream) = shows.accept(stream).await {
                        let _ = stream.read_to_end(&mut heard).await;
                    }
                };
                let _ = tokio::time::timeout(Duration::from_secs(2), reading).await;
                heard.len()
            });
            counting.told.fetch_add(heard, Ordering::Relaxed);
        }
    });
    visits
}

#[test]
fn who_repeats_what_a_member_announces_is_told_nothing() {
    story::on("somebody announces what a known device announces", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs, mallorys) = (lab.host("alice", &lan), lab.host("bob", &lan), lab.host("mallory", &lan));
        let ear = ear(&mallorys);
        let (mut alice, bob) = (alices.device(), bobs.device());
        let room = meet(&alice, &[&bob]);
        talk(&alice, &bob, &room.id);
        let announced = overheard(&ear, &alices);
        let visits = listen(&mallorys, room.port);

        // She is gone, and somebody else says what she said.
        let gone = bob.mark();
        alice.kill();
        bob.event(gone, "peer_disconnected", |event| event["device_id"] == alice.id);
        let since = Instant::now();
        while since.elapsed() < TRIED {
            ear.send_to(&announced, (lan.broadcast(), DISCOVERY_PORT)).unwrap();
            std::thread::sleep(Duration::from_millis(250));
        }
        assert!(visits.came.load(Ordering::Relaxed) > 0, "he was not led there:\n{}", bob.log());

        // She is back, and he is not kept from her.
        let back = bob.mark();
        alice.start_again();
        let since = Instant::now();
        alice.serve(room.port);
        let (at, _) = bob.event(back, "peer_connected", |event| event["device_id"] == alice.id);
        let took = at.saturating_duration_since(since);
        talk(&alice, &bob, &room.id);
        assert_settled(&[&alice, &bob], &room.id);
        assert_eq!(visits.told.load(Ordering::Relaxed), 0, "bytes were sent to the wrong device");
        Outcome::new(
            "whoever comes there sends 0 bytes of application data, and finds the known device when it is back",
        )
        .measured(format!(
            "dialled {} times; the known device found {} after its return",
            visits.came.load(Ordering::Relaxed),
            seconds(took)
        ))
    });
}

/// How many announcements come a second, and for how long.
const FLOOD: u32 = 5000;
const FLOODED: Duration = Duration::from_secs(5);

/// How much memory they may cost, in KiB; and how long a text may take meanwhile.
const MEMORY: u64 = 24 * 1024;
const HEARD: Duration = Duration::from_secs(2);

/// The most that a device lists.
const LISTED: usize = 256;

#[test]
fn a_flood_of_announcements_leaves_a_device_as_it_was() {
    story::on("5,000 announcements a second of devices that are not there", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs, mallorys) = (lab.host("alice", &lan), lab.host("bob", &lan), lab.host("mallory", &lan));
        let ear = ear(&mallorys);
        let (alice, bob) = (alices.device(), bobs.device());
        let room = meet(&alice, &[&bob]).id;
        let announced = overheard(&ear, &alices);
        talk(&alice, &bob, &room);
        let (before, _) = bob.use_of();

        let over = AtomicBool::new(false);
        let (slowest, rate) = std::thread::scope(|scope| {
            let flooding = scope.spawn(|| flood(&mallorys, &lan, &announced, &over));
            let since = Instant::now();
            let over = Over(&over);
            let mut slowest = Duration::ZERO;
            while since.elapsed() < FLOODED {
                let said = Instant::now();
                talk(&alice, &bob, &room);
                slowest = slowest.max(said.elapsed());
                assert!(nearby(&bob).len() <= LISTED);
                std::thread::sleep(Duration::from_millis(100));
            }
            drop(over);
            (slowest, flooding.join().unwrap())
        });
        assert!(rate >= FLOOD / 5 * 4, "only {rate} announcements came a second");
        let (after, _) = bob.use_of();
        let grown = after.saturating_sub(before);
        assert!(slowest <= HEARD, "question and answer took {slowest:?}");
        assert!(grown <= MEMORY, "it grew by {grown} KiB");
        assert!(
            nearby(&bob).iter().any(|near| near.device.as_deref() == Some(&alice.id)),
            "who is known was crowded out: {:?}",
            nearby(&bob)
        );
        assert_settled(&[&alice, &bob], &room);
        Outcome::new("members talk on, memory is bounded, and who is known stays in the list").measured(format!(
            "{rate} a second; question and answer took up to {}; {grown} KiB more memory",
            seconds(slowest)
        ))
    });
}

/// Sends the announcement again and again, each time as of another device; gives how many a second.
fn flood(host: &Host, lan: &Lan, announced: &[u8], over: &AtomicBool) -> u32 {
    let to = SocketAddr::from((lan.broadcast(), DISCOVERY_PORT));
    // As many senders as one network has addresses: each has a limit of its own.
    let sockets: Vec<UdpSocket> = (50..250)
        .map(|number| {
            let address = lan.address(number);
            host.ip(&format!("addr add {address}/32 dev eth0"));
            let socket = host.place().inside(|| UdpSocket::bind((address, 0)).unwrap());
            socket.set_broadcast(true).unwrap();
            socket
        })
        .collect();
    let (begun, mut count) = (Instant::now(), 0_u32);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    while !over.load(Ordering::Acquire) {
        for socket in sockets.iter().cycle().take(50) {
            let mut datagram = announced.to_vec();
            let end = instance_end(&datagram).expect("an announcement names an instance");
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            datagram[end - 8..end].copy_from_slice(&random.to_be_bytes());
            count += u32::from(socket.send_to(&datagram, to).is_ok());
        }
        let due = Duration::from_secs(1) * count / FLOOD;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    count / u32::try_from(begun.elapsed().as_secs()).unwrap().max(1)
}

/// Where the announced device's name of the day ends: the first byte string of 8 bytes, by a key of a map. What is no
/// announcement has none.
fn instance_end(datagram: &[u8]) -> Option<usize> {
    let begin = datagram.windows(2).position(|pair| pair == [0x00, 0x48])?;
    (begin + 10 < datagram.len()).then_some(begin + 10)
}
