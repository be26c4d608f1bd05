//! Joining by link, from both sides.

use lanline_protocol::frame::{Frame, Hello, Join, Joined, Refusal, room_tag};
use lanline_protocol::id::{Hash, StoreId};
use lanline_protocol::identity::DeviceId;
use lanline_protocol::link::{InviteLink, InviteSecret, JoinClaim};
use lanline_protocol::replica::{CloseReason, Event};

use super::hand::{Hand, invited, key_of};
use crate::world::{ALICE, BOB, World};

#[test]
fn link_checksum() {
    let (hand, link) = invited();
    let text = link.to_string();
    assert_eq!(text.parse(), Ok(link.clone()));
    let encoded = text.strip_prefix("lanline:j/").unwrap().to_uppercase();
    let mut bytes = data_encoding::BASE32_NOPAD.decode(encoded.as_bytes()).unwrap();
    let shown = |bytes: &[u8]| format!("lanline:j/{}", data_encoding::BASE32_NOPAD.encode(bytes));
    assert_eq!(shown(&bytes).parse(), Ok(link), "case does not matter");
    for index in 0..bytes.len() {
        for bit in 0..8 {
            bytes[index] ^= 1 << bit;
            assert!(shown(&bytes).parse::<InviteLink>().is_err(), "bit {bit} of byte {index}");
            bytes[index] ^= 1 << bit;
        }
    }
    for length in 0..bytes.len() {
        assert!(shown(&bytes[..length]).parse::<InviteLink>().is_err(), "cut at {length}");
    }
    drop(hand);
}

/// What Bob proves, of which one thing may be wrong.
fn claim(hand: &Hand) -> JoinClaim {
    let device = |device: usize| key_of(device).public().device_id();
    JoinClaim { room: hand.room, exporter: hand.exporter, joiner: device(BOB), host: device(ALICE) }
}

fn join(hand: &Hand, claim: &JoinClaim, secret: &InviteSecret) -> Frame {
    Frame::Join(Join {
        tag: hand.tag(hand.room),
        signature: claim.sign(secret),
        invite: secret.key().public(),
        name: "bob".into(),
    })
}

/// What a join is answered with.
#[track_caller]
fn answer(hand: &mut Hand, frame: &Frame) -> Option<Refusal> {
    hand.say(frame);
    let heard = hand.heard();
    let Some(Frame::Joined(joined)) = heard.first() else { panic!("{:?} {heard:?}", hand.closed()) };
    assert_eq!(joined.tag, hand.tag(hand.room));
    joined.refusal
}

fn members(hand: &mut Hand) -> usize {
    let room = hand.room;
    hand.world.replica(ALICE).members(room).unwrap().len()
}

/// Has Alice remove Bob, who connects again.
fn remove_and_meet(hand: &mut Hand) {
    let (now, room) = (hand.world.now, hand.room);
    let bob = key_of(BOB).public().device_id();
    hand.world.replica(ALICE).remove_member(now, room, bob).unwrap();
    hand.world.commit(ALICE);
    hand.world.cut(BOB, ALICE);
    hand.connect();
    hand.hello();
    hand.heard();
}

#[test]
fn claim_bound_to_connection() {
    let other = |n: u8| Hash::new([n; 32]);
    let device = |n: u8| DeviceId::new([n; 32]);
    let changes: [&dyn Fn(JoinClaim) -> JoinClaim; 5] = [
        &|claim| JoinClaim { room: lanline_protocol::id::RoomId::new([9; 32]), ..claim },
        &|claim| JoinClaim { exporter: other(9), ..claim },
        &|claim| JoinClaim { joiner: device(9), ..claim },
        &|claim| JoinClaim { host: device(9), ..claim },
        &|claim| JoinClaim { joiner: claim.host, host: claim.joiner, ..claim },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut hand, link) = invited();
        let frame = join(&hand, &change(claim(&hand)), &link.secret);
        assert_eq!(answer(&mut hand, &frame), Some(Refusal::Unknown), "change {number}");
        assert_eq!(members(&mut hand), 1);
    }
    // Signed by another key than that of the invite, and the claim of a connection before.
    let (mut hand, link) = invited();
    let Frame::Join(right) = join(&hand, &claim(&hand), &link.secret) else { unreachable!() };
    let signature = claim(&hand).sign(&InviteSecret::new([9; 16]));
    let by_another = Frame::Join(Join { signature, ..right.clone() });
    assert_eq!(answer(&mut hand, &by_another), Some(Refusal::Unknown));
    hand.world.cut(BOB, ALICE);
    hand.connect();
    hand.hello();
    hand.heard();
    let replayed = Frame::Join(Join { tag: hand.tag(hand.room), ..right });
    assert_eq!(answer(&mut hand, &replayed), Some(Refusal::Unknown));
    assert_eq!(members(&mut hand), 1);
    let frame = join(&hand, &claim(&hand), &link.secret);
    assert_eq!(answer(&mut hand, &frame), None);
    assert_eq!(members(&mut hand), 2);
}

