//! What a membership entry surely changes about which logs count, found without evaluating who belongs anew: a batch may
//! bring hundreds of adds, each under the one before it.

use std::collections::BTreeSet;

use crate::body::Body;
use crate::id::EntryId;
use crate::identity::PublicKey;
use crate::limits;
use crate::membership::{Act, Added, Invited, Limit, Membership};
use crate::room::Room;

/// Whose logs may count otherwise than was found: by what was taken since who belongs was evaluated.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    about_all: bool,
    about: BTreeSet<PublicKey>,
    /// How often it was settled in this batch.
    settled: usize,
}

impl Doubt {
    fn is_about(&self, author: &PublicKey) -> bool {
        self.about_all || self.about.contains(author)
    }
}

impl Room {
    /// A batch begins.
    pub(crate) fn begin_batch(&mut self) {
        self.doubt.settled = 0;
    }

    /// Who belongs was evaluated.
    pub(crate) fn settle_doubt(&mut self) {
        self.doubt.about_all = false;
        self.doubt.about.clear();
    }

    /// Sees to it that what is known of whose logs count holds for this author. Beyond so many times in one batch, what
    /// comes is taken as if it had come before that by which it may count otherwise.
    pub(crate) fn evaluate_for(&mut self, author: &PublicKey) {
        if self.doubt.is_about(author) && self.may_evaluate() {
            self.evaluate();
        }
    }

    /// Whether it may be looked once more in this batch who belongs.
    pub(crate) fn may_evaluate(&mut self) -> bool {
        let may = self.doubt.settled < limits::EVALUATIONS;
        self.doubt.settled += usize::from(may);
        may
    }

    /// Notes an entry that was taken, of a log under this add, or under another as well.
    pub(crate) fn foresee(&mut self, act: Act, add: EntryId, begun_twice: bool) {
        self.doubt.about_all |= begun_twice;
        match self.membership.as_mut() {
            Some(membership) => membership.foresee(&act, add, &mut self.doubt),
            None => self.doubt.about_all = true,
        }
        self.acts.insert(act.id, act);
        self.stale = true;
    }
}

impl Membership {
    fn foresee(&mut self, act: &Act, add: EntryId, doubt: &mut Doubt) {
        let author = act.header.author;
        let limit = self.limit(act.header.log_key(), add);
        // With an entry by which its log is cut, all counts that stands before it.
        doubt.about_all |= limit.as_ref().is_some_and(|limit| limit.names(act.header.seq, act.id));
        let counts = limit == Some(Limit::All);
        doubt.about_all |= self.expected.contains(&act.place());
        if matches!(act.body, Body::Add(_) | Body::Invite(_)) {
            self.sponsors.insert(author);
        }
        match &act.body {
            Body::Invite(invite) if counts => {
                self.invites.insert(act.id, Invited::of(invite));
            }
            Body::Add(add) if counts => self.foresee_add(act, add.key, add.invite, doubt),
            Body::Leave(_) => {
                doubt.about_all |= self.owned.contains(&author);
                self.foresee_end(author, doubt);
            }
            Body::Create(_) => doubt.about_all = true,
            _ => self.foresee_link(act, doubt),
        }
    }

    fn foresee_add(&mut self, act: &Act, key: PublicKey, invite: Option<EntryId>, doubt: &mut Doubt) {
        let at_us = act.header.timestamp_us;
        if let Some(invite) = invite {
            let Some(invited) = self.invites.get_mut(&invite) else {
                self.expected.insert(invite);
                return;
            };
            if !invited.admits(key, at_us) {
                // Where it is used up, an add that was written before others takes the place of one of them.
                doubt.about_all |= at_us / 1000 <= invited.expires_at_ms;
                return;
            }
            invited.used_by.insert(key);
        }
        if self.gone.contains(&key) {
            doubt.about.insert(key);
        }
        let added = Added {
            key,
            by: act.header.author,
            name: String::new(),
            at_us,
            introduces: false,
            position: 0,
            removed: None,
            left: Vec::new(),
        };
        self.adds.insert(act.id, added);
    }

    /// Somebody was removed or left.
    fn foresee_end(&mut self, key: PublicKey, doubt: &mut Doubt) {
        // Acts of the majority may wait for one less, and whom it added may not have been added any more.
        doubt.about_all |= self.contested || self.sponsors.contains(&key);
        doubt.about.insert(key);
        self.gone.insert(key);
    }

    fn foresee_link(&mut self, act: &Act, doubt: &mut Doubt) {
        let Some(link) = act.body.link() else { return };
        let author = act.header.author;
        if let Body::Remove(remove) = &act.body {
            doubt.about_all |= self.scribes.contains(&remove.key);
        }
        let by_owner = self.owned.contains(&author);
        if let Body::Appoint(appoint) = &act.body {
            self.owned.insert(appoint.key);
        }
        if !by_owner && act.votes.is_empty() {
            // It is nothing to anybody, unless what it builds on makes its author the owner.
            self.expected.insert(link.previous);
            return;
        }
        let goes_on = link.votes.is_empty()
            && (link.previous, link.epoch) == (self.head, self.epoch)
            && self.frozen.is_none()
            && author == self.owner
            && !self.owner_removed
            && !self.gone.contains(&author);
        match &act.body {
            Body::Admit(admit) if goes_on => self.foresee_add(act, admit.key, admit.invite, doubt),
            Body::Remove(remove) if goes_on => {
                doubt.about_all |= remove.key == author;
                self.foresee_end(remove.key, doubt);
            }
            Body::Settings(_) | Body::Beacon(_) if goes_on => {}
            _ => doubt.about_all = true,
        }
        if goes_on {
            self.head = act.id;
        }
    }
}

#[cfg(test)]
mod tests;
