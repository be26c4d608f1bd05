//! Who belongs to a room: a pure function of the membership entries that a device holds.
//!
//! Nothing here depends on the order in which entries came, so devices that hold the same entries agree.
//! First the control chain is followed from the creation entry; then adds are admitted in (time, id) order,
//! round by round, since each depends on its sponsor's own add; removals and leaving end adds and cut logs.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Body, MayAdd, Settings};
use crate::chain::{Chain, Cuts, Step, Voters, Walk, Way, departures, signed_by};
use crate::entry::{Entry, Header, LogKey};
use crate::id::{EntryId, Hash, LogId, RoomId};
use crate::identity::PublicKey;
use crate::kind::Kind;
use crate::planted::{self, Bug};
use crate::proposal::Proposal;

/// A membership entry, decoded.
#[derive(Clone, Debug)]
pub struct Act {
    /// The entry's id.
    pub id: EntryId,
    /// Its header.
    pub header: Header,
    /// What it does.
    pub body: Body,
    /// The ballot that it is about, if it is an act of the majority or a vote for one.
    pub(crate) ballot: Option<EntryId>,
    /// Who signed that. Checked once, since membership is evaluated often.
    pub(crate) votes: BTreeSet<PublicKey>,
}

impl Act {
    /// From a stored entry.
    pub fn of(entry: &Entry) -> Self {
        let body = entry.decode_body();
        let (ballot, votes) = signed_by(entry.room(), &entry.header, &body);
        Self { id: entry.id, header: entry.header.clone(), body, ballot, votes }
    }

    /// What it is known by in the control chain.
    pub(crate) fn place(&self) -> EntryId {
        self.ballot.unwrap_or(self.id)
    }
}

/// Why nothing more is taken from the control chain, until this device is updated or the majority acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// The chain goes on with a kind this version does not know.
    NewerVersion,
    /// The owner wrote two different continuations.
    Forked,
}

/// A member's part in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Writes the control chain.
    Owner,
    /// Reads and writes.
    Member,
    /// Added by a member where only the owner may add, and not admitted yet.
    Pending,
}

/// Up to where a log counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The last number that counts.
    pub seq: u64,
    /// The entry that must stand there; absent where nothing is cut.
    pub id: Option<EntryId>,
}

impl Limit {
    const NONE: Self = Self { seq: u64::MAX, id: None };

    pub(crate) fn tighter(self, other: Self) -> Self {
        if other.seq < self.seq { other } else { self }
    }

    /// Whether an entry with this number and id counts.
    pub fn admits(&self, seq: u64, id: EntryId) -> bool {
        seq < self.seq || (seq == self.seq && self.id.is_none_or(|at| at == id))
    }
}

/// An add that holds, or once held.
#[derive(Clone, Debug)]
pub struct Added {
    /// Who was added.
    pub key: PublicKey,
    /// Who added.
    pub by: PublicKey,
    /// The name given.
    pub name: String,
    /// Microseconds since the Unix epoch.
    pub at_us: u64,
    /// Whether it made its device a member, rather than confirming one.
    pub introduces: bool,
    pub(crate) position: usize,
    ends: Vec<Cuts>,
}

impl Added {
    /// Whether it holds no more.
    pub fn ended(&self) -> bool {
        !self.ends.is_empty()
    }
}

/// An invite that was written by someone who may.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The public key derived from its secret.
    pub key: PublicKey,
    /// Milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// How many devices it may add.
    pub uses: u32,
    /// Whom it added.
    pub used_by: BTreeSet<PublicKey>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its part.
    pub role: Role,
    /// The name it was added under.
    pub name: String,
    /// The newest add that holds; new logs are written under it.
    pub add: EntryId,
}

