//! What flows in which lane, and what an ack says.

use lanline_protocol::frame::{Ack, Batch, Digest, Frame, Heads, Tag};
use lanline_protocol::id::{EntryId, Hash};
use lanline_protocol::kind::Lane;
use lanline_protocol::replica::CloseReason;
use lanline_protocol::store::Store;

use super::hand::{Hand, invited, key_of, room_of_two};
use crate::world::{ALICE, BOB, CAROL, World};

fn batches(heard: &[Frame], lane: Lane) -> Vec<&Batch> {
    let batches = heard.iter().filter_map(|frame| match frame {
        Frame::Batch(batch) if batch.lane == lane => Some(batch),
        _ => None,
    });
    batches.collect()
}

/// The entries that were sent in a lane.
fn entries(heard: &[Frame], lane: Lane) -> Vec<EntryId> {
    let sent = batches(heard, lane).into_iter().flat_map(|batch| &batch.entries);
    sent.map(|entry| EntryId::new(*Hash::of(&entry.header).as_bytes())).collect()
}

fn alice_says(hand: &mut Hand, text: &str) -> EntryId {
    let (room, now) = (hand.room, hand.world.now);
    let id = hand.world.replica(ALICE).send_message(now, room, text, None, None).unwrap();
    hand.world.commit(ALICE);
    id
}

#[test]
fn content_after_membership() {
    let begin = || {
        let mut hand = Hand::of_bob();
        hand.connect();
        hand.hello();
        hand.open(0);
        hand.heard();
        hand
    };
    let quiet = |hand: &mut Hand| {
        alice_says(hand, "not before it is settled");
        hand.world.advance(5_000);
        hand.world.commit(ALICE);
        let heard = hand.heard();
        assert_eq!(batches(&heard, Lane::Content), Vec::<&Batch>::new(), "{heard:?}");
    };
    // Bob has not said that he has nothing more to say of who belongs.
    let mut hand = begin();
    hand.resume(Lane::Membership);
    hand.resume(Lane::Content);
    quiet(&mut hand);
    hand.end(Lane::Membership);
    assert_eq!(entries(&hand.heard(), Lane::Content).len(), 1, "and then it comes");
    // Alice has not: she does not know where he stands.
    let mut hand = begin();
    hand.end(Lane::Membership);
    hand.resume(Lane::Content);
    quiet(&mut hand);
    hand.resume(Lane::Membership);
    let heard = hand.heard();
    assert_eq!(entries(&heard, Lane::Content).len(), 1);
    let ends = |lane: Lane| {
        let place = |frame: &Frame| matches!(frame, Frame::Batch(batch) if batch.lane == lane && batch.end);
        heard.iter().position(place).unwrap()
    };
    assert!(ends(Lane::Membership) < ends(Lane::Content));
}

