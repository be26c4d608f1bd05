//! What the replica says is to be done, once it is committed.

use lanline_protocol::{
    clock::Time,
    command::CommandError,
    frame::ReachOutcome,
    id::{EntryId, RoomId},
    identity::DeviceId,
    name,
    replica::{self, Event as Happened, Output},
};

use tokio::sync::mpsc::UnboundedSender;

use super::Machine;
use crate::{
    api::{Event, Message, Notice, NoticeKind},
    board::Board,
    impostors::Impostors,
    net::CloseReason,
    reaching,
};

impl Machine {
    /// Carries out what follows a commit, in order. Whether there was a notice in it.
    pub(super) fn carry_out(
        &mut self,
        now: Time,
        outputs: Vec<Output>,
        board: &Board,
        impostors: &Impostors,
        reaches: &UnboundedSender<reaching::Asked>,
    ) -> bool {
        let mut noticed = false;
        for output in outputs {
            match output {
                Output::Send(connection, frame) => {
                    if let Some(handle) = self.connections.handle(connection) {
                        handle.send(frame.into());
                    }
                }
                Output::Limit(connection, limit) => {
                    if let Some(handle) = self.connections.handle(connection) {
                        handle.set_limit(limit);
                    }
                }
                Output::Close(connection, reason) => {
                    let reason = close_reason(reason);
                    if let Some(open) = self.connections.ended(now.steady_ms, connection, &reason) {
                        open.handle.close(reason);
                    }
                }
                Output::Reach(connection, port) => {
                    let mut address = self.connections.address(connection);
                    if let Some(address) = &mut address {
                        address.set_port(port);
                    }
                    let asked = address.is_some_and(|address| reaches.send((connection, address)).is_ok());
                    if !asked {
                        self.replica.reached(now, connection, ReachOutcome::Untried);
                    }
                }
                Output::Event(happened) => {
                    if let Happened::PeerConnected(_, device) = happened {
                        impostors.back(device);
                    }
                    match self.event(now, happened, board) {
                        Some(Event::Notice(notice)) => {
                            board.notice(notice);
                            noticed = true;
                        }
                        Some(event) => board.emit(event),
                        None => {}
                    }
                }
            }
        }
        for (device, reason) in self.connections.overdue(&self.replica, now.steady_ms) {
            board.emit(Event::PeerDisconnected { device_id: device.to_string(), reason });
        }
        noticed
    }

    /// What people are told, if anything.
    fn event(&mut self, now: Time, happened: Happened, board: &Board) -> Option<Event> {
        match happened {
            // To look a message up takes as long as to store it.
            Happened::Incoming(_) | Happened::Sent(_) | Happened::Status(_) if !board.is_heard() => None,
            Happened::Incoming(id) => {
                let message = Box::new(self.message(id, board)?);
                Some(Event::IncomingMessage { message })
            }
            Happened::Sent(id) => {
                let message = Box::new(self.message(id, board)?);
                Some(Event::MessageSent { message })
            }
            Happened::Status(id) => {
                let Message { id, status, stored_by, delivered_to, read_by, .. } = self.message(id, board)?;
                Some(Event::MessageStatus { id, status, stored_by, delivered_to, read_by })
            }
            Happened::PeerConnected(_, device) => {
                if !self.connections.greeted(device) {
                    return None;
                }
                let event = self.peer_connected(device);
                if event.is_none() {
                    // Gone again since: nobody heard that it came.
                    self.connections.untold(device);
                }
                event
            }
            Happened::PeerDisconnected(device) => {
                let reason = self.connections.gone(now.steady_ms, device)?;
                Some(Event::PeerDisconnected { device_id: device.to_string(), reason })
            }
            Happened::Receipts(room, device) => {
                Some(Event::ReceiptsChanged { room: room.to_string(), device_id: device.to_string() })
            }
            Happened::Read(room) => Some(Event::RoomRead { room: room.to_string() }),
            Happened::Room(room) => Some(Event::RoomChanged { room: room.to_string() }),
            Happened::Damaged(..)
            | Happened::Repaired(..)
            | Happened::Renewed
            | Happened::OpinionsLost
            | Happened::Forked(..)
            | Happened::Frozen(..) => Some(Event::Notice(self.notice(now, happened, board)?)),
            Happened::Joined(connection, room) => {
                self.connections.joined(connection, room, None);
                None
            }
            Happened::JoinRefused(connection, room, refusal) => {
                self.connections.joined(connection, room, Some(refusal));
                None
            }
            Happened::PairRefused(connection, refusal) => {
                self.connections.unpaired(connection, refusal);
                None
            }
            Happened::CodeEnded(room, end) => {
                let wrong = end == replica::CodeEnd::Wrong;
                Some(Event::CodeEnded { room: room.to_string(), wrong })
            }
            Happened::Reached(device, view) => {
                self.connections.viewed(device, &view);
                None
            }
            Happened::ComparisonShown(device, pictures) => {
                // Whoever asked here shows them.
                if self.connections.compared(device, Ok(pictures)) {
                    return None;
                }
                let name = self.called(device);
                Some(Event::CompareAsked { device_id: device.to_string(), name, pictures: pictures.into() })
            }
            Happened::ComparisonEnded(device, how, shown) => {
                self.connections.compared(device, Err(how));
                let (device_id, name) = (device.to_string(), self.called(device));
                shown.then(|| Event::CompareEnded { device_id, name, reason: how.into() })
            }
        }
    }

