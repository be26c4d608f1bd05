//! Meeting by a code, from both sides.

use lanline_protocol::code::Code;
use lanline_protocol::frame::{Admission, Frame, Hello, Pair, PairAnswer, PairProof, PairRefusal, Paired};
use lanline_protocol::id::{Hash, StoreId};
use lanline_protocol::limits;
use lanline_protocol::pairing::{Guest, Meeting};
use lanline_protocol::replica::{CloseReason, CodeEnd};

use crate::by_code::{ends, refusal, show, shown, type_code, wrong};
use crate::world::{ALICE, BOB, CAROL, Seeded, World};

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
fn code_one_guess() {
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
fn code_guess_kept() {
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

/// Mallory stands between: bob typed mallory's address, and mallory dials alice. Every frame of the exchange is handed on.
#[test]
fn code_bound() {
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

#[test]
fn code_attempts() {
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
fn code_turns() {
    let proof = Frame::PairProof(PairProof { proof: Hash::new([1; 32]) });
    let answer = Frame::PairAnswer(PairAnswer { message: vec![0x42; 33] });
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
fn code_host_proves() {
    let mut world = World::new(&["alice", "bob"]);
    let (room, _, code) = shown(&mut world);
    let connection = world.connect(BOB, ALICE);
    world.settle();
    world.replica(BOB).join_by_code(connection, &code).unwrap();
    world.commit(BOB);
    let admission = Admission { proof: Hash::new([1; 32]), room };
    world.inject(ALICE, BOB, &Frame::Paired(Paired { admission: Some(admission), refusal: None }));
    world.commit(BOB);
    assert_eq!(refusal(&mut world, BOB), Some(PairRefusal::WrongCode));
    assert_eq!(world.closed(BOB), Some(CloseReason::BadFrame));
    assert!(world.replica(BOB).rooms().unwrap().is_empty());
}

#[test]
fn code_two_minutes() {
    for (late, refused) in [(0, None), (1, Some(PairRefusal::NoCode))] {
        let mut world = World::new(&["alice", "bob"]);
        let (.., code) = shown(&mut world);
        let connection = world.connect(BOB, ALICE);
        while world.deliver_one(&mut |_| 0) {}
        world.replica(BOB).join_by_code(connection, &code).unwrap();
        world.commit(BOB);
        world.advance(limits::CODE_MS - 1 + late);
        world.deliver_one(&mut |_| 0);
        for device in [ALICE, BOB, ALICE, BOB] {
            world.commit(device);
            while world.deliver_one(&mut |_| 0) {}
        }
        assert_eq!(refusal(&mut world, BOB), refused);
    }
}

#[test]
fn unknown_pair_refusal() {
    for (number, expected) in [
        (0, PairRefusal::NoCode),
        (1, PairRefusal::WrongCode),
        (2, PairRefusal::Unavailable),
        (3, PairRefusal::Unavailable),
        (23, PairRefusal::Unavailable),
    ] {
        let mut world = World::new(&["alice", "bob"]);
        let (.., code) = shown(&mut world);
        let connection = world.connect(BOB, ALICE);
        world.settle();
        world.replica(BOB).join_by_code(connection, &code).unwrap();
        world.commit(BOB);
        let mut bytes = Frame::Paired(Paired { admission: None, refusal: Some(PairRefusal::Unavailable) }).encode();
        *bytes.last_mut().unwrap() = number;
        world.tell(ALICE, BOB, &bytes);
        world.commit(BOB);
        assert!(world.connected(ALICE, BOB), "refusal {number}");
        assert_eq!(refusal(&mut world, BOB), Some(expected));
    }
}
