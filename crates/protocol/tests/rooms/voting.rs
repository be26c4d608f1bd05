//! Rooms that outlive their owner: the majority appoints another, removes somebody; what happens beside that.

use lanline_protocol::command::CommandError;
use lanline_protocol::id::RoomId;
use lanline_protocol::identity::{DeviceId, DeviceKey, PublicKey};
use lanline_protocol::membership::{Frozen, Role};
use lanline_protocol::replica::Event;
use lanline_protocol::view::Shown;
use lanline_protocol::voting::{Motion, OpenVote, Tally};

use crate::world::{ALICE, BOB, CAROL, World};

const DAVE: usize = 3;
const ERIN: usize = 4;
const FRANK: usize = 5;
const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

fn id(world: &mut World, device: usize) -> DeviceId {
    world.replica(device).device_id()
}

fn vote(world: &mut World, device: usize, room: RoomId, motion: Motion) -> Result<Tally, CommandError> {
    let now = world.now;
    let tally = world.replica(device).vote(now, room, motion);
    world.commit(device);
    tally
}

/// Votes for an owner. Gives (votes, needed, done).
fn elect(world: &mut World, device: usize, room: RoomId, owner: usize) -> (usize, usize, bool) {
    let owner = id(world, owner);
    let Tally { votes, needed, done, .. } = vote(world, device, room, Motion::Owner(owner)).unwrap();
    (votes, needed, done)
}

/// Votes for a removal. Gives (votes, needed, done).
fn expel(world: &mut World, device: usize, room: RoomId, whom: usize) -> (usize, usize, bool) {
    let whom = id(world, whom);
    let Tally { votes, needed, done, .. } = vote(world, device, room, Motion::Remove(whom)).unwrap();
    (votes, needed, done)
}

/// Who belongs, as a device has it: "o" for the owner, "v" for who may vote.
fn parts(world: &mut World, device: usize, room: RoomId) -> Vec<String> {
    let ids: Vec<DeviceId> = (0..NAMES.len()).map(|index| id(world, index)).collect();
    let mut parts: Vec<String> = world
        .replica(device)
        .members(room)
        .unwrap()
        .into_iter()
        .map(|member| {
            let name = NAMES[ids.iter().position(|id| *id == member.device).unwrap()];
            let role = match member.role {
                Role::Owner => " o",
                Role::Member => "",
                Role::Pending => " p",
            };
            format!("{name}{role}{}", if member.voter { " v" } else { "" })
        })
        .collect();
    parts.sort();
    parts
}

/// Connects each to each.
fn meet(world: &mut World, devices: &[usize]) {
    for _ in 0..3 {
        for (at, a) in devices.iter().enumerate() {
            for b in devices.iter().skip(at + 1) {
                if !world.connected(*a, *b) {
                    world.connect(*a, *b);
                }
            }
        }
        world.settle();
        world.advance(61_000);
        world.settle();
    }
}

fn part_all(world: &mut World) {
    for a in 0..NAMES.len() {
        for b in a + 1..NAMES.len() {
            world.cut(a, b);
        }
    }
}

/// Alice's room with these many members, the others connected among themselves, and alice gone.
fn without_alice(members: usize) -> (World, RoomId) {
    let mut world = World::new(&NAMES);
    let room = world.room_of(members);
    part_all(&mut world);
    let others: Vec<usize> = (1..members).collect();
    meet(&mut world, &others);
    (world, room)
}

