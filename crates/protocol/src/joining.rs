//! Joining by link: the joiner proves that it holds an invite's secret; a member adds it.

use crate::body::{Add, Admit, Body, Link};
use crate::clock::Time;
use crate::command::{CommandError, check_name};
use crate::frame::{Frame, Join, Joined, Refusal, Unknown, room_tag};
use crate::id::{EntryId, RoomId};
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::known::Way;
use crate::limits;
use crate::link::{InviteLink, JoinClaim};
use crate::membership::Role;
use crate::planted::{self, Bug};
use crate::replica::{Event, Output, Replica};
use crate::room::Room;
use crate::session::{ConnectionId, FrameLimit, Joining, Shared};
use crate::store::{Store, StoreError};

/// What became of a device that asked to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetIn {
    /// It was a member before.
    Member,
    /// This device added it.
    Added,
    /// It was not added.
    Refused(Refusal),
}

impl LetIn {
    /// Why it was not let in, where it was not.
    pub(crate) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Member | Self::Added => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }
}

impl<S: Store> Replica<S> {
    /// Asks the device on a connection to be added to the room that a link is about. The answer is an event:
    /// [`Event::Joined`] once this device's own admission is on its disk, [`Event::JoinRefused`], or the end of
    /// the connection.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] where the connection is gone or its device has not said hello.
    pub fn join(&mut self, connection: ConnectionId, link: &InviteLink) -> Result<(), CommandError> {
        check_name(&self.name)?;
        let device = self.device;
        let session = self
            .sessions
            .get_mut(&connection)
            .filter(|session| session.hello.is_some())
            .ok_or(CommandError::NotFound("this device is not connected"))?;
        let tag = room_tag(link.room, &session.exporter, device);
        let claim = JoinClaim { room: link.room, exporter: session.exporter, joiner: device, host: session.device };
        let frame = Frame::Join(Join {
            tag,
            signature: claim.sign(&link.secret),
            invite: link.secret.key().public(),
            name: self.name.clone(),
        });
        session.joining.retain(|joining| joining.room != link.room);
        session.joining.push(Joining { room: link.room, tag, frame: Some(frame.clone()) });
        self.rooms.entry(link.room).or_insert_with(|| Room::empty(link.room));
        self.raise_limit(connection, FrameLimit::Data);
        self.send(connection, &frame);
        self.open_rooms(connection)?;
        Ok(())
    }

    /// The peer has heard that this device left a room. It shares that no more, unless somebody let this device in again
    /// before it looked: it is told that both begin anew. Where this device asked meanwhile to be let in again, it was
    /// answered as a member: now it is none, and asks anew.
    pub(crate) fn end_left(&mut self, connection: ConnectionId, room: RoomId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        let slot = session.unshare(room).and_then(|gone| gone.their_slot);
        let joining = session.joining.iter().find(|joining| joining.room == room);
        let joining = joining.and_then(|joining| joining.frame.clone());
        if let Some(slot) = slot {
            self.send(connection, &Frame::Unknown(Unknown { slot }));
        }
        if let Some(frame) = joining {
            self.send(connection, &frame);
            self.open_rooms(connection)?;
        }
        Ok(())
    }

