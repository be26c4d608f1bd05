use lanline_protocol::frame::{Entries, Frame, WantEntries};
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::kind::Lane;
use lanline_protocol::record::{Receipts, RecordName};
use lanline_protocol::store::Store;

use super::hand::Hand;
use crate::world::{ALICE, BOB, CAROL, World};

/// Bob's hand at Alice's, whose disk lost these of three entries that bob said, and maybe their headers.
fn hand_at_a_damaged_disk(lost: &[usize], header: bool) -> (Hand, Vec<lanline_protocol::entry::Entry>) {
    let mut hand = Hand::met();
    let entries: Vec<_> = (0..3).map(|n| hand.text(&format!("{n}"))).collect();
    hand.send(&entries);
    let mut disk = hand.disk();
    for index in lost {
        disk.damage(entries[*index].id, header);
    }
    hand.world.crash(ALICE);
    hand.world.roll_back(ALICE, disk);
    hand.world.commit(ALICE);
    hand.connect();
    hand.hello();
    hand.open(0);
    for lane in Lane::ALL {
        hand.resume(lane);
        hand.end(lane);
    }
    (hand, entries)
}

fn asked(hand: &mut Hand) -> Vec<EntryId> {
    let asked = hand.heard().into_iter().find_map(|frame| match frame {
        Frame::WantEntries(want) => Some(want.ids),
        _ => None,
    });
    asked.unwrap_or_default()
}

#[test]
fn lost_entry_proves_itself() {
    for header in [false, true] {
        let (mut hand, entries) = hand_at_a_damaged_disk(&[1], header);
        assert_eq!(asked(&mut hand), [entries[1].id]);
        let answer = |wire, last| Frame::Entries(Entries { slot: 0, entries: vec![wire], last });
        let back = |hand: &mut Hand| {
            let held = hand.world.store(ALICE).entry(entries[1].id).unwrap();
            held.is_some_and(|stored| stored.entry.body.is_some())
        };
        // Another entry, one without its words, and one without the signature that it ended its group with.
        let mut silent = entries[1].to_wire();
        silent.body = None;
        let mut unsigned = entries[1].to_wire();
        unsigned.signature = None;
        let unasked = hand.text("unasked");
        for wire in [unasked.to_wire(), silent, unsigned] {
            hand.say(&answer(wire, false));
            assert!(hand.is_connected(), "{:?}", hand.closed());
        }
        hand.say(&answer(entries[1].to_wire(), true));
        assert!(hand.is_connected());
        assert!(back(&mut hand) && !hand.is_held(unasked.id));

        // Other words, or a signature that is not bob's: no honest peer sends them.
        for altered in [0, 1] {
            let (mut hand, entries) = hand_at_a_damaged_disk(&[1], header);
            let mut wire = entries[1].to_wire();
            if altered == 0 {
                *wire.body.as_mut().unwrap().last_mut().unwrap() ^= 1;
            } else {
                wire.signature = entries[2].signature;
            }
            hand.say(&Frame::Entries(Entries { slot: 0, entries: vec![wire], last: true }));
            assert!(!hand.is_connected());
            assert!(!back(&mut hand));
        }
    }
}

#[test]
fn entries_between_members() {
    let answered = |hand: &mut Hand, id| {
        hand.heard();
        hand.say(&Frame::WantEntries(WantEntries { slot: 0, ids: vec![id] }));
        hand.heard().into_iter().find_map(|frame| match frame {
            Frame::Entries(answer) => Some(answer.entries.len()),
            _ => None,
        })
    };
    let mut hand = Hand::met();
    let entry = hand.text("held");
    hand.send(std::slice::from_ref(&entry));
    assert_eq!(answered(&mut hand, entry.id), Some(1));
    assert_eq!(answered(&mut hand, EntryId::new([9; 32])), Some(0));
    let creation = hand.room.creation();
    assert_eq!(answered(&mut hand, creation), Some(0), "who belongs is not told so");
    let (room, bob) = (hand.room, super::hand::key_of(BOB).public().device_id());
    let now = hand.world.now;
    hand.world.replica(ALICE).remove_member(now, room, bob).unwrap();
    assert_eq!(answered(&mut hand, entry.id), None);
}

/// What alice tells in her receipts of bob's log.
fn delivered(hand: &mut Hand) -> u64 {
    let (store, room) = (hand.world.store(ALICE), hand.room);
    let bob = super::hand::key_of(BOB).public();
    let records = store.records(room, None, usize::MAX).unwrap().into_iter();
    let mut receipts = records.filter(|record| record.key.name == RecordName::RECEIPTS && record.key.author != bob);
    let receipts: Receipts = lanline_protocol::cbor::decode(&receipts.next().unwrap().value).unwrap();
    receipts.logs.iter().find(|mark| mark.log.author == bob).map_or(0, |told| told.marks[0].seq)
}

#[test]
fn nothing_beyond_lost() {
    for header in [false, true] {
        let (mut hand, entries) = hand_at_a_damaged_disk(&[1], header);
        hand.world.advance(1_000);
        hand.world.commit(ALICE);
        assert_eq!(delivered(&mut hand), entries[0].header.seq);
        let mut world = World::new(&["alice", "bob", "carol"]);
        let room = world.room_of(3);
        world.cut(ALICE, CAROL);
        let ids: Vec<EntryId> = (0..3)
            .map(|n| {
                let id = world.say(BOB, room, &format!("{n}"));
                world.settle();
                id
            })
            .collect();
        world.cut(ALICE, BOB);
        world.crash(ALICE);
        let mut disk = world.store(ALICE);
        disk.damage(ids[1], header);
        world.roll_back(ALICE, disk);
        world.connect(CAROL, ALICE);
        world.settle();
        assert_eq!(said(&mut world, room), ["0"]);
        world.connect(BOB, ALICE);
        world.settle();
        assert_eq!(said(&mut world, room), ["0", "1", "2"]);
    }
}

fn said(world: &mut World, room: RoomId) -> Vec<String> {
    world.texts(CAROL, room)
}
