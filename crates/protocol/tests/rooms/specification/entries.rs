//! What is checked of every entry, and what is kept although it is not understood.

use lanline_protocol::body::{Body, Invite, SALT_BYTES, Text};
use lanline_protocol::cbor;
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId};
use lanline_protocol::kind::Lane;
use lanline_protocol::limits;
use lanline_protocol::replica::CloseReason;
use lanline_protocol::store::Store;

use super::hand::{Hand, key_of, signed, text_body};
use crate::world::{ALICE, BOB, CAROL, World};

fn salted(text: &str) -> Vec<u8> {
    text_body(text).encode([0; SALT_BYTES])
}

#[test]
fn header_limit() {
    for (length, fits) in [(limits::HEADER_BYTES, true), (limits::HEADER_BYTES + 1, false)] {
        let mut hand = Hand::met();
        let body = salted("long header");
        let mut header = cbor::encode(&hand.header(65, &body));
        header[0] += 1;
        // A field that nobody knows: its key, and a byte string with a head of three bytes.
        let filler = length - header.len() - 5;
        header.extend([0x18, 0x63, 0x59]);
        header.extend((filler as u16).to_be_bytes());
        header.extend(vec![0; filler]);
        assert_eq!(header.len(), length);
        let (id, entry) = signed(&header, body, BOB);
        hand.send_in(Lane::Content, vec![entry]);
        assert_eq!(hand.closed(), (!fits).then_some(CloseReason::BadFrame));
        assert_eq!(hand.is_held(id), fits);
    }
}

/// What a header must not say.
fn contradictions(hand: &Hand) -> Vec<(&'static str, Header)> {
    let body = salted("x");
    let next = hand.header(65, &body);
    let add = Some(next_add(hand));
    let first = Header { seq: 1, previous: None, add, log: LogId::new([8; 16]), ..next.clone() };
    let creation = Header { room: None, kind: 1, add: None, ..first.clone() };
    let id = Some(EntryId::new([9; 32]));
    vec![
        ("a creation entry with a room", Header { room: Some(hand.room), ..creation.clone() }),
        ("a creation entry with a number above 1", Header { seq: 2, previous: id, ..creation.clone() }),
        ("a creation entry with a previous one", Header { previous: id, ..creation.clone() }),
        ("a creation entry with an add", Header { add, ..creation }),
        ("a first entry without a room", Header { room: None, ..first.clone() }),
        ("a first entry with a previous one", Header { previous: next.previous, ..first.clone() }),
        ("a first entry without an add", Header { add: None, ..first.clone() }),
        ("another entry without a room", Header { room: None, ..next.clone() }),
        ("another entry without a previous one", Header { previous: None, ..next.clone() }),
        ("another entry with an add", Header { add, ..next.clone() }),
        ("the number 0", Header { seq: 0, ..next.clone() }),
        ("the kind 0", Header { kind: 0, ..next.clone() }),
        ("a number that no database holds", Header { seq: limits::NUMBER + 1, ..next.clone() }),
        ("a time that no database holds", Header { timestamp_us: limits::NUMBER + 1, ..next.clone() }),
        ("a log of the other lane", Header { log: LogId::new([9; 16]), ..first }),
        ("a body that is too long", Header { body_bytes: limits::BODY_BYTES as u32 + 1, ..next }),
    ]
}

/// The add that bob writes under.
fn next_add(hand: &Hand) -> EntryId {
    hand.header(63, &salted("x")).add.expect("bob has written nothing about who belongs")
}

#[test]
fn header_consistent() {
    let count = contradictions(&Hand::of_bob()).len();
    for index in 0..count {
        let mut hand = Hand::met();
        let (what, header) = contradictions(&hand).swap_remove(index);
        let body = salted("x");
        let lane = header.lane();
        let entry = hand.entry(header, &body);
        hand.send_in(lane, vec![entry.to_wire()]);
        assert_eq!(hand.closed(), Some(CloseReason::BadFrame), "{what}");
        assert!(!hand.is_held(entry.id), "{what}");
    }
    // A first entry, and another, as they are to be.
    let hand = Hand::met();
    let (body, add) = (salted("first of another log"), Some(next_add(&hand)));
    let header = Header { seq: 1, previous: None, add, log: LogId::new([8; 16]), ..hand.header(65, &body) };
    let first = hand.entry(header, &body);
    hand.stores(&[first]);
    let mut hand = Hand::met();
    let next = hand.text("next");
    hand.stores(&[next]);
}

