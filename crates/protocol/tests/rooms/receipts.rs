//! Receipts: facts that survive restarts and are passed on, and what is kept private.

use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::receipt::{Standing, Status};

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
    world.say(BOB, room, "one");
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
}
