//! Frames, greetings, and which connections stay.

use lanline_protocol::frame::{
    Ack, Batch, Digest, Frame, Heads, Hello, Join, Joined, Open, Reach, Resume, Unknown, WantHeads,
};
use lanline_protocol::id::{EntryId, Hash, StoreId};
use lanline_protocol::identity::{PublicKey, Signature};
use lanline_protocol::kind::Lane;
use lanline_protocol::limits;
use lanline_protocol::replica::CloseReason;

use super::hand::{Hand, invited, room_of_two};
use crate::world::{ALICE, BOB, World};

/// One frame of each type that wants a greeting before it, about rooms that were never named.
fn every_frame() -> Vec<Frame> {
    let (slot, lane, hash) = (9, Lane::Membership, Hash::new([9; 32]));
    let (entries, records) = (Vec::new(), Vec::new());
    let (invite, signature) = (PublicKey::new([9; 32]), Signature::new([9; 64]));
    vec![
        Frame::Open(Open { rooms: Vec::new() }),
        Frame::Unknown(Unknown { slot }),
        Frame::Resume(Resume { slot, lane, arrival: 1, anchor: Some(EntryId::new([9; 32])) }),
        Frame::WantHeads(WantHeads { slot, lane }),
        Frame::Heads(Heads { slot, lane, heads: Vec::new(), last: true }),
        Frame::Batch(Batch { slot, lane, entries, records, upto: Some(1), anchor: None, end: true }),
        Frame::Ack(Ack { slot, lane, upto: 1, partial: None }),
        Frame::Digest(Digest { slot, lane, digest: hash }),
        Frame::Join(Join { tag: hash, signature, invite, name: "bob".into() }),
        Frame::Joined(Joined { tag: hash, refusal: None }),
        Frame::Reach(Reach { port: 1 }),
    ]
}

#[test]
fn hello_first() {
    for frame in every_frame() {
        let mut hand = Hand::of_bob();
        hand.connect();
        hand.say(&frame);
        assert_eq!(hand.closed(), Some(CloseReason::BadFrame), "{frame:?}");
    }
    let mut hand = Hand::of_bob();
    hand.connect();
    for bytes in
        [&[0x82, 0x01, 0xa1, 0x00, 0x61, b'x'][..], &[0x82, 0x02, 0xa0], &[0x82, 0x03, 0xa0], &[0x82, 0x18, 0x63, 0xa0]]
    {
        hand.say_bytes(bytes);
        assert!(hand.is_connected(), "{bytes:02x?}");
    }
    hand.hello();
    for frame in every_frame() {
        hand.say(&frame);
        assert!(hand.is_connected(), "{frame:?}");
    }
}

#[test]
fn names_fit() {
    let longest = "n".repeat(limits::NAME_BYTES);
    let long = "n".repeat(limits::NAME_BYTES + 1);
    // 64 characters of two bytes fit, 65 do not.
    let (wide, wider) = ("\u{e4}".repeat(64), "\u{e4}".repeat(65));
    for (name, fits) in [
        ("", true),
        (longest.as_str(), true),
        (wide.as_str(), true),
        (long.as_str(), false),
        (wider.as_str(), false),
        ("two\nlines", false),
        ("bell\u{7}", false),
        ("next line\u{85}", false),
        ("delete\u{7f}", false),
    ] {
        let hello = |name: &str, agent: &str| {
            let store = StoreId::new([0xb0; 16]);
            Frame::Hello(Hello { store, name: name.into(), agent: agent.into() })
        };
        let Frame::Join(join) = every_frame().remove(8) else { unreachable!() };
        let join = Frame::Join(Join { name: name.into(), ..join });
        for frames in [
            vec![hello(name, "test")],
            vec![hello("bob", name)],
            vec![hello("bob", "test"), hello(name, "test")],
            vec![hello("bob", "test"), join],
        ] {
            let mut hand = Hand::of_bob();
            hand.connect();
            for frame in &frames {
                hand.say(frame);
            }
            let expected = if fits { None } else { Some(CloseReason::BadFrame) };
            assert_eq!(hand.closed(), expected, "{frames:?}");
        }
    }
}

