//! What the person of a device says of others, and how sure it is who they are.

use lanline_protocol::command::CommandError;
use lanline_protocol::identity::{DeviceId, DeviceKey};
use lanline_protocol::known::{DeviceSummary, Way};
use lanline_protocol::replica::{CloseReason, Event};
use lanline_protocol::store::Store;

use crate::world::{ALICE, BOB, CAROL, World};

fn id(device: usize) -> DeviceId {
    DeviceKey::from_seed(&[device as u8 + 1; 32]).public().device_id()
}

fn known(world: &mut World, device: usize, of: usize) -> Option<DeviceSummary> {
    world.replica(device).devices().into_iter().find(|known| known.device == id(of))
}

fn way(world: &mut World, device: usize, of: usize) -> Option<Way> {
    known(world, device, of)?.verified.map(|verified| verified.way)
}

#[test]
fn a_device_is_called_as_its_person_here_says() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "hello");
    world.commit(BOB);
    world.settle();
    world.events(ALICE);
    world.replica(ALICE).set_device(id(BOB), Some("Robert"), None).unwrap();
    world.commit(ALICE);
    assert!(world.events(ALICE).contains(&Event::Room(room)));
    world.crash(ALICE);
    let names = |world: &mut World, device: usize| -> Vec<String> {
        world.replica(device).members(room).unwrap().into_iter().map(|member| member.name).collect()
    };
    assert_eq!(names(&mut world, ALICE), ["alice", "Robert", "carol"]);
    assert_eq!(names(&mut world, CAROL), ["alice", "bob", "carol"], "it is told to nobody");
    let message = world.messages(ALICE, room).into_iter().find(|message| message.author == id(BOB)).unwrap();
    assert_eq!(message.author_name, "Robert");
    assert_eq!(world.replica(ALICE).name_in(room, id(BOB)).as_deref(), Some("Robert"));
    let shown = known(&mut world, ALICE, BOB).unwrap();
    assert_eq!((shown.name.as_str(), shown.given_name.as_deref()), ("bob", Some("Robert")));

    world.replica(ALICE).set_device(id(BOB), Some(""), None).unwrap();
    assert_eq!(names(&mut world, ALICE), ["alice", "bob", "carol"]);
    let long = world.replica(ALICE).set_device(id(BOB), Some(&"b".repeat(200)), None);
    assert!(matches!(long, Err(CommandError::TooLarge(_))), "{long:?}");
    let stranger = world.replica(ALICE).set_device(id(7), Some("nobody"), None);
    assert!(matches!(stranger, Err(CommandError::NotFound(_))), "{stranger:?}");
    let itself = world.replica(ALICE).set_device(id(ALICE), Some("me"), None);
    assert!(matches!(itself, Err(CommandError::NotFound(_))), "{itself:?}");
}

#[test]
fn an_address_changes_hands() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    world.room_of(3);
    for other in [BOB, CAROL] {
        world.cut(ALICE, other);
        world.connect(ALICE, other);
    }
    world.settle();
    let address = |world: &mut World, of| known(world, ALICE, of).unwrap().address;
    let (bobs, carols) = (address(&mut world, BOB).unwrap(), address(&mut world, CAROL).unwrap());
    let now = world.now;
    // Who was never met is no reason to forget where bob was, nor is it where carol was.
    world.replica(ALICE).took_over(now, id(7), id(BOB), &bobs).unwrap();
    assert_eq!(address(&mut world, BOB).as_ref(), Some(&bobs));
    world.replica(ALICE).took_over(now, id(CAROL), id(BOB), "10.0.0.77:1").unwrap();
    assert_eq!(address(&mut world, BOB).as_ref(), Some(&bobs));
    assert_ne!(address(&mut world, CAROL), Some(carols));
    world.replica(ALICE).took_over(now, id(CAROL), id(BOB), &bobs).unwrap();
    world.commit(ALICE);
    world.crash(ALICE);
    assert_eq!((address(&mut world, BOB), address(&mut world, CAROL)), (None, Some(bobs.clone())));

    // Bob never met carol, but she belongs to the room.
    assert_eq!(known(&mut world, BOB, CAROL), None);
    assert!(world.replica(BOB).knows(id(CAROL)) && !world.replica(BOB).knows(id(7)));
    world.replica(BOB).took_over(now, id(CAROL), id(ALICE), &bobs).unwrap();
    assert_eq!(known(&mut world, BOB, CAROL).unwrap().address, Some(bobs));
    world.replica(BOB).set_device(id(CAROL), None, Some(true)).unwrap();
    assert!(!world.replica(BOB).knows(id(CAROL)));
}

