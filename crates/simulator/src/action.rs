//! What people do and what breaks, one function each, chosen by chance.

use crate::device::{Command, Input};
use crate::disk::Fault;
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
    GoBack,
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
    (Action::GoBack, 6, Sort::Fault),
    (Action::Damage, 12, Sort::Fault),
];

/// Ten years in microseconds.
const TEN_YEARS_US: u64 = 10 * 365 * 24 * 3600 * 1_000_000;

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
                    // Mostly people read all there is, and sometimes they do not scroll down so far.
                    let above = if self.dice.percent(60) { 0 } else { self.dice.index(30) };
                    self.ask(device, Command::MarkRead(room, above));
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
            Action::BackUp => self.back_up(device),
            Action::Restore => self.restore(device),
            Action::GoBack => self.go_back(device),
            Action::Damage => self.damage(device),
        }
    }
}
