//! Where two devices stand in a lane of a room that both named: cursors, and heads where those say nothing.

use std::collections::BTreeMap;

use crate::entry::LogKey;
use crate::frame::{Digest, Frame, Head, Heads, Resume, WantHeads};
use crate::id::RoomId;
use crate::kind::Lane;
use crate::limits;
use crate::planted::{self, Bug};
use crate::replica::Replica;
use crate::room::Room;
use crate::session::{ConnectionId, Telling};
use crate::store::{Arrival, Cursor, Store, StoreError};

impl<S: Store> Replica<S> {
    /// Says how far this device holds what the peer's store has in a lane.
    pub(crate) fn send_resume(&mut self, connection: ConnectionId, room: RoomId, lane: Lane) -> Result<(), StoreError> {
        let Some(store) = self.sessions.get(&connection).and_then(|session| session.hello.as_ref()).map(|h| h.store)
        else {
            return Ok(());
        };
        let cursor = self.store.cursor(store, room, lane)?;
        let Some(shared) = self.shared_mut(connection, room) else { return Ok(()) };
        let Some(slot) = shared.my_slot else { return Ok(()) };
        let state = shared.lanes.get_mut(lane);
        state.resumed = true;
        state.cursor = cursor.unwrap_or_default();
        let Cursor { arrival, anchor } = state.cursor;
        self.send(connection, &Frame::Resume(Resume { slot, lane, arrival, anchor }));
        // A cursor at the very beginning says no more than none: the peer waits for heads all the same.
        if arrival == 0 && anchor.is_none() {
            self.send_heads(connection, room, lane)?;
        }
        Ok(())
    }

    fn send_heads(&mut self, connection: ConnectionId, room: RoomId, lane: Lane) -> Result<(), StoreError> {
        let Some(slot) = self.shared_mut(connection, room).and_then(|shared| shared.my_slot) else {
            return Ok(());
        };
        let Some(session) = self.sessions.get(&connection) else { return Ok(()) };
        // Asked again while they are being told: those will do, since what they leave out is sent once more at worst.
        let under_way = session.tellings.iter().any(|telling| {
            matches!(telling, Telling::Heads { room: of, slot: by, lane: kind, .. } if (*of, *by, *kind) == (room, slot, lane))
        });
        if under_way {
            return Ok(());
        }
        let Some(held) = self.rooms.get(&room) else { return Ok(()) };
        let heads = held.heads(&self.store, lane)?;
        self.tell(connection, Telling::Heads { room, slot, lane, heads, told: 0 })
    }

    /// The peer says how far it holds this store.
    pub(crate) fn on_resume(&mut self, connection: ConnectionId, resume: &Resume) -> Result<bool, StoreError> {
        let Some(room) = self.open_room(connection, resume.slot) else { return Ok(true) };
        let lane = resume.lane;
        if let Some(shared) = self.shared_mut(connection, room) {
            shared.lanes.get_mut(lane).stands = true;
        }
        if resume.arrival == 0 && resume.anchor.is_none() {
            return Ok(true); // heads follow
        }
        let newest = self.store.newest(room, lane)?;
        let anchor = self.store.anchor(room, lane, resume.arrival)?.map(|(_, id)| id);
        let device = self.sessions.get(&connection).map(|session| session.device);
        let doubted = lane == Lane::Content
            && self.rooms.get(&room).is_some_and(|room| device.is_some_and(|d| room.damage.recheck.contains(&d)));
        let Some(shared) = self.shared_mut(connection, room) else { return Ok(true) };
        // Further than anything here: it was told by a database that was rolled back since, or made up.
        let elsewhere = anchor != resume.anchor && !planted::is(Bug::CursorWithoutEntry);
        if doubted || elsewhere || resume.arrival > newest {
            let Some(slot) = shared.my_slot else { return Ok(true) };
            self.send(connection, &Frame::WantHeads(WantHeads { slot, lane }));
            return Ok(true);
        }
        let sent = resume.arrival;
        let state = shared.lanes.get_mut(lane);
        // Once heads were told they decide, when what is on its way has been acknowledged.
        if !state.flowing && !state.heads_told {
            state.flowing = true;
            state.sent = sent;
            state.acked = sent;
            state.anchor = anchor;
            // Its database may have been rolled back: it holds what it says now, whatever it acknowledged before.
            self.set_ack(connection, room, lane, sent)?;
        }
        Ok(true)
    }

    pub(crate) fn on_want_heads(&mut self, connection: ConnectionId, want: &WantHeads) -> Result<bool, StoreError> {
        let Some(room) = self.open_room(connection, want.slot) else { return Ok(true) };
        self.send_heads(connection, room, want.lane)?;
        Ok(true)
    }

    /// The peer tells its heads: from now on it is sent what it lacks by them.
    pub(crate) fn on_heads(&mut self, connection: ConnectionId, heads: Heads) -> Result<bool, StoreError> {
        let Some(room) = self.open_room(connection, heads.slot) else { return Ok(true) };
        let lane = heads.lane;
        let Some(shared) = self.shared_mut(connection, room) else { return Ok(true) };
        let state = shared.lanes.get_mut(lane);
        if std::mem::take(&mut state.heads_told) {
            state.heads_in.clear(); // told anew before they were used
        }
        if state.heads_in.len() + heads.heads.len() > limits::HEADS {
            return Ok(false);
        }
        state.heads_in.extend(heads.heads);
        if !heads.last {
            return Ok(true);
        }
        // What is on its way would be acknowledged by numbers from before these heads: it is waited for.
        state.flowing = false;
        state.heads_told = true;
        let calm = state.in_flight.is_empty() || planted::is(Bug::StaleAcks);
        if calm { self.begin_from_heads(connection, room, lane) } else { Ok(true) }
    }

