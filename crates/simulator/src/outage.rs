//! Devices that stop, start, lose their disks and are cut off.

use crate::device::Command;
use crate::disk::Fault;
use crate::network::{Parcel, SILENT_US};
use crate::world::{Happening, World};

/// Copies kept of one disk.
const BACKUPS: usize = 3;

impl World {
    /// Nothing passes for about that long.
    pub(crate) fn block(&mut self, ways: Vec<(usize, usize)>, mean_us: u64) {
        let pause = self.dice.pause(mean_us);
        self.block_for(ways, pause);
    }

    pub(crate) fn block_for(&mut self, ways: Vec<(usize, usize)>, pause_us: u64) {
        self.raise(&ways);
        self.after(pause_us, Happening::Lower(ways));
    }

    /// Something is wrong with a disk for about that long.
    pub(crate) fn spoil(&mut self, device: usize, fault: Fault, mean_us: u64) {
        self.devices[device].fault = fault;
        if let Some(machine) = self.devices[device].machine.as_mut() {
            machine.store_mut().set_fault(fault);
        }
        let pause = self.dice.pause(mean_us);
        self.after(pause, Happening::Mend(device));
    }

    pub(crate) fn mend(&mut self, device: usize) {
        self.devices[device].fault = Fault::None;
        if let Some(machine) = self.devices[device].machine.as_mut() {
            machine.store_mut().set_fault(Fault::None);
        } else {
            self.after(1_000_000, Happening::Boot(device));
        }
    }

    pub(crate) fn links_of(&self, device: usize) -> Vec<u64> {
        let own = self.links.iter().filter(|(_, link)| link.ends.iter().any(|end| end.device == device && end.open));
        own.map(|(id, _)| *id).collect()
    }

    /// A device stops without a word. Where the power was cut, nobody tells the others either.
    pub(crate) fn crash(&mut self, index: usize, power: bool) {
        let device = &mut self.devices[index];
        let Some(machine) = device.machine.take() else { return };
        device.shelf = Some(machine.into_store().crash());
        device.inbox.clear();
        device.connections.clear();
        device.limits.clear();
        device.dialer = Default::default();
        device.joining = None;
        device.wake_at = None;
        device.refusing_until = None;
        device.held.clear();
        device.asked.clear();
        device.looked = None;
        self.trace.say(self.now_us, format_args!("{index} stops{}", if power { ", power cut" } else { "" }));
        for link in self.links_of(index) {
            let now_us = self.now_us;
            let Some(known) = self.links.get_mut(&link) else { continue };
            let own = usize::from(known.ends[1].device == index);
            known.ends[own].open = false;
            let way = &mut known.ways[1 - own];
            way.queue.clear();
            way.queued = 0;
            let left = self.dice.index(way.flying.len() + 1);
            way.flying.truncate(left);
            if !known.ends[1 - own].open {
                self.links.remove(&link);
            } else if power {
                known.orphaned_at_us = Some(now_us);
                self.after(SILENT_US, Happening::Orphaned(link, 1 - own));
            } else {
                self.send(link, 1 - own, Parcel::End("reset"));
            }
        }
    }

    pub(crate) fn boot(&mut self, index: usize) {
        if self.devices[index].is_on() || (self.healing && self.devices[index].liar.is_some()) {
            return;
        }
        let (seed, now_us) = (self.seed, self.now_us);
        self.trace.take(now_us, 5, &[index as u8]);
        self.trace.say(now_us, format_args!("{index} starts"));
        if let Err(error) = self.devices[index].boot(seed, now_us) {
            return self.violate("store", format!("{index} does not start: {error}"));
        }
        self.note_started(index);
        let device = &mut self.devices[index];
        if let Some(liar) = device.liar.as_mut() {
            liar.forget();
        }
        let (addresses, name) = (device.addresses(), device.name.clone());
        if device.boots == 1 {
            self.ask(index, Command::Name(name));
        }
        self.ask(index, Command::Listen(addresses));
        self.set_alarm(index);
    }

    /// A copy is made of a device's disk.
    pub(crate) fn back_up(&mut self, device: usize) {
        if let Some(disk) = self.devices[device].disk().cloned() {
            let backups = &mut self.devices[device].backups;
            if backups.len() >= BACKUPS {
                backups.remove(0);
            }
            backups.push(disk);
        }
    }

    /// A device goes on with one of the copies of its disk.
    pub(crate) fn restore(&mut self, index: usize) {
        let count = self.devices[index].backups.len();
        if count > 0 {
            let at = self.dice.index(count);
            self.restore_at(index, at);
        }
    }

    pub(crate) fn restore_newest(&mut self, index: usize) {
        if let Some(at) = self.devices[index].backups.len().checked_sub(1) {
            self.restore_at(index, at);
        }
    }

    /// What it had becomes a copy.
    fn restore_at(&mut self, index: usize, at: usize) {
        self.crash(index, false);
        let device = &mut self.devices[index];
        let Some(old) = device.shelf.take() else { return };
        let backup = std::mem::replace(&mut device.backups[at], old);
        device.shelf = Some(backup);
        self.note_rollback(index);
        let pause = self.dice.pause(3_000_000);
        self.after(pause, Happening::Boot(index));
    }
}
