//! What a tag is answered with.

use lanline_protocol::entry::Entry;
use lanline_protocol::frame::{Frame, Open, Tag, Unknown};
use lanline_protocol::id::Hash;
use lanline_protocol::kind::Kind;
use lanline_protocol::store::Store;

use super::hand::{Hand, invited, key_of};
use crate::world::{ALICE, BOB, CAROL, World};

fn named(hand: &mut Hand, slot: u32, tag: Hash) -> Vec<Frame> {
    hand.say(&Frame::Open(Open { rooms: vec![Tag { slot, tag }] }));
    hand.heard()
}

#[test]
fn unknown_tag_answered() {
    let mut hand = Hand::of_bob();
    hand.connect();
    hand.hello();
    hand.heard();
    // Of no room at all; of this room, and another connection; of this room, by the other side's own name for it.
    let elsewhere = Hash::of(b"another exporter");
    let alice = super::hand::key_of(hand.peer).public().device_id();
    let tags = [
        Hash::new([9; 32]),
        lanline_protocol::frame::room_tag(hand.room, &elsewhere, super::hand::key_of(hand.who).public().device_id()),
        lanline_protocol::frame::room_tag(hand.room, &hand.exporter, alice),
    ];
    for (slot, tag) in (7..).zip(tags) {
        assert_eq!(named(&mut hand, slot, tag), [Frame::Unknown(Unknown { slot })]);
    }
    // Several in one frame are answered each.
    let rooms = (10..13).map(|slot| Tag { slot, tag: Hash::new([slot as u8; 32]) }).collect();
    hand.say(&Frame::Open(Open { rooms }));
    let answers: Vec<Frame> = (10..13).map(|slot| Frame::Unknown(Unknown { slot })).collect();
    assert_eq!(hand.heard(), answers);
    // The right one is known.
    let tag = hand.tag(hand.room);
    let heard = named(&mut hand, 20, tag);
    assert!(!heard.is_empty() && !heard.iter().any(|frame| matches!(frame, Frame::Unknown(_))), "{heard:?}");
}

#[test]
fn stranger_answered_alike() {
    // Bob has the link, and so the room's id; nobody added him.
    let (mut hand, _) = invited();
    let (of_the_room, of_nothing) = (hand.tag(hand.room), Hash::new([9; 32]));
    assert_eq!(named(&mut hand, 3, of_the_room), [Frame::Unknown(Unknown { slot: 3 })]);
    assert_eq!(named(&mut hand, 4, of_nothing), [Frame::Unknown(Unknown { slot: 4 })]);
    hand.world.advance(2_000);
    hand.world.commit(hand.peer);
    assert_eq!(hand.heard(), [], "and nothing follows");
}

/// Alice removes bob, and carol, who let him in, leaves after that. What bob is told of alice's log ends with his removal, and
/// all the same he is told of it; carol, a member, was sent the key.
#[test]
fn beacon_withheld() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(1);
    let link = world.invite(ALICE, room);
    world.join(CAROL, ALICE, &link);
    world.listen(CAROL);
    let link = world.invite(CAROL, room);
    world.join(BOB, CAROL, &link);
    world.connect(BOB, ALICE);
    world.say(BOB, room, "hello");
    world.settle();
    world.cut(BOB, CAROL);
    let mut hand = Hand::instead_of(world, room, BOB, ALICE);
    hand.world.cut(ALICE, CAROL);
    hand.world.connect(CAROL, ALICE);
    hand.world.settle();
    let now = hand.world.now;
    hand.world.replica(ALICE).remove_member(now, room, key_of(BOB).public().device_id()).unwrap();
    hand.world.commit(ALICE);
    hand.world.settle();
    hand.world.replica(CAROL).leave_room(now, room).unwrap();
    hand.world.commit(CAROL);
    hand.world.settle();
    assert!(hand.world.replica(ALICE).members(room).unwrap().len() == 1, "alice heard of both");
    hand.connect();
    hand.hello();
    hand.open(0);
    let told: Vec<Kind> = hand
        .heard()
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Batch(batch) => Some(batch.entries),
            _ => None,
        })
        .flatten()
        .map(|entry| Entry::read(entry).unwrap().header.kind())
        .collect();
    assert!(told.contains(&Kind::Remove), "{told:?}");
    assert!(!told.contains(&Kind::Beacon), "{told:?}");
    let sent = hand.world.replica(CAROL).store().of_kind(room, Kind::Beacon.number()).unwrap();
    assert_eq!(sent.len(), 1);
}
