//! What the disk lost: entries found damaged are noted, asked of the members, and put back.
//!
//! An entry's id is the hash of its header, and the header names the hash of the body: whoever sends the bytes back
//! cannot have changed them. Until they are back, receipts stop before them, nothing of their log that comes after them is
//! passed on or called stored by an acknowledgement, and the members' cursors into this store are not believed.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Time;
use crate::entry::{Entry, LogKey};
use crate::frame::{Entries, Frame, WantEntries};
use crate::id::{EntryId, RoomId, ShortId};
use crate::identity::DeviceId;
use crate::kind::Lane;
use crate::limits;
use crate::replica::{Event, Output, Replica};
use crate::room::{Room, encode_read, read_name};
use crate::session::{ConnectionId, Telling};
use crate::store::{Arrival, Item, Lost, Store, StoreError};

/// What is known of a room's lost entries, all of them in the content lane.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// Logs with lost entries, each with the lowest number.
    pub(crate) missing: BTreeMap<LogKey, u64>,
    /// The same logs, each with the first number that is passed on to nobody: of the group that the lost entry is in.
    withheld: BTreeMap<LogKey, u64>,
    /// Lost entries, as many as are looked after at a time.
    lost: BTreeMap<EntryId, Lost>,
    /// Whether `missing` and `lost` are to be read again.
    stale: bool,
    /// Found, and put back, since people were told.
    found: usize,
    repaired: usize,
    /// Devices whose cursors into this store may be beyond something that was not sent to them, lost or not.
    pub(crate) recheck: BTreeSet<DeviceId>,
}

impl Damage {
    pub(crate) fn load<S: Store>(store: &S, room: RoomId) -> Result<Self, StoreError> {
        let mut this = Self::default();
        this.read(store, room)?;
        let recheck = store.value(&crate::doubting::recheck_name(room))?.unwrap_or_default();
        this.recheck = minicbor::decode::<Vec<DeviceId>>(&recheck).unwrap_or_default().into_iter().collect();
        Ok(this)
    }

    /// Whether something is passed on again that was withheld.
    fn read<S: Store>(&mut self, store: &S, room: RoomId) -> Result<bool, StoreError> {
        self.stale = false;
        self.missing = store.missing(room)?.into_iter().collect();
        let before = std::mem::take(&mut self.withheld);
        for (log, seq) in &self.missing {
            self.withheld.insert(*log, group_start(store, room, *log, *seq)?);
        }
        self.lost = if self.missing.is_empty() {
            BTreeMap::new()
        } else {
            store.lost(room, limits::LOST)?.into_iter().map(|lost| (lost.id, lost)).collect()
        };
        Ok(before.iter().any(|(log, first)| self.withheld.get(log).is_none_or(|now| now > first)))
    }

    /// Whether an entry of this name is lost.
    pub(crate) fn lost(&self, log: &LogKey, seq: u64, id: ShortId) -> bool {
        self.lost.values().any(|lost| lost.log == *log && lost.seq == seq && ShortId::of(lost.id) == id)
    }

    /// Whether an entry stands before everything that its log has lost, and can be passed on without it.
    pub(crate) fn is_before(&self, log: &LogKey, seq: u64) -> bool {
        self.withheld.get(log).is_none_or(|first| seq < *first)
    }
}

/// The number that the group of the first lost entry of a log begins with: only whole groups are passed on.
fn group_start<S: Store>(store: &S, room: RoomId, log: LogKey, lost: u64) -> Result<u64, StoreError> {
    let mut first = lost;
    for _ in 0..limits::GROUP_ENTRIES {
        let before = store.at(room, log, first.saturating_sub(1))?;
        if before.iter().all(|stored| stored.entry.signature.is_some()) {
            break;
        }
        first = first.saturating_sub(1);
    }
    Ok(first)
}

