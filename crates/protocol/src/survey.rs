//! What is found on all ways of the control chain, those that an act of the majority outranked among them.

use std::collections::BTreeMap;

use crate::body::Body;
use crate::chain::{Carried, Chain, Voters};
use crate::id::EntryId;
use crate::identity::PublicKey;
use crate::membership::Act;

/// Who was removed on any way of the chain, with the entries by which owners did that.
pub(crate) type Ousted<'a> = BTreeMap<PublicKey, Vec<&'a Act>>;

/// What is found on all ways of the chain.
#[derive(Default)]
struct Found<'a> {
    ousted: Ousted<'a>,
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
            let more = !found.ousted.keys().eq(self.ousted.keys());
            self.ousted = found.ousted;
            if !more {
                break;
            }
        }
    }

    fn found_anywhere(&self, creation: &Act) -> Found<'a> {
        let owner = creation.header.author;
        let voters = Voters::from([(owner, creation.id)]);
        let mut ways = vec![Stand { owner, owner_removed: false, epoch: 0, voters, head: creation.id }];
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
                    self.step(&mut branch, epoch, place, act, &mut found.ousted);
                    ways.push(branch);
                }
                self.step(&mut stand, epoch, place, act, &mut found.ousted);
            }
        }
        found
    }

    fn step(&self, stand: &mut Stand, epoch: u32, place: EntryId, act: &'a Act, ousted: &mut Ousted<'a>) {
        self.count(&mut stand.voters, place, act);
        match &act.body {
            Body::Remove(remove) => {
                ousted.entry(remove.key).or_default().extend(act.ballot.is_none().then_some(act));
                stand.owner_removed |= remove.key == stand.owner;
            }
            Body::Appoint(appoint) => (stand.owner, stand.owner_removed) = (appoint.key, false),
            _ => {}
        }
        (stand.epoch, stand.head) = (epoch, place);
    }
}
