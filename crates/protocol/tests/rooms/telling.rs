//! What a device is told that is no member any more: all that made it so, and no key that is to keep it out.

use std::collections::BTreeSet;

use lanline_protocol::body::Body;
use lanline_protocol::command::CommandError;
use lanline_protocol::entry::Entry;
use lanline_protocol::frame::{Batch, Frame};
use lanline_protocol::id::RoomId;
use lanline_protocol::identity::DeviceId;
use lanline_protocol::kind::Lane;
use lanline_protocol::store::{Item, Store};
use lanline_protocol::voting::Motion;

use crate::world::{ALICE, BOB, CAROL, World};

const DAVE: usize = 3;
const ERIN: usize = 4;
const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

fn id(world: &mut World, device: usize) -> DeviceId {
    world.replica(device).device_id()
}

fn held(world: &mut World, device: usize, room: RoomId) -> Vec<Entry> {
    let items = world.replica(device).store().page(room, Lane::Membership, 0, usize::MAX, usize::MAX).unwrap();
    let entries = items.into_iter().filter_map(|item| match item {
        Item::Entry(stored) => Some(stored.entry),
        _ => None,
    });
    entries.collect()
}

/// How many beacon keys a device was told since the room began.
fn keys(world: &mut World, device: usize, room: RoomId) -> usize {
    held(world, device, room).iter().filter(|entry| matches!(entry.decode_body(), Body::Beacon(_))).count()
}

fn remove(world: &mut World, by: usize, room: RoomId, whom: usize) {
    let (whom, now) = (id(world, whom), world.now);
    world.replica(by).remove_member(now, room, whom).unwrap();
    world.commit(by);
    world.settle();
}

fn vote(world: &mut World, by: usize, room: RoomId, motion: Motion) {
    let now = world.now;
    world.replica(by).vote(now, room, motion).unwrap();
    world.commit(by);
    world.settle();
}

fn part_all(world: &mut World) {
    for a in 0..NAMES.len() {
        for b in a + 1..NAMES.len() {
            world.cut(a, b);
        }
    }
}

/// The two talk until there is no more to say.
fn meet(world: &mut World, one: usize, other: usize) {
    world.connect(one, other);
    world.settle();
    world.advance(61_000);
    world.settle();
}

fn knows_to_be_no_member(world: &mut World, device: usize, room: RoomId) -> bool {
    let now = world.now;
    world.replica(device).send_message(now, room, "x", None, None) == Err(CommandError::NotAMember)
}

/// Alice's room with so many members, into which each of these lets in the device after it; nobody is connected.
fn room_with_guests(members: usize, guests: &[(usize, usize)]) -> (World, RoomId) {
    let mut world = World::new(&NAMES);
    let room = world.room_of(members);
    for (sponsor, guest) in guests {
        world.listen(*sponsor);
        let link = world.invite(*sponsor, room);
        world.join(*guest, *sponsor, &link);
    }
    world.settle();
    part_all(&mut world);
    (world, room)
}

/// Alice, voted out by bob and carol, lets erin in by an invite of bob's before she knows. Dave, who heard of that first,
/// tells bob: to bob erin was never let in, and erin can learn from nobody else what became of alice.
#[test]
fn whom_a_removed_owner_let_in_is_told_of_the_removal() {
    let (mut world, room) = room_with_guests(3, &[(BOB, DAVE)]);
    world.connect(ALICE, BOB);
    let link = world.invite(BOB, room);
    world.settle();
    part_all(&mut world);

    let alice = id(&mut world, ALICE);
    world.connect(BOB, CAROL);
    vote(&mut world, BOB, room, Motion::Remove(alice));
    vote(&mut world, CAROL, room, Motion::Remove(alice));
    world.connect(DAVE, ALICE);
    world.settle();
    world.join(ERIN, ALICE, &link);
    part_all(&mut world);
    meet(&mut world, DAVE, BOB);
    let erin = world.replica(ERIN).device_id();
    let lets_in = |entry: &Entry| entry.decode_body().lets_in().is_some_and(|(key, _)| key.device_id() == erin);
    assert!(held(&mut world, BOB, room).iter().any(lets_in), "bob holds what let erin in");
    assert!(world.replica(BOB).members(room).unwrap().iter().all(|member| member.device != erin));
    world.replica(ERIN).members(room).unwrap().iter().find(|member| member.device == erin).expect("so erin believes");

    part_all(&mut world);
    meet(&mut world, ERIN, BOB);
    assert!(knows_to_be_no_member(&mut world, ERIN, room));
}

