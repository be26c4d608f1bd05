//! Removal, leaving, and what they leave behind.

use lanline_protocol::command::CommandError;
use lanline_protocol::replica::Event;
use lanline_protocol::view::Shown;

use crate::world::{ALICE, BOB, CAROL, World};

fn device(world: &mut World, index: usize) -> lanline_protocol::identity::DeviceId {
    world.replica(index).device_id()
}

#[test]
fn who_is_removed_is_told_and_cut_off_and_gets_nothing_more() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "while a member");
    world.settle();
    let bob = device(&mut world, BOB);
    let now = world.now;
    assert_eq!(world.replica(CAROL).remove_member(now, room, bob), Err(CommandError::NotOwnerButVoter));
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.settle();

    assert!(!world.connected(ALICE, BOB));
    assert!(matches!(world.replica(BOB).send_message(now, room, "x", None, None), Err(CommandError::NotAMember)));
    assert_eq!(world.texts(BOB, room), ["while a member"]);
    assert!(world.messages(BOB, room).iter().any(|m| matches!(&m.shown, Shown::MemberRemoved(id, _) if *id == bob)));
    world.say(ALICE, room, "without bob");
    world.settle();
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room), ["while a member"]);
    assert_eq!(world.texts(CAROL, room), ["while a member", "without bob"]);
}

#[test]
fn who_was_away_when_removed_learns_it_and_what_it_said_since_counts_nowhere() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    world.cut(ALICE, BOB);
    world.say(BOB, room, "said after the cut");
    world.commit(BOB);
    // Carol hears it from bob before she learns of his removal.
    world.cut(ALICE, CAROL);
    world.connect(BOB, CAROL);
    world.settle();
    assert_eq!(world.texts(CAROL, room), ["said after the cut"]);
    world.cut(BOB, CAROL);
    let bob = device(&mut world, BOB);
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.connect(CAROL, ALICE);
    world.settle();
    assert!(world.texts(CAROL, room).is_empty(), "hidden where it was shown");
    assert!(world.texts(ALICE, room).is_empty());
    world.connect(BOB, ALICE);
    world.settle();
    assert!(matches!(world.replica(BOB).send_message(now, room, "x", None, None), Err(CommandError::NotAMember)));
    assert!(world.texts(ALICE, room).is_empty());
}

#[test]
fn who_is_added_again_writes_new_logs() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.say(BOB, room, "before");
    world.settle();
    let bob = device(&mut world, BOB);
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.settle();
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    world.say(BOB, room, "after");
    world.commit(BOB);
    world.settle();
    for index in [ALICE, BOB] {
        assert_eq!(world.texts(index, room), ["before", "after"]);
    }
    let added = world.messages(ALICE, room).into_iter().filter(|m| matches!(m.shown, Shown::MemberAdded(..)));
    assert_eq!(added.count(), 2);
}

#[test]
fn who_leaves_is_gone_for_all_and_keeps_what_it_held() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "bye");
    world.settle();
    world.cut(ALICE, BOB);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    assert!(matches!(world.replica(BOB).send_message(now, room, "x", None, None), Err(CommandError::NotAMember)));
    world.connect(BOB, ALICE);
    world.settle();
    for index in [ALICE, CAROL] {
        assert_eq!(world.replica(index).members(room).unwrap().len(), 2);
        assert_eq!(world.texts(index, room), ["bye"]);
    }
    world.say(ALICE, room, "without bob");
    world.settle();
    assert_eq!(world.texts(BOB, room), ["bye"]);
    let rooms = world.replica(BOB).rooms().unwrap();
    assert_eq!(rooms.len(), 1);
    // It comes back by a new invite, and then has everything.
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    assert_eq!(world.texts(BOB, room), ["bye", "without bob"]);
}

#[test]
fn a_removal_tells_the_person() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.events(BOB);
    let bob = device(&mut world, BOB);
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.settle();
    assert!(world.events(BOB).contains(&Event::Room(room)));
}

#[test]
fn what_was_said_just_before_leaving_arrives() {
    for away in [false, true] {
        let mut world = World::new(&["alice", "bob"]);
        let room = world.room_of(2);
        if away {
            world.cut(ALICE, BOB);
        }
        for n in 0..100 {
            world.say(BOB, room, &format!("{n}"));
        }
        world.say(BOB, room, "goodbye");
        let now = world.now;
        world.replica(BOB).leave_room(now, room).unwrap();
        world.commit(BOB);
        if away {
            world.connect(BOB, ALICE);
        }
        world.settle();
        assert_eq!(world.texts(ALICE, room).last().map(String::as_str), Some("goodbye"));
        assert_eq!(world.texts(ALICE, room).len(), 101);
        assert_eq!(world.replica(ALICE).members(room).unwrap().len(), 1);
    }
}

#[test]
fn what_a_removal_cut_off_is_not_called_stored_by_who_came_back() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    world.cut(ALICE, BOB);
    let late = world.say(BOB, room, "too late");
    world.commit(BOB);
    let bob = world.replica(BOB).device_id();
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    world.say(BOB, room, "back");
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["back"]);
    assert!(world.replica(BOB).receipts(late).is_err(), "it is shown to nobody");
}

#[test]
fn a_leaving_that_came_after_a_removal_changes_nothing_of_what_is_shown() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    // Alice removes bob, who leaves before he hears of it: she never takes the word of it.
    world.cut(ALICE, BOB);
    let (bob, now) = (device(&mut world, BOB), world.now);
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    world.settle();
    let shown = |world: &mut World, device| -> Vec<_> {
        world.messages(device, room).into_iter().map(|m| (m.id, m.shown)).collect()
    };
    let alice = shown(&mut world, ALICE);
    assert_eq!(alice.iter().filter(|(_, shown)| matches!(shown, Shown::MemberAdded(..))).count(), 3);
    assert_eq!(shown(&mut world, BOB), alice);
}

#[test]
fn who_leaves_as_it_learns_that_it_was_rolled_back_leaves_those_in_that_it_added() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(2);
    world.listen(BOB);
    let link = world.invite(BOB, room);
    let before = world.store(BOB);
    world.connect(BOB, ALICE);
    world.join(CAROL, BOB, &link);
    let members = |world: &mut World| world.replica(ALICE).members(room).unwrap().len();
    assert_eq!(members(&mut world), 3);
    world.crash(BOB);
    world.roll_back(BOB, before);
    world.connect(BOB, ALICE);
    // In one burst: its own word that Carol belongs comes back, and its person leaves.
    while world.replica(BOB).members(room).unwrap().len() < 3 {
        assert!(world.deliver_one(&mut |_| 0));
        world.commit(ALICE);
        if world.replica(BOB).members(room).unwrap().len() < 3 {
            world.commit(BOB);
        }
    }
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.connect(BOB, ALICE);
    world.settle();
    let left: Vec<_> = world.replica(ALICE).members(room).unwrap().into_iter().map(|member| member.name).collect();
    assert_eq!(left, ["alice", "carol"]);
}
