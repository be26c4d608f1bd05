//! When cursors and acknowledgements are not believed: they reach beyond something that was withheld from whom they are
//! of, because it was lost here, or did not count. Once it is to be sent after all, every device is asked for its heads
//! before it is believed again.

use crate::cbor;
use crate::entry::LogKey;
use crate::frame::{Frame, WantHeads};
use crate::id::RoomId;
use crate::identity::DeviceId;
use crate::kind::Lane;
use crate::membership::{Limit, Membership};
use crate::replica::Replica;
use crate::room::Room;
use crate::session::ConnectionId;
use crate::store::{Arrival, Store, StoreError};

pub(crate) fn recheck_name(room: RoomId) -> String {
    format!("recheck/{room}")
}

impl Room {
    /// Who belongs was evaluated anew: notes which of the logs that did not count in full may count further now.
    pub(crate) fn note_regained(&mut self, before: &Membership) {
        for (log, state) in self.logs.get(Lane::Content) {
            let counted = before.limit_under(*log, state.adds());
            if counted != Some(Limit::All) && self.limit_of(*log, state) != counted {
                self.regained.entry(*log).or_insert(counted);
            }
        }
    }

    /// The arrival behind which something counts of a log now that did not when it counted up to `before`.
    fn regained_after<S: Store>(
        &self,
        store: &S,
        log: LogKey,
        before: Option<&Limit>,
    ) -> Result<Option<Arrival>, StoreError> {
        let Some(state) = self.logs.get(Lane::Content).get(&log) else { return Ok(None) };
        let Some(now) = self.limit_of(log, state) else { return Ok(None) };
        let counted = |end: &_| before.is_some_and(|before| state.leaves(before, *end));
        if state.ends(store, self.id, log, &now)?.iter().all(counted) {
            return Ok(None);
        }
        let counted = before.map_or(Ok(Vec::new()), |before| state.ends(store, self.id, log, before))?;
        let first = match (state.tips.as_slice(), counted.as_slice()) {
            ([_], [(seq, _)]) => seq.saturating_add(1),
            _ => 1, // Nothing of it counted, or it forked: all of it is doubted.
        };
        let arrived = store.at(self.id, log, first)?.iter().map(|stored| stored.arrival).min();
        Ok(Some(arrived.map_or(0, |arrived| arrived.saturating_sub(1))))
    }
}

impl<S: Store> Replica<S> {
    /// What did not count was passed over in sending. Where it counts now, what members hold of this store is not known
    /// from there on. Before the commit that makes it count.
    pub(crate) fn doubt_what_counts_again(&mut self) -> Result<(), StoreError> {
        let changed: Vec<RoomId> =
            self.rooms.values().filter(|room| !room.regained.is_empty()).map(|room| room.id).collect();
        for id in changed {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            let mut first = None;
            for (log, before) in std::mem::take(&mut room.regained) {
                let after = room.regained_after(&self.store, log, before.as_ref())?;
                first = first.into_iter().chain(after).min();
            }
            if let Some(after) = first {
                self.doubt(id, after)?;
            }
        }
        Ok(())
    }

    /// What was withheld lies before cursors and acknowledgements that speak of later arrivals than this one: they are
    /// not believed any more, and everybody is asked for its heads.
    pub(crate) fn doubt(&mut self, id: RoomId, after: Arrival) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        for (device, acked) in room.acks.get_mut(Lane::Content).iter_mut().filter(|(_, acked)| **acked > after) {
            *acked = after;
            // With what makes it doubtful: read again without it, they would be believed.
            self.lazy_acks.remove(&(*device, id, Lane::Content));
            self.store.put_ack(*device, id, Lane::Content, after)?;
        }
        // Who is no member now may come back with the cursor that it had.
        let added = room.acts.values().filter_map(|act| act.body.lets_in()).map(|(key, _)| key);
        let ever = added.chain(room.acts.values().map(|act| act.header.author));
        room.damage.recheck = ever.filter(|key| *key != self.me).map(|key| key.device_id()).collect();
        self.keep_recheck(id)?;
        let mut asked = Vec::new();
        for (connection, session) in &mut self.sessions {
            let Some(shared) = session.shared.get_mut(&id).filter(|shared| shared.open()) else { continue };
            let slot = shared.my_slot;
            let state = shared.lanes.get_mut(Lane::Content);
            if let Some(slot) = slot.filter(|_| state.flowing || state.heads_told) {
                state.unsure = true;
                asked.push((*connection, Frame::WantHeads(WantHeads { slot, lane: Lane::Content })));
            }
        }
        for (connection, frame) in asked {
            self.send(connection, &frame);
        }
        Ok(())
    }

    fn keep_recheck(&mut self, id: RoomId) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let devices: Vec<DeviceId> = room.damage.recheck.iter().copied().collect();
        let value = (!devices.is_empty()).then(|| cbor::encode(&devices));
        self.wrote = true;
        self.store.put_value(&recheck_name(id), value.as_deref())
    }

    /// A device told its heads of the content lane: what it lacks of this store came after `start`, where it was believed
    /// to hold all up to `believed`. The cursor that it goes on with should the connection end is the one that it had,
    /// until it has acknowledged as much as that can reach.
    pub(crate) fn recheck(
        &mut self,
        connection: ConnectionId,
        id: RoomId,
        believed: Arrival,
        start: Arrival,
    ) -> Result<(), StoreError> {
        let Some(device) = self.sessions.get(&connection).map(|session| session.device) else { return Ok(()) };
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let newest = *room.newest.get(Lane::Content);
        let doubted = start < believed || room.damage.recheck.contains(&device);
        let until = Some(newest).filter(|newest| doubted && start < *newest);
        let changed = match until {
            Some(_) => room.damage.recheck.insert(device),
            None => room.damage.recheck.remove(&device),
        };
        if let Some(shared) = self.shared_mut(connection, id) {
            shared.lanes.get_mut(Lane::Content).recheck_until = until;
        }
        if changed { self.keep_recheck(id) } else { Ok(()) }
    }

    /// A device acknowledged all that its cursor can have been beyond.
    pub(crate) fn end_recheck(&mut self, connection: ConnectionId, id: RoomId) -> Result<(), StoreError> {
        let Some(device) = self.sessions.get(&connection).map(|session| session.device) else { return Ok(()) };
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        if room.damage.recheck.remove(&device) { self.keep_recheck(id) } else { Ok(()) }
    }
}
