//! Counting who holds what in a room too large for everyone's receipts: a meeting point, a member that listens, tells
//! how many members hold each log up to a number, by what they acknowledged to it. A claim of one member about others:
//! it raises the numbers that people are shown, never a message's state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::body::Body;
use crate::cbor;
use crate::clock::Time;
use crate::entry::LogKey;
use crate::id::{RoomId, ShortId};
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::limits;
use crate::membership::Act;
use crate::record::{Count, Counts, RecordName, Step};
use crate::replica::Replica;
use crate::room::Room;
use crate::store::{Arrival, Store, StoreError};

/// How many of the entries that arrived last are remembered, by room.
const RECENT: usize = 65_536;
/// How many members a second are told of counts, by each meeting point: each of them is sent every change.
const TOLD_A_SECOND: u64 = 256;

/// What a meeting point remembers of one room to count by.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    /// After this arrival, every entry of the content lane is in `recent`.
    since: Option<Arrival>,
    recent: VecDeque<(Arrival, LogKey, u64)>,
    /// Whether something was stored or acknowledged since it was last counted.
    moved: bool,
    earliest_ms: u64,
}

impl Counting {
    fn due_ms(&self) -> Option<u64> {
        self.moved.then_some(self.earliest_ms)
    }

    /// The logs that were written to last, each with where its entries arrived, in order.
    fn newest_logs(&self) -> BTreeMap<LogKey, Vec<(Arrival, u64)>> {
        let mut logs: BTreeMap<LogKey, Vec<(Arrival, u64)>> = BTreeMap::new();
        for (arrival, log, seq) in self.recent.iter().rev() {
            if logs.len() < limits::COUNTED_LOGS || logs.contains_key(log) {
                logs.entry(*log).or_default().push((*arrival, *seq));
            }
        }
        logs.values_mut().for_each(|arrived| arrived.reverse());
        logs
    }
}

/// What a member counted of one log.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) count: Count,
    /// Whether the entry that it names is held.
    pub(crate) held: bool,
}

/// Up to which number of a log a store is held whose first so many arrivals are; 0 where that is not known.
fn held(arrived: &[(Arrival, u64)], since: Arrival, acked: Arrival) -> u64 {
    match arrived.partition_point(|(arrival, _)| *arrival <= acked) {
        0 if acked >= since => arrived.first().map_or(0, |(_, seq)| seq.saturating_sub(1)),
        0 => 0,
        held => arrived.get(held - 1).map_or(0, |(_, seq)| *seq),
    }
}

/// How many hold at least up to each number, in few steps: the lowest number that all hold, the highest that one does, and
/// some between.
fn steps(mut held: Vec<u64>) -> Vec<Step> {
    held.retain(|upto| *upto > 0);
    held.sort_unstable_by(|a, b| b.cmp(a));
    let mut all: Vec<Step> = Vec::new();
    for (upto, members) in held.into_iter().zip(1..) {
        match all.last_mut() {
            Some(last) if last.upto == upto => last.members = members,
            _ => all.push(Step { upto, members }),
        }
    }
    let (count, most) = (all.len(), limits::COUNT_STEPS);
    if count <= most {
        return all;
    }
    let picked: BTreeSet<usize> = (0..most).map(|n| n * (count - 1) / (most - 1)).collect();
    picked.into_iter().filter_map(|n| all.get(n).copied()).collect()
}

impl Room {
    /// Whether it has too many members for receipts of each.
    pub(crate) fn is_counted(&self) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.members.len() > limits::RECEIPT_MEMBERS)
    }

    /// How many members other than its author a meeting point said hold a log up to a number: the most that any said.
    /// Who was removed or left since is taken off, as if it had been counted.
    pub(crate) fn counted(&self, log: &LogKey, here: (u64, ShortId)) -> usize {
        if !self.is_counted() {
            return 0;
        }
        let Some(state) = self.logs.get(Lane::Content).get(log) else { return 0 };
        let told = self.counts.iter().filter(|((author, _), _)| self.is_member(author));
        let counted = told.map(|(_, (version, counts))| {
            let index = counts.binary_search_by_key(log, |counted| counted.count.log);
            let counted = index.ok().and_then(|index| counts.get(index)).filter(|counted| counted.held);
            let count = counted.map(|counted| &counted.count);
            let count = count.filter(|count| state.shared((count.seq, count.id), here) >= here.0);
            let steps = count.map(|count| count.steps.as_slice()).unwrap_or_default();
            let members = steps.iter().filter(|step| step.upto >= here.0).map(|step| step.members).max().unwrap_or(0);
            // By whose clock it happened is not known.
            let gone = self.ended.iter().rev().take_while(|at| at.saturating_add(limits::CLOCK_AHEAD_US) >= *version);
            usize::try_from(members).unwrap_or(usize::MAX).saturating_sub(gone.count())
        });
        let members = self.membership.as_ref().map_or(0, |membership| membership.members.len());
        let author = usize::from(self.is_member(&log.author));
        counted.max().unwrap_or(0).min(members.saturating_sub(author))
    }

    /// Looks up which of the entries that counts name are held.
    pub(crate) fn read_counts<S: Store>(&mut self, store: &S, counts: Counts) -> Result<Vec<Counted>, StoreError> {
        let mut counted = Vec::new();
        for count in counts.logs {
            let held = self.holds_named(store, &count.log, count.seq, count.id)?;
            counted.push(Counted { count, held });
        }
        Ok(counted)
    }

    /// When members were removed or left, in order.
    pub(crate) fn note_ends(&mut self) {
        let ends = |act: &Act| matches!(act.body, Body::Remove(_) | Body::Leave(_));
        self.ended = self.acts.values().filter(|act| ends(act)).map(|act| act.header.timestamp_us).collect();
        self.ended.sort_unstable();
    }
}

