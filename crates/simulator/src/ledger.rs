//! What an onlooker notes who sees every disk: what was said and answered, what lay on which disk, what was read. Each
//! commit is held against it.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::entry::LogKey;
use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::kind::Lane;
use lanline_protocol::limits;
use lanline_protocol::record::RecordKey;
use lanline_protocol::store::{Arrival, Cursor, Item, Store};

use crate::disk::{Put, PutEntry, position};
use crate::verdict::View;
use crate::world::World;

/// A set of devices.
pub(crate) type Mask = u32;

pub(crate) fn bit(device: usize) -> Mask {
    1 << device
}

/// What is known of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) author: usize,
    pub(crate) log: LogKey,
    pub(crate) seq: u64,
    /// On whose disk it lies.
    pub(crate) held: Mask,
    /// On whose disk it ever lay.
    pub(crate) ever: Mask,
    /// Where it was read.
    pub(crate) read: Mask,
    /// Whether some device shows it where it arrived, since it came from the future.
    pub(crate) adrift: bool,
    /// Whether it was lost with the last disk that held it.
    pub(crate) lost: bool,
}

/// Something that a person said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) device: usize,
    pub(crate) room: RoomId,
    pub(crate) text: String,
    pub(crate) client_id: String,
    pub(crate) reply_to: Option<EntryId>,
    pub(crate) answered: Option<EntryId>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) entries: BTreeMap<EntryId, Known>,
    records: BTreeSet<(RecordKey, u64, Hash)>,
    /// Own entries by their number.
    slots: BTreeMap<(LogKey, u64), EntryId>,
    pub(crate) said: Vec<Said>,
    /// Devices whose disk was replaced by an older copy, and when that was last.
    pub(crate) rolled_back: Mask,
    rolled_back_at: Vec<Option<u64>>,
    /// How far cursors and acks were found true: owner of the arrivals, its store, who holds, room, lane.
    checked: BTreeMap<(usize, StoreId, usize, RoomId, Lane), Arrival>,
    /// Entries that some disk lost the words of, by their log, each with the first number of its group.
    pub(crate) damaged: BTreeMap<LogKey, Vec<(u64, EntryId)>>,
    /// Logs in which one number was given twice, by a disk that was rolled back and had not noticed yet. Acks and receipts
    /// name numbers, and so do not tell which of the two they mean.
    pub(crate) forked: BTreeSet<LogKey>,
    /// Devices that joined a room, and those that left or were removed since.
    pub(crate) members: BTreeMap<(RoomId, usize), bool>,
}

impl Ledger {
    pub(crate) fn new(devices: usize) -> Self {
        Self { rolled_back_at: vec![None; devices], ..Self::default() }
    }

    pub(crate) fn answered(&mut self, at: usize, entry: EntryId) {
        if let Some(said) = self.said.get_mut(at) {
            said.answered = Some(entry);
        }
    }

    pub(crate) fn joined(&mut self, room: RoomId, device: usize) {
        self.members.insert((room, device), true);
    }

    pub(crate) fn ended(&mut self, room: RoomId, device: usize) {
        self.members.insert((room, device), false);
    }
}

impl World {
    /// Holds what a device committed against what is known.
    pub(crate) fn watch(&mut self, index: usize, puts: Vec<Put>) {
        let mut last_of_log: BTreeMap<LogKey, bool> = BTreeMap::new();
        let (mut cursors, mut acks) = (Vec::new(), Vec::new());
        for put in puts {
            match put {
                Put::Entry(entry) => {
                    last_of_log.insert(entry.log, entry.signed);
                    self.watch_entry(index, &entry);
                }
                Put::Record(key, version, hash) => self.watch_record(index, key, version, hash),
                Put::Cursor(store, room, lane, cursor) => cursors.push((store, room, lane, cursor)),
                Put::Ack(device, room, lane, arrival) => acks.push((device, room, lane, arrival)),
                Put::Renewed => self.trace.say(self.now_us, format_args!("{index} renews its store")),
            }
        }
        if self.devices[index].liar.is_some() {
            // What a liar believes is its own affair.
            return;
        }
        if last_of_log.values().any(|signed| !signed) {
            self.violate("group split", format!("{index} committed the beginning of a group without its signature"));
        }
        for (store, room, lane, cursor) in cursors {
            self.watch_cursor(index, store, room, lane, cursor);
        }
        for (device, room, lane, arrival) in acks {
            let holder = self.devices.iter().position(|other| other.id == device);
            if let Some(holder) = holder.filter(|holder| self.devices[*holder].liar.is_none()) {
                self.check_holds(holder, index, room, lane, arrival, true);
            }
        }
    }

