//! What comes in: entries and records are checked, stored, and acknowledged after the commit.

use std::collections::BTreeMap;

use crate::body::Body;
use crate::checked::{CheckedBatch, Group};
use crate::clock::Time;
use crate::entry::{Entry, Header};
use crate::frame::Batch;
use crate::id::{EntryId, RoomId, ShortId};
use crate::identity::PublicKey;
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::membership::{Act, Limit};
use crate::planted::{self, Bug};
use crate::record::{Record, RecordName};
use crate::replica::{Event, Output, Replica};
use crate::room::{Log, Room, TipAt, encode_read, read_name};
use crate::session::{ConnectionId, Session};
use crate::store::{Cursor, NewEntry, Order, Store, StoreError};

/// What became of a group of entries.
#[derive(PartialEq, Eq)]
enum Verdict {
    /// Stored, or held already.
    Held,
    /// Valid in itself, and nothing that counts here: not stored.
    Refused,
    /// What no honest peer sends.
    Invalid,
}

/// What is to be known of an entry's log before it is stored.
enum Place {
    /// Held already.
    Held,
    /// Held before, and lost since.
    Lost,
    /// It continues what is held, under this add.
    Next { add: EntryId },
    /// It does not count here, or its predecessor is not held.
    Refused,
    /// It contradicts its predecessor.
    Invalid,
}

/// Whether an entry may come after one with this number and time.
fn follows(seq: u64, timestamp_us: u64, next: &Header) -> bool {
    seq.checked_add(1) == Some(next.seq) && next.timestamp_us > timestamp_us
}

impl<S: Store> Replica<S> {
    /// Bytes that others' entries take, about, which were stored since this was asked last, by author: whoever brought
    /// them, and nothing of what was held already.
    pub fn take_stored(&mut self) -> BTreeMap<PublicKey, u64> {
        std::mem::take(&mut self.stored)
    }

    /// Takes a batch that came as bytes. `Ok(false)`: no honest peer sends it.
    pub(crate) fn on_batch(&mut self, now: Time, connection: ConnectionId, batch: Batch) -> Result<bool, StoreError> {
        // Who may be anyone is not worked for.
        if self.room_of_batch(connection, batch.slot, batch.lane).is_none() {
            return Ok(true);
        }
        let Ok(batch) = CheckedBatch::read(batch) else { return Ok(false) };
        self.on_checked(now, connection, batch)
    }

    /// The room of a batch, if batches of that room and lane are taken from that peer now. What is not taken is not
    /// acknowledged, so it comes again.
    fn room_of_batch(&self, connection: ConnectionId, slot: u32, lane: Lane) -> Option<RoomId> {
        let id = self.room_of_slot(connection, slot)?;
        let session = self.sessions.get(&connection)?;
        let taken = match lane {
            Lane::Content => {
                let open = self.open_room(connection, slot).is_some();
                open && self.rooms.get(&id).is_some_and(|r| r.is_member(&session.peer) && r.is_member(&self.me))
            }
            Lane::Membership => session.is_joining(id) || self.rooms.contains_key(&id),
        };
        taken.then_some(id)
    }

