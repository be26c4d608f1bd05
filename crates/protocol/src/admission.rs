//! Which adds and invites hold, by the control chain in force, and what ended them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::body::{Body, MayAdd};
use crate::chain::{Chain, Cuts, Step, Voters, Way};
use crate::detour::Beside;
use crate::entry::Header;
use crate::id::EntryId;
use crate::identity::PublicKey;
use crate::kind::Kind;
use crate::membership::{Act, Added, Invited, Member, Membership, Role, Tips};

/// What the removals in force leave of the logs of each device, with their positions.
pub(crate) struct Removals(BTreeMap<PublicKey, Vec<(usize, Arc<Cuts>)>>);

impl Removals {
    pub(crate) fn new(way: &Way<'_>, mut cuts: BTreeMap<usize, Cuts>) -> Self {
        let mut removals: BTreeMap<PublicKey, Vec<(usize, Arc<Cuts>)>> = BTreeMap::new();
        for (position, step) in way.steps.iter().enumerate() {
            if let Some(key) = step.removes() {
                let cuts = cuts.remove(&position).unwrap_or_default();
                removals.entry(key).or_default().push((position, Arc::new(cuts)));
            }
        }
        Self(removals)
    }

    /// The one that ends an add of a device at a position.
    fn of(&self, key: PublicKey, position: usize) -> Option<&(usize, Arc<Cuts>)> {
        let removals = self.0.get(&key)?;
        removals.get(removals.partition_point(|(at, _)| *at <= position))
    }
}

impl Membership {
    /// Finds which entries say what is in force, and what owners wrote beside it. Gives what the removals in force
    /// leave, by position.
    pub(crate) fn place(&mut self, chain: &Chain<'_>, way: &Way<'_>, beside: &Beside) -> BTreeMap<usize, Cuts> {
        self.outranked.clone_from(&beside.outranked);
        let removed: BTreeSet<PublicKey> = way.steps.iter().filter_map(Step::removes).collect();
        let taken = way.taken(&chain.lineage);
        for (position, step) in way.steps.iter().enumerate() {
            let acts = taken.acts.get(&position).unwrap_or(&step.acts);
            let sure = acts.iter().find(|act| !removed.contains(&act.header.author));
            // Else one that stands within what its author's removal leaves: it is held wherever that is known, and
            // others with its ballot may not be.
            if let Some(act) = sure.or(acts.first()) {
                self.in_force.insert(act.id, position);
                self.stand_on(chain, act);
            }
        }
        let mut voters = Voters::new();
        for (position, step) in way.steps.iter().enumerate() {
            for ground in chain.grounds(&step.acts, &voters, &removed) {
                self.stand_on(chain, ground);
                self.grounds.push((position, ground.id));
            }
            if let Some(act) = step.acts.first() {
                chain.count(&mut voters, step.id, act);
            }
        }
        self.note_grounds(chain, way);
        taken.cuts
    }

    /// Notes that the chain in force stands on an entry.
    fn stand_on(&mut self, chain: &Chain<'_>, act: &Act) {
        let (log, tip) = (act.header.log_key(), (act.header.seq, act.id));
        let tips = self.chain_tips.entry(log).or_default();
        tips.retain(|before| !chain.lineage.stands_before(log, *before, tip));
        if !tips.iter().any(|before| chain.lineage.stands_before(log, tip, *before)) {
            tips.insert(tip);
        }
    }

    /// Notes by what it is told whether an entry that comes may change what counts.
    fn note_grounds(&mut self, chain: &Chain<'_>, way: &Way<'_>) {
        for act in chain.acts.values() {
            match &act.body {
                Body::Create(_) => {
                    self.owned.insert(act.header.author);
                }
                Body::Appoint(appoint) => {
                    self.owned.insert(appoint.key);
                }
                Body::Leave(_) => {
                    self.gone.insert(act.header.author);
                }
                Body::Add(_) | Body::Invite(_) => {
                    self.sponsors.insert(act.header.author);
                }
                Body::Remove(remove) if way.is_in_force(act) => {
                    self.gone.insert(remove.key);
                }
                _ => {}
            }
            let builds_on = match &act.body {
                Body::Add(add) => Some(add.control),
                body => body.link().map(|link| link.previous),
            };
            let known = |place: &EntryId| chain.places.contains_key(place) || *place == self.head_of_chain();
            self.expected.extend(builds_on.filter(|place| !known(place)));
            if self.outranked.contains_key(&act.id) {
                self.sponsors.insert(act.header.author);
            }
            let by_votes = act.header.kind().is_control() && !act.votes.is_empty();
            self.contested |= by_votes && !way.is_in_force(act);
        }
        let by_majority = way.steps.iter().flat_map(|step| &step.acts).filter(|act| act.ballot.is_some());
        self.scribes = by_majority.map(|act| act.header.author).collect();
    }

