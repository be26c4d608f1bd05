//! Messages, their states, and what survives.

use std::collections::BTreeMap;

use lanline_protocol::command::CommandError;
use lanline_protocol::frame::{Ack, Frame};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::receipt::Status;
use lanline_protocol::replica::Event;
use lanline_protocol::store::Store;
use lanline_protocol::view::Shown;

use crate::world::{ALICE, BOB, CAROL, World};

#[test]
fn a_message_is_stored_then_delivered_then_read_and_never_sooner() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.cut(ALICE, BOB);
    let id = world.say(ALICE, room, "hello");
    world.commit(ALICE);
    let status = |world: &mut World| world.replica(ALICE).message(id).unwrap().standing.status();
    assert_eq!(status(&mut world), Status::Queued);

    world.connect(BOB, ALICE);
    let mut seen = vec![Status::Queued];
    for _ in 0..200 {
        let moved = world.deliver_one(&mut |_| 0);
        let held = !world.texts(BOB, room).is_empty();
        world.commit(ALICE);
        world.commit(BOB);
        if status(&mut world) != seen[seen.len() - 1] {
            seen.push(status(&mut world));
        }
        assert!(held || status(&mut world) == Status::Queued, "stored before it is on bob's disk");
        if !moved {
            world.advance(100);
        }
    }
    assert_eq!(seen, [Status::Queued, Status::Stored, Status::Delivered]);
    let now = world.now;
    world.replica(BOB).mark_read(now, room, id).unwrap();
    world.settle();
    assert_eq!(status(&mut world), Status::Read);
    assert!(world.events(ALICE).contains(&Event::Status(id)));
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].unread, 0);
    // Facts survive a restart of both.
    world.crash(ALICE);
    world.crash(BOB);
    assert_eq!(status(&mut world), Status::Read);
}

#[test]
fn what_bob_has_not_read_is_counted() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let ids: Vec<_> = (0..5).map(|n| world.say(ALICE, room, &n.to_string())).collect();
    world.say(BOB, room, "own");
    world.settle();
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].unread, 5);
    let now = world.now;
    world.replica(BOB).mark_read(now, room, ids[2]).unwrap();
    world.settle();
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].unread, 2);
    assert_eq!(world.replica(ALICE).message(ids[2]).unwrap().standing.status(), Status::Read);
    assert_eq!(world.replica(ALICE).message(ids[3]).unwrap().standing.status(), Status::Delivered);
}

/// Carol, away, wrote before what Bob read last. It is shown further up, and was not there to be read.
#[test]
fn what_comes_late_and_is_shown_further_up_is_not_read() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.cut(ALICE, CAROL);
    let early = world.say(CAROL, room, "early");
    world.commit(CAROL);
    world.advance(1000);
    let newest = world.say(ALICE, room, "newest");
    world.commit(ALICE);
    world.settle();
    let now = world.now;
    world.replica(BOB).mark_read(now, room, newest).unwrap();
    world.settle();

    world.connect(CAROL, BOB);
    world.settle();
    assert_eq!(world.texts(BOB, room), ["early", "newest"]);
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].unread, 1);
    let unread = |world: &mut World| {
        let shown = world.messages(BOB, room).into_iter().filter(|message| matches!(message.shown, Shown::Text(..)));
        shown.map(|message| message.unread).collect::<Vec<_>>()
    };
    assert_eq!(unread(&mut world), [true, false], "which one it is can be told");
    assert_eq!(world.replica(BOB).unread_before(room, newest).unwrap(), 1);
    assert_eq!(world.replica(BOB).unread_before(room, early).unwrap(), 0, "itself not counted");
    let read_by_bob = |world: &mut World, id| {
        let bob = world.replica(BOB).device_id();
        world.replica(CAROL).message(id).unwrap().standing.read.contains(&bob)
    };
    assert!(!read_by_bob(&mut world, early), "nobody has seen it");
    world.crash(BOB);
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].unread, 1);

    world.connect(CAROL, BOB);
    let now = world.now;
    world.replica(BOB).mark_read(now, room, newest).unwrap();
    world.settle();
    assert!(read_by_bob(&mut world, early));
    assert_eq!(world.replica(BOB).rooms().unwrap()[0].unread, 0);
    assert_eq!(unread(&mut world), [false, false]);
    assert_eq!(world.replica(BOB).unread_before(room, newest).unwrap(), 0);
}