/// Who belongs to a room, and what it is like.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The creation entry's author, and later whom the chain appointed. Not always a member any more.
    pub owner: PublicKey,
    /// Whether the majority removed the owner: nobody is, until it appoints another.
    pub owner_removed: bool,
    /// The settings in force.
    pub settings: Settings,
    /// The beacon key in force.
    pub beacon: Hash,
    /// Whose removal left that key known to a device that is no member any more, by its place in the chain.
    pub(crate) beacon_known_to: Option<EntryId>,
    /// The last of the control chain that counts: an entry, or the ballot of an act of the majority.
    pub head: EntryId,
    /// The epoch it stands in.
    pub epoch: u32,
    /// Whether the chain stops short.
    pub frozen: Option<Frozen>,
    /// Members by key.
    pub members: BTreeMap<PublicKey, Member>,
    /// Every add that holds or once held, by its entry.
    pub adds: BTreeMap<EntryId, Added>,
    /// Every invite that counts, by its entry.
    pub invites: BTreeMap<EntryId, Invited>,
    /// The control chain in force, creation first: entries, and the ballots of acts of the majority.
    pub chain: Vec<EntryId>,
    /// Who may vote, each with what made it a voter.
    pub voters: BTreeMap<PublicKey, EntryId>,
    /// What is voted on, in order of the ballots.
    pub proposals: Vec<Proposal>,
    /// Entries in force that say what the chain says, each with its position; of several with one ballot, one.
    pub(crate) in_force: BTreeMap<EntryId, usize>,
    /// What owners wrote beside the chain in force, each with the position that it was written behind.
    pub(crate) outranked: BTreeMap<EntryId, usize>,
    /// Acts of the majority in force whose authors' logs may be refused by who knows them as removed.
    pub(crate) unheard: Vec<EntryId>,
    /// Whom another way of the chain removed.
    pub(crate) refused: BTreeSet<PublicKey>,
    /// Who was the owner behind each position.
    pub(crate) owners: Vec<Option<PublicKey>>,
    chain_seqs: BTreeMap<LogKey, u64>,
}

impl Membership {
    /// Evaluates a room's membership entries. `None` without an intact creation entry of that room.
    pub fn evaluate(room: RoomId, acts: &BTreeMap<EntryId, Act>) -> Option<Self> {
        let creation = acts.get(&room.creation())?;
        let Body::Create(create) = &creation.body else { return None };
        let creator = creation.header.author;

        let roots: BTreeMap<LogKey, EntryId> = acts
            .values()
            .filter(|act| act.header.seq == 1)
            .map(|act| (act.header.log_key(), act.header.add.unwrap_or(act.id)))
            .collect();
        let left = departures(acts, &roots);
        let mut chain = Chain::new(acts, &roots, &left);
        chain.survey(creation);
        let walk = chain.follow(Walk {
            owner: creator,
            owner_removed: false,
            settings: create.settings.clone(),
            beacon: create.beacon,
            beacon_known_to: None,
            epoch: 0,
            frozen: None,
            voters: Voters::from([(creator, creation.id)]),
            head: creation.id,
            steps: vec![Step { id: creation.id, acts: vec![creation], owner: Some(creator) }],
        });
        let mut this = Self {
            owner: walk.owner,
            owner_removed: walk.owner_removed,
            settings: walk.settings,
            beacon: walk.beacon,
            beacon_known_to: walk.beacon_known_to,
            head: walk.head,
            epoch: walk.epoch,
            frozen: walk.frozen,
            members: BTreeMap::new(),
            adds: BTreeMap::new(),
            invites: BTreeMap::new(),
            chain: walk.steps.iter().map(|step| step.id).collect(),
            voters: walk.voters.into_iter().filter(|(voter, since)| !chain.is_gone(*voter, *since)).collect(),
            proposals: Vec::new(),
            in_force: BTreeMap::new(),
            outranked: BTreeMap::new(),
            unheard: Vec::new(),
            refused: BTreeSet::new(),
            owners: walk.steps.iter().map(|step| step.owner).collect(),
            chain_seqs: BTreeMap::new(),
        };
        let way = Way::new(walk.steps);
        let cuts = this.place(&chain, &way);
        this.admit(&chain, &way, cuts, &creation.header);
        this.count_votes(&chain, &way);
        Some(this)
    }

