//! What flows out: batches in arrival order, as much as the peer acknowledges, after each commit.

use crate::clock::Time;
use crate::entry::LogKey;
use crate::frame::{Ack, Batch, Digest, Frame};
use crate::id::RoomId;
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::limits;
use crate::planted::{self, Bug};
use crate::replica::Replica;
use crate::room::Room;
use crate::session::{ConnectionId, LaneState, Telling};
use crate::store::{Arrival, Store, StoreError};
use crate::tail::{Picked, Piece};

/// Picks of a page what the peer lacks. The log in which this device says that it left is sent whether it counts or not:
/// the peer may hold, or come to hold, an act that outranks the removal by which it does not.
fn pick<'a>(
    state: &mut LaneState,
    peer: &PublicKey,
    room: &Room,
    leaving: Option<LogKey>,
    pieces: &'a [Piece],
) -> Picked<'a> {
    let mut picked = Picked::default();
    for piece in pieces {
        let sent = match piece {
            Piece::Record { author, counts, .. } => author != peer && *counts,
            Piece::Lost { log, first, counts, .. } => {
                if *counts {
                    state.note_gap(*log, *first);
                }
                false
            }
            Piece::Group(group) => {
                let held = state.have.get(&group.log).copied().unwrap_or(0);
                let lacked = group.forked || group.last.0 > held;
                let counts = group.counts || leaving == Some(group.log);
                // A group without all its words cannot be sent, and nothing of its log that comes after it could be
                // taken; nor where that group stood before where this peer goes on. Another branch of the log may be
                // shorter and have come later, and what does not count is missed by nobody.
                if lacked && counts && (!group.whole || !room.is_passed_on(&group.log, group.last.0)) {
                    state.note_gap(group.log, group.first);
                }
                lacked && counts && state.gaps.get(&group.log).is_none_or(|first| group.last.0 < *first)
            }
        };
        if sent {
            picked.take(piece);
        }
    }
    picked
}

impl<S: Store> Replica<S> {
    /// Sends a peer what it lacks, room by room, until its window is full.
    pub(crate) fn pump(&mut self, now: Time, connection: ConnectionId) -> Result<(), StoreError> {
        self.go_on_telling(connection)?;
        self.end_where_told(connection);
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        session.forget_tags();
        let rooms: Vec<RoomId> =
            session.shared.iter().filter(|(_, shared)| shared.open()).map(|(room, _)| *room).collect();
        for room in rooms {
            let leave = self.own_leave(connection, room)?;
            for lane in Lane::ALL {
                self.pump_lane(now, connection, room, lane, leave)?;
            }
            self.ask_for_lost(now, connection, room);
        }
        Ok(())
    }

