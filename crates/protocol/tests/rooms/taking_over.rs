//! Acts of the majority that come in logs of which nothing is taken: they are written again where they are true, and
//! nobody takes a room over by them who was removed from it.

use std::collections::BTreeMap;

use lanline_protocol::body::{Appoint, Ballot, Body, Cut, Link, Remove, SALT_BYTES, Vote};
use lanline_protocol::cbor;
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::frame::{Batch, Frame};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId};
use lanline_protocol::identity::{Context, DeviceKey, PublicKey};
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::limits;
use lanline_protocol::membership::{Act, Membership, Role};
use lanline_protocol::store::{Item, Store};
use lanline_protocol::voting::Motion;

use crate::world::{ALICE, BOB, CAROL, World};

const DAVE: usize = 3;
const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

fn key(device: usize) -> DeviceKey {
    DeviceKey::from_seed(&[device as u8 + 1; 32])
}

/// An act of the majority by hand, and where it stands.
struct Hand {
    room: RoomId,
    author: DeviceKey,
    add: EntryId,
    log: u8,
}

impl Hand {
    /// Makes `subject` the owner.
    fn appoint(&mut self, previous: EntryId, epoch: u32, subject: usize, voters: &[usize]) -> (Entry, EntryId) {
        let (link, ballot) = self.link(previous, epoch, Kind::Appoint, subject, voters);
        (self.write(&Body::Appoint(Appoint { link, key: key(subject).public() })), ballot)
    }

    /// With votes of these, and the id of what they signed.
    fn link(&self, previous: EntryId, epoch: u32, kind: Kind, subject: usize, voters: &[usize]) -> (Link, EntryId) {
        let (room, kind, subject) = (self.room.creation(), kind.number(), key(subject).public());
        let ballot = Ballot { room, previous, epoch, kind, subject };
        let bytes = cbor::encode(&ballot);
        let vote =
            |voter: &usize| Vote { voter: key(*voter).public(), signature: key(*voter).sign(Context::Vote, &bytes) };
        (Link { previous, epoch, votes: voters.iter().map(vote).collect() }, ballot.id())
    }

    /// In a log of its own.
    fn write(&mut self, body: &Body) -> Entry {
        let (kind, body) = (body.kind().number(), body.encode([0; SALT_BYTES]));
        self.log += 2;
        let header = Header {
            room: Some(self.room),
            author: self.author.public(),
            log: LogId::new([self.log; 16]).of_lane(Lane::Membership),
            seq: 1,
            previous: None,
            timestamp_us: 1,
            kind,
            body_hash: Hash::of(&body),
            body_bytes: body.len() as u32,
            add: Some(self.add),
        };
        let mut entry = Entry::write(header, body);
        entry.sign(&self.author);
        entry
    }
}

/// By nobody who belongs: what is in it is not taken from it, whoever signed that.
fn stranger(room: RoomId) -> Hand {
    Hand { room, author: DeviceKey::from_seed(&[99; 32]), add: room.creation(), log: 0 }
}

fn acts(world: &mut World, device: usize, room: RoomId) -> BTreeMap<EntryId, Act> {
    let held = world.replica(device).store().page(room, Lane::Membership, 0, usize::MAX, usize::MAX).unwrap();
    let acts = held.iter().filter_map(|item| match item {
        Item::Entry(stored) => Some((stored.entry.id, Act::of(&stored.entry))),
        _ => None,
    });
    acts.collect()
}

fn membership(world: &mut World, device: usize, room: RoomId) -> Membership {
    Membership::evaluate(room, &acts(world, device, room)).unwrap()
}

/// The entry by which the creator let a device in.
fn admitted(world: &mut World, room: RoomId, device: usize) -> EntryId {
    let admits = |act: &&Act| matches!(&act.body, Body::Admit(admit) if admit.key == key(device).public());
    acts(world, ALICE, room).values().find(admits).unwrap().id
}

