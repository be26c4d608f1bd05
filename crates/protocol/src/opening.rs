//! How two devices agree on the rooms they share.

use crate::entry::LogKey;
use crate::frame::{Frame, Open, Tag, Unknown};
use crate::id::RoomId;
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::limits;
use crate::replica::{Event, Output, Replica};
use crate::room::Room;
use crate::session::{ConnectionId, FrameLimit, Session, Shared};
use crate::store::{Arrival, Store, StoreError};

impl<S: Store> Replica<S> {
    /// The peer names rooms.
    pub(crate) fn on_open(&mut self, connection: ConnectionId, open: &Open) -> Result<bool, StoreError> {
        for tag in &open.rooms {
            let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
            let room = session.room_of_tag(&tag.tag, self.rooms.keys());
            let Some(room) = room else {
                self.send(connection, &Frame::Unknown(Unknown { slot: tag.slot }));
                continue;
            };
            if session.their_slots.len() >= limits::SHARED_ROOMS && !session.their_slots.contains_key(&tag.slot) {
                return Ok(false);
            }
            if session.their_slots.insert(tag.slot, room).is_some_and(|before| before != room) {
                return Ok(false);
            }
            let (peer, joining) = (session.peer, session.is_joining(room));
            // Who names a room knows its id, which only members and invited devices do.
            self.raise_limit(connection, FrameLimit::Control);
            let held = self.rooms.get(&room);
            let believed = joining || held.is_some_and(|room| room.is_member(&peer));
            if believed {
                if let Some(session) = self.sessions.get_mut(&connection) {
                    session.shared.entry(room).or_default().their_slot = Some(tag.slot);
                }
                self.open_rooms(connection)?;
                self.start(connection, room)?;
                if self.shared_mut(connection, room).is_some_and(|shared| shared.open()) {
                    continue;
                }
                // This device is no member as far as it knows: one of the two lacks something that the other has.
                if let Some(session) = self.sessions.get_mut(&connection) {
                    session.shared.remove(&room);
                }
            }
            let held = self.rooms.get(&room).and_then(|room| room.membership.as_ref());
            let over = held.is_some_and(|held| {
                if held.is_member(&self.me) { held.was_member(&peer) } else { held.was_member(&self.me) }
            });
            self.send(connection, &Frame::Unknown(Unknown { slot: tag.slot }));
            // Who may be anyone may name it again and again, and what it is told is long to find.
            let told = self.sessions.get(&connection).zip(self.rooms.get(&room));
            if over && !told.is_some_and(|(session, room)| session.is_told(room)) {
                self.tell_removal(connection, room)?;
            }
        }
        Ok(true)
    }

