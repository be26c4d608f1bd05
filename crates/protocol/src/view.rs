//! What people are shown of a room.

use crate::body::Body;
use crate::command::CommandError;
use crate::id::{EntryId, RoomId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::{Kind, Lane};
use crate::membership::{Frozen, Role};
use crate::name;
use crate::receipt::Standing;
use crate::replica::Replica;
use crate::room::Room;
use crate::store::{Order, Store, StoreError, Stored};

/// Kinds that never stand in a conversation.
const HIDDEN: [Kind; 6] = [Kind::Settings, Kind::Beacon, Kind::Invite, Kind::Vote, Kind::Profile, Kind::Unknown(0)];
/// How many unread messages are counted.
const UNREAD: usize = 999;

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Text, with what it answers.
    Text(String, Option<EntryId>),
    /// The author began the room.
    RoomCreated,
    /// The author added this device, under this name.
    MemberAdded(DeviceId, String),
    /// The author, or the majority, removed this device; or the author left.
    MemberRemoved(DeviceId, String),
    /// The author, or the majority, made this device the owner.
    RoleChanged(DeviceId, String),
    /// Of a newer version.
    Unknown,
    /// The body was erased.
    Erased,
    /// The body is not held.
    Missing,
}

/// One message, or act worth showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The entry.
    pub id: EntryId,
    /// The room.
    pub room: RoomId,
    /// Who wrote it.
    pub author: DeviceId,
    /// The author's name in the room.
    pub author_name: String,
    /// Milliseconds since the Unix epoch, by the author's clock; where that was far ahead of this device's, when it came.
    pub sent_at_ms: u64,
    /// What it says.
    pub shown: Shown,
    /// Whether it is an act of the majority, which its author only wrote down.
    pub by_majority: bool,
    /// Whether its log forked here or before: its author, or a copy of it, said different things under one number.
    pub forked: bool,
    /// Whether another said it and it was not read here.
    pub unread: bool,
    /// Who holds and has read it.
    pub standing: Standing,
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSummary {
    /// The room.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// How many members it has.
    pub members: usize,
    /// Messages of others not read here, at most 999.
    pub unread: usize,
    /// Why nothing that the owner writes about the room counts.
    pub frozen: Option<Frozen>,
    /// The newest message.
    pub last: Option<Message>,
}

/// A member in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSummary {
    /// The device.
    pub device: DeviceId,
    /// Its name in the room.
    pub name: String,
    /// Its part.
    pub role: Role,
    /// Whether it may vote: the control chain added or confirmed it.
    pub voter: bool,
    /// Whether it is connected, or this device itself.
    pub online: bool,
    /// When it was connected last, in milliseconds since the Unix epoch.
    pub last_seen_at_ms: Option<u64>,
}

impl<S: Store> Replica<S> {
    /// Rooms that this device is or was a member of.
    ///
    /// # Errors
    /// [`CommandError::Store`]
    pub fn rooms(&self) -> Result<Vec<RoomSummary>, CommandError> {
        let mut summaries = Vec::new();
        for room in self.rooms.values() {
            let Some(membership) = room.membership.as_ref() else { continue };
            if !membership.is_member(&self.me) && !membership.was_member(&self.me) {
                continue;
            }
            let unread = self.unread(room)?;
            summaries.push(RoomSummary {
                id: room.id,
                name: membership.settings.name.clone(),
                members: membership.members.len(),
                unread,
                frozen: membership.frozen,
                last: self.page(room, None, 1)?.0.pop(),
            });
        }
        // Whoever makes a room may call it as another that this device is in.
        let mut names = name::told_apart(summaries.iter_mut().map(|room| (room.id, std::mem::take(&mut room.name))));
        for room in &mut summaries {
            room.name = names.remove(&room.id).unwrap_or_default();
        }
        Ok(summaries)
    }

    /// How many messages of others were not read here, at most [`UNREAD`].
    fn unread(&self, room: &Room) -> Result<usize, StoreError> {
        let mut unread = 0;
        for (log, state) in room.logs.get(Lane::Content).iter().filter(|(log, _)| log.author != self.me) {
            let read = room.read.get(log).copied().unwrap_or(0);
            let Some(limit) = room.limit_of(*log, state) else { continue };
            if state.highest().is_some_and(|tip| tip.seq > read) {
                unread += self.store.count(room.id, *log, Kind::Text.number(), read, limit.last(), UNREAD - unread)?;
            }
        }
        Ok(unread)
    }