    /// Starts sending anew, by the heads that the peer told.
    pub(crate) fn begin_from_heads(
        &mut self,
        connection: ConnectionId,
        room: RoomId,
        lane: Lane,
    ) -> Result<bool, StoreError> {
        let Some(shared) = self.shared_mut(connection, room) else { return Ok(true) };
        let state = shared.lanes.get_mut(lane);
        state.heads_told = false;
        let theirs = std::mem::take(&mut state.heads_in);
        let Some(held) = self.rooms.get(&room) else { return Ok(true) };
        let (have, start) = lacking(&self.store, held, lane, &theirs)?;
        let anchor = self.store.anchor(room, lane, start)?.map(|(_, id)| id);
        let Some(shared) = self.shared_mut(connection, room) else { return Ok(true) };
        let state = shared.lanes.get_mut(lane);
        state.flowing = true;
        state.unsure = false;
        state.have = have;
        state.gaps.clear();
        state.sent = start;
        state.acked = start;
        state.anchor = anchor;
        state.said_end = false;
        state.records_due = lane == Lane::Content;
        let believed = self.set_ack(connection, room, lane, start)?;
        if lane == Lane::Content {
            self.recheck(connection, room, believed, start)?;
        }
        Ok(true)
    }

    /// The peer believes that both hold the same.
    pub(crate) fn on_digest(&mut self, connection: ConnectionId, digest: &Digest) -> Result<bool, StoreError> {
        let Some(room) = self.open_room(connection, digest.slot) else { return Ok(true) };
        let lane = digest.lane;
        let Some(held) = self.rooms.get(&room) else { return Ok(true) };
        let newest = *held.newest.get(lane);
        let Some(session) = self.sessions.get(&connection) else { return Ok(true) };
        let Some(shared) = session.shared.get(&room) else { return Ok(true) };
        let state = shared.lanes.get(lane);
        let told = session.tellings.is_empty() && !state.records_due;
        let settled = state.flowing && state.sent == newest && state.in_flight.is_empty() && told;
        // What this device has still to send or to hear acknowledged makes a difference that will go by itself.
        if !settled || !held.groups.get(lane).entries.is_empty() {
            return Ok(true);
        }
        let Some(slot) = shared.my_slot else { return Ok(true) };
        let refused = state.refused;
        if held.digest(&self.store, lane)? != digest.digest {
            self.send(connection, &Frame::WantHeads(WantHeads { slot, lane }));
        } else if !refused {
            return Ok(true);
        } else if let Some(shared) = self.shared_mut(connection, room) {
            // What was refused counts there no more: nothing of theirs is lacking. By the heads the peer believes acks again.
            shared.lanes.get_mut(lane).refused = false;
        }
        self.send_heads(connection, room, lane)?;
        Ok(true)
    }
}

/// What of each log a peer holds by its heads, and the arrival in this store before the first thing it lacks.
fn lacking<S: Store>(
    store: &S,
    room: &Room,
    lane: Lane,
    theirs: &[Head],
) -> Result<(BTreeMap<LogKey, u64>, Arrival), StoreError> {
    let mut by_log: BTreeMap<LogKey, Vec<&Head>> = BTreeMap::new();
    for head in theirs {
        by_log.entry(head.log).or_default().push(head);
    }
    let newest = store.newest(room.id, lane)?;
    let mut have = BTreeMap::new();
    let mut start = newest;
    for (log, state) in room.logs.get(lane) {
        let heads = by_log.get(log).map(Vec::as_slice).unwrap_or_default();
        let held = match (state.tips.as_slice(), heads) {
            ([tip], [head]) if head.seq >= tip.seq => {
                // Ahead of this device, or level with it; level with another entry is a fork.
                if head.seq == tip.seq && head.id != tip.id { 0 } else { head.seq }
            }
            ([_], [head]) => {
                let same = store.at(room.id, *log, head.seq)?.iter().any(|stored| stored.entry.id == head.id);
                if same { head.seq } else { 0 }
            }
            (tips, heads) if tips.iter().all(|tip| heads.iter().any(|head| head.id == tip.id)) => {
                tips.iter().map(|tip| tip.seq).max().unwrap_or(0)
            }
            _ => 0, // a fork that the peer holds in part: it is sent the whole log
        };
        let held = if planted::is(Bug::HeadTooHigh) && held > 0 { held + 1 } else { held };
        if held > 0 {
            have.insert(*log, held);
        }
        let lacks = state.highest().is_some_and(|tip| tip.seq > held);
        if lacks {
            let first = store.at(room.id, *log, held + 1)?.iter().map(|stored| stored.arrival).min();
            start = start.min(first.map_or(0, |arrival| arrival.saturating_sub(1)));
        }
    }
    Ok((have, start))
}
