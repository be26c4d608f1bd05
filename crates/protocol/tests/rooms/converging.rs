//! Whatever happens on the way, devices that can reach each other end equal.

use lanline_protocol::frame::Frame;
use lanline_protocol::kind::Lane;
use lanline_protocol::store::{Cursor, Store};
use proptest::prelude::*;

use crate::world::{ALICE, BOB, Seeded, World};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Say(usize),
    Burst(usize),
    Commit(usize),
    Deliver(usize),
    Connect(usize, usize),
    Cut(usize, usize),
    Crash(usize),
    Wait(u64),
    /// Forgets what is known of others' stores, so that heads are compared instead of cursors.
    RollBackCursors(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..3_usize;
    let pair = (0..3_usize, 1..3_usize).prop_map(|(a, step)| (a, (a + step) % 3));
    prop_oneof![
        4 => device.clone().prop_map(Step::Say),
        1 => device.clone().prop_map(Step::Burst),
        6 => device.clone().prop_map(Step::Commit),
        12 => (0..64_usize).prop_map(Step::Deliver),
        3 => pair.clone().prop_map(|(a, b)| Step::Connect(a, b)),
        2 => pair.prop_map(|(a, b)| Step::Cut(a, b)),
        1 => device.clone().prop_map(Step::Crash),
        2 => (1..2_000_u64).prop_map(Step::Wait),
        1 => device.prop_map(Step::RollBackCursors),
    ]
}

/// Runs the steps, lets everybody meet again, and checks that all hold the same and nothing is lost.
fn run(steps: &[Step], seed: u64) {
    let mut world = World::seeded(&["alice", "bob", "carol"], seed);
    let mut random = Seeded::new(seed);
    let room = world.room_of(3);
    let mut count = 0;
    for step in steps {
        match *step {
            Step::Say(device) | Step::Burst(device) => {
                for _ in 0..if matches!(step, Step::Burst(_)) { 150 } else { 1 } {
                    let text = format!("{device}:{count}");
                    count += 1;
                    world.say(device, room, &text);
                }
            }
            Step::Commit(device) => world.commit(device),
            Step::Deliver(frames) => {
                for _ in 0..frames {
                    world.deliver_one(&mut |waiting| random.below(waiting));
                }
            }
            Step::Connect(a, b) => {
                if !world.connected(a, b) {
                    world.connect(a, b);
                }
            }
            Step::Cut(a, b) => world.cut(a, b),
            Step::Crash(device) => world.crash(device),
            Step::Wait(ms) => world.advance(ms),
            Step::RollBackCursors(device) => world.forget_cursors(device),
        }
    }
    for device in 0..3 {
        world.commit(device);
    }
    for (a, b) in [(0, 1), (1, 2)] {
        if !world.connected(a, b) {
            world.connect(a, b);
        }
    }
    world.settle();
    let all: Vec<Vec<String>> = (0..3).map(|device| world.texts(device, room)).collect();
    assert!(all[0] == all[1], "alice and bob differ");
    assert!(all[1] == all[2], "bob and carol differ");
    for device in 0..3 {
        let prefix = format!("{device}:");
        let arrived: Vec<&String> = all[0].iter().filter(|text| text.starts_with(&prefix)).collect();
        let expected: Vec<&String> = world.committed(device).iter().collect();
        let equal = arrived == expected;
        assert!(equal, "what device {device} said and committed arrived lost, twice or out of order");
    }
    for device in 0..3 {
        assert!(world.messages(device, room).iter().all(|message| !message.forked));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn three_replicas_end_equal(steps in proptest::collection::vec(step(), 1..120), seed in 0..u64::MAX / 2000) {
        run(&steps, seed);
    }
}

#[test]
fn a_backlog_larger_than_every_window_arrives() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.cut(0, 1);
    let text = "x".repeat(10_000);
    for n in 0..600 {
        world.say(0, room, &format!("{n} {text}"));
        if n % 50 == 0 {
            world.commit(0);
        }
    }
    world.commit(0);
    world.connect(1, 0);
    world.settle();
    assert_eq!(world.texts(1, room).len(), 600);
    assert_eq!(world.texts(1, room), world.texts(0, room));
}

/// Settles without one of the two ways of noticing that something is lacking.
fn settle_without_digests(world: &mut World) {
    for _ in 0..200 {
        for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
            world.alter_frames(from, to, |bytes| {
                if matches!(Frame::decode(bytes), Ok(Frame::Digest(_))) {
                    *bytes = Frame::Ping.encode();
                }
            });
        }
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
}

#[test]
fn a_cursor_that_does_not_match_is_not_believed() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    world.cut(ALICE, BOB);
    world.say(ALICE, room, "while bob was away");
    world.commit(ALICE);
    world.forget_cursors(BOB);
    world.connect(BOB, ALICE);
    settle_without_digests(&mut world);
    assert_eq!(world.texts(BOB, room), ["while bob was away"]);
}

#[test]
fn a_cursor_that_matches_and_is_wrong_is_found_out_by_digest() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    world.cut(ALICE, BOB);
    world.say(ALICE, room, "while bob was away");
    world.commit(ALICE);
    let theirs = world.store(ALICE);
    let newest = theirs.newest(room, Lane::Content).unwrap();
    let anchor = theirs.anchor(room, Lane::Content, newest).unwrap().map(|(_, id)| id);
    let mut own = world.store(BOB);
    own.put_cursor(theirs.store_id(), room, Lane::Content, Cursor { arrival: newest, anchor }).unwrap();
    own.commit().unwrap();
    world.roll_back(BOB, own);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room), ["while bob was away"]);
}
