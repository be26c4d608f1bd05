//! Receipts: facts that survive restarts and are passed on, and what is kept private.

use lanline_protocol::cbor;
use lanline_protocol::frame::{Batch, Frame, Head};
use lanline_protocol::id::{EntryId, RoomId, ShortId, StoreId};
use lanline_protocol::identity::{DeviceKey, PublicKey};
use lanline_protocol::kind::Lane;
use lanline_protocol::receipt::{Standing, Status};
use lanline_protocol::record::{Mark, Receipts, Record, RecordKey, RecordName, Watermark};
use lanline_protocol::replica::Event;
use lanline_protocol::store::Store;

use crate::world::{ALICE, BOB, CAROL, World};

fn standing(world: &mut World, message: EntryId) -> Standing {
    world.replica(ALICE).message(message).unwrap().standing
}

fn read(world: &mut World, device: usize, room: RoomId, message: EntryId) {
    let now = world.now;
    world.replica(device).mark_read(now, room, message).unwrap();
    world.commit(device);
    world.settle();
}

#[test]
fn what_carol_received_and_read_reaches_alice_through_bob_though_all_were_restarted() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.cut(ALICE, CAROL);
    let message = world.say(ALICE, room, "hello");
    world.settle();
    // Carol meets Bob, and never Alice.
    let carol = world.replica(CAROL).device_id();
    world.cut(ALICE, BOB);
    world.connect(CAROL, BOB);
    world.settle();
    read(&mut world, CAROL, room, message);
    assert!(!standing(&mut world, message).stored.contains(&carol), "nobody told Alice yet");
    for device in [ALICE, BOB, CAROL] {
        world.crash(device);
    }
    world.connect(BOB, ALICE);
    world.settle();
    let told = standing(&mut world, message);
    assert!(told.stored.contains(&carol) && told.delivered.contains(&carol) && told.read.contains(&carol), "{told:?}");
    assert_eq!(told.status(), Status::Delivered, "Bob has not read it");
    world.crash(ALICE);
    assert_eq!(standing(&mut world, message), told);
}

#[test]
fn a_burst_of_messages_is_acknowledged_by_few_receipts() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    let newest = |world: &mut World| {
        let store = world.store(BOB);
        lanline_protocol::store::Store::newest(&store, room, lanline_protocol::kind::Lane::Content).unwrap()
    };
    let mut said = Vec::new();
    for n in 0..300 {
        said.push(world.say(ALICE, room, &n.to_string()));
        world.commit(ALICE);
        while world.deliver_one(&mut |_| 0) {
            world.commit(ALICE);
            world.commit(BOB);
        }
        world.advance(1);
    }
    world.settle();
    assert_eq!(standing(&mut world, said[299]).status(), Status::Delivered);
    // One receipt replaces the last: only arrivals tell how many there were.
    let written = newest(&mut world) - 300;
    assert!(written < 20, "{written} receipts and entries beside 300 messages");
}

#[test]
fn what_is_read_in_private_is_told_to_nobody_and_what_was_told_stays() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let told = world.say(ALICE, room, "told");
    world.settle();
    read(&mut world, BOB, room, told);
    assert_eq!(standing(&mut world, told).status(), Status::Read);

    let now = world.now;
    world.replica(BOB).set_tells_read(now, false).unwrap();
    world.commit(BOB);
    let private = world.say(ALICE, room, "private");
    world.settle();
    read(&mut world, BOB, room, private);
    // It is kept: also by the device that runs after this one.
    world.crash(BOB);
    assert!(!world.replica(BOB).tells_read());
    world.connect(BOB, ALICE);
    let after = world.say(ALICE, room, "after");
    world.settle();
    read(&mut world, BOB, room, after);
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].unread, 0, "what Bob has read he knows himself");
    for message in [private, after] {
        assert_eq!(standing(&mut world, message).status(), Status::Delivered);
    }
    assert_eq!(standing(&mut world, told).status(), Status::Read, "what was told is not taken back");

    let now = world.now;
    world.replica(BOB).set_tells_read(now, true).unwrap();
    world.commit(BOB);
    world.settle();
    assert_eq!(standing(&mut world, after).status(), Status::Read);
}

