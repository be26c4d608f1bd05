//! What becomes of own messages: which of them may have another state, found without reading what is between, and told
//! now and then rather than for every acknowledgement.

use std::collections::{BTreeSet, VecDeque};

use crate::clock::Time;
use crate::entry::LogKey;
use crate::id::{EntryId, LogId, RoomId, ShortId};
use crate::identity::PublicKey;
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::record::Mark;
use crate::replica::{Event, Output, Replica};
use crate::room::Log;
use crate::store::{Arrival, Item, Store, StoreError};

/// People are told of the states of own messages at most this often, in milliseconds.
const TOLD_EVERY_MS: u64 = 100;
/// How many own messages of one room are remembered.
const RECENT: usize = 8192;
/// Of how many of them people are told that they were counted anew.
const COUNTED: usize = 512;
/// How many entries are read to find own messages that are not remembered, the newest: whoever says that it holds more,
/// and then less, may say so again and again.
const LOOKED: u64 = 1024;
/// How many pages are read before only the newest entries are: more than a peer acknowledges at a time.
const PAGES: usize = 8;

/// The newest own messages of one room, all of one log.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    log: Option<LogId>,
    /// Of the entries that came after this arrival, and of those with a higher number, all messages are here.
    since: (Arrival, u64),
    messages: VecDeque<(Arrival, u64, EntryId)>,
}

impl Recent {
    /// An own entry of the content lane was stored.
    pub(crate) fn note(&mut self, log: LogId, arrival: Arrival, seq: u64, id: EntryId, kind: Kind) {
        if self.log != Some(log) {
            *self = Self {
                log: Some(log),
                since: (arrival.saturating_sub(1), seq.saturating_sub(1)),
                messages: VecDeque::new(),
            };
        }
        if kind == Kind::Text {
            self.messages.push_back((arrival, seq, id));
        }
        if self.messages.len() > RECENT
            && let Some((arrival, seq, _)) = self.messages.pop_front()
        {
            self.since = (arrival, seq);
        }
    }

    /// Those that arrived in this range, if they are all remembered.
    fn arrived(&self, after: Arrival, upto: Arrival) -> Option<impl Iterator<Item = EntryId>> {
        self.log.filter(|_| after >= self.since.0)?;
        let from = self.messages.partition_point(|(arrival, ..)| *arrival <= after);
        let to = self.messages.partition_point(|(arrival, ..)| *arrival <= upto);
        Some(self.messages.range(from..to.max(from)).map(|(.., id)| *id))
    }

    /// Those of a log with these numbers, if they are all remembered.
    fn numbered(&self, log: LogId, after: u64, upto: u64) -> Option<impl Iterator<Item = EntryId>> {
        self.log.filter(|known| *known == log && after >= self.since.1)?;
        let from = self.messages.partition_point(|(_, seq, _)| *seq <= after);
        let to = self.messages.partition_point(|(_, seq, _)| *seq <= upto);
        Some(self.messages.range(from..to.max(from)).map(|(.., id)| *id))
    }
}

/// Own messages whose state may have changed, until people are told.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    moved: BTreeSet<EntryId>,
    /// Rooms in which more may have changed than are told one by one.
    more: BTreeSet<RoomId>,
    earliest_ms: u64,
}

impl Fates {
    pub(crate) fn due_ms(&self) -> Option<u64> {
        (!self.moved.is_empty() || !self.more.is_empty()).then_some(self.earliest_ms)
    }
}

impl<S: Store> Replica<S> {
    /// Tells people of the messages whose state may have changed, if it is time.
    pub(crate) fn tell_fates(&mut self, now: Time) {
        if self.fates.due_ms().is_some_and(|at| at <= now.steady_ms) {
            self.fates.earliest_ms = now.steady_ms + TOLD_EVERY_MS;
            let moved = std::mem::take(&mut self.fates.moved);
            self.out.extend(moved.into_iter().map(|id| Output::Event(Event::Status(id))));
            let more = std::mem::take(&mut self.fates.more);
            self.out.extend(more.into_iter().map(|room| Output::Event(Event::Room(room))));
        }
    }

    /// Own messages that arrived in this range may have a new state.
    pub(crate) fn note_acknowledged(
        &mut self,
        id: RoomId,
        mut after: Arrival,
        upto: Arrival,
    ) -> Result<(), StoreError> {
        // Every member acknowledges every message, and most are not this device's own.
        let upto = upto.min(self.rooms.get(&id).map_or(0, |room| room.own_newest));
        if let Some(recent) = self.recent.get(&id).and_then(|recent| recent.arrived(after, upto)) {
            self.fates.moved.extend(recent);
            return Ok(());
        }
        for _ in 0..PAGES {
            if after >= upto {
                return Ok(());
            }
            let page = self.store.page(id, Lane::Content, after, limits::BATCH_ITEMS, limits::BATCH_BYTES)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.arrival();
            for item in page {
                if let Item::Entry(stored) = item
                    && stored.arrival <= upto
                    && stored.entry.header.author == self.me
                    && stored.entry.header.kind() == Kind::Text
                {
                    self.fates.moved.insert(stored.entry.id);
                }
            }
        }
        if after < upto { self.note_newest_acknowledged(id, after, upto) } else { Ok(()) }
    }

