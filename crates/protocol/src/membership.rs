//! Who belongs to a room: a pure function of the membership entries that a device holds.
//!
//! Nothing here depends on the order in which entries came, so devices that hold the same entries agree.
//! First the control chain is followed from the creation entry; then adds are admitted in (time, id) order,
//! round by round, since each depends on its sponsor's own add; removals and leaving end adds and cut logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::admission::Removals;
use crate::body::{Body, Invite, Settings};
use crate::chain::{Chain, Cuts, Step, Voters, Walk, Way, departures, left_of, roots, signed_by};
use crate::entry::{Entry, Header, LogKey};
use crate::id::{EntryId, Hash, RoomId};
use crate::identity::PublicKey;
use crate::limits;
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

/// Entries of one log, each with its number: they count, and what stands before them.
pub type Tips = BTreeSet<(u64, EntryId)>;

/// Up to where a log counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// All of it does.
    All,
    /// These entries, and what stands before them.
    Cut(Tips),
}

impl Limit {
    /// Whether an entry with this number and id may count: where a log did not fork, it does.
    pub fn admits(&self, seq: u64, id: EntryId) -> bool {
        match self {
            Self::All => true,
            Self::Cut(tips) => tips.iter().any(|tip| seq < tip.0 || (seq, id) == *tip),
        }
    }

    /// The last number that may count.
    pub fn last(&self) -> u64 {
        match self {
            Self::All => u64::MAX,
            Self::Cut(tips) => last(tips),
        }
    }

    /// Whether it is one of the entries by which the log is cut.
    pub(crate) fn names(&self, seq: u64, id: EntryId) -> bool {
        matches!(self, Self::Cut(tips) if tips.contains(&(seq, id)))
    }
}

fn last(tips: &Tips) -> u64 {
    tips.last().map_or(0, |(seq, _)| *seq)
}

/// Of two cuts of one log, the lower.
pub(crate) fn lower<'a>(one: &'a Tips, other: &'a Tips) -> &'a Tips {
    if last(other) < last(one) { other } else { one }
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
    /// What the removal leaves that ended it.
    pub(crate) removed: Option<Arc<Cuts>>,
    /// What each word of leaving leaves that ended it.
    pub(crate) left: Vec<Arc<Cuts>>,
}

