//! Who belongs, by entries that come from outside.

use std::collections::BTreeSet;

use lanline_protocol::body::{
    Add, Admit, Body, ChangeSettings, Link, MayAdd, Remove, SALT_BYTES, Settings, UnknownControl,
};
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::frame::{Batch, Frame, Hello, Open, Tag, room_tag};
use lanline_protocol::id::{EntryId, RoomId, StoreId};
use lanline_protocol::kind::Lane;
use lanline_protocol::link::{InviteLink, InviteSecret};
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::store::{Item, Store};

use super::hand::{Hand, key_of, room_of_two};
use crate::world::{ALICE, BOB, CAROL, Seeded, World};

/// The members and their parts, as a device has them.
fn members(world: &mut World, device: usize, room: RoomId) -> BTreeSet<String> {
    let members = world.replica(device).members(room).unwrap();
    members.into_iter().map(|member| format!("{} {:?}", member.device, member.role)).collect()
}

/// A room with a history: bob and carol join, carol adds dave, bob is removed and added again, carol leaves.
fn history() -> (World, RoomId) {
    let mut world = World::new(&["alice", "bob", "carol", "dave", "erin"]);
    let room = world.room_of(3);
    world.connect(BOB, CAROL);
    world.settle();
    world.listen(CAROL);
    let link = world.invite(CAROL, room);
    world.join(3, CAROL, &link);
    let (bob, now) = (world.replica(BOB).device_id(), world.now);
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.settle();
    world.cut(BOB, CAROL);
    world.cut(BOB, ALICE);
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    let now = world.now;
    world.replica(CAROL).leave_room(now, room).unwrap();
    world.settle();
    let link = world.invite(ALICE, room);
    world.join(ERIN, ALICE, &link);
    (world, room)
}

const ERIN: usize = 4;

/// Erin with an empty database, asking alice by hand to be added to the room, which is named to her.
fn begin_anew(world: &mut World, room: RoomId, seed: u64) {
    world.crash(ERIN);
    world.restore(ERIN, seed, MemoryStore::new(StoreId::new([9; 16])));
    let exporter = world.connect_by_hand(ALICE, ERIN);
    let hello = Hello { store: StoreId::new([8; 16]), name: "alice".into(), agent: "test".into() };
    world.tell(ALICE, ERIN, &Frame::Hello(hello).encode());
    let (alice, now) = (key_of(ALICE).public().device_id(), world.now);
    let link = InviteLink { room, secret: InviteSecret::new([0; 16]), expires_at_ms: u64::MAX, hosts: Vec::new() };
    let erin = world.replica(ERIN);
    erin.set_name(now, "erin").unwrap();
    let connection = erin.connection(alice).unwrap();
    erin.join(connection, &link).unwrap();
    let rooms = vec![Tag { slot: 0, tag: room_tag(room, &exporter, alice) }];
    world.tell(ALICE, ERIN, &Frame::Open(Open { rooms }).encode());
}

fn membership_entries(store: &MemoryStore, room: RoomId) -> Vec<Entry> {
    let page = store.page(room, Lane::Membership, 0, 1_000, 1 << 20).unwrap();
    let entries = page.into_iter().filter_map(|item| match item {
        Item::Entry(stored) => Some(stored.entry),
        Item::Record(..) | Item::Lost(_) => None,
    });
    entries.collect()
}

#[test]
fn membership_is_a_set() {
    let (mut world, room) = history();
    let expected = members(&mut world, ALICE, room);
    assert_eq!(expected.len(), 4, "alice, bob, dave and erin: {expected:?}");
    let entries = membership_entries(&world.store(ALICE), room);
    let groups: Vec<&[Entry]> = entries.chunk_by(|entry, _| entry.signature.is_none()).collect();
    let mut orders = BTreeSet::new();
    for seed in 0..40 {
        begin_anew(&mut world, room, seed);
        let mut random = Seeded::new(seed);
        // What does not count yet is not stored, and told again.
        for _ in 0..40 * groups.len() {
            let entries = groups[random.below(groups.len())].iter().map(Entry::to_wire).collect();
            let (lane, records) = (Lane::Membership, Vec::new());
            let batch = Batch { slot: 0, lane, entries, records, upto: None, anchor: None, end: false };
            world.tell(ALICE, ERIN, &Frame::Batch(batch).encode());
        }
        world.commit(ERIN);
        assert!(world.connected(ALICE, ERIN));
        assert_eq!(members(&mut world, ERIN, room), expected, "seed {seed}");
        let stored: Vec<EntryId> = membership_entries(&world.store(ERIN), room).iter().map(|entry| entry.id).collect();
        assert!(entries.iter().all(|entry| stored.contains(&entry.id)), "seed {seed}");
        orders.insert(stored);
    }
    assert!(orders.len() > 10, "only {} orders", orders.len());
}

