//! The branches of a log that forked: which of its entries stand before which. Of a log that did not, numbers say it.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::LogKey;
use crate::id::{EntryId, RoomId, ShortId};
use crate::limits;
use crate::membership::Limit;
use crate::planted::{self, Bug};
use crate::room::{Log, TipAt};
use crate::store::{Store, StoreError};

/// One branch, as far as it is no part of another.
#[derive(Clone, Debug)]
struct Branch {
    /// The number that it begins with.
    first: u64,
    /// The branch that it begins on; none where it begins on what all have in common.
    from: Option<usize>,
    /// Its entries, in order.
    ids: Vec<ShortId>,
}

/// A number, and the entries that have it, each with the one before it.
type Level = (u64, Vec<(EntryId, Option<EntryId>)>);

/// A log that forked.
#[derive(Clone, Debug)]
pub(crate) struct Branches {
    /// The first number that two entries have.
    first: u64,
    /// The last entry that all branches have in common.
    trunk: Option<ShortId>,
    /// Each behind the one that it begins on. None where there is too much to be remembered, or some of it is lost: of
    /// what comes from the first number on nothing is known then.
    branches: Vec<Branch>,
}

impl Branches {
    /// Reads back from the tips to where they meet.
    pub(crate) fn read<S: Store>(store: &S, room: RoomId, log: LogKey, tips: &[TipAt]) -> Result<Self, StoreError> {
        let mut waiting: BTreeMap<u64, BTreeSet<EntryId>> = BTreeMap::new();
        for tip in tips {
            waiting.entry(tip.seq).or_default().insert(tip.id);
        }
        let mut levels: Vec<Level> = Vec::new();
        let mut read = 0;
        while let Some((seq, ids)) = waiting.pop_last() {
            if let (Some(id), 1, true) = (ids.first(), ids.len(), waiting.is_empty()) {
                return Ok(Self::of(seq + 1, Some(ShortId::of(*id)), levels));
            }
            read += ids.len();
            let mut level = Vec::new();
            for stored in store.at(room, log, seq)?.iter().filter(|stored| ids.contains(&stored.entry.id)) {
                level.push((stored.entry.id, stored.entry.header.previous));
            }
            if level.len() != ids.len() || read > limits::BRANCHED {
                // The disk lost some of it, or there is too much. Where they meet is further back, nobody knows where.
                return Ok(Self::unknown());
            }
            let before = level.iter().filter_map(|(_, previous)| *previous);
            if seq > 1 {
                waiting.entry(seq - 1).or_default().extend(before);
            }
            levels.push((seq, level));
        }
        Ok(Self::of(1, None, levels))
    }

    /// Where nothing is known of them.
    fn unknown() -> Self {
        Self { first: 1, trunk: None, branches: Vec::new() }
    }

    /// From the first number that two entries have: the entries of each from there on, the last first.
    pub(crate) fn of(first: u64, trunk: Option<ShortId>, mut levels: Vec<Level>) -> Self {
        let mut this = Self { first, trunk, branches: Vec::new() };
        let mut ends: BTreeMap<EntryId, usize> = BTreeMap::new();
        levels.reverse();
        for (seq, level) in levels {
            let mut next: BTreeMap<EntryId, usize> = BTreeMap::new();
            let mut gone_on: BTreeSet<usize> = BTreeSet::new();
            for (id, previous) in level {
                let from = previous.and_then(|previous| ends.get(&previous).copied());
                let branch = from.filter(|from| gone_on.insert(*from)).unwrap_or(this.branches.len());
                match this.branches.get_mut(branch) {
                    Some(branch) => branch.ids.push(ShortId::of(id)),
                    None => this.branches.push(Branch { first: seq, from, ids: vec![ShortId::of(id)] }),
                }
                next.insert(id, branch);
            }
            ends = next;
        }
        this
    }

    /// Whether a number may mean two entries, or is of one branch only.
    pub(crate) fn is_doubled(&self, seq: u64) -> bool {
        seq >= self.first
    }

    /// The last number before that.
    pub(crate) fn common(&self) -> u64 {
        self.first.saturating_sub(1)
    }