/// How far this store was read through, to find what is damaged before it is needed. Each start begins elsewhere, since
/// a device that is started each day may never come to the end.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    room: Option<RoomId>,
    after: Arrival,
    /// How many rooms were read through to their ends.
    rooms: usize,
    next_ms: u64,
}

impl<S: Store> Replica<S> {
    /// Looks after what is damaged: what reading found is noted, and what came back is counted. Before the commit.
    pub(crate) fn look_after_damage(&mut self, now: Time) -> Result<(), StoreError> {
        self.scrub(now)?;
        for lost in self.store.damaged() {
            self.note_lost(now, &lost)?;
        }
        let stale: Vec<RoomId> = self.rooms.values().filter(|room| room.damage.stale).map(|room| room.id).collect();
        for id in stale {
            self.count_damage(now, id)?;
        }
        Ok(())
    }

    fn note_lost(&mut self, now: Time, lost: &Lost) -> Result<(), StoreError> {
        if !self.rooms.contains_key(&lost.room) {
            return Ok(());
        }
        self.wrote = true;
        self.store.put_lost(lost)?;
        if let Some(room) = self.rooms.get_mut(&lost.room) {
            room.damage.stale = true;
            room.damage.found += 1;
        }
        self.receipts_due(now, lost.room);
        Ok(())
    }