    /// Takes a batch that was looked through. `Ok(false)`: no honest peer sends it.
    pub(crate) fn on_checked(
        &mut self,
        now: Time,
        connection: ConnectionId,
        batch: CheckedBatch,
    ) -> Result<bool, StoreError> {
        let lane = batch.lane;
        let Some(id) = self.room_of_batch(connection, batch.slot, lane) else { return Ok(true) };
        let Some(session) = self.sessions.get(&connection) else { return Ok(true) };
        let peer = session.peer;
        let open = self.open_room(connection, batch.slot).is_some();
        if lane == Lane::Membership && session.is_joining(id) {
            self.rooms.entry(id).or_insert_with(|| Room::empty(id));
        }

        if planted::is(Bug::CursorBeforeEntries)
            && let Some(upto) = batch.upto
            && let Some(store) = session.hello.as_ref().map(|hello| hello.store)
        {
            self.store.put_cursor(store, id, lane, Cursor { arrival: upto, anchor: batch.anchor })?;
            self.store.commit()?;
        }
        let of_this_room = |group: &Group| group.entries().iter().all(|entry| entry.room() == id);
        if !batch.groups.iter().all(of_this_room) || batch.records.iter().any(|record| record.key.room != id) {
            return Ok(false);
        }
        if let Some(room) = self.rooms.get_mut(&id) {
            room.begin_batch();
        }
        let (mut own_refused, mut refused, mut fine) = (false, None, !batch.broken);
        for group in batch.groups {
            let author = group.entries().first().map(|entry| entry.header.author);
            match self.take_group(now, connection, id, lane, group)? {
                Verdict::Held => {}
                Verdict::Refused => {
                    own_refused |= author == Some(peer);
                    refused = refused.or(author);
                }
                Verdict::Invalid => {
                    fine = false;
                    break;
                }
            }
        }
        if let Some(room) = self.rooms.get_mut(&id) {
            room.evaluate();
        }
        if !fine {
            return Ok(false);
        }
        // Once for all of them: it takes long to find, and one member may send thousands.
        let counts = batch.records.iter().any(|record| record.key.name == RecordName::COUNTS);
        let counted = counts.then(|| self.counted_before(id));
        for record in &batch.records {
            self.take_record(id, record)?;
        }
        if let Some(before) = counted {
            self.note_counted(id, before);
        }
        self.finish_join(now, connection, id)?;
        let still_member = self.rooms.get(&id).is_some_and(|room| room.is_member(&peer));
        let lane_state = self.shared_mut(connection, id).map(|shared| shared.lanes.get_mut(lane));
        if let Some(state) = lane_state
            && (own_refused || state.refused)
        {
            // Acknowledged whole, it would be shown as stored, and so it would by an ack of what comes after it. The
            // cursor stays where it was, too.
            state.refused = true;
            state.their_end |= batch.end;
            if let (Some(upto), Some(session)) = (batch.upto.filter(|_| open), self.sessions.get_mut(&connection)) {
                session.acks.insert((id, lane), (upto, true));
            }
            if lane == Lane::Membership {
                self.resume_content(connection, id)?;
            }
            return Ok(true);
        }
        if own_refused {
            return Ok(true);
        }
        if !open {
            let stale = refused.filter(|author| {
                self.rooms
                    .get(&id)
                    .and_then(|room| room.membership.as_ref())
                    .is_some_and(|held| held.was_member(author))
            });
            if let Some(author) = stale.filter(|_| !still_member) {
                // It was added by someone who was removed, and can learn it nowhere else.
                if let Some(session) = self.sessions.get_mut(&connection) {
                    session.believes.insert(id, author);
                }
                self.tell_removal(connection, id)?;
            }
            return Ok(true);
        }
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let Some(shared) = session.shared.get_mut(&id) else { return Ok(true) };
        let state = shared.lanes.get_mut(lane);
        state.their_end |= batch.end;
        if let Some(upto) = batch.upto {
            let upto = if planted::is(Bug::CursorTooHigh) { upto + 1 } else { upto };
            state.cursor = Cursor { arrival: upto, anchor: batch.anchor };
            self.lazy_cursors.insert((connection, id, lane));
            session.acks.insert((id, lane), (upto, false));
        }
        if lane == Lane::Membership {
            self.resume_content(connection, id)?;
        }
        Ok(true)
    }