    /// How many messages of others were not read here and stand before a message, at most as many as a room counts.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn unread_before(&self, id: RoomId, message: EntryId) -> Result<usize, CommandError> {
        let room = self.known_room(id)?;
        let stored = self.store.entry(message)?.filter(|stored| stored.entry.room() == id);
        let stored = stored.ok_or(CommandError::NotFound("no such message in that room; check its id"))?;
        let mut unread = 0;
        for (log, state) in room.logs.get(Lane::Content).iter().filter(|(log, _)| log.author != self.me) {
            let read = room.read.get(log).copied().unwrap_or(0);
            let Some(limit) = room.limit_of(*log, state) else { continue };
            if state.highest().is_none_or(|tip| tip.seq <= read) {
                continue;
            }
            let after = self.store.first_after(room.id, *log, read, stored.order)?;
            let upto = after.map_or(limit.last(), |after| limit.last().min(after.saturating_sub(1)));
            // The message itself stands there, too.
            let upto = if stored.entry.header.log_key() == *log {
                upto.min(stored.entry.header.seq.saturating_sub(1))
            } else {
                upto
            };
            unread += self.store.count(room.id, *log, Kind::Text.number(), read, upto, UNREAD - unread)?;
        }
        Ok(unread)
    }

    /// Members of a room, the owner first, then by name.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn members(&self, id: RoomId) -> Result<Vec<MemberSummary>, CommandError> {
        let room = self.known_room(id)?;
        let mut members: Vec<MemberSummary> = room
            .membership
            .iter()
            .flat_map(|membership| membership.members.iter().map(move |(key, member)| (membership, key, member)))
            .map(|(membership, key, member)| {
                let device = key.device_id();
                MemberSummary {
                    device,
                    name: self.called(room, key),
                    role: member.role,
                    voter: membership.voters.contains_key(key),
                    online: *key == self.me || self.is_online(device),
                    last_seen_at_ms: self.devices.get(key).map(|device| device.last_seen_at),
                }
            })
            .collect();
        members.sort_by(|a, b| {
            (a.role != Role::Owner, &a.name, a.device).cmp(&(b.role != Role::Owner, &b.name, b.device))
        });
        Ok(members)
    }

    /// The name of a room that is held.
    pub fn room_name(&self, id: RoomId) -> Option<String> {
        Some(name::shown(&self.rooms.get(&id)?.membership.as_ref()?.settings.name, &id))
    }

    /// The name of a device in a room, a member or not any more.
    pub fn name_in(&self, id: RoomId, device: DeviceId) -> Option<String> {
        let room = self.rooms.get(&id)?;
        let key =
            room.membership.as_ref()?.adds.values().map(|added| added.key).find(|key| key.device_id() == device)?;
        Some(self.called(room, &key))
    }

    /// What a device is called that is a member of a room with this one; `None`: of none.
    pub fn name_of_fellow(&self, device: DeviceId) -> Option<String> {
        self.rooms.values().filter(|room| room.is_member(&self.me)).find_map(|room| {
            let key = room.membership.as_ref()?.members.keys().find(|key| key.device_id() == device)?;
            Some(self.called(room, key))
        })
    }

    /// What a device is called in a room, on this device; empty where no name of it is known.
    fn called(&self, room: &Room, key: &PublicKey) -> String {
        let called = room.called.get_or_init(|| {
            let names = room.names().into_iter();
            let names = names.map(|(key, own)| (key, self.known.name(&key).cloned().unwrap_or(own)));
            name::told_apart(names.filter(|(_, name)| !name.is_empty()))
        });
        called.get(key).cloned().unwrap_or_default()
    }

    fn is_online(&self, device: DeviceId) -> bool {
        self.by_device
            .get(&device)
            .and_then(|connection| self.sessions.get(connection))
            .is_some_and(|session| session.hello.is_some())
    }

    fn known_room(&self, id: RoomId) -> Result<&Room, CommandError> {
        self.rooms
            .get(&id)
            .filter(|room| room.membership.as_ref().is_some_and(|m| m.is_member(&self.me) || m.was_member(&self.me)))
            .ok_or(CommandError::NotFound("no such room on this device; check its id"))
    }

    /// What stands in a room before a message, or at its end: oldest first, and whether there is more before.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn messages(
        &self,
        id: RoomId,
        before: Option<EntryId>,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), CommandError> {
        let room = self.known_room(id)?;
        let before = match before {
            None => None,
            Some(before) => {
                let stored = self.store.entry(before)?.filter(|stored| stored.entry.room() == id);
                Some(stored.ok_or(CommandError::NotFound("no such message in that room; check its id"))?.order)
            }
        };
        Ok(self.page(room, before, limit)?)
    }

    /// One message.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn message(&self, id: EntryId) -> Result<Message, CommandError> {
        const GONE: CommandError = CommandError::NotFound("no such message on this device; check its id");
        let stored = self.store.entry(id)?.ok_or(GONE)?;
        let room = self.rooms.get(&stored.entry.room()).ok_or(GONE)?;
        self.show(room, &stored).ok_or(GONE)
    }

    fn page(&self, room: &Room, mut before: Option<Order>, limit: usize) -> Result<(Vec<Message>, bool), StoreError> {
        let hidden = HIDDEN.map(Kind::number);
        let mut messages = Vec::new();
        let mut more = false;
        // What does not count is held but not shown, so a page may take several readings.
        'reading: loop {
            let stored = self.store.timeline(room.id, before, &hidden, limit + 1)?;
            let exhausted = stored.len() <= limit;
            for stored in &stored {
                before = Some(stored.order);
                if let Some(message) = self.show(room, stored) {
                    if messages.len() == limit {
                        more = true;
                        break 'reading;
                    }
                    messages.push(message);
                }
            }
            if exhausted {
                break;
            }
        }
        messages.reverse();
        Ok((messages, more))
    }

    fn show(&self, room: &Room, stored: &Stored) -> Option<Message> {
        let entry = &stored.entry;
        if !room.counts(&entry.header, entry.id) {
            return None;
        }
        let membership = room.membership.as_ref()?;
        let about = |key: &PublicKey| (key.device_id(), self.called(room, key));
        let shown = if entry.body.is_none() {
            if stored.erased { Shown::Erased } else { Shown::Missing }
        } else {
            match entry.decode_body() {
                Body::Create(_) => Shown::RoomCreated,
                Body::Admit(_) | Body::Add(_) => {
                    let added = membership.adds.get(&entry.id).filter(|added| added.introduces)?;
                    let (device, name) = about(&added.key);
                    Shown::MemberAdded(device, name)
                }
                Body::Remove(remove) => {
                    membership.in_force.contains_key(&entry.id).then_some(())?;
                    let (device, name) = about(&remove.key);
                    Shown::MemberRemoved(device, name)
                }
                Body::Leave(_) => {
                    let (device, name) = about(&entry.header.author);
                    Shown::MemberRemoved(device, name)
                }
                Body::Appoint(appoint) => {
                    membership.in_force.contains_key(&entry.id).then_some(())?;
                    let (device, name) = about(&appoint.key);
                    Shown::RoleChanged(device, name)
                }
                Body::Text(text) => Shown::Text(text.text, text.reply_to),
                Body::Settings(_) | Body::Beacon(_) | Body::Invite(_) | Body::Vote(_) | Body::Profile(_) => {
                    return None;
                }
                Body::Unknown | Body::UnknownControl(_) => Shown::Unknown,
            }
        };
        let read = room.read.get(&entry.header.log_key()).copied().unwrap_or(0);
        let spoken = entry.header.kind == Kind::Text.number() && entry.header.author != self.me;
        let log = room.logs.get(entry.header.lane()).get(&entry.header.log_key());
        let forked = log.is_some_and(|log| log.is_doubled(entry.header.seq));
        Some(Message {
            id: entry.id,
            room: room.id,
            author: entry.header.author.device_id(),
            author_name: self.called(room, &entry.header.author),
            // Where it stands among the others, so that times rise down the page.
            sent_at_ms: stored.order.time_us / 1000,
            shown,
            by_majority: entry.decode_body().link().is_some_and(|link| !link.votes.is_empty()),
            forked,
            unread: spoken && entry.header.seq > read,
            standing: self.standing(room, stored),
        })
    }
}