#[test]
fn body_matches_header() {
    let body = salted("as it was hashed");
    let mut other = body.clone();
    *other.last_mut().unwrap() ^= 1;
    for wrong in [body[..body.len() - 1].to_vec(), [body.as_slice(), &[0]].concat(), other, Vec::new()] {
        let hand = Hand::met();
        let mut entry = hand.entry(hand.header(65, &body), &body);
        entry.body = Some(wrong);
        hand.ended_by(&[entry]);
    }
    // The right hash of a body whose length is not the one that is told.
    let hand = Hand::met();
    let header = Header { body_bytes: body.len() as u32 + 1, ..hand.header(65, &body) };
    let entry = hand.entry(header, &body);
    hand.ended_by(&[entry]);
    let hand = Hand::met();
    let entry = hand.entry(hand.header(65, &body), &body);
    hand.stores(&[entry]);
}

/// Writes an entry, and says in which lane it is sent.
type Case<'a> = &'a dyn Fn(&mut Hand) -> (Lane, Entry);

#[test]
fn entry_in_its_place() {
    let body = salted("x");
    let invite = Body::Invite(Invite { key: key_of(9).public(), expires_at_ms: 1, uses: 1 });
    let of_membership = |hand: &mut Hand| (Lane::Content, hand.write(&invite));
    let of_content = |hand: &mut Hand| (Lane::Membership, hand.text("x"));
    let elsewhere = |hand: &mut Hand| {
        let header = Header { room: Some(RoomId::new([9; 32])), ..hand.header(65, &body) };
        (Lane::Content, hand.entry(header, &body))
    };
    let another_creation = |hand: &mut Hand| {
        let header = hand.header(63, &body);
        let header = Header { room: None, kind: 1, seq: 1, previous: None, add: None, ..header };
        (Lane::Membership, hand.entry(header, &body))
    };
    let cases: [Case<'_>; 4] = [&of_membership, &of_content, &elsewhere, &another_creation];
    for (number, case) in cases.into_iter().enumerate() {
        let mut hand = Hand::met();
        let (lane, entry) = case(&mut hand);
        hand.send_in(lane, vec![entry.to_wire()]);
        assert_eq!(hand.closed(), Some(CloseReason::BadFrame), "case {number}");
        assert!(!hand.is_held(entry.id), "case {number}");
    }
    for body in [invite, text_body("x")] {
        let mut hand = Hand::met();
        let entry = hand.write(&body);
        hand.stores(&[entry]);
    }
}

#[test]
fn predecessor_held() {
    let mut hand = Hand::met();
    let _never_sent = hand.text("lost on the way");
    let after_a_gap = hand.text("after a gap");
    hand.does_not_store(&[after_a_gap]);
    let mut hand = Hand::met();
    let both = [hand.text("one"), hand.text("two")];
    hand.stores(&both);
    // Nor an entry whose predecessor is held, and of another log.
    let hand = Hand::met();
    let body = salted("x");
    let previous = Some(hand.room.creation());
    let entry = hand.entry(Header { previous, ..hand.header(65, &body) }, &body);
    hand.does_not_store(&[entry]);
}

#[test]
fn log_counts() {
    let body = salted("x");
    // A log under an add of somebody else's, and under one that nobody knows.
    for add in [Hand::of_bob().room.creation(), EntryId::new([9; 32])] {
        let hand = Hand::met();
        let header =
            Header { seq: 1, previous: None, add: Some(add), log: LogId::new([8; 16]), ..hand.header(65, &body) };
        let entry = hand.entry(header, &body);
        hand.does_not_store(&[entry]);
    }
    // Beyond the cut of who was removed, and passed on by a member who may not know yet.
    for removed in [false, true] {
        let mut world = World::new(&["alice", "bob", "carol"]);
        let room = world.room_of(3);
        world.say(BOB, room, "held when bob was removed");
        world.say(CAROL, room, "hello");
        world.settle();
        world.cut(ALICE, BOB);
        let (bob, now) = (world.replica(BOB).device_id(), world.now);
        if removed {
            world.replica(ALICE).remove_member(now, room, bob).unwrap();
            world.commit(ALICE);
        }
        let mut of_bob = Hand::instead_of(world, room, BOB, ALICE);
        let beyond = of_bob.text("beyond the cut");
        let mut of_carol = Hand::instead_of(of_bob.world, room, CAROL, ALICE);
        of_carol.meet();
        if removed {
            of_carol.does_not_store(&[beyond]);
        } else {
            of_carol.stores(&[beyond]);
        }
    }
}

#[test]
fn members_hold_alike() {
    // By who was removed behind its cut, from itself and from a member who may not have known; under an add that nobody
    // holds; under one of somebody else's.
    for (by_member, add, stored) in
        [(true, None, true), (false, None, false), (true, Some(9), false), (true, Some(0), false)]
    {
        let mut world = World::new(&["alice", "bob", "carol"]);
        let room = world.room_of(3);
        world.say(BOB, room, "held when bob was removed");
        world.say(CAROL, room, "hello");
        world.settle();
        world.cut(ALICE, BOB);
        let (bob, now) = (world.replica(BOB).device_id(), world.now);
        world.replica(ALICE).remove_member(now, room, bob).unwrap();
        world.commit(ALICE);
        let mut of_bob = Hand::instead_of(world, room, BOB, ALICE);
        match add {
            Some(0) => of_bob.log(Lane::Membership).add = room.creation(),
            Some(add) => of_bob.log(Lane::Membership).add = EntryId::new([add; 32]),
            None => {}
        }
        let (key, expires_at_ms) = (key_of(7).public(), 1);
        let beyond = of_bob.write(&Body::Invite(Invite { key, expires_at_ms, uses: 1 }));
        if by_member {
            let mut of_carol = Hand::instead_of(of_bob.world, room, CAROL, ALICE);
            of_carol.meet();
            if stored {
                of_carol.stores(&[beyond]);
            } else {
                of_carol.does_not_store(&[beyond]);
            }
        } else {
            of_bob.connect();
            of_bob.hello();
            of_bob.open(0);
            of_bob.does_not_store(&[beyond]);
        }
    }
}

#[test]
fn unknown_kinds_kept() {
    let body = [&[0; SALT_BYTES][..], &[0xa1, 0x00, 0x63, b'n', b'e', b'w']].concat();
    // Of the control chain, of the rest of who belongs, of content; and a known kind with a body that is no text.
    for kind in [31, 63, 70, 65_535, 65] {
        let mut world = World::new(&["alice", "bob", "carol"]);
        world.described = false;
        let room = world.room_of(3);
        world.say(BOB, room, "hello");
        world.settle();
        world.cut(ALICE, CAROL);
        let mut hand = Hand::instead_of(world, room, BOB, ALICE);
        hand.meet();
        let body = if kind == 65 { [&[0; SALT_BYTES][..], &[0x80]].concat() } else { body.clone() };
        let entry = hand.write_kind(kind, &body);
        let upto = hand.send(std::slice::from_ref(&entry));
        assert_eq!(hand.acks(entry.header.lane()), [upto], "kind {kind}");
        let mut world = hand.world;
        world.connect(CAROL, ALICE);
        world.settle();
        let held = world.store(CAROL).entry(entry.id).unwrap();
        assert_eq!(held.expect("it came through alice").entry, entry, "kind {kind}");
    }
    // What breaks a limit is kept like that, and not read.
    let mut hand = Hand::met();
    let long = Body::Text(Text { text: "x".repeat(limits::TEXT_BYTES + 1), reply_to: None });
    let entry = hand.write(&long);
    assert_eq!(entry.header.body_hash, Hash::of(entry.body.as_ref().unwrap()));
    let upto = hand.send(std::slice::from_ref(&entry));
    assert_eq!(hand.acks(Lane::Content), [upto]);
    let room = hand.room;
    assert_eq!(hand.world.texts(ALICE, room), ["hello"]);
    assert!(hand.is_held(entry.id));
}
