//! What is found on all ways of the control chain, those that an act of the majority outranked among them.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::Body;
use crate::chain::{Carried, Chain, Voters};
use crate::id::EntryId;
use crate::identity::PublicKey;
use crate::membership::Act;

/// A removal on any way of the chain.
pub(crate) struct Ousting<'a> {
    /// Of the way, once it is written.
    epoch: u32,
    /// By whom an owner did it; nobody's where the majority did.
    pub(crate) act: Option<&'a Act>,
}

/// Who was removed on any way of the chain, with the places of what did that.
pub(crate) type Ousted<'a> = BTreeMap<PublicKey, BTreeMap<EntryId, Ousting<'a>>>;

/// Voters that were removed before they became that, on the same way, by what.
pub(crate) type Readmitted = BTreeMap<(PublicKey, EntryId), BTreeSet<EntryId>>;

/// What is found on all ways of the chain.
#[derive(Default)]
struct Found<'a> {
    ousted: Ousted<'a>,
    readmitted: Readmitted,
    carried: Carried<'a>,
}

/// What decides how a way goes on.
#[derive(Clone)]
struct Stand {
    owner: PublicKey,
    owner_removed: bool,
    epoch: u32,
    voters: Voters,
    head: EntryId,
    /// Whom it removed, by what.
    removed: BTreeMap<PublicKey, BTreeSet<EntryId>>,
}

impl<'a> Chain<'a> {
    /// Finds whom any way of the chain removed, and over which acts of the majority any goes: also one that is outranked,
    /// or one of a fork. Since who was removed is not waited for, there may be more such acts with each of them.
    pub(crate) fn survey(&mut self, creation: &Act) {
        let by_majority = self.places.values().flatten().any(|act| act.ballot.is_some() && !act.votes.is_empty());
        if !by_majority {
            return;
        }
        loop {
            let found = self.found_anywhere(creation);
            self.carried = found.carried;
            let removals = |ousted: &Ousted<'_>| ousted.values().map(BTreeMap::len).sum::<usize>();
            let more = removals(&found.ousted) > removals(&self.ousted);
            (self.ousted, self.readmitted) = (found.ousted, found.readmitted);
            if !more {
                break;
            }
        }
    }

    fn found_anywhere(&self, creation: &Act) -> Found<'a> {
        let owner = creation.header.author;
        let voters = Voters::from([(owner, creation.id)]);
        let removed = BTreeMap::new();
        let mut ways = vec![Stand { owner, owner_removed: false, epoch: 0, voters, head: creation.id, removed }];
        let mut found = Found::default();
        while let Some(mut stand) = ways.pop() {
            loop {
                let next = self.next(stand.head, stand.owner, stand.owner_removed, stand.epoch, &stand.voters);
                let (own, ballots) = next;
                let mut steps: Vec<(u32, EntryId, &'a Act)> = Vec::new();
                steps.extend(ballots.iter().filter_map(|(id, acts)| Some((stand.epoch + 1, *id, *acts.first()?))));
                found.carried.extend(ballots);
                steps.extend(own.iter().map(|act| (stand.epoch, act.id, *act)));
                steps.retain(|(_, _, act)| !matches!(act.body, Body::UnknownControl(_)));
                // The last goes on here, so that a chain of one way takes no copies.
                let Some((epoch, place, act)) = steps.pop() else { break };
                for (epoch, place, act) in steps {
                    let mut branch = stand.clone();
                    self.step(&mut branch, epoch, place, act, &mut found);
                    ways.push(branch);
                }
                self.step(&mut stand, epoch, place, act, &mut found);
            }
        }
        found
    }

    fn step(&self, stand: &mut Stand, epoch: u32, place: EntryId, act: &'a Act, found: &mut Found<'a>) {
        self.count(&mut stand.voters, place, act);
        match &act.body {
            Body::Remove(remove) => {
                let ousting = Ousting { epoch, act: act.ballot.is_none().then_some(act) };
                found.ousted.entry(remove.key).or_default().insert(place, ousting);
                stand.removed.entry(remove.key).or_default().insert(place);
                stand.owner_removed |= remove.key == stand.owner;
            }
            Body::Admit(admit) => self.readmit(stand, admit.key, found),
            Body::Appoint(appoint) => {
                self.readmit(stand, appoint.key, found);
                (stand.owner, stand.owner_removed) = (appoint.key, false);
            }
            _ => {}
        }
        (stand.epoch, stand.head) = (epoch, place);
    }

    /// Notes by what somebody was removed who may vote now.
    fn readmit(&self, stand: &Stand, key: PublicKey, found: &mut Found<'a>) {
        if let (Some(removed), Some(since)) = (stand.removed.get(&key), stand.voters.get(&key)) {
            found.readmitted.insert((key, *since), removed.clone());
        }
    }

    /// The removals of a voter of an epoch on any way that came no less far: not before it became a voter, and not by who
    /// owned the room in an epoch before, who could else have all others be away at any time.
    pub(crate) fn oustings(
        &self,
        voter: PublicKey,
        since: EntryId,
        epoch: u32,
    ) -> impl Iterator<Item = &Ousting<'a>> + use<'_, 'a> {
        let before = self.readmitted.get(&(voter, since));
        let oustings = self.ousted.get(&voter).into_iter().flatten();
        let counts = move |place, ousting: &Ousting<'_>| {
            ousting.epoch >= epoch && before.is_none_or(|before| !before.contains(place))
        };
        oustings.filter(move |(place, ousting)| counts(*place, ousting)).map(|(_, ousting)| ousting)
    }
}
