//! The control chain: from the creation entry as far as the owner wrote it, and over the acts of the majority.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Ballot, Body, Cut, Link, Settings};
use crate::cbor;
use crate::entry::LogKey;
use crate::id::{EntryId, Hash, LogId, RoomId};
use crate::identity::{Context, PublicKey};
use crate::membership::{Act, Frozen, Limit};

/// How many epochs are followed. Each takes more than half of the voters.
const MAX_EPOCHS: usize = 256;

#[derive(Clone)]
pub(crate) struct Walk {
    pub(crate) owner: PublicKey,
    /// Whether the majority removed the owner: it writes no more, until another is appointed.
    pub(crate) owner_removed: bool,
    pub(crate) settings: Settings,
    pub(crate) beacon: Hash,
    pub(crate) head: EntryId,
    pub(crate) epoch: u32,
    pub(crate) frozen: Option<Frozen>,
    pub(crate) voters: BTreeSet<PublicKey>,
    pub(crate) chain: Vec<EntryId>,
}

/// What leaving devices ended: adds of their own, and of nobody else, each with what counts of their logs.
pub(crate) type Left = BTreeMap<(PublicKey, EntryId), Cuts>;

/// What counts of each log of one device; of logs not named, nothing.
pub(crate) type Cuts = BTreeMap<LogId, Limit>;

pub(crate) fn limits_of(cuts: &[Cut]) -> Cuts {
    cuts.iter().map(|cut| (cut.log, Limit { seq: cut.seq, id: Some(cut.id) })).collect()
}

/// Adds that each leaving device ended, by its own word.
pub(crate) fn departures(acts: &BTreeMap<EntryId, Act>, roots: &BTreeMap<LogKey, EntryId>) -> Left {
    let mut left: Left = BTreeMap::new();
    for act in acts.values() {
        let Body::Leave(leave) = &act.body else { continue };
        let mut cuts = limits_of(&leave.cuts);
        cuts.insert(act.header.log, Limit { seq: act.header.seq, id: Some(act.id) });
        let own_root = roots.get(&act.header.log_key()).copied();
        for add in leave.adds.iter().copied().chain(own_root) {
            // Of two leavings under one add, the tighter counts.
            let known = left.entry((act.header.author, add)).or_insert_with(|| cuts.clone());
            for (log, limit) in &cuts {
                let tightest = known.get(log).map_or(*limit, |before| before.tighter(*limit));
                known.insert(*log, tightest);
            }
        }
    }
    left
}

/// Who signed an act of the majority, voters or not.
pub(crate) fn signed_by(room: RoomId, kind: u16, body: &Body) -> BTreeSet<PublicKey> {
    let (link, subject) = match body {
        Body::Remove(remove) => (&remove.link, remove.key),
        Body::Appoint(appoint) => (&appoint.link, appoint.key),
        _ => return BTreeSet::new(),
    };
    let ballot =
        cbor::encode(&Ballot { room: room.creation(), previous: link.previous, epoch: link.epoch, kind, subject });
    link.votes
        .iter()
        .filter(|vote| vote.voter.verify(Context::Vote, &ballot, &vote.signature))
        .map(|vote| vote.voter)
        .collect()
}

pub(crate) struct Chain<'a> {
    pub(crate) acts: &'a BTreeMap<EntryId, Act>,
    pub(crate) children: BTreeMap<EntryId, Vec<&'a Act>>,
    pub(crate) roots: &'a BTreeMap<LogKey, EntryId>,
    pub(crate) left: &'a Left,
}

impl<'a> Chain<'a> {
    pub(crate) fn link(act: &Act) -> Option<&Link> {
        act.body.link()
    }

    /// Whether the author had not left before writing it.
    pub(crate) fn before_leaving(&self, act: &Act) -> bool {
        self.roots
            .get(&act.header.log_key())
            .and_then(|root| self.left.get(&(act.header.author, *root)))
            .is_none_or(|cuts| cuts.get(&act.header.log).is_some_and(|limit| limit.admits(act.header.seq, act.id)))
    }

    /// Whether more than half of the voters signed this act.
    fn majority(act: &Act, voters: &BTreeSet<PublicKey>) -> bool {
        act.votes.intersection(voters).count() * 2 > voters.len()
    }

    pub(crate) fn apply(walk: &mut Walk, act: &Act) {
        match &act.body {
            Body::Admit(admit) => {
                walk.voters.insert(admit.key);
            }
            Body::Remove(remove) => {
                walk.voters.remove(&remove.key);
                walk.owner_removed |= remove.key == walk.owner;
            }
            Body::Appoint(appoint) => {
                walk.owner = appoint.key;
                walk.owner_removed = false;
            }
            Body::Settings(change) => walk.settings = change.settings.clone(),
            Body::Beacon(beacon) => walk.beacon = beacon.key,
            _ => {}
        }
        walk.head = act.id;
        walk.chain.push(act.id);
    }

    /// Follows the chain to its end: as far as the owner wrote it, and over to the act of the majority that
    /// reaches the highest epoch.
    pub(crate) fn follow(&self, mut walk: Walk, depth: usize) -> Walk {
        let mut best: Option<(u32, EntryId, Walk)> = None;
        loop {
            let next = self.children.get(&walk.head).map(Vec::as_slice).unwrap_or_default();
            let (mut own, mut acts): (Vec<&Act>, Vec<&Act>) = (Vec::new(), Vec::new());
            for act in next {
                let Some(link) = Self::link(act) else { continue };
                let by_owner = act.header.author == walk.owner
                    && !walk.owner_removed
                    && link.epoch == walk.epoch
                    && link.votes.is_empty();
                if by_owner && self.before_leaving(act) {
                    own.push(act);
                } else if walk.epoch.checked_add(1) == Some(link.epoch) && Self::majority(act, &walk.voters) {
                    acts.push(act);
                }
            }
            for act in acts.into_iter().filter(|_| depth < MAX_EPOCHS) {
                let mut branch = walk.clone();
                branch.epoch += 1;
                Self::apply(&mut branch, act);
                let end = self.follow(branch, depth + 1);
                let better = best
                    .as_ref()
                    .is_none_or(|(epoch, id, _)| end.epoch > *epoch || (end.epoch == *epoch && act.id < *id));
                if better {
                    best = Some((end.epoch, act.id, end));
                }
            }
            match own.as_slice() {
                [] => break,
                [act] if matches!(act.body, Body::UnknownControl(_)) => {
                    walk.frozen = Some(Frozen::NewerVersion);
                    break;
                }
                [act] => Self::apply(&mut walk, act),
                _ => {
                    walk.frozen = Some(Frozen::Forked);
                    break;
                }
            }
        }
        best.map_or(walk, |(_, _, end)| end)
    }

    /// How much of the chain in force the author of an add knew: the position of the entry it names, or of
    /// the nearest one before that is in force.
    pub(crate) fn position(&self, positions: &BTreeMap<EntryId, usize>, mut control: EntryId) -> usize {
        for _ in 0..=self.acts.len() {
            if let Some(position) = positions.get(&control) {
                return *position;
            }
            match self.acts.get(&control).and_then(Self::link) {
                Some(link) => control = link.previous,
                None => break,
            }
        }
        0
    }
}
