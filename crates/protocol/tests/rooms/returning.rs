//! Whoever was removed and would come back by what it writes below its cut.

use lanline_protocol::body::{Add, Body, Cut, Leave, SALT_BYTES, Text};
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::frame::{Batch, Frame, Hello, Open, Tag, room_tag};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId, StoreId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::store::{Item, Store, Tip};

use crate::world::{ALICE, BOB, CAROL, World};

const DAVE: usize = 3;

pub(crate) fn key(device: usize) -> DeviceKey {
    DeviceKey::from_seed(&[device as u8 + 1; 32])
}

/// The last entry of a member's log in a lane.
fn tip(world: &mut World, room: RoomId, device: usize, lane: Lane) -> Tip {
    let author = key(device).public();
    world.store(device).tips(room, lane).unwrap().into_iter().find(|tip| tip.head.log.author == author).unwrap()
}

/// The last removal that a device holds.
fn removal(world: &mut World, room: RoomId, device: usize) -> EntryId {
    let page = world.store(device).page(room, Lane::Membership, 0, usize::MAX, usize::MAX).unwrap();
    let mut removals = page.iter().filter_map(|item| match item {
        Item::Entry(stored) if stored.entry.header.kind() == Kind::Remove => Some(stored.entry.id),
        _ => None,
    });
    removals.next_back().unwrap()
}

/// An entry of somebody's, signed, behind `previous` if there is one.
pub(crate) fn write(
    room: RoomId,
    device: usize,
    log: LogId,
    add: EntryId,
    previous: Option<&Header>,
    previous_id: Option<EntryId>,
    body: &Body,
) -> Entry {
    let bytes = body.encode([7; SALT_BYTES]);
    let header = Header {
        room: Some(room),
        author: key(device).public(),
        log,
        seq: previous.map_or(1, |header| header.seq + 1),
        previous: previous_id,
        timestamp_us: previous.map_or(1, |header| header.timestamp_us + 1),
        kind: body.kind().number(),
        body_hash: Hash::of(&bytes),
        body_bytes: bytes.len() as u32,
        add: previous.is_none().then_some(add),
    };
    let mut entry = Entry::write(header, bytes);
    entry.sign(&key(device));
    entry
}

/// Somebody who is no member hands a device entries of the membership lane, as anybody may who knows the room.
pub(crate) fn push(world: &mut World, room: RoomId, from: usize, to: usize, entries: &[Entry]) {
    world.cut(from, to);
    let exporter = world.connect_by_hand(from, to);
    let tag = room_tag(room, &exporter, key(from).public().device_id());
    let batch = Batch {
        slot: 0,
        lane: Lane::Membership,
        entries: entries.iter().map(Entry::to_wire).collect(),
        records: Vec::new(),
        upto: None,
        anchor: None,
        end: false,
    };
    let hello = Hello { store: StoreId::new([0xb0; 16]), name: "bob".into(), agent: "test".into() };
    for frame in [Frame::Hello(hello), Frame::Open(Open { rooms: vec![Tag { slot: 0, tag }] }), Frame::Batch(batch)] {
        world.tell(from, to, &frame.encode());
        world.commit(to);
    }
    world.cut(from, to);
}

pub(crate) fn add_of(device: usize, control: EntryId) -> Body {
    Body::Add(Add { key: key(device).public(), name: "back".into(), invite: None, control })
}

pub(crate) fn is_member(world: &mut World, room: RoomId, at: usize, device: usize) -> bool {
    let device = key(device).public().device_id();
    world.replica(at).members(room).unwrap().iter().any(|member| member.device == device)
}

/// Alice removed bob, who had written these; everybody knows.
fn removed(world: &mut World, room: RoomId) {
    let now = world.now;
    world.replica(ALICE).remove_member(now, room, key(BOB).public().device_id()).unwrap();
    world.commit(ALICE);
    world.settle();
}

