//! Devices that are found on the network: where they are dialled, by what members recognise each other, and who is not
//! found any more.

use lanline_protocol::finding::Circle;
use lanline_protocol::id::{Hash, RoomId};
use lanline_protocol::limits;

use crate::world::{ALICE, BOB, CAROL, World};

fn found(world: &mut World, finder: usize, device: usize, addresses: &[&str]) {
    let device = world.replica(device).device_id();
    let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
    world.replica(finder).found(device, addresses);
    world.advance(100);
    world.commit(finder);
}

fn dialled(world: &mut World, from: usize, device: usize) -> Vec<String> {
    let device = world.replica(device).device_id();
    let targets = world.replica(from).targets();
    targets.iter().find(|target| target.device == device).map(|target| target.addresses.clone()).unwrap_or_default()
}

fn circle(world: &mut World, device: usize, room: RoomId) -> Option<Circle> {
    world.replica(device).circles().into_iter().find(|circle| circle.room == room)
}

fn beacon(world: &mut World, device: usize, room: RoomId) -> Option<Hash> {
    circle(world, device, room).map(|circle| circle.beacon)
}

#[test]
fn a_member_that_was_found_is_dialled_there_and_where_it_told_to_be() {
    let mut world = World::new(&["alice", "bob"]);
    world.room_of(2);
    world.settle();
    world.switch_off(ALICE);
    found(&mut world, BOB, ALICE, &["10.9.0.0:12345", "10.9.1.0:12345"]);
    assert_eq!(dialled(&mut world, BOB, ALICE), ["10.9.0.0:12345", "10.9.1.0:12345", "10.0.0.0:12345"]);
    found(&mut world, BOB, ALICE, &["10.9.2.0:12345"]);
    assert_eq!(dialled(&mut world, BOB, ALICE), ["10.9.2.0:12345", "10.0.0.0:12345"]);
    found(&mut world, BOB, ALICE, &[]);
    assert_eq!(dialled(&mut world, BOB, ALICE), ["10.0.0.0:12345"]);
}

#[test]
fn a_member_that_told_no_address_is_met_where_it_was_found() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    world.switch_off(ALICE);
    assert_eq!(dialled(&mut world, BOB, CAROL), [""; 0]);
    world.listening.insert(CAROL);
    found(&mut world, BOB, CAROL, &["10.0.0.2:12345"]);
    world.say(CAROL, room, "here I am");
    world.commit(CAROL);
    world.gather(5);
    assert!(world.connected(BOB, CAROL));
    assert_eq!(world.texts(BOB, room), ["here I am"]);
}

#[test]
fn nobody_but_members_is_dialled_where_it_was_found() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    let carol = world.replica(CAROL).device_id();
    world.cut(ALICE, CAROL);
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, carol).unwrap();
    world.commit(ALICE);
    world.settle();
    for device in [ALICE, BOB] {
        found(&mut world, device, CAROL, &["10.0.0.2:12345"]);
        assert_eq!(dialled(&mut world, device, CAROL), [""; 0]);
        assert_eq!(world.replica(device).known_addresses(carol), [""; 0]);
    }
}

#[test]
fn who_was_removed_is_in_no_circle_and_knows_an_old_key() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    let before = beacon(&mut world, ALICE, room);
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(beacon(&mut world, device, room), before);
        assert_eq!(circle(&mut world, device, room).unwrap().members.len(), 2, "all but itself");
    }
    let (carol, belonging) = (world.replica(CAROL).device_id(), world.replica(BOB).belonging());
    world.cut(ALICE, CAROL);
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, carol).unwrap();
    world.commit(ALICE);
    world.settle();
    let after = beacon(&mut world, ALICE, room);
    assert_ne!(after, before);
    assert_eq!(beacon(&mut world, BOB, room), after);
    assert_ne!(world.replica(BOB).belonging(), belonging);
    for device in [ALICE, BOB] {
        assert!(!circle(&mut world, device, room).unwrap().members.contains(&carol));
    }
    // Carol was not told yet, and goes on with a key that nobody uses any more.
    assert_eq!(beacon(&mut world, CAROL, room), before);
    world.connect(CAROL, ALICE);
    world.settle();
    assert_eq!(circle(&mut world, CAROL, room), None, "told that it is out, it looks for nobody there");
}

