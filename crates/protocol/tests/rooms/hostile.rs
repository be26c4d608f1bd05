//! Peers that send what no honest one does.

use lanline_protocol::body::{Body, SALT_BYTES, Text};
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::frame::{Ack, Batch, Frame, Heads};
use lanline_protocol::id::{Hash, LogId, RoomId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::limits;
use lanline_protocol::store::Store;
use proptest::prelude::*;

use crate::world::{ALICE, BOB, CAROL, World};

#[test]
fn an_ack_for_what_was_never_sent_ends_the_connection_and_says_nothing_was_stored() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let id = world.say(ALICE, room, "x");
    world.commit(ALICE);
    world.inject(BOB, ALICE, &Frame::Ack(Ack { slot: 0, lane: Lane::Content, upto: 1_000, partial: None }));
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

/// Bob tells his heads anew just before he acknowledges what alice sent before she heard them.
#[test]
fn an_ack_of_what_was_sent_before_heads_is_not_taken_for_what_is_sent_after_them() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let now = world.now;
    world.replica(BOB).set_addresses(now, &["10.0.0.1:12345".to_owned()]).unwrap();
    world.settle();
    // Alice stores what bob wrote, and has nothing to send because of it but how far she is.
    let now = world.now;
    world.replica(BOB).invite(now, room, 1_000, 1).unwrap();
    world.commit(BOB);
    for _ in 0..10 {
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
    }
    world.advance(2 * limits::SKIP_MS);
    world.commit(ALICE);
    let mut told = None;
    world.alter_frames(ALICE, BOB, |bytes| {
        if let Ok(Frame::Batch(batch)) = Frame::decode(bytes)
            && batch.lane == Lane::Membership
        {
            assert!(batch.entries.is_empty());
            told = batch.upto;
        }
    });
    let upto = told.unwrap();
    let heads = Heads { slot: 0, lane: Lane::Membership, heads: Vec::new(), last: true };
    world.inject(BOB, ALICE, &Frame::Heads(heads));
    world.inject(BOB, ALICE, &Frame::Ack(Ack { slot: 0, lane: Lane::Membership, upto, partial: None }));
    world.commit(ALICE);
    assert!(world.connected(ALICE, BOB));
    world.settle();
    assert!(world.connected(ALICE, BOB));
}

/// Bob says that he holds more of alice's store than there is: he is asked for his heads, or what comes next would lie
/// behind his cursor.
#[test]
fn a_cursor_beyond_everything_is_not_believed() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.say(ALICE, room, "hello");
    world.settle();
    world.cut(ALICE, BOB);
    world.connect(BOB, ALICE);
    let mut asked = false;
    for _ in 0..40 {
        world.alter_frames(ALICE, BOB, |bytes| asked |= matches!(Frame::decode(bytes), Ok(Frame::WantHeads(_))));
        world.alter_frames(BOB, ALICE, |bytes| {
            if let Ok(Frame::Resume(mut resume)) = Frame::decode(bytes)
                && resume.lane == Lane::Content
                && resume.arrival > 0
            {
                resume.arrival += 1_000;
                *bytes = Frame::Resume(resume).encode();
            }
        });
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
    assert!(asked && world.connected(ALICE, BOB));
    world.say(ALICE, room, "and this");
    world.settle();
    assert_eq!(world.texts(BOB, room), ["hello", "and this"]);
}

/// An ack reaches all that came before it, so what was refused must never lie behind one.
#[test]
fn what_is_refused_of_a_members_own_is_not_called_stored_by_what_comes_after_it() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.say(BOB, room, "hello");
    world.settle();
    let upto = world.store(BOB).newest(room, Lane::Content).unwrap();
    let group = group_of_bob(&mut world, room, 500);
    let mut after_a_gap = group[1].clone();
    after_a_gap.sign(&DeviceKey::from_seed(&[2; 32]));
    let batch = |entries: &[Entry], upto| {
        let entries = entries.iter().map(Entry::to_wire).collect();
        let records = Vec::new();
        let batch = Batch { slot: 0, lane: Lane::Content, entries, records, upto: Some(upto), anchor: None, end: true };
        Frame::Batch(batch)
    };
    world.inject(BOB, ALICE, &batch(&[after_a_gap], upto + 1));
    world.commit(ALICE);
    world.inject(BOB, ALICE, &batch(&[], upto + 2));
    world.commit(ALICE);
    let mut acked = Vec::new();
    for _ in 0..20 {
        world.alter_frames(ALICE, BOB, |bytes| {
            if let Ok(Frame::Ack(ack)) = Frame::decode(bytes)
                && ack.partial.is_none()
            {
                acked.push(ack.upto);
            }
        });
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
    }
    assert!(world.connected(ALICE, BOB));
    assert!(acked.iter().all(|ack| *ack <= upto), "{acked:?}");
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

