//! What comes on connections: taken in, or made to wait.

use std::time::Duration;

use lanline_protocol::{checked, clock::Time, id::Hash, session::ConnectionId, store::StoreError};

use super::{Machine, input::Burst, thread::Thread};
use crate::{
    net::{CloseReason, ConnectionEvent, ConnectionHandle, QUEUE_LOW, show},
    platform,
};

/// A connection that leaves a ping unanswered for this long gives way to another of the same device.
const SILENT: Duration = Duration::from_secs(3);
/// The same where nothing came at all, and the device dialled the other one: before that it was asked whether it is there.
const SILENT_ASKED: Duration = Duration::from_millis(500);

/// The word by which a peer says that the person there asked for the end.
const DISCONNECTED: &str = "disconnected";

impl Thread {
    /// Gives back what came on a connection and is to be taken now.
    pub(super) fn hold(&mut self, now: Time, event: ConnectionEvent) -> Option<ConnectionEvent> {
        let (id, is_batch) = match &event {
            ConnectionEvent::Frame { id, bytes, .. } => (id, checked::is_batch(bytes)),
            ConnectionEvent::Batch { id, .. } => (id, true),
            _ => return Some(event),
        };
        let id = ConnectionId(id.0);
        match self.machine.as_ref().and_then(|machine| machine.connections.open.get(&id)) {
            Some(open) => self.allowances.hold(now.steady_ms, (open.device, id), is_batch, event),
            None => Some(event),
        }
    }

    /// Takes what came on a connection, and charges what of it was stored.
    pub(super) fn take_frame(
        &mut self,
        now: Time,
        event: ConnectionEvent,
        burst: &mut Burst,
    ) -> Result<(), StoreError> {
        let Some(machine) = self.machine.as_mut() else { return Ok(()) };
        let id = match event {
            ConnectionEvent::Frame { id, bytes, permit } => {
                burst.permits.push(permit);
                machine.replica.frame(now, ConnectionId(id.0), &bytes)?;
                id
            }
            ConnectionEvent::Batch { id, batch, permit } => {
                burst.permits.push(permit);
                machine.replica.batch(now, ConnectionId(id.0), batch)?;
                id
            }
            _ => return Ok(()),
        };
        let by = machine.connections.open.get(&ConnectionId(id.0)).map(|open| open.device);
        for (author, bytes) in machine.replica.take_stored() {
            let author = author.device_id();
            let by = (by.unwrap_or(author), author);
            self.allowances.charge(now.steady_ms, by, bytes, || platform::free(self.folder.path()));
        }
        Ok(())
    }
}

impl Machine {
    /// Takes what happened on a connection, frames and batches excepted.
    pub(super) fn take_event(&mut self, now: Time, event: ConnectionEvent) -> Result<(), StoreError> {
        match event {
            ConnectionEvent::Opened { id, peer, exporter, address, dialled, handle } => {
                let (id, device) = (ConnectionId(id.0), peer.device_id());
                if let Some(before) = self.replica.connection(device) {
                    let handle = self.connections.handle(before);
                    let is_silent = |handle: &ConnectionHandle| {
                        handle.unanswered().is_some_and(|waiting| waiting >= SILENT)
                            || (!dialled && handle.silent().is_some_and(|silent| silent >= SILENT_ASKED))
                    };
                    if handle.is_some_and(is_silent) {
                        self.end(now, before, &CloseReason::Silent)?;
                    }
                }
                self.connections.opened(id, device, handle, (address, dialled));
                let (exporter, address) = (Hash::new(exporter), show(&address));
                self.replica.connected(now, id, peer, exporter, dialled, address)?;
                // Nothing of it is known yet, which would mean that there is no limit.
                self.replica.set_queued(id, 0);
                Ok(())
            }
            ConnectionEvent::Closed { id, reason } => {
                let id = ConnectionId(id.0);
                if reason.said() == Some(DISCONNECTED)
                    && let Some(open) = self.connections.open.get(&id)
                {
                    self.hold(id, open.device);
                }
                match self.connections.ended(now.steady_ms, id, &reason) {
                    Some(_) => self.replica.disconnected(now, id),
                    None => Ok(()),
                }
            }
            // That there is room again is looked at before every burst; this one is for that.
            ConnectionEvent::Frame { .. } | ConnectionEvent::Batch { .. } | ConnectionEvent::Drained { .. } => Ok(()),
        }
    }

    /// Tells the replica how much waits on each connection on which that may be much.
    pub(super) fn note_queues(&mut self) {
        for connection in self.replica.filled().collect::<Vec<_>>() {
            if let Some(handle) = self.connections.handle(connection) {
                self.replica.set_queued(connection, handle.queued_bytes());
            }
        }
    }

    /// Whether a connection is to be told more, and so little waits on it that no event will say so.
    pub(super) fn has_room_again(&self) -> bool {
        let mut held_back = self.replica.held_back().filter_map(|connection| self.connections.handle(connection));
        held_back.any(|handle| handle.queued_bytes() < QUEUE_LOW)
    }

    /// Tells the replica whom people want to be connected to or to be left alone, where that changed.
    pub(super) fn tell_wishes(&mut self) {
        if std::mem::take(&mut self.connections.wishes_changed) {
            self.replica.set_wishes(self.connections.asked.clone(), self.connections.held.clone());
        }
    }
}
