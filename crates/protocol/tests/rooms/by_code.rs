//! Joining by a code of six digits, on whole devices.

use lanline_protocol::code::Code;
use lanline_protocol::command::CommandError;
use lanline_protocol::frame::{Frame, Hello, Pair, PairProof, PairRefusal, Paired};
use lanline_protocol::id::{Hash, RoomId, StoreId};
use lanline_protocol::limits;
use lanline_protocol::link::InviteLink;
use lanline_protocol::pairing::{Guest, Meeting};
use lanline_protocol::replica::{CloseReason, CodeEnd, Event};
use lanline_protocol::session::ConnectionId;

use crate::world::{ALICE, BOB, CAROL, Seeded, World};

/// A room of alice's, an invite to it, and a code.
fn shown(world: &mut World) -> (RoomId, InviteLink, Code) {
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let now = world.now;
    let link = world.replica(ALICE).invite(now, room, 3_600_000, 2).unwrap();
    let code = show(world, &link);
    (room, link, code)
}

fn show(world: &mut World, link: &InviteLink) -> Code {
    let now = world.now;
    let shown = world.replica(ALICE).show_code(now, link, false).unwrap().unwrap();
    assert_eq!(shown.expires_at_ms, now.wall_ms() + limits::CODE_MS);
    world.commit(ALICE);
    shown.code
}

fn wrong(code: &Code) -> Code {
    let other = if code.to_string().ends_with('1') { '2' } else { '1' };
    let mut text = code.to_string();
    text.pop();
    text.push(other);
    text.parse().unwrap()
}

fn type_code(world: &mut World, guest: usize, connection: ConnectionId, code: &Code) {
    world.settle();
    world.replica(guest).join_by_code(connection, code).unwrap();
    world.commit(guest);
    world.settle();
}

fn refusal(world: &mut World, device: usize) -> Option<PairRefusal> {
    world.events(device).into_iter().find_map(|event| match event {
        Event::PairRefused(_, refusal) => Some(refusal),
        _ => None,
    })
}

fn ends(world: &mut World) -> Vec<CodeEnd> {
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
fn a_wrong_code_is_over_and_tells_nothing() {
    let mut world = World::new(&["alice", "bob"]);
    let (_, _, code) = shown(&mut world);
    let connection = world.connect(BOB, ALICE);
    type_code(&mut world, BOB, connection, &wrong(&code));
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::WrongCode));
    assert_eq!(ends(&mut world), [CodeEnd::Wrong]);
    type_code(&mut world, BOB, connection, &code);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::NoCode));
    assert!(world.replica(BOB).rooms().unwrap().is_empty());
    assert!(ends(&mut world).is_empty());
}

#[test]
fn a_wrong_guess_is_on_disk_before_it_is_answered_and_survives_a_restart() {
    let mut world = World::new(&["alice", "bob"]);
    let (_, link, mut code) = shown(&mut world);
    for guess in 0..limits::WRONG_GUESSES {
        if guess > 0 {
            code = show(&mut world, &link);
        }
        let exporter = world.connect_by_hand(BOB, ALICE);
        let hello = Hello { store: StoreId::new([2; 16]), name: "bob".into(), agent: String::new() };
        world.tell(BOB, ALICE, &Frame::Hello(hello).encode());
        let guest = begin(&mut world, exporter, &wrong(&code));
        world.commit(ALICE);
        let answer = heard(&mut world).into_iter().find_map(|frame| match frame {
            Frame::PairAnswer(answer) => Some(answer.message),
            _ => None,
        });
        let (_, proof) = guest.answered(&answer.unwrap()).unwrap();
        world.tell(BOB, ALICE, &Frame::PairProof(PairProof { proof }).encode());
        assert!(heard(&mut world).is_empty(), "nothing is answered before the commit");
        world.commit(ALICE);
        let refused = Frame::Paired(Paired { admission: None, refusal: Some(PairRefusal::WrongCode) });
        assert!(heard(&mut world).contains(&refused));
        // What was answered was kept.
        world.crash(ALICE);
        world.listen(ALICE);
    }
    let now = world.now;
    assert_eq!(world.replica(ALICE).show_code(now, &link, false).unwrap(), None);
    assert!(world.replica(ALICE).show_code(now, &link, true).unwrap().is_some());
}

fn begin(world: &mut World, exporter: Hash, code: &Code) -> Guest {
    let (guest, host) = (world.replica(BOB).device_id(), world.replica(ALICE).device_id());
    let meeting = Meeting { exporter, guest, host };
    let (guest, message) = Guest::begin(code, meeting, &mut Seeded::new(9));
    world.tell(BOB, ALICE, &Frame::Pair(Pair { method: 1, message }).encode());
    guest
}

