//! What people do and what breaks, one function each, chosen by chance.

use lanline_protocol::id::RoomId;
use lanline_protocol::identity::DeviceId;
use lanline_protocol::session::ConnectionId;
use lanline_protocol::view::Shown;

use crate::device::{Command, Input, Joining};
use crate::disk::Fault;
use crate::ledger::Said;
use crate::network::{Parcel, SILENT_US};
use crate::world::{Happening, World};

/// See [`ACTIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Say,
    Reply,
    Burst,
    SayMuch,
    MarkRead,
    Rename,
    Create,
    Invite,
    Join,
    Leave,
    Remove,
    HandOver,
    VoteRemoval,
    VoteOwner,
    StopServer,
    StayWith,
    PartWith,
    Move,
    Cut,
    Partition,
    OneWay,
    Kill,
    PowerCut,
    PowerCutInCommit,
    DiskFull,
    DiskBroken,
    Unreadable,
    SlowDisk,
    Sleep,
    ClockJump,
    BackUp,
    Restore,
    Damage,
}

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Talk,
    Belonging,
    Fault,
}

/// All of them, with how often each happens beside the others.
pub(crate) const ACTIONS: &[(Action, u64, Sort)] = &[
    (Action::Say, 300, Sort::Talk),
    (Action::Reply, 40, Sort::Talk),
    (Action::Burst, 8, Sort::Talk),
    (Action::SayMuch, 8, Sort::Talk),
    (Action::MarkRead, 80, Sort::Talk),
    (Action::Rename, 6, Sort::Talk),
    (Action::Create, 2, Sort::Belonging),
    (Action::Invite, 16, Sort::Belonging),
    (Action::Join, 40, Sort::Belonging),
    (Action::Leave, 5, Sort::Belonging),
    (Action::Remove, 5, Sort::Belonging),
    (Action::HandOver, 4, Sort::Belonging),
    (Action::VoteRemoval, 16, Sort::Belonging),
    (Action::VoteOwner, 16, Sort::Belonging),
    (Action::StopServer, 6, Sort::Fault),
    (Action::StayWith, 10, Sort::Fault),
    (Action::PartWith, 6, Sort::Fault),
    (Action::Move, 6, Sort::Fault),
    (Action::Cut, 50, Sort::Fault),
    (Action::Partition, 14, Sort::Fault),
    (Action::OneWay, 25, Sort::Fault),
    (Action::Kill, 20, Sort::Fault),
    (Action::PowerCut, 12, Sort::Fault),
    (Action::PowerCutInCommit, 25, Sort::Fault),
    (Action::DiskFull, 12, Sort::Fault),
    (Action::DiskBroken, 8, Sort::Fault),
    (Action::Unreadable, 8, Sort::Fault),
    (Action::SlowDisk, 10, Sort::Fault),
    (Action::Sleep, 14, Sort::Fault),
    (Action::ClockJump, 12, Sort::Fault),
    (Action::BackUp, 14, Sort::Fault),
    (Action::Restore, 10, Sort::Fault),
    (Action::Damage, 12, Sort::Fault),
];

/// Ten years in microseconds.
const TEN_YEARS_US: u64 = 10 * 365 * 24 * 3600 * 1_000_000;
/// How long a person waits for an answer before trying again.
const RETRY_US: u64 = 8_000_000;
/// How long a person waits to be let in.
const JOIN_US: u64 = 30_000_000;
/// Copies kept of one disk.
const BACKUPS: usize = 3;