    /// What a person is told of what this device keeps.
    fn notice(&self, now: Time, happened: Happened, board: &Board) -> Option<Notice> {
        let name = |room| self.replica.room_name(room).unwrap_or_default();
        let entries =
            |count| if count == 1 { "1 message or change".into() } else { format!("{count} messages or changes") };
        // Damage is found bit by bit, and each notice takes the place of the one before it.
        let told = |kind, room: RoomId| board.told_count(kind, &room.to_string());
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        let (kind, room, device, count, text) = match happened {
            Happened::Damaged(room, count) => {
                let count = told(NoticeKind::Damaged, room).saturating_add(number(count));
                let (entries, name) = (entries(count), name(room));
                let text = format!("The disk damaged {entries} in \"{name}\": they are asked of its other members.");
                (NoticeKind::Damaged, Some(room), None, Some(count), text)
            }
            Happened::Repaired(room, count) => {
                // Nothing is left to come, so all that was told came; some of it maybe before this start.
                let count = number(count).max(told(NoticeKind::Damaged, room));
                let count = told(NoticeKind::Repaired, room).saturating_add(count);
                let (entries, name) = (entries(count), name(room));
                let text = format!("{entries} in \"{name}\" that the disk had damaged came back from other members.");
                (NoticeKind::Repaired, Some(room), None, Some(count), text)
            }
            Happened::Renewed => {
                let text = "The data of this device is an older copy: what came after it comes back from the others.";
                (NoticeKind::Renewed, None, None, None, text.to_owned())
            }
            Happened::OpinionsLost => {
                let text = "The disk damaged what you had said of other devices, as their names here and who is blocked: see \
                            who is known, and say it again.";
                (NoticeKind::OpinionsLost, None, None, None, text.to_owned())
            }
            Happened::Forked(room, device) => {
                let who = self.replica.name_in(room, device).unwrap_or_default();
                let name = name(room);
                let text = format!(
                    "{who} said different things at once in \"{name}\": its data may have been copied. All of it is shown."
                );
                (NoticeKind::Forked, Some(room), Some(device), None, text)
            }
            Happened::Frozen(room, owner) => {
                let who = self.replica.name_in(room, owner).unwrap_or_default();
                let name = name(room);
                let text = format!(
                    "{who}, the owner of \"{name}\", changed it in two ways at once: its data may have been copied. \
                     What it changes counts no more until the members vote for an owner."
                );
                (NoticeKind::Frozen, Some(room), Some(owner), None, text)
            }
            _ => return None,
        };
        Some(Notice {
            id: 0, // given where it is kept
            kind,
            at: now.wall_ms(),
            room: room.map(|room| room.to_string()),
            device_id: device.map(|device| device.to_string()),
            count,
            text,
        })
    }

    /// Tells that what a member writes is taken slowly, whoever brings it; not of one who is in no room of this device.
    pub(super) fn tell_slowed(&self, now: Time, device: DeviceId, board: &Board) -> bool {
        let Some(name) = self.replica.name_of_fellow(device) else { return false };
        let name = name::shown(&name, &device);
        board.notice(Notice {
            id: 0, // given where it is kept
            kind: NoticeKind::Slowed,
            at: now.wall_ms(),
            room: None,
            device_id: Some(device.to_string()),
            count: None,
            text: format!(
                "{name} wrote so much at once that the rest is taken slowly, to leave room on this disk. An owner of a \
                 room can remove a member."
            ),
        });
        true
    }

    /// What a device is called here that is connected or was met; empty where no name of it is known.
    fn called(&self, device: DeviceId) -> String {
        if let Some(peer) = self.replica.peers().into_iter().find(|peer| peer.device == device) {
            return peer.name;
        }
        let met = self.replica.devices().into_iter().find(|met| met.device == device);
        met.map(|met| met.given_name.unwrap_or(met.name)).unwrap_or_default()
    }

    /// By its device: another connection may have taken over since it said hello.
    fn peer_connected(&self, device: DeviceId) -> Option<Event> {
        let peer = self.replica.peers().into_iter().find(|peer| peer.device == device)?;
        Some(Event::PeerConnected { device_id: device.to_string(), name: peer.name, address: peer.address })
    }

    /// `None` where it does not count, or no more.
    fn message(&self, id: EntryId, board: &Board) -> Option<Message> {
        match self.replica.message(id) {
            Ok(message) => Some(message.into()),
            Err(CommandError::NotFound(_)) => None,
            Err(error) => {
                tracing::error!(%error, "a message that was just stored cannot be read");
                // Whoever shows messages asks for them again, and hears then what is wrong.
                board.emit(Event::EventsLost { count: 1 });
                None
            }
        }
    }
}

fn close_reason(reason: replica::CloseReason) -> CloseReason {
    match reason {
        replica::CloseReason::BadFrame => CloseReason::BadFrame,
        replica::CloseReason::Replaced => CloseReason::Replaced,
        replica::CloseReason::Stranger => CloseReason::Stranger,
        replica::CloseReason::Removed => CloseReason::Removed,
        replica::CloseReason::Renewed => CloseReason::Renewed,
        replica::CloseReason::Surplus => CloseReason::Surplus,
        // It is told no more than that a person here wants no connection: it does not dial again by itself.
        replica::CloseReason::Blocked => CloseReason::Disconnected,
    }
}