#[test]
fn every_door_hears_of_what_this_device_says_and_reads() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.events(ALICE);
    let id = world.say(ALICE, room, "hello");
    world.commit(ALICE);
    world.settle();
    assert!(world.events(ALICE).contains(&Event::Sent(id)));
    let now = world.now;
    world.events(BOB);
    world.replica(BOB).mark_read(now, room, id).unwrap();
    world.settle();
    let events = world.events(BOB);
    assert!(events.contains(&Event::Read(room)) && !events.contains(&Event::Room(room)), "{events:?}");
}

#[test]
fn a_message_reaches_carol_through_bob() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.cut(ALICE, CAROL);
    world.connect(CAROL, BOB);
    world.say(ALICE, room, "over two hops");
    world.commit(ALICE);
    world.settle();
    assert_eq!(world.texts(CAROL, room), ["over two hops"]);
    world.say(CAROL, room, "and back");
    world.commit(CAROL);
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["over two hops", "and back"]);
}

#[test]
fn what_was_stored_is_told_once_and_by_its_author() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    for device in [ALICE, BOB, CAROL] {
        world.replica(device).take_stored();
    }
    let key = |device: usize| DeviceKey::from_seed(&[device as u8 + 1; 32]).public();
    // Carol hears of it by alice alone.
    world.say(BOB, room, &"b".repeat(1000));
    world.commit(BOB);
    world.settle();
    let stored = world.replica(CAROL).take_stored();
    assert_eq!(stored.keys().collect::<Vec<_>>(), [&key(BOB)]);
    assert!((1000..1500).contains(&stored[&key(BOB)]), "{stored:?}");
    assert_eq!(world.replica(CAROL).take_stored(), BTreeMap::new());
    assert_eq!(world.replica(BOB).take_stored(), BTreeMap::new(), "one's own is not counted");
    // By two ways at once it comes twice, and takes no more room.
    world.connect(BOB, CAROL);
    world.settle();
    world.say(BOB, room, &"b".repeat(1000));
    world.commit(BOB);
    world.settle();
    let stored = world.replica(CAROL).take_stored();
    assert!((1000..1500).contains(&stored[&key(BOB)]), "{stored:?}");
}

#[test]
fn the_same_client_id_sends_once() {
    let mut world = World::new(&["alice"]);
    let room = world.room_of(1);
    let now = world.now;
    let first = world.replica(ALICE).send_message(now, room, "once", None, Some("c1")).unwrap();
    let again = world.replica(ALICE).send_message(now, room, "once", None, Some("c1")).unwrap();
    world.commit(ALICE);
    world.crash(ALICE);
    let after = world.replica(ALICE).send_message(now, room, "once", None, Some("c1")).unwrap();
    world.commit(ALICE);
    assert_eq!((first, first), (again, after));
    assert_eq!(world.texts(ALICE, room), ["once"]);
}

#[test]
fn what_cannot_be_said_is_refused_in_a_sentence() {
    let mut world = World::new(&["alice"]);
    let room = world.room_of(1);
    let now = world.now;
    let alice = world.replica(ALICE);
    let mut refused = |text: &str| alice.send_message(now, room, text, None, None).unwrap_err();
    assert!(matches!(refused(""), CommandError::Invalid(_)));
    assert!(matches!(refused(&"x".repeat(16 * 1024 + 1)), CommandError::TooLarge(_)));
    assert!(alice.send_message(now, room, &"x".repeat(16 * 1024), None, None).is_ok());
    let nowhere = lanline_protocol::id::RoomId::new([7; 32]);
    assert!(matches!(alice.send_message(now, nowhere, "x", None, None), Err(CommandError::NotFound(_))));
    assert!(matches!(alice.create_room(now, " "), Err(CommandError::Invalid(_))));
    assert!(matches!(alice.create_room(now, "a\nb"), Err(CommandError::Invalid(_))));
    assert!(matches!(alice.create_room(now, &"x".repeat(129)), Err(CommandError::TooLarge(_))));
}

