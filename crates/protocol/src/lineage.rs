//! What a cut leaves of the membership lane: the entries that it names and those that stand before them, by `previous`.
//! In a log that forked their numbers do not say which those are.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::Body;
use crate::branches::Branches;
use crate::entry::{Header, LogKey};
use crate::id::{EntryId, ShortId};
use crate::identity::PublicKey;
use crate::membership::{Act, Tips};

/// Entries that have one number, each with the one before it.
type Level = Vec<(EntryId, Option<EntryId>)>;

/// Which entries stand before which, in the logs of those who were removed or left.
pub(crate) struct Lineage<'a> {
    acts: &'a BTreeMap<EntryId, Act>,
    /// Those of their logs that forked.
    forked: BTreeMap<LogKey, Branches>,
}

impl<'a> Lineage<'a> {
    pub(crate) fn of(acts: &'a BTreeMap<EntryId, Act>) -> Self {
        let ended = acts.values().filter_map(|act| match &act.body {
            Body::Remove(remove) => Some(remove.key),
            Body::Leave(_) => Some(act.header.author),
            _ => None,
        });
        let ended: BTreeSet<PublicKey> = ended.collect();
        let mut logs: BTreeMap<LogKey, BTreeMap<u64, Level>> = BTreeMap::new();
        for act in acts.values().filter(|act| ended.contains(&act.header.author)) {
            let levels = logs.entry(act.header.log_key()).or_default();
            levels.entry(act.header.seq).or_default().push((act.id, act.header.previous));
        }
        let forked = logs.into_iter().filter_map(|(log, levels)| {
            let first = levels.iter().find(|(_, level)| level.len() > 1).map(|(seq, _)| *seq)?;
            let levels = levels.into_iter().rev().take_while(|(seq, _)| *seq >= first);
            Some((log, Branches::of(first, None, levels.collect())))
        });
        Self { acts, forked: forked.collect() }
    }

    /// Whether an entry is one of these of its log, or stands before one. What is not held has nothing before it: who
    /// made it up, or never gave it to anybody, would else leave room for whatever the log's author writes later.
    pub(crate) fn leads(&self, header: &Header, id: EntryId, tips: &Tips) -> bool {
        let log = header.log_key();
        let held = |(seq, tip): &&(u64, EntryId)| {
            self.acts.get(tip).is_some_and(|act| act.header.log_key() == log && act.header.seq == *seq)
        };
        tips.iter().filter(held).any(|tip| self.stands_before(log, (header.seq, id), *tip))
    }

    /// Whether of two entries of a log that are held one is the other, or stands before it.
    pub(crate) fn stands_before(&self, log: LogKey, one: (u64, EntryId), other: (u64, EntryId)) -> bool {
        match self.forked.get(&log) {
            None => one.0 < other.0 || one == other,
            Some(branches) => branches.lead(named(one), named(other)),
        }
    }
}

fn named((seq, id): (u64, EntryId)) -> (u64, ShortId) {
    (seq, ShortId::of(id))
}