fn tell(world: &mut World, from: usize, to: usize, entries: &[Entry]) {
    let (lane, records) = (Lane::Membership, Vec::new());
    let entries = entries.iter().map(Entry::to_wire).collect();
    let batch = Frame::Batch(Batch { slot: 0, lane, entries, records, upto: None, anchor: None, end: false });
    world.inject(from, to, &batch);
    assert!(world.connected(from, to));
    world.advance(60_000);
    world.settle();
}

fn part(world: &mut World, of: usize, room: RoomId, device: usize) -> Option<Role> {
    let device = key(device).public().device_id();
    let members = world.replica(of).members(room).unwrap();
    members.into_iter().find(|member| member.device == device).map(|member| member.role)
}

/// A room of four who are connected as if for the first time.
fn room_of_four() -> (World, RoomId) {
    let mut world = World::new(&NAMES);
    let room = world.room_of(4);
    world.settle();
    for member in [BOB, CAROL, DAVE] {
        world.cut(ALICE, member);
        world.connect(member, ALICE);
    }
    for (one, other) in [(BOB, CAROL), (CAROL, DAVE), (BOB, DAVE)] {
        world.connect(one, other);
    }
    world.settle();
    (world, room)
}

/// These vote a device out.
fn expel(world: &mut World, room: RoomId, device: usize, voters: &[usize]) {
    let device = key(device).public().device_id();
    for voter in voters {
        let now = world.now;
        world.replica(*voter).vote(now, room, Motion::Remove(device)).unwrap();
        world.commit(*voter);
        world.settle();
    }
}

/// They are remembered, a few of them. Bob makes up more of them than that, each with his own vote, before the one that
/// most did sign; and writes one with its ballot himself.
#[test]
fn made_up_acts_take_the_place_of_none_that_most_signed() {
    let (mut world, room) = room_of_four();
    let membership = membership(&mut world, ALICE, room);
    let mut hand = stranger(room);
    let mut entries = Vec::new();
    for made_up in 0..limits::OVERHEARD as u8 + 4 {
        entries.push(hand.appoint(EntryId::new([made_up; 32]), 1, CAROL, &[BOB]).0);
    }
    let add = membership.members[&key(BOB).public()].add;
    entries.push(Hand { room, author: key(BOB), add, log: 100 }.appoint(membership.head, 1, CAROL, &[BOB]).0);
    entries.push(hand.appoint(membership.head, 1, CAROL, &[BOB, CAROL, DAVE]).0);
    tell(&mut world, BOB, ALICE, &entries);
    assert_eq!(part(&mut world, ALICE, room, CAROL), Some(Role::Owner));
}

/// Behind the creation alice was the only one to vote. She was removed, and begins the room anew from there, epoch by
/// epoch; bob brings it, in her log and in his own.
#[test]
fn a_creator_who_was_removed_does_not_begin_the_room_anew() {
    let (mut world, room) = room_of_four();
    expel(&mut world, room, ALICE, &[BOB, CAROL, DAVE]);
    assert_eq!(part(&mut world, CAROL, room, ALICE), None);
    let add = membership(&mut world, CAROL, room).members[&key(BOB).public()].add;
    let by_alice = Hand { room, author: key(ALICE), add: room.creation(), log: 100 };
    for mut hand in [by_alice, stranger(room), Hand { room, author: key(BOB), add, log: 50 }] {
        // Of one epoch with the removal one of them has the smaller ballot, and so would outrank it.
        for subject in [ALICE, BOB, CAROL, DAVE, 4, 5, 6, 7] {
            let (mut entries, mut previous) = (Vec::new(), room.creation());
            for epoch in 1..4 {
                let (entry, ballot) = hand.appoint(previous, epoch, subject, &[ALICE]);
                entries.push(entry);
                previous = ballot;
            }
            tell(&mut world, BOB, CAROL, &entries);
        }
        assert_eq!(part(&mut world, CAROL, room, ALICE), None);
        assert!(membership(&mut world, CAROL, room).owner_removed);
    }
}