#[test]
fn a_reply_is_never_shown_before_its_target() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    // Bob's clock is ten minutes ahead: alice does not believe it, and shows him where he arrived.
    let later = lanline_protocol::clock::Time { wall_us: world.now.wall_us + 600_000_000, ..world.now };
    let target = world.replica(BOB).send_message(later, room, "from the future", None, None).unwrap();
    world.settle();
    let now = world.now;
    world.replica(ALICE).send_message(now, room, "answer", Some(target), None).unwrap();
    world.settle();
    for device in [ALICE, BOB] {
        assert_eq!(world.texts(device, room), ["from the future", "answer"]);
        assert!(
            world.messages(device, room).is_sorted_by_key(|message| message.sent_at_ms),
            "times rise down the page"
        );
    }
}

#[test]
fn one_connection_survives_two_dials_at_once() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.cut(ALICE, BOB);
    world.connect(ALICE, BOB);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.replica(ALICE).peers().len(), 1);
    assert_eq!(world.replica(BOB).peers().len(), 1);
    assert_eq!(world.replica(ALICE).peers()[0].dialled, !world.replica(BOB).peers()[0].dialled);
    world.say(ALICE, room, "hello");
    world.commit(ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room), ["hello"]);
}

#[test]
fn a_rolled_back_database_writes_new_logs_and_loses_nothing_that_others_hold() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.say(BOB, room, "one");
    world.settle();
    let backup = world.store(BOB);
    world.cut(ALICE, BOB);
    world.connect(BOB, ALICE);
    world.say(BOB, room, "two");
    world.commit(BOB);
    world.settle();
    world.crash(BOB);
    world.restore(BOB, 77, backup);
    let before = world.replica(BOB).store_id();
    world.connect(BOB, ALICE);
    world.settle();
    assert_ne!(world.replica(BOB).store_id(), before, "shown an entry of its own that it did not hold");
    if !world.connected(ALICE, BOB) {
        world.connect(BOB, ALICE); // it was closed, to meet bob's new store anew
    }
    world.settle();
    world.say(BOB, room, "three");
    world.commit(BOB);
    world.settle();
    for device in [ALICE, BOB] {
        assert_eq!(world.texts(device, room), ["one", "two", "three"]);
        assert!(world.messages(device, room).iter().all(|message| !message.forked));
    }
}

#[test]
fn a_message_that_a_rolled_back_device_lost_is_not_called_stored_there() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.say(ALICE, room, "one");
    world.settle();
    world.crash(BOB);
    let backup = world.store(BOB);
    world.connect(BOB, ALICE);
    let id = world.say(ALICE, room, "two");
    world.commit(ALICE);
    // Acknowledged, and no receipt written yet.
    for _ in 0..30 {
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
    assert_eq!(world.replica(ALICE).message(id).unwrap().standing.status(), Status::Stored);
    world.crash(BOB);
    world.roll_back(BOB, backup);
    world.connect(BOB, ALICE);
    for _ in 0..100 {
        let known = world.replica(ALICE).message(id).unwrap().standing.status() != Status::Queued;
        let asked = world.replica(ALICE).peers().first().is_some_and(|peer| !peer.rooms.is_empty());
        let held = world.texts(BOB, room).len() == 2;
        if asked && !held && !known {
            return;
        }
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
    panic!("alice never learns that bob lost it");
}

#[test]
fn a_stranger_is_closed_after_half_a_minute() {
    let mut world = World::new(&["alice", "bob"]);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.replica(ALICE).peers().len(), 1);
    world.advance(30_000);
    world.settle();
    assert!(!world.connected(ALICE, BOB));
}