#[test]
fn content_between_members() {
    // Bob, who is no member and knows the room's id, passes on what carol, a member, said.
    let mut world = World::new(&["alice", "bob", "carol"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let link = world.invite(ALICE, room);
    world.join(CAROL, ALICE, &link);
    world.say(CAROL, room, "hello");
    world.settle();
    let mut of_carol = Hand::instead_of(world, room, CAROL, ALICE);
    let entry = of_carol.text("by carol");
    of_carol.who = BOB;
    of_carol.meet();
    of_carol.send(std::slice::from_ref(&entry));
    assert!(of_carol.is_connected());
    assert_eq!(of_carol.acks(Lane::Content), [] as [u64; 0]);
    assert!(!of_carol.is_held(entry.id));
    of_carol.world.cut(BOB, ALICE);
    of_carol.who = CAROL;
    of_carol.meet();
    of_carol.stores(&[entry]);

    // Bob, removed, and connected still because of another room.
    let (mut world, room) = room_of_two();
    world.say(BOB, room, "hello");
    let other = world.create_room(ALICE, "other");
    let link = world.invite(ALICE, other);
    world.join(BOB, ALICE, &link);
    world.settle();
    let mut hand = Hand::instead_of(world, room, BOB, ALICE);
    hand.meet();
    let rooms = vec![Tag { slot: 1, tag: hand.tag(other) }];
    hand.say(&Frame::Open(lanline_protocol::frame::Open { rooms }));
    hand.heard();
    let (bob, now) = (key_of(BOB).public().device_id(), hand.world.now);
    hand.world.replica(ALICE).remove_member(now, room, bob).unwrap();
    // In one burst with the removal, and after it; with nothing in it and with something.
    let nothing = hand.batch_up_to(Lane::Content, &[], 50);
    hand.world.tell(BOB, ALICE, &nothing.encode());
    hand.world.commit(ALICE);
    assert_eq!(hand.acks(Lane::Content), [] as [u64; 0]);
    let entry = hand.text("after the removal");
    hand.send(std::slice::from_ref(&entry));
    assert!(hand.is_connected());
    assert_eq!(hand.acks(Lane::Content), [] as [u64; 0]);
    assert!(!hand.is_held(entry.id));

    // Alice herself is not one yet: she was asked to join, and told nothing so far.
    let (hand, link) = invited();
    let mut world = World::new(&["alice", "bob"]);
    let exporter = world.connect_by_hand(BOB, ALICE);
    let mut hand = Hand { world, exporter, room: link.room, ..hand };
    hand.hello();
    let bob = key_of(BOB).public().device_id();
    let connection = hand.world.replica(ALICE).connection(bob).unwrap();
    hand.world.replica(ALICE).join(connection, &link).unwrap();
    hand.open(0);
    hand.heard();
    let entry = hand.text("to a stranger");
    hand.send_in(Lane::Content, Vec::new());
    hand.send(std::slice::from_ref(&entry));
    assert!(hand.is_connected());
    assert_eq!(hand.acks(Lane::Content), [] as [u64; 0]);
    assert!(!hand.is_held(entry.id));
}

#[test]
fn ack_after_commit() {
    let mut hand = Hand::met();
    let entry = hand.text("to be kept");
    let batch = hand.batch_up_to(Lane::Content, std::slice::from_ref(&entry), 1);
    // Taken in, and not committed: nothing is said, and nothing remains.
    hand.world.tell(BOB, ALICE, &batch.encode());
    assert_eq!(hand.acks(Lane::Content), [] as [u64; 0]);
    hand.world.crash(ALICE);
    assert!(!hand.is_held(entry.id));
    // Committed, acknowledged, and there after a crash.
    hand.meet();
    hand.world.tell(BOB, ALICE, &batch.encode());
    hand.world.commit(ALICE);
    assert_eq!(hand.acks(Lane::Content), [1]);
    hand.world.crash(ALICE);
    assert!(hand.is_held(entry.id));
}

#[test]
fn ack_within_sent() {
    for lane in Lane::ALL {
        let mut hand = Hand::met();
        match lane {
            Lane::Content => drop(alice_says(&mut hand, "sent")),
            Lane::Membership => drop(hand.invites()),
        }
        let heard = hand.heard();
        let sent = batches(&heard, lane).last().unwrap().upto.unwrap();
        for upto in [0, sent, sent, sent - 1] {
            hand.say(&Frame::Ack(Ack { slot: 0, lane, upto, partial: None }));
            assert!(hand.is_connected(), "{upto} of {sent}");
        }
        hand.say(&Frame::Ack(Ack { slot: 0, lane, upto: sent + 1, partial: None }));
        assert_eq!(hand.closed(), Some(CloseReason::BadFrame));
    }
}

#[test]
fn batch_acknowledged() {
    for lane in Lane::ALL {
        let mut hand = Hand::met();
        // With something in it, with nothing in it, with what is held already, and with several on their way.
        let write = |hand: &mut Hand| match lane {
            Lane::Content => hand.text("x"),
            Lane::Membership => hand.write_kind(63, &[0; 20]),
        };
        let entry = write(&mut hand);
        for entries in [vec![entry.to_wire()], Vec::new(), vec![entry.to_wire()]] {
            let upto = hand.send_in(lane, entries);
            assert_eq!(hand.acks(lane), [upto]);
        }
        let mut highest = 0;
        for upto in 100..103 {
            let entry = write(&mut hand);
            let batch = hand.batch_up_to(lane, &[entry], upto);
            hand.world.tell(BOB, ALICE, &batch.encode());
            highest = upto;
        }
        hand.world.commit(ALICE);
        assert_eq!(hand.acks(lane), [highest]);
        // What is pushed, without an arrival, is not.
        let entry = write(&mut hand);
        let Frame::Batch(batch) = hand.batch_up_to(lane, &[entry], 0) else { unreachable!() };
        hand.say(&Frame::Batch(Batch { upto: None, ..batch }));
        assert_eq!(hand.acks(lane), [] as [u64; 0]);
    }
}

#[test]
fn partial_ack_for_refused_own() {
    for lane in Lane::ALL {
        let mut hand = Hand::met();
        let other_lane = if lane == Lane::Content { Lane::Membership } else { Lane::Content };
        let write = |hand: &mut Hand| match lane {
            Lane::Content => hand.text("x"),
            Lane::Membership => hand.write_kind(63, &[0; 20]),
        };
        let first = write(&mut hand);
        let upto = hand.send(std::slice::from_ref(&first));
        assert_eq!(hand.acks(lane), [upto]);
        let (missing, after_a_gap) = (write(&mut hand), write(&mut hand));
        let partial = |upto| [Ack { slot: 0, lane, upto, partial: Some(true) }];
        let upto = hand.send(std::slice::from_ref(&after_a_gap));
        assert_eq!(hand.all_acks(lane), partial(upto));
        // And a later one, which would cover it, though it is stored.
        let upto = hand.send(std::slice::from_ref(&missing));
        assert_eq!(hand.all_acks(lane), partial(upto));
        let upto = hand.send_in(lane, Vec::new());
        assert_eq!(hand.all_acks(lane), partial(upto));
        // The other lane goes on.
        let upto = hand.send_in(other_lane, Vec::new());
        assert_eq!(hand.acks(other_lane), [upto]);
        assert!(hand.is_connected());
        let disk = hand.disk();
        assert!(disk.entry(missing.id).unwrap().is_some() && disk.entry(after_a_gap.id).unwrap().is_none());
        // On the next connection both are taken.
        hand.world.cut(BOB, ALICE);
        hand.meet();
        let upto = hand.send(&[missing, after_a_gap]);
        assert_eq!(hand.acks(lane), [upto]);
    }
    // Refused in what settles who belongs, and content begins all the same.
    let mut hand = Hand::of_bob();
    hand.connect();
    hand.hello();
    hand.open(0);
    hand.resume(Lane::Membership);
    let (_missing, after_a_gap) = (hand.write_kind(63, &[0; 20]), hand.write_kind(63, &[0; 20]));
    hand.send(std::slice::from_ref(&after_a_gap));
    hand.end(Lane::Membership);
    let heard = hand.heard();
    let asks = |frame: &Frame| matches!(frame, Frame::Resume(resume) if resume.lane == Lane::Content);
    assert!(heard.iter().any(asks), "{heard:?}");
    // Once both hold the same, acks say again what is stored: the peer hears by heads that it may believe them.
    for lane in Lane::ALL {
        let mut hand = Hand::met();
        hand.acknowledge_all();
        let write = |hand: &mut Hand| match lane {
            Lane::Content => hand.text("x"),
            Lane::Membership => hand.write_kind(63, &[0; 20]),
        };
        let (missing, after_a_gap) = (write(&mut hand), write(&mut hand));
        hand.send(std::slice::from_ref(&after_a_gap));
        hand.send(&[missing, after_a_gap]);
        let digest = hand.digest(lane);
        let other = Hash::new([7; 32]);
        for (digest, agreed) in [(other, false), (digest, true)] {
            hand.say(&Frame::Digest(Digest { slot: 0, lane, digest }));
            let heard = hand.heard();
            let asks = |frame: &Frame| matches!(frame, Frame::WantHeads(want) if want.lane == lane);
            let tells = |frame: &Frame| matches!(frame, Frame::Heads(heads) if heads.lane == lane);
            assert_eq!((heard.iter().any(asks), heard.iter().any(tells)), (!agreed, true), "{heard:?}");
            let upto = hand.send_in(lane, Vec::new());
            let partial = (!agreed).then_some(true);
            assert_eq!(hand.all_acks(lane), [Ack { slot: 0, lane, upto, partial }]);
        }
        hand.say(&Frame::Digest(Digest { slot: 0, lane, digest }));
        assert_eq!(hand.heard(), [] as [Frame; 0], "all is said");
    }
    // What somebody else wrote and does not count here holds nothing up.
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "hello");
    world.say(CAROL, room, "hello");
    world.settle();
    let mut of_carol = Hand::instead_of(world, room, CAROL, ALICE);
    let (_missing, after_a_gap) = (of_carol.text("missing"), of_carol.text("after a gap"));
    let mut hand = Hand::instead_of(of_carol.world, room, BOB, ALICE);
    hand.meet();
    let upto = hand.send(&[after_a_gap]);
    assert_eq!(hand.acks(Lane::Content), [upto]);
}

#[test]
fn partial_ack_says_nothing() {
    let mut hand = Hand::met();
    hand.acknowledge_all();
    let id = alice_says(&mut hand, "refused");
    let sent = |hand: &mut Hand| batches(&hand.heard(), Lane::Content).last().unwrap().upto.unwrap();
    let upto = sent(&mut hand);
    let ack = |upto, partial| Frame::Ack(Ack { slot: 0, lane: Lane::Content, upto, partial });
    hand.say(&ack(upto, Some(true)));
    let stored = |hand: &mut Hand, id| hand.world.replica(ALICE).receipts(id).unwrap().stored.len();
    assert_eq!(stored(&mut hand, id), 0);
    let later = alice_says(&mut hand, "taken");
    let upto = sent(&mut hand);
    hand.say(&ack(upto, None));
    assert_eq!((stored(&mut hand, id), stored(&mut hand, later)), (0, 0), "nor by what covers it");
    // It holds no more than the window: everything goes on.
    let text = "x".repeat(16_000);
    for _ in 0..3 {
        for _ in 0..30 {
            alice_says(&mut hand, &text);
        }
        let upto = sent(&mut hand);
        hand.say(&ack(upto, Some(true)));
    }
    // By its heads it is seen what it holds.
    let heads = hand.world.store(ALICE).tips(hand.room, Lane::Content).unwrap();
    let heads = heads.iter().map(|tip| tip.head).collect();
    hand.world.cut(BOB, ALICE);
    hand.connect();
    hand.hello();
    hand.open(0);
    hand.resume(Lane::Membership);
    hand.end(Lane::Membership);
    assert_eq!((stored(&mut hand, id), stored(&mut hand, later)), (0, 0), "nor after a restart");
    hand.say(&Frame::Heads(Heads { slot: 0, lane: Lane::Content, heads, last: true }));
    assert_eq!((stored(&mut hand, id), stored(&mut hand, later)), (1, 1));
}

#[test]
fn heads_wait_for_acks() {
    let nothing = |lane: Lane| Frame::Heads(Heads { slot: 0, lane, heads: Vec::new(), last: true });
    // A message is on its way when bob says that he holds nothing at all.
    let mut hand = Hand::met();
    hand.acknowledge_all();
    hand.heard();
    let id = alice_says(&mut hand, "on its way");
    let heard = hand.heard();
    assert_eq!(entries(&heard, Lane::Content), [id]);
    let upto = batches(&heard, Lane::Content)[0].upto.unwrap();
    hand.say(&nothing(Lane::Content));
    let later = alice_says(&mut hand, "later");
    hand.world.advance(5_000);
    hand.world.commit(ALICE);
    assert_eq!(batches(&hand.heard(), Lane::Content), Vec::<&Batch>::new());
    hand.say(&Frame::Ack(Ack { slot: 0, lane: Lane::Content, upto: upto - 1, partial: None }));
    assert_eq!(batches(&hand.heard(), Lane::Content), Vec::<&Batch>::new());
    hand.say(&Frame::Ack(Ack { slot: 0, lane: Lane::Content, upto, partial: None }));
    let heard = hand.heard();
    let sent = entries(&heard, Lane::Content);
    // Everything from the start: her profile, his own words, and hers.
    assert!(sent.len() == 4 && sent.ends_with(&[id, later]), "{sent:?}");

    // The empty batch that ends a lane is waited for like any other.
    let mut hand = Hand::of_bob();
    hand.connect();
    hand.hello();
    hand.open(0);
    hand.resume(Lane::Membership);
    let heard = hand.heard();
    let [end] = batches(&heard, Lane::Membership)[..] else { panic!("{heard:?}") };
    assert!(end.entries.is_empty() && end.end);
    hand.say(&nothing(Lane::Membership));
    assert_eq!(batches(&hand.heard(), Lane::Membership), Vec::<&Batch>::new());
    hand.say(&Frame::Ack(Ack { slot: 0, lane: Lane::Membership, upto: end.upto.unwrap(), partial: None }));
    assert!(!entries(&hand.heard(), Lane::Membership).is_empty());
}
