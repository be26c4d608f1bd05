//! What must be so once nothing goes wrong any more: those who can reach each other hold and show the same, nothing that
//! was answered is missing, and nobody has anything to say.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::identity::PublicKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::store::{Item, Store};
use lanline_protocol::view::Shown;

use crate::disk::position;
use crate::ledger::bit;
use crate::view::View;
use crate::world::World;

/// What two members must agree on.
#[derive(PartialEq, Eq)]
struct Held {
    members: String,
    entries: BTreeSet<EntryId>,
    records: BTreeSet<(PublicKey, StoreId, u16, u64, Hash)>,
    bodies: BTreeSet<EntryId>,
}

impl World {
    /// Holds the devices against each other, and against what was promised.
    pub(crate) fn judge(&mut self) {
        for room in self.rooms.clone() {
            self.judge_room(room);
            if self.violation.is_some() {
                return;
            }
        }
        let answered: Vec<(usize, EntryId)> =
            self.ledger.said.iter().filter_map(|said| Some((said.device, said.answered?))).collect();
        for (device, entry) in answered {
            self.check_status(device, entry);
        }
        for device in 0..self.devices.len() {
            if self.devices[device].liar.is_none() {
                self.judge_memory(device);
            }
        }
    }

    fn judge_room(&mut self, room: RoomId) {
        let honest: Vec<usize> = (0..self.devices.len())
            .filter(|index| self.devices[*index].liar.is_none() && self.devices[*index].is_on())
            .collect();
        let views: BTreeMap<usize, View> =
            honest.iter().filter_map(|index| Some((*index, self.view(*index, room)?))).collect();
        // Members in their own eyes.
        let members: Vec<usize> =
            views.iter().filter(|(index, view)| view.is_member(&self.keys[**index])).map(|(index, _)| *index).collect();
        self.judge_removals(room, &views);
        for group in self.groups(&members, &views) {
            if let [first, others @ ..] = group.as_slice() {
                let held = self.held(*first, room, &views);
                for other in others {
                    let theirs = self.held(*other, room, &views);
                    if let (Some(held), Some(theirs)) = (&held, &theirs) {
                        self.compare(room, &group, (*first, held), (*other, theirs));
                    }
                    if self.violation.is_some() {
                        return;
                    }
                }
                self.judge_order(room, &group, &views);
                self.judge_answers(room, &group, &views);
            }
            for index in &group {
                if let Some(view) = views.get(index) {
                    self.judge_invites(room, *index, view);
                }
                self.judge_acks(room, *index);
            }
            if self.violation.is_some() {
                return;
            }
        }
    }

    /// Members by who can reach whom. Where they can and are not connected, that is a violation.
    fn groups(&mut self, members: &[usize], views: &BTreeMap<usize, View>) -> Vec<Vec<usize>> {
        let mutual = |a: usize, b: usize| {
            let believes = |a: usize, b: usize| views.get(&a).is_some_and(|view| view.is_member(&self.keys[b]));
            believes(a, b) && believes(b, a)
        };
        let mut reach: BTreeMap<usize, usize> = members.iter().map(|member| (*member, *member)).collect();
        let mut linked = reach.clone();
        for a in members {
            for b in members.iter().filter(|b| *b != a && mutual(*a, **b)) {
                let Some(machine) = &self.devices[*a].machine else { continue };
                let other = &self.devices[*b];
                let known = machine.known_addresses(other.id).contains(&other.address) && other.listens;
                let held = self.devices[*a].held.contains(&other.id);
                if known && !held {
                    join(&mut reach, *a, *b);
                }
                if machine.peers().iter().any(|peer| peer.device == other.id) {
                    join(&mut linked, *a, *b);
                    join(&mut reach, *a, *b);
                }
            }
        }
        let groups = gather(&reach);
        let actual = gather(&linked);
        for group in &groups {
            if !actual.contains(group) {
                self.violate("not connected", format!("{group:?} can reach each other and are not all connected"));
            }
        }
        groups
    }

