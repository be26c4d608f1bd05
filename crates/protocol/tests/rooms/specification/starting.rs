//! How two devices find out what each lacks of a lane.

use lanline_protocol::frame::{Digest, Frame, Heads, Resume, WantHeads};
use lanline_protocol::id::{EntryId, Hash};
use lanline_protocol::kind::Lane;
use lanline_protocol::store::Store;

use super::hand::{Hand, key_of, room_of_two};
use crate::world::{ALICE, BOB};

/// What was said of a lane.
fn of_lane(heard: &[Frame], wanted: Lane) -> Vec<&Frame> {
    let of = |frame: &&Frame| match frame {
        Frame::Resume(Resume { lane, .. })
        | Frame::WantHeads(WantHeads { lane, .. })
        | Frame::Heads(Heads { lane, .. })
        | Frame::Digest(Digest { lane, .. }) => *lane == wanted,
        Frame::Batch(batch) => batch.lane == wanted,
        _ => false,
    };
    heard.iter().filter(of).collect()
}

fn connected() -> Hand {
    let mut hand = Hand::of_bob();
    hand.connect();
    hand.hello();
    hand.open(0);
    hand
}

#[test]
fn zero_resume_brings_heads() {
    // Alice never met this store.
    let mut hand = connected();
    hand.resume(Lane::Membership);
    hand.end(Lane::Membership);
    let heard = hand.heard();
    for lane in Lane::ALL {
        let [first, second, ..] = of_lane(&heard, lane)[..] else { panic!("{heard:?}") };
        assert!(matches!(first, Frame::Resume(Resume { arrival: 0, anchor: None, .. })), "{first:?}");
        assert!(matches!(second, Frame::Heads(heads) if heads.last && !heads.heads.is_empty()), "{second:?}");
    }
    // And where she knows how far she holds it, she says so instead.
    let mut hand = Hand::met();
    let entry = hand.text("to be held");
    let upto = hand.send(std::slice::from_ref(&entry));
    let now = hand.world.now;
    let (peer, room) = (hand.peer, hand.room);
    hand.world.replica(peer).send_message(now, room, "stored with where she is", None, None).unwrap();
    hand.world.commit(peer);
    hand.world.cut(hand.who, peer);
    hand.connect();
    hand.hello();
    hand.open(0);
    hand.end(Lane::Membership);
    let heard = hand.heard();
    let content = of_lane(&heard, Lane::Content);
    assert!(matches!(content[0], Frame::Resume(Resume { arrival, .. }) if *arrival == upto), "{heard:?}");
    assert!(!content.iter().any(|frame| matches!(frame, Frame::Heads(_))), "{heard:?}");
}

#[test]
fn wrong_anchor_wants_heads() {
    for lane in Lane::ALL {
        let mut store = Hand::of_bob().disk();
        let room = Hand::of_bob().room;
        let newest = store.newest(room, lane).unwrap();
        let (at, anchor) = store.anchor(room, lane, newest).unwrap().unwrap();
        store.rollback().unwrap();
        let wrong = Some(EntryId::new([9; 32]));
        for (arrival, anchor, fits) in [
            (newest, Some(anchor), true),
            (at, Some(anchor), true),
            (newest, wrong, false),
            (newest, None, false),
            // Before that entry came, another was the last, or none.
            (at - 1, Some(anchor), false),
            // What she never gave is no arrival of hers, whatever the anchor.
            (newest + 1, Some(anchor), false),
            (newest + 1_000, Some(anchor), false),
            (0, wrong, false),
        ] {
            let mut hand = connected();
            if lane == Lane::Content {
                hand.resume(Lane::Membership);
                hand.end(Lane::Membership);
            }
            hand.heard();
            hand.say(&Frame::Resume(Resume { slot: 0, lane, arrival, anchor }));
            let heard = hand.heard();
            let wants = heard.iter().any(|frame| matches!(frame, Frame::WantHeads(want) if want.lane == lane));
            assert_eq!(wants, !fits, "{lane:?} {arrival} of {newest}, {anchor:?}: {heard:?}");
            let sends = heard.iter().any(|frame| matches!(frame, Frame::Batch(batch) if batch.lane == lane));
            assert_eq!(sends, fits, "{lane:?} {arrival} of {newest}, {anchor:?}: {heard:?}");
        }
    }
}

