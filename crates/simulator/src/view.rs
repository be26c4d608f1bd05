//! A room as it lies on a disk, worked out from its entries alone.

use std::collections::BTreeMap;

use lanline_protocol::entry::{Entry, LogKey};
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::identity::PublicKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::membership::{Act, Membership};
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::store::{Arrival, Item, Store};

/// See the module's documentation.
pub(crate) struct View {
    pub(crate) membership: Membership,
    pub(crate) adds: BTreeMap<LogKey, EntryId>,
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
        let mut adds = BTreeMap::new();
        for lane in Lane::ALL {
            for tip in disk.tips(room, lane).ok()? {
                adds.insert(tip.head.log, tip.add);
            }
        }
        Some(Self { membership, adds })
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
        self.membership.limit(log, add).is_some_and(|limit| limit.admits(entry.header.seq, entry.id))
    }
}