#[test]
fn a_room_that_was_left_is_no_circle_for_either_side() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    let now = world.now;
    world.replica(CAROL).leave_room(now, room).unwrap();
    world.commit(CAROL);
    world.settle();
    assert_eq!(circle(&mut world, CAROL, room), None);
    let carol = world.replica(CAROL).device_id();
    assert!(!circle(&mut world, ALICE, room).unwrap().members.contains(&carol));
    let alice = world.replica(ALICE).device_id();
    found(&mut world, CAROL, ALICE, &["10.0.0.0:12345"]);
    assert_eq!(world.replica(CAROL).known_addresses(alice), [""; 0]);
}

#[test]
fn who_is_blocked_is_in_no_circle_and_not_dialled_where_it_was_found() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    let alice = world.replica(ALICE).device_id();
    world.replica(BOB).set_device(alice, None, Some(true)).unwrap();
    world.commit(BOB);
    world.settle();
    assert_eq!(circle(&mut world, BOB, room), None, "nobody else is in it");
    found(&mut world, BOB, ALICE, &["10.9.0.0:12345"]);
    assert_eq!(dialled(&mut world, BOB, ALICE), [""; 0]);
}

#[test]
fn circles_come_in_the_order_in_which_something_was_said() {
    let mut world = World::new(&["alice", "bob"]);
    let home = world.room_of(2);
    let garden = world.create_room(ALICE, "garden");
    let link = world.invite(ALICE, garden);
    world.join(BOB, ALICE, &link);
    let order = |world: &mut World| world.replica(BOB).circles().iter().map(|circle| circle.room).collect::<Vec<_>>();
    for (first, second) in [(home, garden), (garden, home)] {
        world.say(ALICE, first, "hello");
        world.commit(ALICE);
        world.settle();
        assert_eq!(order(&mut world), [first, second]);
    }
}

#[test]
fn what_was_found_is_bounded() {
    let mut world = World::new(&["alice", "bob"]);
    world.room_of(2);
    world.settle();
    world.switch_off(ALICE);
    let many: Vec<String> = (0..50).map(|n| format!("10.9.{n}.0:12345")).collect();
    let long = format!("[fe80::1%{}]:1", "x".repeat(limits::ADDRESS_BYTES));
    let addresses: Vec<&str> = std::iter::once(long.as_str()).chain(many.iter().map(String::as_str)).collect();
    found(&mut world, BOB, ALICE, &addresses);
    let expected = [&many[..limits::FOUND_ADDRESSES], &["10.0.0.0:12345".to_owned()]].concat();
    assert_eq!(dialled(&mut world, BOB, ALICE), expected);
    let alice = world.replica(ALICE).device_id();
    world.replica(BOB).found(alice, Vec::new());
    for n in 0..=limits::FOUND {
        let stranger = lanline_protocol::identity::DeviceId::new(std::array::from_fn(|at| (n >> (at % 2 * 8)) as u8));
        world.replica(BOB).found(stranger, vec!["10.9.0.0:1".into()]);
    }
    found(&mut world, BOB, ALICE, &["10.9.0.0:12345"]);
    assert_eq!(dialled(&mut world, BOB, ALICE), ["10.0.0.0:12345"], "there is no room for one more");
}

#[test]
fn where_a_device_was_only_found_is_not_where_it_told_to_be() {
    let mut world = World::new(&["alice", "bob"]);
    world.room_of(2);
    world.settle();
    found(&mut world, BOB, ALICE, &["10.9.0.0:12345"]);
    let alice = world.replica(ALICE).device_id();
    assert!(world.replica(BOB).known_addresses(alice).contains(&"10.9.0.0:12345".to_owned()));
    let told = world.replica(BOB).told_addresses(alice).unwrap();
    assert!(!told.is_empty() && told.iter().all(|address| address == "10.0.0.0:12345"), "{told:?}");
}
