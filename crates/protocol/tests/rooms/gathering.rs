//! Who connects to whom: a room gathers by itself, without everybody being connected to everybody.

use std::collections::BTreeSet;

use lanline_protocol::id::RoomId;
use lanline_protocol::replica::CloseReason;

use crate::world::{ALICE, BOB, CAROL, World};

const NAMES: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

/// A room in which the first so many devices listen.
fn room_with(world: &mut World, members: usize, listening: usize) -> RoomId {
    let room = world.room_of(members);
    for device in 1..listening {
        world.listen(device);
    }
    world.settle();
    world.gather(20);
    room
}

#[track_caller]
fn everyone_holds(world: &mut World, room: RoomId, devices: impl IntoIterator<Item = usize>, texts: &[&str]) {
    for device in devices {
        assert_eq!(world.texts(device, room), texts, "{}", NAMES[device]);
    }
}

#[test]
fn a_message_to_someone_absent_is_delivered_later_by_any_member_who_has_it() {
    let mut world = World::new(&NAMES[..4]);
    let room = room_with(&mut world, 4, 3);
    world.switch_off(CAROL);
    let id = world.say(ALICE, room, "for carol");
    world.commit(ALICE);
    world.gather(5);
    world.switch_off(ALICE);
    world.switch_off(BOB);
    // Dave listens to nobody; he is the only one left who has it.
    world.off.remove(&CAROL);
    world.gather(20);
    everyone_holds(&mut world, room, [CAROL], &["for carol"]);
    // And what Carol says of it reaches Alice when both are away again.
    world.off.remove(&ALICE);
    let carol = world.replica(CAROL).device_id();
    world.switch_off(CAROL);
    world.gather(20);
    assert!(world.replica(ALICE).message(id).unwrap().standing.delivered.contains(&carol));
}

#[test]
fn a_room_whose_first_listener_is_gone_for_good_gathers_around_another() {
    let mut world = World::new(&NAMES[..6]);
    let room = room_with(&mut world, 6, 2);
    world.switch_off(ALICE);
    for (device, text) in [(BOB, "one"), (CAROL, "two"), (5, "three")] {
        world.advance(10);
        world.say(device, room, text);
        world.commit(device);
    }
    world.gather(10);
    everyone_holds(&mut world, room, 1..6, &["one", "two", "three"]);
    for client in 2..6 {
        assert_eq!(world.peers_of(client), [BOB]);
    }
}

#[test]
fn who_does_not_listen_holds_two_connections_and_moves_one_of_them_now_and_then() {
    let mut world = World::new(&NAMES);
    let room = room_with(&mut world, 8, 6);
    for (listener, name) in NAMES.iter().enumerate().take(6) {
        assert_eq!(world.peers_of(listener).iter().filter(|other| **other < 6).count(), 5, "{name}");
    }
    let mut met: [BTreeSet<usize>; 8] = Default::default();
    for turn in 0..12 {
        for (client, met) in met.iter_mut().enumerate().skip(6) {
            let peers = world.peers_of(client);
            assert_eq!(peers.len(), 2, "{} in turn {turn}: {peers:?}", NAMES[client]);
            met.extend(peers);
        }
        world.advance(10 * 60 * 1000);
        world.commit(6);
        world.commit(7);
        world.gather(20);
    }
    assert!(met[6].len() > 2 && met[7].len() > 2, "{met:?}");
    assert_eq!(world.closed(6), Some(CloseReason::Surplus));
    assert_eq!(world.closed(ALICE), None, "who was dialled ends nothing");
    world.say(6, room, "still here");
    world.commit(6);
    world.gather(2);
    everyone_holds(&mut world, room, 0..8, &["still here"]);
}

