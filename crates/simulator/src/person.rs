//! What people do at their devices: they talk, try again, and follow links.

use lanline_protocol::id::RoomId;
use lanline_protocol::identity::DeviceId;
use lanline_protocol::session::ConnectionId;
use lanline_protocol::view::Shown;

use crate::device::{Command, Input, Joining};
use crate::ledger::Said;
use crate::world::{Happening, World};

/// How long a person waits for an answer before trying again.
const RETRY_US: u64 = 8_000_000;
/// How long a person waits to be let in.
const JOIN_US: u64 = 30_000_000;

impl World {
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
        if let Some(room) = self.room_of(device) {
            self.say_in(device, room, length, reply);
        }
    }

    pub(crate) fn say_in(&mut self, device: usize, room: RoomId, length: u64, reply: bool) {
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
}