impl World {
    pub(crate) fn act(&mut self) {
        if self.healing {
            return;
        }
        let pause = self.dice.pause(self.profile.pause_us).max(1000);
        self.after(pause, Happening::Act);
        let total: u64 = self.profile.actions.iter().map(|(_, weight)| weight).sum();
        let mut at = self.dice.below(total.max(1));
        let chosen = self.profile.actions.iter().find(|(_, weight)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        let Some((action, _)) = chosen.copied() else { return };
        let device = self.dice.index(self.devices.len());
        self.trace.take(self.now_us, 4, &[device as u8]);
        self.trace.say(self.now_us, format_args!("-- {action:?} at {device}"));
        self.perform(action, device);
    }

    fn perform(&mut self, action: Action, device: usize) {
        match action {
            Action::Say => self.say(device, 40, false),
            Action::Reply => self.say(device, 40, true),
            Action::Burst => {
                for _ in 0..self.dice.between(5, 200) {
                    self.say(device, 30, false);
                }
            }
            Action::SayMuch => self.say(device, 15_000, false),
            Action::MarkRead => {
                if let Some(room) = self.room_of(device) {
                    self.ask(device, Command::MarkRead(room));
                }
            }
            Action::Rename => {
                let name = format!("device {device}.{}", self.dice.below(1000));
                self.ask(device, Command::Name(name));
            }
            Action::Create => self.ask(device, Command::Create),
            Action::Invite => {
                if let Some(room) = self.room_of(device) {
                    let ttl_ms = [60_000, 3_600_000, 864_000_000][self.dice.index(3)];
                    let uses = [1, 1, 2, 8][self.dice.index(4)];
                    self.ask(device, Command::Invite { room, ttl_ms, uses });
                }
            }
            Action::Join => {
                let recent = self.invites.len().saturating_sub(6);
                if recent < self.invites.len() {
                    let link = recent + self.dice.index(self.invites.len() - recent);
                    self.join(device, link);
                }
            }
            Action::Leave => {
                if let Some(room) = self.room_of(device).filter(|_| device > 0) {
                    self.ask(device, Command::Leave(room));
                }
            }
            Action::Remove => {
                // Mostly the owner may, and that is mostly the first.
                let by = if self.dice.percent(80) { 0 } else { device };
                let other = self.dice.index(self.devices.len());
                if let Some(room) = self.room_of(by) {
                    self.ask(by, Command::Remove(room, other));
                }
            }
            Action::HandOver => {
                let other = self.dice.index(self.devices.len());
                if let Some(room) = self.room_of(device) {
                    // Whoever is not the owner is told so.
                    for by in 0..self.devices.len() {
                        self.ask(by, Command::HandOver(room, other));
                    }
                }
            }
            Action::VoteRemoval | Action::VoteOwner => {
                // Somebody convinces some of the others.
                let other = self.dice.index(self.devices.len());
                let Some(room) = self.room_of(device) else { return };
                let many = self.dice.between(30, 100);
                for voter in 0..self.devices.len() {
                    if self.dice.percent(many) && voter != other {
                        self.ask(voter, Command::Vote(room, other, action == Action::VoteOwner));
                    }
                }
            }
            Action::StopServer => {
                // The first goes on, so that there always is somebody to be found.
                if device > 0 && self.devices[device].listens == self.profile.listens[device] {
                    let listens = self.devices[device].listens;
                    self.devices[device].listens = !listens;
                    let addresses = self.devices[device].addresses();
                    self.ask(device, Command::Listen(addresses));
                }
            }
            Action::StayWith | Action::PartWith => {
                let other = self.dice.index(self.devices.len());
                let stay = action == Action::StayWith;
                if other != device {
                    self.ask(device, if stay { Command::StayWith(other) } else { Command::PartWith(other) });
                }
            }
            Action::Move => {
                let number = self.dice.below(250);
                self.devices[device].address = format!("10.{}.{number}.{device}:12345", device % 3);
                let addresses = self.devices[device].addresses();
                self.give(device, Input::Moved);
                self.ask(device, Command::Listen(addresses));
                for link in self.links_of(device) {
                    self.cut(link);
                }
            }
            Action::Cut => {
                let links: Vec<u64> = self.links.keys().copied().collect();
                if let Some(link) = self.dice.pick(&links).copied() {
                    self.cut(link);
                }
            }
            Action::Partition => {
                let side: Vec<bool> = self.devices.iter().map(|_| self.dice.percent(50)).collect();
                let mut ways = Vec::new();
                for a in 0..side.len() {
                    ways.extend((0..side.len()).filter(|b| side[a] != side[*b]).map(|b| (a, b)));
                }
                self.block(ways, 30_000_000);
            }
            Action::OneWay => {
                let other = self.dice.index(self.devices.len());
                if other != device {
                    self.block(vec![(device, other)], 12_000_000);
                }
            }
            Action::Kill | Action::PowerCut => {
                if self.devices[device].is_on() {
                    self.crash(device, action == Action::PowerCut);
                    let pause = self.dice.pause(10_000_000);
                    self.after(pause, Happening::Boot(device));
                }
            }
            Action::PowerCutInCommit => {
                let kept = self.dice.percent(50);
                self.spoil(device, Fault::PowerCut { kept }, 5_000_000);
            }
            Action::DiskFull => {
                let left = self.dice.below(30) as u32;
                self.spoil(device, Fault::Full(left), 15_000_000);
            }
            Action::DiskBroken => {
                let left = self.dice.below(30) as u32;
                self.spoil(device, Fault::Broken(left), 10_000_000);
            }
            Action::Unreadable => {
                let left = self.dice.below(60) as u32;
                self.spoil(device, Fault::Unreadable(left), 10_000_000);
            }
            Action::SlowDisk => {
                self.devices[device].commit_us = self.dice.between(100_000, 3_000_000);
                let pause = self.dice.pause(20_000_000);
                self.after(pause, Happening::Quicken(device));
            }
            Action::Sleep => {
                let pause = self.dice.pause(12_000_000);
                self.devices[device].asleep_until = self.now_us + pause;
                let others = (0..self.devices.len()).filter(|other| *other != device);
                let ways = others.flat_map(|other| [(device, other), (other, device)]).collect();
                self.block_for(ways, pause);
            }
            Action::ClockJump => {
                let far = [2_000_000, 600_000_000, 86_400_000_000, TEN_YEARS_US][self.dice.index(4)];
                let by = i64::try_from(self.dice.below(2 * far)).unwrap_or(0) - i64::try_from(far).unwrap_or(0);
                // Never further than that from the truth, however often it jumps.
                self.devices[device].wall_offset_us = by;
                self.work_soon(device);
            }
            Action::BackUp => {
                if let Some(disk) = self.devices[device].disk().cloned() {
                    let backups = &mut self.devices[device].backups;
                    if backups.len() >= BACKUPS {
                        backups.remove(0);
                    }
                    backups.push(disk);
                }
            }
            Action::Restore => self.restore(device),
            Action::Damage => self.damage(device),
        }
    }

    /// A person asks something of a device, if it runs.
    pub(crate) fn ask(&mut self, device: usize, command: Command) {
        self.give(device, Input::Command(command));
    }

    /// A room that a device is a member of, as far as the onlooker noticed.
    pub(crate) fn room_of(&mut self, device: usize) -> Option<RoomId> {
        let mine = self.ledger.members.iter().filter(|((_, member), is)| *member == device && **is);
        let rooms: Vec<RoomId> = mine.map(|((room, _), _)| *room).collect();
        self.dice.pick(&rooms).copied()
    }

    pub(crate) fn say(&mut self, device: usize, length: u64, reply: bool) {
        let Some(room) = self.room_of(device) else { return };
        let at = self.ledger.said.len();
        let length = self.dice.below(length + 1) as usize;
        let text = format!("{device}.{at} {}", "x".repeat(length));
        let mut reply_to = None;
        if reply && let Some(machine) = &self.devices[device].machine {
            let (recent, _) = machine.messages(room, None, 6).unwrap_or_default();
            let texts: Vec<_> =
                recent.iter().filter(|m| matches!(m.shown, Shown::Text(..))).map(|message| message.id).collect();
            reply_to = self.dice.pick(&texts).copied();
        }
        let client_id = format!("c{at}");
        self.ledger.said.push(Said { device, room, text, client_id, reply_to, answered: None });
        if self.devices[device].unanswered.is_empty() {
            self.after(RETRY_US, Happening::Retry(device));
        }
        self.devices[device].unanswered.push((at, 0));
        self.ask(device, Command::Say(at));
    }

    /// A person tries again what was not answered.
    pub(crate) fn retry(&mut self, device: usize) {
        let mut unanswered = std::mem::take(&mut self.devices[device].unanswered);
        unanswered.retain(|(at, tries)| *tries < 10 && self.ledger.said[*at].answered.is_none());
        for (at, tries) in &mut unanswered {
            *tries += 1;
            self.ask(device, Command::Say(*at));
        }
        if !unanswered.is_empty() {
            self.after(RETRY_US, Happening::Retry(device));
        }
        self.devices[device].unanswered = unanswered;
    }

    /// A person follows a link.
    pub(crate) fn join(&mut self, device: usize, at: usize) {
        let Some(link) = self.invites.get(at) else { return };
        let room = link.room;
        let member = self.ledger.members.get(&(room, device)).copied().unwrap_or(false);
        if member || !self.devices[device].is_on() {
            return;
        }
        if let Some(before) = self.devices[device].joining.take() {
            if before.until_us > self.now_us {
                self.devices[device].joining = Some(before);
                return;
            }
            if let Some(connection) = before.asked
                && let Some(link) = self.invites.get(before.link)
            {
                let room = link.room;
                self.ask(device, Command::CancelJoin { connection, room });
            }
        }
        let Some(link) = self.invites.get(at) else { return };
        let Some(host) = link.hosts.get(self.dice.index(link.hosts.len())).cloned() else { return };
        let until_us = self.now_us + JOIN_US;
        self.devices[device].joining = Some(Joining { link: at, host: host.device, asked: None, until_us });
        let peers = self.devices[device].machine.as_ref().map(|machine| machine.peers()).unwrap_or_default();
        match peers.iter().find(|peer| peer.device == host.device) {
            Some(peer) => self.go_on_joining(device, peer.connection, host.device),
            None => self.dial(device, host.device, &host.addresses, true),
        }
    }

    /// The host of a link said hello.
    pub(crate) fn go_on_joining(&mut self, device: usize, connection: ConnectionId, peer: DeviceId) {
        let Some(joining) = self.devices[device].joining.as_mut() else { return };
        if joining.host == peer && joining.asked.is_none() {
            joining.asked = Some(connection);
            let link = joining.link;
            self.ask(device, Command::Join { connection, link });
        }
    }

    /// Nothing passes for about that long.
    fn block(&mut self, ways: Vec<(usize, usize)>, mean_us: u64) {
        let pause = self.dice.pause(mean_us);
        self.block_for(ways, pause);
    }

    fn block_for(&mut self, ways: Vec<(usize, usize)>, pause_us: u64) {
        self.raise(&ways);
        self.after(pause_us, Happening::Lower(ways));
    }

    /// Something is wrong with a disk for about that long.
    fn spoil(&mut self, device: usize, fault: Fault, mean_us: u64) {
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

    fn links_of(&self, device: usize) -> Vec<u64> {
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

    /// A device goes on with an older copy of its disk; what it had becomes a copy.
    fn restore(&mut self, index: usize) {
        let count = self.devices[index].backups.len();
        if count == 0 {
            return;
        }
        self.crash(index, false);
        let at = self.dice.index(count);
        let device = &mut self.devices[index];
        let Some(old) = device.shelf.take() else { return };
        let backup = std::mem::replace(&mut device.backups[at], old);
        device.shelf = Some(backup);
        self.note_rollback(index);
        let pause = self.dice.pause(3_000_000);
        self.after(pause, Happening::Boot(index));
    }
}