/// All that is decided of who belongs.
fn decided(world: &mut World, device: usize, room: RoomId) -> String {
    let Membership { owner, owner_removed, beacon, head, epoch, frozen, members, adds, chain, voters, .. } =
        membership(world, device, room);
    let parts: Vec<_> = members.iter().map(|(key, member)| (key.device_id(), member.role, member.add)).collect();
    let (adds, voters): (Vec<_>, Vec<_>) = (adds.keys().collect(), voters.keys().map(PublicKey::device_id).collect());
    let owner = (owner.device_id(), owner_removed);
    format!("{owner:?} {beacon:?} {head:?} {epoch} {frozen:?} {parts:?} {adds:?} {chain:?} {voters:?}")
}

/// Behind bob's coming he and alice were the majority. Both were removed since; who brings what they sign does not know. Of
/// what is in alice's log all may be held and passed on but the first, on which the others build: in whatever order it comes
/// nobody takes that, and the others decide nothing.
#[test]
fn founders_who_were_removed_do_not_take_the_room_back() {
    let (mut world, room) = room_of_four();
    let place = admitted(&mut world, room, BOB);
    expel(&mut world, room, ALICE, &[BOB, CAROL, DAVE]);
    expel(&mut world, room, BOB, &[CAROL, DAVE]);
    assert_eq!((part(&mut world, DAVE, room, ALICE), part(&mut world, DAVE, room, BOB)), (None, None));
    let before = decided(&mut world, DAVE, room);
    let written = |world: &mut World, by: usize| {
        acts(world, by, room).into_values().filter(|act| act.header.author == key(by).public()).count()
    };
    let wrote = [CAROL, DAVE].map(|member| written(&mut world, member));
    let mut firsts = Vec::new();
    for mut hand in [Hand { room, author: key(ALICE), add: room.creation(), log: 100 }, stranger(room)] {
        let mut bring = |epochs: &[u32]| {
            // Each signed anew, so that nothing is passed over as held.
            let (mut entries, mut previous) = (BTreeMap::new(), place);
            for epoch in 1..5 {
                let (entry, ballot) = hand.appoint(previous, epoch, ALICE, &[ALICE, BOB]);
                entries.insert(epoch, entry);
                previous = ballot;
            }
            firsts.push(entries[&1].id);
            epochs.iter().map(|epoch| entries[epoch].clone()).collect::<Vec<Entry>>()
        };
        let together = bring(&[1, 2, 3, 4]);
        tell(&mut world, CAROL, DAVE, &together);
        for order in [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3]] {
            for entry in bring(&order) {
                tell(&mut world, CAROL, DAVE, &[entry]);
            }
        }
    }
    for restarted in [false, true] {
        if restarted {
            // What is decided of what is on the disk is no more.
            world.crash(DAVE);
            world.connect(CAROL, DAVE);
            world.settle();
            world.advance(61_000);
            world.settle();
        }
        let held = acts(&mut world, DAVE, room);
        let theirs = held
            .values()
            .filter(|act| act.header.author == key(ALICE).public() && act.header.log >= LogId::new([100; 16]));
        assert!(theirs.count() > 0, "some of it is held");
        for member in [CAROL, DAVE] {
            let held = acts(&mut world, member, room);
            assert!(firsts.iter().all(|first| !held.contains_key(first)));
            assert_eq!(decided(&mut world, member, room), before, "and decides nothing");
        }
        assert!(acts(&mut world, DAVE, room).keys().eq(acts(&mut world, CAROL, room).keys()), "it is passed on");
    }
    assert_eq!([CAROL, DAVE].map(|member| written(&mut world, member)), wrote, "nothing is written for them");
    // Those who are left decide as ever.
    for voter in [CAROL, DAVE] {
        let now = world.now;
        world.replica(voter).vote(now, room, Motion::Owner(key(DAVE).public().device_id())).unwrap();
        world.commit(voter);
        world.settle();
    }
    assert_eq!(part(&mut world, CAROL, room, DAVE), Some(Role::Owner));
}

