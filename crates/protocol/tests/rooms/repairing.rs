//! What a disk loses comes back from the members, and until then nothing untrue is said of it.

use lanline_protocol::frame::{Frame, WantEntries};
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::kind::Lane;
use lanline_protocol::replica::Event;
use lanline_protocol::store::Store;
use lanline_protocol::view::Shown;

use crate::world::{ALICE, BOB, CAROL, World};

/// The device's disk is damaged where these entries stand, and it starts anew.
fn damage(world: &mut World, device: usize, entries: &[EntryId], header: bool) {
    world.crash(device);
    let mut store = world.store(device);
    for id in entries {
        store.damage(*id, header);
    }
    world.roll_back(device, store);
}

fn said(world: &mut World, device: usize, room: RoomId, count: usize) -> Vec<EntryId> {
    let entries = (0..count)
        .map(|n| {
            let id = world.say(device, room, &format!("{device}:{n}"));
            if n % 3 == 2 {
                world.commit(device);
            }
            id
        })
        .collect();
    world.commit(device);
    entries
}

fn count_asked(world: &mut World, from: usize, to: usize) -> usize {
    let mut asked = 0;
    world.alter_frames(from, to, |bytes| {
        asked += usize::from(matches!(Frame::decode(bytes), Ok(Frame::WantEntries(_))))
    });
    asked
}

#[test]
fn what_is_damaged_is_asked_of_a_member_and_put_back() {
    for header in [false, true] {
        let mut world = World::new(&["alice", "bob"]);
        let room = world.room_of(2);
        let entries = said(&mut world, ALICE, room, 10);
        world.settle();
        let whole = world.texts(BOB, room);
        damage(&mut world, BOB, &entries[3..6], header);
        world.commit(BOB);
        let events = world.events(BOB);
        assert!(events.contains(&Event::Damaged(room, 3)), "{events:?}");
        assert!(world.texts(BOB, room).len() == 7, "nothing is made up of what was lost");
        world.connect(BOB, ALICE);
        world.settle();
        assert_eq!(world.texts(BOB, room), whole);
        assert!(world.events(BOB).contains(&Event::Repaired(room, 3)));
    }
}

#[test]
fn what_is_lost_again_after_a_member_gave_it_back_is_asked_of_it_again() {
    for header in [false, true] {
        let mut world = World::new(&["alice", "bob"]);
        let room = world.room_of(2);
        let entries = said(&mut world, ALICE, room, 3);
        world.settle();
        for _ in 0..2 {
            world.replica(BOB).store_mut().damage(entries[1], header);
            assert!(world.texts(BOB, room).len() < 3);
            world.settle();
            assert_eq!(world.texts(BOB, room), world.texts(ALICE, room));
        }
    }
}

#[test]
fn what_comes_again_before_its_damage_was_noticed_is_put_back() {
    for header in [false, true] {
        let mut world = World::new(&["alice", "bob"]);
        let room = world.room_of(2);
        world.settle();
        let entries: Vec<EntryId> = (0..3).map(|n| world.say(BOB, room, &format!("{n}"))).collect();
        world.commit(BOB);
        let mut batches = Vec::new();
        world.alter_frames(BOB, ALICE, |bytes| {
            if matches!(Frame::decode(bytes), Ok(Frame::Batch(_))) {
                batches.push(bytes.clone());
            }
        });
        world.settle();
        world.replica(ALICE).store_mut().damage(entries[1], header);
        for bytes in &batches {
            world.tell(BOB, ALICE, bytes);
        }
        world.commit(ALICE);
        assert_eq!(world.texts(ALICE, room), ["0", "1", "2"]);
        assert!(!world.events(ALICE).iter().any(|event| matches!(event, Event::Forked(..))));
        assert_eq!(world.store(ALICE).missing(room).unwrap(), []);
    }
}

#[test]
fn who_comes_back_to_the_room_is_asked_once_it_can_answer() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let entries = said(&mut world, ALICE, room, 10);
    world.settle();
    let whole = world.texts(BOB, room);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    damage(&mut world, ALICE, &entries[3..6], true);
    world.listen(ALICE);
    let link = world.invite(ALICE, room);
    world.join(BOB, ALICE, &link);
    assert_eq!(world.texts(ALICE, room), whole);
}

