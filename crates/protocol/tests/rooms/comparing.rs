//! Two people compare what their devices show, on whole devices.

use lanline_protocol::command::CommandError;
use lanline_protocol::comparing::CompareOver;
use lanline_protocol::comparison::Pictures;
use lanline_protocol::frame::{CompareEnd, CompareEndReason, Frame};
use lanline_protocol::id::{Hash, RoomId};
use lanline_protocol::identity::{DeviceId, DeviceKey};
use lanline_protocol::known::Way;
use lanline_protocol::limits;
use lanline_protocol::replica::Event;

use crate::world::{ALICE, BOB, CAROL, Seeded, World};

pub(crate) fn id(device: usize) -> DeviceId {
    DeviceKey::from_seed(&[device as u8 + 1; 32]).public().device_id()
}

/// Two of the devices, the one with the smaller id first.
pub(crate) fn by_id(one: usize, other: usize) -> (usize, usize) {
    if id(one) < id(other) { (one, other) } else { (other, one) }
}

pub(crate) fn ask(world: &mut World, asker: usize, asked: usize) {
    let now = world.now;
    assert_eq!(world.replica(asker).compare_with(now, id(asked)).unwrap(), None);
    world.commit(asker);
}

/// Delivers what is on its way, without letting time pass.
pub(crate) fn deliver(world: &mut World) {
    loop {
        for device in [ALICE, BOB] {
            world.commit(device);
        }
        if !world.deliver_one(&mut |_| 0) {
            return;
        }
    }
}

pub(crate) fn shown(world: &mut World, device: usize) -> Vec<Pictures> {
    let shown = |event| match event {
        Event::ComparisonShown(_, pictures) => Some(pictures),
        _ => None,
    };
    world.events(device).into_iter().filter_map(shown).collect()
}

pub(crate) fn over(world: &mut World, device: usize) -> Vec<(CompareOver, bool)> {
    let over = |event| match event {
        Event::ComparisonEnded(_, how, shown) => Some((how, shown)),
        _ => None,
    };
    world.events(device).into_iter().filter_map(over).collect()
}

pub(crate) fn confirm(world: &mut World, device: usize, of: usize, same: bool) {
    let now = world.now;
    world.replica(device).confirm_comparison(now, id(of), None, same).unwrap();
    world.commit(device);
}

fn verified(world: &mut World, device: usize, of: usize) -> Option<(Way, u64)> {
    let known = world.replica(device).devices().into_iter().find(|known| known.device == id(of))?;
    known.verified.map(|verified| (verified.way, verified.at_ms))
}

fn undecided(world: &mut World, device: usize, of: usize) -> Option<Pictures> {
    world.replica(device).devices().into_iter().find(|known| known.device == id(of))?.comparing
}

/// Alice and bob in one room, connected.
pub(crate) fn together() -> World {
    let mut world = World::new(&["alice", "bob", "carol"]);
    world.room_of(2);
    world.settle();
    world.events(ALICE);
    world.events(BOB);
    world
}

#[test]
fn both_see_the_same_and_each_decides_for_itself() {
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    deliver(&mut world);
    let alices = shown(&mut world, ALICE);
    assert_eq!(alices.len(), 1);
    assert_eq!(shown(&mut world, BOB), alices);
    assert_eq!(undecided(&mut world, BOB, ALICE), Some(alices[0]));
    // Who asks again meanwhile, on either side, is shown the same.
    let now = world.now;
    assert_eq!(world.replica(ALICE).compare_with(now, id(BOB)).unwrap(), Some(alices[0]));
    assert_eq!(world.replica(BOB).compare_with(now, id(ALICE)).unwrap(), Some(alices[0]));

    confirm(&mut world, ALICE, BOB, true);
    assert_eq!(over(&mut world, ALICE), [(CompareOver::Same, true)]);
    assert_eq!(verified(&mut world, ALICE, BOB), Some((Way::Compared, now.wall_ms())));
    let known = world.replica(ALICE).devices().into_iter().find(|known| known.device == id(BOB)).unwrap();
    assert_eq!((known.comparing, known.compared), (None, Some(alices[0])));
    deliver(&mut world);
    assert_eq!(over(&mut world, BOB), []);
    assert_eq!(verified(&mut world, BOB, ALICE).map(|(way, _)| way), Some(Way::Link));
    confirm(&mut world, BOB, ALICE, true);
    world.crash(ALICE);
    world.crash(BOB);
    assert_eq!(verified(&mut world, ALICE, BOB), Some((Way::Compared, now.wall_ms())));
    assert_eq!(verified(&mut world, BOB, ALICE), Some((Way::Compared, now.wall_ms())));
    assert_eq!(over(&mut world, ALICE), []);

    // A later comparison is the newer word; a link shown later is not.
    world.advance(1000);
    world.connect(ALICE, BOB);
    world.settle();
    ask(&mut world, BOB, ALICE);
    deliver(&mut world);
    let later = world.now;
    confirm(&mut world, ALICE, BOB, true);
    assert_eq!(verified(&mut world, ALICE, BOB), Some((Way::Compared, later.wall_ms())));
}