    /// What is lost in a room changed.
    fn count_damage(&mut self, now: Time, id: RoomId) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let passed_on = room.damage.read(&self.store, id)?;
        room.look_up_again(&self.store)?;
        let found = std::mem::take(&mut room.damage.found);
        let whole = room.damage.missing.is_empty();
        let repaired = if whole { std::mem::take(&mut room.damage.repaired) } else { 0 };
        if found > 0 {
            self.out.push(Output::Event(Event::Damaged(id, found)));
        }
        if repaired > 0 {
            self.out.push(Output::Event(Event::Repaired(id, repaired)));
            self.receipts_due(now, id);
        }
        // Others may be lost for good.
        if found > 0 || passed_on { self.doubt(id, 0) } else { Ok(()) }
    }

    /// Asks a member for what is lost, and was not asked of it lately or is not being asked of another.
    pub(crate) fn ask_for_lost(&mut self, now: Time, connection: ConnectionId, id: RoomId) {
        let Some(room) = self.rooms.get(&id).filter(|room| !room.damage.lost.is_empty()) else { return };
        if let Some(shared) = self.sessions.get_mut(&connection).and_then(|session| session.shared.get_mut(&id)) {
            let waited = now.steady_ms.saturating_sub(shared.asked_ms);
            if !shared.asking.is_empty() && waited >= limits::GIVE_LOST_MS {
                // It may be of another version, or not want to: others are asked.
                shared.lacks.append(&mut shared.asking);
            } else if shared.asking.is_empty() && waited >= limits::ASK_LOST_AGAIN_MS {
                shared.lacks.clear();
            }
        }
        let asked: BTreeSet<EntryId> = self
            .sessions
            .values()
            .filter_map(|session| session.shared.get(&id))
            .flat_map(|shared| shared.asking.iter().copied())
            .collect();
        let lost: Vec<EntryId> = room.damage.lost.keys().filter(|id| !asked.contains(*id)).copied().collect();
        let member = |session: &crate::session::Session| room.is_member(&session.peer) && room.is_member(&self.me);
        let Some(session) = self.sessions.get_mut(&connection).filter(|session| member(session)) else { return };
        let Some(shared) = session.shared.get_mut(&id).filter(|shared| shared.open()) else { return };
        // Who said where it stands in the content takes this device for a member and itself, and answers.
        let answers = shared.lanes.get(Lane::Content).stands;
        let Some(slot) = shared.my_slot.filter(|_| answers && shared.asking.is_empty()) else { return };
        let ids = lost.into_iter().filter(|id| !shared.lacks.contains(id));
        let ids: Vec<EntryId> = ids.take(limits::WANT_ENTRIES).collect();
        if !ids.is_empty() {
            shared.asking = ids.iter().copied().collect();
            shared.asked_ms = now.steady_ms;
            self.send(connection, &Frame::WantEntries(WantEntries { slot, ids }));
        }
    }

    /// A member lost entries, and asks for them.
    pub(crate) fn on_want_entries(&mut self, connection: ConnectionId, want: WantEntries) -> Result<bool, StoreError> {
        let Some(id) = self.open_room(connection, want.slot) else { return Ok(true) };
        let Some(session) = self.sessions.get(&connection) else { return Ok(true) };
        let between_members =
            self.rooms.get(&id).is_some_and(|room| room.is_member(&session.peer) && room.is_member(&self.me));
        let shared = session.shared.get(&id);
        let Some(slot) = shared.and_then(|shared| shared.my_slot).filter(|_| between_members) else { return Ok(true) };
        // Whoever asks waits for the answer before it asks again.
        let busy = session.tellings.iter().any(|t| matches!(t, Telling::Entries { room, .. } if *room == id));
        if !busy {
            self.tell(connection, Telling::Entries { room: id, slot, ids: want.ids })?;
        }
        Ok(true)
    }

    /// What is told next of entries that a member lost, and which are left.
    pub(crate) fn next_entries(
        &self,
        room: RoomId,
        slot: u32,
        ids: &[EntryId],
    ) -> Result<(Frame, Option<Telling>), StoreError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let mut left = ids;
        while let [id, rest @ ..] = left
            && bytes < limits::BATCH_BYTES
        {
            left = rest;
            let held = self.store.entry(*id)?.map(|stored| stored.entry);
            let counts = |entry: &Entry| self.rooms.get(&room).is_some_and(|room| room.counts(&entry.header, entry.id));
            let fits = |entry: &Entry| entry.room() == room && entry.header.lane() == Lane::Content;
            if let Some(entry) = held.filter(|entry| entry.body.is_some() && fits(entry) && counts(entry)) {
                bytes += entry.size();
                entries.push(entry.to_wire());
            }
        }
        let last = left.is_empty();
        let rest = (!last).then(|| Telling::Entries { room, slot, ids: left.to_vec() });
        Ok((Frame::Entries(Entries { slot, entries, last }), rest))
    }

    /// Entries that were asked for.
    pub(crate) fn on_entries(&mut self, connection: ConnectionId, answer: Entries) -> Result<bool, StoreError> {
        let Some(id) = self.open_room(connection, answer.slot) else { return Ok(true) };
        for wire in answer.entries {
            let Ok(entry) = Entry::read(wire) else { return Ok(false) };
            // Late is better than never.
            let asked = self.shared_mut(connection, id);
            let asked = asked.is_some_and(|s| s.asking.contains(&entry.id) || s.lacks.contains(&entry.id));
            if !asked || entry.room() != id {
                continue;
            }
            if !entry.signature_holds() {
                return Ok(false);
            }
            self.put_back(id, &entry)?;
            let given = self.rooms.get(&id).is_some_and(|room| !room.damage.lost.contains_key(&entry.id));
            if let Some(shared) = self.shared_mut(connection, id).filter(|_| given) {
                // Should the disk lose it once more, it is asked for again.
                shared.asking.remove(&entry.id);
                shared.lacks.remove(&entry.id);
            }
        }
        if answer.last
            && let Some(shared) = self.shared_mut(connection, id)
        {
            // What is still lost after this it does not hold.
            let asked = std::mem::take(&mut shared.asking);
            shared.lacks.extend(asked);
        }
        Ok(true)
    }

    /// Puts a lost entry back, if these are all of its bytes. Its signature, where it has one, was checked.
    pub(crate) fn put_back(&mut self, id: RoomId, entry: &Entry) -> Result<(), StoreError> {
        let Some(ends_group) = self.store.knows(entry.id)? else { return Ok(()) };
        let whole = self.store.entry(entry.id)?.is_some_and(|held| held.entry.body.is_some() || held.erased);
        if whole || entry.body.is_none() || (ends_group && entry.signature.is_none()) {
            return Ok(());
        }
        self.wrote = true;
        self.store.put_again(entry)?;
        if let Some(room) = self.rooms.get_mut(&id) {
            room.damage.lost.remove(&entry.id);
            room.damage.stale = true;
            room.damage.repaired += 1;
            let log = entry.header.log_key();
            room.note_named(&log, entry.header.seq, ShortId::of(entry.id));
            if let Some(read) = room.read.get_mut(&log).filter(|read| **read >= entry.header.seq) {
                // Nobody can have seen it while it was gone, and a mark reaches all before it.
                *read = entry.header.seq.saturating_sub(1);
                self.store.put_value(&read_name(id), Some(&encode_read(&room.read)))?;
                self.out.push(Output::Event(Event::Read(id)));
            }
            if entry.header.kind() == crate::kind::Kind::Profile
                && let Some(stored) = self.store.entry(entry.id)?
            {
                room.note_profile(entry, stored.order);
                room.changed = true;
            }
        }
        Ok(())
    }

    /// Reads on through what is stored while a member is there who can replace what is damaged.
    fn scrub(&mut self, now: Time) -> Result<(), StoreError> {
        if self.sessions.is_empty() || now.steady_ms < self.scrub.next_ms {
            return Ok(());
        }
        self.scrub.next_ms = now.steady_ms + limits::SCRUB_PAUSE_MS;
        let room = match self.scrub.room {
            Some(room) => room,
            None => match self.rooms.keys().nth((now.wall_us % self.rooms.len().max(1) as u64) as usize) {
                Some(first) => *first,
                None => return Ok(()),
            },
        };
        self.scrub.room = Some(room);
        let (items, bytes) = (limits::SCRUB_ITEMS, limits::BATCH_BYTES);
        let page = self.store.page(room, Lane::Content, self.scrub.after, items, bytes)?;
        let Some(last) = page.last() else {
            self.scrub.after = 0;
            self.scrub.rooms += 1;
            let next = self.rooms.range((std::ops::Bound::Excluded(room), std::ops::Bound::Unbounded)).next();
            self.scrub.room = next.or_else(|| self.rooms.iter().next()).map(|(room, _)| *room);
            if self.scrub.rooms >= self.rooms.len() {
                self.scrub.rooms = 0;
                self.scrub.next_ms = now.steady_ms + limits::SCRUB_EVERY_MS;
            }
            return Ok(());
        };
        self.scrub.after = last.arrival();
        for item in &page {
            // Bodies and headers were compared with their hashes in reading.
            if let Item::Entry(stored) = item
                && stored.entry.body.is_some()
                && !stored.entry.signature_holds()
            {
                let (header, id) = (&stored.entry.header, stored.entry.id);
                let (log, seq) = (header.log_key(), header.seq);
                self.note_lost(now, &Lost { arrival: stored.arrival, room, log, seq, id, ends_group: true })?;
            }
        }
        Ok(())
    }
}

impl Room {
    /// Whether an entry that counts can be sent, as far as its log was found to have lost something: it stands before that,
    /// or nothing counts that was lost.
    pub(crate) fn is_passed_on(&self, log: &LogKey, seq: u64) -> bool {
        let counts = |lost: &Lost| lost.log == *log && self.counts_at(Lane::Content, *log, (lost.seq, lost.id));
        let damage = &self.damage;
        damage.is_before(log, seq) || (damage.lost.len() < limits::LOST && !damage.lost.values().any(counts))
    }

    /// Whether a device acknowledged an entry that this device can have sent it.
    pub(crate) fn was_taken_by(&self, device: DeviceId, arrival: Arrival, lane: Lane, log: &LogKey, seq: u64) -> bool {
        let acked = self.acks.get(lane).get(&device).copied().unwrap_or(0);
        acked >= arrival && (lane == Lane::Membership || self.damage.is_before(log, seq))
    }
}
