//! What a device says of itself in its receipts.

use lanline_protocol::cbor;
use lanline_protocol::entry::Entry;
use lanline_protocol::id::{RoomId, ShortId};
use lanline_protocol::record::{Counts, Mark, Receipts, RecordKey, RecordName, Watermark};
use lanline_protocol::store::{NewEntry, Order, Store};

use super::hand::{Hand, key_of};
use crate::counting::{calm, crowd};
use crate::world::{ALICE, BOB, CAROL, World};

/// What a device has written of one author's log.
fn told(world: &mut World, of: usize, room: RoomId, author: usize) -> Mark {
    let store = world.store(of);
    let key = RecordKey { room, author: key_of(of).public(), store: store.store_id(), name: RecordName::RECEIPTS };
    let receipts: Receipts = cbor::decode(&store.record(&key).unwrap().unwrap().value).unwrap();
    assert!(receipts.logs.is_sorted_by_key(|mark| mark.log));
    let log = receipts.logs.iter().find(|told| told.log.author == key_of(author).public()).unwrap();
    let [mark] = log.marks.as_slice() else { panic!("{} marks in a log that did not fork", log.marks.len()) };
    let named = store.at(room, log.log, mark.seq).unwrap();
    assert_eq!(named.iter().map(|stored| ShortId::of(stored.entry.id)).collect::<Vec<_>>(), [mark.id]);
    *mark
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
    assert_eq!((mark.seq, mark.read), (before + 1, before + 1));
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
    assert_eq!(count.id, ShortId::of(second), "of the tip and what stands before it");
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
    assert_eq!(before.read, before.seq);

    world.cut(ALICE, BOB);
    world.connect(CAROL, BOB);
    world.settle();
    assert_eq!(world.texts(BOB, room), ["held", "late", "newest"]);
    let mark = told(&mut world, BOB, room, CAROL);
    assert_eq!((mark.seq, mark.read), (before.seq + 1, before.read));
    // Read once more, with it there.
    let now = world.now;
    world.replica(BOB).mark_read(now, room, newest).unwrap();
    world.settle();
    let mark = told(&mut world, BOB, room, CAROL);
    assert_eq!((mark.seq, mark.read), (before.seq + 1, before.seq + 1));
}

#[test]
fn mark_names_an_entry() {
    let mut hand = Hand::of_bob();
    let room = hand.room;
    let bob = hand.world.replica(BOB).device_id();
    let said: Vec<_> = ["one", "two", "three"].map(|text| hand.world.say(ALICE, room, text)).to_vec();
    hand.world.commit(ALICE);
    let store = hand.disk();
    hand.meet();
    let named: Vec<_> = said.iter().map(|id| store.entry(*id).unwrap().unwrap().entry).collect();
    let log = named[1].header.log_key();
    let mut version = u64::MAX >> 2;
    let mut tell = |hand: &mut Hand, seq: u64, id: ShortId| {
        version += 1;
        let marks = vec![Mark { seq, id, read: seq }];
        let value = cbor::encode(&Receipts { logs: vec![Watermark { log, marks }] });
        let record = hand.record(RecordName::RECEIPTS, version, value);
        hand.send_record(&record);
        said.iter()
            .map(|id| {
                let standing = hand.world.replica(ALICE).message(*id).unwrap().standing;
                assert_eq!(standing.delivered, standing.read);
                standing.read.contains(&bob)
            })
            .collect::<Vec<bool>>()
    };
    let (two, three) = (&named[1], &named[2]);
    let (second, third) = (two.header.seq, three.header.seq);
    assert_eq!(tell(&mut hand, third, ShortId::of(two.id)), [false; 3], "no entry of that number");
    assert_eq!(tell(&mut hand, third + 1, ShortId::of(three.id)), [false; 3], "not held");
    assert_eq!(tell(&mut hand, second, ShortId::of(three.id)), [false; 3], "the other way round");
    assert_eq!(tell(&mut hand, second, ShortId::of(two.id)), [true, true, false]);
    assert_eq!(tell(&mut hand, third, ShortId::of(three.id)), [true; 3]);
}
