//! One room as a device holds it: who belongs, the tips of its logs, what members told of themselves.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::branches::Branches;
use crate::clock::{HybridClock, Time};
use crate::counting::Counted;
use crate::entry::{Entry, Header, LogKey};
use crate::foresight::Doubt;
use crate::frame::Head;
use crate::id::{EntryId, Hash, LogId, RoomId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::membership::{Act, Added, Frozen, Limit, Membership};
use crate::planted::{self, Bug};
use crate::receipt::{NAMED, Told};
use crate::record::{Addresses, Counts, Receipts, Record, RecordName};
use crate::repair::Damage;
use crate::store::{Arrival, Order, Store, StoreError, Tip as TipOnDisk};
use crate::{body::Body, cbor};

/// One value for each lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerLane<T>([T; 2]);

impl<T> PerLane<T> {
    pub(crate) fn get(&self, lane: Lane) -> &T {
        let [membership, content] = &self.0;
        match lane {
            Lane::Membership => membership,
            Lane::Content => content,
        }
    }

    pub(crate) fn get_mut(&mut self, lane: Lane) -> &mut T {
        let [membership, content] = &mut self.0;
        match lane {
            Lane::Membership => membership,
            Lane::Content => content,
        }
    }
}

/// A tip as it is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TipAt {
    pub(crate) seq: u64,
    pub(crate) id: EntryId,
    pub(crate) timestamp_us: u64,
    /// The add that its branch is written under.
    pub(crate) add: EntryId,
}

/// One log's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Normally one; more where it forked.
    pub(crate) tips: Vec<TipAt>,
    /// Where it has several: how they part.
    pub(crate) branches: Option<Box<Branches>>,
}

impl Log {
    /// The adds it is written under: one, unless its author began it twice to have others disagree about it.
    pub(crate) fn adds(&self) -> impl Iterator<Item = EntryId> {
        self.tips.iter().map(|tip| tip.add)
    }

    pub(crate) fn highest(&self) -> Option<TipAt> {
        self.tips.iter().copied().max()
    }

    /// Whether this is one of its tips.
    pub(crate) fn ends_with(&self, previous: Option<EntryId>) -> bool {
        self.tips.iter().any(|tip| Some(tip.id) == previous)
    }

    /// Moves the tip from `previous` to the new entry, or adds a branch.
    pub(crate) fn extend(&mut self, previous: Option<EntryId>, tip: TipAt) {
        self.tips.retain(|before| Some(before.id) != previous);
        self.tips.push(tip);
    }
}

/// Entries of one's own that wait for their group's signature.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) entries: Vec<(Entry, Order, EntryId)>,
    pub(crate) bytes: usize,
}

pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) acts: BTreeMap<EntryId, Act>,
    pub(crate) membership: Option<Membership>,
    /// Whether membership entries came that `membership` does not reflect.
    pub(crate) stale: bool,
    /// Whose logs may count otherwise than `membership` says, where it is stale.
    pub(crate) doubt: Doubt,
    /// Whether `membership` changed since the sessions were told.
    pub(crate) changed: bool,
    pub(crate) logs: PerLane<BTreeMap<LogKey, Log>>,
    /// How many logs of the content lane are begun under each add.
    pub(crate) begun: BTreeMap<EntryId, usize>,
    pub(crate) newest: PerLane<Arrival>,
    /// No content of this device's own came later than this.
    pub(crate) own_newest: Arrival,
    pub(crate) receipts: BTreeMap<(PublicKey, StoreId), Vec<Told>>,
    pub(crate) addresses: BTreeMap<(PublicKey, StoreId), Vec<String>>,
    /// What meeting points counted, with the record's version.
    pub(crate) counts: BTreeMap<(PublicKey, StoreId), (u64, Vec<Counted>)>,
    /// Entries that receipts or counts name and that are not held, and some that older ones named.
    pub(crate) named: BTreeSet<(LogKey, u64)>,
    /// At how many of them those are let go that are named no more.
    pub(crate) named_most: usize,
    /// When members were removed or left, in order.
    pub(crate) ended: Vec<u64>,
    pub(crate) record_versions: BTreeMap<(PublicKey, StoreId, RecordName), (u64, Hash)>,
    pub(crate) profiles: BTreeMap<PublicKey, (Order, String)>,
    /// What each that was added is called here, once somebody asks; found again after what it follows from changed.
    pub(crate) called: OnceCell<BTreeMap<PublicKey, String>>,
    pub(crate) acks: PerLane<BTreeMap<DeviceId, Arrival>>,
    pub(crate) own_logs: PerLane<Option<LogId>>,
    pub(crate) groups: PerLane<Group>,
    /// Per log of others, the last number that was read here.
    pub(crate) read: BTreeMap<LogKey, u64>,
    pub(crate) receipts_due_ms: Option<u64>,
    /// Whether the members changed since it was looked whether they publish receipts.
    pub(crate) receipts_stale: bool,
    /// Whether people know that the owner forked the control chain.
    pub(crate) frozen_told: bool,
    /// Logs of the content lane that may count further since the last commit, each with up to where it counted then.
    pub(crate) regained: BTreeMap<LogKey, Option<Limit>>,
    /// What this disk lost of it.
    pub(crate) damage: Damage,
    /// Whether who belongs changed since it was looked what this device has to write about it.
    pub(crate) unsettled: bool,
    /// Acts of the majority, by their ballots, that came in logs of which nothing more is taken.
    pub(crate) overheard: BTreeMap<EntryId, Act>,
    /// What of that waits, by kind and what it is about, and until when.
    pub(crate) duties: BTreeMap<(Kind, EntryId), u64>,
    /// What of that this device could not write: there is more in it than fits with what it has to say beside it.
    pub(crate) unwritable: BTreeSet<(Kind, EntryId)>,
}