#[test]
fn nothing_beside_a_cut() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "hello");
    world.listen(BOB);
    for _ in 0..3 {
        world.invite(BOB, room);
    }
    world.settle();
    let entries = membership_entries(&world.store(BOB), room);
    let control = entries.iter().rfind(|entry| entry.header.kind().is_control()).unwrap().id;
    let first = entries.into_iter().find(|entry| entry.header.author == key_of(BOB).public()).unwrap();
    world.cut(ALICE, CAROL);
    let mut hand = Hand::instead_of(world, room, BOB, CAROL);
    hand.meet();
    // In the place of the second of the three: carol holds both, and alice does not.
    let body = Body::Add(Add { key: key_of(9).public(), name: "dave".into(), invite: None, control });
    let body = body.encode([0; SALT_BYTES]);
    let header = hand.header(32, &body);
    let (previous, timestamp_us) = (Some(first.id), first.header.timestamp_us + 1);
    let beside = hand.entry(Header { seq: 2, previous, timestamp_us, ..header }, &body);
    hand.send(std::slice::from_ref(&beside));
    let Hand { mut world, .. } = hand;
    assert_eq!(members(&mut world, CAROL, room).len(), 4);
    let (now, bob) = (world.now, key_of(BOB).public().device_id());
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.commit(ALICE);
    world.connect(CAROL, ALICE);
    world.settle();
    assert!(world.store(CAROL).entry(beside.id).unwrap().is_some());
    assert_eq!(members(&mut world, CAROL, room).len(), 2);
    assert_eq!(members(&mut world, CAROL, room), members(&mut world, ALICE, room));
}

/// Alice's hand at bob's: the owner writes the control chain by hand. With where the next control entry belongs.
fn of_the_owner() -> (Hand, Link) {
    let (mut world, room) = room_of_two();
    world.say(ALICE, room, "hello");
    world.settle();
    let entries = membership_entries(&world.store(BOB), room);
    let last = entries.iter().rfind(|entry| entry.header.kind().is_control()).map(|entry| entry.id);
    let mut hand = Hand::instead_of(world, room, ALICE, BOB);
    hand.meet();
    (hand, Link { previous: last.unwrap(), epoch: 0, votes: Vec::new() })
}

fn admit_carol(link: &Link) -> Body {
    Body::Admit(Admit { link: link.clone(), key: key_of(CAROL).public(), name: "carol".into(), invite: None })
}

fn remove_bob(link: &Link) -> Body {
    Body::Remove(Remove { link: link.clone(), key: key_of(BOB).public(), cuts: Vec::new() })
}

fn after(entry: &Entry) -> Link {
    Link { previous: entry.id, epoch: 0, votes: Vec::new() }
}

#[test]
fn unknown_control_freezes() {
    // As it goes without.
    let (mut hand, link) = of_the_owner();
    let room = hand.room;
    let admission = hand.write(&admit_carol(&link));
    hand.send(&[admission]);
    assert_eq!(hand.world.replica(BOB).members(room).unwrap().len(), 3);

    // A kind that nobody knows, and a known one that cannot be read; a link is all that is told of either.
    for kind in [31, 2] {
        let (mut hand, link) = of_the_owner();
        let bytes = Body::UnknownControl(UnknownControl { link: link.clone() });
        let unknown = hand.write_kind(kind, &bytes.encode([0; SALT_BYTES]));
        let beyond = hand.write(&admit_carol(&after(&unknown)));
        let removal = hand.write(&remove_bob(&after(&beyond)));
        let upto = hand.send(&[unknown.clone(), beyond.clone(), removal]);
        assert_eq!(hand.acks(Lane::Membership), [upto], "stored and passed on all the same");
        let members = hand.world.replica(BOB).members(room).unwrap();
        assert_eq!(members.len(), 2, "kind {kind}: nothing beyond is taken");
        assert!(hand.is_held(unknown.id) && hand.is_held(beyond.id));
    }
}

#[test]
fn forked_control_freezes() {
    let settings = |link: &Link, name: &str| {
        let settings = Settings { name: name.into(), may_add: MayAdd::Members, retention_ms: None };
        Body::Settings(ChangeSettings { link: link.clone(), settings })
    };
    let name = |hand: &mut Hand| hand.world.replica(BOB).rooms().unwrap().remove(0).name;
    for forked in [false, true] {
        let (mut hand, link) = of_the_owner();
        let first = hand.write(&settings(&link, "first"));
        let second = hand.write(&settings(&if forked { link } else { after(&first) }, "second"));
        // Beyond either of the two, and beyond both.
        let beyond = hand.write(&admit_carol(&after(&second)));
        let removal = hand.write(&remove_bob(&after(&first)));
        let upto = hand.send(&[first, second, beyond]);
        assert_eq!(hand.acks(Lane::Membership), [upto]);
        let room = hand.room;
        let count = hand.world.replica(BOB).members(room).unwrap().len();
        if forked {
            hand.send(&[removal]);
            assert_eq!((name(&mut hand).as_str(), count), ("home", 3));
            let members = hand.world.replica(BOB).members(room).unwrap();
            assert_eq!(
                members.iter().filter(|member| member.voter).count(),
                2,
                "carol is in as if a member had added her"
            );
            assert_eq!(members.len(), 3);
        } else {
            assert_eq!((name(&mut hand).as_str(), count), ("second", 3));
        }
    }
}
