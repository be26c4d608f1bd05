//! What people ask of a device, and what it tells them.

use lanline_protocol::command::CommandError;
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::link::InviteLink;
use lanline_protocol::replica::Event;
use lanline_protocol::store::StoreError;
use lanline_protocol::voting::Motion;

use crate::device::Command;
use crate::world::World;

/// The word by which a device says that a person asked for the end.
pub(crate) const DISCONNECTED: &str = "disconnected";

/// What a command did, once it is committed.
#[derive(Debug)]
pub(crate) enum Done {
    Said(usize, EntryId),
    Created(RoomId),
    Invited(InviteLink),
    Removed(RoomId, usize),
    Left(RoomId),
    Nothing,
}

impl World {
    /// Does what a person asks for.
    pub(crate) fn obey(&mut self, index: usize, command: Command) -> Result<Done, CommandError> {
        let now_us = self.now_us;
        if self.trace.prints() {
            self.trace.say(now_us, format_args!("{index} is asked: {command:?}"));
        }
        let device = &mut self.devices[index];
        let time = device.time(now_us);
        let Some(machine) = device.machine.as_mut() else { return Ok(Done::Nothing) };
        match command {
            Command::Name(name) => {
                machine.set_name(time, &name)?;
                device.name = name;
            }
            Command::Create => return Ok(Done::Created(machine.create_room(time, "room")?)),
            Command::Say(at) => {
                let Some(said) = self.ledger.said.get(at) else { return Ok(Done::Nothing) };
                let reply_to = said.reply_to;
                let sent = machine.send_message(time, said.room, &said.text, reply_to, Some(&said.client_id));
                let sent = match sent {
                    // What it answers may be gone after a rollback.
                    Err(CommandError::NotFound(_)) if reply_to.is_some() => {
                        machine.send_message(time, said.room, &said.text, None, Some(&said.client_id))
                    }
                    other => other,
                };
                return Ok(Done::Said(at, sent?));
            }
            Command::MarkRead(room, above) => {
                let (messages, _) = machine.messages(room, None, above + 1)?;
                if let Some(last) = messages.first() {
                    machine.mark_read(time, room, last.id)?;
                    let last = last.id;
                    self.note_read(index, room, last);
                }
            }
            Command::Invite { room, ttl_ms, uses } => {
                return Ok(Done::Invited(machine.invite(time, room, ttl_ms, uses)?));
            }
            Command::Join { connection, link } => {
                if let Some(link) = self.invites.get(link) {
                    machine.join(connection, link)?;
                }
            }
            Command::CancelJoin { connection, room } => machine.cancel_join(connection, room),
            Command::Remove(room, other) => {
                machine.remove_member(time, room, self.keys[other].device_id())?;
                return Ok(Done::Removed(room, other));
            }
            Command::Leave(room) => {
                machine.leave_room(time, room)?;
                return Ok(Done::Left(room));
            }
            Command::HandOver(room, other) => machine.hand_over(time, room, self.keys[other].device_id())?,
            Command::Vote(room, other, owner) => {
                let other = self.keys[other].device_id();
                let motion = if owner { Motion::Owner(other) } else { Motion::Remove(other) };
                machine.vote(time, room, motion)?;
            }
            Command::Listen(addresses) => machine.set_addresses(time, &addresses)?,
            Command::StayWith(other) => self.stay_with(index, other),
            Command::PartWith(other) => self.part_with(index, other)?,
        }
        Ok(Done::Nothing)
    }

    pub(crate) fn answer(&mut self, index: usize, done: &Done) {
        match done {
            Done::Said(at, entry) => self.ledger.answered(*at, *entry),
            Done::Created(room) => self.rooms.push(*room),
            Done::Invited(link) => self.invites.push(link.clone()),
            Done::Removed(room, other) => self.ledger.ended(*room, *other),
            Done::Left(room) => self.ledger.ended(*room, index),
            Done::Nothing => {}
        }
    }

    /// A person wants to be connected to a device.
    fn stay_with(&mut self, index: usize, other: usize) {
        let (id, address) = (self.devices[other].id, self.devices[other].address.clone());
        let device = &mut self.devices[index];
        device.wishes_changed |= device.held.remove(&id) | device.asked.insert(id);
        if device.machine.as_ref().is_some_and(|machine| machine.connection(id).is_none()) {
            self.dial(index, id, &[address], true);
        }
    }

    /// A person takes leave of a device.
    fn part_with(&mut self, index: usize, other: usize) -> Result<(), StoreError> {
        let id = self.devices[other].id;
        let device = &mut self.devices[index];
        let time = device.time(self.now_us);
        let Some(machine) = device.machine.as_mut() else { return Ok(()) };
        let Some(connection) = machine.connection(id) else { return Ok(()) };
        let hold = machine.is_with_fellow(connection);
        machine.disconnected(time, connection)?;
        device.limits.remove(&connection);
        let ended = device.connections.remove(&connection);
        if hold {
            device.hold(id);
        }
        if let Some((link, end)) = ended {
            self.hang_up(link, end, DISCONNECTED);
        }
        Ok(())
    }

    pub(crate) fn note_event(&mut self, index: usize, event: &Event) {
        if self.trace.prints() {
            self.trace.say(self.now_us, format_args!("{index} shows {event:?}"));
        }
        match event {
            Event::Status(entry) => self.check_status(index, *entry),
            Event::Joined(_, room) => {
                self.devices[index].joining = None;
                self.ledger.joined(*room, index);
            }
            Event::JoinRefused(..) => self.devices[index].joining = None,
            Event::PeerConnected(connection, device) => self.go_on_joining(index, *connection, *device),
            _ => {}
        }
    }
}
