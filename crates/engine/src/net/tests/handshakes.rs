//! Handshakes that somebody on the way alters.

use rustls::{ClientConnection, Connection, ServerConnection};

use super::*;
use crate::net::tls::key_of_peer;

/// What two devices dial and listen with.
struct Pair {
    alice: Tls,
    bob: Tls,
}

/// What one of the two says at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    of_listener: bool,
    number: usize,
}

/// Bob dials alice, both say what they have to, and this is done to each turn. Whether both believe that it went well;
/// then they are with each other, and on one connection.
fn shake_hands(pair: &Pair, mut on_the_way: impl FnMut(Turn, &mut Vec<u8>)) -> bool {
    let config = Arc::clone(pair.bob.connector(Some(key(1).device_id())).config());
    let mut dialler: Connection = ClientConnection::new(config, Tls::server_name().unwrap()).unwrap().into();
    let mut listener: Connection = ServerConnection::new(pair.alice.server()).unwrap().into();
    for number in 0..3 {
        for of_listener in [false, true] {
            let (from, to) = if of_listener { (&mut listener, &mut dialler) } else { (&mut dialler, &mut listener) };
            let mut said = Vec::new();
            while from.wants_write() {
                from.write_tls(&mut said).unwrap();
            }
            on_the_way(Turn { of_listener, number }, &mut said);
            let mut said = &said[..];
            while !said.is_empty() {
                if to.read_tls(&mut said).is_err() || to.process_new_packets().is_err() {
                    return false;
                }
            }
        }
    }
    if listener.is_handshaking() || dialler.is_handshaking() {
        return false;
    }
    assert_eq!((key_of_peer(&listener).unwrap(), key_of_peer(&dialler).unwrap()), (key(2), key(1)));
    let exporter = |side: &Connection| side.export_keying_material([0; 32], b"EXPORTER-lanline-1", None).unwrap();
    assert_eq!(exporter(&listener), exporter(&dialler));
    true
}

fn key(seed: u8) -> PublicKey {
    DeviceKey::from_seed(&[seed; 32]).public()
}

/// Bytes that mean nothing: the version in each record's head, and all of the records that look like TLS 1.2 to what
/// stands between (RFC 8446, sections 5.1 and D.4).
fn meaningless(said: &[u8]) -> Vec<usize> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some([kind, _, _, high, low]) = said.get(at..at + 5) {
        let end = at + 5 + usize::from(u16::from_be_bytes([*high, *low]));
        if *kind == 0x14 {
            found.extend(at..end);
        } else {
            found.extend([at + 1, at + 2]);
        }
        at = end;
    }
    found
}

#[test]
fn a_handshake_that_is_altered_anywhere_fails() {
    let tls = |seed: u8| Tls::new(&DeviceKey::from_seed(&[seed; 32])).unwrap();
    let pair = Pair { alice: tls(1), bob: tls(2) };
    let mut turns = Vec::new();
    assert!(shake_hands(&pair, |turn, said| turns.push((turn, said.clone()))));
    turns.retain(|(_, said)| !said.is_empty());
    let (first, second) = (Turn { of_listener: false, number: 0 }, Turn { of_listener: false, number: 1 });
    assert_eq!(
        turns.iter().map(|(turn, _)| *turn).collect::<Vec<_>>(),
        [first, Turn { of_listener: true, number: 0 }, second]
    );
    for (turn, said) in &turns {
        let meaningless = meaningless(said);
        for at in 0..said.len() {
            let went_well = shake_hands(&pair, |now, said| {
                if now == *turn {
                    said[at] ^= 1 << (at % 8);
                }
            });
            assert!(!went_well || meaningless.contains(&at), "{turn:?}, byte {at} of {}", said.len());
        }
    }
}
