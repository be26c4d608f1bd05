//! Comparing, from both sides.

use lanline_protocol::comparing::CompareOver;
use lanline_protocol::comparison::Parties;
use lanline_protocol::frame::{Compare, CompareAnswer, CompareEnd, CompareEndReason, CompareReveal, Frame};
use lanline_protocol::id::Hash;
use lanline_protocol::limits;
use lanline_protocol::replica::CloseReason;

use crate::comparing::{ask, by_id, confirm, deliver, id, over, shown, together};
use crate::world::{ALICE, BOB, CAROL, World};

const COMMITMENT: Hash = Hash::new([7; 32]);
const NONCE: Hash = Hash::new([8; 32]);

/// What one of the two said to compare, and what it is on its way with.
fn said(world: &mut World, from: usize, to: usize) -> Vec<Frame> {
    let heard = world.heard(from, to);
    let frames = heard.iter().map(|bytes| Frame::decode(bytes).unwrap());
    frames
        .filter(|frame| {
            matches!(
                frame,
                Frame::Compare(_) | Frame::CompareAnswer(_) | Frame::CompareReveal(_) | Frame::CompareEnd(_)
            )
        })
        .collect()
}

fn tell(world: &mut World, from: usize, to: usize, frame: &Frame) {
    world.tell(from, to, &frame.encode());
    world.commit(to);
}

/// Bob asks by hand: with what the two are bound by, and alice's nonce.
fn begin(world: &mut World, nonce: &Hash) -> (Hash, Hash) {
    world.cut(ALICE, BOB);
    let exporter = world.connect(BOB, ALICE);
    let exporter = world.exporter(exporter);
    deliver(world);
    let commitment = Parties { exporter, asker: id(BOB), asked: id(ALICE) }.commitment(nonce);
    tell(world, BOB, ALICE, &Frame::Compare(Compare { commitment }));
    match said(world, ALICE, BOB).as_slice() {
        [Frame::CompareAnswer(answer)] if answer.commitment == commitment => (commitment, answer.nonce),
        other => panic!("{other:?}"),
    }
}

fn ended(world: &mut World, from: usize, to: usize) -> Vec<CompareEndReason> {
    let ends = said(world, from, to).into_iter().filter_map(|frame| match frame {
        Frame::CompareEnd(end) => Some(end.why),
        _ => None,
    });
    ends.collect()
}

#[test]
fn compare_commits() {
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    let asked = said(&mut world, ALICE, BOB);
    let [Frame::Compare(Compare { commitment })] = asked.as_slice() else { panic!("{asked:?}") };
    for _ in 0..20 {
        world.advance(1000);
        world.commit(ALICE);
    }
    assert_eq!(said(&mut world, ALICE, BOB), []);
    tell(&mut world, BOB, ALICE, &Frame::CompareAnswer(CompareAnswer { commitment: *commitment, nonce: NONCE }));
    let revealed = said(&mut world, ALICE, BOB);
    let [Frame::CompareReveal(reveal)] = revealed.as_slice() else { panic!("{revealed:?}") };
    assert_eq!(reveal.commitment, *commitment);
}

#[test]
fn compare_fresh() {
    let mut world = together();
    let mut nonces = Vec::new();
    for _ in 0..3 {
        ask(&mut world, ALICE, BOB);
        world.alter_frames(ALICE, BOB, |bytes| nonces.push(bytes.clone()));
        deliver(&mut world);
        confirm(&mut world, ALICE, BOB, false);
        deliver(&mut world);
    }
    let before = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!((before, nonces.len()), (3, 3));
    let first = begin(&mut world, &NONCE).1;
    assert_ne!(begin(&mut world, &NONCE).1, first);
}

#[test]
fn compare_reveal_holds() {
    for revealed in [Hash::new([9; 32]), NONCE] {
        let mut world = together();
        let (commitment, _) = begin(&mut world, &NONCE);
        world.events(ALICE);
        tell(&mut world, BOB, ALICE, &Frame::CompareReveal(CompareReveal { commitment, nonce: revealed }));
        if revealed == NONCE {
            assert_eq!(shown(&mut world, ALICE).len(), 1);
            continue;
        }
        assert_eq!(world.closed(ALICE), Some(CloseReason::BadFrame));
        assert_eq!(over(&mut world, ALICE), [(CompareOver::Broken, true)]);
    }
    // What was revealed on an earlier connection holds on no other.
    let mut world = together();
    let (commitment, _) = begin(&mut world, &NONCE);
    world.cut(ALICE, BOB);
    world.connect(BOB, ALICE);
    deliver(&mut world);
    tell(&mut world, BOB, ALICE, &Frame::Compare(Compare { commitment }));
    tell(&mut world, BOB, ALICE, &Frame::CompareReveal(CompareReveal { commitment, nonce: NONCE }));
    assert_eq!(world.closed(ALICE), Some(CloseReason::BadFrame));
    assert!(shown(&mut world, ALICE).is_empty());
}