#[test]
fn want_heads_answered() {
    let mut hand = connected();
    hand.heard();
    for lane in Lane::ALL {
        hand.say(&Frame::WantHeads(WantHeads { slot: 0, lane }));
        let heard = hand.heard();
        let [Frame::Heads(heads)] = &heard[..] else { panic!("{heard:?}") };
        assert!(heads.lane == lane && heads.last && heads.heads.is_sorted());
        // Bob said hello, and only Alice has written about who belongs; her profile is her name.
        let authors: Vec<_> = heads.heads.iter().map(|head| head.log.author).collect();
        let (alice, bob) = (key_of(ALICE).public(), key_of(BOB).public());
        assert_eq!(authors, if lane == Lane::Content { vec![bob, alice] } else { vec![alice] });
    }
    // Of a room that was never named, nothing is said.
    hand.say(&Frame::WantHeads(WantHeads { slot: 9, lane: Lane::Membership }));
    assert_eq!(hand.heard(), []);
}

#[test]
fn resume_skips_what_is_held() {
    let (mut world, room) = room_of_two();
    world.say(BOB, room, "hello");
    world.settle();
    let ids: Vec<EntryId> = (0..6)
        .map(|n| {
            let id = world.say(ALICE, room, &n.to_string());
            world.commit(ALICE);
            id
        })
        .collect();
    world.settle();
    let mut hand = Hand::instead_of(world, room, BOB, ALICE);
    let disk = hand.disk();
    for held in 0..ids.len() {
        let arrival = disk.entry(ids[held]).unwrap().unwrap().arrival;
        hand.connect();
        hand.hello();
        hand.open(0);
        hand.resume(Lane::Membership);
        hand.end(Lane::Membership);
        hand.heard();
        hand.say(&Frame::Resume(Resume { slot: 0, lane: Lane::Content, arrival, anchor: Some(ids[held]) }));
        let sent: Vec<EntryId> = hand
            .heard()
            .into_iter()
            .filter_map(|frame| match frame {
                Frame::Batch(batch) if batch.lane == Lane::Content => Some(batch.entries),
                _ => None,
            })
            .flatten()
            .map(|entry| EntryId::new(*Hash::of(&entry.header).as_bytes()))
            .collect();
        assert_eq!(sent, ids[held + 1..], "after {held}");
        hand.world.cut(hand.who, hand.peer);
    }
}

#[test]
fn digest_difference_wants_heads() {
    for lane in Lane::ALL {
        let digest = |digest: Hash| Frame::Digest(Digest { slot: 0, lane, digest });
        let other = digest(Hash::new([9; 32]));
        // All is sent and acknowledged: Alice tells her own.
        let mut hand = Hand::of_bob();
        hand.meet();
        hand.acknowledge_all();
        let heard = hand.heard();
        let own = heard.iter().find_map(|frame| match frame {
            Frame::Digest(told) if told.lane == lane => Some(told.digest),
            _ => None,
        });
        hand.say(&digest(own.expect("all is quiet")));
        assert_eq!(hand.heard(), [], "both hold the same");
        hand.say(&other);
        let heard = hand.heard();
        let [Frame::WantHeads(want), Frame::Heads(heads)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((want.lane, heads.lane, heads.last), (lane, lane, true));
        // While something is on its way that will make the difference go, nothing is asked.
        let (peer, room, now) = (hand.peer, hand.room, hand.world.now);
        match lane {
            Lane::Content => drop(hand.world.replica(peer).send_message(now, room, "on its way", None, None).unwrap()),
            Lane::Membership => drop(hand.invites()),
        }
        hand.world.commit(peer);
        hand.heard();
        hand.say(&other);
        assert_eq!(hand.heard(), [], "{lane:?}");
    }
}