    /// Gives up a join that was not answered.
    pub fn cancel_join(&mut self, connection: ConnectionId, room: RoomId) {
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.joining.retain(|joining| joining.room != room);
        }
        self.forget_unjoined(room);
    }

    /// A room that was never begun to be synced leaves no trace.
    pub(crate) fn forget_unjoined(&mut self, room: RoomId) {
        // Another member may have been asked as well.
        let joining = self.sessions.values().any(|session| session.is_joining(room));
        if !joining && self.rooms.get(&room).is_some_and(|room| room.acts.is_empty()) {
            self.rooms.remove(&room);
        }
    }

    /// A device asks to be added.
    pub(crate) fn on_join(&mut self, now: Time, connection: ConnectionId, join: &Join) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        session.join_attempts += 1;
        if session.join_attempts > limits::JOIN_ATTEMPTS {
            return Ok(false);
        }
        let (peer, joiner, exporter) = (session.peer, session.device, session.exporter);
        let room = session.room_of_tag(&join.tag, self.rooms.keys());
        let became = match room {
            Some(room) => {
                let claim = JoinClaim { room, exporter, joiner, host: self.device };
                self.admit_joiner(now, room, &peer, join, &claim)?
            }
            None => LetIn::Refused(Refusal::Unknown),
        };
        self.send(connection, &Frame::Joined(Joined { tag: join.tag, refusal: became.refusal() }));
        if became.refusal().is_none() {
            // When it said hello it was a stranger, of whom nothing was kept.
            self.note_seen(&peer, Some(join.name.clone()), None, now)?;
            if became == LetIn::Added {
                // A member knows each invite of its room, so that to hold one says nothing of who it is.
                self.verified(now, &peer, Way::Link)?;
            }
            self.raise_limit(connection, FrameLimit::Data);
            self.open_rooms(connection)?;
        }
        Ok(true)
    }

    /// Adds a device that holds an invite, where it is no member yet, or says why not.
    fn admit_joiner(
        &mut self,
        now: Time,
        id: RoomId,
        peer: &PublicKey,
        join: &Join,
        claim: &JoinClaim,
    ) -> Result<LetIn, StoreError> {
        let unknown = Ok(LetIn::Refused(Refusal::Unknown));
        let Some(room) = self.rooms.get_mut(&id) else { return unknown };
        room.evaluate();
        let Some(membership) = room.membership.as_ref().filter(|membership| membership.is_member(&self.me)) else {
            return unknown;
        };
        let Some((invite, _)) = membership.invite(&join.invite) else { return unknown };
        if !claim.holds(&join.invite, &join.signature) {
            return unknown;
        }
        self.let_in(now, id, peer, &join.name, invite)
    }

    /// Adds a device to a room by an invite that it proved to know of, where it is no member yet, or says why not.
    pub(crate) fn let_in(
        &mut self,
        now: Time,
        id: RoomId,
        peer: &PublicKey,
        name: &str,
        invite: EntryId,
    ) -> Result<LetIn, StoreError> {
        let membership = self.rooms.get(&id).and_then(|room| room.membership.as_ref());
        let Some(membership) = membership.filter(|membership| membership.is_member(&self.me)) else {
            return Ok(LetIn::Refused(Refusal::Unknown));
        };
        let Some(invited) = membership.invited(&invite) else { return Ok(LetIn::Refused(Refusal::Unknown)) };
        if membership.is_member(peer) {
            return Ok(LetIn::Member);
        }
        // The add is stamped by this device's clock, and void where the stamp is past the invite's end.
        let stamp_ms = self.clock.next(now) / 1000;
        if now.wall_ms() > invited.expires_at_ms || stamp_ms > invited.expires_at_ms {
            return Ok(LetIn::Refused(Refusal::Expired));
        }
        // Nobody comes back by an invite that let it in before: it was removed, or left, since.
        if invited.used_by.contains(peer)
            || (invited.used_by.len() >= invited.uses as usize && !planted::is(Bug::InviteOverused))
        {
            return Ok(LetIn::Refused(Refusal::Used));
        }
        let owner = membership.role(&self.me) == Some(Role::Owner) && membership.frozen.is_none();
        let (name, invite) = (name.to_owned(), Some(invite));
        let body = if owner {
            let link = Link { previous: membership.head, epoch: membership.epoch, votes: Vec::new() };
            Body::Admit(Admit { link, key: *peer, name, invite })
        } else {
            Body::Add(Add { key: *peer, name, invite, control: membership.head })
        };
        match self.append(now, id, &body) {
            Err(CommandError::Store(error)) => return Err(error),
            Err(_) => return Ok(LetIn::Refused(Refusal::Unavailable)),
            Ok(_) => {}
        }
        let added = self.rooms.get(&id).is_some_and(|room| room.is_member(peer));
        Ok(if added { LetIn::Added } else { LetIn::Refused(Refusal::Unavailable) })
    }

    /// The peer says whether it lets this device in.
    pub(crate) fn on_joined(
        &mut self,
        now: Time,
        connection: ConnectionId,
        joined: &Joined,
    ) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let asked = session.joining.iter().find(|joining| joining.tag == joined.tag);
        let Some(room) = asked.map(|joining| joining.room) else { return Ok(true) };
        let Some(refusal) = joined.refusal else {
            // A member that has been told all of who belongs is told nothing more by which it would find itself in.
            let told = |shared: &Shared| shared.open() && shared.lanes.get(Lane::Membership).their_end;
            if session.shared.get(&room).is_some_and(|shared| told(shared)) {
                self.finish_join(now, connection, room)?;
            }
            return Ok(true);
        };
        session.joining.retain(|joining| joining.room != room);
        self.forget_unjoined(room);
        self.out.push(Output::Event(Event::JoinRefused(connection, room, refusal)));
        Ok(true)
    }

    /// Whether the membership entries held make this device a member of the room it is joining.
    pub(crate) fn finish_join(&mut self, now: Time, connection: ConnectionId, id: RoomId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&connection).filter(|session| session.is_joining(id)) else {
            return Ok(());
        };
        let Some(room) = self.rooms.get_mut(&id).filter(|room| room.is_member(&self.me)) else { return Ok(()) };
        // Who is asked says who belongs; only now is it believed a member because the chain says so.
        let by_code = session.joining.iter().any(|joining| joining.room == id && joining.frame.is_none());
        session.joining.retain(|joining| joining.room != id);
        room.changed = true;
        self.joined.push(id);
        self.out.push(Output::Event(Event::Joined(connection, id)));
        // When it said hello it was a stranger, of whom nothing was kept.
        let (peer, name) = (session.peer, session.hello.as_ref().map(|hello| hello.name.clone()));
        let address = session.dialled.then(|| session.address.clone());
        self.note_seen(&peer, name, address, now)?;
        self.verified(now, &peer, if by_code { Way::Code } else { Way::Link })
    }

    /// What a new member tells a room of itself.
    pub(crate) fn introduce(&mut self, now: Time) -> Result<(), StoreError> {
        for id in std::mem::take(&mut self.joined) {
            if self.rooms.get(&id).is_some_and(|room| room.name_of(&self.me) != self.name) {
                let body = Body::Profile(crate::body::Profile { name: self.name.clone() });
                if let Err(CommandError::Store(error)) = self.append(now, id, &body) {
                    return Err(error);
                }
            }
            self.write_addresses(now, id)?;
            if let Some(room) = self.rooms.get(&id)
                && !room.logs.get(Lane::Content).is_empty()
            {
                self.receipts_due(now, id);
            }
        }
        Ok(())
    }
}