fn heard(world: &mut World) -> Vec<Frame> {
    world.heard(ALICE, BOB).iter().map(|bytes| Frame::decode(bytes).unwrap()).collect()
}

#[test]
fn no_code_is_live_after_a_restart_or_once_it_is_hidden() {
    let mut world = World::new(&["alice", "bob"]);
    let (_, link, code) = shown(&mut world);
    world.crash(ALICE);
    world.listen(ALICE);
    let connection = world.connect(BOB, ALICE);
    type_code(&mut world, BOB, connection, &code);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::NoCode));
    let code = show(&mut world, &link);
    world.replica(ALICE).hide_code();
    type_code(&mut world, BOB, connection, &code);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::NoCode));
}

#[test]
fn frames_out_of_their_turn_end_the_connection() {
    let proof = Frame::PairProof(PairProof { proof: Hash::new([1; 32]) });
    let answer = Frame::PairAnswer(lanline_protocol::frame::PairAnswer { message: vec![0x42; 33] });
    let unasked = Frame::Paired(Paired { admission: None, refusal: Some(PairRefusal::Unavailable) });
    let broken = Frame::Pair(Pair { method: 1, message: vec![0x41; 12] });
    for frame in [proof, answer, unasked, broken] {
        let mut world = World::new(&["alice", "bob"]);
        let (_, _, code) = shown(&mut world);
        world.connect(BOB, ALICE);
        world.settle();
        world.inject(BOB, ALICE, &frame);
        world.commit(ALICE);
        assert_eq!(world.closed(ALICE), Some(CloseReason::BadFrame), "{frame:?}");
        // It was no guess.
        let connection = world.connect(BOB, ALICE);
        type_code(&mut world, BOB, connection, &code);
        assert_eq!(refusal(&mut world, BOB), None);
    }
}

#[test]
fn a_stranger_begins_so_often_and_no_more() {
    let mut world = World::new(&["alice", "bob"]);
    shown(&mut world);
    world.connect(BOB, ALICE);
    world.settle();
    for _ in 0..limits::JOIN_ATTEMPTS {
        world.inject(BOB, ALICE, &Frame::Pair(Pair { method: 200, message: Vec::new() }));
        world.commit(ALICE);
        assert_eq!(world.closed(ALICE), None);
    }
    world.inject(BOB, ALICE, &Frame::Pair(Pair { method: 200, message: Vec::new() }));
    world.commit(ALICE);
    assert_eq!(world.closed(ALICE), Some(CloseReason::BadFrame));
}

#[test]
fn who_lets_in_without_having_shown_the_code_is_not_believed() {
    let mut world = World::new(&["alice", "bob"]);
    let (room, _, code) = shown(&mut world);
    let connection = world.connect(BOB, ALICE);
    world.settle();
    world.replica(BOB).join_by_code(connection, &code).unwrap();
    world.commit(BOB);
    let admission = lanline_protocol::frame::Admission { proof: Hash::new([1; 32]), room };
    world.inject(ALICE, BOB, &Frame::Paired(Paired { admission: Some(admission), refusal: None }));
    world.commit(BOB);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::WrongCode));
    assert_eq!(world.closed(BOB), Some(CloseReason::BadFrame));
    assert!(world.replica(BOB).rooms().unwrap().is_empty());
}

/// Mallory stands between: bob typed mallory's address, and mallory dials alice. Every frame of the exchange is handed on.
#[test]
fn whoever_stands_between_gets_no_further_though_the_code_was_right() {
    const MALLORY: usize = CAROL;
    let mut world = World::new(&["alice", "bob", "mallory"]);
    let (_, _, code) = shown(&mut world);
    let to_mallory = world.connect(BOB, MALLORY);
    world.settle();
    world.connect_by_hand(MALLORY, ALICE);
    let hello = Hello { store: StoreId::new([3; 16]), name: "bob".into(), agent: String::new() };
    world.tell(MALLORY, ALICE, &Frame::Hello(hello).encode());
    world.commit(ALICE);
    world.heard(ALICE, MALLORY);

    world.replica(BOB).join_by_code(to_mallory, &code).unwrap();
    world.commit(BOB);
    for _ in 0..3 {
        for bytes in world.heard(BOB, MALLORY) {
            world.tell(MALLORY, ALICE, &bytes);
            world.commit(ALICE);
        }
        for bytes in world.heard(ALICE, MALLORY) {
            world.tell(MALLORY, BOB, &bytes);
            world.commit(BOB);
        }
    }
    assert_eq!(ends(&mut world), [CodeEnd::Wrong]);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::WrongCode));
    assert!(world.replica(BOB).rooms().unwrap().is_empty());
}