    /// What an add makes of whom, and its position: how much of the chain in force its author knew.
    fn position(&self, way: &Way<'_>, beside: &Beside, act: &Act) -> Option<(PublicKey, usize)> {
        match &act.body {
            Body::Create(_) => Some((act.header.author, 0)),
            Body::Admit(admit) => {
                let position = way.positions.get(&act.id).or_else(|| self.outranked.get(&act.id));
                Some((admit.key, position.copied().unwrap_or(0)))
            }
            Body::Add(add) => Some((add.key, beside.position(way, add.control))),
            _ => None,
        }
    }

    /// Words of leaving that not everybody takes: they stand behind what a removal leaves of their log, and who knew of that
    /// first never stored them. They end nothing.
    pub(crate) fn stray(
        &self,
        chain: &Chain<'_>,
        way: &Way<'_>,
        beside: &Beside,
        removals: &Removals,
    ) -> BTreeSet<EntryId> {
        let taken = |act: &Act| {
            let (author, log) = (act.header.author, act.header.log_key());
            let leads = |tips: &Tips| chain.lineage.leads(&act.header, act.id, tips);
            let adds = chain.roots.get(&log).into_iter().flatten().filter_map(|add| chain.acts.get(add));
            let mut stays = adds.filter_map(|add| self.position(way, beside, add)).filter(|(key, _)| *key == author);
            let within = |(_, position): (PublicKey, usize)| {
                removals.of(author, position).is_none_or(|(_, cuts)| cuts.get(&log.log).is_some_and(leads))
            };
            stays.any(within) || self.chain_tips.get(&log).is_some_and(leads)
        };
        let leavings = chain.left.values().flatten().map(|leaving| leaving.act);
        let leavings: BTreeMap<EntryId, &Act> = leavings.map(|act| (act.id, act)).collect();
        leavings.into_iter().filter(|(_, act)| !taken(act)).map(|(id, _)| id).collect()
    }