#[test]
fn below_the_cut_of_words_there_is_no_room_for_saying_who_belongs() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    for n in 0..3 {
        world.say(BOB, room, &format!("{n}"));
    }
    world.settle();
    removed(&mut world, room);
    let words = tip(&mut world, room, BOB, Lane::Content);
    let control = removal(&mut world, room, BOB);
    let back = write(room, BOB, words.head.log.log, words.add, None, None, &add_of(BOB, control));
    push(&mut world, room, BOB, CAROL, &[back]);
    world.settle();
    assert!(!is_member(&mut world, room, CAROL, BOB));
    assert!(!is_member(&mut world, room, ALICE, BOB));
}

#[test]
fn beside_what_was_held_when_it_was_removed_nothing_counts_of_who_belongs() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let now = world.now;
    world.listen(BOB);
    for _ in 0..3 {
        world.replica(BOB).invite(now, room, 1_000, 1).unwrap();
    }
    world.commit(BOB);
    world.settle();
    removed(&mut world, room);
    let acts = tip(&mut world, room, BOB, Lane::Membership);
    let log = acts.head.log.log;
    let control = removal(&mut world, room, BOB);
    // In the place of the first of them, and of the second.
    let first = world.store(BOB).at(room, acts.head.log, 1).unwrap().remove(0).entry;
    let beginning = write(room, BOB, log, acts.add, None, None, &add_of(BOB, control));
    let second = write(room, BOB, log, acts.add, Some(&first.header), Some(first.id), &add_of(BOB, control));
    for back in [beginning, second] {
        push(&mut world, room, BOB, CAROL, std::slice::from_ref(&back));
        world.settle();
        assert!(!is_member(&mut world, room, CAROL, BOB));
        assert!(!is_member(&mut world, room, ALICE, BOB));
        assert!(world.store(CAROL).entry(back.id).unwrap().is_none(), "stored all the same");
    }
}

#[test]
fn what_is_passed_on_of_somebody_removed_is_what_was_held_then() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    for n in 0..3 {
        world.say(BOB, room, &format!("{n}"));
    }
    world.settle();
    removed(&mut world, room);
    // Carol, who is a member, passes on what bob wrote since, in the place of what he had said.
    let words = tip(&mut world, room, BOB, Lane::Content);
    let first = world.store(BOB).at(room, words.head.log, 1).unwrap().remove(0).entry;
    let text = Body::Text(Text { text: "said since".into(), reply_to: None });
    let late = write(room, BOB, words.head.log.log, words.add, Some(&first.header), Some(first.id), &text);
    let batch = Batch {
        slot: 0,
        lane: Lane::Content,
        entries: vec![late.to_wire()],
        records: Vec::new(),
        upto: None,
        anchor: None,
        end: false,
    };
    world.inject(CAROL, ALICE, &Frame::Batch(batch));
    world.commit(ALICE);
    assert!(world.connected(CAROL, ALICE));
    world.settle();
    assert_eq!(world.texts(ALICE, room), ["0", "1", "2"]);
}

/// Bob, removed, gives carol a word of leaving before she hears of that; alice never takes it.
#[test]
fn a_leaving_that_not_everybody_takes_changes_nothing_of_what_a_removal_leaves() {
    let mut world = World::new(&["alice", "bob", "carol", "dave"]);
    let room = world.room_of(3);
    world.listen(BOB);
    let link = world.invite(BOB, room);
    world.join(3, BOB, &link);
    world.say(BOB, room, "said before");
    world.settle();
    let words = tip(&mut world, room, BOB, Lane::Content);
    world.cut(ALICE, BOB);
    world.cut(ALICE, CAROL);
    world.cut(BOB, 3);
    removed(&mut world, room);
    let leave = Body::Leave(Leave { adds: Vec::new(), cuts: Vec::new() });
    let left = write(room, BOB, LogId::new([0x71; 16]), words.add, None, None, &leave);
    push(&mut world, room, BOB, CAROL, &[left]);
    world.settle();
    assert!(!is_member(&mut world, room, CAROL, BOB));
    world.connect(ALICE, CAROL);
    world.settle();
    for device in [ALICE, CAROL] {
        assert_eq!(world.texts(device, room), ["said before"], "at {device}");
        assert!(is_member(&mut world, room, device, 3), "at {device}");
    }
}

