//! Each commit is held against what is known.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::body::Body;
use lanline_protocol::entry::LogKey;
use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::identity::PublicKey;
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::limits;
use lanline_protocol::record::RecordKey;
use lanline_protocol::store::{Arrival, Cursor, Item, Store};

use crate::disk::{Put, PutEntry, position};
use crate::ledger::{Known, bit};
use crate::view::acts;
use crate::world::World;

fn ends_a_stay(kind: u16) -> bool {
    matches!(Kind::from_number(kind), Kind::Remove | Kind::Leave)
}

impl World {
    /// Holds what a device committed against what is known.
    pub(crate) fn watch(&mut self, index: usize, puts: Vec<Put>) {
        let mut last_of_log: BTreeMap<LogKey, bool> = BTreeMap::new();
        let (mut cursors, mut acks, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let (mut seen_us, mut returned) = (self.ledger.seen_us[index], Vec::new());
        for put in puts {
            match put {
                Put::Entry(entry) => {
                    last_of_log.insert(entry.log, entry.signed);
                    let own = position(&self.keys, &entry.log.author) == Some(index);
                    match self.ledger.entries.get(&entry.id).map(|known| known.held & bit(index) != 0) {
                        None if own => {
                            self.watch_own(index, &entry);
                            ends.extend(ends_a_stay(entry.kind).then_some(entry.id));
                        }
                        Some(false) if own => returned.push((index, entry.log)),
                        _ => {}
                    }
                    if entry.timestamp_us <= self.believed_us(index) {
                        seen_us = seen_us.max(entry.timestamp_us);
                    }
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
        self.ledger.seen_us[index] = seen_us;
        self.ledger.returned.extend(returned);
        for end in ends {
            self.watch_cuts(index, end);
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

    /// How late a time a device believes.
    fn believed_us(&self, index: usize) -> u64 {
        self.devices[index].time(self.now_us).wall_us.saturating_add(limits::CLOCK_AHEAD_US)
    }

    /// What a device wrote itself is later than all that it had seen, and in no log that it knows to have gone on.
    fn watch_own(&mut self, index: usize, entry: &PutEntry) {
        if self.devices[index].liar.is_some() {
            return;
        }
        if entry.timestamp_us <= self.ledger.seen_us[index] {
            let (at, seen) = (entry.timestamp_us, self.ledger.seen_us[index]);
            let what = format!("{index} wrote {:?} at {at}, and had seen {seen} before", entry.id);
            self.violate("clock behind", what);
        }
        if self.ledger.returned.contains(&(index, entry.log)) {
            let log = entry.log.log;
            let what = format!("{index} goes on with {log:?} at {:?}, though it was given back what it lost", entry.id);
            self.violate("not renewed", what);
        }
    }

    fn watch_entry(&mut self, index: usize, entry: &PutEntry) {
        let believed_us = self.believed_us(index);
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
        let ahead = entry.timestamp_us > believed_us;
        // A reply to what its author's clock did not believe is shown behind it only where that came first.
        let answers_adrift = entry.reply_to.is_some_and(|target| {
            let target = self.ledger.entries.get(&target);
            target.is_none_or(|target| target.adrift || target.timestamp_us >= entry.timestamp_us)
        });
        let own = author == index && fresh;
        if !own && believes && !ahead && entry.reply_to.is_none() && entry.shown_us != entry.timestamp_us {
            self.violate("order", format!("{index} shows {:?} at another time than its own", entry.id));
        }
        let known = self.ledger.entries.entry(entry.id).or_insert_with(|| Known {
            author,
            log: entry.log,
            seq: entry.seq,
            timestamp_us: entry.timestamp_us,
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
        let before = self.ledger.versions.insert((index, key), version);
        if let Some(before) = before
            && before > version
            && self.devices[index].liar.is_none()
        {
            let what = format!("{index} takes version {version} of a record of {author}, and had version {before}");
            self.violate("older record", what);
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
                && !self.heard_of_removal(holder, room, &log.author)
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

    /// Whether a device holds a removal of another, or of who let that one in, in force or not: it may have refused what
    /// that one wrote, and takes it by heads where it counts after all.
    fn heard_of_removal(&self, index: usize, room: RoomId, key: &PublicKey) -> bool {
        let acts = self.devices[index].disk().and_then(|disk| acts(disk, room)).unwrap_or_default();
        let acts = || acts.values().map(|(_, act)| act);
        let mut of: BTreeSet<PublicKey> = BTreeSet::from([*key]);
        loop {
            if acts().any(|act| matches!(&act.body, Body::Remove(remove) if of.contains(&remove.key))) {
                return true;
            }
            let before = of.len();
            for act in acts() {
                let (let_in, invite) = match &act.body {
                    Body::Add(add) => (add.key, add.invite),
                    Body::Admit(admit) => (admit.key, admit.invite),
                    _ => continue,
                };
                if of.contains(&let_in) {
                    let invited = acts().find(|act| Some(act.id) == invite).map(|act| act.header.author);
                    of.extend(invited.into_iter().chain([act.header.author]));
                }
            }
            if of.len() == before {
                return false;
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
}