pub(crate) fn own_log_name(room: RoomId, lane: Lane) -> String {
    format!("log/{}/{room}", lane.number())
}

pub(crate) fn read_name(room: RoomId) -> String {
    format!("read/{room}")
}

impl Room {
    pub(crate) fn empty(id: RoomId) -> Self {
        Self {
            id,
            acts: BTreeMap::new(),
            membership: None,
            stale: false,
            doubt: Doubt::default(),
            changed: false,
            logs: PerLane::default(),
            begun: BTreeMap::new(),
            newest: PerLane::default(),
            own_newest: 0,
            receipts: BTreeMap::new(),
            addresses: BTreeMap::new(),
            counts: BTreeMap::new(),
            named: BTreeSet::new(),
            named_most: NAMED,
            ended: Vec::new(),
            record_versions: BTreeMap::new(),
            profiles: BTreeMap::new(),
            called: OnceCell::new(),
            acks: PerLane::default(),
            own_logs: PerLane::default(),
            groups: PerLane::default(),
            read: BTreeMap::new(),
            receipts_due_ms: None,
            receipts_stale: false,
            frozen_told: false,
            regained: BTreeMap::new(),
            damage: Damage::default(),
            unsettled: false,
            overheard: BTreeMap::new(),
            duties: BTreeMap::new(),
            unwritable: BTreeSet::new(),
        }
    }