    /// Finds the adds and invites that hold, and what ended them.
    pub(crate) fn admit(
        &mut self,
        chain: &Chain<'_>,
        way: &Way<'_>,
        beside: &Beside,
        removals: &Removals,
        stray: &BTreeSet<EntryId>,
        creation: &Header,
    ) {
        let creator = creation.author;
        let positions = &way.positions;
        let mut may_add: Vec<MayAdd> = Vec::new();
        let firsts = way.steps.iter().enumerate();
        for (position, act) in firsts.filter_map(|(position, step)| Some((position, step.acts.first()?))) {
            if let Body::Create(create) = &act.body {
                may_add.push(create.settings.may_add);
            }
            let before = may_add.last().copied().unwrap_or(MayAdd::Members);
            may_add.resize(position + 1, before);
            if let (Body::Settings(change), Some(last)) = (&act.body, may_add.last_mut()) {
                *last = change.settings.may_add;
            }
        }
        let left = |add: EntryId, key: PublicKey| {
            let leavings = chain.left.get(&(key, add)).into_iter().flatten();
            leavings.filter(|leaving| !stray.contains(&leaving.act.id))
        };
        let ends = |add: EntryId, key: PublicKey, position: usize| {
            let removed = removals.of(key, position).map(|(_, cuts)| Arc::clone(cuts));
            (removed, left(add, key).map(|leaving| Arc::clone(&leaving.cuts)).collect::<Vec<_>>())
        };
        // How the stay ended that an add is of.
        let stay = |add: EntryId, key: PublicKey, position: usize| -> (Option<usize>, bool) {
            let removal = removals.of(key, position);
            let heard = |act: &Act| {
                removal.is_none_or(|(_, cuts)| {
                    cuts.get(&act.header.log).is_some_and(|tips| chain.lineage.leads(&act.header, act.id, tips))
                })
            };
            (removal.map(|(at, _)| *at), left(add, key).any(|leaving| heard(leaving.act)))
        };
        let (removed, left_by) = ends(self.head_of_chain(), creator, 0);
        self.adds.insert(
            self.head_of_chain(),
            Added {
                key: creator,
                by: creator,
                name: String::new(),
                at_us: creation.timestamp_us,
                introduces: false,
                position: 0,
                removed,
                left: left_by,
            },
        );

        // What may add or invite, in the order in which uses are counted.
        let mut queue: Vec<&Act> = chain
            .acts
            .values()
            .filter(|act| match act.header.kind() {
                Kind::Admit => positions.contains_key(&act.id) || self.outranked.contains_key(&act.id),
                Kind::Add | Kind::Invite => true,
                _ => false,
            })
            .collect();
        queue.sort_unstable_by_key(|act| (act.header.timestamp_us, act.id));
        // It is gone through again and again, but each only when what it waited for holds: in the same round where
        // that stands before it, else in the next.
        let mut turns: BTreeSet<(usize, usize)> = (0..queue.len()).map(|index| (0, index)).collect();
        let mut waiting: BTreeMap<EntryId, Vec<usize>> = BTreeMap::new();
        while let Some((round, index)) = turns.pop_first() {
            let Some(act) = queue.get(index) else { continue };
            // It may have waited for more than one.
            if self.adds.contains_key(&act.id) || self.invites.contains_key(&act.id) {
                continue;
            }
            // Beside the chain it is worth what a member's add is.
            let in_chain = positions.get(&act.id).copied();
            if in_chain.is_none() {
                let Some(roots) = chain.roots.get(&act.header.log_key()) else { continue };
                if !self.act_counts(chain, act) {
                    for root in roots.iter().filter(|root| !self.adds.contains_key(*root)) {
                        waiting.entry(*root).or_default().push(index);
                    }
                    continue;
                }
            }
            let (name, invite) = match &act.body {
                Body::Invite(invite) => {
                    self.invites.insert(act.id, Invited::of(invite));
                    ("", None)
                }
                Body::Admit(admit) => (admit.name.as_str(), admit.invite),
                Body::Add(add) => (add.name.as_str(), add.invite),
                _ => continue,
            };
            let added = self.position(way, beside, act);
            if let Some(invite) = invite {
                let Some(invited) = self.invites.get_mut(&invite) else {
                    waiting.entry(invite).or_default().push(index);
                    continue;
                };
                if !added.is_some_and(|(key, _)| invited.admits(key, act.header.timestamp_us)) {
                    continue;
                }
                invited.used_by.extend(added.map(|(key, _)| key));
            }
            if let Some((key, position)) = added {
                let (removed, left) = ends(act.id, key, position);
                let added = Added {
                    key,
                    by: act.header.author,
                    name: name.to_owned(),
                    at_us: act.header.timestamp_us,
                    introduces: false,
                    position,
                    removed,
                    left,
                };
                self.adds.insert(act.id, added);
            }
            for next in waiting.remove(&act.id).unwrap_or_default() {
                turns.insert((round + usize::from(next < index), next));
            }
        }
        self.expected.extend(waiting.into_keys());
        for act in queue {
            if let (Some((key, _)), false) = (act.body.lets_in(), self.adds.contains_key(&act.id)) {
                self.void.entry(key).or_default().push(act.id);
            }
        }
        let stays = self.adds.iter().map(|(id, added)| (*id, stay(*id, added.key, added.position))).collect();
        self.mark_introductions(&stays);
        let pending: BTreeSet<EntryId> = self
            .adds
            .iter()
            .filter(|(id, added)| {
                !positions.contains_key(*id) && may_add.get(added.position).copied() == Some(MayAdd::Owner)
            })
            .map(|(id, _)| *id)
            .collect();
        let confirmed: BTreeSet<PublicKey> = self
            .adds
            .iter()
            .filter(|(id, added)| !added.ended() && !pending.contains(id))
            .map(|(_, added)| added.key)
            .collect();
        for (id, added) in self.adds.iter().filter(|(_, added)| !added.ended()) {
            let role = if added.key == self.owner && !self.owner_removed {
                Role::Owner
            } else if confirmed.contains(&added.key) {
                Role::Member
            } else {
                Role::Pending
            };
            let newer = self
                .members
                .get(&added.key)
                .and_then(|member| self.adds.get(&member.add))
                .is_none_or(|before| (before.position, before.at_us) < (added.position, added.at_us));
            if newer {
                let member = Member { role, name: added.name.clone(), add: *id };
                self.members.insert(added.key, member);
            }
        }
    }

    /// Of several adds of one device within one stay, the first made it a member.
    fn mark_introductions(&mut self, stays: &BTreeMap<EntryId, (Option<usize>, bool)>) {
        let mut first = BTreeMap::new();
        for (id, added) in &self.adds {
            let stay = (added.key, stays.get(id));
            let candidate = (added.at_us, *id);
            let known = first.entry(stay).or_insert(candidate);
            *known = (*known).min(candidate);
        }
        let creation = self.head_of_chain();
        for (id, added) in &mut self.adds {
            let stay = (added.key, stays.get(id));
            added.introduces = *id != creation && first.get(&stay).is_some_and(|(_, first)| first == id);
        }
    }
}