#[test]
fn join_expired() {
    for (later, refusal) in [(0, None), (1, Some(Refusal::Expired))] {
        let (mut hand, link) = invited();
        hand.world.now.wall_us = (link.expires_at_ms + later) * 1_000;
        let frame = join(&hand, &claim(&hand), &link.secret);
        assert_eq!(answer(&mut hand, &frame), refusal);
        assert_eq!(members(&mut hand), 1 + usize::from(refusal.is_none()));
    }
}

#[test]
fn join_used() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let link = world.invite(ALICE, room);
    world.join(2, ALICE, &link);
    assert_eq!(world.replica(ALICE).members(room).unwrap().len(), 2);
    let (other, _) = invited();
    let mut hand = Hand { world, room, ..other };
    hand.connect();
    hand.hello();
    hand.heard();
    let frame = join(&hand, &claim(&hand), &link.secret);
    assert_eq!(answer(&mut hand, &frame), Some(Refusal::Used));
    assert_eq!(members(&mut hand), 2);
    // One that has a use left is honoured.
    let link = hand.world.invite(ALICE, room);
    let frame = join(&hand, &claim(&hand), &link.secret);
    assert_eq!(answer(&mut hand, &frame), None);
    assert_eq!(members(&mut hand), 3);
    // Who was removed does not come back by it, though it has uses left.
    let now = hand.world.now;
    let link = hand.world.replica(ALICE).invite(now, room, 60_000, 2).unwrap();
    remove_and_meet(&mut hand);
    let frame = join(&hand, &claim(&hand), &link.secret);
    assert_eq!(answer(&mut hand, &frame), None, "it added nobody yet");
    remove_and_meet(&mut hand);
    let frame = join(&hand, &claim(&hand), &link.secret);
    assert_eq!(answer(&mut hand, &frame), Some(Refusal::Used));
    assert_eq!(members(&mut hand), 2);
}

#[test]
fn join_of_a_member() {
    let (mut hand, link) = invited();
    let frame = join(&hand, &claim(&hand), &link.secret);
    assert_eq!(answer(&mut hand, &frame), None);
    // Its only use is used up, by bob himself; and then its time is over too.
    assert_eq!(answer(&mut hand, &frame), None);
    hand.world.now.wall_us = (link.expires_at_ms + 1) * 1_000;
    assert_eq!(answer(&mut hand, &frame), None);
    assert_eq!(members(&mut hand), 2, "once");
    // The claim is to hold all the same.
    let wrong = JoinClaim { exporter: Hash::new([9; 32]), ..claim(&hand) };
    let frame = join(&hand, &wrong, &link.secret);
    assert_eq!(answer(&mut hand, &frame), Some(Refusal::Unknown));
}

#[test]
fn join_attempts() {
    let (mut hand, link) = invited();
    let wrong = join(&hand, &claim(&hand), &InviteSecret::new([9; 16]));
    for _ in 0..7 {
        assert_eq!(answer(&mut hand, &wrong), Some(Refusal::Unknown));
    }
    // The eighth may still be right.
    let right = join(&hand, &claim(&hand), &link.secret);
    assert_eq!(answer(&mut hand, &right), None);
    hand.say(&right);
    assert_eq!(hand.closed(), Some(CloseReason::BadFrame));
}

#[test]
fn unknown_refusal() {
    for (number, expected) in [
        (0, Refusal::Unknown),
        (1, Refusal::Expired),
        (2, Refusal::Used),
        (3, Refusal::Unavailable),
        (4, Refusal::Unavailable),
        (23, Refusal::Unavailable),
    ] {
        // Alice asks, and bob, by hand, refuses.
        let mut world = World::new(&["alice", "bob"]);
        world.listen(BOB);
        let room = world.create_room(BOB, "home");
        let link = world.invite(BOB, room);
        let exporter = world.connect_by_hand(BOB, ALICE);
        let hello = Hello { store: StoreId::new([0xb0; 16]), name: "bob".into(), agent: "test".into() };
        world.tell(BOB, ALICE, &Frame::Hello(hello).encode());
        let bob = key_of(BOB).public().device_id();
        let connection = world.replica(ALICE).connection(bob).unwrap();
        world.replica(ALICE).join(connection, &link).unwrap();
        world.commit(ALICE);
        let tag = room_tag(room, &exporter, key_of(ALICE).public().device_id());
        let mut bytes = Frame::Joined(Joined { tag, refusal: Some(Refusal::Unavailable) }).encode();
        *bytes.last_mut().unwrap() = number;
        world.tell(BOB, ALICE, &bytes);
        world.commit(ALICE);
        assert!(world.connected(ALICE, BOB), "refusal {number}");
        let refused = Event::JoinRefused(connection, room, expected);
        assert!(world.events(ALICE).contains(&refused), "refusal {number}");
    }
}