    /// The last entry that all branches have in common.
    pub(crate) fn trunk(&self) -> Option<(u64, ShortId)> {
        Some((self.first.checked_sub(1)?, self.trunk?))
    }

    /// The branch that an entry stands on as one of its own.
    fn find(&self, (seq, id): (u64, ShortId)) -> Option<usize> {
        let on = |branch: &Branch| {
            let index = seq.checked_sub(branch.first).and_then(|index| usize::try_from(index).ok());
            index.and_then(|index| branch.ids.get(index)) == Some(&id)
        };
        self.branches.iter().position(on)
    }

    /// Up to which number two entries that are held have the same before them.
    fn shared(&self, one: (u64, ShortId), other: (u64, ShortId)) -> u64 {
        let common = self.first.saturating_sub(1).min(one.0).min(other.0);
        let (Some(mut a), Some(mut b)) = (self.find(one), self.find(other)) else { return common };
        let (mut upto_a, mut upto_b) = (one.0, other.0);
        while a != b {
            // The later of two stands on what came before it.
            let (later, upto) = if a > b { (&mut a, &mut upto_a) } else { (&mut b, &mut upto_b) };
            let Some(branch) = self.branches.get(*later) else { return common };
            let Some(from) = branch.from else { return common };
            (*later, *upto) = (from, branch.first.saturating_sub(1));
        }
        upto_a.min(upto_b)
    }

    /// Whether of two entries that are held one is the other, or stands before it.
    pub(crate) fn lead(&self, one: (u64, ShortId), other: (u64, ShortId)) -> bool {
        self.shared(one, other) >= one.0
    }

    /// A tip moved on.
    fn extend(&mut self, previous: EntryId, seq: u64, id: ShortId) {
        let Some(branch) = seq.checked_sub(1).and_then(|before| self.find((before, ShortId::of(previous)))) else {
            return;
        };
        if let Some(branch) = self.branches.get_mut(branch) {
            branch.ids.push(id);
        }
        if self.branches.iter().map(|branch| branch.ids.len()).sum::<usize>() > limits::BRANCHED {
            // As it would be read.
            *self = Self::unknown();
        }
    }
}

impl Log {
    /// Reads where its branches part, if it has several.
    pub(crate) fn find_branches<S: Store>(&mut self, store: &S, room: RoomId, log: LogKey) -> Result<(), StoreError> {
        self.branches = match self.tips.as_slice() {
            [] | [_] => None,
            tips => Some(Box::new(Branches::read(store, room, log, tips)?)),
        };
        Ok(())
    }