    /// Reads what is held of a room.
    pub(crate) fn load<S: Store>(
        store: &S,
        id: RoomId,
        clock: &mut HybridClock,
        now: Time,
    ) -> Result<Self, StoreError> {
        let mut room = Self::empty(id);
        let mut after = 0;
        loop {
            let page = store.page(id, Lane::Membership, after, limits::BATCH_ITEMS, limits::BATCH_BYTES)?;
            let Some(last) = page.last() else { break };
            after = last.arrival();
            for item in page {
                if let crate::store::Item::Entry(stored) = item {
                    room.acts.insert(stored.entry.id, Act::of(&stored.entry));
                }
            }
        }
        for lane in Lane::ALL {
            for tip in store.tips(id, lane)? {
                let TipOnDisk { head, timestamp_us, add } = tip;
                let mut at = TipAt { seq: head.seq, id: head.id, timestamp_us, add };
                if planted::is(Bug::SeqReused)
                    && let Some(last) = store.entry(at.id)?
                    && let Some(id) = last.entry.header.previous
                {
                    at = TipAt { seq: at.seq - 1, id, ..at };
                }
                clock.observe(timestamp_us, now);
                let logs = room.logs.get_mut(lane);
                logs.entry(head.log).or_default().tips.push(at);
            }
            for (key, log) in room.logs.get_mut(lane) {
                log.find_branches(store, id, *key)?;
            }
            *room.newest.get_mut(lane) = store.newest(id, lane)?;
            *room.acks.get_mut(lane) = store.acks(id, lane)?.into_iter().collect();
            *room.own_logs.get_mut(lane) =
                store.value(&own_log_name(id, lane))?.and_then(|bytes| LogId::from_slice(&bytes));
        }
        for log in room.logs.get(Lane::Content).values() {
            for add in log.adds().collect::<BTreeSet<EntryId>>() {
                *room.begun.entry(add).or_default() += 1;
            }
        }
        for stored in store.of_kind(id, Kind::Profile.number())? {
            room.note_profile(&stored.entry, stored.order);
        }
        room.damage = Damage::load(store, id)?;
        for record in store.records(id, None, usize::MAX)? {
            room.note_record(store, &record)?;
        }
        room.read = store.value(&read_name(id))?.map(|bytes| decode_read(&bytes)).unwrap_or_default();
        room.stale = true;
        room.evaluate();
        room.changed = false;
        // It was told when it came.
        room.frozen_told = room.forked_by().is_some();
        if !room.logs.get(Lane::Content).is_empty() {
            // What was to be told when this device stopped is told now.
            room.receipts_due_ms = Some(now.steady_ms);
        }
        Ok(room)
    }

    /// Looks up when this device's own content came last.
    pub(crate) fn find_own<S: Store>(&mut self, store: &S, me: &PublicKey) -> Result<(), StoreError> {
        for (_, log) in self.logs.get(Lane::Content).iter().filter(|(key, _)| key.author == *me) {
            for tip in &log.tips {
                // Where the disk lost it: some time.
                let lost = *self.newest.get(Lane::Content);
                let arrival = store.entry(tip.id)?.map_or(lost, |stored| stored.arrival);
                self.own_newest = self.own_newest.max(arrival);
            }
        }
        Ok(())
    }

    /// Brings `membership` up to date with the entries held.
    pub(crate) fn evaluate(&mut self) {
        if self.stale {
            let before = std::mem::replace(&mut self.membership, Membership::evaluate(self.id, &self.acts));
            if let Some(before) = before {
                self.note_regained(&before);
            }
            self.note_ends();
            self.stale = false;
            self.called.take();
            self.settle_doubt();
            self.changed = true;
            self.unsettled = true;
        }
    }

    /// The owner, where it forked the control chain.
    pub(crate) fn forked_by(&self) -> Option<DeviceId> {
        let membership = self.membership.as_ref().filter(|held| held.frozen == Some(Frozen::Forked))?;
        Some(membership.owner.device_id())
    }

