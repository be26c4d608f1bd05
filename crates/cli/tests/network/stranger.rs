//! Strangers at the door of a server that goes on serving its members.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    conversation::{assert_settled, join, meet, talk},
    device::{Device, GONE, SOON},
    skipped,
};

/// How many connect and say nothing.
const IDLE: usize = 500;

/// Until when the server is to have closed a connection made now.
fn soon_gone() -> Instant {
    Instant::now() + GONE
}

/// Says this to the server and reads to the end, which must come in time. Gives its own address, as logs name it.
#[track_caller]
fn say(port: u16, bytes: &[u8]) -> String {
    let deadline = soon_gone();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let own = stream.local_addr().unwrap();
    // The server may hang up before all is written.
    let _ = stream.write_all(bytes);
    assert_closed(&mut stream, deadline);
    own.to_string()
}

#[track_caller]
fn assert_closed(stream: &mut TcpStream, deadline: Instant) {
    let mut heard = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut heard) {
            Ok(0) => return,
            Ok(_) => assert!(Instant::now() < deadline, "it goes on talking"),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                panic!("a stranger is not shown out in time");
            }
            Err(_) => return,
        }
    }
}

/// A TLS 1.2 `ClientHello` such as an old client sends, without `supported_versions` (RFC 5246, section 7.4.1.2).
fn tls12_hello() -> Vec<u8> {
    let groups = [0x00, 0x0A, 0, 4, 0, 2, 0, 29];
    let points = [0x00, 0x0B, 0, 2, 1, 0];
    let signatures = [0x00, 0x0D, 0, 6, 0, 4, 0x04, 0x03, 0x08, 0x04];
    let extensions = [&groups[..], &points, &signatures].concat();
    let mut body = vec![0x03, 0x03];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xC0, 0x2F, 1, 0]);
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

/// A million bytes that are never by chance a TLS record.
fn noise() -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise: Vec<u8> = (0..1 << 20)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    noise[0] = 0x7F;
    noise
}

/// The `openssl` program, and two certificates such as devices have.
struct OpenSsl(TempDir);

/// Their names. Each stranger has its own: two connections of one device would replace each other.
const CERTIFICATES: [&str; 2] = ["mallory", "trudy"];

/// A stranger that shakes hands; ended when dropped.
struct Shaken(Child);

impl OpenSsl {
    /// `None` where it is not installed, or too old for Ed25519.
    fn find() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let made = CERTIFICATES.iter().all(|name| {
            let mut request = Command::new("openssl");
            request.args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=stranger"]);
            request.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
            request.current_dir(folder.path()).output().is_ok_and(|output| output.status.success())
        });
        made.then_some(Self(folder))
    }

    /// Shakes hands, with a certificate or without, and says this; and then nothing, without hanging up.
    fn shake(&self, port: u16, certificate: Option<&str>, bytes: &[u8]) -> Shaken {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-tls1_3", "-alpn", "lanline/1", "-quiet"]);
        if let Some(name) = certificate {
            client.args(["-cert", &format!("{name}.pem"), "-key", &format!("{name}.key")]);
        }
        client.current_dir(self.0.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut client = client.spawn().unwrap();
        // It may be shown out before it has said it.
        let _ = client.stdin.as_mut().unwrap().write_all(bytes);
        Shaken(client)
    }
}

impl Shaken {
    #[track_caller]
    fn assert_closed(&mut self, deadline: Instant) {
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "a stranger that shook hands is not shown out in time");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Shaken {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends what goes on, also when an assertion fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two members talk for as long as the strangers are at work.
fn talk_while(alice: &Device, bob: &Device, room: &str, strangers: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let talking = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                talk(alice, bob, room);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let end = Done(&done);
        strangers();
        drop(end);
        talking.join().unwrap();
    });
}

#[test]
fn each_stranger_is_shown_out_with_a_line_in_the_log_while_members_talk() {
    let (alice, bob, carol) = (Device::start("alice"), Device::start("bob"), Device::start("carol"));
    let room = meet(&alice, &[&bob]);
    let openssl = OpenSsl::find();
    if openssl.is_none() {
        skipped("openssl with Ed25519, for strangers that shake hands");
    }
    talk_while(&alice, &bob, &room.id, || {
        let mut shaken = Vec::new();
        if let Some(openssl) = &openssl {
            shaken.push((openssl.shake(room.port, None, b""), "no certificate"));
            shaken.push((openssl.shake(room.port, Some(CERTIFICATES[0]), &[0xFF; 64]), "frame_too_large"));
            shaken.push((openssl.shake(room.port, Some(CERTIFICATES[1]), b""), "silent"));
        }
        let deadline = soon_gone();
        std::thread::scope(|scope| {
            for (bytes, reason) in [
                (b"GET / HTTP/1.1\r\nHost: lanline\r\n\r\n".to_vec(), "plain text or noise"),
                (noise(), "plain text or noise"),
                (tls12_hello(), "TLS 1.2"),
                (tls12_hello()[..20].to_vec(), "no TLS handshake in time"),
                (Vec::new(), "no TLS handshake in time"),
            ] {
                let alice = &alice;
                scope.spawn(move || {
                    let own = say(room.port, &bytes);
                    alice.until_logged(&[&own, reason]);
                    assert_eq!(alice.log().lines().filter(|line| line.contains(&own)).count(), 1, "{}", alice.log());
                });
            }
            join(&alice, &carol, &room.id);
        });
        for (shaken, reason) in &mut shaken {
            shaken.assert_closed(deadline);
            alice.until_logged(&[reason]);
        }
    });
    assert_settled(&[&alice, &bob, &carol], &room.id);
    assert_eq!(alice.ask("peers", serde_json::Value::Null).as_array().map(Vec::len), Some(2));
}

