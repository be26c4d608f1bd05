//! Meeting the members of this device's rooms: who listens, who was not reached, whom to dial, which connection is one
//! too many.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Time;
use crate::gathering::{Choice, Listeners, Reach, TURN_MS, phase_ms};
use crate::id::{RoomId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::limits;
use crate::replica::{CloseReason, Replica, Target};
use crate::room::Room;
use crate::session::{ConnectionId, Session, Shared};
use crate::store::Store;

/// It is not looked more often than this whom to dial.
const GATHER_MS: u64 = 50;
/// How long a device that was not reached is passed over for others, at first and at most.
const FAILED_MS: u64 = 15_000;
const FAILED_MAX_MS: u64 = 4 * 60 * 1000;
/// The same for one whose connection ended: it may be back at once.
const PARTED_MS: u64 = 5000;
/// How long a member that does not know the room is left alone, at first and at most: its database is gone or older than
/// its membership, and it cannot be told of a room by who is a stranger to it.
const STRANGE_MS: u64 = 30_000;
const STRANGE_MAX_MS: u64 = 16 * 60 * 1000;
/// How many devices are remembered as not reached, and as strangers.
const FAILED: usize = 4096;
/// How long a connection may take to open a room before it counts as of no use for it.
const OPENS_MS: u64 = 10_000;
/// How long a connection that is one too many may take to come to rest.
const RESTS_MS: u64 = 30_000;
/// How many devices are named at most.
const TARGETS: usize = 256;

/// A device that was not reached.
#[derive(Clone, Copy, Debug)]
struct Failure {
    times: u32,
    at_ms: u64,
    until_ms: u64,
}

/// The listeners of one room, with their keys.
#[derive(Debug)]
struct Known {
    listeners: Listeners,
    keys: BTreeMap<DeviceId, PublicKey>,
}

/// What is kept between two looks.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    /// Whether what it depends on is as it was at the last look.
    settled: bool,
    /// When to look again all the same.
    due_ms: u64,
    /// Before this it is not looked.
    earliest_ms: u64,
    rooms: BTreeMap<RoomId, Known>,
    failures: BTreeMap<DeviceId, Failure>,
    /// Members that were reached and know nothing of a room in common.
    strangers: BTreeMap<DeviceId, Failure>,
    /// Connections that this device dialled; of those that are one too many, since when.
    dialled: BTreeMap<ConnectionId, Option<u64>>,
    /// Devices that a person wants to be connected to, and to be left alone.
    asked: BTreeSet<DeviceId>,
    held: BTreeSet<DeviceId>,
    targets: Vec<Target>,
    looks: u64,
    /// Counts what may have changed who belongs.
    belonging: u64,
}

impl Gathering {
    pub(crate) fn due_ms(&self) -> u64 {
        if self.settled { self.due_ms } else { self.earliest_ms }
    }

    pub(crate) fn connected(&mut self, device: DeviceId, dialled: Option<ConnectionId>) {
        self.failures.remove(&device);
        self.dialled.extend(dialled.map(|connection| (connection, None)));
        self.settled = false;
    }

    /// A room is open on a connection with a device.
    pub(crate) fn opened(&mut self, device: DeviceId) {
        self.strangers.remove(&device);
        self.settled = false;
    }

    /// A connection ended. Where it lasted and the device knew none of the rooms it was told of, that is noted.
    pub(crate) fn ended(&mut self, now: Time, session: &Session) {
        if !session.estranged || now.steady_ms < session.since_ms.saturating_add(OPENS_MS) {
            return;
        }
        let device = session.device;
        let times = self.strangers.get(&device).map_or(0, |before| before.times);
        let for_ms = STRANGE_MS.saturating_mul(1 << times.min(8)).min(STRANGE_MAX_MS);
        let until_ms = now.steady_ms.saturating_add(for_ms);
        let failure = Failure { times: times.saturating_add(1), at_ms: now.steady_ms, until_ms };
        remember(&mut self.strangers, device, failure);
        self.settled = false;
    }

