//! What is told beside the flow of batches fits the network's queue, however much it is.

use lanline_protocol::identity::DeviceKey;
use lanline_protocol::limits;
use lanline_protocol::record::{Record, RecordKey, RecordName};
use lanline_protocol::store::Store;

use crate::world::{ALICE, BOB, CAROL, World};

/// As the engine drives it: one frame at a time is taken by the network, and what then may follow is asked for. Gives the
/// most that ever waited.
fn settle_slowly(world: &mut World, devices: usize) -> usize {
    let (mut most, mut quiet) = (0, 0);
    for _ in 0..100_000 {
        most = most.max(world.tell_queued());
        if world.deliver_one(&mut |_| 0) {
            quiet = 0;
        } else {
            quiet += 1;
            world.advance(200);
        }
        for device in 0..devices {
            world.commit(device);
        }
        if quiet > 12 {
            return most;
        }
    }
    panic!("the devices never come to rest");
}

/// What fits the queue, and the one frame that still went in below the mark.
const MOST: usize = limits::QUEUE_BYTES + limits::DATA_FRAME;

#[test]
fn more_records_than_the_queue_takes_arrive_all_the_same() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.cut(ALICE, BOB);
    let mut store = world.store(ALICE);
    let mut written = Vec::new();
    for seed in [1, 3] {
        let author = DeviceKey::from_seed(&[seed; 32]);
        for name in 0..60 {
            let key =
                RecordKey { room, author: author.public(), store: store.store_id(), name: RecordName(1000 + name) };
            let record = Record::write(&author, key, 1, vec![seed; limits::RECORD_BYTES - 100]);
            store.put_record(&record).unwrap();
            written.push(record);
        }
    }
    store.commit().unwrap();
    world.crash(ALICE);
    world.roll_back(ALICE, store);
    world.forget_cursors(BOB);
    world.connect(BOB, ALICE);
    let most = settle_slowly(&mut world, 3);
    assert!(written.len() * limits::RECORD_BYTES > 3 * limits::QUEUE_BYTES && most <= MOST, "{most} bytes waited");
    let held = world.store(BOB).records(room, None, usize::MAX).unwrap();
    assert!(written.iter().all(|record| held.contains(record)));
}

#[test]
fn who_is_removed_hears_all_of_it_before_the_connection_ends() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    // Much that Bob was not told of yet when he is removed.
    let bob = DeviceKey::from_seed(&[2; 32]).public().device_id();
    let now = world.now;
    for _ in 0..200 {
        world.replica(ALICE).invite(now, room, 60_000, 1).unwrap();
    }
    let at_alice = world.replica(ALICE).connection(bob).unwrap();
    world.replica(ALICE).remove_member(now, room, bob).unwrap();
    world.replica(ALICE).set_queued(at_alice, limits::QUEUE_BYTES - 1);
    world.commit(ALICE);
    // The network takes nothing for a while: a frame goes out only when the queue is said to be short.
    let (mut rounds, mut told) = (0, 0);
    while world.replica(ALICE).connection(bob).is_some() && rounds < 1000 {
        rounds += 1;
        world.tell_queued();
        world.replica(ALICE).set_queued(at_alice, limits::QUEUE_BYTES - 1);
        told += usize::from(world.replica(ALICE).held_back().next().is_some());
        while world.deliver_one(&mut |_| 0) {}
        for device in [BOB, CAROL, ALICE] {
            world.commit(device);
        }
    }
    assert!(world.replica(ALICE).connection(bob).is_none(), "it never ends");
    assert!(told > 1, "it was told in several parts: {told}");
    assert_eq!(world.replica(BOB).connection(DeviceKey::from_seed(&[1; 32]).public().device_id()), None);
    assert!(!world.replica(BOB).members(room).unwrap().iter().any(|member| member.device == bob));
}

#[test]
fn only_who_was_given_much_is_looked_at() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let bob = world.replica(BOB).device_id();
    let at_alice = world.replica(ALICE).connection(bob).unwrap();
    let filled = |world: &mut World| world.replica(ALICE).filled().any(|connection| connection == at_alice);
    world.replica(ALICE).set_queued(at_alice, 0);
    world.say(ALICE, room, "a little");
    world.settle();
    assert!(!filled(&mut world));
    for _ in 0..=limits::QUEUE_NOTED / limits::TEXT_BYTES {
        world.say(ALICE, room, &"x".repeat(limits::TEXT_BYTES));
        world.settle();
    }
    assert!(filled(&mut world));
    // Some of it still waits: it may soon be too much. All of it was taken: it begins anew.
    world.replica(ALICE).set_queued(at_alice, limits::QUEUE_NOTED);
    assert!(filled(&mut world));
    world.replica(ALICE).set_queued(at_alice, 0);
    assert!(!filled(&mut world));
    world.replica(ALICE).set_queued(at_alice, limits::QUEUE_NOTED);
    world.cut(ALICE, BOB);
    assert!(!filled(&mut world));
}