/// Bob's older disk gives numbers again that carol, who is gone for good, received and read as other words.
#[test]
fn receipts_for_one_branch_of_a_forked_log_say_nothing_of_the_other() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let before = world.say(BOB, room, "one");
    world.settle();
    world.crash(BOB);
    let backup = world.store(BOB);
    for (a, b) in [(BOB, ALICE), (BOB, CAROL)] {
        world.connect(a, b);
    }
    let lost = world.say(BOB, room, "two");
    world.settle();
    read(&mut world, CAROL, room, lost);
    let carol = world.replica(CAROL).device_id();
    assert!(standing(&mut world, lost).read.contains(&carol));
    world.crash(CAROL);

    world.crash(BOB);
    world.roll_back(BOB, backup);
    let again = world.say(BOB, room, "another two");
    world.commit(BOB);
    // Bob notices, hangs up, and comes back with a new store.
    for _ in 0..2 {
        world.connect(BOB, ALICE);
        world.settle();
    }
    assert_eq!(world.texts(ALICE, room), ["one", "two", "another two"]);
    for device in [ALICE, BOB] {
        let standing = world.replica(device).message(again).unwrap().standing;
        assert!(!standing.stored.contains(&carol) && !standing.delivered.contains(&carol), "{standing:?}");
        assert!(!standing.read.contains(&carol) && standing.status() == Status::Stored, "{standing:?}");
    }
    // What she told is not forgotten, neither of the branch that she holds nor of what came before both.
    for restarted in [false, true] {
        if restarted {
            world.crash(ALICE);
        }
        for (message, read) in [(before, false), (lost, true), (again, false)] {
            let shown = world.replica(ALICE).message(message).unwrap();
            assert_eq!(shown.standing.delivered.contains(&carol), message != again);
            assert_eq!(shown.standing.read.contains(&carol), read || message == before);
            assert_eq!(shown.forked, message != before, "the log forked behind the first");
        }
    }
    // She comes back, and is sent the branch that she lacks: of which nothing was read.
    world.connect(CAROL, BOB);
    world.settle();
    assert_eq!(world.texts(CAROL, room), ["one", "two", "another two"]);
    assert_eq!(world.replica(CAROL).rooms().unwrap()[0].unread, 2, "a mark reaches all before it");
    world.connect(BOB, ALICE);
    world.settle();
    let told = standing(&mut world, again);
    assert!(told.delivered.contains(&carol) && !told.read.contains(&carol), "{told:?}");
    assert!(standing(&mut world, lost).read.contains(&carol), "what was told is not taken back");
    read(&mut world, CAROL, room, again);
    assert!(standing(&mut world, again).read.contains(&carol));
}

/// The same on the device of who holds one branch only, and is told by who holds the other.
#[test]
fn who_holds_one_branch_of_a_forked_log_is_told_nothing_of_the_other() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "one");
    world.settle();
    world.crash(BOB);
    let backup = world.store(BOB);
    world.connect(BOB, CAROL);
    world.cut(ALICE, CAROL);
    let lost = world.say(BOB, room, "two");
    world.settle();
    read(&mut world, CAROL, room, lost);
    let carols = world.store(CAROL);
    let told = {
        let author = world.replica(CAROL).device_id();
        let records = lanline_protocol::store::Store::records(&carols, room, None, usize::MAX).unwrap();
        let receipts =
            |record: &Record| record.key.name == RecordName::RECEIPTS && record.key.author.device_id() == author;
        records.into_iter().find(receipts).unwrap()
    };
    world.crash(CAROL);
    world.crash(BOB);
    world.roll_back(BOB, backup);
    // Her word reaches alice's disk, and what it speaks of does not.
    let again = world.say(BOB, room, "another two");
    world.commit(BOB);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["one", "another two"]);
    world.crash(ALICE);
    let mut alices = world.store(ALICE);
    lanline_protocol::store::Store::put_record(&mut alices, &told).unwrap();
    lanline_protocol::store::Store::commit(&mut alices).unwrap();
    world.roll_back(ALICE, alices);
    let carol = world.replica(CAROL).device_id();
    let shown = standing(&mut world, again);
    assert!(!shown.delivered.contains(&carol) && !shown.read.contains(&carol), "{shown:?}");
    // With the other branch it speaks of that one.
    world.connect(ALICE, CAROL);
    world.settle();
    assert!(standing(&mut world, lost).read.contains(&carol));
    assert!(!standing(&mut world, again).read.contains(&carol));
}