    fn watch_entry(&mut self, index: usize, entry: &PutEntry) {
        let wall_us = self.devices[index].time(self.now_us).wall_us;
        let Some(author) = position(&self.keys, &entry.log.author) else {
            return self.violate("forged", format!("{index} holds {:?} of nobody that exists", entry.id));
        };
        let honest = self.devices[author].liar.is_none();
        let believes = self.devices[index].liar.is_none();
        if let Some(previous) = entry.previous
            && believes
            && self.ledger.entries.get(&previous).is_none_or(|known| known.held & bit(index) == 0)
        {
            self.violate("gap", format!("{index} holds {:?} without the entry before it", entry.id));
        }
        let known = self.ledger.entries.get(&entry.id);
        if known.is_none() && author != index && honest && believes {
            let what = format!("{index} holds {:?} of {author}, who has not committed it", entry.id);
            return self.violate("forged", what);
        }
        let fresh = known.is_none();
        if fresh && author == index {
            let before = self.ledger.slots.insert((entry.log, entry.seq), entry.id);
            if before.is_some() {
                self.ledger.forked.insert(entry.log);
            }
            if let Some(before) = before
                && honest
                && self.ledger.rolled_back & bit(author) == 0
            {
                let what = format!("{author} wrote {before:?} and {:?} under one number", entry.id);
                self.violate("fork", what);
            }
        }
        let ahead = entry.timestamp_us > wall_us.saturating_add(limits::CLOCK_AHEAD_US);
        let answers_adrift =
            entry.reply_to.is_some_and(|target| self.ledger.entries.get(&target).is_none_or(|target| target.adrift));
        let own = author == index && fresh;
        if !own && believes && !ahead && entry.reply_to.is_none() && entry.shown_us != entry.timestamp_us {
            self.violate("order", format!("{index} shows {:?} at another time than its own", entry.id));
        }
        let known = self.ledger.entries.entry(entry.id).or_insert_with(|| Known {
            author,
            log: entry.log,
            seq: entry.seq,
            held: 0,
            ever: 0,
            read: 0,
            adrift: false,
            lost: false,
        });
        known.held |= bit(index);
        known.ever |= bit(index);
        known.lost = false;
        known.adrift |= (ahead && !own) || answers_adrift;
        self.trace.take(self.now_us, 32 + index as u64, entry.id.as_bytes());
        if self.trace.prints() {
            let (id, log, seq, kind) = (entry.id, entry.log.log, entry.seq, entry.kind);
            let (at, shown) = (entry.timestamp_us, entry.shown_us);
            let what =
                format_args!("{index} holds {id:?} = {log:?}#{seq} of {author}, kind {kind}, {at} shown {shown}");
            self.trace.say(self.now_us, what);
        }
    }

    fn watch_record(&mut self, index: usize, key: RecordKey, version: u64, hash: Hash) {
        let Some(author) = position(&self.keys, &key.author) else {
            return self.violate("forged", format!("{index} holds a record of nobody that exists"));
        };
        if author == index || self.devices[author].liar.is_some() {
            self.ledger.records.insert((key, version, hash));
        } else if !self.ledger.records.contains(&(key, version, hash)) {
            self.violate("forged", format!("{index} holds a record of {author}, who has not committed it"));
        }
    }