    /// Finds which entries say what is in force, and what owners wrote beside it. Gives what the removals in force
    /// leave, by position.
    fn place(&mut self, chain: &Chain<'_>, way: &Way<'_>) -> BTreeMap<usize, Cuts> {
        let removals: Vec<(&Act, PublicKey)> = chain
            .acts
            .values()
            .filter_map(|act| match &act.body {
                Body::Remove(remove) => Some((act, remove.key)),
                _ => None,
            })
            .collect();
        for act in chain.places.values().flatten().filter(|act| !way.is_in_force(act)) {
            if let Some(position) = chain.beside(way, act) {
                self.outranked.insert(act.id, position);
            }
        }
        // Who takes another way of the chain for the one in force may refuse what those wrote whom it removed.
        let removed: BTreeSet<PublicKey> = removals.iter().map(|(_, key)| *key).collect();
        self.refused = removals
            .iter()
            .filter(|(act, _)| !way.is_in_force(act) && (act.ballot.is_some() || self.outranked.contains_key(&act.id)))
            .map(|(_, key)| *key)
            .collect();
        for (position, step) in way.steps.iter().enumerate() {
            let sure = step.acts.iter().find(|act| !removed.contains(&act.header.author));
            if let Some(act) = sure.or(step.acts.first()) {
                self.in_force.insert(act.id, position);
                let seq = self.chain_seqs.entry(act.header.log_key()).or_default();
                *seq = (*seq).max(act.header.seq);
            }
            if step.acts.iter().all(|act| self.refused.contains(&act.header.author)) {
                self.unheard.extend(step.acts.first().filter(|act| act.ballot.is_some()).map(|act| act.id));
            }
        }
        way.cuts(&self.refused)
    }

