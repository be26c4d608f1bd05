//! Joining by a code of six digits, on whole devices.

use lanline_protocol::code::Code;
use lanline_protocol::command::CommandError;
use lanline_protocol::frame::PairRefusal;
use lanline_protocol::id::RoomId;
use lanline_protocol::limits;
use lanline_protocol::link::InviteLink;
use lanline_protocol::replica::{CodeEnd, Event};
use lanline_protocol::session::ConnectionId;

use crate::world::{ALICE, BOB, CAROL, World};

/// A room of alice's, an invite to it, and a code.
pub(crate) fn shown(world: &mut World) -> (RoomId, InviteLink, Code) {
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let now = world.now;
    let link = world.replica(ALICE).invite(now, room, 3_600_000, 2).unwrap();
    let code = show(world, &link);
    (room, link, code)
}

pub(crate) fn show(world: &mut World, link: &InviteLink) -> Code {
    let now = world.now;
    let shown = world.replica(ALICE).show_code(now, link, false).unwrap().unwrap();
    assert_eq!(shown.expires_at_ms, now.wall_ms() + limits::CODE_MS);
    world.commit(ALICE);
    shown.code
}

pub(crate) fn wrong(code: &Code) -> Code {
    let other = if code.to_string().ends_with('1') { '2' } else { '1' };
    let mut text = code.to_string();
    text.pop();
    text.push(other);
    text.parse().unwrap()
}

pub(crate) fn type_code(world: &mut World, guest: usize, connection: ConnectionId, code: &Code) {
    world.settle();
    world.replica(guest).join_by_code(connection, code).unwrap();
    world.commit(guest);
    world.settle();
}

pub(crate) fn refusal(world: &mut World, device: usize) -> Option<PairRefusal> {
    world.events(device).into_iter().find_map(|event| match event {
        Event::PairRefused(_, refusal) => Some(refusal),
        _ => None,
    })
}

pub(crate) fn ends(world: &mut World) -> Vec<CodeEnd> {
    let ended = |event| match event {
        Event::CodeEnded(_, end) => Some(end),
        _ => None,
    };
    world.events(ALICE).into_iter().filter_map(ended).collect()
}

#[test]
fn bob_types_the_code_and_is_in() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let (room, link, code) = shown(&mut world);
    world.say(ALICE, room, "before");
    world.commit(ALICE);
    let connection = world.connect(BOB, ALICE);
    type_code(&mut world, BOB, connection, &code);
    assert!(world.events(BOB).contains(&Event::Joined(connection, room)));
    assert_eq!(world.texts(BOB, room), ["before"]);
    world.say(BOB, room, "hello");
    world.commit(BOB);
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["before", "hello"]);
    let names: Vec<String> = world.replica(ALICE).members(room).unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert_eq!(ends(&mut world), [CodeEnd::Used]);

    // It was a use of the invite, and the code is over; the invite has one more.
    let connection = world.connect(CAROL, ALICE);
    type_code(&mut world, CAROL, connection, &code);
    assert_eq!(refusal(&mut world, CAROL), Some(PairRefusal::NoCode));
    let code = show(&mut world, &link);
    type_code(&mut world, CAROL, connection, &code);
    assert!(world.events(CAROL).contains(&Event::Joined(connection, room)));
    let now = world.now;
    let over = world.replica(ALICE).show_code(now, &link, false);
    assert!(matches!(over, Err(CommandError::Invalid(_))), "{over:?}");
}

#[test]
fn who_is_a_member_already_is_told_so() {
    let mut world = World::new(&["alice", "bob"]);
    let (room, link, code) = shown(&mut world);
    let connection = world.connect(BOB, ALICE);
    type_code(&mut world, BOB, connection, &code);
    world.events(BOB);
    let code = show(&mut world, &link);
    type_code(&mut world, BOB, connection, &code);
    assert_eq!(world.events(BOB), [Event::Joined(connection, room)]);
}

#[test]
fn no_code_is_live_after_a_restart_or_once_it_is_hidden() {
    let mut world = World::new(&["alice", "bob"]);
    let (_, link, code) = shown(&mut world);
    let now = world.now;
    let live = world.replica(ALICE).shown_code(now).map(|shown| (shown.code, shown.expires_at_ms));
    assert_eq!(live, Some((code.clone(), now.wall_ms() + limits::CODE_MS)));
    world.crash(ALICE);
    assert_eq!(world.replica(ALICE).shown_code(now), None);
    world.listen(ALICE);
    let connection = world.connect(BOB, ALICE);
    type_code(&mut world, BOB, connection, &code);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::NoCode));
    let code = show(&mut world, &link);
    world.replica(ALICE).hide_code();
    assert_eq!(world.replica(ALICE).shown_code(now), None);
    type_code(&mut world, BOB, connection, &code);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::NoCode));
}
