//! TLS as the engine sets it up, without sockets: what comes instead of a handshake, handshakes that are altered on the
//! way, certificates that say anything, and the first frames after it.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use bytes::BytesMut;
use lanline_engine::net::fuzzing::{self, Cut, Device};
use lanline_engine::net::{ALPN, FrameLimit};
use lanline_fuzz::insistent::{self, Shown};
use lanline_fuzz::memory;
use lanline_protocol::identity::{DeviceKey, PublicKey};
use libfuzzer_sys::fuzz_target;
use rustls::{ClientConnection, Connection, ServerConnection};

/// What a handshake may take, whatever is said in it.
const MOST: usize = 2 * 1024 * 1024;

/// Beyond so many bytes nothing is said twice: what is measured is what the listener takes, not what is thrown at it.
const SAID: usize = 64 * 1024;

/// As the engine has it.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-lanline-1";

struct Party {
    key: PublicKey,
    device: Device,
}

static ALICE: LazyLock<Party> = LazyLock::new(|| party(1));
static BOB: LazyLock<Party> = LazyLock::new(|| party(2));

fn party(seed: u8) -> Party {
    let key = DeviceKey::from_seed(&[seed; 32]);
    Party { key: key.public(), device: Device::new(&key).unwrap() }
}

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Somebody speaks to a listener, in pieces of this size.
    Listener(u8, &'a [u8]),
    /// Somebody answers a dialler so.
    Dialler(u8, &'a [u8]),
    /// What two honest devices say is altered on the way.
    Altered(Vec<Edit>),
    /// Somebody shows these certificates to a listener, or to a dialler, and speaks this protocol.
    Shows { to_listener: bool, p256: bool, certificates: Vec<&'a [u8]>, alpn: Option<&'a [u8]> },
    /// A certificate.
    Certificate(&'a [u8]),
    /// Frames arrive in pieces of this size.
    Frames(u8, &'a [u8]),
}

#[derive(Arbitrary, Debug)]
struct Edit {
    /// The listener's words, or the dialler's.
    of_listener: bool,
    /// Which of its turns.
    turn: u8,
    at: u16,
    what: Change,
}

#[derive(Arbitrary, Debug)]
enum Change {
    Xor(u8),
    Cut,
    Insert(u8),
    Repeat,
}

fuzz_target!(|input: Input| {
    // What is made once is not this input's.
    LazyLock::force(&ALICE);
    LazyLock::force(&BOB);
    insistent::prepare();
    memory::within(MOST, || match input {
        Input::Listener(size, bytes) => talk(&mut server().into(), size, bytes),
        Input::Dialler(size, bytes) => talk(&mut client(true).into(), size, bytes),
        Input::Altered(edits) => altered(&edits),
        Input::Shows { to_listener, p256, certificates, alpn } => {
            let shown = Shown { p256, certificates, alpn: alpn.unwrap_or(ALPN) };
            if to_listener {
                let mut server = server().into();
                shaken(&mut server, &mut insistent::client(&shown).into(), &shown);
            } else {
                let mut client = client(false).into();
                shaken(&mut client, &mut insistent::server(&shown).into(), &shown);
            }
        }
        Input::Certificate(der) => certificate(der),
        Input::Frames(size, bytes) => frames(size, bytes),
    });
});

fn server() -> ServerConnection {
    ServerConnection::new(ALICE.device.server()).unwrap()
}

fn client(expecting: bool) -> ClientConnection {
    let expect = expecting.then(|| ALICE.key.device_id());
    insistent::dial(BOB.device.client(expect))
}

/// Whoever sends bytes of their own making is nobody.
fn talk(connection: &mut Connection, size: u8, bytes: &[u8]) {
    for piece in bytes.chunks(usize::from(size).max(1)) {
        if hear(connection, piece).is_err() {
            return;
        }
        let _ = say(connection);
    }
    assert!(connection.is_handshaking());
}

fn say(connection: &mut Connection) -> Vec<u8> {
    let mut said = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut said).unwrap();
    }
    said
}

fn hear(connection: &mut Connection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        if connection.read_tls(&mut bytes).is_err() {
            return Ok(()); // It takes no more, which its driver sees to.
        }
        connection.process_new_packets()?;
    }
    Ok(())
}

