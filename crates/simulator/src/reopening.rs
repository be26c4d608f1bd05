//! A device that is started anew shows what it showed before: what it is told and tells is on its disk, if not at once,
//! then after a while.

use std::collections::BTreeSet;

use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::identity::DeviceId;
use lanline_protocol::kind::Lane;
use lanline_protocol::replica::Replica;
use lanline_protocol::store::{Item, Store};

use crate::disk::Disk;
use crate::ledger::bit;
use crate::world::World;

/// How many of the newest messages are compared.
const COMPARED: usize = 200;

/// A message as it is shown, and who is said to hold and have read it.
type Told = (EntryId, [BTreeSet<DeviceId>; 3]);

fn told(machine: &Replica<Disk>, room: RoomId) -> Vec<Told> {
    let (messages, _) = machine.messages(room, None, COMPARED).unwrap_or_default();
    let set = |devices: Vec<DeviceId>| devices.into_iter().collect();
    let each = messages.into_iter().map(|message| {
        let standing = message.standing;
        (message.id, [set(standing.stored), set(standing.delivered), set(standing.read)])
    });
    each.collect()
}

impl World {
    /// Starts a copy of a device and holds it against the device.
    pub(crate) fn judge_memory(&mut self, index: usize) {
        let Some(disk) = self.devices[index].disk().cloned() else { return };
        let Ok(copy) = self.devices[index].open(self.seed, self.now_us, Disk::new(disk)) else { return };
        let Some(machine) = &self.devices[index].machine else { return };
        let mut differs = None;
        for room in &self.rooms {
            let (before, after) = (told(machine, *room), told(&copy, *room));
            let pair = before.iter().zip(&after).find(|(before, after)| before != after);
            if let Some((before, after)) = pair {
                differs = Some(format!("{index} shows {before:?} and would show {after:?} after a restart"));
            } else if before.len() != after.len() {
                differs = Some(format!("{index} shows {} messages, after a restart {}", before.len(), after.len()));
            }
        }
        if let Some(what) = differs {
            self.violate("forgotten", what);
        }
    }

    /// What a device's neighbours hold of what it said, its disk says they hold.
    pub(crate) fn judge_acks(&mut self, room: RoomId, index: usize) {
        let (Some(machine), Some(disk)) = (&self.devices[index].machine, self.devices[index].disk()) else { return };
        let acks = disk.acks(room, Lane::Content).unwrap_or_default();
        let mut newest = Vec::new();
        for peer in machine.peers().iter().filter(|peer| peer.rooms.contains(&room)) {
            let Some(other) = self.devices.iter().position(|other| other.id == peer.device) else { continue };
            let acked = acks.iter().find(|(device, _)| *device == peer.device).map_or(0, |(_, arrival)| *arrival);
            newest.push((other, acked));
        }
        let mut unwritten = None;
        for item in disk.page(room, Lane::Content, 0, usize::MAX, usize::MAX).unwrap_or_default() {
            let Item::Entry(stored) = item else { continue };
            let Some(known) = self.ledger.entries.get(&stored.entry.id).filter(|known| known.author == index) else {
                continue;
            };
            for (other, acked) in &newest {
                if known.held & bit(*other) != 0 && stored.arrival > *acked {
                    unwritten = Some(format!("{other} holds {:?}, and {index} has not noted it", stored.entry.id));
                }
            }
        }
        if let Some(what) = unwritten.filter(|_| self.ledger.damaged.is_empty()) {
            self.violate("ack unwritten", what);
        }
    }
}