#[test]
fn compare_turns() {
    // Revealed to who asked, and answered to who was asked.
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    let asked = said(&mut world, ALICE, BOB);
    let [Frame::Compare(Compare { commitment })] = asked.as_slice() else { panic!("{asked:?}") };
    tell(&mut world, BOB, ALICE, &Frame::CompareReveal(CompareReveal { commitment: *commitment, nonce: NONCE }));
    assert_eq!(world.closed(ALICE), Some(CloseReason::BadFrame));
    let mut world = together();
    let (commitment, _) = begin(&mut world, &NONCE);
    tell(&mut world, BOB, ALICE, &Frame::CompareAnswer(CompareAnswer { commitment, nonce: NONCE }));
    assert_eq!(world.closed(ALICE), Some(CloseReason::BadFrame));
    // Revealed twice.
    let mut world = together();
    let (commitment, _) = begin(&mut world, &NONCE);
    for _ in 0..2 {
        assert_eq!(world.closed(ALICE), None);
        tell(&mut world, BOB, ALICE, &Frame::CompareReveal(CompareReveal { commitment, nonce: NONCE }));
    }
    assert_eq!(world.closed(ALICE), Some(CloseReason::BadFrame));
}

#[test]
fn compare_stale() {
    let stale = [
        Frame::CompareAnswer(CompareAnswer { commitment: COMMITMENT, nonce: NONCE }),
        Frame::CompareReveal(CompareReveal { commitment: COMMITMENT, nonce: NONCE }),
        Frame::CompareEnd(CompareEnd { commitment: COMMITMENT, why: CompareEndReason::Differ }),
    ];
    for frame in stale {
        let mut world = together();
        tell(&mut world, BOB, ALICE, &frame);
        ask(&mut world, ALICE, BOB);
        tell(&mut world, BOB, ALICE, &frame);
        deliver(&mut world);
        tell(&mut world, BOB, ALICE, &frame);
        assert!(world.connected(ALICE, BOB));
        let pictures = shown(&mut world, ALICE);
        assert_eq!(pictures.len(), 1, "{frame:?}");
        assert_eq!(shown(&mut world, BOB), pictures);
    }
}

#[test]
fn compare_fellows() {
    let mut world = together();
    world.connect(CAROL, ALICE);
    world.settle();
    world.events(ALICE);
    tell(&mut world, CAROL, ALICE, &Frame::Compare(Compare { commitment: COMMITMENT }));
    assert_eq!(ended(&mut world, ALICE, CAROL), [CompareEndReason::NoFellow]);
    tell(&mut world, CAROL, ALICE, &Frame::CompareReveal(CompareReveal { commitment: COMMITMENT, nonce: NONCE }));
    assert_eq!(world.events(ALICE), []);
}

#[test]
fn compare_one() {
    let mut world = together();
    let (commitment, _) = begin(&mut world, &NONCE);
    for asked in [COMMITMENT, commitment] {
        tell(&mut world, BOB, ALICE, &Frame::Compare(Compare { commitment: asked }));
        assert_eq!(ended(&mut world, ALICE, BOB), [CompareEndReason::Busy]);
    }
    tell(&mut world, BOB, ALICE, &Frame::CompareReveal(CompareReveal { commitment, nonce: NONCE }));
    tell(&mut world, BOB, ALICE, &Frame::Compare(Compare { commitment: COMMITMENT }));
    assert_eq!(ended(&mut world, ALICE, BOB), [CompareEndReason::Busy]);
    assert_eq!(shown(&mut world, ALICE).len(), 1);
}

#[test]
fn compare_crossing() {
    let mut world = together();
    let (smaller, larger) = by_id(ALICE, BOB);
    ask(&mut world, smaller, larger);
    ask(&mut world, larger, smaller);
    let (first, second) = (said(&mut world, smaller, larger), said(&mut world, larger, smaller));
    let ([first], [second]) = (first.as_slice(), second.as_slice()) else { panic!("{first:?} {second:?}") };
    tell(&mut world, larger, smaller, second);
    assert_eq!(said(&mut world, smaller, larger), []);
    tell(&mut world, smaller, larger, first);
    let answered = said(&mut world, larger, smaller);
    let [Frame::CompareAnswer(answer)] = answered.as_slice() else { panic!("{answered:?}") };
    let Frame::Compare(Compare { commitment }) = first else { panic!("{first:?}") };
    assert_eq!(answer.commitment, *commitment);
    tell(&mut world, larger, smaller, &answered[0]);
    deliver(&mut world);
    let pictures = shown(&mut world, smaller);
    assert_eq!(pictures.len(), 1);
    assert_eq!(shown(&mut world, larger), pictures);
}

