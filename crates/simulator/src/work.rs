//! How a device is driven: as the engine's core thread does (`engine::core::thread`). What waits is taken in, one commit
//! makes it durable, and only then is anything sent or answered. Where the store fails, connections are dropped, the
//! store is rolled back and opened anew.

use std::collections::BTreeSet;

use lanline_protocol::command::CommandError;
use lanline_protocol::id::{EntryId, RoomId};
use lanline_protocol::limits;
use lanline_protocol::link::InviteLink;
use lanline_protocol::replica::{CloseReason, Event, Output};
use lanline_protocol::session::ConnectionId;
use lanline_protocol::store::{Store, StoreError};
use lanline_protocol::voting::Motion;

use crate::device::{Command, Input};
use crate::disk::{Disk, Fault};
use crate::network::{Parcel, QUEUE_LOW};
use crate::planted;
use crate::world::{Happening, World};

const BURST_INPUTS: usize = 1024;
const RETRY_US: u64 = 5_000_000;
const RETRY_BYTES: usize = 256 * 1024;
const TARGETS_US: u64 = 250_000;

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
    /// One burst.
    pub(crate) fn work(&mut self, index: usize) {
        let now_us = self.now_us;
        let device = &mut self.devices[index];
        device.work_at = None;
        if !device.is_on() {
            device.inbox.clear();
            return;
        }
        if device.asleep_until > now_us {
            self.work_soon(index);
            return;
        }
        if self.devices[index].refusing_until.is_some() {
            self.refuse(index);
            self.set_alarm(index);
            return;
        }
        let had_inputs = !self.devices[index].inbox.is_empty();
        let (taken, done) = self.take_in(index);
        for done in &done {
            if planted::answers_before_commit() {
                self.answer(index, done);
            }
        }
        let time = self.devices[index].time(now_us);
        let Some(machine) = self.devices[index].machine.as_mut() else { return };
        let committed = taken.and_then(|()| machine.commit(time));
        let failure = machine.failure().cloned();
        let puts = machine.store_mut().take_committed();
        let wrote = !puts.is_empty();
        self.watch(index, puts);
        match committed {
            Ok(outputs) => {
                for done in &done {
                    self.answer(index, done);
                }
                let busy = had_inputs || wrote || !outputs.is_empty();
                let device = &mut self.devices[index];
                device.idle = if busy { 0 } else { device.idle + 1 };
                self.carry_out(index, outputs);
                if let Some(error) = failure {
                    self.fail(index, &error);
                }
            }
            Err(error) => {
                #[cfg(feature = "planted")]
                if planted::is(planted::Bug::AckBeforeCommit)
                    && let Some(machine) = self.devices[index].machine.as_mut()
                {
                    let outputs = machine.uncommitted_outputs();
                    self.carry_out(index, outputs);
                }
                self.fail(index, &error);
            }
        }
        if !self.devices[index].inbox.is_empty() || self.has_room_again(index) {
            self.work_soon(index);
        }
        self.set_alarm(index);
    }

    /// Whether a connection is to be told more, and so little waits on it that no event will say so.
    fn has_room_again(&self, index: usize) -> bool {
        let device = &self.devices[index];
        let held_back = device.machine.iter().flat_map(|machine| machine.held_back());
        held_back
            .filter_map(|connection| device.connections.get(&connection))
            .any(|(link, end)| self.links.get(link).is_some_and(|link| link.ways[1 - end].queued < QUEUE_LOW))
    }

    /// Feeds the replica what waits.
    fn take_in(&mut self, index: usize) -> (Result<(), StoreError>, Vec<Done>) {
        let now_us = self.now_us;
        let mut done = Vec::new();
        let time = self.devices[index].time(now_us);
        {
            let device = &mut self.devices[index];
            let Some(machine) = device.machine.as_mut() else { return (Ok(()), done) };
            for (connection, (link, end)) in &device.connections {
                let queued = self.links.get(link).map_or(0, |link| link.ways[1 - end].queued);
                machine.set_queued(*connection, queued);
            }
        }
        let (mut heard, mut waiting) = (BTreeSet::new(), BTreeSet::new());
        let mut later = Vec::new();
        for _ in 0..BURST_INPUTS {
            let device = &mut self.devices[index];
            let Some(input) = device.inbox.pop_front() else { break };
            let Some(machine) = device.machine.as_mut() else { break };
            let taken = match input {
                Input::Frame(connection, bytes) => {
                    let limit = device.limits.get(&connection).copied().unwrap_or(limits::STRANGER_FRAME);
                    if !device.connections.contains_key(&connection) {
                        continue;
                    }
                    if bytes.len() > limit {
                        if heard.contains(&connection) {
                            // The limit may be about to be raised for a frame before it.
                            waiting.insert(connection);
                        } else if !waiting.contains(&connection) {
                            self.too_large(index, connection, bytes.len(), limit);
                            continue;
                        }
                    }
                    if waiting.contains(&connection) {
                        later.push(Input::Frame(connection, bytes));
                        continue;
                    }
                    heard.insert(connection);
                    self.trace.take(now_us, 16 + index as u64, &bytes);
                    machine.frame(time, connection, &bytes)
                }
                Input::Closed(connection, _) if waiting.contains(&connection) => {
                    later.push(input);
                    continue;
                }
                Input::Opened { connection, link, end, peer, exporter, dialled, address } => {
                    self.opened(index, connection, link, end, dialled, peer.device_id()).and_then(|()| {
                        let device = &mut self.devices[index];
                        let Some(machine) = device.machine.as_mut() else { return Ok(()) };
                        machine.connected(time, connection, peer, exporter, dialled, address)?;
                        machine.set_queued(connection, 0);
                        device.targets_at = Some(now_us);
                        Ok(())
                    })
                }
                Input::Closed(connection, reason) => {
                    if device.connections.remove(&connection).is_some() {
                        device.limits.remove(&connection);
                        if device.joining.as_ref().is_some_and(|joining| joining.asked == Some(connection)) {
                            device.joining = None;
                        }
                        device.targets_at = Some(now_us);
                        self.trace.take(now_us, 2, reason.as_bytes());
                        machine.disconnected(time, connection)
                    } else {
                        Ok(())
                    }
                }
                Input::Command(command) => {
                    device.targets_at.get_or_insert(now_us + TARGETS_US);
                    match self.obey(index, command) {
                        Ok(what) => {
                            done.push(what);
                            Ok(())
                        }
                        Err(CommandError::Store(error)) => Err(error),
                        Err(error) => {
                            self.trace.say(now_us, format_args!("{index} is told: {error}"));
                            Ok(())
                        }
                    }
                }
                Input::Unreached(target) => {
                    machine.unreached(time, target);
                    device.targets_at = Some(now_us);
                    Ok(())
                }
                Input::Drained => Ok(()),
            };
            if taken.is_err() {
                return (taken, done);
            }
        }
        let device = &mut self.devices[index];
        for input in later.into_iter().rev() {
            device.inbox.push_front(input);
        }
        if !heard.is_empty() {
            device.targets_at.get_or_insert(now_us + TARGETS_US);
        }
        (Ok(()), done)
    }

    fn opened(
        &mut self,
        index: usize,
        connection: ConnectionId,
        link: u64,
        end: usize,
        dialled: bool,
        peer: lanline_protocol::identity::DeviceId,
    ) -> Result<(), StoreError> {
        let now_us = self.now_us;
        let device = &self.devices[index];
        let before = device.machine.as_ref().and_then(|machine| machine.connection(peer));
        if let Some(before) = before
            && let Some((old, old_end)) = device.connections.get(&before).copied()
            && self.is_doubtful(old, old_end)
        {
            let device = &mut self.devices[index];
            device.connections.remove(&before);
            let time = device.time(now_us);
            if let Some(machine) = device.machine.as_mut() {
                machine.disconnected(time, before)?;
            }
            self.hang_up(old, old_end, "silent");
        }
        let device = &mut self.devices[index];
        device.connections.insert(connection, (link, end));
        device.limits.insert(connection, limits::STRANGER_FRAME);
        if !dialled {
            device.held.remove(&peer);
        }
        Ok(())
    }

    fn between_honest(&self, a: usize, b: Option<usize>) -> bool {
        b.is_some_and(|b| [a, b].iter().all(|device| self.devices[*device].liar.is_none()))
    }

    fn too_large(&mut self, index: usize, connection: ConnectionId, length: usize, limit: usize) {
        let Some((link, end)) = self.devices[index].connections.get(&connection).copied() else { return };
        let sender = self.links.get(&link).map(|link| link.ends[1 - end].device);
        if self.between_honest(index, sender) {
            let what = format!("{index} takes {limit} bytes of {sender:?} and is sent {length}");
            self.violate("frame too large", what);
        }
        self.hang_up(link, end, "frame_too_large");
        self.devices[index].inbox.push_front(Input::Closed(connection, "frame_too_large"));
    }

    /// Does what a person asks for.
    fn obey(&mut self, index: usize, command: Command) -> Result<Done, CommandError> {
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
            Command::MarkRead(room) => {
                let (messages, _) = machine.messages(room, None, 1)?;
                if let Some(last) = messages.last() {
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
        }
        Ok(Done::Nothing)
    }

    fn answer(&mut self, index: usize, done: &Done) {
        match done {
            Done::Said(at, entry) => self.ledger.answered(*at, *entry),
            Done::Created(room) => self.rooms.push(*room),
            Done::Invited(link) => self.invites.push(link.clone()),
            Done::Removed(room, other) => self.ledger.ended(*room, *other),
            Done::Left(room) => self.ledger.ended(*room, index),
            Done::Nothing => {}
        }
    }

    fn carry_out(&mut self, index: usize, outputs: Vec<Output>) {
        let now_us = self.now_us;
        for output in outputs {
            match output {
                Output::Send(connection, frame) => {
                    let Some((link, end)) = self.devices[index].connections.get(&connection).copied() else { continue };
                    if self.trace.prints() {
                        let words = crate::words::frame(&frame);
                        let to = self.links.get(&link).map(|link| link.ends[1 - end].device);
                        self.trace.say(now_us, format_args!("{index} to {}: {words}", to.unwrap_or(99)));
                    }
                    if let Some(liar) = self.devices[index].liar.as_mut() {
                        for frame in liar.send(connection, frame, &mut self.dice) {
                            self.send(link, 1 - end, Parcel::Frame(frame));
                        }
                        continue;
                    }
                    self.frames += 1;
                    self.last_frame_us = now_us;
                    self.send(link, 1 - end, Parcel::Frame(frame));
                }
                Output::Limit(connection, limit) => {
                    self.devices[index].limits.insert(connection, limit.bytes());
                }
                Output::Close(connection, reason) => {
                    let device = &mut self.devices[index];
                    device.limits.remove(&connection);
                    device.targets_at = Some(now_us);
                    if let Some((link, end)) = device.connections.remove(&connection) {
                        let sender = self.links.get(&link).map(|link| link.ends[1 - end].device);
                        if reason == CloseReason::BadFrame && self.between_honest(index, sender) {
                            let what = format!("{index} takes a frame of {sender:?} for one that no honest peer sends");
                            self.violate("bad frame", what);
                        }
                        self.hang_up(link, end, word(reason));
                    }
                }
                Output::Event(event) => self.note_event(index, &event),
            }
        }
    }

    fn note_event(&mut self, index: usize, event: &Event) {
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

    /// The store did not take it.
    fn fail(&mut self, index: usize, error: &StoreError) {
        self.trace.say(self.now_us, format_args!("{index}: {error}"));
        self.trace.take(self.now_us, 3, error.to_string().as_bytes());
        let device = &mut self.devices[index];
        let Some(machine) = device.machine.as_mut() else { return };
        let fault = machine.store_mut().fault();
        if machine.store_mut().power_was_cut() {
            let pause = self.dice.between(100_000, 20_000_000);
            self.crash(index, true);
            self.after(pause, Happening::Boot(index));
            return;
        }
        if fault == Fault::None {
            self.violate("store", format!("the store of {index} refuses: {error}"));
            return;
        }
        self.part_with_all(index);
        if matches!(error, StoreError::Failed(_)) {
            // It ends; a person starts it again once the disk was seen to.
            self.crash(index, false);
            return;
        }
        let device = &mut self.devices[index];
        let Some(machine) = device.machine.take() else { return };
        let mut store = machine.into_store();
        let _ = store.rollback();
        self.reopen(index, store);
        self.devices[index].refusing_until = Some(self.now_us + RETRY_US);
    }

    fn reopen(&mut self, index: usize, mut store: Disk) {
        let fault = store.fault();
        store.set_fault(Fault::None);
        let device = &mut self.devices[index];
        // It goes on with other random numbers than it drew for what was rolled back.
        device.boots += 1;
        match device.open(self.seed, self.now_us, store) {
            Ok(mut replica) => {
                replica.store_mut().set_fault(fault);
                self.devices[index].machine = Some(replica);
            }
            Err(error) => self.violate("store", format!("{index} cannot be opened: {error}")),
        }
        self.devices[index].dialer = Default::default();
    }

    fn part_with_all(&mut self, index: usize) {
        let connections = std::mem::take(&mut self.devices[index].connections);
        self.devices[index].limits.clear();
        self.devices[index].joining = None;
        for (link, end) in connections.into_values() {
            self.hang_up(link, end, "read_only");
        }
    }

    /// While nothing is taken in.
    fn refuse(&mut self, index: usize) {
        for input in std::mem::take(&mut self.devices[index].inbox) {
            if let Input::Opened { link, end, .. } = input {
                self.hang_up(link, end, "read_only");
            }
        }
        let now_us = self.now_us;
        let device = &mut self.devices[index];
        if device.refusing_until.is_none_or(|at| at > now_us) {
            return;
        }
        let Some(machine) = device.machine.as_mut() else { return };
        let store = machine.store_mut();
        let tried = store
            .put_value("retry", Some(&vec![0; RETRY_BYTES]))
            .and_then(|()| store.commit())
            .and_then(|()| store.put_value("retry", None))
            .and_then(|()| store.commit());
        match tried {
            Ok(()) => {
                device.refusing_until = None;
                device.targets_at = Some(now_us);
                let addresses = device.addresses();
                self.give(index, Input::Command(Command::Listen(addresses)));
            }
            Err(_) => {
                let _ = store.rollback();
                device.refusing_until = Some(now_us + RETRY_US);
            }
        }
    }
}

fn word(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::BadFrame => "bad_frame",
        CloseReason::Replaced => "replaced",
        CloseReason::Stranger => "stranger",
        CloseReason::Removed => "removed",
        CloseReason::Renewed => "renewed",
        CloseReason::Surplus => "surplus",
    }
}
