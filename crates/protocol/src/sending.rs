//! What flows out: batches in arrival order, as much as the peer acknowledges, after each commit.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::Body;
use crate::clock::Time;
use crate::entry::LogKey;
use crate::frame::{Ack, Batch, Digest, Frame};
use crate::id::{EntryId, RoomId};
use crate::identity::PublicKey;
use crate::kind::Lane;
use crate::limits;
use crate::membership::Act;
use crate::planted::{self, Bug};
use crate::replica::Replica;
use crate::room::Room;
use crate::session::{ConnectionId, LaneState, Telling};
use crate::store::{Arrival, Item, Store, StoreError};
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
        let until = self.told_until(connection, id)?;
        if planted::is(Bug::RemovalUntold) && until != Arrival::MAX {
            return Ok(());
        }
        let leave = self.told_leave(id, until)?;
        self.tell(connection, Telling::Membership { room: id, slot, after, until, leave })
    }

    /// The arrival of this device's own leaving, where it came after what a peer may know: it is told, too, with what
    /// stands before it in its log, if that says nothing of others who came since. The peer may be a member to all but
    /// this device, and would take this one for a member for good.
    pub(crate) fn told_leave(&self, id: RoomId, until: Arrival) -> Result<Arrival, StoreError> {
        let Some(room) = self.rooms.get(&id).filter(|room| !room.is_member(&self.me)) else { return Ok(0) };
        let mut leave = 0;
        let own = room.acts.values().filter(|act| act.header.author == self.me);
        for act in own {
            let Some(arrival) = self.store.entry(act.id)?.map(|stored| stored.arrival).filter(|at| *at > until) else {
                continue;
            };
            match act.body {
                Body::Leave(_) => leave = leave.max(arrival),
                Body::Vote(_) | Body::Invite(_) => {}
                _ => return Ok(0),
            }
        }
        Ok(leave)
    }

    /// Up to where the peer may know who belongs: who is a member no more is told what made it so, which may be
    /// the end of whoever added or invited it, or whom else its invite let in, and nothing that came later.
    pub(crate) fn told_until(&self, connection: ConnectionId, id: RoomId) -> Result<Arrival, StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(0) };
        let Some(room) = self.rooms.get(&id) else { return Ok(0) };
        // Who left writes nothing of what it hears, and so can only tell by it.
        let by_hearsay =
            || !room.is_member(&self.me) && room.by_hearsay().is_some_and(|with| with.is_member(&session.peer));
        if room.is_member(&session.peer) || by_hearsay() {
            return Ok(Arrival::MAX);
        }
        let mut about: BTreeSet<PublicKey> = session.believes.get(&id).copied().into_iter().collect();
        about.insert(session.peer);
        let void = |act: &Act| room.membership.as_ref().is_none_or(|held| !held.adds.contains_key(&act.id));
        let mut added_by: BTreeMap<PublicKey, Vec<PublicKey>> = BTreeMap::new();
        // By whom the peer was let in, where that is void: others may have used the invite up.
        let mut invites: BTreeSet<EntryId> = BTreeSet::new();
        for act in room.acts.values() {
            let Some((key, invite)) = act.body.lets_in() else { continue };
            let authors = added_by.entry(key).or_default();
            if matches!(act.body, Body::Add(_)) || void(act) {
                authors.push(act.header.author);
            }
            if void(act) {
                authors.extend(invite.and_then(|invite| room.acts.get(&invite)).map(|invite| invite.header.author));
                invites.extend(invite.filter(|_| key == session.peer));
            }
        }
        let mut next: Vec<PublicKey> = about.iter().copied().collect();
        while let Some(key) = next.pop() {
            next.extend(added_by.remove(&key).unwrap_or_default().into_iter().filter(|author| about.insert(*author)));
        }
        let mut until = self.standing_until(room, &about)?;
        for act in room.acts.values() {
            let ends = match &act.body {
                Body::Remove(remove) => about.contains(&remove.key),
                Body::Leave(_) => about.contains(&act.header.author),
                body => {
                    let invite = body.lets_in().and_then(|(_, invite)| invite);
                    invite.is_some_and(|invite| invites.contains(&invite)) && !void(act)
                }
            };
            if ends && let Some(stored) = self.store.entry(act.id)? {
                until = until.max(stored.arrival);
            }
        }
        let until = until.max(self.outranked_until(room)?);
        // Who may be told an entry is told its group: nothing else proves it.
        let group = match until.checked_sub(1) {
            Some(before) => self.store.page(id, Lane::Membership, before, 1, 0)?,
            None => Vec::new(),
        };
        Ok(group.last().map_or(until, Item::arrival))
    }

    /// The arrival of what the last removal of any of these in the chain in force stands on: who shows entries in an order of
    /// its own may have had the removal come first.
    fn standing_until(&self, room: &Room, about: &BTreeSet<PublicKey>) -> Result<Arrival, StoreError> {
        let Some(membership) = &room.membership else { return Ok(0) };
        let position = |act: &Act| membership.chain.iter().position(|place| *place == act.place());
        let mut firsts: BTreeMap<usize, Arrival> = BTreeMap::new();
        let mut last = None;
        for act in room.acts.values().filter(|act| act.header.kind().is_control()) {
            let Some(position) = position(act) else { continue };
            let arrival = self.store.entry(act.id)?.map_or(0, |stored| stored.arrival);
            let first = firsts.entry(position).or_insert(arrival);
            *first = (*first).min(arrival);
            if matches!(&act.body, Body::Remove(remove) if about.contains(&remove.key)) {
                last = last.max(Some(position));
            }
        }
        let Some(last) = last else { return Ok(0) };
        let mut until = firsts.range(..=last).map(|(_, arrival)| *arrival).max().unwrap_or(0);
        for (_, ground) in membership.grounds.iter().filter(|(position, _)| *position <= last) {
            until = until.max(self.store.entry(*ground)?.map_or(0, |stored| stored.arrival));
        }
        Ok(until)
    }

    /// The arrival of the acts of the majority in force that outrank others, held or overheard. By those others a device
    /// may have been a member again that was removed before, or take another for one.
    fn outranked_until(&self, room: &Room) -> Result<Arrival, StoreError> {
        let Some(membership) = &room.membership else { return Ok(0) };
        let mut in_force: BTreeMap<EntryId, (u32, Arrival)> = BTreeMap::new();
        let mut outranked = None;
        let votes = |act: &&Act| act.header.kind().is_control() && !act.votes.is_empty();
        for act in room.acts.values().filter(votes).chain(room.overheard.values()) {
            let epoch = act.body.link().map_or(0, |link| link.epoch);
            if !membership.chain.contains(&act.place()) {
                outranked = outranked.max(Some(epoch));
            } else if let Some(stored) = self.store.entry(act.id)? {
                let known = in_force.entry(act.place()).or_insert((epoch, stored.arrival));
                known.1 = known.1.min(stored.arrival);
            }
        }
        // Of two ways that come equally far it may be either.
        let decide = |(epoch, _): &&(u32, Arrival)| outranked.is_some_and(|last| *epoch <= last.saturating_add(1));
        Ok(in_force.values().filter(decide).map(|(_, arrival)| *arrival).max().unwrap_or(0))
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
