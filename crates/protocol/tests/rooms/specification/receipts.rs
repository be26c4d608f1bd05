//! What a device says of itself in its receipts.

use lanline_protocol::cbor;
use lanline_protocol::entry::Entry;
use lanline_protocol::id::RoomId;
use lanline_protocol::record::{Counts, Receipts, RecordKey, RecordName, Watermark};
use lanline_protocol::store::{NewEntry, Order, Store};

use super::hand::{Hand, key_of};
use crate::counting::{calm, crowd};
use crate::world::{ALICE, BOB, CAROL, World};

/// What a device has written of one author's log.
fn told(world: &mut World, of: usize, room: RoomId, author: usize) -> Watermark {
    let store = world.store(of);
    let key = RecordKey { room, author: key_of(of).public(), store: store.store_id(), name: RecordName::RECEIPTS };
    let receipts: Receipts = cbor::decode(&store.record(&key).unwrap().unwrap().value).unwrap();
    assert!(receipts.logs.is_sorted_by_key(|mark| mark.log));
    *receipts.logs.iter().find(|mark| mark.log.author == key_of(author).public()).unwrap()
}

#[test]
fn read_within_delivered() {
    let mut hand = Hand::of_bob();
    let (whole, missing, read) = (hand.text("whole"), hand.text("without its body"), hand.text("read"));
    let room = hand.room;
    let before = hand.header(65, &[]).seq - 4;
    // Alice's database, of which the second body was lost.
    let mut store = hand.disk();
    let tips = store.tips(room, lanline_protocol::kind::Lane::Content).unwrap();
    let add = tips.iter().find(|tip| tip.head.log == whole.header.log_key()).unwrap().add;
    let without_body = Entry { body: None, ..missing };
    for entry in [&whole, &without_body, &read] {
        let header = &entry.header;
        let order = Order { time_us: header.timestamp_us, author: header.author, seq: header.seq, id: entry.id };
        store.put_entry(NewEntry { entry, order, add }).unwrap();
    }
    store.commit().unwrap();
    hand.world.restore(ALICE, 1, store);
    let now = hand.world.now;
    hand.world.replica(ALICE).mark_read(now, room, read.id).unwrap();
    hand.world.settle();
    let mark = told(&mut hand.world, ALICE, room, BOB);
    assert_eq!((mark.delivered, mark.read), (before + 1, before + 1));
}

#[test]
fn counts_are_held() {
    let members = lanline_protocol::limits::RECEIPT_MEMBERS + 4;
    let (mut world, room) = crowd(members);
    let first = world.say(BOB, room, "heard by all");
    calm(&mut world, members);
    // Two are away.
    world.cut(ALICE, members - 1);
    world.cut(ALICE, members - 2);
    let second = world.say(BOB, room, "heard by some");
    calm(&mut world, members);
    let store = world.store(ALICE);
    let key = RecordKey { room, author: key_of(ALICE).public(), store: store.store_id(), name: RecordName::COUNTS };
    let counts: Counts = cbor::decode(&store.record(&key).unwrap().unwrap().value).unwrap();
    assert!(counts.logs.is_sorted_by_key(|count| count.log));
    let count = counts.logs.iter().find(|count| count.log.author == key_of(BOB).public()).unwrap();
    let seq = |id| store.entry(id).unwrap().unwrap().entry.header.seq;
    let expected = [(seq(second), members - 3), (seq(first), members - 1)];
    let told: Vec<_> = count.steps.iter().map(|step| (step.upto, usize::try_from(step.members).unwrap())).collect();
    assert_eq!(told, expected);
}

#[test]
fn read_only_what_was_held() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(CAROL, room, "held");
    world.settle();
    world.cut(ALICE, CAROL);
    // Carol, away, says what will be shown above what Bob reads.
    world.say(CAROL, room, "late");
    world.commit(CAROL);
    world.advance(1_000);
    let newest = world.say(ALICE, room, "newest");
    world.settle();
    let now = world.now;
    world.replica(BOB).mark_read(now, room, newest).unwrap();
    world.settle();
    let before = told(&mut world, BOB, room, CAROL);
    assert_eq!(before.read, before.delivered);

    world.cut(ALICE, BOB);
    world.connect(CAROL, BOB);
    world.settle();
    assert_eq!(world.texts(BOB, room), ["held", "late", "newest"]);
    let mark = told(&mut world, BOB, room, CAROL);
    assert_eq!((mark.delivered, mark.read), (before.delivered + 1, before.read));
    // Read once more, with it there.
    let now = world.now;
    world.replica(BOB).mark_read(now, room, newest).unwrap();
    world.settle();
    let mark = told(&mut world, BOB, room, CAROL);
    assert_eq!((mark.delivered, mark.read), (before.delivered + 1, before.delivered + 1));
}