/// Bob leaves, and cuts a log of who belongs at something that nobody holds: nobody could remove him any more.
#[test]
fn who_left_hands_in_nothing_more_below_a_cut_that_it_made_up() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    world.say(BOB, room, "said before");
    world.settle();
    let words = tip(&mut world, room, BOB, Lane::Content);
    let (log, id) = (LogId::new([0x71; 16]), EntryId::new([9; 32]));
    let leave = Body::Leave(Leave { adds: vec![words.add], cuts: vec![Cut { log, seq: 1 << 40, id }] });
    let left = write(room, BOB, LogId::new([0x73; 16]), words.add, None, None, &leave);
    push(&mut world, room, BOB, CAROL, &[left]);
    world.settle();
    assert!(!is_member(&mut world, room, CAROL, BOB));
    let late = write(room, BOB, log, words.add, None, None, &add_of(BOB, room.creation()));
    push(&mut world, room, BOB, CAROL, std::slice::from_ref(&late));
    world.settle();
    assert!(world.store(CAROL).entry(late.id).unwrap().is_none());
}

/// Bob's disk was an older one, so that his log has two branches. Alice removed him and is away; of one branch carol holds
/// more than she did. There she lost what does not count: the other branch she still passes on, though it came later, and
/// has the same numbers, or is not held up to where it is cut.
#[test]
fn what_was_lost_behind_a_cut_holds_back_nothing_of_another_branch() {
    let whole = vec!["another two", "another three", "another four"];
    for (header, seen, more) in [(false, whole, None), (true, vec!["another two"], Some("another three"))] {
        let mut world = World::new(&["alice", "bob", "carol", "dave"]);
        let room = world.room_of(4);
        world.say(BOB, room, "one");
        world.settle();
        world.crash(BOB);
        let backup = world.store(BOB);
        for device in [ALICE, CAROL, DAVE] {
            world.crash(device);
        }
        // Three see two, and carol alone what comes then.
        world.say(BOB, room, "two");
        world.commit(BOB);
        for device in [ALICE, DAVE, CAROL] {
            world.connect(BOB, device);
            world.settle();
            if device != CAROL {
                world.cut(BOB, device);
            }
        }
        let beyond = ["three", "four"].map(|text| {
            let id = world.say(BOB, room, text);
            world.commit(BOB);
            id
        });
        world.settle();
        // Both see the other branch, alice perhaps more of it.
        let mut backup = backup;
        for (texts, device) in [(seen.clone(), CAROL), (more.into_iter().collect(), ALICE)] {
            world.crash(BOB);
            world.roll_back(BOB, backup);
            for text in texts {
                world.say(BOB, room, text);
                world.commit(BOB);
            }
            backup = world.store(BOB);
            // He notices, hangs up, and comes back with a new store.
            for _ in 0..2 {
                world.connect(BOB, device);
                world.settle();
            }
            world.cut(BOB, device);
        }
        let now = world.now;
        world.replica(ALICE).remove_member(now, room, key(BOB).public().device_id()).unwrap();
        world.commit(ALICE);
        let removal = removal(&mut world, room, ALICE);
        let removal = world.store(ALICE).entry(removal).unwrap().unwrap().entry;
        for device in [CAROL, DAVE] {
            push(&mut world, room, ALICE, device, std::slice::from_ref(&removal));
            assert!(!is_member(&mut world, room, device, BOB));
        }
        world.replica(CAROL).store_mut().damage(beyond[1], header);
        world.commit(CAROL);
        assert_eq!(world.texts(CAROL, room), [vec!["one", "two"], seen].concat());
        world.connect(CAROL, DAVE);
        world.settle();
        assert_eq!(world.texts(DAVE, room), world.texts(CAROL, room));
    }
}