/// Bob goes on with an older copy of his database, and what he hears again stands where it stood: alice's cursor is not
/// taken for one behind what he said meanwhile.
#[test]
fn a_cursor_from_before_a_rollback_says_nothing_of_what_came_after_it() {
    for said in 1..8 {
        let mut world = World::new(&["alice", "bob", "carol"]);
        let room = world.room_of(3);
        world.connect(BOB, CAROL);
        world.settle();
        world.cut(ALICE, CAROL);
        let before = world.say(CAROL, room, "before");
        world.commit(CAROL);
        world.settle();
        let copy = world.store(BOB);
        world.crash(BOB);
        world.connect(BOB, CAROL);
        world.connect(BOB, ALICE);
        let twice = world.say(CAROL, room, "heard twice");
        world.commit(CAROL);
        world.settle();
        // Each of these is a record that arrives at bob.
        read(&mut world, ALICE, room, before);
        read(&mut world, ALICE, room, twice);
        world.crash(BOB);
        world.roll_back(BOB, copy);
        read(&mut world, BOB, room, before);
        let unheard: Vec<EntryId> = (0..said).map(|n| world.say(BOB, room, &format!("{n}"))).collect();
        world.commit(BOB);
        world.connect(BOB, CAROL);
        world.settle();
        world.connect(BOB, ALICE);
        let alice = world.replica(ALICE).device_id();
        while world.deliver_one(&mut |_| 0) {
            for device in [ALICE, BOB, CAROL] {
                world.commit(device);
            }
            for id in &unheard {
                let stored = world.replica(BOB).receipts(*id).unwrap().stored.contains(&alice);
                assert!(!stored || world.replica(ALICE).message(*id).is_ok(), "{said} said");
            }
        }
    }
}

/// Bob says that he holds alice's thousands of messages, and then none, and so on: what she wrote before this start she
/// has to read, and does so of the newest only.
#[test]
fn a_receipt_for_thousands_of_messages_makes_few_of_them_be_looked_at() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.cut(ALICE, BOB);
    let mut said = Vec::new();
    for n in 0..10_000 {
        said.push(world.say(ALICE, room, &n.to_string()));
    }
    world.commit(ALICE);
    world.crash(ALICE);
    let end = tip(&mut world, room);
    world.events(ALICE);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(standing(&mut world, said[0]).status(), Status::Delivered);
    let events = world.events(ALICE);
    assert!(events.contains(&Event::Status(said[9_999])));

    let told_by_bob = |world: &mut World, marks: Vec<Mark>, version: u64| {
        let place = RecordKey { room, author: key(BOB), store: StoreId::new([9; 16]), name: RecordName::RECEIPTS };
        let receipts = Receipts { logs: vec![Watermark { log: end.log, marks }] };
        let record = Record::write(&DeviceKey::from_seed(&[2; 32]), place, version, cbor::encode(&receipts));
        let batch = Batch {
            slot: 0,
            lane: Lane::Content,
            entries: Vec::new(),
            records: vec![record.to_wire()],
            upto: None,
            anchor: None,
            end: false,
        };
        world.inject(BOB, ALICE, &Frame::Batch(batch));
        world.advance(200);
        world.commit(ALICE);
        world.advance(200);
        world.commit(ALICE);
        assert!(world.connected(ALICE, BOB));
        world.events(ALICE)
    };
    let mark = Mark { seq: end.seq, id: ShortId::of(end.id), read: end.seq };
    told_by_bob(&mut world, vec![mark], 1);
    told_by_bob(&mut world, Vec::new(), 2);
    let events = told_by_bob(&mut world, vec![mark], 3);
    let told = events.iter().filter(|event| matches!(event, Event::Status(_))).count();
    assert!((100..2_000).contains(&told), "{told} were looked at");
    assert!(events.contains(&Event::Status(said[9_999])));
    assert!(events.contains(&Event::Room(room)), "and others may have changed");
}

fn key(device: usize) -> PublicKey {
    DeviceKey::from_seed(&[device as u8 + 1; 32]).public()
}

/// The end of alice's log.
fn tip(world: &mut World, room: RoomId) -> Head {
    let tips = world.store(ALICE).tips(room, Lane::Content).unwrap();
    tips.into_iter().map(|tip| tip.head).find(|head| head.log.author == key(ALICE)).unwrap()
}
