//! Acts of the majority, and what a device writes into the control chain without being asked.
//!
//! A room whose owner is gone for good goes on: more than half of its voters appoint another, or remove somebody.
//! Each says so in its own log; whoever of them sees that it is enough writes the act. Nothing here waits for
//! anybody to be silent for a time.

use std::collections::BTreeMap;

use crate::body::{Admit, Appoint, Ballot, Beacon, Body, Cast, ChangeSettings, Link, Vote};
use crate::cbor;
use crate::chain::MAX_EPOCHS;
use crate::clock::Time;
use crate::command::{CommandError, removal};
use crate::id::{EntryId, Hash, RoomId};
use crate::identity::{Context, DeviceId, PublicKey};
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::membership::{Act, Frozen, Membership, Role};
use crate::proposal::Proposal;
use crate::replica::Replica;
use crate::room::Room;
use crate::store::{Store, StoreError};

/// What the majority can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Remove this device.
    Remove(DeviceId),
    /// Make this device the owner.
    Owner(DeviceId),
}

/// How a vote stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many said so.
    pub votes: usize,
    /// How many have to.
    pub needed: usize,
    /// Who may still say so; nobody, once it is done.
    pub missing: Vec<DeviceId>,
    /// Whether it was enough, and it is done.
    pub done: bool,
}

/// What is voted on in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenVote {
    /// What is to be done.
    pub motion: Motion,
    /// Who said so.
    pub votes: Vec<DeviceId>,
    /// How many have to.
    pub needed: usize,
    /// Who may still say so.
    pub missing: Vec<DeviceId>,
    /// Whether this device may still say so.
    pub open: bool,
}

const UPDATE_FIRST: CommandError =
    CommandError::Invalid("a newer version of Lanline changed who belongs to this room; update this device first");

/// Something to be written without being asked: what it is about, and how long others may be there first.
struct Duty {
    about: EntryId,
    delay_ms: u64,
    body: Body,
}

impl Duty {
    fn key(&self) -> (Kind, EntryId) {
        (self.body.kind(), self.about)
    }
}

impl Room {
    /// When something is to be written without being asked.
    pub(crate) fn next_duty_ms(&self) -> Option<u64> {
        if self.unsettled { Some(0) } else { self.duties.values().min().copied() }
    }
}

/// A device's place among others, which is another for each matter. Of 16 and more, the rest share the last.
fn rank<'a>(about: EntryId, me: &PublicKey, of: impl Iterator<Item = &'a PublicKey>) -> u64 {
    let place = |key: &PublicKey| Hash::of(&[about.as_bytes().as_slice(), key.as_bytes()].concat());
    let mine = place(me);
    of.filter(|key| place(key) < mine).take(15).fold(0, |rank, _| rank + 1)
}

/// A member's key.
pub(crate) fn member_key(membership: &Membership, device: DeviceId) -> Result<PublicKey, CommandError> {
    let key = membership.members.keys().find(|key| key.device_id() == device);
    key.copied().ok_or(CommandError::NotFound("that device is not a member of the room"))
}

impl<S: Store> Replica<S> {
    /// The room, if this device owns it and may change it, with where the next control entry belongs.
    pub(crate) fn owned_room(&self, id: RoomId) -> Result<(&Room, &Membership, Link), CommandError> {
        let (room, membership) = self.member_room(id)?;
        if membership.role(&self.me) != Some(Role::Owner) {
            return Err(CommandError::NotOwner);
        }
        match membership.frozen {
            Some(Frozen::NewerVersion) => Err(UPDATE_FIRST),
            Some(Frozen::Forked) => Err(CommandError::Invalid(
                "two devices with the owner's identity changed this room in different ways; its members must vote for \
                 an owner before it can be changed again",
            )),
            None => {
                let link = Link { previous: membership.head, epoch: membership.epoch, votes: Vec::new() };
                Ok((room, membership, link))
            }
        }
    }