impl<S: Store> Replica<S> {
    /// When [`Replica::count`] has something to do.
    pub(crate) fn counting_due_ms(&self) -> Option<u64> {
        if self.listening.is_empty() {
            return None;
        }
        self.counting.values().filter_map(Counting::due_ms).min()
    }

    /// An entry of the content lane was stored.
    pub(crate) fn note_arrival(&mut self, id: RoomId, log: LogKey, seq: u64, arrival: Arrival) {
        if self.rooms.get(&id).is_some_and(Room::is_counted) {
            let counting = self.counting.entry(id).or_default();
            counting.since.get_or_insert(arrival.saturating_sub(1));
            counting.recent.push_back((arrival, log, seq));
            if counting.recent.len() > RECENT {
                counting.since = counting.recent.pop_front().map(|(arrival, ..)| arrival);
            }
            counting.moved = true;
        }
    }

    /// A member acknowledged more of the content lane, or the members changed.
    pub(crate) fn recount(&mut self, id: RoomId) {
        if let Some(counting) = self.counting.get_mut(&id) {
            counting.moved = true;
        }
    }

    /// Tells the counts of the rooms in which something moved, each now and then.
    pub(crate) fn count(&mut self, now: Time) -> Result<(), StoreError> {
        if self.counting_due_ms().is_none_or(|at| now.steady_ms < at) {
            return Ok(());
        }
        let is_due = |counting: &Counting| counting.due_ms().is_some_and(|at| at <= now.steady_ms);
        let due: Vec<RoomId> =
            self.counting.iter().filter(|(_, counting)| is_due(counting)).map(|(room, _)| *room).collect();
        for id in due {
            let Some(room) = self.rooms.get(&id).filter(|room| room.is_member(&self.me) && room.is_counted()) else {
                self.counting.remove(&id);
                continue;
            };
            let members = room.membership.as_ref().map_or(0, |membership| membership.members.len());
            let counts = match self.counting.get(&id) {
                Some(counting) => self.counts_of(room, counting),
                None => continue,
            };
            if let Some(counting) = self.counting.get_mut(&id) {
                counting.moved = false;
                let every =
                    limits::COUNTS_EVERY_MS * u64::try_from(members).unwrap_or(u64::MAX).div_ceil(TOLD_A_SECOND);
                counting.earliest_ms = now.steady_ms.saturating_add(every);
            }
            self.write_record(now, id, RecordName::COUNTS, cbor::encode(&counts))?;
        }
        Ok(())
    }

    fn counts_of(&self, room: &Room, counting: &Counting) -> Counts {
        let since = counting.since.unwrap_or(Arrival::MAX);
        let members = room.membership.iter().flat_map(|membership| membership.members.keys());
        let acks = room.acks.get(Lane::Content);
        let acked: Vec<(&PublicKey, Arrival)> = members
            .map(|key| {
                let all = if *key == self.me { Arrival::MAX } else { 0 };
                (key, acks.get(&key.device_id()).copied().unwrap_or(0).max(all))
            })
            .collect();
        let mut counts = Counts::default();
        for (log, arrived) in counting.newest_logs() {
            // What this device lost the words of it did not send, whatever was acknowledged after it.
            let whole = room.damage.missing.get(&log).map_or(u64::MAX, |first| first.saturating_sub(1));
            // By arrivals it is not known which branch is held: it is counted to where they part.
            let state = room.logs.get(Lane::Content).get(&log);
            let end = state.and_then(|state| match &state.branches {
                Some(branches) => branches.trunk(),
                None => state.highest().map(|tip| (tip.seq, ShortId::of(tip.id))),
            });
            let Some((seq, id)) = end else { continue };
            let whole = whole.min(seq);
            let others = acked.iter().filter(|(key, _)| **key != log.author);
            let held = others.map(|(_, acked)| held(&arrived, since, *acked).min(whole)).collect();
            counts.logs.push(Count { log, steps: steps(held), seq, id });
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_few_and_each_is_true() {
        let held: Vec<u64> = (0..500).map(|n| n * n % 97).collect();
        let steps = steps(held.clone());
        assert_eq!(steps.len(), limits::COUNT_STEPS);
        assert!(steps.is_sorted_by(|a, b| a.upto > b.upto && a.members < b.members));
        for step in &steps {
            let members = held.iter().filter(|upto| **upto >= step.upto).count() as u64;
            assert_eq!(members, step.members, "up to {}", step.upto);
        }
        let all = held.iter().filter(|upto| **upto > 0).count() as u64;
        assert_eq!(steps.last().unwrap().members, all, "the lowest is of everyone who holds anything");
        assert_eq!(self::steps(vec![7; 100]), [Step { upto: 7, members: 100 }]);
        assert_eq!(self::steps(vec![0; 100]), []);
    }

    #[test]
    fn nothing_is_guessed_of_what_came_before() {
        let arrived = [(20, 5), (24, 6), (30, 7)];
        for (acked, upto) in [(30, 7), (29, 6), (23, 5), (19, 4), (15, 4), (14, 0), (0, 0)] {
            assert_eq!(held(&arrived, 15, acked), upto, "acknowledged {acked}");
        }
    }
}