#[test]
fn who_sees_something_else_ends_it_for_both() {
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    deliver(&mut world);
    confirm(&mut world, ALICE, BOB, true);
    confirm(&mut world, BOB, ALICE, false);
    world.events(ALICE);
    assert_eq!(over(&mut world, BOB), [(CompareOver::Differ, true)]);
    assert_eq!(verified(&mut world, BOB, ALICE), None, "it was verified by a link before");
    deliver(&mut world);
    assert_eq!(over(&mut world, ALICE), [(CompareOver::TheyDiffer, true)]);
    assert_eq!(verified(&mut world, ALICE, BOB), None);
    let now = world.now;
    let again = world.replica(ALICE).confirm_comparison(now, id(BOB), None, true);
    assert!(matches!(again, Err(CommandError::NotFound(_))), "{again:?}");
    world.crash(BOB);
    assert_eq!(verified(&mut world, BOB, ALICE), None);
}

/// Bob asks alice to let him in by a link, and then by a code.
fn bob_proves_an_invite(world: &mut World, room: RoomId) {
    for by_code in [false, true] {
        let link = world.invite(ALICE, room);
        if !by_code {
            world.join(BOB, ALICE, &link);
            continue;
        }
        let now = world.now;
        let code = world.replica(ALICE).show_code(now, &link, false).unwrap().unwrap().code;
        world.commit(ALICE);
        let connection = world.replica(BOB).connection(id(ALICE)).unwrap();
        world.replica(BOB).join_by_code(connection, &code).unwrap();
        world.commit(BOB);
        world.settle();
    }
}

#[test]
fn what_differed_is_made_sure_of_by_comparing_alone() {
    let mut world = together();
    let room = world.replica(ALICE).rooms().unwrap()[0].id;
    ask(&mut world, ALICE, BOB);
    deliver(&mut world);
    confirm(&mut world, ALICE, BOB, false);
    deliver(&mut world);
    let nobody_is_sure = |world: &mut World| {
        assert_eq!((verified(world, ALICE, BOB), verified(world, BOB, ALICE)), (None, None));
    };
    nobody_is_sure(&mut world);
    // As a member, after a restart, and as one who is let in anew.
    bob_proves_an_invite(&mut world, room);
    nobody_is_sure(&mut world);
    world.crash(ALICE);
    world.crash(BOB);
    world.listen(ALICE);
    world.connect(BOB, ALICE);
    world.settle();
    bob_proves_an_invite(&mut world, room);
    nobody_is_sure(&mut world);
    let now = world.now;
    world.replica(BOB).leave_room(now, room).unwrap();
    world.commit(BOB);
    world.settle();
    bob_proves_an_invite(&mut world, room);
    assert_eq!(world.replica(ALICE).members(room).unwrap().len(), 2);
    nobody_is_sure(&mut world);

    world.events(ALICE);
    ask(&mut world, ALICE, BOB);
    deliver(&mut world);
    confirm(&mut world, ALICE, BOB, true);
    assert_eq!(verified(&mut world, ALICE, BOB).map(|(way, _)| way), Some(Way::Compared));
}