    pub(crate) fn is_member(&self, key: &PublicKey) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.is_member(key))
    }

    /// Whether a device was a member and was removed.
    pub(crate) fn removed(&self, key: &PublicKey) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.was_removed(key))
    }

    /// Up to where a log counts that is written under these adds.
    pub(crate) fn limit(&self, log: LogKey, adds: impl IntoIterator<Item = EntryId>) -> Option<Limit> {
        self.membership.as_ref()?.limit_under(log, adds)
    }

    /// Up to where a log counts that is held.
    pub(crate) fn limit_of(&self, log: LogKey, state: &Log) -> Option<Limit> {
        self.limit(log, state.adds())
    }

    /// Whether a held entry counts.
    pub(crate) fn counts(&self, header: &Header, id: EntryId) -> bool {
        self.counts_at(header.lane(), header.log_key(), (header.seq, id))
    }

    /// As [`Self::counts`], by where it stands: its header may be lost.
    pub(crate) fn counts_at(&self, lane: Lane, log: LogKey, at: (u64, EntryId)) -> bool {
        let state = self.logs.get(lane).get(&log);
        let limited = state.and_then(|state| Some((state, self.limit_of(log, state)?)));
        limited.is_some_and(|(state, limit)| state.leaves(&limit, at))
    }

    pub(crate) fn note_profile(&mut self, entry: &Entry, order: Order) {
        if let Body::Profile(profile) = entry.decode_body()
            && self.profiles.get(&order.author).is_none_or(|(before, _)| *before < order)
        {
            self.profiles.insert(order.author, (order, profile.name));
            self.called.take();
        }
    }

    pub(crate) fn note_record<S: Store>(&mut self, store: &S, record: &Record) -> Result<(), StoreError> {
        let place = (record.key.author, record.key.store);
        let name = record.key.name;
        self.record_versions.insert((place.0, place.1, name), (record.version, Hash::of(&record.content)));
        if name == RecordName::RECEIPTS {
            if let Some(receipts) = Receipts::decode(&record.value) {
                let told = self.read_receipts(store, &receipts)?;
                self.receipts.insert(place, told);
            }
        } else if name == RecordName::ADDRESSES
            && let Some(addresses) = Addresses::decode(&record.value)
        {
            self.addresses.insert(place, addresses.addresses);
        } else if name == RecordName::COUNTS
            && let Some(counts) = Counts::decode(&record.value)
        {
            let counted = self.read_counts(store, counts)?;
            self.counts.insert(place, (record.version, counted));
        }
        self.forget_named();
        Ok(())
    }

    /// A member's name: its profile's, else the one it was added under.
    pub(crate) fn name_of(&self, key: &PublicKey) -> String {
        let profile = self.profiles.get(key).map(|(_, name)| name.clone());
        profile
            .or_else(|| {
                let membership = self.membership.as_ref()?;
                let added = membership.adds.values().filter(|added| added.key == *key);
                added.max_by_key(|added| added.at_us).map(|added| added.name.clone())
            })
            .unwrap_or_default()
    }

    /// The name of each that was added, as [`Self::name_of`].
    pub(crate) fn names(&self) -> BTreeMap<PublicKey, String> {
        let mut added: Vec<&Added> = self.membership.iter().flat_map(|held| held.adds.values()).collect();
        added.sort_by_key(|added| added.at_us);
        let mut names: BTreeMap<PublicKey, String> =
            added.into_iter().map(|added| (added.key, added.name.clone())).collect();
        names.extend(self.profiles.iter().map(|(key, (_, name))| (*key, name.clone())));
        names
    }

    /// The tips that count, cut where logs are cut, in order.
    pub(crate) fn heads<S: Store>(&self, store: &S, lane: Lane) -> Result<Vec<Head>, StoreError> {
        let mut heads = Vec::new();
        for (log, state) in self.logs.get(lane) {
            // Of who belongs, all that is held.
            let limit = if lane == Lane::Membership { Some(Limit::All) } else { self.limit_of(*log, state) };
            let Some(limit) = limit else { continue };
            let ends = state.ends(store, self.id, *log, &limit)?;
            heads.extend(ends.into_iter().map(|(seq, id)| Head { log: *log, seq, id }));
        }
        heads.sort_unstable();
        heads.dedup();
        Ok(heads)
    }

    /// What is compared with a peer once both believe to hold the same.
    pub(crate) fn digest<S: Store>(&self, store: &S, lane: Lane) -> Result<Hash, StoreError> {
        let mut hasher = blake3::Hasher::new();
        for head in self.heads(store, lane)? {
            hasher.update(&cbor::encode(&head));
        }
        if lane == Lane::Content && !planted::is(Bug::DigestWithoutRecords) {
            for ((author, store, name), (version, hash)) in &self.record_versions {
                if self.is_member(author) {
                    hasher.update(author.as_bytes());
                    hasher.update(store.as_bytes());
                    hasher.update(&name.0.to_be_bytes());
                    hasher.update(&version.to_be_bytes());
                    hasher.update(hash.as_bytes());
                }
            }
        }
        Ok(Hash::new(*hasher.finalize().as_bytes()))
    }
}

/// What was read, as a local value.
pub(crate) fn encode_read(read: &BTreeMap<LogKey, u64>) -> Vec<u8> {
    let marks: Vec<_> = read.iter().map(|(key, seq)| (key.author, key.log, *seq)).collect();
    cbor::encode(&marks)
}

/// Where it cannot be read nothing is: messages are shown as new once more.
fn decode_read(bytes: &[u8]) -> BTreeMap<LogKey, u64> {
    let marks: Vec<(PublicKey, LogId, u64)> = minicbor::decode(bytes).unwrap_or_default();
    marks.into_iter().map(|(author, log, seq)| (LogKey { author, log }, seq)).collect()
}