    /// Sends the membership lane to a device that may not know that it, or this one, is a member no more.
    pub(crate) fn tell_removal(&mut self, connection: ConnectionId, room: RoomId) -> Result<(), StoreError> {
        let until = self.evidence(connection, room)?.until;
        let newest = self.rooms.get(&room).map_or(0, |room| *room.newest.get(Lane::Membership));
        let until = until.min(newest).max(self.told_leave(room, until)?);
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        // Once: but what came since it was told may be what it lacks. Where nothing is known to have ended it, the room
        // is not named either: a device that believes both to be members would take that for being believed.
        let told = session.told.insert(room, (until, newest));
        if until == 0 || told.is_some_and(|(before, _)| before >= until) {
            return Ok(());
        }
        let shared = session.shared.entry(room).or_default();
        if shared.my_slot.is_none() {
            let slot = session.next_slot;
            session.next_slot += 1;
            shared.my_slot = Some(slot);
            let tag = crate::frame::room_tag(room, &session.exporter, self.device);
            self.send(connection, &Frame::Open(Open { rooms: vec![crate::frame::Tag { slot, tag }] }));
        }
        self.push_membership(connection, room, 0)?;
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.unshare(room); // it may have been open until just now, with something on its way
        }
        Ok(())
    }

    /// Tells a peer what removed it, unasked: it may take this device for removed, too, and so name no room either. Then
    /// nobody else may be left to tell the two of each other's acts.
    pub(crate) fn tell_removed(&mut self, connection: ConnectionId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(()) };
        let from = |room: &&Room| room.is_member(&self.me) && room.removed(&session.peer);
        let rooms: Vec<RoomId> = self.rooms.values().filter(from).map(|room| room.id).collect();
        for room in rooms {
            self.tell_removal(connection, room)?;
        }
        Ok(())
    }

    /// The peer does not know the room, or does not believe this device a member of it.
    pub(crate) fn on_unknown(&mut self, connection: ConnectionId, unknown: &Unknown) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(true) };
        let named = session.shared.iter().find(|(_, shared)| shared.my_slot == Some(unknown.slot));
        let Some((&room, shared)) = named else { return Ok(true) };
        let Some(held) = self.rooms.get(&room) else { return Ok(true) };
        let believing = self.speaks_of(held, &session.peer, session.device)?;
        if !shared.pushed && !session.is_joining(room) && believing {
            self.push_membership(connection, room, 0)?;
        }
        // It is named again when something changes that the peer may believe, or the peer names it: from the
        // start, since what was said under this name went unheard.
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.estranged = !session.shares_a_room();
            let pushed = session.unshare(room).is_some_and(|shared| shared.pushed);
            session.shared.insert(room, Box::new(Shared { pushed, ..Shared::default() }));
        }
        Ok(true)
    }

    /// Both have named a room: this device says where it stands in who belongs.
    pub(crate) fn start(&mut self, connection: ConnectionId, room: RoomId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        let Some(shared) = session.shared.get(&room) else { return Ok(()) };
        if shared.open() && !shared.lanes.get(Lane::Membership).resumed {
            session.estranged = false;
            self.gathering.opened(session.device);
            self.raise_limit(connection, FrameLimit::Data);
            self.send_resume(connection, room, Lane::Membership)?;
        }
        Ok(())
    }

    /// Who belongs is settled on both sides as far as this device knows: it asks for content.
    pub(crate) fn resume_content(&mut self, connection: ConnectionId, room: RoomId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(()) };
        let Some(shared) = session.shared.get(&room) else { return Ok(()) };
        let both = self.rooms.get(&room).is_some_and(|r| r.is_member(&session.peer) && r.is_member(&self.me));
        let due =
            shared.open() && shared.lanes.get(Lane::Membership).their_end && !shared.lanes.get(Lane::Content).resumed;
        if both && due { self.send_resume(connection, room, Lane::Content) } else { Ok(()) }
    }

    /// Whether this device has something to say to `peer` about a room: both are members, or this one left
    /// and the peer has not acknowledged it yet.
    pub(crate) fn speaks_of(&self, room: &Room, peer: &PublicKey, device: DeviceId) -> Result<bool, StoreError> {
        if !room.is_member(peer) {
            return Ok(false);
        }
        if room.is_member(&self.me) {
            return Ok(true);
        }
        Ok(self.unheard_leave(room, device)?.is_some())
    }

    /// The arrival of this device's own leaving and the log that it stands in, where a device has not acknowledged it.
    pub(crate) fn unheard_leave(&self, room: &Room, device: DeviceId) -> Result<Option<(Arrival, LogKey)>, StoreError> {
        let acked = room.acks.get(Lane::Membership).get(&device).copied().unwrap_or(0);
        let mut first: Option<(Arrival, LogKey)> = None;
        for act in room.acts.values() {
            if act.header.author == self.me && act.header.kind() == crate::kind::Kind::Leave {
                let arrival = self.store.entry(act.id)?.map_or(Arrival::MAX, |stored| stored.arrival);
                if arrival > acked && first.is_none_or(|(before, _)| arrival < before) {
                    first = Some((arrival, act.header.log_key()));
                }
            }
        }
        Ok(first)
    }

    /// Names to a peer the rooms that both belong to and that were not named yet.
    pub(crate) fn open_rooms(&mut self, connection: ConnectionId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(()) };
        if session.hello.is_none() {
            return Ok(());
        }
        let (peer, device) = (session.peer, session.device);
        let mut named = Vec::new();
        for (id, room) in &self.rooms {
            let known = session.shared.get(id).is_some_and(|shared| shared.my_slot.is_some());
            if !known && (session.is_joining(*id) || self.speaks_of(room, &peer, device)?) {
                named.push(*id);
            }
        }
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        let mut tags = Vec::new();
        for id in &named {
            if session.shared.len() >= limits::SHARED_ROOMS && !session.shared.contains_key(id) {
                continue;
            }
            let slot = session.next_slot;
            session.next_slot += 1;
            session.told.remove(id);
            // A slot of before was answered with `unknown`: the peer names it anew, too.
            session.shared.entry(*id).or_default().my_slot = Some(slot);
            tags.push(Tag { slot, tag: crate::frame::room_tag(*id, &session.exporter, self.device) });
        }
        for rooms in tags.chunks(limits::OPEN_TAGS) {
            self.send(connection, &Frame::Open(Open { rooms: rooms.to_vec() }));
        }
        for id in named {
            self.raise_limit(connection, FrameLimit::Control);
            self.start(connection, id)?;
        }
        Ok(())
    }

    /// The room that a frame speaks of, by the sender's slot.
    pub(crate) fn room_of_slot(&self, connection: ConnectionId, slot: u32) -> Option<RoomId> {
        self.sessions.get(&connection)?.their_slots.get(&slot).copied()
    }

    /// As [`Self::room_of_slot`], where the peer goes by that slot still: what comes under an older one was sent before it
    /// heard that both begin anew.
    pub(crate) fn open_room(&self, connection: ConnectionId, slot: u32) -> Option<RoomId> {
        let room = self.room_of_slot(connection, slot)?;
        let shared = self.sessions.get(&connection)?.shared.get(&room)?;
        (shared.open() && shared.their_slot == Some(slot)).then_some(room)
    }

    pub(crate) fn shared_mut(&mut self, connection: ConnectionId, room: RoomId) -> Option<&mut Shared> {
        self.sessions.get_mut(&connection)?.shared.get_mut(&room).map(Box::as_mut)
    }

    /// Tells the sessions what changed about who belongs: newly shared rooms are opened, rooms that are no
    /// longer shared are ended once the peer has been sent why.
    pub(crate) fn refresh_rooms(&mut self) -> Result<(), StoreError> {
        let changed: Vec<RoomId> =
            self.rooms.values_mut().filter_map(|room| std::mem::take(&mut room.changed).then_some(room.id)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        for id in &changed {
            self.gathering.changed(*id);
            self.recount(*id);
            if let Some(room) = self.rooms.get_mut(id) {
                room.receipts_stale = true;
                let forked_by = room.forked_by();
                let known = std::mem::replace(&mut room.frozen_told, forked_by.is_some());
                if let Some(owner) = forked_by.filter(|_| !known && room.is_member(&self.me)) {
                    self.out.push(Output::Event(Event::Frozen(*id, owner)));
                }
            }
            self.out.push(Output::Event(Event::Room(*id)));
        }
        let connections: Vec<ConnectionId> = self.sessions.keys().copied().collect();
        for connection in connections {
            for id in &changed {
                self.refresh_shared(connection, *id)?;
                // What came may be what a former member lacks.
                let room = self.rooms.get(id);
                let told = |session: &Session| {
                    let former = room.is_some_and(|room| !room.is_member(&session.peer));
                    former && session.told.contains_key(id) && !session.shared.contains_key(id)
                };
                if self.sessions.get(&connection).is_some_and(told) {
                    self.tell_removal(connection, *id)?;
                }
            }
            self.open_rooms(connection)?;
        }
        Ok(())
    }

    pub(crate) fn refresh_shared(&mut self, connection: ConnectionId, id: RoomId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(()) };
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        // Who joins believes nothing yet, but a member may ask to be let in, too.
        if !session.shared.contains_key(&id) || (session.is_joining(id) && !room.is_member(&self.me)) {
            return Ok(());
        }
        let peer = session.peer;
        if room.is_member(&peer) && room.is_member(&self.me) {
            return self.resume_content(connection, id);
        }
        if room.is_member(&peer) && self.speaks_of(room, &peer, session.device)? {
            return Ok(()); // this device left, and the peer is being told
        }
        let removed = !room.is_member(&peer);
        self.push_rest_of_membership(connection, id)?;
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        if let Some(slot) = session.unshare(id).and_then(|gone| gone.their_slot) {
            // The peer may know of something by which both are members, and would go on to be heard by nobody.
            self.send(connection, &Frame::Unknown(Unknown { slot }));
        }
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.ending |= removed;
            self.end_where_told(connection);
        }
        Ok(())
    }
}
