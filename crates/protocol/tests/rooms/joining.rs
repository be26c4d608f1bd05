//! Joining by link, and every reason not to.

use lanline_protocol::command::CommandError;
use lanline_protocol::frame::Refusal;
use lanline_protocol::id::RoomId;
use lanline_protocol::link::{InviteLink, InviteSecret};
use lanline_protocol::replica::Event;
use lanline_protocol::view::Shown;

use crate::world::{ALICE, BOB, CAROL, World};

const DAVE: usize = 3;
const ERIN: usize = 4;

fn refusal(world: &mut World, device: usize) -> Option<Refusal> {
    world.events(device).into_iter().find_map(|event| match event {
        Event::JoinRefused(_, _, refusal) => Some(refusal),
        _ => None,
    })
}

#[test]
fn bob_joins_and_holds_everything_that_was_said_before() {
    let mut world = World::new(&["alice", "bob"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    for n in 0..200 {
        world.say(ALICE, room, &format!("before {n}"));
    }
    world.commit(ALICE);
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);

    assert!(world.events(BOB).iter().any(|event| matches!(event, Event::Joined(_, joined) if *joined == room)));
    assert_eq!(world.texts(BOB, room), world.texts(ALICE, room));
    assert_eq!(world.texts(BOB, room).len(), 200);
    let shown: Vec<Shown> = world.messages(BOB, room).into_iter().map(|message| message.shown).collect();
    assert_eq!(shown.first(), Some(&Shown::RoomCreated));
    assert!(shown.iter().any(|shown| matches!(shown, Shown::MemberAdded(_, name) if name == "bob")));
    let names: Vec<String> = world.replica(BOB).members(room).unwrap().into_iter().map(|member| member.name).collect();
    assert_eq!(names, ["alice", "bob"]);
}

#[test]
fn a_link_is_good_for_as_many_devices_as_it_says() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    world.join(CAROL, ALICE, &link);
    assert_eq!(refusal(&mut world, CAROL), Some(Refusal::Used));
    assert!(world.replica(CAROL).rooms().unwrap().is_empty());
    // Who is a member already may use it again: a join that was cut off after the add goes on.
    world.join(BOB, ALICE, &link);
    assert_eq!(refusal(&mut world, BOB), None);
}