    /// `leave`: as [`Replica::own_leave`] gives it.
    fn pump_lane(
        &mut self,
        now: Time,
        connection: ConnectionId,
        id: RoomId,
        lane: Lane,
        leave: Option<(Arrival, LogKey)>,
    ) -> Result<(), StoreError> {
        // Who belongs is looked up once: in a large room that takes longer than all the rest.
        let (Some(session), Some(room)) = (self.sessions.get(&connection), self.rooms.get(&id)) else { return Ok(()) };
        let fellow = room.is_member(&session.peer);
        // Who left and asks to be let in again first tells what it said and that it left: until then the peer takes it
        // for a member still, and adds nobody.
        let speaks = leave.is_some() || (room.is_member(&self.me) && !session.is_joining(id));
        loop {
            let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
            let Some(room) = self.rooms.get(&id) else { return Ok(()) };
            let peer = session.peer;
            let waits = session.is_full() || !session.tellings.is_empty();
            let Some(shared) = session.shared.get_mut(&id) else { return Ok(()) };
            let Some(slot) = shared.my_slot else { return Ok(()) };
            // Once the peer knows that this device left, it takes no more of what was said before. Who is asked to let this
            // device in again and is no member to it is told none of that, and so has nothing to wait for.
            let content = shared.lanes.get(Lane::Content);
            let unsaid = content.sent < *room.newest.get(Lane::Content) || !content.in_flight.is_empty();
            let waits_for_words = fellow && (unsaid || !content.flowing);
            let held_back = leave.filter(|_| lane == Lane::Membership && waits_for_words);
            // Content flows once both sides have settled who belongs, and only between members.
            let settled = shared.lanes.get(Lane::Membership).their_end && shared.lanes.get(Lane::Membership).said_end;
            let allowed = match lane {
                Lane::Membership => true,
                Lane::Content => settled && fellow && speaks,
            };
            let state = shared.lanes.get_mut(lane);
            if !allowed || !state.flowing || session.in_flight >= limits::WINDOW_BYTES {
                return Ok(());
            }
            if waits {
                self.held_back.insert(connection);
                return Ok(());
            }
            if state.records_due {
                state.records_due = false;
                self.tell(connection, Telling::Records { room: id, slot, after: None })?;
                continue;
            }
            let newest = held_back.map_or(*room.newest.get(lane), |(leave, _)| leave.saturating_sub(1));
            if state.sent >= newest {
                let skipped = state.skipped_since_ms.is_some_and(|since| now.steady_ms >= since + limits::SKIP_MS);
                if !state.said_end || skipped {
                    state.said_end = true;
                    state.skipped_since_ms = None;
                    let (upto, anchor) = (Some(state.sent), state.anchor);
                    // Waited for like any other: its ack must not be taken for that of what is sent after heads.
                    state.in_flight.push_back((state.sent, 0));
                    let batch = Batch { slot, lane, entries: Vec::new(), records: Vec::new(), upto, anchor, end: true };
                    self.send(connection, &Frame::Batch(batch));
                    continue;
                }
                return if held_back.is_some() { Ok(()) } else { self.compare(now, connection, id, lane) };
            }
            let page = self.tail.page(&self.store, room, lane, state.sent)?;
            let pieces = page.iter().take_while(|piece| piece.arrival() <= newest).count();
            let pieces = page.get(..pieces).unwrap_or_default();
            // What is held back may be all that is left: up to there, nothing is missing.
            let upto = pieces.last().map_or(newest, Piece::arrival);
            let picked = pick(state, &peer, room, leave.map(|(_, log)| log), pieces);
            state.sent = upto;
            let anchor = pieces.iter().rev().find_map(|piece| match piece {
                Piece::Group(group) => Some(group.last.1),
                Piece::Lost { id, .. } => Some(*id),
                Piece::Record { .. } => None,
            });
            if anchor.is_some() {
                state.anchor = anchor;
            }
            let end = upto >= newest;
            if picked.is_empty() && (state.said_end || !end) {
                // Nothing to say yet: the next batch, or the next quiet second, names the arrival reached.
                state.skipped_since_ms.get_or_insert(now.steady_ms);
                continue;
            }
            state.said_end |= end;
            state.skipped_since_ms = None;
            state.in_flight.push_back((upto, picked.bytes));
            session.in_flight += picked.bytes;
            let (upto, anchor) = (Some(upto), state.anchor);
            let around = Batch { slot, lane, entries: Vec::new(), records: Vec::new(), upto, anchor, end };
            let frame = picked.encode(&around);
            self.send_encoded(connection, frame);
        }
    }

    /// The arrival of this device's leaving and the log that it stands in, where the peer is still to hear of it.
    fn own_leave(&self, connection: ConnectionId, id: RoomId) -> Result<Option<(Arrival, LogKey)>, StoreError> {
        let Some(room) = self.rooms.get(&id).filter(|room| !room.is_member(&self.me)) else { return Ok(None) };
        let Some(session) = self.sessions.get(&connection) else { return Ok(None) };
        self.unheard_leave(room, session.device)
    }

