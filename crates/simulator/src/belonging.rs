//! Who belongs, held against what was written of it: what a removal leaves of its device's logs, and whom an invite may
//! let in.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::body::{Body, Cut};
use lanline_protocol::entry::LogKey;
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::identity::PublicKey;
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::store::{Item, Store};

use crate::disk::position;
use crate::ledger::bit;
use crate::view::{View, acts};
use crate::world::World;

impl World {
    /// A device wrote a removal of its own, or that it leaves: of the logs that it cuts off, all that it held and that
    /// counted is left.
    pub(crate) fn watch_cuts(&mut self, index: usize, id: EntryId) {
        let Some(disk) = self.devices[index].disk() else { return };
        let Ok(Some(stored)) = disk.entry(id) else { return };
        let (room, header) = (stored.entry.room(), &stored.entry.header);
        // Whose logs, those under which adds, and what is left of them.
        let (key, adds, cuts): (PublicKey, Option<Vec<EntryId>>, Vec<Cut>) = match stored.entry.decode_body() {
            // What the majority cuts off was agreed on before.
            Body::Remove(remove) if remove.link.votes.is_empty() => (remove.key, None, remove.cuts),
            // Of its own logs more may come back after a rollback, in the same burst.
            Body::Leave(leave) if self.ledger.rolled_back & bit(index) == 0 => {
                let own = Cut { log: header.log, seq: header.seq, id };
                (header.author, Some(leave.adds), [leave.cuts, vec![own]].concat())
            }
            _ => return,
        };
        let Some(before) = View::until(disk, room, stored.arrival) else { return };
        let mut tips: BTreeMap<LogKey, BTreeMap<EntryId, u64>> = BTreeMap::new();
        let mut lost: BTreeSet<LogKey> = BTreeSet::new();
        for lane in Lane::ALL {
            for item in disk.page(room, lane, 0, usize::MAX, usize::MAX).unwrap_or_default() {
                if let Item::Lost(entry) = &item {
                    lost.insert(entry.log);
                }
                let Item::Entry(held) = item else { continue };
                let log = held.entry.header.log_key();
                let under = before.adds.get(&log);
                let ended = adds.as_ref().is_none_or(|adds| under.is_some_and(|under| adds.contains(under)));
                if held.arrival < stored.arrival && log.author == key && ended && before.counts(&held.entry) {
                    // In the order of arrival: what it stands behind came before.
                    let tips = tips.entry(log).or_default();
                    if let Some(previous) = held.entry.header.previous {
                        tips.remove(&previous);
                    }
                    tips.insert(held.entry.id, held.entry.header.seq);
                }
            }
        }
        // Of a log that forked and was lost in part it is not told which entries are the last.
        let judged = |log: &LogKey| !(self.ledger.forked.contains(log) && lost.contains(log));
        let cut_off = tips.iter().filter(|(log, _)| judged(log)).find_map(|(log, tips)| {
            let left = |(id, seq): &(&EntryId, &u64)| {
                let forked = self.ledger.forked.contains(log);
                let cuts = cuts.iter().filter(|cut| cut.log == log.log);
                cuts.clone().any(|cut| (cut.seq, cut.id) == (**seq, **id) || (!forked && cut.seq > **seq))
            };
            tips.iter().find(|tip| !left(tip)).map(|(_, seq)| (log, seq))
        });
        if let Some((log, seq)) = cut_off {
            let (log, author) = (log.log, position(&self.keys, &key));
            let what = format!("{index} cuts {log:?} of {author:?} off before #{seq}, which it holds: {cuts:?}");
            self.violate("cut too low", what);
        }
    }

    /// Who reaches a member that knows it as removed, or as gone, knows it too.
    pub(crate) fn judge_removals(&mut self, room: RoomId, views: &BTreeMap<usize, View>) {
        let believes = |a: usize, b: usize| views.get(&a).is_some_and(|view| view.is_member(&self.keys[b]));
        let members: Vec<usize> = views.keys().copied().filter(|index| believes(*index, *index)).collect();
        let untold = members.iter().find_map(|index| {
            let machine = self.devices[*index].machine.as_ref()?;
            let knows = |other: &&usize| {
                let device = &self.devices[**other];
                believes(*index, **other)
                    && views.get(*other).is_some_and(|view| view.membership.was_member(&self.keys[*index]))
                    && device.listens
                    && machine.known_addresses(device.id).contains(&device.address)
            };
            members.iter().find(knows).map(|other| (*index, *other))
        });
        if let Some((index, other)) = untold {
            let what =
                format!("{index} can reach {other} and does not know what it knows: it is no member of {room:?}");
            self.violate("removal untold", what);
        }
    }

    /// No invite let in more devices than it may.
    pub(crate) fn judge_invites(&mut self, room: RoomId, index: usize, view: &View) {
        let Some(acts) = self.devices[index].disk().and_then(|disk| acts(disk, room)) else { return };
        let mut used: BTreeMap<EntryId, BTreeSet<PublicKey>> = BTreeMap::new();
        for (id, (_, act)) in acts.iter().filter(|(id, _)| view.membership.adds.contains_key(*id)) {
            let (key, invite) = match &act.body {
                Body::Admit(admit) => (admit.key, admit.invite),
                Body::Add(add) => (add.key, add.invite),
                _ => continue,
            };
            if let Some(invite) = invite {
                used.entry(invite).or_default().insert(key);
            }
            self.trace.take(self.now_us, 6, id.as_bytes());
        }
        for (invite, keys) in used {
            let uses = acts.get(&invite).and_then(|(_, act)| match &act.body {
                Body::Invite(invite) => Some(invite.uses as usize),
                _ => None,
            });
            if uses.is_none_or(|uses| keys.len() > uses) {
                let devices: Vec<_> = keys.iter().map(|key| position(&self.keys, key)).collect();
                let what = format!("{index} takes {devices:?} for let in by {invite:?}, which lets in {uses:?}");
                return self.violate("invite overused", what);
            }
        }
    }

    /// Of each log of the content lane, the last number that the owners' removals in force leave.
    pub(crate) fn cuts_in_force(&self, room: RoomId, index: usize, view: &View) -> BTreeMap<LogKey, u64> {
        let mut cuts = BTreeMap::new();
        let acts = self.devices[index].disk().and_then(|disk| acts(disk, room)).unwrap_or_default();
        for (id, (_, act)) in acts {
            let Body::Remove(remove) = &act.body else { continue };
            if act.header.kind() != Kind::Remove || !view.membership.chain.contains(&id) {
                continue;
            }
            // Of a log that forked there is one a branch.
            let mut highest: BTreeMap<LogKey, u64> = BTreeMap::new();
            for cut in &remove.cuts {
                let seq = highest.entry(LogKey { author: remove.key, log: cut.log }).or_default();
                *seq = (*seq).max(cut.seq);
            }
            for (log, seq) in highest {
                let known = cuts.entry(log).or_insert(seq);
                *known = (*known).min(seq);
            }
        }
        cuts
    }
}