#[test]
fn unknown_types_skipped() {
    let mut hand = Hand::met();
    for bytes in [
        &[0x82, 0x18, 0x1b, 0xa0][..],
        &[0x82, 0x18, 0x63, 0xa1, 0x00, 0x01],
        &[0x82, 0x00, 0xa0],
        &[0x82, 0x19, 0xff, 0xff, 0x80],
    ] {
        hand.say_bytes(bytes);
        assert!(hand.is_connected(), "{bytes:02x?}");
    }
    assert_eq!(hand.heard(), []);
    // The connection goes on as if nothing had come.
    let entry = hand.text("still here");
    let upto = hand.send(&[entry]);
    assert_eq!(hand.acks(Lane::Content), [upto]);
    // No type is as high as this.
    hand.say_bytes(&[0x82, 0x1a, 0x00, 0x01, 0x00, 0x00, 0xa0]);
    assert_eq!(hand.closed(), Some(CloseReason::BadFrame));
}

#[test]
fn smaller_id_dials() {
    let (mut world, _) = room_of_two();
    let (alice, bob) = (world.replica(ALICE).device_id(), world.replica(BOB).device_id());
    let smaller = if alice < bob { ALICE } else { BOB };
    for first in [ALICE, BOB] {
        world.cut(ALICE, BOB);
        let second = ALICE + BOB - first;
        // Both dial before either hears of it.
        world.connect(first, second);
        world.connect(second, first);
        world.settle();
        for device in [ALICE, BOB] {
            let peers = world.replica(device).peers();
            assert_eq!(peers.len(), 1);
            assert_eq!(peers[0].dialled, device == smaller, "device {device}, where {first} dialled first");
        }
        assert_eq!(world.closed(ALICE), Some(CloseReason::Replaced));
    }
}

#[test]
fn stranger_time() {
    let just_before = limits::STRANGER_MS - 1;
    let after = |hand: &mut Hand, ms: u64| {
        hand.world.advance(ms);
        hand.world.commit(ALICE);
        hand.closed()
    };
    // Nobody, and somebody who names the room without being a member, and somebody who was refused.
    let (nobody, _) = invited();
    let (mut naming, _) = invited();
    naming.open(0);
    let (mut refused, _) = invited();
    refused.say(&every_frame().remove(8));
    for mut hand in [nobody, naming, refused] {
        assert_eq!(after(&mut hand, just_before), None);
        assert_eq!(after(&mut hand, 1), Some(CloseReason::Stranger));
    }
    // A member that names no room is one too.
    let mut silent = Hand::of_bob();
    silent.connect();
    silent.hello();
    assert_eq!(after(&mut silent, just_before), None);
    assert_eq!(after(&mut silent, 1), Some(CloseReason::Stranger));
    // With a room open on both sides there is no hurry.
    let mut member = Hand::met();
    assert_eq!(after(&mut member, 10 * limits::STRANGER_MS), None);
    // Nor while Alice herself waits to be answered.
    let mut world = World::new(&["alice", "bob"]);
    world.listen(BOB);
    let room = world.create_room(BOB, "home");
    let link = world.invite(BOB, room);
    let exporter = world.connect_by_hand(BOB, ALICE);
    let hello = Hello { store: StoreId::new([0xb0; 16]), name: "bob".into(), agent: "test".into() };
    world.tell(BOB, ALICE, &Frame::Hello(hello).encode());
    let bob = world.replica(BOB).device_id();
    let connection = world.replica(ALICE).connection(bob).unwrap();
    world.replica(ALICE).join(connection, &link).unwrap();
    world.commit(ALICE);
    world.advance(10 * limits::STRANGER_MS);
    world.commit(ALICE);
    assert!(world.connected(ALICE, BOB));
    let alice = world.replica(ALICE).device_id();
    let tag = lanline_protocol::frame::room_tag(room, &exporter, alice);
    let refusal = Some(lanline_protocol::frame::Refusal::Used);
    world.tell(BOB, ALICE, &Frame::Joined(Joined { tag, refusal }).encode());
    world.commit(ALICE);
    world.advance(limits::STRANGER_MS);
    world.commit(ALICE);
    assert_eq!(world.closed(ALICE), Some(CloseReason::Stranger));
}
