//! What a tag is answered with.

use lanline_protocol::frame::{Frame, Open, Tag, Unknown};
use lanline_protocol::id::Hash;

use super::hand::{Hand, invited};

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