    /// An entry was stored behind another.
    pub(crate) fn grow<S: Store>(
        &mut self,
        store: &S,
        room: RoomId,
        log: LogKey,
        previous: Option<EntryId>,
        tip: TipAt,
    ) -> Result<(), StoreError> {
        let before = self.tips.len();
        self.extend(previous, tip);
        match (self.branches.as_mut(), previous) {
            _ if self.tips.len() > before.max(1) => self.find_branches(store, room, log),
            (Some(branches), Some(previous)) => {
                branches.extend(previous, tip.seq, ShortId::of(tip.id));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether a number of it may mean two entries, or is of one branch only.
    pub(crate) fn is_doubled(&self, seq: u64) -> bool {
        self.branches.as_ref().is_some_and(|branches| branches.is_doubled(seq))
    }

    /// Up to which number two entries of it that are held have the same before them.
    pub(crate) fn shared(&self, one: (u64, ShortId), other: (u64, ShortId)) -> u64 {
        let one = if planted::is(Bug::DeliveredTooHigh) { (one.0 + 1, one.1) } else { one };
        self.branches.as_ref().map_or(one.0.min(other.0), |branches| branches.shared(one, other))
    }

    /// The add that the branch of an entry that is held is written under.
    pub(crate) fn add_of(&self, (seq, id): (u64, EntryId)) -> Option<EntryId> {
        let [first, rest @ ..] = self.tips.as_slice() else { return None };
        if rest.iter().all(|tip| tip.add == first.add) {
            return Some(first.add);
        }
        let leads = |tip: &&TipAt| self.shared((seq, ShortId::of(id)), (tip.seq, ShortId::of(tip.id))) >= seq;
        self.tips.iter().find(leads).map(|tip| tip.add)
    }

    /// Whether a limit leaves an entry that is held. Of what stands before an entry that the limit names and that is
    /// not held, no more is known than that its number is lower.
    pub(crate) fn leaves(&self, limit: &Limit, (seq, id): (u64, EntryId)) -> bool {
        let Limit::Cut(tips) = limit else { return true };
        tips.iter().any(|tip| {
            let named = (tip.0, ShortId::of(tip.1));
            match self.branches.as_ref().filter(|branches| branches.find(named).is_some()) {
                Some(branches) => branches.lead((seq, ShortId::of(id)), named),
                None => seq < tip.0 || (seq, id) == *tip,
            }
        })
    }

    /// Whether a limit leaves room for an entry that is not held: it names it, or another that is not held and comes
    /// later. All that stands before one that is held is held.
    pub(crate) fn has_room<S: Store>(
        &self,
        store: &S,
        room: RoomId,
        log: LogKey,
        limit: &Limit,
        entry: (u64, EntryId),
    ) -> Result<bool, StoreError> {
        let Limit::Cut(tips) = limit else { return Ok(true) };
        for tip in tips {
            let open = entry.0 < tip.0 && !self.holds(store, room, log, (tip.0, ShortId::of(tip.1)))?;
            if open || entry == *tip {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The last entries that a limit leaves of what is held.
    pub(crate) fn ends<S: Store>(
        &self,
        store: &S,
        room: RoomId,
        log: LogKey,
        limit: &Limit,
    ) -> Result<Vec<(u64, EntryId)>, StoreError> {
        let tips = self.tips.iter().map(|tip| (tip.seq, tip.id));
        let Limit::Cut(cut) = limit else { return Ok(tips.collect()) };
        let mut ends: BTreeSet<(u64, EntryId)> = tips.filter(|tip| self.leaves(limit, *tip)).collect();
        if ends.len() < self.tips.len() {
            for tip in cut {
                if self.holds(store, room, log, (tip.0, ShortId::of(tip.1)))? {
                    ends.insert(*tip);
                }
            }
        }
        let stands_before = |one: &(u64, EntryId), other: &(u64, EntryId)| {
            one != other && self.shared((one.0, ShortId::of(one.1)), (other.0, ShortId::of(other.1))) >= one.0
        };
        let all = ends.clone();
        ends.retain(|one| !all.iter().any(|other| stands_before(one, other)));
        Ok(ends.into_iter().collect())
    }

    /// Whether an entry that is named is held.
    pub(crate) fn holds<S: Store>(
        &self,
        store: &S,
        room: RoomId,
        log: LogKey,
        (seq, id): (u64, ShortId),
    ) -> Result<bool, StoreError> {
        if self.tips.iter().any(|tip| tip.seq == seq && ShortId::of(tip.id) == id) {
            return Ok(true);
        }
        if self.highest().is_none_or(|tip| tip.seq < seq) {
            return Ok(false);
        }
        if self.is_doubled(seq) {
            return Ok(self.branches.as_ref().is_some_and(|branches| branches.find((seq, id)).is_some()));
        }
        Ok(store.at(room, log, seq)?.iter().any(|stored| ShortId::of(stored.entry.id) == id))
    }
}

#[cfg(feature = "conformance")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Chain;
    use crate::entry::Entry;
    use crate::id::Hash;
    use crate::kind::Kind;
    use crate::memory::MemoryStore;
    use crate::store::{NewEntry, Order};

    /// A log of which a copy goes on: 1 to 4, then 5 to 7 thrice, the last of which parts from the second behind 5.
    fn forked() -> (MemoryStore, Log, LogKey, RoomId, Vec<Vec<Entry>>) {
        let mut chain = Chain::new(1, Chain::create(1, 1).0.room(), 2);
        let trunk: Vec<Entry> = (0..4).map(|n| chain.sign(Kind::Text, 10 + n)).collect();
        let mut copy = chain.clone();
        let one: Vec<Entry> = (0..3).map(|n| chain.sign(Kind::Text, 20 + n)).collect();
        let mut other = vec![copy.sign(Kind::Text, 30)];
        let mut third = copy.clone();
        other.extend((0..2).map(|n| copy.sign(Kind::Text, 40 + n)));
        let another: Vec<Entry> = (0..2).map(|n| third.sign(Kind::Text, 50 + n)).collect();
        let (mut store, add) = (MemoryStore::new(crate::id::StoreId::new([1; 16])), trunk[0].id);
        let (room, key) = (trunk[0].room(), trunk[0].header.log_key());
        let mut log = Log::default();
        for entry in trunk.iter().chain(&one).chain(&other).chain(&another) {
            let header = &entry.header;
            let order = Order { time_us: header.timestamp_us, author: header.author, seq: header.seq, id: entry.id };
            store.put_entry(NewEntry { entry, order, add }).unwrap();
            let tip = TipAt { seq: header.seq, id: entry.id, timestamp_us: header.timestamp_us, add };
            log.grow(&store, room, key, header.previous, tip).unwrap();
        }
        (store, log, key, room, vec![trunk, one, other, another])
    }

    fn name(entry: &Entry) -> (u64, ShortId) {
        (entry.header.seq, ShortId::of(entry.id))
    }

    #[test]
    fn what_two_entries_have_in_common_ends_where_their_branches_part() {
        let (store, log, key, room, logs) = forked();
        let [trunk, one, other, another] = logs.as_slice() else { panic!() };
        let mut read = log.clone();
        read.find_branches(&store, room, key).unwrap();
        for log in [&log, &read] {
            assert!(!log.is_doubled(4) && log.is_doubled(5) && log.is_doubled(7));
            assert_eq!(log.branches.as_ref().unwrap().trunk(), Some(name(&trunk[3])));
            let shared = |a: &Entry, b: &Entry| {
                assert_eq!(log.shared(name(a), name(b)), log.shared(name(b), name(a)));
                log.shared(name(a), name(b))
            };
            assert_eq!(shared(&one[2], &other[2]), 4);
            assert_eq!(shared(&one[2], &another[1]), 4);
            assert_eq!(shared(&other[2], &another[1]), 5);
            assert_eq!(shared(&other[0], &another[1]), 5);
            assert_eq!(shared(&other[1], &other[2]), 6);
            assert_eq!(shared(&one[2], &one[2]), 7);
            assert_eq!(shared(&trunk[1], &another[1]), 2);
        }
    }

    #[test]
    fn what_grows_too_long_to_be_remembered_is_known_as_after_a_restart() {
        let id = |n: u64| EntryId::new(*Hash::of(&n.to_be_bytes()).as_bytes());
        let trunk = ShortId::of(id(4));
        let mut branches = Branches::of(5, Some(trunk), vec![(5, vec![(id(5), Some(id(4))), (id(0), Some(id(4)))])]);
        for seq in 6..4 + limits::BRANCHED as u64 {
            branches.extend(id(seq - 1), seq, ShortId::of(id(seq)));
        }
        assert_eq!((branches.is_doubled(4), branches.trunk()), (false, Some((4, trunk))));
        let last = 4 + limits::BRANCHED as u64;
        branches.extend(id(last - 1), last, ShortId::of(id(last)));
        assert_eq!((branches.is_doubled(4), branches.trunk()), (true, None));
    }

    #[test]
    fn where_the_disk_lost_some_of_it_nothing_is_taken_for_common() {
        let (mut store, mut log, key, room, logs) = forked();
        assert!(store.damage(logs[1][1].id, true));
        log.find_branches(&store, room, key).unwrap();
        assert!(log.is_doubled(5));
        assert_eq!(log.shared(name(&logs[1][0]), name(&logs[2][0])), 0, "they part before what is lost");
    }

    #[test]
    fn an_entry_is_held_by_its_name_and_not_by_its_number() {
        let (store, log, key, room, logs) = forked();
        for entry in logs.iter().flatten() {
            assert!(log.holds(&store, room, key, name(entry)).unwrap());
            let other = ShortId::of(EntryId::new([9; 32]));
            assert!(!log.holds(&store, room, key, (entry.header.seq, other)).unwrap());
        }
        assert!(!log.holds(&store, room, key, (8, name(&logs[1][2]).1)).unwrap());
    }
}