#[test]
fn where_the_owner_never_comes_back_the_others_appoint_another() {
    let (mut world, room) = without_alice(4);
    assert_eq!(elect(&mut world, BOB, room, CAROL), (1, 3, false));
    assert_eq!(elect(&mut world, BOB, room, CAROL), (1, 3, false), "said twice is said once");
    world.settle();
    let (bob, carol) = (id(&mut world, BOB), id(&mut world, CAROL));
    // In the order of their keys.
    let mut missing = [ALICE, CAROL, DAVE].map(|device| DeviceKey::from_seed(&[device as u8 + 1; 32]).public());
    missing.sort_unstable();
    let missing: Vec<DeviceId> = missing.iter().map(PublicKey::device_id).collect();
    let open =
        |open| OpenVote { motion: Motion::Owner(carol), votes: vec![bob], needed: 3, missing: missing.clone(), open };
    assert_eq!(world.replica(DAVE).votes(room).unwrap(), [open(true)]);
    assert_eq!(world.replica(BOB).votes(room).unwrap(), [open(false)]);
    assert_eq!(elect(&mut world, DAVE, room, CAROL), (2, 3, false));
    world.settle();
    assert_eq!(elect(&mut world, CAROL, room, CAROL), (3, 3, true));
    world.settle();

    for device in [BOB, CAROL, DAVE] {
        assert_eq!(parts(&mut world, device, room), ["alice v", "bob v", "carol o v", "dave v"]);
        assert!(world.replica(device).votes(room).unwrap().is_empty());
        let said: Vec<_> = world.messages(device, room).into_iter().filter(|m| m.by_majority).collect();
        assert!(
            matches!(&said[..], [m] if matches!(&m.shown, Shown::RoleChanged(d, n) if *d == carol && n == "carol"))
        );
    }
    // The new owner admits one, and any member honours an invite of another's.
    world.listen(CAROL);
    world.listen(BOB);
    let link = world.invite(CAROL, room);
    world.join(ERIN, CAROL, &link);
    let link = world.invite(CAROL, room);
    world.join(FRANK, BOB, &link);
    let dave = id(&mut world, DAVE);
    let now = world.now;
    world.replica(CAROL).remove_member(now, room, dave).unwrap();
    world.commit(CAROL);
    world.settle();
    let expected = ["alice v", "bob v", "carol o v", "erin v", "frank"];
    for device in [BOB, CAROL, ERIN, FRANK] {
        assert_eq!(parts(&mut world, device, room), expected);
    }
    // And when alice comes back after all, she finds the room as it is.
    meet(&mut world, &[ALICE, BOB, CAROL, ERIN, FRANK]);
    for device in [ALICE, BOB, CAROL, ERIN, FRANK] {
        assert_eq!(parts(&mut world, device, room), expected);
    }
}

#[test]
fn an_owner_whom_the_majority_removes_learns_it_and_the_room_gets_another() {
    let (mut world, room) = without_alice(3);
    world.say(ALICE, room, "alone");
    world.commit(ALICE);
    assert_eq!(expel(&mut world, BOB, room, ALICE), (1, 2, false));
    world.settle();
    assert_eq!(expel(&mut world, CAROL, room, ALICE), (2, 2, true));
    world.settle();
    for device in [BOB, CAROL] {
        assert_eq!(parts(&mut world, device, room), ["bob v", "carol v"], "nobody owns it");
    }
    let (bob, now) = (id(&mut world, BOB), world.now);
    assert_eq!(world.replica(CAROL).remove_member(now, room, bob), Err(CommandError::NotOwnerButVoter));
    // Somebody can be let in without an owner, too.
    world.listen(BOB);
    let link = world.invite(BOB, room);
    world.join(DAVE, BOB, &link);
    assert_eq!(elect(&mut world, BOB, room, BOB), (1, 2, false));
    world.settle();
    assert_eq!(elect(&mut world, CAROL, room, BOB), (2, 2, true));
    world.settle();
    meet(&mut world, &[BOB, CAROL, DAVE]);
    for device in [BOB, CAROL, DAVE] {
        assert_eq!(parts(&mut world, device, room), ["bob o v", "carol v", "dave"]);
    }
    world.connect(ALICE, CAROL);
    world.settle();
    let now = world.now;
    assert_eq!(world.replica(ALICE).send_message(now, room, "x", None, None), Err(CommandError::NotAMember));
    assert!(world.texts(BOB, room).is_empty(), "what alice said since is not taken");
    let alice = id(&mut world, ALICE);
    let told = world.messages(ALICE, room);
    assert!(told.iter().any(|m| m.by_majority && matches!(&m.shown, Shown::MemberRemoved(d, _) if *d == alice)));
}