    /// A connection's end was heard of.
    pub(crate) fn parted(&mut self, now: Time, device: DeviceId) {
        self.fail(device, 0, now.steady_ms, PARTED_MS);
    }

    pub(crate) fn forgot(&mut self, connection: ConnectionId) {
        self.dialled.remove(&connection);
        self.settled = false;
    }

    /// Somebody else listens in a room, or belongs to it.
    pub(crate) fn changed(&mut self, room: RoomId) {
        self.rooms.remove(&room);
        self.belonging = self.belonging.wrapping_add(1);
        self.settled = false;
    }

    /// A device is at another address, or blocked or not, or this one listens or stops.
    pub(crate) fn found(&mut self) {
        self.rooms.clear();
        self.belonging = self.belonging.wrapping_add(1);
        self.settled = false;
    }

    /// A device was found on the network: it is to be tried there, however often it was not reached elsewhere.
    pub(crate) fn sighted(&mut self, device: DeviceId, is_new: bool) {
        if is_new {
            self.rooms.clear();
        }
        self.failures.remove(&device);
        self.settled = false;
    }

    /// A device is not found on the network any more.
    pub(crate) fn lost(&mut self) {
        self.rooms.clear();
        self.settled = false;
    }

    pub(crate) fn belonging(&self) -> u64 {
        self.belonging
    }

    fn fail(&mut self, device: DeviceId, times: u32, at_ms: u64, for_ms: u64) {
        remember(&mut self.failures, device, Failure { times, at_ms, until_ms: at_ms.saturating_add(for_ms) });
        self.settled = false;
    }
}

/// Remembers a failure, in the place of the oldest where there are too many.
fn remember(failures: &mut BTreeMap<DeviceId, Failure>, device: DeviceId, failure: Failure) {
    if failures.len() >= FAILED && !failures.contains_key(&device) {
        let oldest = failures.iter().min_by_key(|(_, failure)| failure.at_ms).map(|(device, _)| *device);
        oldest.map(|oldest| failures.remove(&oldest));
    }
    failures.insert(device, failure);
}

impl<S: Store> Replica<S> {
    /// Devices that this one wants to be connected to, and is not; as of the last commit.
    pub fn targets(&self) -> &[Target] {
        &self.gathering.targets
    }

    /// How often it was looked whom to dial: as long as it is the same, so are [`Replica::targets`].
    pub fn looks(&self) -> u64 {
        self.gathering.looks
    }

    /// An attempt to reach a device failed, at all of its addresses: others are tried in its place for a while.
    pub fn unreached(&mut self, now: Time, device: DeviceId) {
        let times = self.gathering.failures.get(&device).map_or(1, |failure| failure.times.saturating_add(1));
        let passed_over = FAILED_MS.saturating_mul(1 << (times - 1).min(8)).min(FAILED_MAX_MS);
        self.gathering.fail(device, times, now.steady_ms, passed_over);
    }

    /// This device is on another network: who was not reached on the last one may be on this one.
    pub fn moved(&mut self) {
        self.gathering.failures.clear();
        self.gathering.settled = false;
    }

    /// Whom a person asked for, who stays connected and is dialled like a listener of every room; and who is to be left
    /// alone. Replaces what was said before.
    pub fn set_wishes(&mut self, asked: BTreeSet<DeviceId>, held: BTreeSet<DeviceId>) {
        self.gathering.asked = asked;
        self.gathering.held = held;
        self.gathering.settled = false;
    }

    /// Where a member of a room in common may be, connected or not, as `ip:port`, best first.
    pub fn known_addresses(&self, device: DeviceId) -> Vec<String> {
        let mut members = self.own_rooms().flat_map(|room| room.membership.iter().flat_map(|m| m.members.keys()));
        let key = members.find(|key| **key != self.me && key.device_id() == device);
        key.map(|key| self.addresses_of(key)).unwrap_or_default()
    }

