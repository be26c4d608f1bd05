//! What this device writes: entries are chained at once, and signed and stored by groups at the commit.

use crate::body::{Body, SALT_BYTES};
use crate::clock::Time;
use crate::command::CommandError;
use crate::entry::{Entry, Header, LogKey};
use crate::id::{EntryId, Hash, LogId, RoomId};
use crate::kind::Lane;
use crate::limits;
use crate::membership::{Act, Limit};
use crate::replica::Replica;
use crate::room::{Room, TipAt, own_log_name};
use crate::store::{NewEntry, Order, Store, StoreError};

impl<S: Store> Replica<S> {
    /// Writes an entry of this device's own. The caller knows that it may.
    ///
    /// # Errors
    /// [`CommandError::TooLarge`] for what no other device would take, and this one could not read back.
    pub(crate) fn append(&mut self, now: Time, id: RoomId, body: &Body) -> Result<EntryId, CommandError> {
        let kind = body.kind();
        let lane = kind.lane();
        let timestamp_us = self.clock.next(now);
        let mut salt = [0; SALT_BYTES];
        self.random.fill(&mut salt);
        let body = body.encode(salt);
        let (log, tip, add) = self.own_log(id, lane)?;
        let header = Header {
            room: Some(id),
            author: self.me,
            log,
            seq: tip.map_or(1, |tip| tip.seq + 1),
            previous: tip.map(|tip| tip.id),
            timestamp_us: tip.map_or(timestamp_us, |tip| timestamp_us.max(tip.timestamp_us + 1)),
            kind: kind.number(),
            body_hash: Hash::of(&body),
            body_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
            add: tip.is_none().then_some(add),
        };
        // What is written next in another log is later than this one, too.
        self.clock.observe(header.timestamp_us, now);
        let body_bytes = body.len();
        let entry = Entry::write(header, body);
        let bytes = match lane {
            Lane::Membership => limits::MEMBERSHIP_GROUP_BYTES,
            Lane::Content => limits::GROUP_BYTES,
        };
        if body_bytes > limits::BODY_BYTES || entry.size() > bytes {
            return Err(CommandError::TooLarge("that is more than other devices take at once; say less at a time"));
        }
        Ok(self.enqueue(id, lane, entry, add)?)
    }

    /// Begins a room: its creation entry, in a log of its own.
    pub(crate) fn append_creation(&mut self, now: Time, create: crate::body::Create) -> Result<RoomId, StoreError> {
        let mut salt = [0; SALT_BYTES];
        self.random.fill(&mut salt);
        let log = self.draw_log(Lane::Membership);
        let body = Body::Create(create);
        let bytes = body.encode(salt);
        let header = Header {
            room: None,
            author: self.me,
            log,
            seq: 1,
            previous: None,
            timestamp_us: self.clock.next(now),
            kind: body.kind().number(),
            body_hash: Hash::of(&bytes),
            body_bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            add: None,
        };
        let entry = Entry::write(header, bytes);
        let id = entry.room();
        self.rooms.insert(id, Room::empty(id));
        self.remember_log(id, Lane::Membership, log)?;
        let creation = entry.id;
        self.enqueue(id, Lane::Membership, entry, creation)?;
        Ok(id)
    }

    fn draw_log(&mut self, lane: Lane) -> LogId {
        let mut log = [0; 16];
        self.random.fill(&mut log);
        LogId::new(log).of_lane(lane)
    }

    fn remember_log(&mut self, id: RoomId, lane: Lane, log: LogId) -> Result<(), StoreError> {
        if let Some(room) = self.rooms.get_mut(&id) {
            *room.own_logs.get_mut(lane) = Some(log);
        }
        self.wrote = true;
        self.store.put_value(&own_log_name(id, lane), Some(log.as_bytes()))
    }