#[test]
fn a_connection_that_a_person_asked_for_stays() {
    let mut world = World::new(&NAMES[..7]);
    room_with(&mut world, 7, 6);
    let asked: BTreeSet<usize> = (0..6).filter(|listener| !world.connected(6, *listener)).collect();
    let ids = asked.iter().map(|device| world.replica(*device).device_id()).collect();
    world.replica(6).set_wishes(ids, BTreeSet::new());
    world.commit(6);
    for _ in 0..5 {
        world.gather(10);
        assert!(asked.iter().all(|device| world.connected(6, *device)), "{:?}", world.peers_of(6));
        world.advance(10 * 60 * 1000);
    }
    world.replica(6).set_wishes(BTreeSet::new(), BTreeSet::new());
    world.gather(20);
    assert_eq!(world.peers_of(6).len(), 2);
}

#[test]
fn who_is_to_be_left_alone_is_not_dialled_and_another_is() {
    let mut world = World::new(&NAMES[..5]);
    room_with(&mut world, 5, 4);
    let left = world.peers_of(4)[0];
    let id = world.replica(left).device_id();
    world.replica(4).set_wishes(BTreeSet::new(), BTreeSet::from([id]));
    world.cut(4, left);
    world.gather(20);
    let peers = world.peers_of(4);
    assert!(peers.len() == 2 && !peers.contains(&left), "{peers:?}");
}

#[test]
fn who_was_not_reached_is_tried_at_once_on_another_network() {
    let mut world = World::new(&NAMES[..5]);
    room_with(&mut world, 5, 4);
    for listener in 0..4 {
        world.switch_off(listener);
    }
    world.gather(5);
    assert_eq!(world.peers_of(4), []);
    assert_eq!(world.replica(4).targets().len(), 4, "where nobody is reached, all are tried again and again");
    world.off.clear();
    world.advance(100);
    world.replica(4).moved();
    world.commit(4);
    assert_eq!(world.replica(4).targets().len(), 2);
    world.gather(1);
    assert_eq!(world.peers_of(4).len(), 2);
}

#[test]
fn two_groups_of_a_room_meet_through_those_who_wander() {
    let mut world = World::new(&NAMES);
    let room = room_with(&mut world, 8, 6);
    // Between the listeners of the halves no packet passes.
    let apart: Vec<(usize, usize)> = (0..3).flat_map(|a| (3..6).map(move |b| (a, b))).collect();
    world.apart = apart.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
    for (a, b) in &apart {
        world.cut(*a, *b);
    }
    world.say(ALICE, room, "from the first half");
    world.commit(ALICE);
    world.advance(10);
    world.say(5, room, "from the second half");
    world.commit(5);
    for _ in 0..10 {
        world.gather(5);
        world.advance(10 * 60 * 1000);
    }
    everyone_holds(&mut world, room, 0..8, &["from the first half", "from the second half"]);
}

#[test]
fn a_member_that_no_longer_knows_the_room_is_dialled_less_and_less() {
    let mut world = World::new(&NAMES[..3]);
    let before = world.store(BOB);
    let room = room_with(&mut world, 3, 3);
    world.crash(BOB);
    world.roll_back(BOB, before);
    let bob = world.replica(BOB).device_id();
    let mut dialled = Vec::new();
    for second in 0..1800 {
        let was = world.connected(ALICE, BOB);
        world.gather(1);
        if world.connected(ALICE, BOB) && !was {
            dialled.push(second);
        }
    }
    let pauses: Vec<u64> = dialled.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(dialled.len() >= 4 && dialled.len() <= 8, "{dialled:?}");
    assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]), "{dialled:?}");
    // Let in again, it is dialled like any other.
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    world.cut(ALICE, BOB);
    world.gather(10);
    assert!(world.connected(ALICE, BOB) && world.replica(ALICE).connection(bob).is_some());
}

/// Bob's program dials alice and names no room: after a while his connection counts for nothing.
#[test]
fn a_connection_that_was_accepted_and_opens_nothing_is_looked_at_again() {
    let mut world = World::new(&["alice", "bob"]);
    world.room_of(2);
    world.settle();
    world.cut(ALICE, BOB);
    world.connect_by_hand(BOB, ALICE);
    for _ in 0..20 {
        world.advance(450);
        world.commit(ALICE);
    }
    let looks = world.replica(ALICE).looks();
    world.advance(1500);
    world.commit(ALICE);
    assert!(world.replica(ALICE).looks() > looks);
}
