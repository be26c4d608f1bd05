//! How a device is driven: as the engine's core thread does (`engine::core::thread`). What waits is taken in, one commit
//! makes it durable, and only then is anything sent or answered.

use std::collections::BTreeSet;

use lanline_protocol::command::CommandError;
use lanline_protocol::limits;
use lanline_protocol::replica::{CloseReason, Output};
use lanline_protocol::session::ConnectionId;
use lanline_protocol::store::StoreError;

use crate::asking::{DISCONNECTED, Done};
use crate::device::Input;
use crate::network::{Parcel, QUEUE_LOW};
use crate::planted;
use crate::world::World;

const BURST_INPUTS: usize = 1024;

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
            self.publish_targets(index);
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
        self.publish_targets(index);
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
            for connection in machine.filled().collect::<Vec<_>>() {
                let Some((link, end)) = device.connections.get(&connection) else { continue };
                let queued = self.links.get(link).map_or(0, |link| link.ways[1 - end].queued);
                machine.set_queued(connection, queued);
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
                        Ok(())
                    })
                }
                Input::Closed(connection, reason) => {
                    if device.connections.remove(&connection).is_some() {
                        let left = (reason == DISCONNECTED && machine.is_with_fellow(connection))
                            .then(|| machine.peers().into_iter().find(|peer| peer.connection == connection))
                            .flatten();
                        let ended = machine.disconnected(time, connection);
                        if let Some(peer) = left {
                            device.hold(peer.device);
                        }
                        device.limits.remove(&connection);
                        if device.joining.as_ref().is_some_and(|joining| joining.asked == Some(connection)) {
                            device.joining = None;
                        }
                        self.trace.take(now_us, 2, reason.as_bytes());
                        ended
                    } else {
                        Ok(())
                    }
                }
                Input::Command(command) => match self.obey(index, command) {
                    Ok(what) => {
                        done.push(what);
                        Ok(())
                    }
                    Err(CommandError::Store(error)) => Err(error),
                    Err(error) => {
                        self.trace.say(now_us, format_args!("{index} is told: {error}"));
                        Ok(())
                    }
                },
                Input::Unreached(target) => {
                    machine.unreached(time, target);
                    Ok(())
                }
                Input::Moved => {
                    machine.moved();
                    device.dialer.begin_anew(now_us);
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
        if std::mem::take(&mut device.wishes_changed)
            && let Some(machine) = device.machine.as_mut()
        {
            machine.set_wishes(device.asked.clone(), device.held.clone());
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
            device.wishes_changed |= device.held.remove(&peer);
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
                    if self.links.get(&link).is_none_or(|known| !known.is_opening(now_us)) {
                        self.last_frame_us = now_us;
                    }
                    self.send(link, 1 - end, Parcel::Frame(frame));
                }
                Output::Limit(connection, limit) => {
                    self.devices[index].limits.insert(connection, limit.bytes());
                }
                Output::Close(connection, reason) => {
                    let device = &mut self.devices[index];
                    device.limits.remove(&connection);
                    if let Some((link, end)) = device.connections.remove(&connection) {
                        let sender = self.links.get(&link).map(|link| link.ends[1 - end].device);
                        if reason == CloseReason::BadFrame && self.between_honest(index, sender) {
                            let what = format!("{index} takes a frame of {sender:?} for one that no honest peer sends");
                            self.violate("bad frame", what);
                        }
                        self.hang_up(link, end, word(reason));
                    }
                }
                // Nobody asks for it here: no device of these has an address.
                Output::Reach(..) => {}
                Output::Event(event) => self.note_event(index, &event),
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
        CloseReason::Blocked => "blocked",
    }
}
