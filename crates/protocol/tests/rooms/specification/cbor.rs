//! CBOR that is refused, in each of the five places where it comes from a peer.

use lanline_protocol::body::{Body, SALT_BYTES};
use lanline_protocol::cbor;
use lanline_protocol::frame::Frame;
use lanline_protocol::identity::Context;
use lanline_protocol::kind::Lane;
use lanline_protocol::link::InviteLink;
use lanline_protocol::record::{RecordName, WireRecord};
use lanline_protocol::store::Store;

use super::hand::{Hand, key_of, signed, text_body};
use crate::world::{ALICE, BOB, CAROL, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Frame,
    Header,
    Body,
    Record,
    Link,
}

const PLACES: [Place; 5] = [Place::Frame, Place::Header, Place::Body, Place::Record, Place::Link];

/// A field whose key nobody knows; its value follows.
const FIELD: [u8; 2] = [0x18, 0x63];

/// A map with one more pair, behind the others, and bytes after the whole.
fn with_field(map: &[u8], pair: &[u8], after: &[u8]) -> Vec<u8> {
    let mut longer = map.to_vec();
    longer[0] += 1;
    [longer.as_slice(), pair, after].concat()
}

/// Whether what a peer sends is taken with this pair in the map that stands at the place, and these bytes after it.
fn is_taken(place: Place, pair: &[u8], after: &[u8]) -> bool {
    let mut hand = Hand::met();
    match place {
        Place::Frame => {
            // An answer to a name that was never given: nothing comes of it.
            let pongless = [&[0x82, 0x06][..], &with_field(&[0xa1, 0x00, 0x07], pair, after)].concat();
            hand.say_bytes(&pongless);
            hand.is_connected()
        }
        Place::Header => {
            let body = text_body("from bob").encode([0; SALT_BYTES]);
            let header = with_field(&cbor::encode(&hand.header(65, &body)), pair, after);
            let (id, entry) = signed(&header, body, BOB);
            hand.send_in(Lane::Content, vec![entry]);
            let connected = hand.is_connected();
            assert_eq!(hand.is_held(id), connected);
            connected
        }
        Place::Body => {
            let body = text_body("from bob").encode([0; SALT_BYTES]);
            let (salt, text) = body.split_at(SALT_BYTES);
            let body = [salt, &with_field(text, pair, after)].concat();
            let entry = hand.write_kind(65, &body);
            let upto = hand.send(&[entry]);
            // Kept, passed on and acknowledged in any case.
            assert_eq!(hand.acks(Lane::Content), [upto]);
            hand.world.texts(ALICE, hand.room).contains(&"from bob".to_owned())
        }
        Place::Record => {
            let record = hand.record(RecordName(9), 1, vec![0]);
            let content = with_field(&record.content, pair, after);
            let signature = key_of(BOB).sign(Context::Record, &content);
            let record = WireRecord { content: content.clone().into(), signature };
            let Frame::Batch(mut batch) = hand.batch_up_to(Lane::Content, &[], 1) else { unreachable!() };
            batch.records.push(record);
            hand.say(&Frame::Batch(batch));
            let (connected, room) = (hand.is_connected(), hand.room);
            let held = hand
                .disk()
                .records(room, None, usize::MAX)
                .unwrap()
                .into_iter()
                .any(|record| record.content == content);
            assert_eq!(held, connected);
            connected
        }
        Place::Link => {
            let link = InviteLink {
                room: hand.room,
                secret: lanline_protocol::link::InviteSecret::new([5; 16]),
                expires_at_ms: 1,
                hosts: vec![lanline_protocol::link::LinkHost {
                    device: key_of(ALICE).public().device_id(),
                    addresses: vec!["10.0.0.1:12345".into()],
                }],
            };
            link_of(&with_field(&cbor::encode(&link), pair, after)).parse::<InviteLink>().is_ok()
        }
    }
}