#[test]
fn votes_that_were_cast_apart_come_to_one_act() {
    let (mut world, room) = without_alice(5);
    part_all(&mut world);
    for device in [BOB, CAROL, DAVE] {
        assert_eq!(elect(&mut world, device, room, DAVE), (1, 3, false));
    }
    meet(&mut world, &[BOB, CAROL, DAVE, ERIN]);
    meet(&mut world, &[ALICE, BOB, CAROL, DAVE, ERIN]);
    for device in [ALICE, BOB, CAROL, DAVE, ERIN] {
        assert_eq!(parts(&mut world, device, room), ["alice v", "bob v", "carol v", "dave o v", "erin v"]);
        let told = world.messages(device, room).into_iter().filter(|m| matches!(m.shown, Shown::RoleChanged(..)));
        assert_eq!(told.count(), 1);
    }
}

#[test]
fn who_wrote_the_act_and_was_removed_beside_it_is_heard_all_the_same() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(5);
    part_all(&mut world);
    meet(&mut world, &[BOB, CAROL, DAVE]);
    elect(&mut world, CAROL, room, CAROL);
    elect(&mut world, DAVE, room, CAROL);
    world.settle();
    assert_eq!(elect(&mut world, BOB, room, CAROL), (3, 3, true));
    world.say(BOB, room, "after the act");
    world.settle();
    // Alice removes bob meanwhile, and with him what he goes on to write, the act included.
    world.connect(ALICE, ERIN);
    let (bob, now) = (id(&mut world, BOB), world.now);
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.settle();
    assert_eq!(parts(&mut world, ERIN, room), ["alice o v", "carol v", "dave v", "erin v"]);
    meet(&mut world, &[ALICE, BOB, CAROL, DAVE, ERIN]);
    for device in [ALICE, BOB, CAROL, DAVE, ERIN] {
        assert_eq!(parts(&mut world, device, room), ["alice v", "bob v", "carol o v", "dave v", "erin v"]);
        assert_eq!(world.texts(device, room), ["after the act"]);
    }
}

/// Erin said something that alice's removal of her cut off, and came back to alice, who acknowledged what came after it.
/// By an act of the majority that erin then hears of it counts after all, and alice lacks it.
#[test]
fn what_counts_again_is_not_called_stored_where_it_was_withheld() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(5);
    world.listen(ALICE);
    world.settle();
    part_all(&mut world);
    let late = world.say(ERIN, room, "late");
    world.commit(ERIN);
    let (erin, alice, now) = (id(&mut world, ERIN), id(&mut world, ALICE), world.now);
    world.replica(ALICE).remove_member(now, room, erin).unwrap();
    world.commit(ALICE);
    let link = world.invite(ALICE, room);
    world.join(ERIN, ALICE, &link);
    world.say(ERIN, room, "back");
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["back"]);
    part_all(&mut world);
    meet(&mut world, &[BOB, CAROL, DAVE]);
    elect(&mut world, BOB, room, CAROL);
    elect(&mut world, DAVE, room, CAROL);
    world.settle();
    assert_eq!(elect(&mut world, CAROL, room, CAROL), (3, 3, true));
    part_all(&mut world);
    meet(&mut world, &[CAROL, ERIN]);
    let stored = |world: &mut World| world.replica(ERIN).receipts(late).unwrap().stored.contains(&alice);
    assert!(!stored(&mut world));
    world.crash(ERIN);
    assert!(!stored(&mut world));
    world.connect(ERIN, ALICE);
    while world.deliver_one(&mut |_| 0) {
        world.commit(ALICE);
        world.commit(ERIN);
        assert!(!stored(&mut world) || world.replica(ALICE).message(late).is_ok());
    }
    world.settle();
    assert!(stored(&mut world));
    assert_eq!(world.texts(ALICE, room), ["late", "back"]);
}