    /// Takes a group, whole or not at all.
    fn take_group(
        &mut self,
        now: Time,
        connection: ConnectionId,
        id: RoomId,
        lane: Lane,
        group: Group,
    ) -> Result<Verdict, StoreError> {
        // Unsigned entries count only through the signature that follows them: the group is stored whole or not
        // at all, or what is left of it could never be passed on. So it is judged by its first new entry.
        let mut new = None;
        let session = self.sessions.get(&connection);
        let joining = session.is_some_and(|session| session.is_joining(id));
        let is_member = |session: &Session| self.rooms.get(&id).is_some_and(|room| room.is_member(&session.peer));
        let from_member = joining || session.is_some_and(is_member);
        for (index, entry) in group.entries().iter().enumerate() {
            match self.place(id, lane, entry, from_member)? {
                Place::Held => {}
                Place::Lost if entry.signature.is_some() && group.signed().is_none() => return Ok(Verdict::Invalid),
                Place::Lost => self.put_back(id, entry)?,
                Place::Refused => {
                    self.overhear(id, &group);
                    return Ok(Verdict::Refused);
                }
                Place::Invalid => return Ok(Verdict::Invalid),
                Place::Next { add } => {
                    new = Some((index, add));
                    break;
                }
            }
        }
        if let Some((first, add)) = new {
            let Some(entries) = group.signed().and_then(|entries| entries.get(first..)) else {
                return Ok(Verdict::Invalid);
            };
            let rises = entries.windows(2).all(|pair| match pair {
                [before, after] => follows(before.header.seq, before.header.timestamp_us, &after.header),
                _ => false,
            });
            if !rises {
                return Ok(Verdict::Invalid);
            }
            // Nothing erases bodies in this version, so whoever passes entries on without them holds them back,
            // or lost them. Stored so, they would be taken for held when they come whole from somebody else.
            if entries.iter().any(|entry| entry.body.is_none()) {
                return Ok(Verdict::Refused);
            }
            // Who is let in takes all that its host holds.
            if lane == Lane::Membership && !joining && self.is_of_the_past(id, entries) {
                return Ok(Verdict::Refused);
            }
            let before = self.rooms.get(&id).map_or(0, |room| *room.newest.get(lane));
            for entry in entries {
                self.take_entry(now, id, lane, entry, add)?;
            }
            // They are of one log, and the numbers rise.
            if let Some(last) = entries.last() {
                self.note_held_by(connection, id, lane, last);
            }
            if lane == Lane::Content {
                let arrival = self.rooms.get(&id).map_or(0, |room| *room.newest.get(lane));
                self.tail.add_group(id, before, group.into_entries(first), arrival);
            }
        } else if let Some(last) = group.entries().last() {
            self.note_held_by(connection, id, lane, last);
        }
        Ok(Verdict::Held)
    }

