//! A device's replica of its rooms: the one state machine that decides everything.
//!
//! Feed it connections, frames, commands and ticks; then call [`Replica::commit`] and carry out what it
//! returns. Nothing leaves before the commit that it depends on: what is sent, acknowledged or announced is
//! on disk. Whatever is fed in between two commits becomes one transaction, which is group commit.
//!
//! After any [`StoreError`] the replica is no longer in step with its store: drop its connections, roll the
//! store back and open it anew.

use std::collections::{BTreeMap, BTreeSet};

use crate::checked::CheckedBatch;
use crate::clock::{HybridClock, Time};
use crate::comparison::Pictures;
use crate::counting::Counting;
use crate::fate::{Fates, Recent};
use crate::finding::Found;
use crate::frame::{Frame, Hello};
use crate::id::{RoomId, StoreId};
use crate::identity::{DeviceId, DeviceKey, PublicKey};
use crate::kind::Lane;
use crate::known::Known;
use crate::limits;
use crate::meeting::Gathering;
pub use crate::output::{CloseReason, CodeEnd, Event, Output, Peer, Target};
use crate::pairing::Codes;
use crate::planted::{self, Bug};
use crate::room::Room;
use crate::session::{ConnectionId, FrameLimit, Session};
use crate::store::{Arrival, Device, Store, StoreError};

/// Where randomness is handed in.
pub trait Random {
    /// Fills the bytes with random ones, fit for keys.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// See the module's documentation.
pub struct Replica<S> {
    pub(crate) key: DeviceKey,
    pub(crate) me: PublicKey,
    pub(crate) device: DeviceId,
    pub(crate) store: S,
    pub(crate) random: Box<dyn Random + Send>,
    pub(crate) clock: HybridClock,
    pub(crate) name: String,
    pub(crate) agent: String,
    pub(crate) listening: Vec<String>,
    pub(crate) rooms: BTreeMap<RoomId, Room>,
    pub(crate) sessions: BTreeMap<ConnectionId, Session>,
    pub(crate) by_device: BTreeMap<DeviceId, ConnectionId>,
    pub(crate) devices: BTreeMap<PublicKey, Device>,
    /// What peers are sent, encoded once for all.
    pub(crate) tail: crate::tail::Tail,
    pub(crate) gathering: Gathering,
    pub(crate) found: Found,
    /// Whether receipts tell what was read.
    pub(crate) tells_read: bool,
    /// Connections on which something happened since the last commit.
    pub(crate) due: BTreeSet<ConnectionId>,
    /// When all connections were looked at last, in steady milliseconds.
    looked_ms: u64,
    /// When they are looked at next for strangers.
    pub(crate) strangers_due_ms: u64,
    /// Connections on which something waits until less is to be taken by the network.
    pub(crate) held_back: BTreeSet<ConnectionId>,
    /// Connections that were given much to send.
    pub(crate) filled: BTreeSet<ConnectionId>,
    /// Written since the last commit.
    pub(crate) wrote: bool,
    /// Bytes of others' entries that were stored and not asked for yet, by author.
    pub(crate) stored: BTreeMap<PublicKey, u64>,
    /// Own messages: the newest by room, and those whose state may have changed.
    pub(crate) recent: BTreeMap<RoomId, Recent>,
    pub(crate) fates: Fates,
    pub(crate) counting: BTreeMap<RoomId, Counting>,
    /// Acks that moved without anything to store, and are written when it is convenient.
    pub(crate) lazy_acks: BTreeMap<(DeviceId, RoomId, Lane), Arrival>,
    /// Where cursors moved without anything to store, which are written when it is convenient.
    pub(crate) lazy_cursors: BTreeSet<(ConnectionId, RoomId, Lane)>,
    lazy_since_ms: Option<u64>,
    pub(crate) renew: bool,
    pub(crate) scrub: crate::repair::Scrub,
    /// Rooms that this device just became a member of.
    pub(crate) joined: Vec<RoomId>,
    pub(crate) codes: Codes,
    pub(crate) known: Known,
    /// When devices began to compare, in steady milliseconds.
    pub(crate) asked_to_compare: BTreeMap<DeviceId, Vec<u64>>,
    pub(crate) asked_to_reach: crate::reaching::Asked,
    /// What was shown for devices to compare, and when, in steady milliseconds.
    pub(crate) shown_lately: BTreeMap<DeviceId, Vec<(u64, Pictures)>>,
    pub(crate) out: Vec<Output>,
    /// What the store said when, after a commit, it was looked up what follows.
    failed: Option<StoreError>,
}

const NAME: &str = "name";
/// How long what may be written lazily waits, connected or not, in milliseconds.
const LAZY_MS: u64 = 1000;

fn kept_name(name: &str) -> String {
    format!("kept:{name}")
}

impl<S: Store> Replica<S> {
    /// Reads a device's rooms from its store. `agent` names the program to peers, for people.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn open(
        key: DeviceKey,
        mut store: S,
        mut random: Box<dyn Random + Send>,
        agent: &str,
        now: Time,
    ) -> Result<Self, StoreError> {
        let mut clock = HybridClock::default();
        let mut rooms = BTreeMap::new();
        for id in store.rooms()? {
            let mut room = Room::load(&store, id, &mut clock, now)?;
            room.find_own(&store, &key.public())?;
            rooms.insert(id, room);
        }
        if !rooms.is_empty() {
            // This may be an older copy of the database, whose arrivals were given to other things since. Were they given
            // again, a member's cursor could by chance name an arrival and an anchor that are here as well, behind
            // entries that it never held.
            let mut drawn = [0; 4];
            random.fill(&mut drawn);
            store.skip(u64::from(u32::from_be_bytes(drawn)));
        }
        let name = store.value(NAME)?.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let devices = store.devices()?.into_iter().map(|device| (device.key, device)).collect();
        let tells_read = crate::privacy::tells_read(&store)?;
        let codes = crate::by_code::restore(&store)?;
        let mut out = Vec::new();
        let known = match Known::read(&store)? {
            Some(known) => known,
            None => {
                // Told once, when this is committed.
                out.push(Output::Event(Event::OpinionsLost));
                let known = Known::default();
                known.keep(&mut store)?;
                known
            }
        };
        let me = key.public();
        Ok(Self {
            device: me.device_id(),
            me,
            key,
            store,
            random,
            clock,
            name,
            agent: agent.chars().take(limits::NAME_BYTES / 4).collect(),
            listening: Vec::new(),
            rooms,
            sessions: BTreeMap::new(),
            by_device: BTreeMap::new(),
            devices,
            tail: Default::default(),
            gathering: Gathering::default(),
            found: Found::default(),
            tells_read,
            due: BTreeSet::new(),
            looked_ms: 0,
            strangers_due_ms: 0,
            held_back: BTreeSet::new(),
            filled: BTreeSet::new(),
            wrote: false,
            stored: BTreeMap::new(),
            recent: BTreeMap::new(),
            fates: Fates::default(),
            counting: BTreeMap::new(),
            lazy_acks: BTreeMap::new(),
            lazy_cursors: BTreeSet::new(),
            lazy_since_ms: None,
            renew: false,
            scrub: crate::repair::Scrub::default(),
            joined: Vec::new(),
            codes,
            known,
            asked_to_compare: BTreeMap::new(),
            asked_to_reach: crate::reaching::Asked::default(),
            shown_lately: BTreeMap::new(),
            out,
            failed: None,
        })
    }