#[test]
fn an_owner_who_stays_one_does_again_what_the_majority_outranked() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(5);
    world.listen(ALICE);
    part_all(&mut world);
    meet(&mut world, &[BOB, CAROL, DAVE]);
    for device in [BOB, CAROL] {
        expel(&mut world, device, room, ERIN);
        world.settle();
    }
    assert_eq!(expel(&mut world, DAVE, room, ERIN), (3, 3, true));
    // Beside it alice lets frank in and removes dave.
    let link = world.invite(ALICE, room);
    world.join(FRANK, ALICE, &link);
    world.say(FRANK, room, "hello");
    let (dave, now) = (id(&mut world, DAVE), world.now);
    world.replica(ALICE).remove_member(now, room, dave).unwrap();
    world.commit(ALICE);
    world.settle();
    meet(&mut world, &[ALICE, BOB, CAROL, DAVE, ERIN, FRANK]);
    for device in [ALICE, BOB, CAROL, FRANK] {
        assert_eq!(parts(&mut world, device, room), ["alice o v", "bob v", "carol v", "frank v"], "at {device}");
        assert_eq!(world.texts(device, room), ["hello"]);
        let removed = |m: &lanline_protocol::view::Message| matches!(&m.shown, Shown::MemberRemoved(..));
        assert_eq!(world.messages(device, room).iter().filter(|m| removed(m)).count(), 2);
    }
}

#[test]
fn two_acts_of_one_epoch_come_to_one() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(5);
    meet(&mut world, &[ALICE, BOB, CAROL, DAVE, ERIN]);
    // Dave wants both.
    elect(&mut world, DAVE, room, CAROL);
    elect(&mut world, DAVE, room, ERIN);
    world.settle();
    part_all(&mut world);
    meet(&mut world, &[BOB, CAROL]);
    elect(&mut world, BOB, room, CAROL);
    world.settle();
    assert_eq!(elect(&mut world, CAROL, room, CAROL), (3, 3, true));
    meet(&mut world, &[ALICE, ERIN]);
    elect(&mut world, ALICE, room, ERIN);
    world.settle();
    assert_eq!(elect(&mut world, ERIN, room, ERIN), (3, 3, true));
    // Each new owner admits somebody.
    world.listen(ERIN);
    let link = world.invite(ERIN, room);
    world.join(FRANK, ERIN, &link);
    assert_eq!(parts(&mut world, FRANK, room).len(), 6);
    world.say(FRANK, room, "in");
    world.settle();
    meet(&mut world, &[ALICE, BOB, CAROL, DAVE, ERIN, FRANK]);
    let expected = parts(&mut world, ALICE, room);
    assert_eq!(expected.iter().filter(|part| part.contains(" o")).count(), 1);
    assert_eq!(expected.len(), 6);
    for device in [BOB, CAROL, DAVE, ERIN, FRANK] {
        assert_eq!(parts(&mut world, device, room), expected);
        assert_eq!(world.texts(device, room), ["in"]);
    }
}

#[test]
fn a_crowd_that_one_member_added_has_no_vote_until_the_owner_confirms_it() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(2);
    world.listen(BOB);
    for newcomer in [CAROL, DAVE, ERIN] {
        let link = world.invite(BOB, room);
        world.join(newcomer, BOB, &link);
    }
    let bob = id(&mut world, BOB);
    let refused = vote(&mut world, CAROL, room, Motion::Owner(bob));
    assert!(matches!(refused, Err(CommandError::Invalid(why)) if why.contains("confirm")), "{refused:?}");
    assert_eq!(elect(&mut world, BOB, room, BOB), (1, 2, false));
    let (carol, now) = (id(&mut world, CAROL), world.now);
    assert_eq!(world.replica(BOB).admit(now, room, carol), Err(CommandError::NotOwner));
    world.settle();
    world.replica(ALICE).admit(now, room, carol).unwrap();
    world.replica(ALICE).admit(now, room, carol).unwrap();
    world.settle();
    assert_eq!(parts(&mut world, ERIN, room), ["alice o v", "bob v", "carol v", "dave", "erin"]);
    // Bob's vote is older than carol's right to vote: hers is for the chain as it is now, and his can be, too.
    assert_eq!(elect(&mut world, CAROL, room, BOB), (1, 2, false));
    world.settle();
    assert_eq!(elect(&mut world, ALICE, room, BOB), (2, 2, true));
}