#[test]
fn the_end_of_the_connection_is_the_end_of_it() {
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    deliver(&mut world);
    world.cut(ALICE, BOB);
    for device in [ALICE, BOB] {
        assert_eq!(over(&mut world, device), [(CompareOver::Gone, true)]);
    }
    let now = world.now;
    let gone = world.replica(ALICE).compare_with(now, id(BOB));
    assert!(matches!(gone, Err(CommandError::NotFound(_))), "{gone:?}");
    let gone = world.replica(ALICE).confirm_comparison(now, id(BOB), None, true);
    assert!(matches!(gone, Err(CommandError::NotFound(_))), "{gone:?}");
}

#[test]
fn that_earlier_pictures_are_the_same_is_said_of_nothing() {
    let mut world = together();
    let mut pictures = Vec::new();
    for _ in 0..2 {
        world.cut(ALICE, BOB);
        world.connect(ALICE, BOB);
        deliver(&mut world);
        ask(&mut world, ALICE, BOB);
        deliver(&mut world);
        pictures.extend(shown(&mut world, ALICE));
    }
    let [earlier, later] = pictures[..] else { panic!("{pictures:?}") };
    let now = world.now;
    let late = world.replica(ALICE).confirm_comparison(now, id(BOB), Some(earlier), true);
    assert!(matches!(late, Err(CommandError::NotFound(_))), "{late:?}");
    assert_eq!(verified(&mut world, ALICE, BOB).map(|(way, _)| way), Some(Way::Link));
    assert_eq!(undecided(&mut world, ALICE, BOB), Some(later));
    // But that they differed is true of them still, and does not keep the later ones from being answered.
    world.replica(ALICE).confirm_comparison(now, id(BOB), Some(earlier), false).unwrap();
    assert_eq!(verified(&mut world, ALICE, BOB), None);
    assert_eq!(undecided(&mut world, ALICE, BOB), Some(later));
    world.replica(ALICE).confirm_comparison(now, id(BOB), Some(later), true).unwrap();
    assert_eq!(verified(&mut world, ALICE, BOB).map(|(way, _)| way), Some(Way::Compared));
}

/// Whoever stands between can end it as soon as something else is seen.
#[test]
fn that_they_differ_counts_however_it_ended() {
    /// Has alice ask. Gives what both name it by.
    fn begin(world: &mut World) -> Hash {
        ask(world, ALICE, BOB);
        let mut name = None;
        for bytes in world.heard(ALICE, BOB) {
            if let Ok(Frame::Compare(compare)) = Frame::decode(&bytes) {
                name = Some(compare.commitment);
            }
            world.tell(ALICE, BOB, &bytes);
        }
        deliver(world);
        name.unwrap()
    }
    fn withdrawn(world: &mut World, commitment: Hash) {
        let end = CompareEnd { commitment, why: CompareEndReason::Withdrawn };
        world.tell(BOB, ALICE, &Frame::CompareEnd(end).encode());
        world.commit(ALICE);
    }
    let ways: [fn(&mut World, Hash); 3] = [
        withdrawn,
        |world, _| world.cut(ALICE, BOB),
        |world, _| {
            world.advance(limits::COMPARE_MS);
            world.commit(ALICE);
        },
    ];
    for (way, end) in ways.into_iter().enumerate() {
        let mut world = together();
        let name = begin(&mut world);
        let pictures = shown(&mut world, ALICE)[0];
        end(&mut world, name);
        assert_eq!(undecided(&mut world, ALICE, BOB), None, "{way}");
        world.events(ALICE);
        let now = world.now;
        let refused = |result| assert!(matches!(result, Err(CommandError::NotFound(_))), "{way}: {result:?}");
        refused(world.replica(ALICE).confirm_comparison(now, id(BOB), Some(pictures), true));
        refused(world.replica(ALICE).confirm_comparison(now, id(BOB), None, false));
        refused(world.replica(ALICE).confirm_comparison(now, id(CAROL), Some(pictures), false));
        assert_eq!(verified(&mut world, ALICE, BOB).map(|(way, _)| way), Some(Way::Link), "{way}");
        world.replica(ALICE).confirm_comparison(now, id(BOB), Some(pictures), false).unwrap();
        world.commit(ALICE);
        assert_eq!(over(&mut world, ALICE), [(CompareOver::Differ, true)], "{way}");
        world.crash(ALICE);
        assert_eq!(verified(&mut world, ALICE, BOB), None, "{way}");
    }
    // Not for ever.
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    deliver(&mut world);
    let pictures = shown(&mut world, ALICE)[0];
    world.advance(limits::COMPARISONS_MS);
    let now = world.now;
    let late = world.replica(ALICE).confirm_comparison(now, id(BOB), Some(pictures), false);
    assert!(matches!(late, Err(CommandError::NotFound(_))), "{late:?}");
}