    /// As [`Self::note_acknowledged`], where that is too much to be read: of the newest messages.
    fn note_newest_acknowledged(&mut self, id: RoomId, after: Arrival, upto: Arrival) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let own = room.logs.get(Lane::Content).iter().filter(|(log, _)| log.author == self.me);
        let mut own: Vec<_> = own.filter_map(|(log, state)| Some((state.highest()?, *log))).collect();
        own.sort_unstable_by_key(|(tip, log)| std::cmp::Reverse((tip.timestamp_us, *log)));
        let mut left = LOOKED;
        for (tip, log) in own {
            for seq in (1..=tip.seq).rev() {
                if left == 0 {
                    self.fates.more.insert(id);
                    return Ok(());
                }
                left -= 1;
                let stored = self.store.at(id, log, seq)?;
                let moved = stored.iter().filter(|stored| stored.arrival > after && stored.arrival <= upto);
                let texts = moved.filter(|stored| stored.entry.header.kind() == Kind::Text);
                self.fates.moved.extend(texts.map(|stored| stored.entry.id));
                // Of one that forked, a branch that is shorter may have come later.
                let log = self.rooms.get(&id).and_then(|room| room.logs.get(Lane::Content).get(&log));
                if !log.is_some_and(|log| log.is_doubled(seq)) && stored.iter().any(|stored| stored.arrival <= after) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// How often the newest own messages of a room were counted, from the newest back.
    pub(crate) fn counted_before(&self, id: RoomId) -> Vec<(EntryId, usize)> {
        let (Some(room), Some(recent)) = (self.rooms.get(&id), self.recent.get(&id)) else { return Vec::new() };
        let Some(log) = recent.log.map(|log| LogKey { author: self.me, log }) else { return Vec::new() };
        let newest = recent.messages.iter().rev().take(COUNTED);
        newest.map(|(_, seq, id)| (*id, room.counted(&log, (*seq, ShortId::of(*id))))).collect()
    }

    /// Own messages of which a meeting point counted more, or fewer.
    pub(crate) fn note_counted(&mut self, id: RoomId, before: Vec<(EntryId, usize)>) {
        let after = self.counted_before(id);
        let moved = before.into_iter().zip(after).filter(|(before, after)| before != after);
        self.fates.moved.extend(moved.map(|((id, _), _)| id));
    }

    /// What a member's receipts say of this device's own content logs.
    pub(crate) fn own_marks(&self, id: RoomId, member: &PublicKey) -> Vec<(LogKey, Vec<Mark>)> {
        let Some(room) = self.rooms.get(&id) else { return Vec::new() };
        let first = LogKey { author: self.me, log: LogId::new([0; 16]) };
        let last = LogKey { author: self.me, log: LogId::new([0xff; 16]) };
        let own = room.logs.get(Lane::Content).range(first..=last);
        own.map(|(log, _)| (*log, room.marks(member, log).copied().collect())).collect()
    }

    /// Own messages whose delivery or reading a member's new receipts tell; `before`: what the last ones told.
    pub(crate) fn note_received_by(
        &mut self,
        id: RoomId,
        member: &PublicKey,
        before: &[(LogKey, Vec<Mark>)],
    ) -> Result<(), StoreError> {
        let mut left = LOOKED;
        for (log, marks) in self.own_marks(id, member) {
            let before = before.iter().find(|(known, _)| *known == log).map(|(_, marks)| marks.as_slice());
            if before == Some(marks.as_slice()) {
                continue;
            }
            let highest = |marks: &[Mark], of: fn(&Mark) -> u64| marks.iter().map(of).max().unwrap_or(0);
            let held = self.rooms.get(&id).and_then(|room| room.logs.get(Lane::Content).get(&log));
            let top = held.and_then(Log::highest).map_or(0, |tip| tip.seq);
            // Where it forked, the marks are of one branch each: all that the branches do not have in common is looked at.
            let common = held.and_then(|log| log.branches.as_ref()).map(|branches| branches.common());
            let parts: [fn(&Mark) -> u64; 2] = [|mark| mark.seq, |mark| mark.read];
            for part in parts {
                let from = highest(before.unwrap_or_default(), part).min(common.unwrap_or(u64::MAX)).min(top);
                let to = highest(&marks, part).min(top);
                if let Some(recent) = self.recent.get(&id).and_then(|recent| recent.numbered(log.log, from, to)) {
                    self.fates.moved.extend(recent);
                    continue;
                }
                for seq in (from + 1..=to).rev() {
                    if left == 0 {
                        self.fates.more.insert(id);
                        break;
                    }
                    left -= 1;
                    let stored = self.store.at(id, log, seq)?;
                    let texts = stored.iter().filter(|stored| stored.entry.header.kind() == Kind::Text);
                    self.fates.moved.extend(texts.map(|stored| stored.entry.id));
                }
            }
        }
        Ok(())
    }
}