#[test]
fn who_is_blocked_is_neither_dialled_nor_let_in() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.listen(BOB);
    world.settle();
    world.replica(ALICE).set_device(id(BOB), None, Some(true)).unwrap();
    world.commit(ALICE);
    assert!(!world.connected(ALICE, BOB));
    assert_eq!(world.closed(ALICE), Some(CloseReason::Blocked));
    world.connect(BOB, ALICE);
    assert!(!world.connected(ALICE, BOB));
    world.crash(ALICE);
    world.listen(ALICE);
    world.gather(30);
    assert!(world.replica(ALICE).targets().iter().all(|target| target.device != id(BOB)));
    // Carol is in the same room with both.
    if !world.connected(CAROL, BOB) {
        world.connect(CAROL, BOB);
    }
    if !world.connected(CAROL, ALICE) {
        world.connect(CAROL, ALICE);
    }
    world.say(BOB, room, "still here");
    world.commit(BOB);
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["still here"]);
    assert!(known(&mut world, ALICE, BOB).unwrap().blocked);

    world.replica(ALICE).set_device(id(BOB), None, Some(false)).unwrap();
    world.commit(ALICE);
    world.connect(BOB, ALICE);
    assert!(world.connected(ALICE, BOB));
}

#[test]
fn it_is_kept_how_it_was_made_sure_who_somebody_is() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    assert_eq!(way(&mut world, ALICE, BOB), Some(Way::Link));
    assert_eq!(way(&mut world, BOB, ALICE), Some(Way::Link));
    world.connect(CAROL, BOB);
    world.settle();
    assert!(known(&mut world, BOB, CAROL).is_some());
    assert_eq!(way(&mut world, BOB, CAROL), None, "alice let carol in");

    let now = world.now;
    let link = world.replica(ALICE).invite(now, room, 60_000, 1).unwrap();
    let code = world.replica(ALICE).show_code(now, &link, false).unwrap().unwrap().code;
    world.commit(ALICE);
    let connection = world.replica(BOB).connection(id(ALICE)).unwrap();
    world.replica(BOB).join_by_code(connection, &code).unwrap();
    world.commit(BOB);
    world.settle();
    world.crash(ALICE);
    world.crash(BOB);
    assert_eq!(way(&mut world, ALICE, BOB), Some(Way::Code));
    assert_eq!(way(&mut world, BOB, ALICE), Some(Way::Code));
}

#[test]
fn a_member_makes_sure_of_nothing_by_an_invite_of_its_room() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.listen(BOB);
    world.connect(CAROL, BOB);
    world.settle();
    // It is for somebody else, and the room's log shows its public half to every member; carol was told the secret.
    let link = world.invite(ALICE, room);
    world.settle();
    world.join(CAROL, BOB, &link);
    assert_eq!(way(&mut world, BOB, CAROL), None, "alice let carol in");
    // Nor is it sure again what the person here forgot.
    world.replica(ALICE).forget_device(id(CAROL)).unwrap();
    world.commit(ALICE);
    world.cut(ALICE, CAROL);
    world.connect(CAROL, ALICE);
    world.settle();
    world.join(CAROL, ALICE, &link);
    assert!(known(&mut world, ALICE, CAROL).is_some());
    assert_eq!(way(&mut world, ALICE, CAROL), None);
}

#[test]
fn what_is_forgotten_is_met_again() {
    let mut world = World::new(&["alice", "bob"]);
    world.room_of(2);
    world.replica(ALICE).set_device(id(BOB), Some("Robert"), Some(true)).unwrap();
    world.commit(ALICE);
    world.replica(ALICE).forget_device(id(BOB)).unwrap();
    world.commit(ALICE);
    world.crash(ALICE);
    assert_eq!(known(&mut world, ALICE, BOB), None);
    let again = world.replica(ALICE).forget_device(id(BOB));
    assert!(matches!(again, Err(CommandError::NotFound(_))), "{again:?}");
    world.connect(BOB, ALICE);
    world.settle();
    let met = known(&mut world, ALICE, BOB).unwrap();
    assert!(met.given_name.is_none() && met.verified.is_none() && !met.blocked);
}

#[test]
fn what_the_disk_damaged_is_taken_from_its_spare_or_told() {
    let mut world = World::new(&["alice", "bob"]);
    world.room_of(2);
    world.replica(ALICE).set_device(id(BOB), Some("Robert"), Some(true)).unwrap();
    world.commit(ALICE);
    let mut store = world.store(ALICE);
    let told = |world: &mut World| world.events(ALICE).contains(&Event::OpinionsLost);
    for (name, whole) in [("known", true), ("known/spare", false)] {
        let mut kept = store.value(name).unwrap().unwrap();
        *kept.last_mut().unwrap() ^= 1;
        store.put_value(name, Some(&kept)).unwrap();
        store.commit().unwrap();
        world.restore(ALICE, 7, store.clone());
        world.commit(ALICE);
        let bob = known(&mut world, ALICE, BOB).unwrap();
        assert_eq!((bob.given_name.is_some(), bob.blocked), (whole, whole), "{name}");
        assert_eq!(told(&mut world), !whole);
    }
    // Once.
    world.crash(ALICE);
    world.commit(ALICE);
    assert!(!told(&mut world));
}
