//! Peers that send what no honest one does.

use lanline_protocol::frame::{Ack, Batch, Frame};
use lanline_protocol::kind::Lane;
use proptest::prelude::*;

use crate::world::{ALICE, BOB, World};

#[test]
fn an_ack_for_what_was_never_sent_ends_the_connection_and_says_nothing_was_stored() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let id = world.say(ALICE, room, "x");
    world.commit(ALICE);
    world.inject(BOB, ALICE, &Frame::Ack(Ack { slot: 0, lane: Lane::Content, upto: 1_000 }));
    assert!(world.replica(ALICE).message(id).unwrap().standing.stored.is_empty());
    world.commit(ALICE);
    assert!(!world.connected(ALICE, BOB));
}

#[test]
fn a_number_no_database_holds_ends_the_connection() {
    let mut world = World::new(&["alice", "bob"]);
    world.room_of(2);
    let batch = Batch {
        slot: 0,
        lane: Lane::Membership,
        entries: Vec::new(),
        records: Vec::new(),
        upto: Some(u64::MAX),
        anchor: None,
        end: false,
    };
    world.inject(BOB, ALICE, &Frame::Batch(batch));
    world.commit(ALICE);
    assert!(!world.connected(ALICE, BOB));
}

#[test]
fn an_entry_that_was_altered_on_the_way_is_not_stored() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.say(ALICE, room, "pay bob 1");
    world.commit(ALICE);
    world.alter_frames(ALICE, BOB, |bytes| {
        if let Some(at) = bytes.windows(9).position(|window| window == b"pay bob 1") {
            bytes[at + 8] = b'9';
        }
    });
    world.settle();
    assert!(!world.connected(ALICE, BOB));
    assert!(world.texts(BOB, room).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever happens to the bytes of a conversation, nobody panics, nobody stores what was not said, and
    /// a new connection mends it.
    #[test]
    fn altered_frames_harm_nobody(
        changes in proptest::collection::vec((0..40_usize, 0..4_000_usize, 1..=255_u8), 1..12)
    ) {
        let mut world = World::new(&["alice", "bob"]);
        let room = world.room_of(2);
        world.cut(ALICE, BOB);
        for n in 0..20 {
            world.say(ALICE, room, &format!("a{n}"));
            world.say(BOB, room, &format!("b{n}"));
        }
        world.connect(BOB, ALICE);
        let mut frame = 0;
        for _ in 0..60 {
            for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
                world.alter_frames(from, to, |bytes| {
                    for (at, byte, mask) in &changes {
                        if *at == frame {
                            let index = byte % bytes.len();
                            bytes[index] ^= mask;
                        }
                    }
                    frame += 1;
                });
            }
            world.deliver_one(&mut |_| 0);
            world.commit(ALICE);
            world.commit(BOB);
        }
        world.cut(ALICE, BOB);
        world.connect(BOB, ALICE);
        world.settle();
        let texts = world.texts(ALICE, room);
        prop_assert_eq!(&texts, &world.texts(BOB, room));
        prop_assert_eq!(texts.len(), 40);
    }
}