#[test]
fn an_owner_hands_over_and_is_a_member_like_any_other() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(3);
    let (alice, bob, dave) = (id(&mut world, ALICE), id(&mut world, BOB), id(&mut world, DAVE));
    let now = world.now;
    assert_eq!(world.replica(BOB).hand_over(now, room, bob), Err(CommandError::NotOwner));
    assert!(matches!(world.replica(ALICE).hand_over(now, room, alice), Err(CommandError::Invalid(_))));
    assert!(matches!(world.replica(ALICE).hand_over(now, room, dave), Err(CommandError::NotFound(_))));
    world.replica(ALICE).hand_over(now, room, bob).unwrap();
    world.commit(ALICE);
    world.settle();
    let now = world.now;
    assert_eq!(world.replica(ALICE).remove_member(now, room, bob), Err(CommandError::NotOwnerButVoter));
    world.replica(BOB).remove_member(now, room, alice).unwrap();
    world.commit(BOB);
    world.settle();
    for device in [BOB, CAROL] {
        assert_eq!(parts(&mut world, device, room), ["bob o v", "carol v"]);
    }
}

#[test]
fn where_the_owner_leaves_the_rest_can_appoint_another() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(2);
    world.listen(BOB);
    let link = world.invite(BOB, room);
    world.join(CAROL, BOB, &link);
    let now = world.now;
    world.replica(ALICE).leave_room(now, room).unwrap();
    world.commit(ALICE);
    world.settle();
    assert_eq!(parts(&mut world, CAROL, room), ["bob v", "carol"]);
    assert_eq!(elect(&mut world, BOB, room, CAROL), (1, 1, true), "one voter is the majority of one");
    world.settle();
    for device in [BOB, CAROL] {
        assert_eq!(parts(&mut world, device, room), ["bob v", "carol o v"]);
    }
    // Bob leaves, and dave comes by a link of carol's. When carol leaves, too, dave is all there is.
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    world.listen(CAROL);
    let link = world.invite(CAROL, room);
    world.join(DAVE, CAROL, &link);
    world.listen(DAVE);
    let link = world.invite(DAVE, room);
    world.join(ERIN, DAVE, &link);
    let (dave, now) = (id(&mut world, DAVE), world.now);
    world.replica(DAVE).leave_room(now, room).unwrap();
    world.commit(DAVE);
    world.connect(CAROL, ERIN);
    world.settle();
    assert_eq!(parts(&mut world, ERIN, room), ["carol o v", "erin"]);
    let now = world.now;
    world.replica(CAROL).leave_room(now, room).unwrap();
    world.commit(CAROL);
    world.settle();
    assert_eq!(parts(&mut world, ERIN, room), ["erin v"], "carol, the last who could vote, let erin vote");
    assert!(matches!(vote(&mut world, ERIN, room, Motion::Remove(dave)), Err(CommandError::NotFound(_))));
    assert_eq!(elect(&mut world, ERIN, room, ERIN), (1, 1, true));
}

#[test]
fn who_is_still_to_vote_is_told() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(4);
    let ids: Vec<DeviceId> = [ALICE, BOB, CAROL, DAVE].map(|device| id(&mut world, device)).to_vec();
    let names = |missing: &[DeviceId]| {
        let mut names: Vec<_> =
            missing.iter().map(|one| NAMES[ids.iter().position(|known| known == one).unwrap()]).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let motion = Motion::Remove(ids[ALICE]);
    let tally = vote(&mut world, BOB, room, motion).unwrap();
    assert_eq!((tally.votes, tally.needed, names(&tally.missing).as_str()), (1, 3, "carol dave"));
    world.settle();
    let open = world.replica(CAROL).votes(room).unwrap();
    assert_eq!((open.len(), names(&open[0].missing).as_str(), open[0].open), (1, "carol dave", true));
    assert!(!world.replica(ALICE).votes(room).unwrap()[0].open, "it is about her");
    let tally = vote(&mut world, CAROL, room, motion).unwrap();
    assert_eq!((tally.votes, names(&tally.missing).as_str(), tally.done), (2, "dave", false));
    world.settle();
    let tally = vote(&mut world, DAVE, room, motion).unwrap();
    assert_eq!((tally.votes, tally.missing, tally.done), (3, Vec::new(), true));
}