#[test]
fn acks_are_doubted_in_the_commit_that_notes_the_damage() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let entries = said(&mut world, ALICE, room, 10);
    world.settle();
    damage(&mut world, ALICE, &entries[3..6], false);
    let acked = |world: &mut World| world.store(ALICE).acks(room, Lane::Content).unwrap();
    assert!(acked(&mut world).iter().any(|(_, arrival)| *arrival > 0));
    let read = world.texts(ALICE, room).len();
    world.commit(ALICE);
    assert_eq!(read, 7);
    assert!(acked(&mut world).iter().all(|(_, arrival)| *arrival == 0));
}

#[test]
fn receipts_stop_before_what_was_lost_until_it_is_back() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let entries = said(&mut world, ALICE, room, 6);
    world.settle();
    // Carol never saw these, and bob is about to lose one of them.
    world.cut(ALICE, CAROL);
    let more = said(&mut world, ALICE, room, 6);
    world.settle();
    world.cut(ALICE, BOB);
    damage(&mut world, BOB, &[entries[1], more[3]], true);
    world.connect(BOB, CAROL);
    world.settle();
    // Carol had the first and gave it back; of the others she gets the group before the hole.
    assert_eq!(world.texts(CAROL, room).len(), 9);
    let read = |world: &mut World, id| world.replica(BOB).receipts(id).unwrap();
    let carol = world.replica(CAROL).device_id();
    for (id, held) in [(more[1], true), (more[4], false), (more[5], false)] {
        let standing = read(&mut world, id);
        assert_eq!(standing.stored.contains(&carol), held, "what was not sent is not called stored");
    }
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room).len(), 12);
    assert_eq!(world.texts(CAROL, room), world.texts(ALICE, room));
    let standing = read(&mut world, more[5]);
    assert!(standing.stored.contains(&carol) && standing.delivered.contains(&carol));
    let standing = world.replica(ALICE).receipts(more[5]).unwrap();
    assert_eq!(standing.delivered.len(), 2);
}

#[test]
fn a_member_that_was_away_while_something_was_lost_gets_it_though_its_cursor_is_beyond() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    world.cut(ALICE, BOB);
    world.cut(ALICE, CAROL);
    let entries = said(&mut world, ALICE, room, 6);
    world.connect(BOB, ALICE);
    world.settle();
    world.cut(ALICE, BOB);
    damage(&mut world, BOB, &[entries[2]], true);
    // Carol's cursor into bob's store moves over the hole.
    world.connect(CAROL, BOB);
    world.settle();
    assert!(world.texts(CAROL, room).len() < 6);
    world.cut(CAROL, BOB);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room).len(), 6);
    world.cut(ALICE, BOB);
    world.connect(CAROL, BOB);
    world.settle();
    assert_eq!(world.texts(CAROL, room), world.texts(ALICE, room));
}

/// Carol tells her heads, and is gone before she took what she lacks by them: her cursor is still the one from when it was
/// withheld from her.
#[test]
fn a_cursor_is_believed_again_only_when_what_was_withheld_arrived() {
    for delivered in 0..40 {
        let mut world = World::new(&["alice", "bob", "carol"]);
        let room = world.room_of(3);
        world.settle();
        world.cut(ALICE, CAROL);
        let entries = said(&mut world, ALICE, room, 6);
        world.settle();
        world.cut(ALICE, BOB);
        damage(&mut world, ALICE, &[entries[2]], true);
        world.connect(CAROL, ALICE);
        world.settle();
        world.cut(ALICE, CAROL);
        world.connect(BOB, ALICE);
        world.settle();
        world.cut(ALICE, BOB);
        let carol = world.replica(CAROL).device_id();
        let told_truly = |world: &mut World| {
            for device in [ALICE, CAROL] {
                world.commit(device);
            }
            for id in &entries {
                let stored = world.replica(ALICE).receipts(*id).unwrap().stored.contains(&carol);
                assert!(!stored || world.replica(CAROL).message(*id).is_ok(), "{delivered} delivered");
            }
        };
        world.connect(CAROL, ALICE);
        for _ in 0..delivered {
            world.deliver_one(&mut |_| 0);
            told_truly(&mut world);
        }
        world.cut(ALICE, CAROL);
        // Alice remembers over a restart whom she does not believe.
        world.crash(ALICE);
        world.connect(CAROL, ALICE);
        while world.deliver_one(&mut |_| 0) {
            told_truly(&mut world);
        }
        world.settle();
        assert_eq!(world.texts(CAROL, room).len(), 6);
        assert!(world.replica(ALICE).receipts(entries[5]).unwrap().stored.contains(&carol));
    }
}