    /// Finds the adds and invites that hold, and what ended them.
    fn admit(&mut self, chain: &Chain<'_>, way: &Way<'_>, mut cuts: BTreeMap<usize, Cuts>, creation: &Header) {
        let creator = creation.author;
        let positions = &way.positions;
        let mut removals: BTreeMap<PublicKey, Vec<(usize, Cuts)>> = BTreeMap::new();
        let mut may_add: Vec<MayAdd> = Vec::new();
        let firsts = way.steps.iter().enumerate();
        for (position, act) in firsts.filter_map(|(position, step)| Some((position, step.acts.first()?))) {
            match &act.body {
                Body::Remove(remove) => {
                    let cuts = cuts.remove(&position).unwrap_or_default();
                    removals.entry(remove.key).or_default().push((position, cuts));
                }
                Body::Create(create) => may_add.push(create.settings.may_add),
                _ => {}
            }
            let before = may_add.last().copied().unwrap_or(MayAdd::Members);
            may_add.resize(position + 1, before);
            if let (Body::Settings(change), Some(last)) = (&act.body, may_add.last_mut()) {
                *last = change.settings.may_add;
            }
        }
        let removal = |key: PublicKey, position: usize| {
            removals.get(&key).and_then(|removals| removals.iter().find(|(at, _)| *at > position))
        };
        let ends = |add: EntryId, key: PublicKey, position: usize| -> Vec<Cuts> {
            let removed = removal(key, position).map(|(_, cuts)| cuts.clone());
            removed.into_iter().chain(chain.left.get(&(key, add)).cloned()).collect()
        };
        // How the stay ended that an add is of. Who knows of a removal may refuse the word of leaving that came after it.
        let stay = |add: EntryId, key: PublicKey, position: usize| -> (Option<usize>, bool) {
            let removal = removal(key, position);
            let heard = |log: &LogId, left: &Limit| {
                let leave =
                    left.id.filter(|id| chain.acts.get(id).is_some_and(|act| matches!(act.body, Body::Leave(_))));
                let cut = |(_, cuts): &(usize, Cuts)| cuts.get(log).copied().unwrap_or(Limit { seq: 0, id: None });
                leave.is_some_and(|id| removal.is_none_or(|removal| cut(removal).admits(left.seq, id)))
            };
            let left =
                chain.left.get(&(key, add)).is_some_and(|left| left.iter().any(|(log, limit)| heard(log, limit)));
            (removal.map(|(at, _)| *at), left)
        };
        self.adds.insert(
            self.head_of_chain(),
            Added {
                key: creator,
                by: creator,
                name: String::new(),
                at_us: creation.timestamp_us,
                introduces: false,
                position: 0,
                ends: ends(self.head_of_chain(), creator, 0),
            },
        );

        // What may add or invite, in the order in which uses are counted.
        let mut waiting: Vec<&Act> = chain
            .acts
            .values()
            .filter(|act| match act.header.kind() {
                Kind::Admit => positions.contains_key(&act.id) || self.outranked.contains_key(&act.id),
                Kind::Add | Kind::Invite => true,
                _ => false,
            })
            .collect();
        waiting.sort_unstable_by_key(|act| (act.header.timestamp_us, act.id));
        loop {
            let before = waiting.len();
            waiting.retain(|act| {
                // Beside the chain it is worth what a member's add is.
                let by_chain = positions.contains_key(&act.id);
                if !by_chain && !self.log_counts(chain.roots, &act.header, act.id) {
                    return true;
                }
                let (key, name, invite, position) = match &act.body {
                    Body::Invite(invite) => {
                        let invited = Invited {
                            key: invite.key,
                            expires_at_ms: invite.expires_at_ms,
                            uses: invite.uses,
                            used_by: BTreeSet::new(),
                        };
                        self.invites.insert(act.id, invited);
                        return false;
                    }
                    Body::Admit(admit) => {
                        let position = positions.get(&act.id).or(self.outranked.get(&act.id)).copied().unwrap_or(0);
                        (admit.key, &admit.name, admit.invite, position)
                    }
                    Body::Add(add) => (add.key, &add.name, add.invite, chain.position(way, add.control)),
                    _ => return false,
                };
                if let Some(invite) = invite {
                    let Some(invited) = self.invites.get_mut(&invite) else { return true };
                    let used_up = !invited.used_by.contains(&key) && invited.used_by.len() >= invited.uses as usize;
                    let used_up = used_up && !planted::is(Bug::InviteOverused);
                    if used_up || act.header.timestamp_us / 1000 > invited.expires_at_ms {
                        return false;
                    }
                    invited.used_by.insert(key);
                }
                let added = Added {
                    key,
                    by: act.header.author,
                    name: name.clone(),
                    at_us: act.header.timestamp_us,
                    introduces: false,
                    position,
                    ends: ends(act.id, key, position),
                };
                self.adds.insert(act.id, added);
                false
            });
            if waiting.len() == before {
                break;
            }
        }
        let stays = self.adds.iter().map(|(id, added)| (*id, stay(*id, added.key, added.position))).collect();
        self.mark_introductions(&stays);
        let pending: Vec<EntryId> = self
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

    fn head_of_chain(&self) -> EntryId {
        self.chain.first().copied().unwrap_or(self.head)
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

    pub(crate) fn log_counts(&self, roots: &BTreeMap<LogKey, EntryId>, header: &Header, id: EntryId) -> bool {
        roots
            .get(&header.log_key())
            .and_then(|add| self.limit(header.log_key(), *add))
            .is_some_and(|limit| limit.admits(header.seq, id))
    }

    /// Up to where a log that is written under an add counts; `None` where nothing of it does.
    pub fn limit(&self, log: LogKey, add: EntryId) -> Option<Limit> {
        let added = self.adds.get(&add).filter(|added| added.key == log.author)?;
        let mut limit = Limit::NONE;
        for cuts in added.ends.iter().filter(|_| !planted::is(Bug::CutIgnored)) {
            limit = limit.tighter(cuts.get(&log.log).copied().unwrap_or(Limit { seq: 0, id: None }));
        }
        // What the chain in force stands on counts, whatever a later removal named.
        let chain = self.chain_seqs.get(&log).copied().unwrap_or(0);
        if chain > limit.seq {
            limit = Limit { seq: chain, id: None };
        }
        (limit.seq > 0).then_some(limit)
    }

    /// Whether a device is a member now.
    pub fn is_member(&self, key: &PublicKey) -> bool {
        self.members.contains_key(key)
    }

    /// A device's part in the room now.
    pub fn role(&self, key: &PublicKey) -> Option<Role> {
        self.members.get(key).map(|member| member.role)
    }

    /// The invite with this public key.
    pub fn invite(&self, key: &PublicKey) -> Option<(EntryId, &Invited)> {
        self.invites.iter().find(|(_, invited)| invited.key == *key).map(|(id, invited)| (*id, invited))
    }

    /// Who was in a room and is no more, by removal or by leaving.
    pub fn was_member(&self, key: &PublicKey) -> bool {
        !self.is_member(key) && self.adds.values().any(|added| added.key == *key)
    }
}
