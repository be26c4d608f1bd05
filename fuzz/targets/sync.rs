//! A conversation in which bob, a member, says what no honest member says: alice and carol keep what they said, take
//! nothing that its author did not sign, and come to hold the same without him.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use lanline_fuzz::forger::{Forger, Written};
use lanline_fuzz::memory;
use lanline_fuzz::told::{self, Told};
use lanline_fuzz::world::{BEGINNING, World, empty_store, key};
use lanline_protocol::clock::Time;
use lanline_protocol::entry::Entry;
use lanline_protocol::id::RoomId;
use lanline_protocol::identity::DeviceId;
use lanline_protocol::kind::Lane;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::store::{Item, Store};
use libfuzzer_sys::fuzz_target;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;

/// What one conversation of all three may take at a time.
const MOST: usize = 24 * 1024 * 1024;
/// Steps of one input.
const STEPS: usize = 64;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// So many frames arrive: of bob's, at bob, at carol, of carol's.
    Deliver {
        way: u8,
        frames: u8,
    },
    /// Bob's next frame is altered.
    Alter {
        at: u16,
        mask: u8,
    },
    Shorten(u16),
    Drop,
    Repeat,
    Swap,
    /// Bob says something else.
    Bytes(&'a [u8]),
    Tell(Told<'a>),
    /// Bob writes.
    Write {
        entries: Vec<Written<'a>>,
        content: bool,
        upto: Option<u16>,
        end: bool,
    },
    /// Alice, bob or carol says something, honestly.
    Speak(u8),
    Wait(u16),
    /// Bob comes back.
    Reconnect,
}

/// Where a conversation begins: all three are members of a room and hold what was said.
struct Scene {
    stores: Vec<MemoryStore>,
    room: RoomId,
    now: Time,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let mut world = World::new(BEGINNING, [ALICE, BOB, CAROL].map(|device| Some(empty_store(device))));
    let room = world.room();
    for device in [ALICE, BOB, CAROL] {
        let now = world.now;
        world.replica(device).send_message(now, room, "hello", None, None).unwrap();
        world.settle();
    }
    let now = world.now;
    Scene { stores: world.into_stores(), room, now }
});

fuzz_target!(|steps: Vec<Step>| {
    LazyLock::force(&SCENE);
    memory::within(MOST, || converse(&steps));
});

fn converse(steps: &[Step]) {
    let room = SCENE.room;
    let mut world = World::new(SCENE.now, SCENE.stores.iter().cloned().map(Some));
    world.advance(60_000);
    let mut said = vec![("hello".to_owned(), ALICE), ("hello".to_owned(), CAROL)];
    for device in [ALICE, BOB, CAROL] {
        speak(&mut world, device, &mut said);
    }
    let mut bob = world.connect(BOB, ALICE);
    let carol = world.connect(CAROL, ALICE);
    let mut forger = Forger::new(key(BOB), room, &SCENE.stores[BOB]);
    for step in steps.iter().take(STEPS) {
        match step {
            Step::Deliver { way, frames } => {
                let (wire, end) = [(bob, 1), (bob, 0), (carol, 0), (carol, 1)][usize::from(way % 4)];
                for _ in 0..=frames % 16 {
                    world.deliver(wire, end);
                }
            }
            Step::Alter { at, mask } => {
                next(&mut world, bob, |frame| {
                    let at = usize::from(*at) % frame.len();
                    frame[at] ^= mask;
                });
            }
            Step::Shorten(length) => next(&mut world, bob, |frame| frame.truncate(1 + usize::from(*length))),
            Step::Drop => {
                let _ = world.queue(bob, 1).and_then(|queue| queue.pop_front());
            }
            Step::Repeat => {
                if let Some(queue) = world.queue(bob, 1)
                    && let Some(frame) = queue.front().cloned()
                {
                    queue.push_back(frame);
                }
            }
            Step::Swap => {
                if let Some(queue) = world.queue(bob, 1)
                    && let Some(frame) = queue.pop_front()
                {
                    queue.insert(queue.len().min(1), frame);
                }
            }
            Step::Bytes(bytes) => world.tell(bob, 1, bytes),
            Step::Tell(told) => {
                let frame = told::frame(told, &forger, bob, key(BOB).public().device_id());
                world.tell(bob, 1, &frame.encode());
            }
            Step::Write { entries, content, upto, end } => {
                let lane = if *content { Lane::Content } else { Lane::Membership };
                let frame = forger.batch(lane, entries, upto.map(u64::from), *end);
                world.tell(bob, 1, &frame.encode());
            }
            Step::Speak(device) => speak(&mut world, usize::from(device % 3), &mut said),
            Step::Wait(ms) => world.advance(u64::from(*ms)),
            Step::Reconnect => {
                world.cut(bob);
                bob = world.connect(BOB, ALICE);
            }
        }
        for device in [ALICE, BOB, CAROL] {
            world.commit(device);
        }
    }
    world.cut(bob);
    world.cut(carol);
    world.connect(CAROL, ALICE);
    world.settle();
    judge(world, room, said);
}

fn next(world: &mut World, bob: u64, change: impl FnOnce(&mut Vec<u8>)) {
    if let Some(frame) = world.queue(bob, 1).and_then(|queue| queue.front_mut()).filter(|frame| !frame.is_empty()) {
        change(frame);
    }
}

fn speak(world: &mut World, device: usize, said: &mut Vec<(String, usize)>) {
    let text = format!("{} of {device}", said.len());
    let now = world.now;
    let sent = world.replica(device).send_message(now, SCENE.room, &text, None, None);
    world.commit(device);
    if device != BOB {
        // Nothing that bob says ends their membership.
        sent.unwrap();
        said.push((text, device));
    }
}

fn judge(mut world: World, room: RoomId, mut said: Vec<(String, usize)>) {
    said.sort();
    for device in [ALICE, CAROL] {
        let authors = [ALICE, CAROL].map(|device| (key(device).public().device_id(), device));
        let shown = world.texts(device, room);
        let author = |id: DeviceId| authors.iter().find(|(device, _)| *device == id).map(|(_, device)| *device);
        let mut shown: Vec<_> = shown.into_iter().filter_map(|(text, by)| Some((text, author(by)?))).collect();
        shown.sort();
        assert_eq!(shown, said, "what {device} shows of alice's and carol's");
    }
    let stores = world.into_stores();
    let held = [ALICE, BOB, CAROL].map(|device| held(&stores[device], room));
    for device in [ALICE, CAROL] {
        for entry in &held[device] {
            assert!(entry.signature_holds());
            for (author, theirs) in [(ALICE, &held[ALICE]), (CAROL, &held[CAROL])] {
                if entry.header.author == key(author).public() {
                    assert!(theirs.iter().any(|own| own == entry), "{device} holds what {author} never wrote");
                }
            }
        }
    }
    let ids = |entries: &[Entry]| -> BTreeSet<_> { entries.iter().map(|entry| entry.id).collect() };
    assert_eq!(ids(&held[ALICE]), ids(&held[CAROL]));
}

fn held(store: &MemoryStore, room: RoomId) -> Vec<Entry> {
    let pages = Lane::ALL.map(|lane| store.page(room, lane, 0, usize::MAX, usize::MAX).unwrap());
    let entries = pages.into_iter().flatten().filter_map(|item| match item {
        Item::Entry(stored) => Some(stored.entry),
        _ => None,
    });
    entries.collect()
}