    /// Everything is sent and acknowledged: now and then, both sides compare what they hold.
    fn compare(&mut self, now: Time, connection: ConnectionId, id: RoomId, lane: Lane) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        // Who belongs decides what of the content counts.
        let newest = (*room.newest.get(lane)).max(*room.newest.get(Lane::Membership));
        let Some(shared) = self.sessions.get_mut(&connection).and_then(|session| session.shared.get_mut(&id)) else {
            return Ok(());
        };
        let Some(slot) = shared.my_slot else { return Ok(()) };
        let state = shared.lanes.get_mut(lane);
        if !state.in_flight.is_empty() || !state.their_end || planted::is(Bug::DigestForgotten) {
            return Ok(());
        }
        let held = (newest, state.cursor.arrival);
        let due = state
            .digest_at
            .is_none_or(|(at, mine, theirs)| (mine, theirs) != held && now.steady_ms >= at + limits::DIGEST_EVERY_MS);
        if !due {
            return Ok(());
        }
        state.digest_at = Some((now.steady_ms, held.0, held.1));
        let digest = room.digest(&self.store, lane)?;
        self.send(connection, &Frame::Digest(Digest { slot, lane, digest }));
        Ok(())
    }

    /// Sends the membership lane after an arrival to a peer that is not, or no more, believed to follow it.
    pub(crate) fn push_membership(
        &mut self,
        connection: ConnectionId,
        id: RoomId,
        after: Arrival,
    ) -> Result<(), StoreError> {
        let Some(shared) = self.shared_mut(connection, id) else { return Ok(()) };
        let Some(slot) = shared.my_slot else { return Ok(()) };
        shared.pushed = true;
        let evidence = self.evidence(connection, id)?;
        if planted::is(Bug::RemovalUntold) && evidence.until != Arrival::MAX {
            return Ok(());
        }
        let leave = self.told_leave(id, evidence.until)?;
        self.tell(connection, Telling::Membership { room: id, slot, after, evidence, leave })
    }

    /// A room stops being shared: the peer is sent what it has not seen of who belongs, its removal included.
    pub(crate) fn push_rest_of_membership(&mut self, connection: ConnectionId, id: RoomId) -> Result<(), StoreError> {
        let Some(shared) = self.shared_mut(connection, id) else { return Ok(()) };
        let sent = shared.lanes.get(Lane::Membership).sent;
        self.push_membership(connection, id, sent)
    }

    /// Tells peers what is now on this disk.
    pub(crate) fn acknowledge(&mut self) {
        let mut frames = Vec::new();
        // Who is owed one has just sent something.
        for connection in &self.due {
            let Some(session) = self.sessions.get_mut(connection) else { continue };
            for ((room, lane), (upto, partial)) in std::mem::take(&mut session.acks) {
                if let Some(slot) = session.shared.get(&room).and_then(|shared| shared.my_slot) {
                    frames.push((*connection, Frame::Ack(Ack { slot, lane, upto, partial: partial.then_some(true) })));
                }
            }
        }
        for (connection, frame) in frames {
            self.send(connection, &frame);
        }
    }

    /// The peer has everything up to an arrival on its disk.
    pub(crate) fn on_ack(&mut self, connection: ConnectionId, ack: &Ack) -> Result<bool, StoreError> {
        let Some(room) = self.open_room(connection, ack.slot) else { return Ok(true) };
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let Some(shared) = session.shared.get_mut(&room) else { return Ok(true) };
        let state = shared.lanes.get_mut(ack.lane);
        if ack.upto > state.sent {
            return Ok(false);
        }
        while let Some((upto, bytes)) = state.in_flight.front().copied() {
            if upto > ack.upto {
                break;
            }
            state.in_flight.pop_front();
            let bytes = if planted::is(Bug::WindowNeverReopened) { 0 } else { bytes };
            session.in_flight = session.in_flight.saturating_sub(bytes);
        }
        let restart = state.heads_told && state.in_flight.is_empty();
        let leaving = ack.lane == Lane::Membership && self.own_leave(connection, room)?.is_some();
        let Some(shared) = self.shared_mut(connection, room) else { return Ok(true) };
        let state = shared.lanes.get_mut(ack.lane);
        // What was refused is not stored there, nor is what came before it known to be: the window moves, and no more.
        state.unsure |= ack.partial == Some(true);
        if !state.unsure {
            state.acked = state.acked.max(ack.upto);
            let rechecked = state.recheck_until.take_if(|until| *until <= ack.upto).is_some();
            self.note_ack(connection, room, ack.lane, ack.upto)?;
            if rechecked {
                self.end_recheck(connection, room)?;
            }
        }
        if leaving && self.own_leave(connection, room)?.is_none() {
            self.end_left(connection, room)?;
            return Ok(true);
        }
        if restart { self.begin_from_heads(connection, room, ack.lane) } else { Ok(true) }
    }

    /// Remembers how far a device holds this store, if that is news.
    pub(crate) fn note_ack(
        &mut self,
        connection: ConnectionId,
        id: RoomId,
        lane: Lane,
        upto: Arrival,
    ) -> Result<(), StoreError> {
        let Some(device) = self.sessions.get(&connection).map(|session| session.device) else { return Ok(()) };
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let before = room.acks.get(lane).get(&device).copied().unwrap_or(0);
        if upto <= before {
            return Ok(());
        }
        room.acks.get_mut(lane).insert(device, upto);
        self.lazy_acks.insert((device, id, lane), upto);
        if lane == Lane::Content {
            self.recount(id);
            self.note_acknowledged(id, before, upto)?;
        }
        Ok(())
    }

    /// As [`Self::note_ack`], also where the device holds less than was thought. Gives what was thought.
    pub(crate) fn set_ack(
        &mut self,
        connection: ConnectionId,
        id: RoomId,
        lane: Lane,
        upto: Arrival,
    ) -> Result<Arrival, StoreError> {
        let Some(device) = self.sessions.get(&connection).map(|session| session.device) else { return Ok(0) };
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(0) };
        let before = room.acks.get(lane).get(&device).copied().unwrap_or(0);
        if upto < before {
            room.acks.get_mut(lane).insert(device, upto);
            self.lazy_acks.insert((device, id, lane), upto);
        }
        self.note_ack(connection, id, lane, upto)?;
        Ok(before)
    }
}