/// Bob let carol in, whom alice removes while she is away; then bob leaves. That is later, and carol needs none of it.
#[test]
fn who_was_removed_is_told_no_key_because_its_sponsor_left_later() {
    let (mut world, room) = room_with_guests(2, &[(BOB, CAROL)]);
    world.connect(BOB, ALICE);
    remove(&mut world, ALICE, room, CAROL);
    assert_eq!(keys(&mut world, ALICE, room), 1);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    meet(&mut world, CAROL, ALICE);
    assert!(knows_to_be_no_member(&mut world, CAROL, room));
    assert_eq!(keys(&mut world, CAROL, room), 0);
}

/// What was kept from carol while she was out comes once she is let in again: nothing of it is missing for good.
#[test]
fn who_was_removed_and_is_let_in_again_is_told_what_was_withheld() {
    let (mut world, room) = room_with_guests(2, &[(BOB, CAROL)]);
    world.connect(BOB, ALICE);
    remove(&mut world, ALICE, room, CAROL);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    meet(&mut world, CAROL, ALICE);
    assert_eq!(keys(&mut world, CAROL, room), 0);
    let link = world.invite(ALICE, room);
    world.join(CAROL, ALICE, &link);
    world.settle();
    let all =
        |world: &mut World, device| -> BTreeSet<_> { held(world, device, room).iter().map(|entry| entry.id).collect() };
    assert_eq!(keys(&mut world, CAROL, room), 1);
    assert_eq!(all(&mut world, CAROL), all(&mut world, ALICE));
}

#[test]
fn who_was_removed_is_told_no_key_because_its_sponsor_was_removed_later() {
    let (mut world, room) = room_with_guests(2, &[(BOB, CAROL)]);
    world.connect(BOB, ALICE);
    remove(&mut world, ALICE, room, CAROL);
    remove(&mut world, ALICE, room, BOB);
    assert_eq!(keys(&mut world, ALICE, room), 2);
    meet(&mut world, CAROL, ALICE);
    assert!(knows_to_be_no_member(&mut world, CAROL, room));
    assert_eq!(keys(&mut world, CAROL, room), 0);
}

/// Alice removes dave, and behind that two acts of the majority come about of which one outranks the other. Dave was removed
/// by both, and has to hear of neither.
#[test]
fn who_was_removed_before_two_acts_that_compete_is_told_no_key_for_them() {
    let (mut world, room) = room_with_guests(4, &[]);
    for (one, other) in [(ALICE, BOB), (ALICE, CAROL), (BOB, CAROL)] {
        world.connect(one, other);
    }
    remove(&mut world, ALICE, room, DAVE);
    let (bob, carol) = (id(&mut world, BOB), id(&mut world, CAROL));
    world.cut(ALICE, BOB);
    world.cut(ALICE, CAROL);
    vote(&mut world, BOB, room, Motion::Owner(carol));
    world.cut(BOB, CAROL);
    world.connect(ALICE, BOB);
    world.settle();
    world.cut(ALICE, BOB);
    vote(&mut world, CAROL, room, Motion::Owner(carol));
    world.connect(ALICE, BOB);
    vote(&mut world, BOB, room, Motion::Owner(bob));
    vote(&mut world, ALICE, room, Motion::Owner(bob));
    world.connect(ALICE, CAROL);
    world.connect(BOB, CAROL);
    world.settle();
    let elections =
        held(&mut world, ALICE, room).iter().filter(|entry| matches!(entry.decode_body(), Body::Appoint(_))).count();
    assert!(elections >= 2, "{elections}");
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(keys(&mut world, device, room), 1);
        part_all(&mut world);
        meet(&mut world, DAVE, device);
        assert!(knows_to_be_no_member(&mut world, DAVE, room));
        assert_eq!(keys(&mut world, DAVE, room), 0);
    }
}