    /// Makes another member the owner.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn hand_over(&mut self, now: Time, id: RoomId, device: DeviceId) -> Result<(), CommandError> {
        let (_, membership, link) = self.owned_room(id)?;
        if device == self.device {
            return Err(CommandError::Invalid("this device is the owner already; choose another member"));
        }
        let key = member_key(membership, device)?;
        self.append(now, id, &Body::Appoint(Appoint { link, key }))?;
        Ok(())
    }

    /// Confirms a member whom another member added: it may vote from now on, and is pending no more.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn admit(&mut self, now: Time, id: RoomId, device: DeviceId) -> Result<(), CommandError> {
        let (_, membership, _) = self.owned_room(id)?;
        let key = member_key(membership, device)?;
        self.confirm(now, id, key)
    }

    pub(crate) fn confirm(&mut self, now: Time, id: RoomId, key: PublicKey) -> Result<(), CommandError> {
        let (room, membership, link) = self.owned_room(id)?;
        if !membership.voters.contains_key(&key) || membership.role(&key) == Some(Role::Pending) {
            let body = Body::Admit(Admit { link, key, name: room.name_of(&key), invite: None });
            self.append(now, id, &body)?;
        }
        Ok(())
    }

    /// Says what the majority is to do. Where this makes enough votes, it is done at once.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn vote(&mut self, now: Time, id: RoomId, motion: Motion) -> Result<Tally, CommandError> {
        let (_, membership) = self.member_room(id)?;
        if membership.frozen == Some(Frozen::NewerVersion) {
            return Err(UPDATE_FIRST);
        }
        if !membership.voters.contains_key(&self.me) {
            return Err(CommandError::Invalid(
                "another member added this device, so it has no vote yet; ask the owner to confirm it",
            ));
        }
        let (kind, device) = match motion {
            Motion::Remove(device) => (Kind::Remove, device),
            Motion::Owner(device) => (Kind::Appoint, device),
        };
        let subject = member_key(membership, device)?;
        if kind == Kind::Remove && subject == self.me {
            return Err(CommandError::Invalid("a device does not vote for its own removal; leave the room instead"));
        }
        if kind == Kind::Appoint && membership.role(&subject) == Some(Role::Owner) && membership.frozen.is_none() {
            return Err(CommandError::Invalid("that device is the owner already"));
        }
        if membership.epoch >= MAX_EPOCHS {
            return Err(CommandError::TooLarge("the majority has acted 256 times in this room; begin a new one"));
        }
        if membership.voters.len() / 2 + 1 > limits::VOTES {
            return Err(CommandError::TooLarge("a room with more than 511 voters cannot vote; ask the owner"));
        }
        // What nobody else votes on, an owner does as such: it has no votes of others to show for it.
        let alone = membership.voters.keys().all(|voter| *voter == self.me);
        if alone && membership.role(&self.me) == Some(Role::Owner) && membership.frozen.is_none() {
            match motion {
                Motion::Remove(device) => self.remove_member(now, id, device)?,
                Motion::Owner(device) => self.hand_over(now, id, device)?,
            }
            return Ok(Tally { votes: 1, needed: 1, missing: Vec::new(), done: true });
        }
        // Of several that say the same, the one that has the most is joined.
        let joined = membership
            .proposals
            .iter()
            .filter(|open| open.kind == kind && open.subject == subject && open.voters.contains(&self.me))
            .min_by_key(|open| (std::cmp::Reverse(open.votes.len()), open.ballot));
        let ballot = Ballot {
            room: id.creation(),
            previous: joined.map_or(membership.head, |open| open.previous),
            epoch: membership.epoch.saturating_add(1),
            kind: kind.number(),
            subject,
        };
        if !joined.is_some_and(|open| open.votes.contains_key(&self.me)) {
            let signature = self.key.sign(Context::Vote, &cbor::encode(&ballot));
            let (previous, epoch) = (ballot.previous, ballot.epoch);
            self.append(now, id, &Body::Vote(Cast { previous, epoch, kind: kind.number(), subject, signature }))?;
        }
        let Some((room, proposal)) = self.proposal(id, ballot.id()) else { return Err(CommandError::NotAMember) };
        let (votes, needed, missing) = (proposal.votes.len(), proposal.needed, proposal.missing());
        if let Some(act) = self.carry_out(room, proposal) {
            self.write_act(now, id, &act)?;
        }
        let done = self.proposal(id, ballot.id()).is_none();
        Ok(Tally { votes, needed, missing: if done { Vec::new() } else { missing }, done })
    }

    fn proposal(&self, id: RoomId, ballot: EntryId) -> Option<(&Room, &Proposal)> {
        let room = self.rooms.get(&id)?;
        let proposals = &room.membership.as_ref()?.proposals;
        Some((room, proposals.iter().find(|proposal| proposal.ballot == ballot)?))
    }

    /// What is voted on in a room.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn votes(&self, id: RoomId) -> Result<Vec<OpenVote>, CommandError> {
        let (_, membership) = self.member_room(id)?;
        let open = membership.proposals.iter().map(|proposal| {
            let device = proposal.subject.device_id();
            OpenVote {
                motion: if proposal.kind == Kind::Remove { Motion::Remove(device) } else { Motion::Owner(device) },
                votes: proposal.votes.keys().map(PublicKey::device_id).collect(),
                needed: proposal.needed,
                missing: proposal.missing(),
                open: proposal.missing().contains(&self.device),
            }
        });
        Ok(open.collect())
    }

    /// The act that a proposal is for, if it has the votes and this device has not written it yet.
    fn carry_out(&self, room: &Room, proposal: &Proposal) -> Option<Body> {
        let written = room.is_written_by(&self.me, proposal.ballot);
        if written || !proposal.is_carried() || proposal.needed > limits::VOTES {
            return None;
        }
        let votes = proposal.votes.iter().take(limits::VOTES);
        let votes = votes.map(|(voter, signature)| Vote { voter: *voter, signature: *signature }).collect();
        let epoch = room.membership.as_ref()?.epoch.checked_add(1)?;
        let link = Link { previous: proposal.previous, epoch, votes };
        let key = proposal.subject;
        Some(match proposal.kind {
            Kind::Remove => removal(room, link, key),
            _ => Body::Appoint(Appoint { link, key }),
        })
    }

    /// Writes into the control chain.
    fn write_act(&mut self, now: Time, id: RoomId, act: &Body) -> Result<(), CommandError> {
        self.append(now, id, act)?;
        if matches!(act, Body::Remove(_)) {
            // Signed by itself: the removed device is told so much and no more.
            self.seal(id, Lane::Membership)?;
        }
        Ok(())
    }

    /// Writes what is to be written without being asked, where it is time for it.
    pub(crate) fn do_duties(&mut self, now: Time) -> Result<(), StoreError> {
        let due =
            |room: &&Room| room.unsettled || room.stale || room.next_duty_ms().is_some_and(|at| at <= now.steady_ms);
        let rooms: Vec<RoomId> = self.rooms.values().filter(due).map(|room| room.id).collect();
        for id in rooms {
            // Each changes what is left to do; what is still to be done after these waits for the next commit.
            for _ in 0..limits::DUTIES {
                let Some((duty, mut body)) = self.next_duty(now, id) else { break };
                if let Body::Beacon(beacon) = &mut body {
                    let mut key = [0; 32];
                    self.random.fill(&mut key);
                    beacon.key = Hash::new(key);
                }
                match self.write_act(now, id, &body) {
                    Err(CommandError::Store(error)) => return Err(error),
                    // What somebody else's act of the majority says may be more than this device would write: another
                    // one, that says less beside it, may.
                    Err(_) => self.give_up(id, duty),
                    Ok(()) => {}
                }
            }
        }
        Ok(())
    }

    /// Leaves something to others for good that this device cannot write.
    fn give_up(&mut self, id: RoomId, duty: (Kind, EntryId)) {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.overheard.remove(&duty.1);
            room.duties.remove(&duty);
            room.unwritable.insert(duty);
        }
    }

    /// The next of them, noting until when the others wait.
    fn next_duty(&mut self, now: Time, id: RoomId) -> Option<((Kind, EntryId), Body)> {
        let room = self.rooms.get_mut(&id)?;
        room.evaluate();
        room.forget_overheard();
        let mut duties = self.duties(id);
        let room = self.rooms.get_mut(&id)?;
        duties.retain(|duty| !room.unwritable.contains(&duty.key()));
        room.unsettled = false;
        room.duties.retain(|key, _| duties.iter().any(|duty| duty.key() == *key));
        for duty in &duties {
            room.duties.entry(duty.key()).or_insert(now.steady_ms.saturating_add(duty.delay_ms));
        }
        let due = |duty: &Duty| room.duties.get(&duty.key()).is_some_and(|at| *at <= now.steady_ms);
        duties.into_iter().find(due).map(|duty| (duty.key(), duty.body))
    }

    /// What this device has to write: acts that the majority decided; such acts, in force or not, that it only heard of and
    /// holds none of, so that everybody gets to know the same of them; and, as the owner, what an act of the majority put
    /// aside, and a new beacon key.
    fn duties(&self, id: RoomId) -> Vec<Duty> {
        let Some(room) = self.rooms.get(&id) else { return Vec::new() };
        let Some(membership) = &room.membership else { return Vec::new() };
        if membership.frozen == Some(Frozen::NewerVersion) {
            return Vec::new();
        }
        let mut duties = Vec::new();
        // Also who was removed, if it is a member by them: it may be the only one left who knows of its removal.
        if let Some(with) = room.by_hearsay().filter(|with| with.is_member(&self.me) || membership.is_member(&self.me))
        {
            let news = room.overheard.iter().filter(|(ballot, _)| with.carried.contains(ballot));
            let news = news.filter(|(ballot, _)| with.chain.contains(ballot) || !membership.is_full_of_outranked());
            for (ballot, act) in news.filter(|(ballot, _)| !room.is_written_by(&self.me, **ballot)) {
                let delay_ms = limits::DUTY_EVERY_MS * rank(*ballot, &self.me, membership.voters.keys());
                duties.push(Duty { about: *ballot, delay_ms, body: act.body.clone() });
            }
        }
        if !membership.is_member(&self.me) {
            return duties;
        }
        for proposal in membership.proposals.iter().filter(|proposal| proposal.voters.contains(&self.me)) {
            if let Some(body) = self.carry_out(room, proposal) {
                let about = proposal.ballot;
                let delay_ms = limits::DUTY_EVERY_MS * rank(about, &self.me, proposal.votes.keys());
                duties.push(Duty { about, delay_ms, body });
            }
        }
        let Ok((_, _, link)) = self.owned_room(id) else { return duties };
        for act in self.put_aside(room, membership) {
            let link = link.clone();
            let body = match &act.body {
                Body::Admit(admit) => Body::Admit(Admit { link, invite: None, ..admit.clone() }),
                Body::Settings(change) => Body::Settings(ChangeSettings { link, ..change.clone() }),
                Body::Remove(remove) => removal(room, link, remove.key),
                _ => continue,
            };
            duties.push(Duty { about: act.id, delay_ms: limits::DUTY_EVERY_MS, body });
        }
        if let Some(removal) = membership.beacon_known_to {
            let key = Hash::new([0; 32]); // drawn when it is written
            duties.push(Duty {
                about: removal,
                delay_ms: limits::DUTY_EVERY_MS,
                body: Body::Beacon(Beacon { link, key }),
            });
        }
        duties
    }

    /// What this device wrote as the owner and an act of the majority put aside, where it was the owner ever since
    /// and it would still change something. Of several about one device, the last.
    fn put_aside<'a>(&self, room: &'a Room, membership: &Membership) -> Vec<&'a Act> {
        let mut last: BTreeMap<(Kind, Option<PublicKey>), &Act> = BTreeMap::new();
        for act in room.acts.values().filter(|act| act.header.author == self.me && act.ballot.is_none()) {
            let subject = match &act.body {
                Body::Admit(admit) => Some(admit.key),
                Body::Remove(remove) => Some(remove.key),
                Body::Settings(_) => None,
                _ => continue,
            };
            let known = last.entry((act.body.kind(), subject)).or_insert(act);
            if (known.header.timestamp_us, known.id) < (act.header.timestamp_us, act.id) {
                *known = act;
            }
        }
        let matters = |act: &&Act| {
            let Some(position) = membership.outranked.get(&act.id) else { return false };
            let since = membership.owners.get(*position..).unwrap_or_default();
            let changes = match &act.body {
                Body::Admit(admit) => {
                    let holds = membership.adds.get(&act.id).is_some_and(|added| !added.ended());
                    holds && !membership.voters.contains_key(&admit.key)
                }
                Body::Remove(remove) => membership
                    .adds
                    .values()
                    .any(|added| added.key == remove.key && !added.ended() && added.position <= *position),
                Body::Settings(change) => change.settings != membership.settings,
                _ => false,
            };
            changes && since.iter().all(|owner| *owner == Some(self.me))
        };
        let mut put_aside: Vec<&Act> = last.into_values().filter(matters).collect();
        put_aside.sort_unstable_by_key(|act| (act.header.timestamp_us, act.id));
        put_aside
    }
}