#[test]
fn compare_often() {
    let mut world = together();
    for time in 0..=limits::COMPARISONS {
        let commitment = Hash::new([time as u8; 32]);
        tell(&mut world, BOB, ALICE, &Frame::Compare(Compare { commitment }));
        let answered = said(&mut world, ALICE, BOB);
        match answered.as_slice() {
            [Frame::CompareAnswer(_)] if time < limits::COMPARISONS => {}
            [Frame::CompareEnd(end)] if time == limits::COMPARISONS => assert_eq!(end.why, CompareEndReason::Busy),
            other => panic!("{time}: {other:?}"),
        }
        let why = CompareEndReason::Withdrawn;
        tell(&mut world, BOB, ALICE, &Frame::CompareEnd(CompareEnd { commitment, why }));
    }
}

#[test]
fn compare_two_minutes() {
    // Not revealed, nor answered in time.
    let mut world = together();
    let (commitment, _) = begin(&mut world, &NONCE);
    world.advance(limits::COMPARE_MS);
    tell(&mut world, BOB, ALICE, &Frame::CompareReveal(CompareReveal { commitment, nonce: NONCE }));
    assert!(shown(&mut world, ALICE).is_empty() && world.connected(ALICE, BOB));
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    let asked = said(&mut world, ALICE, BOB);
    let [Frame::Compare(Compare { commitment })] = asked.as_slice() else { panic!("{asked:?}") };
    world.advance(limits::COMPARE_MS);
    tell(&mut world, BOB, ALICE, &Frame::CompareAnswer(CompareAnswer { commitment: *commitment, nonce: NONCE }));
    assert!(shown(&mut world, ALICE).is_empty() && said(&mut world, ALICE, BOB).is_empty());
    // Shown, and nobody said what they see.
    for late in [0, 1] {
        let mut world = together();
        ask(&mut world, ALICE, BOB);
        deliver(&mut world);
        world.events(ALICE);
        world.advance(limits::COMPARE_MS - 1 + late);
        let now = world.now;
        assert_eq!(world.replica(ALICE).confirm_comparison(now, id(BOB), None, true).is_ok(), late == 0);
        world.commit(ALICE);
        let expected = if late == 0 { CompareOver::Same } else { CompareOver::TimeOver };
        assert_eq!(over(&mut world, ALICE), [(expected, true)]);
    }
}

#[test]
fn compare_differ() {
    for shows in [true, false] {
        let mut world = together();
        let known = |world: &mut World| world.replica(ALICE).devices()[0].verified.is_some();
        let (commitment, _) = begin(&mut world, &NONCE);
        world.events(ALICE);
        assert!(known(&mut world));
        if shows {
            tell(&mut world, BOB, ALICE, &Frame::CompareReveal(CompareReveal { commitment, nonce: NONCE }));
            confirm(&mut world, ALICE, BOB, true);
            world.events(ALICE);
        }
        let why = CompareEndReason::Differ;
        tell(&mut world, BOB, ALICE, &Frame::CompareEnd(CompareEnd { commitment, why }));
        let expected = if shows { CompareOver::TheyDiffer } else { CompareOver::Refused(why) };
        assert_eq!(over(&mut world, ALICE), [(expected, shows)]);
        assert_eq!(known(&mut world), !shows);
    }
}

#[test]
fn unknown_compare_end() {
    for (number, expected) in [
        (1, CompareEndReason::Busy),
        (2, CompareEndReason::NoFellow),
        (3, CompareEndReason::Withdrawn),
        (4, CompareEndReason::Withdrawn),
        (23, CompareEndReason::Withdrawn),
    ] {
        let mut world = together();
        ask(&mut world, ALICE, BOB);
        let asked = said(&mut world, ALICE, BOB);
        let [Frame::Compare(Compare { commitment })] = asked.as_slice() else { panic!("{asked:?}") };
        let end = CompareEnd { commitment: *commitment, why: CompareEndReason::Busy };
        let mut bytes = Frame::CompareEnd(end).encode();
        *bytes.last_mut().unwrap() = number;
        world.tell(BOB, ALICE, &bytes);
        world.commit(ALICE);
        assert!(world.connected(ALICE, BOB));
        assert_eq!(over(&mut world, ALICE), [(CompareOver::Refused(expected), false)]);
    }
}
