//! Acts of the majority that were only heard of: they came in logs of which nothing is taken.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::signed_as_said;
use crate::checked::Group;
use crate::entry::Entry;
use crate::id::{EntryId, RoomId};
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::limits;
use crate::membership::{Act, Membership};
use crate::replica::Replica;
use crate::room::{Log, Room};
use crate::store::Store;

impl Room {
    /// Forgets acts that came in logs of which nothing more is taken, once they are held.
    pub(crate) fn forget_overheard(&mut self) {
        if let Some(membership) = &self.membership {
            self.overheard.retain(|ballot, _| !membership.carried.contains(ballot));
        }
    }

    /// Whether somebody wrote this act of the majority, in a log that counts.
    pub(crate) fn is_written_by(&self, author: &PublicKey, ballot: EntryId) -> bool {
        let mut control = self.acts.values().filter(|act| act.header.kind().is_control());
        control
            .any(|act| act.header.author == *author && act.ballot == Some(ballot) && self.counts(&act.header, act.id))
    }

    /// What would be held with what was overheard.
    fn with_overheard(&self) -> BTreeMap<EntryId, Act> {
        let mut acts = self.acts.clone();
        acts.extend(self.overheard.values().map(|act| (act.id, act.clone())));
        acts
    }

    /// Who would belong if that were held, where there is any.
    pub(crate) fn by_hearsay(&self) -> Option<Membership> {
        if self.overheard.is_empty() {
            return None;
        }
        Membership::evaluate(self.id, &self.with_overheard())
    }

    /// Whether so many signed an act of the majority as had to where it builds on what is held or was overheard; else
    /// more than half of those who may vote now.
    fn is_carried(&self, act: &Act) -> bool {
        let mut acts = self.with_overheard();
        let previous = act.body.link().map(|link| link.previous);
        if previous.is_none_or(|place| acts.values().all(|act| act.place() != place)) {
            let voters = self.membership.as_ref().map(|membership| &membership.voters);
            let signed =
                |voters: &BTreeMap<PublicKey, _>| voters.keys().filter(|voter| act.votes.contains(voter)).count();
            return voters.is_some_and(|voters| 2 * signed(voters) > voters.len());
        }
        acts.insert(act.id, act.clone());
        Membership::carried(self.id, &acts).contains(&act.place())
    }
}

impl<S: Store> Replica<S> {
    /// Whether one of these, whose log does not count for it, is an act of the majority that so many signed as had to, and
    /// nobody who may vote now. Nobody brings that back to a room by passing it on, not a member either.
    pub(crate) fn is_of_the_past(&mut self, id: RoomId, entries: &[Entry]) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        for entry in entries.iter().filter(|entry| entry.header.kind().is_control()) {
            let body = entry.decode_body();
            if body.link().is_none_or(|link| link.votes.is_empty()) {
                continue;
            }
            let act = Act::of(entry);
            let log = entry.header.log_key();
            let adds =
                room.logs.get(Lane::Membership).get(&log).into_iter().flat_map(Log::adds).chain(entry.header.add);
            let counts = room.limit(log, adds).is_some_and(|limit| limit.admits(entry.header.seq, entry.id));
            let previous = body.link().map(|link| link.previous);
            let voted_for = room
                .membership
                .as_ref()
                .zip(previous)
                .is_none_or(|(held, previous)| held.is_voted_for(previous, &act.votes, &self.me));
            if !counts && !voted_for && room.may_evaluate() && room.is_carried(&act) {
                return true;
            }
        }
        false
    }

    /// Looks into entries that are not stored: who was removed may have written an act of the majority that everybody
    /// else has yet to hear of, and that outranks the removal.
    pub(crate) fn overhear(&mut self, id: RoomId, group: &Group) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        for entry in group.signed().unwrap_or_default().iter().filter(|entry| entry.header.kind().is_control()) {
            let body = entry.decode_body();
            let Some((ballot, votes)) = signed_as_said(entry.room(), &entry.header, &body) else { continue };
            let (previous, ballot) = (ballot.previous, ballot.id());
            let Some(membership) = &room.membership else { return };
            let votes: BTreeSet<PublicKey> = votes.into_iter().map(|(voter, _)| voter).collect();
            if membership.carried.contains(&ballot)
                || room.overheard.contains_key(&ballot)
                || room.overheard.len() >= limits::OVERHEARD
                || room.unwritable.len() >= limits::UNWRITABLE
                || room.unwritable.iter().any(|(_, about)| *about == ballot)
                || !membership.is_voted_for(previous, &votes, &self.me)
                || !room.may_evaluate()
            {
                continue;
            }
            // What most of the voters signed nobody makes up, so that the places for it are not filled with anything else.
            // Whether they did takes long to check, so first whether it would be enough.
            let said = Act { id: entry.id, header: entry.header.clone(), body, ballot: Some(ballot), votes };
            if !room.is_carried(&said) {
                continue;
            }
            let act = Act::of(entry);
            let voted_for =
                room.membership.as_ref().is_some_and(|known| known.is_voted_for(previous, &act.votes, &self.me));
            if act.votes == said.votes || voted_for && room.is_carried(&act) {
                room.overheard.insert(ballot, act);
                room.unsettled = true;
                // There may be more to tell by it.
                room.changed = true;
            }
        }
    }
}