/// Two entries that continue bob's content log under one signature, the second this much later than the first.
fn group_of_bob(world: &mut World, room: RoomId, later_us: i64) -> Vec<Entry> {
    let key = DeviceKey::from_seed(&[2; 32]);
    let tips = world.store(BOB).tips(room, Lane::Content).unwrap();
    let tip = tips.into_iter().find(|tip| tip.head.log.author == key.public()).unwrap();
    let mut entries: Vec<Entry> = Vec::new();
    let mut timestamp_us = tip.timestamp_us + 1_000;
    for n in 0..2 {
        let body = Body::Text(Text { text: format!("forged {n}"), reply_to: None }).encode([0; SALT_BYTES]);
        let header = Header {
            room: Some(room),
            author: key.public(),
            log: tip.head.log.log,
            seq: tip.head.seq + 1 + n,
            previous: Some(entries.last().map_or(tip.head.id, |entry| entry.id)),
            timestamp_us,
            kind: 65,
            body_hash: Hash::of(&body),
            body_bytes: body.len() as u32,
            add: None,
        };
        timestamp_us = timestamp_us.saturating_add_signed(later_us);
        entries.push(Entry::write(header, body));
    }
    entries[1].sign(&key);
    entries
}

fn batch(entries: &[Entry]) -> Frame {
    Frame::Batch(Batch {
        slot: 0,
        lane: Lane::Content,
        entries: entries.iter().map(Entry::to_wire).collect(),
        records: Vec::new(),
        upto: None,
        anchor: None,
        end: false,
    })
}

#[test]
fn half_a_group_is_never_stored_so_that_one_bad_frame_cuts_nobody_else_off() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "hello");
    world.settle();
    world.cut(ALICE, BOB);
    let group = group_of_bob(&mut world, room, -500);
    world.connect(BOB, ALICE);
    world.settle();
    world.inject(BOB, ALICE, &batch(&group));
    world.commit(ALICE);
    assert!(!world.connected(ALICE, BOB));
    assert_eq!(world.texts(ALICE, room), ["hello"]);
    // Alice holds nothing that she cannot pass on.
    world.say(ALICE, room, "still here");
    world.settle();
    assert!(world.connected(ALICE, CAROL));
    assert_eq!(world.texts(CAROL, room), ["hello", "still here"]);
}

#[test]
fn a_group_that_its_author_did_not_sign_is_refused() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.say(BOB, room, "hello");
    world.settle();
    let mut group = group_of_bob(&mut world, room, 500);
    group[1].sign(&DeviceKey::from_seed(&[3; 32]));
    world.cut(ALICE, BOB);
    world.connect(BOB, ALICE);
    world.settle();
    world.inject(BOB, ALICE, &batch(&group));
    world.commit(ALICE);
    assert!(!world.connected(ALICE, BOB));
    assert_eq!(world.texts(ALICE, room), ["hello"]);
}

#[test]
fn who_was_removed_is_told_so_and_not_the_new_beacon_key() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    let bob = world.replica(BOB).device_id();
    world.cut(ALICE, BOB);
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.connect(BOB, ALICE);
    let mut kinds = Vec::new();
    for _ in 0..20 {
        world.alter_frames(ALICE, BOB, |bytes| {
            if let Ok(Frame::Batch(batch)) = Frame::decode(bytes) {
                kinds.extend(batch.entries.into_iter().map(|entry| Entry::read(entry).unwrap().header.kind()));
            }
        });
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
    world.settle();
    assert!(kinds.contains(&Kind::Remove), "{kinds:?}");
    assert!(!kinds.contains(&Kind::Beacon), "{kinds:?}");
    assert!(world.replica(BOB).send_message(now, room, "x", None, None).is_err());
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

/// Bob's device writes as if it were 1970, and then as late as there are numbers for.
#[test]
fn absurd_times_move_no_clock_and_break_no_order() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(ALICE, room, "one");
    world.settle();
    world.say(BOB, room, "hello");
    world.settle();
    let key = DeviceKey::from_seed(&[2; 32]);
    let tips = world.store(BOB).tips(room, Lane::Content).unwrap();
    let add = tips.into_iter().find(|tip| tip.head.log.author == key.public()).unwrap().add;
    let mut entries: Vec<Entry> = Vec::new();
    for (seq, timestamp_us) in [(1, 1), (2, 2), (3, limits::NUMBER - 1), (4, limits::NUMBER)] {
        let body = Body::Text(Text { text: format!("at {timestamp_us}"), reply_to: None }).encode([0; SALT_BYTES]);
        let header = Header {
            room: Some(room),
            author: key.public(),
            log: LogId::new([8; 16]).of_lane(Lane::Content),
            seq,
            previous: entries.last().map(|entry| entry.id),
            timestamp_us,
            kind: 65,
            body_hash: Hash::of(&body),
            body_bytes: body.len() as u32,
            add: (seq == 1).then_some(add),
        };
        let mut entry = Entry::write(header, body);
        entry.sign(&key);
        entries.push(entry);
    }
    world.inject(BOB, ALICE, &batch(&entries));
    world.settle();
    world.advance(1000);
    world.say(ALICE, room, "two");
    world.settle();
    let now_ms = world.now.wall_ms();
    for device in [ALICE, CAROL] {
        let shown = world.messages(device, room);
        assert!(shown.iter().map(|message| message.sent_at_ms).is_sorted());
        assert!(shown.iter().all(|message| message.sent_at_ms <= now_ms));
        let texts = world.texts(device, room);
        let far = [format!("at {}", limits::NUMBER - 1), format!("at {}", limits::NUMBER)];
        assert_eq!(texts, ["at 1", "at 2", "one", "hello", &far[0], &far[1], "two"]);
    }
}