    /// The store, to be looked at.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The store, for whoever runs this replica. What is written to it is made durable with the next commit, unless it is
    /// committed at once; a rollback may only follow where the replica was fed nothing.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// The store, once the replica is done with.
    pub fn into_store(self) -> S {
        self.store
    }

    /// This device.
    pub fn device_id(&self) -> DeviceId {
        self.device
    }

    /// Its database's id.
    pub fn store_id(&self) -> StoreId {
        self.store.store_id()
    }

    /// This device's name; empty until it was given one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keeps something for whoever runs this replica, under a name of theirs; `None` forgets it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn keep(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.wrote = true;
        self.store.put_value(&kept_name(name), value)
    }

    /// What [`Replica::keep`] was given last.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.value(&kept_name(name))
    }

    pub(crate) fn send(&mut self, connection: ConnectionId, frame: &Frame) {
        self.send_encoded(connection, frame.encode());
    }

    pub(crate) fn send_encoded(&mut self, connection: ConnectionId, bytes: Vec<u8>) {
        if let Some(queued) = self.sessions.get_mut(&connection).and_then(|session| session.queued.as_mut()) {
            *queued = queued.saturating_add(bytes.len());
            if *queued >= limits::QUEUE_NOTED {
                self.filled.insert(connection);
            }
        }
        self.out.push(Output::Send(connection, bytes));
    }

    pub(crate) fn raise_limit(&mut self, connection: ConnectionId, limit: FrameLimit) {
        if let Some(session) = self.sessions.get_mut(&connection)
            && session.limit < limit
        {
            session.limit = limit;
            self.out.push(Output::Limit(connection, limit));
        }
    }

    /// Takes one frame. What no honest peer sends ends the connection and nothing else.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn frame(&mut self, now: Time, connection: ConnectionId, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(()) };
        let greeted = session.hello.is_some();
        self.due.insert(connection);
        let fine = match Frame::decode(bytes) {
            Err(_) => false,
            Ok(Frame::Hello(hello)) if !greeted => {
                self.on_hello(now, connection, hello)?;
                true
            }
            Ok(Frame::Ping | Frame::Pong | Frame::Goodbye(_) | Frame::Other(_)) => true,
            Ok(_) if !greeted => false,
            Ok(Frame::Hello(hello)) => self.on_rename(now, connection, &hello)?,
            Ok(Frame::Open(open)) => self.on_open(connection, &open)?,
            Ok(Frame::Unknown(unknown)) => self.on_unknown(connection, &unknown)?,
            Ok(Frame::Resume(resume)) => self.on_resume(connection, &resume)?,
            Ok(Frame::WantHeads(want)) => self.on_want_heads(connection, &want)?,
            Ok(Frame::Heads(heads)) => self.on_heads(connection, heads)?,
            Ok(Frame::Batch(batch)) => self.on_batch(now, connection, batch)?,
            Ok(Frame::Ack(ack)) => self.on_ack(connection, &ack)?,
            Ok(Frame::Digest(digest)) => self.on_digest(connection, &digest)?,
            Ok(Frame::Join(join)) => self.on_join(now, connection, &join)?,
            Ok(Frame::Joined(joined)) => self.on_joined(now, connection, &joined)?,
            Ok(Frame::WantEntries(want)) => self.on_want_entries(connection, want)?,
            Ok(Frame::Entries(answer)) => self.on_entries(connection, answer)?,
            Ok(Frame::Pair(pair)) => self.on_pair(now, connection, &pair),
            Ok(Frame::PairAnswer(answer)) => self.on_pair_answer(connection, &answer),
            Ok(Frame::PairProof(proof)) => self.on_pair_proof(now, connection, &proof)?,
            Ok(Frame::Paired(paired)) => self.on_paired(now, connection, &paired)?,
            Ok(Frame::Compare(compare)) => self.on_compare(now, connection, &compare),
            Ok(Frame::CompareAnswer(answer)) => self.on_compare_answer(now, connection, &answer),
            Ok(Frame::CompareReveal(reveal)) => self.on_compare_reveal(now, connection, &reveal)?,
            Ok(Frame::CompareEnd(end)) => self.on_compare_end(connection, &end)?,
            Ok(Frame::Reach(reach)) => {
                self.on_reach(now, connection, reach);
                true
            }
            Ok(Frame::Reached(reached)) => {
                self.on_reached(now, connection, reached);
                true
            }
        };
        if !fine {
            self.close(connection, CloseReason::BadFrame);
        }
        Ok(())
    }

    /// Takes a batch that was looked through beforehand; as [`Replica::frame`] with the bytes that it was in.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn batch(&mut self, now: Time, connection: ConnectionId, batch: CheckedBatch) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&connection) else { return Ok(()) };
        let greeted = session.hello.is_some();
        self.due.insert(connection);
        if !greeted || !self.on_checked(now, connection, batch)? {
            self.close(connection, CloseReason::BadFrame);
        }
        Ok(())
    }

    /// How long, in milliseconds, until [`Replica::commit`] has something to do by itself.
    pub fn next_wake_ms(&self, now: Time) -> Option<u64> {
        let receipts = self.rooms.values().filter_map(|room| room.receipts_due_ms).min();
        let duties = self.rooms.values().filter_map(Room::next_duty_ms).min();
        let housekeeping = (!self.sessions.is_empty()).then(|| now.steady_ms + 1000);
        let gathering = Some(self.gathering.due_ms());
        let lazy = self.lazy_since_ms.map(|since| since + LAZY_MS);
        let due = [receipts, duties, housekeeping, gathering, lazy, self.fates.due_ms(), self.counting_due_ms()];
        due.into_iter().flatten().min().map(|at| at.saturating_sub(now.steady_ms))
    }

    /// Makes everything since the last commit durable and says what to do now. Call it after each burst of
    /// input, and when [`Replica::next_wake_ms`] has passed.
    ///
    /// `Ok`: all of it is on disk, even where what is to follow could not be looked up; see [`Replica::failure`].
    ///
    /// # Errors
    /// [`StoreError`]: nothing of it is. Also what [`Replica::failure`] said after the commit before.
    pub fn commit(&mut self, now: Time) -> Result<Vec<Output>, StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.close_strangers(now);
        self.end_comparisons(now);
        self.introduce(now)?;
        self.look_after_damage(now)?;
        self.do_duties(now)?;
        self.doubt_what_counts_again()?;
        self.receipts_where_members_changed(now);
        self.write_due_receipts(now)?;
        self.count(now)?;
        self.seal_groups()?;
        if self.renew {
            self.renew_store()?;
        }
        self.write_lazily(now)?;
        if planted::is(Bug::AckBeforeCommit) {
            self.acknowledge();
        }
        self.store.commit()?;
        let wrote = std::mem::take(&mut self.wrote);

        self.acknowledge();
        self.failed = self.follow_up(now, wrote).err();
        self.gather(now);
        self.tell_fates(now);
        Ok(std::mem::take(&mut self.out))
    }

    /// What would be carried out if the commit had succeeded, for a driver that makes a mistake on purpose.
    #[cfg(feature = "planted")]
    pub fn uncommitted_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// Why the replica is no longer in step with its store although the last commit succeeded.
    pub fn failure(&self) -> Option<&StoreError> {
        self.failed.as_ref()
    }

    /// What peers are to be sent now that it is on disk.
    fn follow_up(&mut self, now: Time, wrote: bool) -> Result<(), StoreError> {
        self.refresh_rooms()?;
        if wrote {
            self.tail.written(&self.rooms);
        }
        // Where nothing was stored, only those have something coming on which something happened, or room was made;
        // and now and then what waits for a time.
        let mut due = std::mem::take(&mut self.due);
        if wrote || now.steady_ms.abs_diff(self.looked_ms) >= limits::LOOK_MS {
            self.looked_ms = now.steady_ms;
            due.extend(self.sessions.keys());
        } else {
            due.extend(self.held_back().collect::<Vec<_>>());
        }
        for connection in due {
            self.pump(now, connection)?;
        }
        Ok(())
    }

    /// Cursors that moved without anything to store ride along with the next write, or wait a second. Acks always wait:
    /// each member's moves with each message, and says what the member says again when it comes back.
    fn write_lazily(&mut self, now: Time) -> Result<(), StoreError> {
        if self.lazy_acks.is_empty() && self.lazy_cursors.is_empty() {
            self.lazy_since_ms = None;
            return Ok(());
        }
        let since = *self.lazy_since_ms.get_or_insert(now.steady_ms);
        let due = now.steady_ms >= since + LAZY_MS;
        if !self.wrote && !due {
            return Ok(());
        }
        if due {
            for ((device, room, lane), arrival) in std::mem::take(&mut self.lazy_acks) {
                if planted::is(Bug::LazyAcksLost) {
                    continue;
                }
                self.store.put_ack(device, room, lane, arrival)?;
            }
        }
        for (connection, room, lane) in std::mem::take(&mut self.lazy_cursors) {
            let Some(session) = self.sessions.get(&connection) else { continue };
            let (Some(hello), Some(shared)) = (&session.hello, session.shared.get(&room)) else { continue };
            // A lane that begins anew, since the room was unshared meanwhile, has nothing to say yet.
            let lane_state = shared.lanes.get(lane);
            if lane_state.resumed {
                self.store.put_cursor(hello.store, room, lane, lane_state.cursor)?;
            }
        }
        if self.lazy_acks.is_empty() {
            self.lazy_since_ms = None;
        }
        Ok(())
    }

    /// This database was copied or rolled back: entries of this device exist that it does not hold. From now
    /// on it writes new logs under a new store id, so that nothing is ever numbered twice.
    pub(crate) fn renew_store(&mut self) -> Result<(), StoreError> {
        self.renew = false;
        let mut id = [0; 16];
        self.random.fill(&mut id);
        self.store.renew(StoreId::new(id))?;
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            for lane in Lane::ALL {
                self.store.put_value(&crate::room::own_log_name(room, lane), None)?;
            }
        }
        for room in self.rooms.values_mut() {
            room.own_logs = Default::default();
            if !planted::is(Bug::AcksSurviveRenewal) {
                room.acks = Default::default();
            }
        }
        self.lazy_acks.clear();
        self.wrote = true;
        self.out.push(Output::Event(Event::Renewed));
        let connections: Vec<ConnectionId> = self.sessions.keys().copied().collect();
        for connection in connections {
            self.close(connection, CloseReason::Renewed);
        }
        Ok(())
    }

    /// Gives this device a name: shown to peers at once, and in every room from here on.
    ///
    /// # Errors
    /// [`crate::command::CommandError`]
    pub fn set_name(&mut self, now: Time, name: &str) -> Result<(), crate::command::CommandError> {
        crate::command::check_name(name)?;
        if name == self.name {
            return Ok(());
        }
        self.name = name.to_owned();
        self.wrote = true;
        self.store.put_value(NAME, Some(name.as_bytes()))?;
        let rooms: Vec<RoomId> =
            self.rooms.values().filter(|room| room.is_member(&self.me)).map(|room| room.id).collect();
        for room in rooms {
            let body = crate::body::Body::Profile(crate::body::Profile { name: name.to_owned() });
            self.append(now, room, &body)?;
        }
        let hello =
            Frame::Hello(Hello { store: self.store.store_id(), name: self.name.clone(), agent: self.agent.clone() });
        let connections: Vec<ConnectionId> = self.sessions.keys().copied().collect();
        for connection in connections {
            self.send(connection, &hello);
        }
        Ok(())
    }
}