    /// The log this device writes in a lane, its tip and its add; begun anew where the old one was cut or
    /// forked, or belongs to an earlier stay.
    pub(crate) fn own_log(&mut self, id: RoomId, lane: Lane) -> Result<(LogId, Option<TipAt>, EntryId), StoreError> {
        if self.renew {
            self.renew_store()?; // more of the old log may be on its way
        }
        if let Some(room) = self.rooms.get_mut(&id) {
            room.evaluate();
        }
        let room = self.rooms.get(&id);
        let add = room.and_then(|room| room.membership.as_ref()?.newest_add(&self.me)).unwrap_or(id.creation());
        let usable = room.and_then(|room| {
            let log = (*room.own_logs.get(lane))?;
            let key = LogKey { author: self.me, log };
            match room.logs.get(lane).get(&key) {
                None => Some((log, None, add)),
                // What comes after something lost would reach nobody before that is back.
                Some(_) if room.damage.missing.contains_key(&key) => None,
                Some(state) => match state.tips.as_slice() {
                    [tip] if room.limit_of(key, state) == Some(Limit::All) => Some((log, Some(*tip), tip.add)),
                    _ => None,
                },
            }
        });
        if let Some(usable) = usable {
            return Ok(usable);
        }
        let log = self.draw_log(lane);
        self.remember_log(id, lane, log)?;
        Ok((log, None, add))
    }

    /// Chains an entry in memory; the store gets it with its group.
    fn enqueue(&mut self, id: RoomId, lane: Lane, entry: Entry, add: EntryId) -> Result<EntryId, StoreError> {
        let header = &entry.header;
        let mut time_us = header.timestamp_us;
        if let Body::Text(text) = entry.decode_body()
            && let Some(target) = text.reply_to
            && let Some(target) = self.store.entry(target)?
        {
            time_us = time_us.max(target.order.time_us.saturating_add(1));
        }
        let order = Order { time_us, author: self.me, seq: header.seq, id: entry.id };
        let entry_id = entry.id;
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(entry_id) };
        let tip = TipAt { seq: header.seq, id: entry.id, timestamp_us: header.timestamp_us, add };
        room.logs.get_mut(lane).entry(header.log_key()).or_default().extend(header.previous, tip);
        if lane == Lane::Content && header.previous.is_none() {
            *room.begun.entry(add).or_default() += 1;
        }
        if lane == Lane::Membership {
            room.acts.insert(entry.id, Act::of(&entry));
            room.stale = true;
            room.evaluate();
        } else if entry.header.kind() == crate::kind::Kind::Profile {
            room.note_profile(&entry, order);
            room.changed = true;
        }
        let group = room.groups.get_mut(lane);
        let other_log = group.entries.last().is_some_and(|(last, ..)| last.header.log != entry.header.log);
        let limit = match lane {
            // Of more than one entry, it fits a stranger's frame: it is also pushed to who does not believe.
            Lane::Membership => limits::STRANGER_FRAME / 2,
            Lane::Content => limits::GROUP_BYTES,
        };
        let full = group.entries.len() >= limits::GROUP_ENTRIES || group.bytes + entry.size() > limit;
        if other_log || full {
            self.seal(id, lane)?;
        }
        if let Some(room) = self.rooms.get_mut(&id) {
            let group = room.groups.get_mut(lane);
            group.bytes += entry.size();
            group.entries.push((entry, order, add));
        }
        Ok(entry_id)
    }

    /// Signs and stores what waits in every room.
    pub(crate) fn seal_groups(&mut self) -> Result<(), StoreError> {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in rooms {
            for lane in Lane::ALL {
                self.seal(id, lane)?;
            }
        }
        Ok(())
    }

    pub(crate) fn seal(&mut self, id: RoomId, lane: Lane) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let mut group = std::mem::take(room.groups.get_mut(lane));
        let Some((last, ..)) = group.entries.last_mut() else { return Ok(()) };
        last.sign(&self.key);
        self.wrote = true;
        let before = *room.newest.get(lane);
        let mut arrived = Vec::new();
        for (entry, order, add) in &group.entries {
            let arrival = self.store.put_entry(NewEntry { entry, order: *order, add: *add })?;
            *room.newest.get_mut(lane) = arrival;
            if lane == Lane::Content {
                room.own_newest = arrival;
                let header = &entry.header;
                let recent = self.recent.entry(id).or_default();
                recent.note(header.log, arrival, header.seq, entry.id, header.kind());
                arrived.push((header.log_key(), header.seq, arrival));
            }
        }
        if let Some((_, _, last)) = arrived.last() {
            let entries = group.entries.into_iter().map(|(entry, ..)| entry).collect();
            self.tail.add_group(id, before, entries, *last);
        }
        for (log, seq, arrival) in arrived {
            self.note_arrival(id, log, seq, arrival);
        }
        Ok(())
    }
}