    fn held(&self, index: usize, room: RoomId, views: &BTreeMap<usize, View>) -> Option<Held> {
        let (view, disk) = (views.get(&index)?, self.devices[index].disk()?);
        let m = &view.membership;
        let names: Vec<String> = m
            .members
            .iter()
            .map(|(key, member)| format!("{:?} {:?} by {:?}", position(&self.keys, key), member.role, member.add))
            .collect();
        let members = format!(
            "{names:?}, owner {:?}, {:?}, head {:?}, epoch {}, frozen {:?}",
            position(&self.keys, &m.owner),
            m.settings,
            m.head,
            m.epoch,
            m.frozen
        );
        let mut held = Held { members, entries: BTreeSet::new(), records: BTreeSet::new(), bodies: BTreeSet::new() };
        for lane in Lane::ALL {
            for item in disk.page(room, lane, 0, usize::MAX, usize::MAX).ok()? {
                match item {
                    Item::Entry(stored) if view.counts(&stored.entry) => {
                        held.entries.insert(stored.entry.id);
                        if stored.entry.body.is_some() {
                            held.bodies.insert(stored.entry.id);
                        }
                    }
                    Item::Record(_, record) if view.is_member(&record.key.author) => {
                        let key = &record.key;
                        let hash = Hash::of(&record.content);
                        held.records.insert((key.author, key.store, key.name.0, record.version, hash));
                    }
                    // Held as far as anybody but its reader is concerned.
                    Item::Lost(lost) => {
                        let add = view.adds.get(&lost.log);
                        if add.is_some_and(|add| view.counts_under(lost.log, *add, lost.seq, lost.id)) {
                            held.entries.insert(lost.id);
                        }
                    }
                    _ => {}
                }
            }
        }
        Some(held)
    }

    fn compare(&mut self, room: RoomId, group: &[usize], (a, held): (usize, &Held), (b, theirs): (usize, &Held)) {
        if held.members != theirs.members {
            let what = format!("{a} and {b} of {room:?} disagree who belongs: {} / {}", held.members, theirs.members);
            self.violate("membership differs", what);
        }
        let of_liar =
            |id: &EntryId| self.ledger.entries.get(id).is_some_and(|known| self.devices[known.author].liar.is_some());
        let differ = |held: &BTreeSet<EntryId>, theirs: &BTreeSet<EntryId>| -> Vec<EntryId> {
            let differ = held.symmetric_difference(theirs).copied();
            differ.filter(|id| !of_liar(id) && !self.is_withheld(group, *id)).collect()
        };
        let bodies = differ(&held.bodies, &theirs.bodies);
        let differ = differ(&held.entries, &theirs.entries);
        if !differ.is_empty() {
            let what = format!("{a} and {b} of {room:?} hold different entries: {}", self.list(&differ));
            self.violate("entries differ", what);
        }
        let liars: Vec<PublicKey> =
            self.devices.iter().filter(|device| device.liar.is_some()).map(|device| device.public).collect();
        let differ = held.records.symmetric_difference(&theirs.records).filter(|record| !liars.contains(&record.0));
        let differ: Vec<_> =
            differ.map(|(key, store, name, version, _)| (position(&self.keys, key), *store, *name, *version)).collect();
        if !differ.is_empty() {
            self.violate("records differ", format!("{a} and {b} of {room:?} hold different records: {differ:?}"));
        }
        if !bodies.is_empty() {
            let what = format!("{a} and {b} of {room:?} hold different words: {}", self.list(&bodies));
            self.violate("bodies differ", what);
        }
    }

    fn list(&self, entries: &[EntryId]) -> String {
        let shown: Vec<String> = entries
            .iter()
            .take(6)
            .map(|id| match self.ledger.entries.get(id) {
                Some(known) => format!(
                    "{id:?} = {:?}#{} of {} (held {:b}, ever {:b})",
                    known.log.log, known.seq, known.author, known.held, known.ever
                ),
                None => format!("{id:?}"),
            })
            .collect();
        format!("{} in all, {}", entries.len(), shown.join(", "))
    }

