//! Rooms too large for everyone's receipts: what meeting points count, and what follows from it.

use lanline_protocol::cbor;
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::limits;
use lanline_protocol::receipt::{Standing, Status};
use lanline_protocol::record::{Counts, RecordName};
use lanline_protocol::store::Store;

use crate::world::{ALICE, BOB, World};

/// A room of alice's, who listens, with everyone connected to her.
pub(crate) fn crowd(members: usize) -> (World, RoomId) {
    let names: Vec<String> = (0..members).map(|n| format!("member {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(&names);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "square");
    let now = world.now;
    let link = world.replica(ALICE).invite(now, room, 60_000, 1000).unwrap();
    let connections: Vec<_> = (1..members).map(|member| world.connect(member, ALICE)).collect();
    calm(&mut world, members);
    for (member, connection) in (1..members).zip(connections) {
        world.replica(member).join(connection, &link).unwrap();
    }
    calm(&mut world, members);
    (world, room)
}

/// As [`World::settle`], with one commit for all that came meanwhile: devices are many here.
pub(crate) fn calm(world: &mut World, members: usize) {
    let mut quiet = 0;
    while quiet < 12 {
        let mut moved = false;
        while world.deliver_one(&mut |_| 0) {
            moved = true;
        }
        if moved {
            quiet = 0;
        } else {
            quiet += 1;
            world.advance(200);
        }
        (0..members).for_each(|device| world.commit(device));
    }
}

fn standing(world: &mut World, device: usize, message: EntryId) -> Standing {
    world.replica(device).message(message).unwrap().standing
}

fn counts_of(world: &mut World, device: usize, room: RoomId) -> Vec<Counts> {
    let records = world.store(device).records(room, None, usize::MAX).unwrap();
    let counts = records.into_iter().filter(|record| record.key.name == RecordName::COUNTS);
    counts.map(|record| cbor::decode(&record.value).unwrap()).collect()
}

#[test]
fn in_a_large_room_an_author_is_shown_how_many_a_meeting_point_counted() {
    let members = limits::RECEIPT_MEMBERS + 3;
    let (mut world, room) = crowd(members);
    let absent = members - 1;
    world.cut(ALICE, absent);
    let message = world.say(BOB, room, "hello");
    calm(&mut world, members);
    let told = standing(&mut world, BOB, message);
    assert_eq!(told.members, members - 1);
    assert_eq!(told.counted, members - 2, "all but Bob and the one who is away");
    assert_eq!(told.stored.len(), 1, "of itself Bob's device knows of Alice alone");
    assert!(told.delivered.is_empty() && told.read.is_empty());
    assert_eq!(told.status(), Status::Stored, "what others count changes no state");

    world.connect(absent, ALICE);
    calm(&mut world, members);
    let told = standing(&mut world, BOB, message);
    assert_eq!((told.counted, told.status()), (members - 1, Status::Stored));
    // It was told, and is kept.
    world.crash(BOB);
    assert_eq!(standing(&mut world, BOB, message).counted, members - 1);
    assert_eq!(counts_of(&mut world, BOB, room).len(), 1, "only who listens counts");
}

#[test]
fn who_was_removed_is_counted_no_more() {
    let members = limits::RECEIPT_MEMBERS + 3;
    let (mut world, room) = crowd(members);
    let message = world.say(BOB, room, "hello");
    calm(&mut world, members);
    assert_eq!(standing(&mut world, BOB, message).counted, members - 1);
    let last = world.replica(members - 1).device_id();
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, last).unwrap();
    world.commit(ALICE);
    calm(&mut world, members);
    // Whether it was counted before its removal nobody can say while their clocks may differ: it is taken off once more.
    let told = standing(&mut world, BOB, message);
    assert_eq!((told.members, told.counted), (members - 2, members - 3));
    world.advance(6 * 60 * 1000);
    world.say(BOB, room, "some minutes later");
    calm(&mut world, members);
    assert_eq!(standing(&mut world, BOB, message).counted, members - 2);
}

#[test]
fn a_room_that_grows_beyond_receipts_and_shrinks_again_loses_none() {
    let members = limits::RECEIPT_MEMBERS + 1;
    let (mut world, room) = crowd(members);
    let message = world.say(BOB, room, "hello");
    calm(&mut world, members);
    assert_eq!(standing(&mut world, BOB, message).status(), Status::Stored);
    let last = world.replica(members - 1).device_id();
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, last).unwrap();
    world.commit(ALICE);
    calm(&mut world, members);
    let told = standing(&mut world, BOB, message);
    assert_eq!((told.status(), told.counted), (Status::Delivered, 0), "each says so itself again");

    let link = world.invite(ALICE, room);
    let connection = world.connect(members - 1, ALICE);
    calm(&mut world, members);
    world.replica(members - 1).join(connection, &link).unwrap();
    calm(&mut world, members);
    let told = standing(&mut world, BOB, message);
    assert_eq!(told.delivered.len(), members - 2, "what was signed stays true");
}

#[test]
fn counts_come_seldom_however_much_is_said() {
    let members = limits::RECEIPT_MEMBERS + 2;
    let (mut world, room) = crowd(members);
    calm(&mut world, members);
    let before = world.store(ALICE).newest(room, lanline_protocol::kind::Lane::Content).unwrap();
    for n in 0..50 {
        world.say(BOB, room, &n.to_string());
        world.commit(BOB);
        while world.deliver_one(&mut |_| 0) {
            world.commit(ALICE);
        }
        world.advance(20);
    }
    let after = world.store(ALICE).newest(room, lanline_protocol::kind::Lane::Content).unwrap();
    assert!(after - before <= 50 + 2, "{} records in one second", after - before - 50);
}
