//! A member that writes so much that others would have to name more of it than fits one entry.

use lanline_protocol::body::{Add, Body, Invite, SALT_BYTES};
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::frame::{Batch, Frame};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::store::Store;

use crate::world::{ALICE, BOB, CAROL, World};

fn key(device: usize) -> DeviceKey {
    DeviceKey::from_seed(&[device as u8 + 1; 32])
}

/// Carol's pen for a log of the membership lane.
struct Pen {
    room: RoomId,
    add: EntryId,
    log: LogId,
    last: Option<(u64, EntryId)>,
    time_us: u64,
}

impl Pen {
    fn new(room: RoomId, add: EntryId, number: u16, time_us: u64) -> Self {
        let mut log = [7; 16];
        log[..2].copy_from_slice(&number.to_be_bytes());
        Self { room, add, log: LogId::new(log).of_lane(Lane::Membership), last: None, time_us }
    }

    fn write(&mut self, body: &Body) -> Entry {
        self.time_us += 1;
        let bytes = body.encode([7; SALT_BYTES]);
        let header = Header {
            room: Some(self.room),
            author: key(CAROL).public(),
            log: self.log,
            seq: self.last.map_or(1, |(seq, _)| seq + 1),
            previous: self.last.map(|(_, id)| id),
            timestamp_us: self.time_us,
            kind: body.kind().number(),
            body_hash: Hash::of(&bytes),
            body_bytes: bytes.len() as u32,
            add: self.last.is_none().then_some(self.add),
        };
        let mut entry = Entry::write(header, bytes);
        entry.sign(&key(CAROL));
        self.last = Some((entry.header.seq, entry.id));
        entry
    }
}

/// The add that carol writes under, and the last place in the chain.
fn carol(world: &mut World, room: RoomId) -> (EntryId, EntryId) {
    world.say(CAROL, room, "hello");
    world.settle();
    let author = key(CAROL).public();
    let tips = world.store(CAROL).tips(room, Lane::Content).unwrap();
    let add = tips.into_iter().find(|tip| tip.head.log.author == author).unwrap().add;
    world.connect(CAROL, ALICE);
    world.connect(BOB, ALICE);
    world.settle();
    (add, add)
}

fn tell(world: &mut World, entries: &[Entry]) {
    for entries in entries.chunks(500) {
        let batch = Batch {
            slot: 0,
            lane: Lane::Membership,
            entries: entries.iter().map(Entry::to_wire).collect(),
            records: Vec::new(),
            upto: None,
            anchor: None,
            end: false,
        };
        world.inject(CAROL, ALICE, &Frame::Batch(batch));
        world.commit(ALICE);
        assert!(world.connected(CAROL, ALICE));
        world.settle();
    }
}

fn adds_of(device: usize, control: EntryId) -> Body {
    Body::Add(Add { key: key(device).public(), name: "x".into(), invite: None, control })
}

#[test]
fn who_was_added_a_thousand_times_can_leave() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let (add, control) = carol(&mut world, room);
    let mut pen = Pen::new(room, add, 1, world.now.wall_us);
    let adds: Vec<Entry> = (0..2_100).map(|_| pen.write(&adds_of(BOB, control))).collect();
    tell(&mut world, &adds);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    for device in [ALICE, BOB] {
        assert_eq!(world.replica(device).members(room).unwrap().len(), 2, "at {device}'s");
    }
    // What it wrote it can read.
    world.crash(BOB);
    assert_eq!(world.replica(BOB).rooms().unwrap().len(), 1);
}

#[test]
fn who_wrote_a_thousand_logs_can_be_removed() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let (add, control) = carol(&mut world, room);
    let mut pen = Pen::new(room, add, 0, world.now.wall_us);
    let adds: Vec<Entry> = (0..40).map(|_| pen.write(&adds_of(CAROL, control))).collect();
    let invite = Body::Invite(Invite { key: key(9).public(), expires_at_ms: 1, uses: 1 });
    let mut logs = Vec::new();
    for (index, own) in adds.iter().enumerate() {
        for number in 1..31 {
            let mut pen = Pen::new(room, own.id, (30 * index + number) as u16, own.header.timestamp_us);
            logs.push(pen.write(&invite));
        }
    }
    tell(&mut world, &adds);
    tell(&mut world, &logs);
    let (now, device) = (world.now, key(CAROL).public().device_id());
    world.replica(ALICE).remove_member(now, room, device).unwrap();
    world.commit(ALICE);
    world.settle();
    assert!(world.connected(ALICE, BOB));
    for device in [ALICE, BOB] {
        assert_eq!(world.replica(device).members(room).unwrap().len(), 2, "at {device}'s");
    }
    world.crash(ALICE);
    assert_eq!(world.replica(ALICE).members(room).unwrap().len(), 2);
}

#[test]
fn of_a_log_that_was_begun_twice_it_matters_to_nobody_which_came_first() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let room = world.room_of(3);
    let (add, control) = carol(&mut world, room);
    let now_us = world.now.wall_us;
    let own = Pen::new(room, add, 1, now_us).write(&adds_of(CAROL, control));
    tell(&mut world, std::slice::from_ref(&own));
    let one = Pen::new(room, add, 2, now_us).write(&adds_of(7, control));
    let other = Pen::new(room, own.id, 2, now_us).write(&adds_of(8, control));
    world.connect(CAROL, BOB);
    world.settle();
    world.cut(ALICE, BOB);
    for (to, entry) in [(ALICE, one), (BOB, other)] {
        let batch = Batch {
            slot: 0,
            lane: Lane::Membership,
            entries: vec![entry.to_wire()],
            records: Vec::new(),
            upto: None,
            anchor: None,
            end: false,
        };
        world.inject(CAROL, to, &Frame::Batch(batch));
        world.commit(to);
        world.cut(CAROL, to);
    }
    world.connect(ALICE, BOB);
    world.settle();
    world.advance(120_000);
    world.settle();
    let members = |world: &mut World, at: usize| -> Vec<_> {
        world.replica(at).members(room).unwrap().into_iter().map(|member| member.device).collect()
    };
    assert_eq!(members(&mut world, ALICE), members(&mut world, BOB));
    // And after a restart.
    world.crash(ALICE);
    assert_eq!(members(&mut world, ALICE), members(&mut world, BOB));
}