    /// All see the same in the same order, each once, and nothing that was cut off.
    fn judge_order(&mut self, room: RoomId, group: &[usize], views: &BTreeMap<usize, View>) {
        let mut before: Option<(usize, Vec<EntryId>)> = None;
        for index in group {
            let cuts = views.get(index).map(|view| self.cuts_in_force(room, *index, view)).unwrap_or_default();
            let Some(machine) = &self.devices[*index].machine else { continue };
            let mut shown = Vec::new();
            let mut texts: BTreeMap<String, u32> = BTreeMap::new();
            let mut end = None;
            while let Ok((page, more)) = machine.messages(room, end, 256) {
                end = page.first().map(|message| message.id);
                for message in page.iter().rev() {
                    shown.push(message.id);
                    if let Shown::Text(text, _) = &message.shown {
                        *texts.entry(text.clone()).or_default() += 1;
                    }
                }
                if !more {
                    break;
                }
            }
            let unique: BTreeSet<&EntryId> = shown.iter().collect();
            if unique.len() != shown.len() {
                self.violate("shown twice", format!("{index} shows an entry twice"));
                return;
            }
            let beyond = shown.iter().find(|id| {
                let known = self.ledger.entries.get(id);
                known.is_some_and(|known| cuts.get(&known.log).is_some_and(|cut| known.seq > *cut))
            });
            if let Some(id) = beyond {
                let what = format!("{index} shows {}, which a removal cut off", self.list(&[*id]));
                return self.violate("cut ignored", what);
            }
            let twice: Vec<String> = self
                .ledger
                .said
                .iter()
                .filter(|said| said.room == room && self.devices[said.device].liar.is_none())
                .filter(|said| self.ledger.rolled_back & bit(said.device) == 0)
                .filter(|said| texts.get(&said.text).copied().unwrap_or(0) > 1)
                .map(|said| said.text.chars().take(20).collect())
                .collect();
            if !twice.is_empty() {
                self.violate("said twice", format!("{index} shows twice what was said once: {twice:?}"));
                return;
            }
            shown.retain(|id| {
                let known = self.ledger.entries.get(id);
                let plain = known.is_some_and(|known| !known.adrift && self.devices[known.author].liar.is_none());
                plain && !self.is_withheld(group, *id)
            });
            if let Some((other, theirs)) = &before
                && *theirs != shown
            {
                let at = theirs.iter().zip(&shown).position(|(a, b)| a != b);
                let at = at.unwrap_or(theirs.len().min(shown.len()));
                let (first, second) = (theirs.get(at), shown.get(at));
                let what = format!(
                    "{other} and {index} of {room:?} show another order {at} from the end: {first:?} and {second:?}"
                );
                if self.trace.prints() {
                    let own: BTreeSet<_> = shown.iter().collect();
                    let their: BTreeSet<_> = theirs.iter().collect();
                    let differ: Vec<_> = own.symmetric_difference(&their).collect();
                    self.trace.say(self.now_us, format_args!("shown by one of them: {differ:?}"));
                }
                self.violate("order differs", what);
                return;
            }
            before = Some((*index, shown));
        }
    }

    /// What was answered as sent is there.
    fn judge_answers(&mut self, room: RoomId, group: &[usize], views: &BTreeMap<usize, View>) {
        let Some(first) = group.first().copied() else { return };
        let Some(view) = views.get(&first) else { return };
        let Some(disk) = self.devices[first].disk() else { return };
        let mut lost = Vec::new();
        for said in self.ledger.said.iter().filter(|said| said.room == room) {
            let Some(id) = said.answered.filter(|_| self.devices[said.device].liar.is_none()) else { continue };
            let Some(known) = self.ledger.entries.get(&id) else {
                lost.push(id);
                continue;
            };
            // What of a log counts is told by the add it is written under, which whoever holds the log knows.
            let add = group.iter().find_map(|member| views.get(member)?.adds.get(&known.log));
            let counts = match disk.entry(id) {
                Ok(Some(stored)) if stored.entry.body.is_some() => continue,
                Ok(Some(_)) => true,
                _ => add.is_none_or(|add| view.counts_under(known.log, *add, known.seq, id)),
            };
            // Of a log that is not held at all, and whose author is no member any more, nothing counts.
            let author_belongs = view.is_member(&self.keys[said.device]);
            let within = group.iter().any(|member| known.held & bit(*member) != 0);
            let author_rolled_back = self.ledger.rolled_back & bit(said.device) != 0;
            let nowhere = known.held == 0;
            let excused = if within {
                false
            } else if nowhere {
                known.lost
            } else {
                author_rolled_back || !group.contains(&said.device)
            };
            if counts && (author_belongs || within) && !excused && !self.is_withheld(group, id) {
                lost.push(id);
            }
        }
        if !lost.is_empty() {
            let what = format!("{first} of {room:?} lacks what was answered as sent: {}", self.list(&lost));
            self.violate("lost", what);
        }
    }
}

fn root(of: &BTreeMap<usize, usize>, mut at: usize) -> usize {
    while let Some(next) = of.get(&at).copied().filter(|next| *next != at) {
        at = next;
    }
    at
}

fn join(sets: &mut BTreeMap<usize, usize>, a: usize, b: usize) {
    let (a, b) = (root(sets, a), root(sets, b));
    sets.insert(a.max(b), a.min(b));
}

fn gather(sets: &BTreeMap<usize, usize>) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for member in sets.keys() {
        groups.entry(root(sets, *member)).or_default().push(*member);
    }
    groups.into_values().collect()
}
