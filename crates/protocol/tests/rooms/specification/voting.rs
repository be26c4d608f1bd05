//! What the majority does, by entries that come from outside.

use lanline_protocol::body::{Add, Admit, Appoint, Ballot, Body, Link, Vote};
use lanline_protocol::cbor;
use lanline_protocol::id::EntryId;
use lanline_protocol::identity::Context;
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::membership::Role;
use lanline_protocol::store::Store;

use super::hand::{Hand, key_of};
use crate::world::{ALICE, BOB, CAROL, World};

const DAVE: usize = 3;

/// Alice's hand at bob's, in a room of three voters, and the end of its control chain.
fn of_the_owner() -> (Hand, EntryId) {
    let mut world = World::new(&["alice", "bob", "carol", "dave"]);
    let room = world.room_of(3);
    world.say(ALICE, room, "hello");
    world.settle();
    world.cut(ALICE, CAROL);
    let held = world.store(BOB).of_kind(room, Kind::Admit.number()).unwrap();
    let head = held.last().unwrap().entry.id;
    let mut hand = Hand::instead_of(world, room, ALICE, BOB);
    hand.meet();
    (hand, head)
}

fn ballot(hand: &Hand, previous: EntryId, owner: usize) -> Ballot {
    let (room, kind) = (hand.room.creation(), Kind::Appoint.number());
    Ballot { room, previous, epoch: 1, kind, subject: key_of(owner).public() }
}

fn act(ballot: &Ballot, voters: &[usize]) -> Body {
    let bytes = cbor::encode(ballot);
    let vote =
        |voter: &usize| Vote { voter: key_of(*voter).public(), signature: key_of(*voter).sign(Context::Vote, &bytes) };
    let link = Link { previous: ballot.previous, epoch: ballot.epoch, votes: voters.iter().map(vote).collect() };
    Body::Appoint(Appoint { link, key: ballot.subject })
}

fn admit_dave(previous: EntryId, epoch: u32) -> Body {
    let link = Link { previous, epoch, votes: Vec::new() };
    Body::Admit(Admit { link, key: key_of(DAVE).public(), name: "dave".into(), invite: None })
}

/// A device's part, and whether it may vote, as bob has it.
fn part(hand: &mut Hand, device: usize) -> Option<(Role, bool)> {
    let (room, device) = (hand.room, key_of(device).public().device_id());
    let members = hand.world.replica(BOB).members(room).unwrap();
    members.into_iter().find(|member| member.device == device).map(|member| (member.role, member.voter))
}

#[test]
fn one_ballot_one_act() {
    for by_ballot in [true, false] {
        let (mut hand, head) = of_the_owner();
        let said = ballot(&hand, head, ALICE);
        let first = hand.write(&act(&said, &[ALICE, CAROL]));
        let previous = if by_ballot { said.id() } else { first.id };
        let beyond = hand.write(&admit_dave(previous, 1));
        hand.send(&[first, beyond]);
        assert_eq!(part(&mut hand, DAVE).is_some_and(|(_, voter)| voter), by_ballot);
        hand.heard();
        // Again and again, with votes of others: with a smaller id, or a larger one.
        for voters in [&[BOB, CAROL][..], &[ALICE, BOB], &[ALICE, BOB, CAROL], &[ALICE, CAROL]] {
            let again = hand.write(&act(&said, voters));
            let upto = hand.send(&[again]);
            assert_eq!(hand.acks(Lane::Membership), [upto]);
            assert_eq!(part(&mut hand, DAVE).is_some_and(|(_, voter)| voter), by_ballot);
            assert_eq!(part(&mut hand, ALICE), Some((Role::Owner, true)));
        }
    }
}

#[test]
fn no_act_of_the_owner_alone() {
    let (mut hand, _) = of_the_owner();
    let creation = hand.room.creation();
    let said = ballot(&hand, creation, DAVE);
    let alone = hand.write(&act(&said, &[ALICE]));
    let upto = hand.send(&[alone]);
    assert_eq!(hand.acks(Lane::Membership), [upto]);
    assert_eq!(part(&mut hand, ALICE), Some((Role::Owner, true)));
    assert_eq!(part(&mut hand, BOB), Some((Role::Member, true)));
    // Once she has let in one beside another, she says which of the two ways counts.
    let beside = hand.write(&admit_dave(creation, 0));
    hand.send(&[beside]);
    assert_eq!(part(&mut hand, DAVE).map(|(role, _)| role), Some(Role::Owner));
}

#[test]
fn outranked_admit_is_an_add() {
    let (mut hand, head) = of_the_owner();
    let admission = hand.write(&admit_dave(head, 0));
    hand.send(&[admission]);
    assert_eq!(part(&mut hand, DAVE), Some((Role::Member, true)));
    let said = ballot(&hand, head, CAROL);
    let outranking = hand.write(&act(&said, &[BOB, CAROL]));
    hand.send(&[outranking]);
    assert_eq!(part(&mut hand, CAROL), Some((Role::Owner, true)));
    assert_eq!(part(&mut hand, DAVE), Some((Role::Member, false)));
    // What alice writes behind that act, as if she were the owner still, lets nobody in.
    let (mut hand, head) = of_the_owner();
    let said = ballot(&hand, head, CAROL);
    let outranking = hand.write(&act(&said, &[BOB, CAROL]));
    let admission = hand.write(&admit_dave(said.id(), 1));
    hand.send(&[outranking, admission]);
    assert_eq!(part(&mut hand, DAVE), None);
}

#[test]
fn votes_of_voters() {
    for (voters, carried) in [(&[CAROL, DAVE][..], false), (&[CAROL, CAROL], false), (&[BOB, CAROL], true)] {
        let (mut hand, head) = of_the_owner();
        let (key, name) = (key_of(DAVE).public(), "dave".into());
        let added = hand.write(&Body::Add(Add { key, name, invite: None, control: head }));
        let said = ballot(&hand, head, CAROL);
        let written = hand.write(&act(&said, voters));
        hand.send(&[added, written]);
        assert_eq!(part(&mut hand, DAVE), Some((Role::Member, false)));
        assert_eq!(part(&mut hand, CAROL).map(|(role, _)| role == Role::Owner), Some(carried), "{voters:?}");
    }
}
