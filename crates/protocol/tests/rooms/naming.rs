//! What devices and rooms are called where people are shown it, whatever was signed.

use lanline_protocol::command::CommandError;
use lanline_protocol::identity::DeviceKey;

use crate::world::{ALICE, BOB, CAROL, World};

fn short(device: usize) -> String {
    DeviceKey::from_seed(&[device as u8 + 1; 32]).public().device_id().to_string().chars().take(7).collect()
}

fn call(world: &mut World, device: usize, name: &str) {
    let now = world.now;
    world.replica(device).set_name(now, name).unwrap();
    world.commit(device);
    world.settle();
}

fn names(world: &mut World, room: lanline_protocol::id::RoomId) -> Vec<String> {
    let mut members = world.replica(ALICE).members(room).unwrap();
    members.sort_by_key(|member| member.device != DeviceKey::from_seed(&[1; 32]).public().device_id());
    let names = members.into_iter().map(|member| member.name);
    names.collect()
}

#[test]
fn a_name_is_shown_without_what_cannot_be_seen() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    call(
        &mut world,
        BOB,
        "\u{202e}\u{200b}B\u{2069}ob \u{3164} the\u{2028}builder\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    );
    world.say(BOB, room, "hello");
    world.commit(BOB);
    world.settle();
    let shown = format!("Bob the buildeŕ{}", "\u{301}".repeat(6));
    let bob = world.replica(BOB).device_id();
    assert!(names(&mut world, room).contains(&shown));
    assert_eq!(world.messages(ALICE, room).pop().unwrap().author_name, shown);
    assert_eq!(world.replica(ALICE).name_in(room, bob), Some(shown.clone()));
    assert_eq!(world.replica(ALICE).devices().pop().unwrap().name, shown);
    assert_eq!(world.replica(ALICE).peers().pop().unwrap().name, shown);
    let now = world.now;
    for name in ["", " ", "\u{200b}", "\u{3164}\u{2800}", "a\nb", "a\u{1b}"] {
        let refused = world.replica(BOB).set_name(now, name);
        assert!(matches!(refused, Err(CommandError::Invalid(_))), "{name:?}: {refused:?}");
    }
}

#[test]
fn members_that_look_alike_are_told_apart() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    assert_eq!(names(&mut world, room), ["alice", "bob", "carol"]);
    call(&mut world, BOB, "Аlice");
    world.say(BOB, room, "it is me, alice");
    world.commit(BOB);
    world.settle();
    let alice = format!("alice #{}", short(ALICE));
    let bob = format!("Аlice #{}", short(BOB));
    assert_eq!(names(&mut world, room), [alice.clone(), "carol".to_owned(), bob.clone()]);
    assert_eq!(world.messages(ALICE, room).pop().unwrap().author_name, bob);
    // What looks like a part of a name to tell it apart by makes no other name, and what another has is in nobody's.
    for forged in [alice.clone(), alice.replace('#', "＃"), alice.replace('#', "﹟ "), format!("{alice} #XXXXXXX")] {
        call(&mut world, BOB, &forged);
        let bob = format!("alice #{}", short(BOB));
        assert_eq!(names(&mut world, room), [alice.clone(), bob, "carol".to_owned()], "{forged}");
    }
    // What this person calls somebody looks like something, too.
    call(&mut world, BOB, "bob");
    assert_eq!(names(&mut world, room), ["alice", "bob", "carol"]);
    let carol = world.replica(CAROL).device_id();
    world.replica(ALICE).set_device(carol, Some("Bob"), None).unwrap();
    world.commit(ALICE);
    let (bob, carol) = (format!("bob #{}", short(BOB)), format!("Bob #{}", short(CAROL)));
    assert_eq!(names(&mut world, room), ["alice".to_owned(), carol, bob]);
    let carol = world.replica(CAROL).device_id();
    world.replica(ALICE).set_device(carol, Some(""), None).unwrap();
    assert_eq!(names(&mut world, room), ["alice", "bob", "carol"]);
}

#[test]
fn rooms_that_look_alike_are_told_apart() {
    let mut world = World::new(&["alice"]);
    let one = world.create_room(ALICE, "Garden");
    let other = world.create_room(ALICE, "gаrden");
    world.create_room(ALICE, "Kitchen");
    let mut names: Vec<String> = world.replica(ALICE).rooms().unwrap().into_iter().map(|room| room.name).collect();
    names.sort();
    let tag = |room: lanline_protocol::id::RoomId| room.to_string().chars().take(7).collect::<String>();
    assert_eq!(names, [format!("Garden #{}", tag(one)), "Kitchen".to_owned(), format!("gаrden #{}", tag(other))]);
    assert_eq!(world.replica(ALICE).room_name(one).as_deref(), Some("Garden"));
}