/// The one who asked too often is asked now: that this one asks at the same moment makes no difference.
#[test]
fn where_both_ask_at_once_it_does_not_matter_who_asked_how_often() {
    for turned in [false, true] {
        let mut world = together();
        let (smaller, larger) = by_id(ALICE, BOB);
        let (often, once) = if turned { (larger, smaller) } else { (smaller, larger) };
        for _ in 0..limits::COMPARISONS {
            ask(&mut world, often, once);
            deliver(&mut world);
            confirm(&mut world, once, often, false);
            deliver(&mut world);
        }
        for device in [ALICE, BOB] {
            world.events(device);
        }
        ask(&mut world, often, once);
        ask(&mut world, once, often);
        deliver(&mut world);
        let pictures = shown(&mut world, often);
        assert_eq!(pictures.len(), 1, "turned: {turned}");
        assert_eq!(shown(&mut world, once), pictures);
    }
}

#[test]
fn who_waits_no_longer_says_so() {
    let mut world = together();
    ask(&mut world, ALICE, BOB);
    world.replica(ALICE).stop_comparing(id(BOB));
    deliver(&mut world);
    assert_eq!(over(&mut world, BOB), [(CompareOver::Refused(CompareEndReason::Withdrawn), false)]);
    assert!(shown(&mut world, ALICE).is_empty() && shown(&mut world, BOB).is_empty());
    // The answer to it was on its way; it is not taken for the next one's.
    ask(&mut world, ALICE, BOB);
    deliver(&mut world);
    let pictures = shown(&mut world, ALICE);
    assert_eq!(pictures.len(), 1);
    assert_eq!(shown(&mut world, BOB), pictures);
}

#[test]
fn who_is_blocked_does_not_ask() {
    let mut world = together();
    world.replica(ALICE).set_device(id(BOB), None, Some(true)).unwrap();
    world.commit(ALICE);
    world.connect(BOB, ALICE);
    let now = world.now;
    let refused = world.replica(BOB).compare_with(now, id(ALICE));
    assert!(matches!(refused, Err(CommandError::NotFound(_))), "{refused:?}");
    assert!(shown(&mut world, ALICE).is_empty());
}

#[test]
fn it_is_for_devices_that_share_a_room() {
    let mut world = together();
    world.connect(CAROL, ALICE);
    world.settle();
    let now = world.now;
    let refused = world.replica(ALICE).compare_with(now, id(CAROL));
    assert!(matches!(refused, Err(CommandError::Invalid(_))), "{refused:?}");
}

