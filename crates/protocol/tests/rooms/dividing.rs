//! Who shows each of the others something else, in an order of its own, leaves them of one mind all the same.

use lanline_protocol::body::{Add, Body, ChangeSettings, Link, MayAdd, Remove, Settings};
use lanline_protocol::entry::Entry;
use lanline_protocol::id::{EntryId, LogId, RoomId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::membership::{Act, Membership};
use lanline_protocol::store::{Item, Store};

use crate::returning::{is_member, key, push, write};
use crate::world::{ALICE, BOB, CAROL, World};

fn membership(world: &mut World, device: usize, room: RoomId) -> Membership {
    let held = world.replica(device).store().page(room, Lane::Membership, 0, usize::MAX, usize::MAX).unwrap();
    let acts = held.iter().filter_map(|item| match item {
        Item::Entry(stored) => Some((stored.entry.id, Act::of(&stored.entry))),
        _ => None,
    });
    Membership::evaluate(room, &acts.collect()).unwrap()
}

/// A room of three who do not reach each other.
fn apart() -> (World, RoomId) {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    for (one, other) in [(ALICE, BOB), (ALICE, CAROL), (BOB, CAROL)] {
        world.cut(one, other);
    }
    (world, room)
}

fn log(number: u8) -> LogId {
    LogId::new([number; 16]).of_lane(Lane::Membership)
}

/// Alice removes bob behind another change, and shows carol the removal first.
#[test]
fn who_is_removed_is_told_all_that_the_removal_stands_on() {
    let (mut world, room) = apart();
    let held = membership(&mut world, CAROL, room);
    let settings = Settings { name: "home".into(), may_add: MayAdd::Owner, retention_ms: None };
    let after = |previous: EntryId| Link { previous, epoch: held.epoch, votes: Vec::new() };
    let change = Body::Settings(ChangeSettings { link: after(held.head), settings });
    let change = write(room, ALICE, log(0x71), room.creation(), None, None, &change);
    let removal = Body::Remove(Remove { link: after(change.id), key: key(BOB).public(), cuts: Vec::new() });
    let removal = write(room, ALICE, log(0x73), room.creation(), None, None, &removal);
    push(&mut world, room, ALICE, CAROL, &[removal]);
    assert!(is_member(&mut world, room, CAROL, BOB));
    push(&mut world, room, ALICE, CAROL, &[change]);
    assert!(!is_member(&mut world, room, CAROL, BOB));
    world.connect(BOB, CAROL);
    world.settle();
    assert!(!is_member(&mut world, room, BOB, BOB), "bob takes himself for a member");
}

/// Bob begins a log in a dozen ways, and shows alice the first nine of them, carol the last nine.
#[test]
fn a_log_has_the_same_branches_for_all_however_many() {
    let (mut world, room) = apart();
    let held = membership(&mut world, ALICE, room);
    let add = held.members[&key(BOB).public()].add;
    let branches: Vec<Entry> = (0..12)
        .map(|n| {
            let key = DeviceKey::from_seed(&[100 + n; 32]).public();
            let add_it = Body::Add(Add { key, name: "x".into(), invite: None, control: held.head });
            write(room, BOB, log(0x71), add, None, None, &add_it)
        })
        .collect();
    for branch in &branches[..9] {
        push(&mut world, room, BOB, ALICE, std::slice::from_ref(branch));
    }
    for branch in branches[3..].iter().rev() {
        push(&mut world, room, BOB, CAROL, std::slice::from_ref(branch));
    }
    world.connect(ALICE, CAROL);
    world.settle();
    for device in [ALICE, CAROL] {
        assert_eq!(membership(&mut world, device, room).members.len(), 3 + branches.len(), "at {device}");
    }
}
