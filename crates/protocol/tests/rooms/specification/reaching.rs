//! Reaching back, from both sides. That no other address is tried than the asker's takes real sockets.

use lanline_protocol::frame::{Frame, Hello, Reach, ReachOutcome, Reached};
use lanline_protocol::id::{Hash, StoreId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::limits;
use lanline_protocol::replica::{CloseReason, Event};
use lanline_protocol::session::ConnectionId;

use super::hand::{Hand, invited, key_of};
use crate::world::ALICE;

const PORT: u16 = 12345;

fn reached(hand: &mut Hand) -> Vec<Reached> {
    let heard = hand.heard().into_iter().filter_map(|frame| match frame {
        Frame::Reached(reached) => Some(reached),
        _ => None,
    });
    heard.collect()
}

fn outcomes(hand: &mut Hand) -> Vec<ReachOutcome> {
    reached(hand).into_iter().map(|reached| reached.outcome).collect()
}

/// Says what became of what alice tried last; whether she tried anything.
fn became(hand: &mut Hand, outcome: ReachOutcome) -> bool {
    let tried = hand.world.reaches(ALICE);
    let now = hand.world.now;
    for (connection, port) in &tried {
        assert_eq!(*port, PORT);
        hand.world.replica(ALICE).reached(now, *connection, outcome);
    }
    hand.world.commit(ALICE);
    !tried.is_empty()
}

fn alice_asks(hand: &mut Hand, port: u16) {
    let bob = key_of(hand.who).public().device_id();
    hand.world.replica(ALICE).ask_to_reach(bob, port).unwrap();
    hand.world.commit(ALICE);
}

fn views(hand: &mut Hand) -> Vec<(ReachOutcome, String)> {
    let views = hand.world.events(ALICE).into_iter().filter_map(|event| match event {
        Event::Reached(_, view) => Some((view.outcome, view.address)),
        _ => None,
    });
    views.collect()
}

fn answer(port: u16, outcome: ReachOutcome) -> Frame {
    Frame::Reached(Reached { port, outcome, address: "10.0.0.9".into(), clock: None })
}

#[test]
fn reach_port() {
    let mut hand = Hand::met();
    hand.say(&Frame::Reach(Reach { port: 1 }));
    assert!(hand.is_connected());
    hand.say(&Frame::Reach(Reach { port: 0 }));
    assert_eq!(hand.closed(), Some(CloseReason::BadFrame));
}

#[test]
fn reach_one() {
    let mut hand = Hand::met();
    hand.say(&Frame::Reach(Reach { port: PORT }));
    assert_eq!(outcomes(&mut hand), []);
    hand.say(&Frame::Reach(Reach { port: PORT + 1 }));
    let busy = reached(&mut hand);
    assert_eq!(
        busy.iter().map(|busy| (busy.port, busy.outcome)).collect::<Vec<_>>(),
        [(PORT + 1, ReachOutcome::Untried)]
    );
    assert!(became(&mut hand, ReachOutcome::Silent));
    assert_eq!(outcomes(&mut hand), [ReachOutcome::Silent]);
    hand.say(&Frame::Reach(Reach { port: PORT }));
    assert!(became(&mut hand, ReachOutcome::Open));
    assert_eq!(outcomes(&mut hand), [ReachOutcome::Open]);
}

#[test]
fn reach_often() {
    let mut hand = Hand::met();
    for _ in 0..limits::REACHES {
        hand.say(&Frame::Reach(Reach { port: PORT }));
        assert!(became(&mut hand, ReachOutcome::Refused));
        hand.world.advance(1000);
    }
    assert_eq!(outcomes(&mut hand), [ReachOutcome::Refused; limits::REACHES]);
    hand.say(&Frame::Reach(Reach { port: PORT }));
    assert!(!became(&mut hand, ReachOutcome::Refused));
    assert_eq!(outcomes(&mut hand), [ReachOutcome::Untried]);
    // Another connection is no other device.
    hand.world.cut(hand.who, ALICE);
    hand.meet();
    hand.say(&Frame::Reach(Reach { port: PORT }));
    assert_eq!(outcomes(&mut hand), [ReachOutcome::Untried]);
    hand.world.advance(limits::REACHES_MS);
    hand.say(&Frame::Reach(Reach { port: PORT }));
    assert!(became(&mut hand, ReachOutcome::Refused));
}

/// A stranger with a key of its own, who asks once from an address; whether anything was tried.
fn stranger_asks(hand: &mut Hand, number: u8, address: String) -> bool {
    let key = DeviceKey::from_seed(&[100 + number; 32]).public();
    let connection = ConnectionId(1_000_000 + u64::from(number));
    let now = hand.world.now;
    let alice = hand.world.replica(ALICE);
    alice.connected(now, connection, key, Hash::new([number; 32]), false, address).unwrap();
    let hello = Hello { store: StoreId::new([number; 16]), name: String::new(), agent: String::new() };
    for frame in [Frame::Hello(hello), Frame::Reach(Reach { port: PORT })] {
        alice.frame(now, connection, &frame.encode()).unwrap();
    }
    hand.world.commit(ALICE);
    became(hand, ReachOutcome::Open)
}

#[test]
fn reach_crowd() {
    let mut hand = Hand::met();
    let tried = (0..100_u8).filter(|number| stranger_asks(&mut hand, *number, format!("10.0.1.{number}:5000"))).count();
    assert_eq!(tried, limits::REACHING_STRANGERS);
    // A member is none of them.
    hand.say(&Frame::Reach(Reach { port: PORT }));
    assert!(became(&mut hand, ReachOutcome::Open));
}

#[test]
fn reach_place() {
    let mut hand = Hand::met();
    // Each with another key, and another port of the same address.
    let from = |number: u8| format!("10.0.1.1:{}", 5000 + u16::from(number));
    let tried = (0..20).filter(|number| stranger_asks(&mut hand, *number, from(*number))).count();
    assert_eq!(tried, limits::REACHES);
    assert!(stranger_asks(&mut hand, 20, "10.0.1.2:5000".into()));
    // A member may be there, too.
    hand.say(&Frame::Reach(Reach { port: PORT }));
    assert!(became(&mut hand, ReachOutcome::Open));
    hand.world.advance(limits::REACHES_MS);
    assert!(stranger_asks(&mut hand, 21, from(21)));
}

#[test]
fn reach_clock() {
    let mut member = Hand::met();
    member.say(&Frame::Reach(Reach { port: PORT }));
    assert!(became(&mut member, ReachOutcome::Open));
    let told = reached(&mut member);
    assert_eq!(told[0].clock, Some(member.world.now.wall_us));
    assert_eq!(told[0].address, format!("10.0.0.{}", member.who));
    let (mut stranger, _) = invited();
    stranger.say(&Frame::Reach(Reach { port: PORT }));
    assert!(became(&mut stranger, ReachOutcome::Open));
    assert_eq!(reached(&mut stranger)[0].clock, None);
}

#[test]
fn reached_unasked() {
    let mut hand = Hand::met();
    hand.say(&answer(PORT, ReachOutcome::Open));
    assert_eq!(views(&mut hand), []);
    alice_asks(&mut hand, PORT);
    hand.say(&answer(PORT + 1, ReachOutcome::Open));
    assert_eq!(views(&mut hand), []);
    hand.say(&answer(PORT, ReachOutcome::Refused));
    assert_eq!(views(&mut hand), [(ReachOutcome::Refused, "10.0.0.9".to_owned())]);
    hand.say(&answer(PORT, ReachOutcome::Open));
    assert_eq!(views(&mut hand), []);
    assert!(hand.is_connected());
}

#[test]
fn unknown_reach_outcome() {
    for (number, outcome) in [(3, ReachOutcome::Unreachable), (4, ReachOutcome::Untried), (23, ReachOutcome::Untried)] {
        let mut hand = Hand::met();
        alice_asks(&mut hand, 1);
        // {0: 1, 1: number, 2: ""}
        hand.say_bytes(&[0x82, 0x18, 0x1a, 0xa3, 0x00, 0x01, 0x01, number, 0x02, 0x60]);
        assert_eq!(views(&mut hand), [(outcome, String::new())]);
    }
}