    /// Where an entry stands to what is held, and whether it is taken from who sent it.
    fn place(&mut self, id: RoomId, lane: Lane, entry: &Entry, from_member: bool) -> Result<Place, StoreError> {
        let header = &entry.header;
        let log = header.log_key();
        let damaged = self.rooms.get(&id).is_some_and(|room| !room.damage.missing.is_empty());
        // Nothing that is held comes after a tip, so what does is not looked for.
        let room = self.rooms.get(&id).filter(|_| !damaged);
        let news =
            room.and_then(|room| room.logs.get(lane).get(&log)).is_some_and(|log| log.ends_with(header.previous));
        if !news && !planted::is(Bug::StoredTwice) {
            if let Some(held) = self.store.entry(entry.id)? {
                let lost = lane == Lane::Content && held.entry.body.is_none() && !held.erased;
                return Ok(if lost { Place::Lost } else { Place::Held });
            }
            // That it is damaged may turn out only now.
            if self.store.knows(entry.id)?.is_some() {
                return Ok(Place::Lost);
            }
        }
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(Place::Refused) };
        if header.kind() == Kind::Create {
            // `entry.room()` was compared: this is the entry that the room is named after.
            return Ok(Place::Next { add: entry.id });
        }
        // Who belongs follows from all that members hold of it. What one of them holds the others come to hold, whether it
        // counts or not: were that decided here, it would hang on who came to know first of what ended the log.
        let kept = lane == Lane::Membership && from_member;
        if kept {
            let lets_in = |add| match room.acts.get(&add).map(|act| (act.header.author, &act.body)) {
                Some((creator, Body::Create(_))) => creator == log.author,
                Some((_, body)) => body.lets_in().is_some_and(|(key, _)| key == log.author),
                None => false,
            };
            if !header.add.is_none_or(lets_in) {
                return Ok(Place::Refused);
            }
        } else {
            room.evaluate_for(&log.author);
            let state = room.logs.get(lane).get(&log);
            // One that begins a log anew under another add is judged as whoever holds both judges it.
            let adds = state.into_iter().flat_map(Log::adds).chain(header.add);
            let Some(limit) = room.limit(log, adds).filter(|limit| limit.admits(header.seq, entry.id)) else {
                return Ok(Place::Refused);
            };
            // Who left may have cut a log at what nobody holds, and nobody removes it any more: what may stand before that
            // is taken from members, who can be removed.
            if !from_member && limit != Limit::All && !limit.names(header.seq, entry.id) {
                return Ok(Place::Refused);
            }
            if let Some(state) = state
                && !state.has_room(&self.store, id, log, &limit, (header.seq, entry.id))?
            {
                return Ok(Place::Refused);
            }
        }
        let Some(room) = self.rooms.get(&id) else { return Ok(Place::Refused) };
        let state = room.logs.get(lane).get(&log);
        let Some(previous) = header.previous else {
            let Some(add) = header.add else { return Ok(Place::Refused) };
            // An add names its device: logs under one add are one author's. In the lane of membership which of them came
            // first must not decide who belongs, and who may add itself again may write any number.
            let full = lane == Lane::Content
                && state.is_none()
                && room.begun.get(&add).is_some_and(|begun| *begun >= limits::LOGS_PER_MEMBER);
            let branched = !kept && state.is_some_and(|state| state.tips.len() >= limits::BRANCHES);
            return Ok(if full || branched { Place::Refused } else { Place::Next { add } });
        };
        let tip = state.and_then(|state| state.tips.iter().find(|tip| tip.id == previous).copied());
        let before = match tip {
            Some(tip) => tip,
            None => match self.store.entry(previous)? {
                Some(stored) if stored.entry.header.log_key() == log && stored.entry.header.lane() == lane => {
                    if !kept && state.is_some_and(|state| state.tips.len() >= limits::BRANCHES) {
                        return Ok(Place::Refused);
                    }
                    let (seq, timestamp_us) = (stored.entry.header.seq, stored.entry.header.timestamp_us);
                    let Some(add) = state.and_then(|state| state.add_of((seq, previous))) else {
                        return Ok(Place::Refused);
                    };
                    TipAt { seq, id: previous, timestamp_us, add }
                }
                _ => return Ok(Place::Refused),
            },
        };
        let fits = follows(before.seq, before.timestamp_us, header);
        Ok(if fits { Place::Next { add: before.add } } else { Place::Invalid })
    }

    /// Stores an entry that was checked.
    fn take_entry(&mut self, now: Time, id: RoomId, lane: Lane, entry: &Entry, add: EntryId) -> Result<(), StoreError> {
        let header = &entry.header;
        let own_log = self.rooms.get(&id).and_then(|room| *room.own_logs.get(lane));
        if header.author == self.me && own_log == Some(header.log) {
            self.renew = !planted::is(Bug::NotRenewed);
        }
        let mut time_us = self.clock.observe(header.timestamp_us, now);
        if let crate::body::Body::Text(text) = entry.decode_body()
            && let Some(target) = text.reply_to
            && let Some(target) = self.store.entry(target)?
        {
            // A reply is never shown before what it answers.
            time_us = match target.order.time_us {
                at if planted::is(Bug::ReplyBeforeTarget) => at.saturating_sub(1),
                at => time_us.max(at.saturating_add(1)),
            };
        }
        let order = Order { time_us, author: header.author, seq: header.seq, id: entry.id };
        let arrival = self.store.put_entry(NewEntry { entry, order, add })?;
        self.wrote = true;
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        *room.newest.get_mut(lane) = arrival;
        if lane == Lane::Content && header.author == self.me {
            room.own_newest = arrival;
        }
        if header.author != self.me {
            let bytes = u64::try_from(entry.size() + limits::ENTRY_BYTES).unwrap_or(u64::MAX);
            let stored = self.stored.entry(header.author).or_default();
            *stored = stored.saturating_add(bytes);
        }
        let tip = TipAt { seq: header.seq, id: entry.id, timestamp_us: header.timestamp_us, add };
        let log = room.logs.get_mut(lane).entry(header.log_key()).or_default();
        if lane == Lane::Content && header.previous.is_none() && log.adds().all(|known| known != add) {
            *room.begun.entry(add).or_default() += 1;
        }
        let whole = log.tips.len() == 1;
        log.grow(&self.store, id, header.log_key(), header.previous, tip)?;
        // Of its own log this device says that it goes on with another.
        if whole && log.tips.len() == 2 && header.author != self.me {
            self.out.push(Output::Event(Event::Forked(id, header.author.device_id())));
        }
        if lane == Lane::Membership {
            let begun_twice = log.adds().any(|other| other != add);
            room.foresee(Act::of(entry), add, begun_twice);
            return Ok(());
        }
        room.note_named(&header.log_key(), header.seq, ShortId::of(entry.id));
        if let Some(read) = room.read.get_mut(&header.log_key()).filter(|read| **read >= header.seq) {
            // Of another branch: nobody can have seen it, and a mark reaches all before it.
            *read = header.seq.saturating_sub(1);
            self.store.put_value(&read_name(id), Some(&encode_read(&room.read)))?;
            self.out.push(Output::Event(Event::Read(id)));
        }
        match header.kind() {
            Kind::Profile => {
                room.note_profile(entry, order);
                room.changed = true;
            }
            Kind::Text | Kind::Unknown(_) if header.author != self.me => {
                self.out.push(Output::Event(Event::Incoming(entry.id)));
            }
            _ => {}
        }
        self.note_arrival(id, header.log_key(), header.seq, arrival);
        if header.author == self.me {
            // Of a log that this device lost: what it remembers of its newest messages is no longer all of them.
            self.recent.remove(&id);
        } else {
            self.receipts_due(now, id);
        }
        Ok(())
    }

    /// The peer sent it, so it holds it.
    fn note_held_by(&mut self, connection: ConnectionId, id: RoomId, lane: Lane, entry: &Entry) {
        if let Some(shared) = self.shared_mut(connection, id) {
            let held = shared.lanes.get_mut(lane).have.entry(entry.header.log_key()).or_default();
            *held = (*held).max(entry.header.seq);
        }
    }

    /// Takes a member's record if it replaces what is held.
    fn take_record(&mut self, id: RoomId, record: &Record) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        if !room.is_member(&record.key.author) {
            return Ok(());
        }
        let known = self.store.record(&record.key)?;
        if known.as_ref().is_some_and(|known| !record.replaces(known) && !planted::is(Bug::OlderRecordTaken)) {
            return Ok(());
        }
        if known.is_none() && room.records_of(&record.key.author) >= limits::RECORDS_PER_MEMBER {
            return Ok(());
        }
        if record.key.author == self.me && record.key.store == self.store.store_id() {
            self.renew = true;
        }
        let receipts = record.key.name == RecordName::RECEIPTS && record.key.author != self.me;
        let before = if receipts { self.own_marks(id, &record.key.author) } else { Vec::new() };
        let arrival = self.store.put_record(record)?;
        self.wrote = true;
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let newest = std::mem::replace(room.newest.get_mut(Lane::Content), arrival);
        room.note_record(&self.store, record)?;
        self.tail.add_record(id, newest, record.clone(), arrival);
        if record.key.name == RecordName::ADDRESSES {
            self.gathering.changed(id);
        }
        if receipts {
            let device = record.key.author.device_id();
            self.out.push(Output::Event(Event::Receipts(id, device)));
            self.note_received_by(id, &record.key.author, &before)?;
        }
        Ok(())
    }
}