/// Alice hands the room over to bob, who removes carol. Dave is shown what bob wrote before what it stands on.
#[test]
fn who_was_removed_is_told_no_key_that_came_before_what_it_stands_on() {
    let (mut world, room) = room_with_guests(4, &[]);
    world.connect(ALICE, BOB);
    let (bob, now) = (id(&mut world, BOB), world.now);
    world.replica(ALICE).hand_over(now, room, bob).unwrap();
    world.commit(ALICE);
    world.settle();
    remove(&mut world, BOB, room, CAROL);
    part_all(&mut world);
    world.switch_off(CAROL);
    world.connect(BOB, DAVE);
    let entries: Vec<Entry> =
        held(&mut world, BOB, room).into_iter().filter(|entry| entry.header.author.device_id() == bob).collect();
    while world.replica(DAVE).members(room).unwrap().len() == 4 && !held(&mut world, DAVE, room).contains(&entries[0]) {
        // Once the room is open between the two.
        assert!(world.deliver_one(&mut |waiting| waiting - 1));
        world.commit(BOB);
        world.commit(DAVE);
        let (lane, records) = (Lane::Membership, Vec::new());
        let entries = entries.iter().map(Entry::to_wire).collect();
        let batch = Batch { slot: 0, lane, entries, records, upto: None, anchor: None, end: false };
        world.inject(BOB, DAVE, &Frame::Batch(batch));
        world.commit(DAVE);
    }
    assert_eq!(keys(&mut world, DAVE, room), 1);
    assert!(world.replica(DAVE).members(room).unwrap().len() == 4, "dave does not know who removed carol");
    world.settle();
    let order: Vec<Entry> = held(&mut world, DAVE, room);
    let at = |found: fn(&Body) -> bool| order.iter().position(|entry| found(&entry.decode_body())).unwrap();
    assert!(at(|body| matches!(body, Body::Beacon(_))) < at(|body| matches!(body, Body::Appoint(_))));
    part_all(&mut world);
    meet(&mut world, CAROL, DAVE);
    assert!(knows_to_be_no_member(&mut world, CAROL, room));
    assert_eq!(keys(&mut world, CAROL, room), 0);
}

/// Alice and the majority remove erin, each on their own, so that alice writes a second key for the one that is outranked.
/// Bob's removal stands behind that in her log, by nothing but its number.
#[test]
fn who_was_removed_behind_a_key_that_is_outranked_is_told_all_the_same() {
    let (mut world, room) = room_with_guests(5, &[]);
    remove(&mut world, ALICE, room, ERIN);
    world.connect(BOB, CAROL);
    world.connect(CAROL, DAVE);
    let erin = id(&mut world, ERIN);
    for voter in [BOB, CAROL, DAVE] {
        vote(&mut world, voter, room, Motion::Remove(erin));
    }
    part_all(&mut world);
    meet(&mut world, CAROL, ALICE);
    assert_eq!(keys(&mut world, ALICE, room), 2);
    remove(&mut world, ALICE, room, BOB);
    assert_eq!(keys(&mut world, ALICE, room), 3);
    part_all(&mut world);
    meet(&mut world, BOB, ALICE);
    assert!(knows_to_be_no_member(&mut world, BOB, room));
    assert_eq!(keys(&mut world, BOB, room), 2);
}

/// Alice removes bob and then carol: she is told the key that bob was not, and not the one that she was removed with.
#[test]
fn who_was_removed_is_told_the_keys_that_the_removal_stands_on() {
    let (mut world, room) = room_with_guests(4, &[]);
    remove(&mut world, ALICE, room, BOB);
    remove(&mut world, ALICE, room, CAROL);
    for (device, told) in [(BOB, 0), (CAROL, 1)] {
        meet(&mut world, device, ALICE);
        assert!(knows_to_be_no_member(&mut world, device, room));
        assert_eq!(keys(&mut world, device, room), told);
    }
    meet(&mut world, DAVE, ALICE);
    assert_eq!(keys(&mut world, DAVE, room), 2);
}
