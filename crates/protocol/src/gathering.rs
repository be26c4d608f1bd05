//! Whom of a room's listeners to be connected to, as a pure choice.
//!
//! Listeners are connected to every other, or, where they are many, to the next ones in a ring and to a few drawn by
//! lot. Who does not listen holds two connections: one that stays, and one that wanders, to another listener each turn,
//! so that no two groups stay apart. Lots are rendezvous hashes (Thaler and Ravishankar, "A Name-Based Mapping Scheme for
//! Rendezvous", 1996): every device draws its own order, and who comes or goes moves nobody else.

use std::collections::BTreeSet;

use crate::id::RoomId;
use crate::identity::DeviceId;

/// Up to this many listeners, this device included, each is connected to every other.
pub(crate) const MESH: usize = 16;
/// How long the wandering connection stays with one listener, in milliseconds.
pub(crate) const TURN_MS: u64 = 10 * 60 * 1000;
/// Above [`MESH`]: to how many of those that follow in the order of ids.
const RING: usize = 2;
/// Above [`MESH`]: to how many others.
const LOTS: usize = 4;
/// How many are dialled beside those that are wanted, once others were not reached.
const WIDER: usize = 8;
/// How many of those that were not reached lately are tried all the same, where nobody else is left: with nobody connected
/// for the places in question, and with somebody. The wandering place of a client counts by itself.
const RETRIED_ALONE: usize = 8;
const RETRIED: usize = 2;

/// How a listener stands to this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Connected, and the room is open there.
    Connected,
    /// Connected; it is not yet known whether for this room.
    Coming,
    /// Connected for other things, or not to be dialled.
    Apart,
    /// Not reached, the last time at this time.
    Failed(u64),
    /// To be tried.
    Untried,
}

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Connected, and to stay so.
    pub(crate) keep: Vec<DeviceId>,
    /// To be dialled, best first.
    pub(crate) dial: Vec<DeviceId>,
}

/// A room's listeners other than this device, in this device's own orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners {
    /// By id, beginning with those after this device's own.
    ring: Vec<DeviceId>,
    /// By lot.
    lots: Vec<DeviceId>,
    /// By the lot of a turn.
    wandering: (u64, Vec<DeviceId>),
}

fn lot(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("lanline/1 2026 gathering");
    for part in parts {
        hasher.update(part);
    }
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

/// When this device's turns begin: spread, so that not all wander at once.
pub(crate) fn phase_ms(me: DeviceId) -> u64 {
    lot(&[me.as_bytes()]) % TURN_MS
}

impl Listeners {
    /// Of these devices.
    pub(crate) fn new(room: RoomId, me: DeviceId, devices: impl IntoIterator<Item = DeviceId>) -> Self {
        let others: BTreeSet<DeviceId> = devices.into_iter().filter(|device| *device != me).collect();
        let ring = others.range(me..).chain(others.range(..me)).copied().collect();
        let mut lots: Vec<DeviceId> = others.into_iter().collect();
        lots.sort_by_cached_key(|device| (lot(&[room.as_bytes(), device.as_bytes(), me.as_bytes()]), *device));
        Self { ring, lots, wandering: (0, Vec::new()) }
    }

    /// For a device that listens. `shared`: those that it is connected to for other rooms as well.
    pub(crate) fn choose_listening(&self, reach: impl Fn(DeviceId) -> Reach, shared: &BTreeSet<DeviceId>) -> Choice {
        let mut picking = Picking::new(reach, shared);
        if self.ring.len() < MESH {
            for device in &self.ring {
                match (picking.reach)(*device) {
                    Reach::Connected => picking.choice.keep.push(*device),
                    Reach::Failed(_) | Reach::Untried => picking.choice.dial.push(*device),
                    Reach::Coming | Reach::Apart => {}
                }
            }
        } else {
            picking.pick(&self.ring, RING, true);
            picking.pick(&self.lots, LOTS, false);
        }
        picking.choice
    }

    /// For a device that does not.
    pub(crate) fn choose(
        &mut self,
        me: DeviceId,
        turn: u64,
        reach: impl Fn(DeviceId) -> Reach,
        shared: &BTreeSet<DeviceId>,
    ) -> Choice {
        if self.wandering.0 != turn || self.wandering.1.len() != self.lots.len() {
            let mut order = self.lots.clone();
            // Without the room: rooms of the same devices wander together.
            order.sort_by_cached_key(|device| (lot(&[&turn.to_be_bytes(), device.as_bytes(), me.as_bytes()]), *device));
            self.wandering = (turn, order);
        }
        let wandering = &self.wandering.1;
        let mut picking = Picking::new(reach, shared);
        let best = wandering.iter().find(|d| !matches!((picking.reach)(**d), Reach::Failed(_) | Reach::Apart)).copied();
        if let Some(best) = best.filter(|best| (picking.reach)(*best) == Reach::Connected) {
            picking.choice.keep.push(best);
            picking.taken.insert(best);
            picking.pick(&self.lots, 1, false);
        } else {
            picking.pick(&self.lots, 1, false);
            picking.pick(wandering, 1, true);
        }
        picking.choice
    }
}

struct Picking<'a, F> {
    reach: F,
    shared: &'a BTreeSet<DeviceId>,
    choice: Choice,
    taken: BTreeSet<DeviceId>,
}

impl<'a, F: Fn(DeviceId) -> Reach> Picking<'a, F> {
    fn new(reach: F, shared: &'a BTreeSet<DeviceId>) -> Self {
        Self { reach, shared, choice: Choice::default(), taken: BTreeSet::new() }
    }

    /// Fills so many places in an order. Strictly: by the first that can be reached; those behind them stay connected
    /// until then. Else whoever is connected will do, those that other rooms need first.
    fn pick(&mut self, order: &[DeviceId], places: usize, strictly: bool) {
        let (mut kept, mut coming, mut untried, mut failed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for device in order.iter().filter(|device| !self.taken.contains(device)) {
            match (self.reach)(*device) {
                Reach::Connected => kept.push(*device),
                Reach::Coming if coming.len() < places => coming.push(*device),
                Reach::Untried if untried.len() < places + WIDER => untried.push(*device),
                Reach::Failed(at) => failed.push((at, *device)),
                Reach::Coming | Reach::Untried | Reach::Apart => {}
            }
            if strictly && kept.len() == places {
                break;
            }
        }
        if !strictly {
            kept.sort_by_key(|device| !self.shared.contains(device));
            kept.truncate(places);
        }
        let filled = coming.len() + if strictly { 0 } else { kept.len() };
        let wanted = places.saturating_sub(filled);
        if wanted > 0 {
            untried.truncate(wanted + (failed.len() / 2).min(WIDER));
            if kept.len() + coming.len() + untried.len() < places {
                failed.sort_unstable();
                let retried = if kept.is_empty() { RETRIED_ALONE } else { RETRIED };
                untried.extend(failed.into_iter().take(retried).map(|(_, device)| device));
            }
        } else {
            untried.clear();
        }
        self.taken.extend(kept.iter().chain(&coming).chain(&untried));
        self.choice.keep.extend(kept);
        self.choice.dial.extend(untried);
    }
}

#[cfg(test)]
mod tests;