#[test]
fn what_is_written_next_in_another_log_is_later() {
    let mut world = World::new(&["alice"]);
    let room = world.room_of(1);
    world.say(ALICE, room, "on time");
    world.commit(ALICE);
    // Its clock is set back too far for it to believe what it wrote before, and catches up.
    world.now.wall_us -= 600_000_000;
    world.crash(ALICE);
    world.say(ALICE, room, "after a restart");
    world.commit(ALICE);
    world.now.wall_us += 400_000_000;
    let text = world.say(ALICE, room, "later");
    world.listen(ALICE);
    world.invite(ALICE, room);
    let store = world.store(ALICE);
    let time = |id| store.entry(id).unwrap().unwrap().entry.header.timestamp_us;
    let invite = store.of_kind(room, Kind::Invite.number()).unwrap().pop().unwrap().entry.header.timestamp_us;
    assert!(invite > time(text));
}

#[test]
fn an_ack_is_written_after_a_while_though_the_connection_ended() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    let id = world.say(ALICE, room, "hello");
    world.commit(ALICE);
    let bob = world.replica(BOB).device_id();
    while !world.replica(ALICE).message(id).unwrap().standing.stored.contains(&bob) {
        assert!(world.deliver_one(&mut |_| 0));
        world.commit(BOB);
        world.commit(ALICE);
    }
    world.cut(ALICE, BOB);
    // Nobody is there to make it do anything; it is woken all the same.
    let acked = |world: &mut World| {
        let store = world.store(ALICE);
        let arrival = store.entry(id).unwrap().unwrap().arrival;
        let acks = store.acks(room, Lane::Content).unwrap();
        acks.iter().any(|(device, acked)| *device == bob && *acked >= arrival)
    };
    let since = world.now;
    loop {
        let now = world.now;
        let wait = world.replica(ALICE).next_wake_ms(now).unwrap();
        world.advance(wait.max(1));
        world.commit(ALICE);
        if world.now.steady_ms >= since.steady_ms + 1000 {
            break;
        }
    }
    assert!(world.now.steady_ms < since.steady_ms + 5000);
    assert!(acked(&mut world));
}

/// Bob left and came back, and his disk is an older one than that: of the log that he ended then he has gone on below its
/// end. Alice takes no more of it, and once he knows why, what he says is called stored again while they are connected.
#[test]
fn what_is_said_after_something_refused_is_called_stored_once_both_hold_the_same() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.listen(ALICE);
    world.say(BOB, room, "one");
    world.settle();
    world.crash(BOB);
    let backup = world.store(BOB);
    world.connect(BOB, ALICE);
    world.settle();
    for text in ["two", "three"] {
        world.say(BOB, room, text);
    }
    // Records come first where heads are told, and by his receipts he notices.
    world.say(ALICE, room, "hello");
    world.settle();
    let (now, link) = (world.now, world.invite(ALICE, room));
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    world.join(BOB, ALICE, &link);
    world.crash(BOB);
    world.roll_back(BOB, backup);
    for text in ["another two", "another three", "another four"] {
        world.say(BOB, room, text);
    }
    world.commit(BOB);
    world.forget_cursors(BOB);
    world.connect(BOB, ALICE);
    world.settle();
    assert!(world.events(BOB).contains(&Event::Renewed) && !world.connected(ALICE, BOB));
    world.connect(BOB, ALICE);
    let mut partial = false;
    for _ in 0..400 {
        world.alter_frames(ALICE, BOB, |bytes| {
            let ack = Frame::decode(bytes);
            partial |= matches!(ack, Ok(Frame::Ack(Ack { lane: Lane::Content, partial: Some(true), .. })));
        });
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
    assert!(partial, "nothing of bob's was refused");
    world.settle();
    assert_eq!(world.texts(ALICE, room), world.texts(BOB, room));
    let later = world.say(BOB, room, "later");
    world.commit(BOB);
    world.settle();
    // Receipts would say so in a small room all the same.
    let disk = world.store(BOB);
    let arrival = disk.entry(later).unwrap().unwrap().arrival;
    assert!(disk.acks(room, Lane::Content).unwrap().iter().any(|(_, acked)| *acked >= arrival));
}
