//! What people ask of their device, as far as rooms are concerned.

use crate::body::{Beacon, Body, Create, Cut, Invite, Leave, Link, MayAdd, Remove, SALT_BYTES, Settings, Text};
use crate::cbor;
use crate::clock::Time;
use crate::entry::LogKey;
use crate::id::{EntryId, Hash, RoomId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::link::{InviteLink, InviteSecret, LinkHost};
use crate::membership::{Membership, Role};
use crate::name;
use crate::planted::{self, Bug};
use crate::replica::{Event, Output, Replica};
use crate::room::{Log, Room, encode_read, read_name};
use crate::store::{Store, StoreError};
use crate::voting::member_key;

/// Why a command was not carried out. The text is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// What it is about does not exist here.
    #[error("{0}")]
    NotFound(&'static str),
    /// This device is not, or no more, a member of the room.
    #[error("this device is not a member of that room; ask a member for an invite")]
    NotAMember,
    /// Only the room's owner may.
    #[error("only the owner of the room may do that")]
    NotOwner,
    /// Only the room's owner may by itself, and the majority.
    #[error("only the owner of the room removes a member; to have it removed by the majority, vote for that")]
    NotOwnerButVoter,
    /// Over a limit.
    #[error("{0}")]
    TooLarge(&'static str),
    /// Not a value that the command takes.
    #[error("{0}")]
    Invalid(&'static str),
    /// The store failed; the replica is to be opened anew.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a name may be a room's or a device's.
///
/// # Errors
/// [`CommandError`]
pub fn check_name(name: &str) -> Result<(), CommandError> {
    if name::clean(name).is_empty() {
        Err(CommandError::Invalid("a name must have something to be seen; type one"))
    } else if name.len() > limits::NAME_BYTES {
        Err(CommandError::TooLarge("a name may have at most 128 bytes; shorten it"))
    } else if name.chars().any(char::is_control) {
        Err(CommandError::Invalid("a name must be one line of text; remove line breaks and control characters"))
    } else {
        Ok(())
    }
}

impl<S: Store> Replica<S> {
    /// The room, if this device is a member of it.
    pub(crate) fn member_room(&self, id: RoomId) -> Result<(&Room, &Membership), CommandError> {
        let room = self.rooms.get(&id).ok_or(CommandError::NotFound("no such room on this device; check its id"))?;
        match room.membership.as_ref() {
            Some(membership) if membership.is_member(&self.me) => Ok((room, membership)),
            _ => Err(CommandError::NotAMember),
        }
    }

    /// Begins a room with this device as its owner and only member.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn create_room(&mut self, now: Time, name: &str) -> Result<RoomId, CommandError> {
        check_name(name)?;
        let (mut nonce, mut beacon) = ([0; 32], [0; 32]);
        self.random.fill(&mut nonce);
        self.random.fill(&mut beacon);
        let settings = Settings { name: name.to_owned(), may_add: MayAdd::Members, retention_ms: None };
        let create = Create { nonce: Hash::new(nonce), settings, beacon: Hash::new(beacon) };
        let id = self.append_creation(now, create)?;
        self.joined.push(id);
        Ok(id)
    }

    /// Writes an invite and gives its link. `hosts` of the link: this device, then other members that listen.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn invite(&mut self, now: Time, id: RoomId, ttl_ms: u64, uses: u32) -> Result<InviteLink, CommandError> {
        if ttl_ms == 0 || ttl_ms > limits::INVITE_TTL_MS {
            return Err(CommandError::Invalid("an invite lasts from 1 millisecond to 30 days; choose a time between"));
        }
        if uses == 0 || uses > limits::INVITE_USES {
            return Err(CommandError::Invalid("an invite may be used 1 to 10000 times; choose a number between"));
        }
        let (room, _) = self.member_room(id)?;
        if self.listening.is_empty() {
            return Err(CommandError::Invalid("an invite needs a running server; start the server first"));
        }
        let mut hosts = vec![LinkHost { device: self.device, addresses: self.listening.clone() }];
        for ((author, _), addresses) in &room.addresses {
            let listens = *author != self.me && room.is_member(author) && !addresses.is_empty();
            if listens && hosts.len() < limits::LINK_HOSTS {
                hosts.push(LinkHost { device: author.device_id(), addresses: addresses.clone() });
            }
        }
        for host in &mut hosts {
            host.addresses.truncate(limits::ADDRESSES / 2);
        }
        let mut secret = [0; 16];
        self.random.fill(&mut secret);
        let secret = InviteSecret::new(secret);
        let expires_at_ms = now.wall_ms().saturating_add(ttl_ms);
        let body = Body::Invite(Invite { key: secret.key().public(), expires_at_ms, uses });
        self.append(now, id, &body)?;
        Ok(InviteLink { room: id, secret, expires_at_ms, hosts })
    }

    /// Says something. The same `client_id` again gives the same message, sent once.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn send_message(
        &mut self,
        now: Time,
        id: RoomId,
        text: &str,
        reply_to: Option<EntryId>,
        client_id: Option<&str>,
    ) -> Result<EntryId, CommandError> {
        if text.is_empty() {
            return Err(CommandError::Invalid("a message must not be empty; type something"));
        }
        if text.len() > limits::TEXT_BYTES {
            return Err(CommandError::TooLarge("a message may have at most 16384 bytes of text; split it"));
        }
        if client_id.is_some_and(|client_id| client_id.len() > limits::NAME_BYTES) {
            return Err(CommandError::TooLarge("a client_id may have at most 128 bytes; shorten it"));
        }
        let (_, membership) = self.member_room(id)?;
        if membership.role(&self.me) == Some(Role::Pending) {
            return Err(CommandError::NotAMember);
        }
        if let Some(client_id) = client_id
            && let Some(known) = self.store.sent(id, client_id)?
        {
            return Ok(known);
        }
        if let Some(target) = reply_to {
            let held = self.store.entry(target)?.is_some_and(|stored| stored.entry.room() == id);
            let waiting = self.rooms.get(&id).is_some_and(|room| {
                room.groups.get(Lane::Content).entries.iter().any(|(entry, ..)| entry.id == target)
            });
            if !held && !waiting {
                return Err(CommandError::NotFound("the message to reply to is not on this device"));
            }
        }
        let entry = self.append(now, id, &Body::Text(Text { text: text.to_owned(), reply_to }))?;
        if let Some(client_id) = client_id {
            self.store.put_sent(id, client_id, entry)?;
        }
        self.out.push(Output::Event(Event::Sent(entry)));
        Ok(entry)
    }

    /// Notes that everything held and shown up to a message was read here.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn mark_read(&mut self, now: Time, id: RoomId, message: EntryId) -> Result<(), CommandError> {
        let room = self.rooms.get(&id).ok_or(CommandError::NotFound("no such room on this device; check its id"))?;
        let stored = self
            .store
            .entry(message)?
            .filter(|stored| stored.entry.room() == id)
            .ok_or(CommandError::NotFound("no such message in that room; check its id"))?;
        // By log, and not by the place alone: what comes later and is shown further up was not there to be read.
        let mut read = room.read.clone();
        for (log, state) in room.logs.get(Lane::Content).iter().filter(|(log, _)| log.author != self.me) {
            let before = read.get(log).copied().unwrap_or(0);
            if let Some(tip) = state.highest().filter(|tip| tip.seq > before) {
                // A log is read up to the first of it that is shown further down, whatever of it stands above.
                let unread = self.store.first_after(id, *log, before, stored.order)?;
                let unread = unread.filter(|_| !planted::is(Bug::ReadTooHigh));
                let seq = unread.map_or(tip.seq, |first| first - 1);
                if seq > before {
                    read.insert(*log, seq);
                }
            }
        }
        if read == room.read {
            return Ok(());
        }
        self.store.put_value(&read_name(id), Some(&encode_read(&read)))?;
        self.wrote = true;
        if let Some(room) = self.rooms.get_mut(&id) {
            room.read = read;
        }
        self.out.push(Output::Event(Event::Read(id)));
        self.receipts_due(now, id);
        Ok(())
    }

    /// Removes a member. What of its logs is held here counts; what it writes from now on does not.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn remove_member(&mut self, now: Time, id: RoomId, device: DeviceId) -> Result<(), CommandError> {
        let (room, membership, link) = self.owned_room(id).map_err(|error| match error {
            CommandError::NotOwner => CommandError::NotOwnerButVoter,
            error => error,
        })?;
        if device == self.device {
            return Err(CommandError::Invalid("this device cannot remove itself; leave the room instead"));
        }
        let key = member_key(membership, device)?;
        let body = removal(room, link, key);
        let epoch = membership.epoch;
        let removal = self.append(now, id, &body)?;
        // Signed by itself: the removed device is told so much and not the new beacon key.
        self.seal(id, Lane::Membership)?;
        let mut beacon = [0; 32];
        self.random.fill(&mut beacon);
        let link = Link { previous: removal, epoch, votes: Vec::new() };
        self.append(now, id, &Body::Beacon(Beacon { link, key: Hash::new(beacon) }))?;
        Ok(())
    }

    /// Leaves a room. What was held stays readable. Others who may vote can appoint another owner; where an owner
    /// leaves none behind, it lets those vote whom members added.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn leave_room(&mut self, now: Time, id: RoomId) -> Result<(), CommandError> {
        let (_, membership) = self.member_room(id)?;
        if membership.voters.keys().all(|voter| *voter == self.me) && self.owned_room(id).is_ok() {
            let rest: Vec<PublicKey> = membership.members.keys().filter(|key| **key != self.me).copied().collect();
            for key in rest {
                self.confirm(now, id, key)?;
            }
        }
        // Others may have added this device more often than one entry can say.
        while self.member_room(id).is_ok() {
            self.leave_stay(now, id)?;
        }
        // Who still asked to be added is to tell what it said and that it left, and does not wait to be let in.
        for session in self.sessions.values_mut() {
            session.joining.retain(|joining| joining.room != id);
        }
        Ok(())
    }

    /// Ends what makes this device a member, as much of it as one entry can name.
    fn leave_stay(&mut self, now: Time, id: RoomId) -> Result<(), CommandError> {
        // Another than the last where that one was cut or forked, or is found to have been rolled back just now.
        let (log, ..) = self.own_log(id, Lane::Membership)?;
        let (room, membership) = self.member_room(id)?;
        let own = membership.adds.iter().filter(|(_, added)| added.key == self.me && !added.ended());
        // What it writes under ends with the log that this stands in, and is named too.
        let newest = membership.members.get(&self.me).map(|member| member.add);
        let first = newest.into_iter().chain(membership.voters.get(&self.me).copied());
        let mut adds: Vec<EntryId> = Vec::new();
        for add in first.chain(own.map(|(add, _)| *add)) {
            if adds.len() < limits::LEFT && !adds.contains(&add) {
                adds.push(add);
            }
        }
        let mut leave = Leave { adds, cuts: Vec::new() };
        // Of earlier stays nothing more is said: their own ends did.
        let said = |key: &LogKey, state: &Log| key.log != log && state.adds().any(|add| leave.adds.contains(&add));
        leave.cuts = cuts_of(room, &self.me, &Body::Leave(leave.clone()), said);
        // Signed for itself, so that what stands before it can be sent without it.
        self.seal(id, Lane::Membership)?;
        self.append(now, id, &Body::Leave(leave))?;
        Ok(())
    }

    /// Who holds and has read a message, other than its author.
    ///
    /// # Errors
    /// [`CommandError::NotFound`]
    pub fn receipts(&self, message: EntryId) -> Result<crate::receipt::Standing, CommandError> {
        let stored = self.store.entry(message)?.filter(|stored| stored.entry.header.kind() == Kind::Text);
        let stored = stored.ok_or(CommandError::NotFound("no such message on this device; check its id"))?;
        let room = self
            .rooms
            .get(&stored.entry.room())
            // What a removal cut off is sent to nobody, whatever was acknowledged after it.
            .filter(|room| room.counts(&stored.entry.header, stored.entry.id))
            .ok_or(CommandError::NotFound("no such message on this device; check its id"))?;
        Ok(self.standing(room, &stored))
    }
}