#[test]
fn what_is_said_after_ones_own_words_were_lost_reaches_everybody_at_once() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    world.cut(ALICE, CAROL);
    let entries = said(&mut world, ALICE, room, 6);
    world.settle();
    world.cut(ALICE, BOB);
    damage(&mut world, ALICE, &[entries[2]], true);
    world.commit(ALICE);
    world.say(ALICE, room, "after");
    world.commit(ALICE);
    world.connect(CAROL, ALICE);
    world.settle();
    assert!(world.texts(CAROL, room).contains(&"after".to_owned()));
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(CAROL, room).len(), 7);
    assert_eq!(world.texts(CAROL, room), world.texts(BOB, room));
}

#[test]
fn what_one_member_does_not_hold_is_asked_of_another() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    world.cut(ALICE, CAROL);
    let entries = said(&mut world, ALICE, room, 3);
    world.settle();
    damage(&mut world, BOB, &entries[..1], false);
    world.connect(CAROL, BOB);
    world.settle();
    assert!(world.messages(BOB, room).iter().any(|message| message.shown == Shown::Missing));
    world.advance(60_000);
    world.commit(BOB);
    assert_eq!(count_asked(&mut world, BOB, CAROL), 0, "who said that it has it not is not asked again");
    world.connect(BOB, ALICE);
    world.settle();
    for device in [BOB, CAROL] {
        assert_eq!(world.texts(device, room), world.texts(ALICE, room));
    }
}

#[test]
fn a_member_that_does_not_answer_is_passed_over_and_asked_again_later() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let entries = said(&mut world, ALICE, room, 3);
    world.settle();
    world.cut(ALICE, BOB);
    damage(&mut world, BOB, &entries[..2], false);
    world.connect(CAROL, BOB);
    let silence = |world: &mut World| {
        for _ in 0..400 {
            // In a room that carol does not know: she skips it, as one of an older version would.
            world.alter_frames(BOB, CAROL, |bytes| {
                if let Ok(Frame::WantEntries(want)) = Frame::decode(bytes) {
                    *bytes = Frame::WantEntries(WantEntries { slot: 1_000, ..want }).encode();
                }
            });
            if !world.deliver_one(&mut |_| 0) {
                world.commit(BOB);
                world.commit(CAROL);
            }
        }
    };
    silence(&mut world);
    assert_eq!(world.texts(BOB, room).len(), 1);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room).len(), 1, "it is asked of carol");
    world.advance(10_000);
    world.commit(BOB);
    world.settle();
    assert_eq!(world.texts(BOB, room), world.texts(ALICE, room), "and then of alice");

    world.cut(ALICE, BOB);
    damage(&mut world, BOB, &entries[..2], false);
    world.connect(CAROL, BOB);
    silence(&mut world);
    assert_eq!(world.texts(BOB, room).len(), 1);
    world.advance(10 * 60_000);
    world.commit(BOB);
    world.commit(BOB);
    world.settle();
    assert_eq!(world.texts(BOB, room), world.texts(ALICE, room), "carol may have come to hold it");
}

#[test]
fn more_than_one_answer_takes_is_asked_for_bit_by_bit() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let text = "x".repeat(9_000);
    let entries: Vec<EntryId> = (0..200).map(|n| world.say(ALICE, room, &format!("{n} {text}"))).collect();
    world.settle();
    damage(&mut world, BOB, &entries, true);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room), world.texts(ALICE, room));
}

