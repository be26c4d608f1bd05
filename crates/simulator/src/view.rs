//! A room as it lies on a disk, worked out from its entries alone.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::entry::{Entry, LogKey};
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::identity::PublicKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::membership::{Act, Limit, Membership, Tips};
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::store::{Arrival, Item, Store};

/// See the module's documentation.
pub(crate) struct View {
    pub(crate) membership: Membership,
    pub(crate) adds: BTreeMap<LogKey, EntryId>,
    cut: BTreeMap<LogKey, Left>,
}

/// What a cut leaves of a log.
#[derive(Default)]
struct Left {
    /// What it names and what stands before that.
    held: BTreeSet<EntryId>,
    /// What it names and is not held, or what stands before it and was lost: of what is before that only the numbers
    /// are known.
    not_held: Tips,
}

impl Left {
    fn of(disk: &MemoryStore, room: RoomId, log: LogKey, tips: &Tips) -> Option<Self> {
        let mut left = Self::default();
        for (mut seq, mut id) in tips.iter().copied() {
            while left.held.insert(id) {
                let held = disk.at(room, log, seq).ok()?;
                let Some(stored) = held.iter().find(|stored| stored.entry.id == id) else {
                    left.held.remove(&id);
                    left.not_held.insert((seq, id));
                    break;
                };
                let Some(previous) = stored.entry.header.previous else { break };
                (seq, id) = (seq - 1, previous);
            }
        }
        Some(left)
    }
}

/// The entries of the membership lane, each with its arrival.
pub(crate) fn acts(disk: &MemoryStore, room: RoomId) -> Option<BTreeMap<EntryId, (Arrival, Act)>> {
    let items = disk.page(room, Lane::Membership, 0, usize::MAX, usize::MAX).ok()?;
    let entries = items.into_iter().filter_map(|item| match item {
        Item::Entry(stored) => Some((stored.entry.id, (stored.arrival, Act::of(&stored.entry)))),
        _ => None,
    });
    Some(entries.collect())
}

impl View {
    pub(crate) fn of(disk: &MemoryStore, room: RoomId) -> Option<Self> {
        Self::until(disk, room, Arrival::MAX)
    }

    /// As it was before an arrival of the membership lane.
    pub(crate) fn until(disk: &MemoryStore, room: RoomId, before: Arrival) -> Option<Self> {
        let mut acts = acts(disk, room)?;
        acts.retain(|_, (arrival, _)| *arrival < before);
        let acts = acts.into_iter().map(|(id, (_, act))| (id, act)).collect();
        let membership = Membership::evaluate(room, &acts)?;
        let (mut adds, mut cut) = (BTreeMap::new(), BTreeMap::new());
        for lane in Lane::ALL {
            for tip in disk.tips(room, lane).ok()? {
                adds.insert(tip.head.log, tip.add);
                if let Some(Limit::Cut(tips)) = membership.limit(tip.head.log, tip.add) {
                    cut.insert(tip.head.log, Left::of(disk, room, tip.head.log, &tips)?);
                }
            }
        }
        Some(Self { membership, adds, cut })
    }

    pub(crate) fn is_member(&self, key: &PublicKey) -> bool {
        self.membership.is_member(key)
    }

    /// Whether an entry counts. Of a log that is not held: as far as its first entry says.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        let log = entry.header.log_key();
        let Some(add) = self.adds.get(&log).copied().or(entry.header.add) else {
            return entry.header.room.is_none();
        };
        self.counts_under(log, add, entry.header.seq, entry.id)
    }

    /// As [`Self::counts`], of an entry of a log under an add.
    pub(crate) fn counts_under(&self, log: LogKey, add: EntryId, seq: u64, id: EntryId) -> bool {
        let Some(limit) = self.membership.limit(log, add) else { return false };
        match self.cut.get(&log) {
            Some(left) => left.held.contains(&id) || Limit::Cut(left.not_held.clone()).admits(seq, id),
            None => limit.admits(seq, id),
        }
    }
}