#[test]
fn who_was_removed_does_not_come_back_by_the_link_it_came_by() {
    let mut world = World::new(&["alice", "bob"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let now = world.now;
    // One that would let others in still.
    let link = world.replica(ALICE).invite(now, room, 60_000, 2).unwrap();
    world.commit(ALICE);
    world.join(BOB, ALICE, &link);
    assert_eq!(refusal(&mut world, BOB), None);
    let bob = world.replica(BOB).device_id();
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.settle();
    world.join(BOB, ALICE, &link);
    assert_eq!(refusal(&mut world, BOB), Some(Refusal::Used));
    assert_eq!(world.replica(ALICE).members(room).unwrap().len(), 1);
}

#[test]
fn a_link_ends_by_the_hosts_clock() {
    let mut world = World::new(&["alice", "bob"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let link = world.invite(ALICE, room);
    world.advance(60_001);
    world.join(BOB, ALICE, &link);
    assert_eq!(refusal(&mut world, BOB), Some(Refusal::Expired));
}

#[test]
fn a_wrong_secret_tells_nothing_of_the_room() {
    let mut world = World::new(&["alice", "bob"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let mut link = world.invite(ALICE, room);
    link.secret = InviteSecret::new([9; 16]);
    world.join(BOB, ALICE, &link);
    assert_eq!(refusal(&mut world, BOB), Some(Refusal::Unknown));
    let mut other = link.clone();
    other.room = lanline_protocol::id::RoomId::new([9; 32]);
    world.join(BOB, ALICE, &other);
    assert_eq!(refusal(&mut world, BOB), Some(Refusal::Unknown));
    assert!(world.texts(ALICE, room).is_empty());
}

#[test]
fn any_member_honours_an_invite_while_its_author_is_away() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(2);
    let link = world.invite(ALICE, room);
    world.settle();
    world.cut(ALICE, BOB);
    world.join(CAROL, BOB, &link);
    world.say(CAROL, room, "hello");
    world.commit(CAROL);
    world.settle();
    assert_eq!(world.texts(BOB, room), ["hello"]);
    // Alice comes back: she learns of carol's add before what carol said.
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["hello"]);
    assert_eq!(world.replica(ALICE).members(room).unwrap().len(), 3);
}

#[test]
fn an_invite_used_twice_in_two_places_adds_one_device_everywhere() {
    let mut world = World::new(&["alice", "bob", "carol", "dave"]);
    let room = world.room_of(2);
    let link = world.invite(ALICE, room);
    world.settle();
    world.cut(ALICE, BOB);
    world.join(2, ALICE, &link);
    world.join(3, BOB, &link);
    assert_eq!(world.replica(ALICE).members(room).unwrap().len(), 3);
    assert_eq!(world.replica(BOB).members(room).unwrap().len(), 3);
    world.connect(BOB, ALICE);
    world.settle();
    let members = |world: &mut World, device: usize| -> Vec<String> {
        world.replica(device).members(room).unwrap().into_iter().map(|member| member.name).collect()
    };
    assert_eq!(members(&mut world, ALICE), members(&mut world, BOB));
    assert_eq!(members(&mut world, ALICE).len(), 3);
}

#[test]
fn a_join_that_is_cut_off_goes_on_later() {
    for frames in 0..40 {
        let mut world = World::new(&["alice", "bob"]);
        world.listen(ALICE);
        let room = world.create_room(ALICE, "home");
        world.say(ALICE, room, "hello");
        world.commit(ALICE);
        let link = world.invite(ALICE, room);
        let connection = world.connect(BOB, ALICE);
        world.settle();
        world.replica(BOB).join(connection, &link).unwrap();
        world.commit(BOB);
        for _ in 0..frames {
            world.deliver_one(&mut |waiting| waiting - 1);
            world.commit(ALICE);
            world.commit(BOB);
        }
        world.crash(BOB);
        world.join(BOB, ALICE, &link);
        assert_eq!(world.texts(BOB, room), ["hello"], "cut after {frames} frames");
    }
}

#[test]
fn a_connection_lost_right_after_the_join_is_made_up_for_by_the_next() {
    let mut world = World::new(&["alice", "bob"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let link = world.invite(ALICE, room);
    let connection = world.connect(BOB, ALICE);
    world.settle();
    world.replica(BOB).join(connection, &link).unwrap();
    world.commit(BOB);
    // No time passes, so nothing is told lazily: alice's cursor into bob's store stands at its beginning.
    while world.deliver_one(&mut |_| 0) {
        world.commit(ALICE);
        world.commit(BOB);
    }
    for device in [ALICE, BOB] {
        world.say(device, room, &format!("{device} before"));
        world.commit(device);
    }
    while world.deliver_one(&mut |_| 0) {
        world.commit(ALICE);
        world.commit(BOB);
    }
    world.cut(ALICE, BOB);
    world.connect(BOB, ALICE);
    for device in [ALICE, BOB] {
        world.say(device, room, &format!("{device} after"));
        world.commit(device);
    }
    world.settle();
    assert_eq!(world.texts(ALICE, room).len(), 4);
    assert_eq!(world.texts(BOB, room), world.texts(ALICE, room));
}

#[test]
fn who_lost_the_room_with_its_disk_is_pushed_nothing_larger_than_a_stranger_may_send() {
    let mut world = World::new(&["alice", "bob"]);
    world.crash(BOB);
    let before = world.store(BOB);
    world.roll_back(BOB, before.clone());
    let room = world.room_of(2);
    for _ in 0..40 {
        world.invite(ALICE, room);
    }
    world.settle();
    world.cut(ALICE, BOB);
    world.crash(BOB);
    world.roll_back(BOB, before);
    world.connect(BOB, ALICE);
    let mut largest = 0;
    loop {
        world.alter_frames(ALICE, BOB, |bytes| largest = largest.max(bytes.len()));
        if !world.deliver_one(&mut |_| 0) {
            break;
        }
        world.commit(ALICE);
        world.commit(BOB);
    }
    assert!(largest > 500, "who belongs was pushed: bob may have the proof");
    assert!(largest <= lanline_protocol::limits::STRANGER_FRAME, "{largest} bytes end the connection");
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    assert_eq!(world.replica(BOB).members(room).unwrap().len(), 2);
}

/// Bob dials alice and asks to be let in as soon as they have greeted each other.
fn ask_at_once(world: &mut World, link: &InviteLink) {
    let connection = world.connect(BOB, ALICE);
    while world.replica(BOB).join(connection, link).is_err() {
        assert!(world.deliver_one(&mut |_| 0));
    }
    world.commit(BOB);
    world.settle();
}

/// Bob is a member, and asks all the same: what of who belongs alice would tell him he holds.
#[test]
fn a_member_that_asks_to_be_let_in_where_all_is_told_is_in_and_goes_on_speaking() {
    for anew in [false, true] {
        let mut world = World::new(&["alice", "bob"]);
        let room = world.room_of(2);
        let link = world.invite(ALICE, room);
        world.settle();
        world.events(BOB);
        if anew {
            world.cut(ALICE, BOB);
            ask_at_once(&mut world, &link);
        } else {
            world.join(BOB, ALICE, &link);
        }
        let events = world.events(BOB);
        assert!(events.iter().any(|event| matches!(event, Event::Joined(_, joined) if *joined == room)), "{events:?}");
        world.say(BOB, room, "heard");
        world.commit(BOB);
        world.settle();
        assert_eq!(world.texts(ALICE, room), ["heard"], "anew: {anew}");
    }
}

/// Bob leaves where nobody hears it, and opens a new link: to alice he is a member still, and what she answers is true.
#[test]
fn who_comes_back_before_its_leaving_was_heard_tells_of_it_first() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.cut(ALICE, BOB);
    world.say(BOB, room, "unheard");
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    let link = world.invite(ALICE, room);
    world.events(BOB);
    ask_at_once(&mut world, &link);
    // The connection ended: his asking is over, and he asks again.
    assert!(!world.connected(ALICE, BOB));
    world.join(BOB, ALICE, &link);
    assert!(world.events(BOB).iter().any(|event| matches!(event, Event::Joined(_, joined) if *joined == room)));
    assert_eq!(world.texts(ALICE, room), ["unheard"]);
    world.say(BOB, room, "back");
    world.commit(BOB);
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["unheard", "back"]);
}

/// As before, and the two share another room, so that the connection goes on.
#[test]
fn who_comes_back_to_one_of_two_rooms_is_let_in_on_the_same_connection() {
    for heard in [true, false] {
        let mut world = World::new(&["alice", "bob"]);
        let room = world.room_of(2);
        let other = world.create_room(ALICE, "other");
        let link = world.invite(ALICE, other);
        world.join(BOB, ALICE, &link);
        world.say(BOB, other, "before");
        world.commit(BOB);
        world.settle();
        if !heard {
            world.cut(ALICE, BOB);
        }
        let now = world.now;
        world.replica(BOB).leave_room(now, other).unwrap();
        world.commit(BOB);
        if heard {
            world.settle();
        }
        let link = world.invite(ALICE, other);
        world.events(BOB);
        if heard {
            world.join(BOB, ALICE, &link);
        } else {
            ask_at_once(&mut world, &link);
        }
        assert!(world.connected(ALICE, BOB));
        let events = world.events(BOB);
        let joined = |event: &Event| matches!(event, Event::Joined(_, joined) if *joined == other);
        assert!(events.iter().any(joined), "heard: {heard}, {events:?}");
        world.say(BOB, other, "back");
        world.commit(BOB);
        world.settle();
        assert_eq!(world.texts(ALICE, other), ["before", "back"], "heard: {heard}");
        assert!(world.texts(ALICE, room).is_empty());
    }
}
/// Dave and erin are both let in by an invite for one, each by a host that did not know of the other, dave first.
fn an_invite_used_twice() -> (World, RoomId) {
    let mut world = World::new(&["alice", "bob", "carol", "dave", "erin"]);
    let room = world.room_of(3);
    let link = world.invite(ALICE, room);
    world.connect(BOB, CAROL);
    world.settle();
    world.cut(ALICE, BOB);
    world.cut(ALICE, CAROL);
    world.join(DAVE, BOB, &link);
    world.cut(BOB, DAVE);
    world.join(ERIN, ALICE, &link);
    assert_eq!((refusal(&mut world, DAVE), refusal(&mut world, ERIN)), (None, None));
    (world, room)
}

#[track_caller]
fn knows_that_it_is_no_member(world: &mut World, room: RoomId, device: usize) {
    let now = world.now;
    let said = world.replica(device).send_message(now, room, "still here", None, None);
    assert!(matches!(said, Err(CommandError::NotAMember)), "{said:?}");
    // What it took for its room it sees all the same.
    assert_eq!(world.replica(device).rooms().unwrap().len(), 1);
}

#[test]
fn who_was_let_in_by_an_invite_that_another_used_up_learns_it_from_a_host() {
    for connected in [true, false] {
        let (mut world, room) = an_invite_used_twice();
        if !connected {
            world.cut(ALICE, ERIN);
        }
        world.connect(ALICE, BOB);
        world.settle();
        if !connected {
            world.say(ERIN, room, "hello?");
            world.connect(ERIN, ALICE);
            world.settle();
        }
        knows_that_it_is_no_member(&mut world, room, ERIN);
    }
}

#[test]
fn a_former_member_tells_it_too() {
    let (mut world, room) = an_invite_used_twice();
    world.cut(ALICE, ERIN);
    world.connect(ALICE, BOB);
    world.connect(ALICE, CAROL);
    world.settle();
    let (now, carol) = (world.now, world.replica(CAROL).device_id());
    world.replica(ALICE).remove_member(now, room, carol).unwrap();
    world.commit(ALICE);
    world.settle();
    world.connect(ERIN, CAROL);
    world.settle();
    knows_that_it_is_no_member(&mut world, room, ERIN);
}

/// Whom another's use of the invite let in was written in one group with something else.
#[test]
fn it_is_told_with_the_whole_group_that_says_so() {
    let mut world = World::new(&["alice", "bob", "carol", "dave", "erin"]);
    let room = world.room_of(3);
    world.listen(BOB);
    let link = world.invite(ALICE, room);
    world.settle();
    world.cut(ALICE, BOB);
    let connection = world.connect(DAVE, BOB);
    world.settle();
    world.replica(DAVE).join(connection, &link).unwrap();
    world.commit(DAVE);
    while world.deliver_one(&mut |_| 0) {}
    let now = world.now;
    world.replica(BOB).invite(now, room, 60_000, 1).unwrap();
    world.commit(BOB);
    world.settle();
    world.cut(BOB, DAVE);
    world.join(ERIN, ALICE, &link);
    assert_eq!((refusal(&mut world, DAVE), refusal(&mut world, ERIN)), (None, None));
    world.connect(ALICE, BOB);
    world.settle();
    knows_that_it_is_no_member(&mut world, room, ERIN);
}

/// What one said to another arrives, and no more.
fn carry(world: &mut World, from: usize, to: usize) {
    for bytes in world.heard(from, to) {
        world.tell(from, to, &bytes);
    }
    world.commit(to);
}

/// A room of three, each connected to both others, and a link to it; bob has left, which nobody has heard. They share
/// another room, so that the connections go on.
fn bob_leaves() -> (World, RoomId, InviteLink) {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let other = world.create_room(ALICE, "other");
    for member in [BOB, CAROL] {
        let link = world.invite(ALICE, other);
        world.join(member, ALICE, &link);
    }
    let link = world.invite(ALICE, room);
    world.connect(BOB, CAROL);
    world.settle();
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    (world, room, link)
}

/// Alice hears of it, and bob asks her to let him in again.
fn bob_asks_alice(world: &mut World, link: &InviteLink) {
    carry(world, BOB, ALICE);
    carry(world, ALICE, BOB);
    let alice = world.replica(ALICE).device_id();
    let connection = world.replica(BOB).connection(alice).unwrap();
    world.replica(BOB).join(connection, link).unwrap();
    world.commit(BOB);
}

/// Alice lets bob in again, while nothing goes between him and carol.
fn alice_lets_him_in(world: &mut World, link: &InviteLink) {
    bob_asks_alice(world, link);
    for _ in 0..8 {
        carry(world, BOB, ALICE);
        carry(world, ALICE, BOB);
    }
}

/// Whether carol and bob hear each other without alice.
fn assert_in_touch(world: &mut World, room: RoomId) {
    world.settle();
    world.cut(ALICE, BOB);
    world.cut(ALICE, CAROL);
    world.say(BOB, room, "of bob");
    world.say(CAROL, room, "of carol");
    world.settle();
    assert!(world.connected(BOB, CAROL));
    for device in [BOB, CAROL] {
        assert_eq!(world.texts(device, room), ["of bob", "of carol"], "at {device}");
    }
}

#[test]
fn who_is_let_in_again_before_it_hears_that_its_leaving_is_known_stays_in_touch() {
    let (mut world, room, link) = bob_leaves();
    carry(&mut world, BOB, CAROL);
    alice_lets_him_in(&mut world, &link);
    assert_in_touch(&mut world, room);
}

#[test]
fn who_is_let_in_again_before_its_leaving_is_heard_stays_in_touch() {
    let (mut world, room, link) = bob_leaves();
    alice_lets_him_in(&mut world, &link);
    assert_in_touch(&mut world, room);
}

#[test]
fn whose_leaving_is_heard_from_another_first_is_in_touch_once_let_in_again() {
    let (mut world, room, link) = bob_leaves();
    carry(&mut world, BOB, ALICE);
    carry(&mut world, ALICE, CAROL);
    carry(&mut world, BOB, CAROL);
    alice_lets_him_in(&mut world, &link);
    assert_in_touch(&mut world, room);
}

/// Carol looks once at both: that he left, and that alice let him in.
#[test]
fn who_left_and_came_back_in_one_look_begins_anew() {
    let (mut world, room, link) = bob_leaves();
    for bytes in world.heard(BOB, CAROL) {
        world.tell(BOB, CAROL, &bytes);
    }
    bob_asks_alice(&mut world, &link);
    carry(&mut world, BOB, ALICE);
    carry(&mut world, ALICE, CAROL);
    carry(&mut world, CAROL, BOB);
    assert_in_touch(&mut world, room);
}
