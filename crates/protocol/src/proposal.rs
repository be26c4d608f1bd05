//! What is voted on: votes are entries of their voters' logs until somebody gathers them into an act of the majority.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::body::Body;
use crate::chain::{Chain, Way};
use crate::id::EntryId;
use crate::identity::{DeviceId, PublicKey, Signature};
use crate::kind::Kind;
use crate::membership::{Frozen, Membership};

/// What some voters want the majority to do, and others may still join.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its ballot.
    pub ballot: EntryId,
    /// What it builds on, as in [`crate::body::Link::previous`].
    pub previous: EntryId,
    /// [`Kind::Remove`] or [`Kind::Appoint`].
    pub kind: Kind,
    /// Whom it is about.
    pub subject: PublicKey,
    /// Who voted for it, and may.
    pub votes: BTreeMap<PublicKey, Signature>,
    /// Who may vote for it.
    pub voters: Arc<BTreeSet<PublicKey>>,
    /// How many votes make it an act of the majority.
    pub needed: usize,
}

impl Proposal {
    /// Whether it is to be made an act of the majority.
    pub fn is_carried(&self) -> bool {
        self.votes.len() >= self.needed
    }

    /// Who may vote for it and has not. Nobody votes for its own removal.
    pub fn missing(&self) -> Vec<DeviceId> {
        let may = |voter: &&PublicKey| !(self.kind == Kind::Remove && **voter == self.subject);
        let missing = self.voters.iter().filter(may).filter(|voter| !self.votes.contains_key(*voter));
        missing.map(PublicKey::device_id).collect()
    }
}

impl Membership {
    /// Finds what is voted on: in the epoch in force, by who may.
    pub(crate) fn count_votes(&mut self, chain: &Chain<'_>, way: &Way<'_>) {
        let mut proposals: BTreeMap<EntryId, Proposal> = BTreeMap::new();
        let mut electorates: BTreeMap<EntryId, (Arc<BTreeSet<PublicKey>>, usize)> = BTreeMap::new();
        for act in chain.acts.values() {
            let Body::Vote(cast) = &act.body else { continue };
            let author = act.header.author;
            let Some(ballot) = act.ballot.filter(|_| act.votes.contains(&author)) else { continue };
            let kind = Kind::from_number(cast.kind);
            let open = self.epoch.checked_add(1) == Some(cast.epoch)
                && matches!(kind, Kind::Remove | Kind::Appoint)
                && self.is_member(&cast.subject)
                && self.act_counts(chain, act);
            let behind = way.positions.get(&cast.previous).and_then(|position| way.steps.get(..=*position));
            let Some(behind) = behind.filter(|_| open) else { continue };
            let in_epoch = behind
                .last()
                .and_then(|step| step.acts.first())
                .is_some_and(|last| last.body.link().map_or(0, |link| link.epoch) == self.epoch);
            if !in_epoch {
                continue;
            }
            let proposal = proposals.entry(ballot).or_insert_with(|| {
                // Many ballots may build on one place.
                let (voters, needed) = electorates.entry(cast.previous).or_insert_with(|| {
                    let then = chain.voters_after(behind);
                    let present: Vec<&PublicKey> = then
                        .iter()
                        .filter(|(voter, since)| !chain.is_gone(**voter, **since))
                        .map(|(voter, _)| voter)
                        .collect();
                    let owner = behind.last().and_then(|step| step.owner);
                    // By itself an owner decides only which way of a chain counts that it forked.
                    let forked = self.frozen == Some(Frozen::Forked) && behind.len() == way.steps.len();
                    let alone = present.iter().all(|voter| Some(**voter) == owner) && !forked;
                    let needed = (present.len() / 2 + 1).max(if alone { 2 } else { 1 });
                    let votes = |voter: &PublicKey| self.voters.contains_key(voter) && self.is_member(voter);
                    (Arc::new(then.into_keys().filter(votes).collect()), needed)
                });
                Proposal {
                    ballot,
                    previous: cast.previous,
                    kind,
                    subject: cast.subject,
                    votes: BTreeMap::new(),
                    needed: *needed,
                    voters: Arc::clone(voters),
                }
            });
            if proposal.voters.contains(&author) {
                proposal.votes.insert(author, cast.signature);
            }
        }
        self.proposals = proposals.into_values().filter(|proposal| !proposal.votes.is_empty()).collect();
    }
}