impl Added {
    /// Whether it holds no more.
    pub fn ended(&self) -> bool {
        self.removed.is_some() || !self.left.is_empty()
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

impl Invited {
    pub(crate) fn of(invite: &Invite) -> Self {
        Self { key: invite.key, expires_at_ms: invite.expires_at_ms, uses: invite.uses, used_by: BTreeSet::new() }
    }

    /// Whether an add of this device, written at this time, is honoured.
    pub(crate) fn admits(&self, key: PublicKey, at_us: u64) -> bool {
        let used_up = !self.used_by.contains(&key) && self.used_by.len() >= self.uses as usize;
        let used_up = used_up && !planted::is(Bug::InviteOverused);
        !used_up && at_us / 1000 <= self.expires_at_ms
    }
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
    /// Adds that do not hold and never did, by whom they would have added: the invite was used up by others, or what
    /// they stand on was cut off. Who was let in so learns it from the others.
    pub(crate) void: BTreeMap<PublicKey, Vec<EntryId>>,
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
    /// The ballots of the acts of the majority that any way of the chain goes over, in force or not.
    pub(crate) carried: BTreeSet<EntryId>,
    /// What the chain in force changed about who may vote: position, whom, and whether it may since.
    franchise: Vec<(usize, PublicKey, bool)>,
    /// The places on which acts of the majority in force build.
    decided: BTreeSet<EntryId>,
    /// Who was the owner behind each position.
    pub(crate) owners: Vec<Option<PublicKey>>,
    /// Of each log, the last that the chain in force stands on.
    pub(crate) chain_tips: BTreeMap<LogKey, Tips>,
    /// What acts of the majority in force need besides votes, with their positions.
    pub(crate) grounds: Vec<(usize, EntryId)>,
    /// Adds, invites and places in the chain that are not held or do not count, and that others name.
    pub(crate) expected: BTreeSet<EntryId>,
    /// Who ever was the owner, or was called so by anybody.
    pub(crate) owned: BTreeSet<PublicKey>,
    /// Who was removed or left, and may be a member again.
    pub(crate) gone: BTreeSet<PublicKey>,
    /// Who added or invited others beside the chain.
    pub(crate) sponsors: BTreeSet<PublicKey>,
    /// Who wrote the acts of the majority in force.
    pub(crate) scribes: BTreeSet<PublicKey>,
    /// Whether acts are held that somebody voted for and that are not in force.
    pub(crate) contested: bool,
}

/// What the chain in force changed about who may vote.
fn franchise(steps: &[Step<'_>]) -> Vec<(usize, PublicKey, bool)> {
    let changes = steps.iter().enumerate().filter_map(|(position, step)| {
        let act = step.acts.first()?;
        match &act.body {
            Body::Create(_) => Some((position, act.header.author, true)),
            Body::Admit(admit) => Some((position, admit.key, true)),
            Body::Appoint(appoint) => Some((position, appoint.key, true)),
            Body::Remove(remove) => Some((position, remove.key, false)),
            _ => None,
        }
    });
    changes.collect()
}

fn decided(steps: &[Step<'_>]) -> BTreeSet<EntryId> {
    let acts = steps.iter().filter_map(|step| step.acts.first()).filter(|act| act.ballot.is_some());
    acts.filter_map(|act| Some(act.body.link()?.previous)).collect()
}

impl Membership {
    /// Evaluates a room's membership entries. `None` without an intact creation entry of that room.
    pub fn evaluate(room: RoomId, acts: &BTreeMap<EntryId, Act>) -> Option<Self> {
        let creation = acts.get(&room.creation())?;
        let Body::Create(create) = &creation.body else { return None };
        let creator = creation.header.author;

        let roots = roots(acts);
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
            void: BTreeMap::new(),
            chain: walk.steps.iter().map(|step| step.id).collect(),
            proposals: Vec::new(),
            in_force: BTreeMap::new(),
            outranked: BTreeMap::new(),
            carried: BTreeSet::new(),
            voters: walk.voters,
            franchise: franchise(&walk.steps),
            decided: decided(&walk.steps),
            owners: walk.steps.iter().map(|step| step.owner).collect(),
            chain_tips: BTreeMap::new(),
            grounds: Vec::new(),
            expected: BTreeSet::new(),
            owned: BTreeSet::new(),
            gone: BTreeSet::new(),
            sponsors: BTreeSet::new(),
            scribes: BTreeSet::new(),
            contested: false,
        };
        let way = Way::new(walk.steps);
        let beside = chain.beside(&way);
        let cuts = this.place(&chain, &way, &beside);
        let removals = Removals::new(&way, cuts);
        let stray = this.stray(&chain, &way, &beside, &removals);
        this.voters.retain(|voter, since| {
            let leavings = left.get(&(*voter, *since));
            leavings.is_none_or(|leavings| leavings.iter().all(|leaving| stray.contains(&leaving.act.id)))
        });
        this.admit(&chain, &way, &beside, &removals, &stray, &creation.header);
        this.count_votes(&chain, &way);
        this.carried = chain.carried.into_keys().collect();
        Some(this)
    }

    /// The ballots of the acts of the majority that any way of the chain goes over.
    pub(crate) fn carried(room: RoomId, acts: &BTreeMap<EntryId, Act>) -> BTreeSet<EntryId> {
        let Some(creation) = acts.get(&room.creation()) else { return BTreeSet::new() };
        let roots = roots(acts);
        let left = departures(acts, &roots);
        let mut chain = Chain::new(acts, &roots, &left);
        chain.survey(creation);
        chain.carried.into_keys().collect()
    }

    /// Whether so many acts of the majority are held that are not in force that no more of them are written again: more
    /// than ever come about but by who makes them up.
    pub(crate) fn is_full_of_outranked(&self) -> bool {
        let in_force = self.chain.iter().filter(|place| self.carried.contains(*place)).count();
        self.carried.len().saturating_sub(in_force) >= limits::OUTRANKED
    }

    /// Whether an act of the majority that builds on a place is to be taken from a log of which nothing is taken: one signed
    /// it who may vote here now, or this device did, or the majority decided on that place otherwise. Those who were removed
    /// from a room, or left it, may once have been most of its voters, where it was small: what only they sign does not come
    /// back to it by anybody else's hand.
    pub(crate) fn is_voted_for(&self, previous: EntryId, signed: &BTreeSet<PublicKey>, me: &PublicKey) -> bool {
        let voter = signed.iter().any(|voter| voter == me || self.voters.contains_key(voter));
        voter || self.decided.contains(&previous)
    }

    pub(crate) fn head_of_chain(&self) -> EntryId {
        self.chain.first().copied().unwrap_or(self.head)
    }

    pub(crate) fn act_counts(&self, chain: &Chain<'_>, act: &Act) -> bool {
        let log = act.header.log_key();
        let limit = chain.roots.get(&log).and_then(|adds| self.limit_under(log, adds.iter().copied()));
        limit.is_some_and(|limit| match limit {
            Limit::All => true,
            Limit::Cut(tips) => chain.lineage.leads(&act.header, act.id, &tips),
        })
    }

    /// Up to where a log that is written under an add counts; `None` where nothing of it does.
    pub fn limit(&self, log: LogKey, add: EntryId) -> Option<Limit> {
        let added = self.adds.get(&add).filter(|added| added.key == log.author)?;
        if !added.ended() || planted::is(Bug::CutIgnored) {
            return Some(Limit::All);
        }
        let nothing = Tips::new();
        let removed = added.removed.iter().map(|cuts| cuts.get(&log.log).unwrap_or(&nothing));
        let left = (!added.left.is_empty()).then(|| left_of(&added.left, &log.log).unwrap_or(&nothing));
        let mut tips = removed.chain(left).reduce(lower).cloned().unwrap_or_default();
        // What the chain in force stands on counts, whatever a later removal named.
        tips.extend(self.chain_tips.get(&log).into_iter().flatten());
        (!tips.is_empty()).then_some(Limit::Cut(tips))
    }

    /// Up to where a log counts that is begun under these adds. An honest author begins a log once. Of several the first
    /// by id decides under which something of it counts, so that it matters to nobody which of them came first.
    pub(crate) fn limit_under(&self, log: LogKey, adds: impl IntoIterator<Item = EntryId>) -> Option<Limit> {
        let mut adds: Vec<EntryId> = adds.into_iter().collect();
        adds.sort_unstable();
        adds.into_iter().find_map(|add| self.limit(log, add))
    }

    /// Whether a device is a member now.
    pub fn is_member(&self, key: &PublicKey) -> bool {
        self.members.contains_key(key)
    }

    /// What a device writes new logs under; one that is no member, once it hears that it is.
    pub(crate) fn newest_add(&self, key: &PublicKey) -> Option<EntryId> {
        let member = self.members.get(key).map(|member| member.add);
        let ended = || self.adds.iter().filter(|(_, added)| added.key == *key);
        member.or_else(|| ended().max_by_key(|(_, added)| (added.position, added.at_us)).map(|(add, _)| *add))
    }

    /// A device's part in the room now.
    pub fn role(&self, key: &PublicKey) -> Option<Role> {
        self.members.get(key).map(|member| member.role)
    }

    /// The invite with this public key.
    pub fn invite(&self, key: &PublicKey) -> Option<(EntryId, &Invited)> {
        self.invites.iter().find(|(_, invited)| invited.key == *key).map(|(id, invited)| (*id, invited))
    }

    /// An invite by the entry that it is.
    pub(crate) fn invited(&self, invite: &EntryId) -> Option<&Invited> {
        self.invites.get(invite)
    }

    /// Who was in a room and is no more, by removal or by leaving, or because the add that let it in is void: it was a
    /// member to itself, and to whoever did not know why.
    pub fn was_member(&self, key: &PublicKey) -> bool {
        let added = || self.void.contains_key(key) || self.adds.values().any(|added| added.key == *key);
        !self.is_member(key) && added()
    }

    /// Who was in a room and was removed since, whether it left as well or not.
    pub(crate) fn was_removed(&self, key: &PublicKey) -> bool {
        let removed = self.franchise.iter().any(|(_, subject, votes)| subject == key && !votes);
        removed && self.was_member(key)
    }
}