/// The removal of a device, with what is held of its logs.
pub(crate) fn removal(room: &Room, link: Link, key: PublicKey) -> Body {
    let mut remove = Remove { link, key, cuts: Vec::new() };
    remove.cuts = cuts_of(room, &key, &Body::Remove(remove.clone()), |_, _| true);
    Body::Remove(remove)
}

/// The tips of some of a device's logs, as a removal names them: of a log that forked, each. Of more than fit into the
/// entry beside what else it says, those that were written to last.
fn cuts_of(room: &Room, key: &PublicKey, beside: &Body, which: impl Fn(&LogKey, &Log) -> bool) -> Vec<Cut> {
    let mut tips = Vec::new();
    for lane in Lane::ALL {
        for (log, state) in room.logs.get(lane).iter().filter(|(log, state)| log.author == *key && which(log, state)) {
            if room.limit_of(*log, state).is_some() {
                tips.extend(state.tips.iter().map(|tip| (log.log, *tip)));
            }
        }
    }
    tips.sort_by_key(|(log, tip)| (std::cmp::Reverse(tip.timestamp_us), *log, tip.id));
    // A list of more than a few begins with its length in up to 8 bytes more.
    let said = limits::HEADER_BYTES + limits::ENTRY_BYTES + beside.encode([0; SALT_BYTES]).len() + 8;
    let mut room_left = limits::MEMBERSHIP_GROUP_BYTES.saturating_sub(said);
    let cuts = tips.into_iter().map(|(log, tip)| {
        let seq = if planted::is(Bug::CutTooLow) { tip.seq - 1 } else { tip.seq };
        Cut { log, seq, id: tip.id }
    });
    cuts.take_while(|cut| {
        let bytes = cbor::encode(cut).len();
        let fits = bytes <= room_left;
        room_left = room_left.saturating_sub(bytes);
        fits
    })
    .collect()
}