fn altered(edits: &[Edit]) {
    let (mut listener, mut dialler): (Connection, Connection) = (server().into(), client(true).into());
    for turn in 0..4 {
        for of_listener in [false, true] {
            let (from, to) = if of_listener { (&mut listener, &mut dialler) } else { (&mut dialler, &mut listener) };
            let mut said = say(from);
            for edit in edits.iter().filter(|edit| edit.of_listener == of_listener && edit.turn % 4 == turn) {
                change(&mut said, edit);
            }
            if hear(to, &said).is_err() {
                return;
            }
        }
    }
    if listener.is_handshaking() || dialler.is_handshaking() {
        return;
    }
    // Both believe that it went well: then they are with each other, and nobody has read along.
    assert_eq!(fuzzing::peer(&listener).unwrap(), BOB.key);
    assert_eq!(fuzzing::peer(&dialler).unwrap(), ALICE.key);
    assert_eq!(exporter(&listener), exporter(&dialler));
}

fn change(said: &mut Vec<u8>, edit: &Edit) {
    if said.is_empty() {
        return;
    }
    let at = usize::from(edit.at) % said.len();
    match edit.what {
        Change::Xor(mask) => said[at] ^= mask,
        Change::Cut => said.truncate(at),
        Change::Insert(byte) => said.insert(at, byte),
        Change::Repeat if said.len() <= SAID => said.extend_from_within(at..),
        Change::Repeat => {}
    }
}

fn exporter(connection: &Connection) -> [u8; 32] {
    connection.export_keying_material([0; 32], EXPORTER_LABEL, None).unwrap()
}

/// A device and somebody who shows what they like: where the device lets them pass, they are whose key signed.
fn shaken(device: &mut Connection, other: &mut Connection, shown: &Shown<'_>) {
    for _ in 0..4 {
        let said = say(other);
        if hear(device, &said).is_err() {
            return;
        }
        let said = say(device);
        if hear(other, &said).is_err() {
            return;
        }
    }
    if device.is_handshaking() {
        return;
    }
    if let Ok(key) = fuzzing::peer(device) {
        assert!(!shown.p256 && shown.certificates.len() == 1 && shown.alpn == ALPN, "{shown:?}");
        assert_eq!(key, insistent::key());
    }
}

fn certificate(der: &[u8]) {
    if let Some(key) = fuzzing::key_of(der) {
        // Whatever else it says, the key stands in it as such.
        let spki = key.to_spki();
        assert!(der.windows(spki.len()).any(|window| window == spki));
        assert_eq!(PublicKey::from_spki(&spki), Some(key));
    }
    if let Some(key) = PublicKey::from_spki(der) {
        assert_eq!(key.to_spki(), der);
    }
}

fn frames(size: u8, bytes: &[u8]) {
    let mut buffer = BytesMut::new();
    let mut heard = 0;
    for piece in bytes.chunks(usize::from(size).max(1)) {
        buffer.extend_from_slice(piece);
        while let Some(cut) = fuzzing::next(&mut buffer, FrameLimit::Stranger) {
            match cut {
                Cut::Bad => return,
                Cut::Core(frame) => {
                    assert!(frame.len() <= FrameLimit::Stranger.bytes());
                    heard += frame.len();
                }
                Cut::Own(reason) => assert!(reason.is_none_or(|reason| reason.len() <= 64)),
            }
        }
        assert!(buffer.len() <= FrameLimit::Stranger.bytes() + 4 + piece.len());
    }
    assert!(heard <= bytes.len());
}