fn link_of(payload: &[u8]) -> String {
    let checksum = blake3::derive_key("lanline/1 2026 link checksum", payload);
    let bytes = [payload, &checksum[..5]].concat();
    format!("lanline:j/{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase())
}

/// What is taken, and what is refused, as the value of a field in every place.
fn hold_everywhere(taken: &[&[u8]], refused: &[&[u8]]) {
    for place in PLACES {
        for item in taken {
            assert!(is_taken(place, &[&FIELD, *item].concat(), &[]), "{place:?} with {item:02x?} is refused");
        }
        for item in refused {
            assert!(!is_taken(place, &[&FIELD, *item].concat(), &[]), "{place:?} with {item:02x?} is taken");
        }
    }
}

#[test]
fn shortest_heads() {
    hold_everywhere(
        &[&[0x17], &[0x18, 0x18], &[0x19, 0x01, 0x00], &[0x37], &[0x38, 0x18], &[0x41, 0xff], &[0x61, b'a']],
        &[
            &[0x18, 0x17],
            &[0x19, 0x00, 0xff],
            &[0x1a, 0x00, 0x00, 0xff, 0xff],
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            &[0x38, 0x17],
            &[0x58, 0x01, 0xff],
            &[0x78, 0x01, b'a'],
            &[0x98, 0x00],
            &[0xb8, 0x00],
        ],
    );
}

#[test]
fn definite_lengths() {
    hold_everywhere(
        &[&[0x80], &[0xa0], &[0x40], &[0x60]],
        &[&[0x9f, 0xff], &[0xbf, 0xff], &[0x5f, 0xff], &[0x5f, 0x41, 0x00, 0xff], &[0x7f, 0xff]],
    );
}

#[test]
fn sorted_keys() {
    hold_everywhere(
        // By their bytes: 24 before -1, and both before a string.
        &[&[0xa2, 0x00, 0x00, 0x01, 0x00], &[0xa3, 0x18, 0x18, 0x00, 0x20, 0x00, 0x40, 0x00]],
        &[
            &[0xa2, 0x01, 0x00, 0x00, 0x00],
            &[0xa2, 0x00, 0x00, 0x00, 0x00],
            &[0xa2, 0x20, 0x00, 0x18, 0x18, 0x00],
            &[0x81, 0xa2, 0x01, 0x00, 0x00, 0x00],
        ],
    );
    // The fields themselves: once more the first, behind the others.
    for place in PLACES {
        assert!(!is_taken(place, &[0x00, 0x07], &[]), "{place:?}");
    }
}

#[test]
fn allowed_types() {
    hold_everywhere(
        &[&[0xf4], &[0xf5], &[0xf6]],
        &[
            &[0xc0, 0x00],
            &[0xd9, 0xd9, 0xf7, 0x00],
            &[0xf9, 0x00, 0x00],
            &[0xfa, 0x00, 0x00, 0x00, 0x00],
            &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xf7],
            &[0xe0],
            &[0xf8, 0x20],
            &[0x81, 0xf7],
        ],
    );
}

#[test]
fn nothing_after() {
    for place in PLACES {
        let pair = [&FIELD[..], &[0x00]].concat();
        assert!(is_taken(place, &pair, &[]), "{place:?}");
        for after in [&[0x00][..], &[0xf6], &[0xff]] {
            assert!(!is_taken(place, &pair, after), "{place:?} with {after:02x?} after it");
        }
    }
}

#[test]
fn nesting_depth() {
    for place in PLACES {
        // A frame's fields stand in a map that stands in an array.
        let above = if place == Place::Frame { 2 } else { 1 };
        let nested = |levels: usize| [&FIELD[..], &vec![0x81; levels], &[0x00]].concat();
        assert!(is_taken(place, &nested(8 - above), &[]), "{place:?}");
        assert!(!is_taken(place, &nested(9 - above), &[]), "{place:?}");
        // Maps count like arrays, and keys like values.
        let in_map = |levels: usize| [&FIELD[..], &vec![0x81; levels], &[0xa1, 0x00, 0x00]].concat();
        assert!(is_taken(place, &in_map(7 - above), &[]), "{place:?}");
        assert!(!is_taken(place, &in_map(8 - above), &[]), "{place:?}");
    }
}

#[test]
fn skip_unknown_fields() {
    for place in PLACES {
        for key in [&[0x18, 0x63][..], &[0x20], &[0x1a, 0xff, 0xff, 0xff, 0xff], &[0x38, 0x63]] {
            for value in [&[0x00][..], &[0x82, 0x01, 0xa1, 0x00, 0xf5], &[0x43, 1, 2, 3], &[0x63, b'n', b'e', b'w']] {
                assert!(is_taken(place, &[key, value].concat(), &[]), "{place:?} with {key:02x?}: {value:02x?}");
            }
        }
    }
}

#[test]
fn bytes_kept() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "hello");
    world.settle();
    world.cut(ALICE, CAROL);
    let mut hand = Hand::instead_of(world, room, BOB, ALICE);
    hand.meet();
    let body = text_body("of a newer version").encode([0; SALT_BYTES]);
    let (salt, text) = body.split_at(SALT_BYTES);
    let field = [&FIELD[..], &[0x82, 0x01, 0x61, b'x']].concat();
    let body = [salt, &with_field(text, &field, &[])].concat();
    let header = with_field(&cbor::encode(&hand.header(65, &body)), &field, &[]);
    let (id, entry) = signed(&header, body.clone(), BOB);
    hand.send_in(Lane::Content, vec![entry]);
    let mut world = hand.world;
    world.described = false;
    world.connect(CAROL, ALICE);
    world.settle();
    let held = world.store(CAROL).entry(id).unwrap().expect("it came from bob through alice").entry;
    assert_eq!(held.header_bytes, header);
    assert_eq!(held.body, Some(body));
    let Body::Text(text) = held.decode_body() else { panic!("not read") };
    assert_eq!(text.text, "of a newer version");
}