    /// A cursor says what this device holds of another store.
    fn watch_cursor(&mut self, index: usize, store: StoreId, room: RoomId, lane: Lane, cursor: Cursor) {
        let owner = self.devices.iter().position(|other| other.disk().is_some_and(|disk| disk.store_id() == store));
        let Some(owner) = owner.filter(|owner| self.devices[*owner].liar.is_none() && *owner != index) else { return };
        let anchor = self.devices[owner].disk().and_then(|disk| disk.anchor(room, lane, cursor.arrival).ok().flatten());
        // Of another past of that disk: it will be found out by its anchor, or is harmless.
        let recent = self.ledger.rolled_back_at[owner].is_some_and(|at| at + 30_000_000 > self.now_us);
        if recent || anchor.map(|(_, id)| id) != cursor.anchor {
            return;
        }
        self.check_holds(index, owner, room, lane, cursor.arrival, false);
    }

    /// Whether `holder` holds what came to `owner` as far as this arrival, or, where `ever`, held it once.
    fn check_holds(&mut self, holder: usize, owner: usize, room: RoomId, lane: Lane, upto: Arrival, ever: bool) {
        let Some(disk) = self.devices[owner].disk() else { return };
        let key = (owner, disk.store_id(), holder, room, lane);
        let mut after = self.ledger.checked.get(&key).copied().unwrap_or(0);
        if upto <= after {
            return;
        }
        let mut lacking = Vec::new();
        'pages: while let Ok(page) = disk.page(room, lane, after, 512, 1 << 20) {
            let Some(last) = page.last().map(Item::arrival) else { break };
            for item in &page {
                if item.arrival() > upto {
                    break 'pages;
                }
                let Item::Entry(stored) = item else { continue };
                let Some(known) = self.ledger.entries.get(&stored.entry.id) else { continue };
                let has = if ever { known.ever } else { known.held };
                if has & bit(holder) == 0 {
                    lacking.push(stored.entry.clone());
                }
            }
            after = last;
        }
        self.ledger.checked.insert(key, upto);
        if lacking.is_empty() {
            return;
        }
        // Nothing is lost where it does not count, in the eyes of either.
        let views = [self.view(holder, room), self.view(owner, room)];
        for entry in lacking {
            let log = entry.header.log_key();
            let author = position(&self.keys, &log.author);
            let liar = author.is_none_or(|author| self.devices[author].liar.is_some());
            let counts = views.iter().all(|view| view.as_ref().is_some_and(|view| view.counts(&entry)));
            let members = views.iter().all(|view| {
                let member = |index: usize| view.as_ref().is_some_and(|view| view.is_member(&self.keys[index]));
                member(holder) && member(owner)
            });
            if !liar
                && counts
                && members
                && !self.ledger.damaged.contains_key(&log)
                && !self.ledger.forked.contains(&log)
            {
                let what = if ever {
                    format!(
                        "{owner} notes that {holder} holds arrival {upto} of {lane:?}, but it never held {:?}",
                        entry.id
                    )
                } else {
                    format!(
                        "{holder} notes that it holds arrival {upto} of {owner}'s {lane:?}, but lacks {:?}",
                        entry.id
                    )
                };
                return self.violate(if ever { "untrue ack" } else { "untrue cursor" }, what);
            }
        }
    }

    /// A disk was replaced by an older copy of itself.
    pub(crate) fn note_rollback(&mut self, index: usize) {
        self.ledger.rolled_back |= bit(index);
        self.ledger.rolled_back_at[index] = Some(self.now_us);
        self.ledger.checked.retain(|(owner, _, holder, ..), _| *owner != index && *holder != index);
        let Some(disk) = self.devices[index].disk() else { return };
        let mut held = BTreeSet::new();
        for room in disk.rooms().unwrap_or_default() {
            for lane in Lane::ALL {
                let page = disk.page(room, lane, 0, usize::MAX, usize::MAX).unwrap_or_default();
                held.extend(page.iter().filter_map(|item| match item {
                    Item::Entry(stored) => Some(stored.entry.id),
                    Item::Lost(lost) => Some(lost.id),
                    Item::Record(..) => None,
                }));
            }
        }
        for (id, known) in &mut self.ledger.entries {
            if held.contains(id) {
                known.held |= bit(index);
                known.lost = false;
            } else if known.held & bit(index) != 0 {
                known.held &= !bit(index);
                known.lost |= known.held == 0;
            }
        }
    }

    /// A person read everything as far as a message.
    pub(crate) fn note_read(&mut self, index: usize, room: RoomId, message: EntryId) {
        let Some(disk) = self.devices[index].disk() else { return };
        let Ok(Some(stored)) = disk.entry(message) else { return };
        let mut before = Some(lanline_protocol::store::Order { id: EntryId::new([0xff; 32]), ..stored.order });
        while let Some(bound) = before {
            let page = disk.timeline(room, Some(bound), &[], 64).unwrap_or_default();
            before = page.last().map(|stored| stored.order);
            for stored in page {
                if let Some(known) = self.ledger.entries.get_mut(&stored.entry.id) {
                    known.read |= bit(index);
                }
            }
        }
    }

    /// What a device tells of a message must be so.
    pub(crate) fn check_status(&mut self, index: usize, id: EntryId) {
        let Some(machine) = self.devices[index].machine.as_ref().filter(|_| self.devices[index].liar.is_none()) else {
            return;
        };
        let Ok(standing) = machine.receipts(id) else { return };
        let Some(known) = self.ledger.entries.get(&id).filter(|known| !self.ledger.forked.contains(&known.log)) else {
            return;
        };
        let mut untrue = None;
        let sets = [("stored", &standing.stored), ("delivered", &standing.delivered), ("read", &standing.read)];
        for (what, devices) in sets {
            for device in devices {
                let Some(other) = self.devices.iter().position(|other| other.id == *device) else { continue };
                let mask = if what == "read" { known.read } else { known.ever };
                if self.devices[other].liar.is_none() && mask & bit(other) == 0 {
                    untrue = Some((what, other));
                }
            }
        }
        if let Some((what, other)) = untrue {
            let what = format!("{index} shows {id:?} as {what} by {other}, which is not so");
            self.violate("untrue status", what);
        }
    }

    /// Damages the words of an entry on a device's disk.
    pub(crate) fn damage(&mut self, index: usize) {
        let entries: Vec<EntryId> =
            self.ledger.entries.iter().filter(|(_, known)| known.held & bit(index) != 0).map(|(id, _)| *id).collect();
        let Some(id) = self.dice.pick(&entries).copied() else { return };
        let header = self.dice.percent(50);
        let device = &mut self.devices[index];
        let disk = match (&mut device.shelf, &mut device.machine) {
            (Some(store), _) => store,
            (None, Some(machine)) => machine.store_mut().held_mut(),
            _ => return,
        };
        let Ok(Some(stored)) = disk.entry(id) else { return };
        if disk.damage(id, header) {
            let log = stored.entry.header.log_key();
            let mut first = stored.entry.header.seq;
            let before = |seq| disk.at(stored.entry.room(), log, seq).unwrap_or_default();
            while before(first - 1).iter().any(|before| before.entry.signature.is_none()) {
                first -= 1;
            }
            self.ledger.damaged.entry(log).or_default().push((first, id));
            self.trace.say(self.now_us, format_args!("{index} loses the words of {id:?}"));
        }
    }

    /// Whether an entry can be passed on to nobody any more, since none of these devices has the words of one that it
    /// follows, or shares a group with. That disk was its only place when it was damaged, and no protocol helps.
    pub(crate) fn is_withheld(&self, group: &[usize], id: EntryId) -> bool {
        let Some(known) = self.ledger.entries.get(&id) else { return false };
        let has = |device: &usize, id| {
            let held = self.devices[*device].disk().and_then(|disk| disk.entry(id).ok().flatten());
            held.is_some_and(|stored| stored.entry.body.is_some())
        };
        let damaged = self.ledger.damaged.get(&known.log).into_iter().flatten();
        damaged.into_iter().any(|(first, lost)| *first <= known.seq && !group.iter().any(|device| has(device, *lost)))
    }

    /// A room as it lies on a device's disk.
    pub(crate) fn view(&self, index: usize, room: RoomId) -> Option<View> {
        self.devices[index].disk().and_then(|disk| View::of(disk, room))
    }
}