/// An act that most signed, filled up with votes of nobody and cuts of nothing until it fits no log but one that is as young
/// as the one that it came in.
#[test]
fn an_act_that_cannot_be_written_again_is_left_alone() {
    let (mut world, room) = room_of_four();
    world.cut(ALICE, DAVE);
    let head = membership(&mut world, ALICE, room).head;
    let before = acts(&mut world, ALICE, room).len();
    let (link, _) = stranger(room).link(head, 1, Kind::Remove, DAVE, &[ALICE, BOB, CAROL]);
    let strangers: Vec<Vote> = (0..=u8::MAX)
        .map(|seed| Vote { voter: DeviceKey::from_seed(&[seed; 32]).public(), signature: link.votes[0].signature })
        .collect();
    let cut = |number: u16| Cut { log: LogId::new([7; 16]), seq: 1000 + u64::from(number), id: head };
    let write = |votes: usize, cuts: u16| {
        let mut link = link.clone();
        link.votes.extend_from_slice(&strangers[..votes]);
        let cuts = (0..cuts).map(cut).collect();
        stranger(room).write(&Body::Remove(Remove { link, key: key(DAVE).public(), cuts }))
    };
    let fits = |entry: &Entry| entry.size() <= limits::MEMBERSHIP_GROUP_BYTES;
    let fullest = (200..220)
        .map(|votes| (1..).map(|cuts| write(votes, cuts)).take_while(fits).last().unwrap())
        .max_by_key(Entry::size)
        .unwrap();
    assert!(fullest.size() + 8 > limits::MEMBERSHIP_GROUP_BYTES, "{}", fullest.size());
    tell(&mut world, BOB, ALICE, &[fullest]);
    assert_eq!(acts(&mut world, ALICE, room).len(), before);
    let now = world.now;
    assert_ne!(world.replica(ALICE).next_wake_ms(now), Some(0), "it is tried again and again");
    // Another act is heard of all the same.
    let (entry, _) = stranger(room).appoint(head, 1, CAROL, &[BOB, CAROL, DAVE]);
    tell(&mut world, BOB, ALICE, &[entry]);
    assert_eq!(part(&mut world, ALICE, room, CAROL), Some(Role::Owner));
}

/// Bob writes that most voted dave out, which is not so, until dave leaves: carol hears of that from alice, to whom he was
/// removed by it.
#[test]
fn an_act_that_counts_since_somebody_left_takes_that_word_along() {
    let (mut world, room) = room_of_four();
    let now = membership(&mut world, ALICE, room);
    let add = now.members[&key(BOB).public()].add;
    let mut hand = Hand { room, author: key(BOB), add, log: 100 };
    let (link, _) = hand.link(now.head, 1, Kind::Remove, DAVE, &[BOB, CAROL]);
    let act = hand.write(&Body::Remove(Remove { link, key: key(DAVE).public(), cuts: Vec::new() }));
    tell(&mut world, BOB, ALICE, &[act]);
    assert!(part(&mut world, CAROL, room, DAVE).is_some());
    for (one, other) in [(BOB, DAVE), (CAROL, DAVE), (ALICE, BOB), (ALICE, CAROL)] {
        world.cut(one, other);
    }
    let now = world.now;
    world.replica(DAVE).leave_room(now, room).unwrap();
    world.commit(DAVE);
    world.settle();
    assert_eq!(part(&mut world, ALICE, room, DAVE), None);
    world.connect(ALICE, CAROL);
    world.settle();
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(part(&mut world, device, room, DAVE), None);
        assert_eq!(membership(&mut world, device, room).epoch, 1);
    }
}