    pub(crate) fn own_rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter(|room| room.is_member(&self.me))
    }

    /// Where a device was reached last, and where it told members to be.
    pub(crate) fn trusted_addresses<'a>(&'a self, key: &'a PublicKey) -> impl Iterator<Item = &'a String> {
        let last = self.devices.get(key).and_then(|device| device.address.as_ref());
        let rooms = self.own_rooms().filter(|room| room.is_member(key));
        last.into_iter().chain(rooms.flat_map(|room| told_addresses(room, key)))
    }

    fn addresses_of(&self, key: &PublicKey) -> Vec<String> {
        let mut unique: Vec<String> = Vec::new();
        // Where it was heard a minute ago is surer than where it once was.
        for address in self.found.of(key).iter().chain(self.trusted_addresses(key)) {
            if unique.len() >= limits::ADDRESSES {
                break;
            }
            if !unique.contains(address) {
                unique.push(address.clone());
            }
        }
        unique
    }

    /// Looks whom to dial and which connection is one too many, if it is time.
    pub(crate) fn gather(&mut self, now: Time) {
        let mut gathering = std::mem::take(&mut self.gathering);
        let surplus = if now.steady_ms >= gathering.due_ms() && now.steady_ms >= gathering.earliest_ms {
            self.look(now, &mut gathering)
        } else {
            None
        };
        self.gathering = gathering;
        if let Some(connection) = surplus {
            self.close(connection, CloseReason::Surplus);
        }
    }

    fn look(&self, now: Time, gathering: &mut Gathering) -> Option<ConnectionId> {
        let steady = now.steady_ms;
        let turned = now.wall_ms().wrapping_add(phase_ms(self.device));
        let turn = turned / TURN_MS;
        let mut due_ms = steady.saturating_add(TURN_MS - turned % TURN_MS);
        let Gathering { rooms, failures, strangers, asked, held, .. } = gathering;
        strangers.retain(|_, stranger| stranger.until_ms.saturating_add(STRANGE_MAX_MS) > steady);
        let strange = strangers.iter().filter(|(_, stranger)| stranger.until_ms > steady);
        let mut alone: BTreeSet<DeviceId> = held.iter().chain(strange.map(|(device, _)| device)).copied().collect();
        alone.extend(self.known.blocked());
        rooms.retain(|id, _| self.rooms.get(id).is_some_and(|room| room.is_member(&self.me)));
        let mut keep: BTreeSet<DeviceId> = asked.clone();
        let mut wishes: Vec<Vec<(DeviceId, PublicKey)>> = Vec::new();
        let listens = !self.listening.is_empty();
        for room in self.own_rooms() {
            let Known { listeners, keys } = rooms.entry(room.id).or_insert_with(|| self.listeners_of(room));
            let reach = |device| self.reach(room.id, device, steady, failures, &alone);
            let Choice { keep: kept, dial: dialled } = if listens {
                listeners.choose_listening(reach, &keep)
            } else {
                listeners.choose(self.device, turn, reach, &keep)
            };
            keep.extend(kept);
            let wanted =
                asked.iter().filter(|device| !self.by_device.contains_key(*device) && !alone.contains(*device));
            let mut wished: Vec<(DeviceId, PublicKey)> =
                wanted.chain(&dialled).filter_map(|device| keys.get(device).map(|key| (*device, *key))).collect();
            wished.sort_by_key(|(device, _)| (!asked.contains(device), failures.contains_key(device)));
            wishes.push(wished);
        }
        // Each room in turn, so that none waits for all of another's to answer.
        let mut dial: BTreeMap<DeviceId, PublicKey> = BTreeMap::new();
        let longest = wishes.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn = (0..longest).flat_map(|turn| wishes.iter().filter_map(move |wished| wished.get(turn)));
        for (device, key) in in_turn {
            if dial.len() >= TARGETS {
                break;
            }
            dial.insert(*device, *key);
        }
        let mut targets = Vec::new();
        for (device, key) in &dial {
            let addresses = self.addresses_of(key);
            if !addresses.is_empty() {
                targets.push(Target { device: *device, addresses });
            }
        }
        gathering.targets = targets;
        let surplus = self.surplus(steady, gathering, &keep);
        gathering.failures.retain(|_, failure| failure.until_ms.saturating_add(FAILED_MAX_MS) > steady);
        let failures = gathering.failures.values().chain(gathering.strangers.values());
        let expiring = failures.map(|failure| failure.until_ms).filter(|until| *until > steady);
        due_ms = expiring.min().map_or(due_ms, |until| until.min(due_ms));
        let opening = self
            .sessions
            .values()
            .map(|session| session.since_ms.saturating_add(OPENS_MS))
            .filter(|until| *until > steady);
        due_ms = opening.min().map_or(due_ms, |until| until.min(due_ms));
        if gathering.dialled.values().any(Option::is_some) {
            due_ms = due_ms.min(steady + 1000);
        }
        gathering.due_ms = due_ms;
        gathering.earliest_ms = steady + GATHER_MS;
        gathering.settled = true;
        gathering.looks += 1;
        surplus
    }

    fn listeners_of(&self, room: &Room) -> Known {
        let members = room.membership.iter().flat_map(|membership| membership.members.keys());
        let listening = members.filter(|key| {
            let dialled = || self.devices.get(key).is_some_and(|device| device.address.is_some());
            **key != self.me && (told_addresses(room, key).next().is_some() || dialled() || self.found.holds(key))
        });
        let keys: BTreeMap<DeviceId, PublicKey> = listening.map(|key| (key.device_id(), *key)).collect();
        Known { listeners: Listeners::new(room.id, self.device, keys.keys().copied()), keys }
    }

    fn reach(
        &self,
        room: RoomId,
        device: DeviceId,
        steady_ms: u64,
        failures: &BTreeMap<DeviceId, Failure>,
        alone: &BTreeSet<DeviceId>,
    ) -> Reach {
        if let Some(session) = self.by_device.get(&device).and_then(|connection| self.sessions.get(connection)) {
            return if session.shared.get(&room).is_some_and(|shared| shared.open()) {
                Reach::Connected
            } else if steady_ms < session.since_ms.saturating_add(OPENS_MS) {
                Reach::Coming
            } else {
                Reach::Apart
            };
        }
        match failures.get(&device) {
            _ if alone.contains(&device) => Reach::Apart,
            Some(failure) if steady_ms < failure.until_ms => Reach::Failed(failure.at_ms),
            _ => Reach::Untried,
        }
    }

    /// A connection that this device dialled by itself, that no room needs and on which all is said; one at a time.
    fn surplus(&self, steady_ms: u64, gathering: &mut Gathering, keep: &BTreeSet<DeviceId>) -> Option<ConnectionId> {
        let mut surplus = None;
        for (connection, since_ms) in &mut gathering.dialled {
            let Some(session) = self.sessions.get(connection) else { continue };
            let needed = keep.contains(&session.device) || !session.joining.is_empty() || !session.shares_a_room();
            if needed {
                *since_ms = None;
                continue;
            }
            let since = *since_ms.get_or_insert(steady_ms);
            if surplus.is_none() && (is_at_rest(session) || steady_ms >= since.saturating_add(RESTS_MS)) {
                surplus = Some(*connection);
            }
        }
        surplus
    }
}

/// Whether both sides have said all there is.
fn is_at_rest(session: &Session) -> bool {
    let at_rest = |shared: &Shared| {
        Lane::ALL.iter().all(|lane| {
            let state = shared.lanes.get(*lane);
            state.said_end && state.their_end && state.in_flight.is_empty()
        })
    };
    session.tellings.is_empty() && session.shared.values().all(|shared| at_rest(shared))
}

fn told_addresses<'a>(room: &'a Room, key: &PublicKey) -> impl Iterator<Item = &'a String> {
    let of_key = (*key, StoreId::new([0; 16]))..=(*key, StoreId::new([0xff; 16]));
    room.addresses.range(of_key).flat_map(|(_, addresses)| addresses)
}