#[test]
fn a_vote_that_makes_no_sense_is_refused_in_a_sentence() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(2);
    let (alice, bob, carol) = (id(&mut world, ALICE), id(&mut world, BOB), id(&mut world, CAROL));
    let now = world.now;
    let invalid = |result: Result<Tally, CommandError>| matches!(result, Err(CommandError::Invalid(_)));
    assert!(invalid(world.replica(BOB).vote(now, room, Motion::Remove(bob))));
    assert!(invalid(world.replica(BOB).vote(now, room, Motion::Owner(alice))));
    assert!(matches!(world.replica(BOB).vote(now, room, Motion::Owner(carol)), Err(CommandError::NotFound(_))));
    assert!(matches!(world.replica(CAROL).vote(now, room, Motion::Owner(bob)), Err(CommandError::NotFound(_))));
    world.replica(BOB).leave_room(now, room).unwrap();
    assert_eq!(world.replica(BOB).vote(now, room, Motion::Owner(alice)), Err(CommandError::NotAMember));
    world.commit(BOB);
    world.settle();
    let none = world.replica(ALICE).vote(now, room, Motion::Remove(bob));
    assert!(matches!(none, Err(CommandError::NotFound(_))));
}

#[test]
fn the_only_voter_is_the_majority() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(2);
    world.listen(BOB);
    let link = world.invite(BOB, room);
    world.join(CAROL, BOB, &link);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    assert_eq!(parts(&mut world, ALICE, room), ["alice o v", "carol"]);
    assert_eq!(expel(&mut world, ALICE, room, CAROL), (1, 1, true));
    world.settle();
    assert_eq!(parts(&mut world, ALICE, room), ["alice o v"]);
}

#[test]
fn the_majority_ends_what_a_copied_owner_forked() {
    let mut world = World::new(&NAMES);
    let room = world.room_of(3);
    meet(&mut world, &[ALICE, BOB, CAROL]);
    part_all(&mut world);
    let copy = world.store(ALICE);
    world.listen(ALICE);
    let link = world.invite(ALICE, room);
    world.join(DAVE, ALICE, &link);
    world.say(DAVE, room, "one");
    world.settle();
    part_all(&mut world);
    world.roll_back(ALICE, copy);
    world.listen(ALICE);
    let link = world.invite(ALICE, room);
    world.join(ERIN, ALICE, &link);
    world.say(ERIN, room, "two");
    world.settle();
    meet(&mut world, &[ALICE, BOB, CAROL, DAVE, ERIN]);
    for device in [ALICE, BOB, CAROL, DAVE, ERIN] {
        assert_eq!(parts(&mut world, device, room), ["alice o v", "bob v", "carol v", "dave", "erin"]);
    }
    let (bob, now) = (id(&mut world, BOB), world.now);
    assert!(matches!(world.replica(ALICE).hand_over(now, room, bob), Err(CommandError::Invalid(_))));
    let owner = id(&mut world, ALICE);
    for device in [BOB, CAROL, DAVE] {
        let told = world.events(device).into_iter().filter(|event| matches!(event, Event::Frozen(..)));
        assert_eq!(told.collect::<Vec<_>>(), [Event::Frozen(room, owner)], "once");
        assert_eq!(world.replica(device).rooms().unwrap()[0].frozen, Some(Frozen::Forked));
    }
    assert_eq!(elect(&mut world, BOB, room, ALICE), (1, 2, false));
    world.settle();
    assert_eq!(elect(&mut world, CAROL, room, ALICE), (2, 2, true));
    meet(&mut world, &[ALICE, BOB, CAROL, DAVE, ERIN]);
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].frozen, None);
    for device in [ALICE, BOB, CAROL, DAVE, ERIN] {
        // Alice confirmed again whom she had let in.
        assert_eq!(parts(&mut world, device, room), ["alice o v", "bob v", "carol v", "dave v", "erin v"]);
        let mut texts = world.texts(device, room);
        texts.sort();
        assert_eq!(texts, ["one", "two"]);
    }
}