#[test]
fn five_hundred_idle_strangers_keep_no_member_out() {
    let (alice, bob, carol) = (Device::start("alice"), Device::start("bob"), Device::start("carol"));
    let room = meet(&alice, &[&bob]);
    talk_while(&alice, &bob, &room.id, || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, room.port));
        let mut idle: Vec<(TcpStream, Instant)> =
            (0..IDLE).map(|_| (TcpStream::connect_timeout(&address, SOON).unwrap(), soon_gone())).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| say(room.port, &noise()));
            scope.spawn(|| say(room.port, b"hello\n"));
            join(&alice, &carol, &room.id);
        });
        for (stranger, deadline) in &mut idle {
            assert_closed(stranger, *deadline);
        }
    });
    talk(&carol, &bob, &room.id);
    assert_settled(&[&alice, &bob, &carol], &room.id);
    // Each has its line, or is counted in the next one: a flood of strangers is no flood of lines.
    let deadline = Instant::now() + SOON;
    while refused(&alice.log()) < IDLE {
        assert!(Instant::now() < deadline, "{} lines or less than that counted:\n{}", IDLE, alice.log());
        say(room.port, b"hello\n");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How many connections a log says were refused.
fn refused(log: &str) -> usize {
    let lines = log.lines().filter(|line| line.contains("a connection was refused"));
    let counted = lines.map(|line| {
        let (_, suppressed) = line.split_once("suppressed=").unwrap();
        1 + suppressed.trim().parse::<usize>().unwrap()
    });
    counted.sum()
}

/// A small part of what `cargo xtask bench flood` tries and measures: whoever holds on from addresses without number, and
/// comes again when shown out, costs no member anything for long.
#[cfg(target_os = "linux")]
#[test]
fn half_open_and_garbage_from_many_addresses_cost_no_member_anything() {
    const HALF_OPEN: usize = 600;
    const GARBAGE: usize = 60;
    /// More than what 600 sockets and 256 handshakes take, less than what would grow with each flood.
    const MORE_KIB: u64 = 64 * 1024;

    let (alice, bob, carol) = (Device::start("alice"), Device::start("bob"), Device::start("carol"));
    let room = meet(&alice, &[&bob]);
    talk(&alice, &bob, &room.id);
    let (memory, files) = alice.use_of();
    let (half, noise) = (tls12_hello()[..20].to_vec(), noise()[..4096].to_vec());
    let done = AtomicBool::new(false);
    let (half, noise, done) = (&half, &noise, &done);
    talk_while(&alice, &bob, &room.id, || {
        std::thread::scope(|scope| {
            for part in 0..6 {
                scope.spawn(move || {
                    let mine = |all: usize| (0..all / 6).map(move |index| index * 6 + part);
                    let mut held: Vec<TcpStream> = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        held.clear();
                        for index in mine(HALF_OPEN) {
                            let mut stream = from(index, room.port);
                            let says: &[u8] = if index % 2 == 0 { half } else { b"" };
                            let _ = stream.write_all(says);
                            held.push(stream);
                            std::thread::sleep(Duration::from_millis(1));
                        }
                        for index in mine(GARBAGE) {
                            let mut stream = from(HALF_OPEN + index, room.port);
                            let _ = stream.write_all(noise);
                        }
                    }
                });
            }
            let end = Done(done);
            join(&alice, &carol, &room.id);
            for _ in 0..20 {
                talk(&carol, &bob, &room.id);
            }
            let (at_work, _) = alice.use_of();
            assert!(at_work < memory + MORE_KIB, "{memory} KiB, and {at_work} KiB with strangers");
            drop(end);
        });
    });
    assert_settled(&[&alice, &bob, &carol], &room.id);
    // All of it is given back; carol stays.
    let deadline = Instant::now() + SOON;
    loop {
        let (after, open) = alice.use_of();
        if open <= files + 4 && after < memory + MORE_KIB / 2 {
            break;
        }
        assert!(Instant::now() < deadline, "{memory} KiB and {files} files before, {after} and {open} after");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Connects from an address of this machine's own for each number.
#[cfg(target_os = "linux")]
fn from(index: usize, port: u16) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let part = |number: usize| u8::try_from(number).unwrap();
    let own = Ipv4Addr::new(127, 7, part(index / 250), part(1 + index % 250));
    socket.bind(&SocketAddr::from((own, 0)).into()).unwrap();
    socket.connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into(), SOON).unwrap();
    socket.into()
}