#[test]
fn answers_that_nobody_asked_for_or_that_are_altered_change_nothing() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let entries = said(&mut world, ALICE, room, 3);
    world.settle();
    damage(&mut world, BOB, &entries[2..], true);
    world.connect(BOB, ALICE);
    // The signature that ends the group is another.
    for _ in 0..200 {
        world.alter_frames(ALICE, BOB, |bytes| {
            if let Ok(Frame::Entries(mut answer)) = Frame::decode(bytes) {
                for entry in &mut answer.entries {
                    entry.signature = None;
                }
                *bytes = Frame::Entries(answer).encode();
            }
        });
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
    assert_eq!(world.texts(BOB, room).len(), 2, "without its signature it could not be passed on");
    world.cut(ALICE, BOB);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(world.texts(BOB, room).len(), 3);
}

#[test]
fn what_comes_back_was_not_read_while_it_was_gone() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    let entries: Vec<EntryId> = (0..3)
        .map(|n| {
            let id = world.say(ALICE, room, &format!("{n}"));
            world.settle();
            id
        })
        .collect();
    damage(&mut world, BOB, &entries[1..2], true);
    world.commit(BOB);
    let now = world.now;
    world.replica(BOB).mark_read(now, room, entries[2]).unwrap();
    world.commit(BOB);
    let unread = |world: &mut World| world.replica(BOB).rooms().unwrap()[0].unread;
    assert_eq!(unread(&mut world), 0);
    world.connect(BOB, ALICE);
    world.settle();
    assert_eq!(unread(&mut world), 2, "and what stands after it: a mark reaches all before it");
    let read = |world: &mut World, id| world.replica(ALICE).receipts(id).unwrap().read.len();
    assert_eq!([read(&mut world, entries[0]), read(&mut world, entries[1])], [1, 0]);
    world.crash(BOB);
    assert_eq!(unread(&mut world), 2);
}

#[test]
fn what_stands_in_one_group_with_something_lost_is_not_called_stored() {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    world.settle();
    world.cut(ALICE, BOB);
    let entries = said(&mut world, ALICE, room, 6);
    // The last of a group is gone: its signature, without which the two before it are worth nothing to bob.
    damage(&mut world, ALICE, &[entries[2]], false);
    world.commit(ALICE);
    world.connect(BOB, ALICE);
    world.settle();
    world.say(ALICE, room, "after");
    world.settle();
    assert_eq!(world.texts(BOB, room), ["after"]);
    for id in entries {
        assert_eq!(world.replica(ALICE).receipts(id).unwrap().stored, [], "bob cannot have it");
    }
}

/// Carol told bob that she holds what he then loses and nobody gives him back: she holds it all the same.
#[test]
fn what_was_told_of_lost_entries_stands_before_and_after_a_restart() {
    for header in [false, true] {
        let mut world = World::new(&["alice", "bob", "carol"]);
        let room = world.room_of(3);
        let entries = said(&mut world, ALICE, room, 4);
        world.settle();
        world.cut(ALICE, CAROL);
        said(&mut world, ALICE, room, 2);
        world.settle();
        world.cut(ALICE, BOB);
        let told = |world: &mut World| world.replica(BOB).receipts(entries[0]).unwrap().delivered;
        let before = told(&mut world);
        assert_eq!(before.len(), 2);
        world.replica(BOB).store_mut().damage(entries[3], header);
        world.commit(BOB);
        assert!(world.events(BOB).contains(&Event::Damaged(room, 1)));
        assert_eq!(told(&mut world), before);
        world.crash(BOB);
        assert_eq!(told(&mut world), before);
        // It is the same where the start itself finds the damage.
        damage(&mut world, BOB, &entries[2..3], header);
        world.commit(BOB);
        assert_eq!(told(&mut world), before);
    }
}