/// Bob writes that most voted alice out, which is not so, until she removes dave: bob hears of that from carol, to whom alice
/// was removed by it.
#[test]
fn an_act_that_counts_since_somebody_was_removed_takes_that_removal_along() {
    let (mut world, room) = room_of_four();
    let now = membership(&mut world, ALICE, room);
    let add = now.members[&key(BOB).public()].add;
    let mut hand = Hand { room, author: key(BOB), add, log: 100 };
    let (link, _) = hand.link(now.head, 1, Kind::Remove, ALICE, &[BOB, CAROL]);
    let act = hand.write(&Body::Remove(Remove { link, key: key(ALICE).public(), cuts: Vec::new() }));
    tell(&mut world, CAROL, BOB, &[act]);
    for (one, other) in [(ALICE, BOB), (BOB, CAROL), (BOB, DAVE), (CAROL, DAVE), (ALICE, DAVE)] {
        world.cut(one, other);
    }
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, key(DAVE).public().device_id()).unwrap();
    world.commit(ALICE);
    world.settle();
    assert_eq!(part(&mut world, CAROL, room, ALICE), None);
    world.connect(BOB, CAROL);
    world.settle();
    for device in [BOB, CAROL] {
        assert_eq!(part(&mut world, device, room, ALICE), None);
        assert!(part(&mut world, device, room, DAVE).is_some(), "the removal of dave is outranked");
    }
}

/// Alice was owner until the majority appointed bob, and is a member still. She removes everybody as if it were before that,
/// and is then the only one left to vote.
#[test]
fn who_was_owner_does_not_become_it_again_by_removals_from_before() {
    let (mut world, room) = room_of_four();
    let before = membership(&mut world, ALICE, room).head;
    for voter in [BOB, CAROL, DAVE] {
        let now = world.now;
        let _ = world.replica(voter).vote(now, room, Motion::Owner(key(BOB).public().device_id()));
        world.commit(voter);
        world.settle();
    }
    assert_eq!(part(&mut world, CAROL, room, BOB), Some(Role::Owner));
    let appointed = membership(&mut world, CAROL, room).head;
    let mut hand = Hand { room, author: key(ALICE), add: room.creation(), log: 100 };
    let (mut entries, mut previous) = (Vec::new(), before);
    for device in [BOB, CAROL, DAVE] {
        let link = Link { previous, epoch: 0, votes: Vec::new() };
        let removal = hand.write(&Body::Remove(Remove { link, key: key(device).public(), cuts: Vec::new() }));
        previous = removal.id;
        entries.push(removal);
    }
    entries.push(hand.appoint(appointed, 2, ALICE, &[ALICE]).0);
    tell(&mut world, ALICE, CAROL, &entries);
    for device in [BOB, CAROL, DAVE] {
        assert_eq!(part(&mut world, device, room, BOB), Some(Role::Owner));
        assert_eq!(membership(&mut world, device, room).epoch, 1);
    }
}

/// Carol was removed and is a member again, who votes: two of four are not the majority.
#[test]
fn who_was_removed_and_came_again_is_waited_for() {
    let (mut world, room) = room_of_four();
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, key(CAROL).public().device_id()).unwrap();
    world.commit(ALICE);
    world.settle();
    world.listen(ALICE);
    let link = world.invite(ALICE, room);
    world.join(CAROL, ALICE, &link);
    world.settle();
    let now = membership(&mut world, ALICE, room);
    assert_eq!(now.voters.len(), 4);
    let add = now.members[&key(BOB).public()].add;
    let (act, _) = Hand { room, author: key(BOB), add, log: 100 }.appoint(now.head, now.epoch + 1, BOB, &[BOB, DAVE]);
    tell(&mut world, BOB, ALICE, &[act]);
    assert_eq!(part(&mut world, ALICE, room, ALICE), Some(Role::Owner));
}

/// Behind bob's coming he and alice voted, and both have left: his vote alone would be the majority there.
#[test]
fn founders_who_left_do_not_take_the_room_back() {
    let (mut world, room) = room_of_four();
    let place = admitted(&mut world, room, BOB);
    let now = world.now;
    world.replica(ALICE).hand_over(now, room, key(CAROL).public().device_id()).unwrap();
    world.commit(ALICE);
    world.settle();
    for device in [ALICE, BOB] {
        world.replica(device).leave_room(now, room).unwrap();
        world.commit(device);
        world.settle();
    }
    assert_eq!(part(&mut world, DAVE, room, CAROL), Some(Role::Owner));
    let (act, _) = stranger(room).appoint(place, 1, BOB, &[BOB]);
    tell(&mut world, CAROL, DAVE, &[act]);
    assert_eq!(part(&mut world, DAVE, room, CAROL), Some(Role::Owner));
}
