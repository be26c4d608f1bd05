use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Listeners and others of one room, each with its own choice, on a network where some are switched off.
struct Gathering {
    devices: Vec<(DeviceId, Listeners)>,
    listening: usize,
    /// Whether a listener is reached from a device.
    reached: Box<dyn Fn(usize, usize) -> bool>,
    /// Who dialled whom.
    connections: BTreeSet<(usize, usize)>,
    failed: BTreeMap<(usize, usize), u64>,
    dialled: u64,
}

fn id(n: usize) -> DeviceId {
    DeviceId::new(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

impl Gathering {
    /// The first `listening` of `all` devices listen.
    fn new(room: u8, listening: usize, all: usize, reached: impl Fn(usize, usize) -> bool + 'static) -> Self {
        let room = RoomId::new([room; 32]);
        let devices = (0..all).map(|n| (id(n), Listeners::new(room, id(n), (0..listening).map(id)))).collect();
        let (connections, failed) = (BTreeSet::new(), BTreeMap::new());
        Self { devices, listening, reached: Box::new(reached), connections, failed, dialled: 0 }
    }

    fn connected(&self, a: usize, b: usize) -> bool {
        self.connections.contains(&(a, b)) || self.connections.contains(&(b, a))
    }

    fn listeners_of(&self, me: usize) -> usize {
        (0..self.listening).filter(|other| self.connected(me, *other)).count()
    }

    /// One device looks once, dials, and ends what is one too many. Whether anything came of it.
    fn look(&mut self, me: usize, turn: u64) -> bool {
        let numbers: BTreeMap<DeviceId, usize> = (0..self.listening).map(|n| (id(n), n)).collect();
        let (device, mut listeners) = self.devices[me].clone();
        let reach = |other: DeviceId| match numbers[&other] {
            other if self.connected(me, other) => Reach::Connected,
            other => self.failed.get(&(me, other)).map_or(Reach::Untried, |at| Reach::Failed(*at)),
        };
        let choice = if me < self.listening {
            listeners.choose_listening(reach, &BTreeSet::new())
        } else {
            listeners.choose(device, turn, reach, &BTreeSet::new())
        };
        self.devices[me].1 = listeners;
        let keep: BTreeSet<usize> = choice.keep.iter().map(|kept| numbers[kept]).collect();
        let before = self.connections.len();
        self.connections.retain(|(from, to)| *from != me || keep.contains(to));
        let mut moved = self.connections.len() != before;
        for other in choice.dial.iter().map(|dialled| numbers[dialled]) {
            self.dialled += 1;
            if (self.reached)(me, other) {
                moved |= self.connections.insert((me, other));
                self.failed.remove(&(me, other));
            } else {
                moved |= self.failed.insert((me, other), self.dialled).is_none();
            }
        }
        moved
    }

    /// Everyone looks until nothing changes any more.
    fn settle(&mut self, present: &[usize], turn: u64) {
        for _ in 0..400 {
            let moved: Vec<bool> = present.iter().map(|me| self.look(*me, turn)).collect();
            if moved.iter().all(|moved| !moved) {
                return;
            }
        }
        panic!("they never come to rest");
    }

    /// Those that are connected with the first, over any number of others.
    fn group(&self, first: usize) -> BTreeSet<usize> {
        let mut group = BTreeSet::from([first]);
        loop {
            let near = |n: &usize| group.iter().any(|member| self.connected(*member, *n));
            let more: Vec<usize> = (0..self.devices.len()).filter(|n| !group.contains(n)).filter(near).collect();
            if more.is_empty() {
                return group;
            }
            group.extend(more);
        }
    }
}

fn lots_of(rng: u64, count: usize, percent: u64) -> Vec<usize> {
    (0..count).filter(|n| lot(&[&rng.to_be_bytes(), &n.to_be_bytes()]) % 100 < percent).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn listeners_are_one_group_however_many_of_them_are_reached(
        room: u8, rng: u64, count in 1_usize..200, percent in 1_u64..=100,
    ) {
        let present = lots_of(rng, count, percent);
        prop_assume!(!present.is_empty());
        let up: BTreeSet<usize> = present.iter().copied().collect();
        let mut gathering = Gathering::new(room, count, count, move |_, other| up.contains(&other));
        gathering.settle(&present, 0);
        let group = gathering.group(present[0]);
        prop_assert_eq!(group.len(), present.len());
        if count > MESH {
            for me in &present {
                let own = gathering.connections.iter().filter(|(from, _)| from == me).count();
                prop_assert!(own <= RING + LOTS, "{} dialled {}", me, own);
            }
        }
    }

    #[test]
    fn who_does_not_listen_reaches_two_where_there_are_two(
        room: u8, rng: u64, count in 1_usize..200, percent in 1_u64..=100, turn: u64,
    ) {
        let up: BTreeSet<usize> = lots_of(rng, count, percent).into_iter().collect();
        let expected = up.len().min(2);
        let mut gathering = Gathering::new(room, count, count + 1, move |_, other| up.contains(&other));
        gathering.settle(&[count], turn);
        prop_assert_eq!(gathering.listeners_of(count), expected);
        // The next turn begins with two, and ends with two.
        gathering.settle(&[count], turn.wrapping_add(1));
        prop_assert_eq!(gathering.listeners_of(count), expected);
    }
}

#[test]
fn of_two_groups_that_do_not_reach_each_other_everyone_hears_the_other_in_time() {
    // Six listeners in two halves of which none reaches one of the other half, and six clients who reach them all.
    let halves = |from: usize, to: usize| from >= 6 || from / 3 == to / 3;
    let mut gathering = Gathering::new(1, 6, 12, halves);
    let everyone: Vec<usize> = (0..12).collect();
    let mut heard: Vec<BTreeSet<usize>> = (0..12).map(|n| BTreeSet::from([n])).collect();
    for turn in 0..30 {
        // What was not reached is tried again.
        gathering.failed.clear();
        gathering.settle(&everyone, turn);
        for n in 0..12 {
            let group = gathering.group(n);
            let all: BTreeSet<usize> = group.iter().flat_map(|member| heard[*member].clone()).collect();
            heard[n].extend(all);
        }
        if heard.iter().all(|heard| heard.len() == 12) {
            return;
        }
    }
    panic!("{heard:?}");
}

#[test]
fn clients_wander_so_that_each_meets_every_listener() {
    let mut gathering = Gathering::new(3, 8, 9, |_, _| true);
    let mut met = BTreeSet::new();
    for turn in 0..100 {
        gathering.settle(&[8], turn);
        assert_eq!(gathering.listeners_of(8), 2, "in turn {turn}");
        met.extend((0..8).filter(|listener| gathering.connected(8, *listener)));
    }
    assert_eq!(met.len(), 8);
}

/// A client whose listener is gone dials one other at once, and comes back to nobody it is not short of.
#[test]
fn who_lost_one_of_two_dials_one_more() {
    let mut gathering = Gathering::new(3, 8, 9, |_, _| true);
    gathering.settle(&[8], 0);
    let lost = (0..8).find(|listener| gathering.connected(8, *listener)).unwrap();
    gathering.connections.remove(&(8, lost));
    gathering.failed.insert((8, lost), 0);
    let before = gathering.dialled;
    gathering.settle(&[8], 0);
    assert_eq!(gathering.dialled, before + 1);
    assert_eq!(gathering.listeners_of(8), 2);
}

#[test]
fn a_client_that_reaches_nobody_tries_the_known_ones_by_turns_and_few_at_a_time() {
    let mut gathering = Gathering::new(3, 100, 101, |_, _| false);
    let mut most = 0;
    for _ in 0..40 {
        let before = gathering.dialled;
        gathering.look(100, 0);
        most = most.max(gathering.dialled - before);
    }
    assert!(most <= 2 * (1 + WIDER as u64), "{most} at a time");
    let tried: BTreeSet<usize> = gathering.failed.keys().map(|(_, listener)| *listener).collect();
    assert_eq!(tried.len(), 100);
    let latest = gathering.dialled;
    for _ in 0..60 {
        gathering.look(100, 0);
    }
    assert!(gathering.failed.values().all(|at| *at > latest), "each is tried again");
}

#[test]
fn rooms_of_the_same_devices_share_their_connections() {
    let devices: Vec<DeviceId> = (0..10).map(id).collect();
    let me = id(99);
    let mut connected: BTreeSet<DeviceId> = BTreeSet::new();
    for room in 0..20 {
        let mut listeners = Listeners::new(RoomId::new([room; 32]), me, devices.iter().copied());
        let shared = connected.clone();
        let reach = |other| if connected.contains(&other) { Reach::Connected } else { Reach::Untried };
        let choice = listeners.choose(me, 7, reach, &shared);
        connected.extend(choice.dial);
    }
    assert_eq!(connected.len(), 2);
}