/// Alice lost words of both branches of bob's log, and words of her own that nobody can give back: as soon as bob's are
/// whole it is known again how the branches part.
#[test]
fn a_forked_log_is_known_again_before_all_others_are_whole() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "one");
    world.settle();
    world.crash(BOB);
    let backup = world.store(BOB);
    world.connect(BOB, ALICE);
    world.connect(BOB, CAROL);
    let two = world.say(BOB, room, "two");
    let three = world.say(BOB, room, "three");
    world.settle();
    world.crash(CAROL);
    world.crash(BOB);
    world.roll_back(BOB, backup);
    world.say(BOB, room, "another two");
    world.commit(BOB);
    // Bob notices, hangs up, and comes back with a new store.
    for _ in 0..2 {
        world.connect(BOB, ALICE);
        world.settle();
    }
    world.cut(ALICE, BOB);
    let own = world.say(ALICE, room, "own");
    world.commit(ALICE);
    let carol = world.replica(CAROL).device_id();
    let told = |world: &mut World| world.replica(ALICE).receipts(three).unwrap().delivered.contains(&carol);
    assert!(told(&mut world));
    for id in [two, own] {
        world.replica(ALICE).store_mut().damage(id, true);
    }
    world.commit(ALICE);
    let lost = told(&mut world);
    world.crash(ALICE);
    assert_eq!(told(&mut world), lost, "a restart changes nothing");
    world.connect(BOB, ALICE);
    world.settle();
    assert!(world.replica(ALICE).message(two).is_ok() && world.replica(ALICE).message(own).is_err());
    assert!(told(&mut world));
    world.crash(ALICE);
    assert!(told(&mut world));
}

/// Carol knows how far bob, who lost something, can give her alice's words; then alice tells him more, and not what he
/// lost.
#[test]
fn nothing_that_comes_after_something_lost_is_sent_on_a_later_connection() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    world.cut(ALICE, CAROL);
    let entries = said(&mut world, ALICE, room, 3);
    world.settle();
    world.cut(ALICE, BOB);
    damage(&mut world, BOB, &entries[..1], false);
    world.connect(CAROL, BOB);
    world.settle();
    world.cut(CAROL, BOB);
    world.say(ALICE, room, "later");
    world.commit(ALICE);
    world.connect(BOB, ALICE);
    for _ in 0..400 {
        world.alter_frames(BOB, ALICE, |bytes| {
            if let Ok(Frame::WantEntries(want)) = Frame::decode(bytes) {
                *bytes = Frame::WantEntries(WantEntries { slot: 1_000, ..want }).encode();
            }
        });
        world.deliver_one(&mut |_| 0);
        world.commit(ALICE);
        world.commit(BOB);
    }
    assert!(world.texts(BOB, room).contains(&"later".to_owned()));
    world.cut(ALICE, BOB);
    world.connect(CAROL, BOB);
    let mut sent = 0;
    for _ in 0..200 {
        world.alter_frames(BOB, CAROL, |bytes| {
            if let Ok(Frame::Batch(batch)) = Frame::decode(bytes)
                && batch.lane == Lane::Content
            {
                sent += batch.entries.len();
            }
        });
        world.deliver_one(&mut |_| 0);
        world.commit(BOB);
        world.commit(CAROL);
    }
    assert_eq!(sent, 0);
    world.connect(BOB, ALICE);
    world.settle();
    for device in [BOB, CAROL] {
        assert_eq!(world.texts(device, room), world.texts(ALICE, room));
    }
}

/// Alice withheld from carol what stands behind something of hers that was lost. Bob gives it back, and of his own log
/// something stays lost: what carol acknowledged meanwhile says no more than it did.
#[test]
fn what_was_withheld_is_not_called_stored_when_one_log_is_whole_and_another_is_not() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.settle();
    world.cut(ALICE, CAROL);
    let said_by_bob = said(&mut world, BOB, room, 3);
    let said_by_alice = said(&mut world, ALICE, room, 6);
    world.settle();
    world.cut(ALICE, BOB);
    damage(&mut world, ALICE, &[said_by_bob[0], said_by_alice[1]], false);
    damage(&mut world, BOB, &said_by_bob[..1], false);
    world.connect(ALICE, CAROL);
    world.settle();
    world.cut(ALICE, CAROL);
    world.connect(ALICE, BOB);
    world.settle();
    assert_eq!(world.texts(ALICE, room).len(), 8);
    let carol = world.replica(CAROL).device_id();
    for id in said_by_alice {
        let standing = world.replica(ALICE).receipts(id).unwrap();
        assert!(!standing.stored.contains(&carol) && !standing.delivered.contains(&carol));
    }
}