/// However it is timed, both come to show the same or nothing.
#[test]
fn both_show_the_same_whoever_asks_when() {
    for seed in 0..200 {
        let mut random = Seeded::new(seed);
        let mut world = World::seeded(&["alice", "bob"], seed);
        world.room_of(2);
        world.settle();
        let mut pictures = [Vec::new(), Vec::new()];
        for _ in 0..60 {
            let now = world.now;
            let (one, other) = if random.below(2) == 0 { (ALICE, BOB) } else { (BOB, ALICE) };
            match random.below(12) {
                0 => drop(world.replica(one).compare_with(now, id(other)).unwrap()),
                2 if undecided(&mut world, one, other).is_some() => {
                    confirm(&mut world, one, other, random.below(2) == 0)
                }
                3 => world.advance(random.below(1000) as u64),
                _ => drop(world.deliver_one(&mut |waiting| random.below(waiting))),
            }
            for device in [ALICE, BOB] {
                world.commit(device);
                pictures[device].extend(shown(&mut world, device));
            }
        }
        deliver(&mut world);
        for device in [ALICE, BOB] {
            pictures[device].extend(shown(&mut world, device));
        }
        let [alices, bobs] = pictures;
        let alike = |one: &[Pictures], other: &[Pictures]| one.iter().filter(|each| other.contains(each)).count();
        let both = alike(&alices, &bobs);
        assert_eq!(both, alike(&bobs, &alices), "seed {seed}");
        assert_eq!(both, alices.len().min(bobs.len()), "seed {seed}: {alices:?} {bobs:?}");
        assert!(world.connected(ALICE, BOB), "seed {seed}");
    }
}

/// Mallory holds both other devices' keys in the eyes of the other: each of the two is connected with her, and what they
/// say to compare is handed on.
#[test]
fn whoever_stands_between_is_seen() {
    const MALLORY: usize = CAROL;
    for seed in 0..40 {
        let mut world = World::seeded(&["alice", "bob", "mallory"], seed);
        world.room_of(3);
        world.connect(BOB, MALLORY);
        world.settle();
        for device in [ALICE, BOB] {
            world.events(device);
        }
        // Alice takes mallory for bob and asks; so does mallory ask bob, who takes her for alice.
        ask(&mut world, ALICE, MALLORY);
        deliver_all(&mut world);
        ask(&mut world, MALLORY, BOB);
        deliver_all(&mut world);
        let (alices, bobs) = (shown(&mut world, ALICE), shown(&mut world, BOB));
        assert_eq!((alices.len(), bobs.len()), (1, 1));
        assert_ne!(alices, bobs);
    }
    // What she hands on as it came is broken.
    let mut world = World::new(&["alice", "bob", "mallory"]);
    world.room_of(3);
    world.connect(BOB, MALLORY);
    world.settle();
    for device in [ALICE, BOB] {
        world.events(device);
    }
    ask(&mut world, ALICE, MALLORY);
    for _ in 0..3 {
        for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
            let frames = world.heard(from, MALLORY);
            for bytes in frames.into_iter().filter(|bytes| is_of_comparing(bytes)) {
                world.tell(MALLORY, to, &bytes);
            }
            world.commit(to);
        }
    }
    assert_eq!(over(&mut world, BOB), [(CompareOver::Broken, true)]);
    assert!(!world.connected(BOB, MALLORY));
}

fn is_of_comparing(bytes: &[u8]) -> bool {
    matches!(
        Frame::decode(bytes),
        Ok(Frame::Compare(_) | Frame::CompareAnswer(_) | Frame::CompareReveal(_) | Frame::CompareEnd(_))
    )
}

fn deliver_all(world: &mut World) {
    loop {
        for device in [ALICE, BOB, CAROL] {
            world.commit(device);
        }
        if !world.deliver_one(&mut |_| 0) {
            return;
        }
    }
}

#[test]
fn what_is_remembered_of_who_asked_is_bounded() {
    let mut world = together();
    for _ in 0..limits::COMPARISONS {
        ask(&mut world, BOB, ALICE);
        deliver(&mut world);
        confirm(&mut world, ALICE, BOB, false);
        deliver(&mut world);
    }
    world.events(ALICE);
    // Another connection does not begin the count anew.
    world.cut(ALICE, BOB);
    world.connect(BOB, ALICE);
    deliver(&mut world);
    world.events(BOB);
    ask(&mut world, BOB, ALICE);
    deliver(&mut world);
    assert_eq!(over(&mut world, BOB), [(CompareOver::Refused(CompareEndReason::Busy), false)]);
    assert!(shown(&mut world, ALICE).is_empty());
    world.advance(limits::COMPARISONS_MS);
    ask(&mut world, BOB, ALICE);
    deliver(&mut world);
    assert_eq!(shown(&mut world, ALICE).len(), 1);
}
