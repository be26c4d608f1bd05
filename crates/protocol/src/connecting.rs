//! Connections: who is there, and which of two survives.

use crate::clock::Time;
use crate::comparing::CompareOver;
use crate::frame::{Frame, Hello};
use crate::id::Hash;
use crate::identity::{DeviceId, PublicKey};
use crate::limits;
use crate::name;
use crate::replica::{CloseReason, Event, Output, Peer, Replica};
use crate::session::{ConnectionId, Session};
use crate::store::{Device, Store, StoreError};

impl<S: Store> Replica<S> {
    /// Takes a connection whose handshake showed that `peer` is there.
    ///
    /// Of two connections with one device, the one dialled by the device with the smaller id survives; of two
    /// that the same device dialled, the newer. A caller that knows the older one to be silent reports its
    /// end first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn connected(
        &mut self,
        now: Time,
        connection: ConnectionId,
        peer: PublicKey,
        exporter: Hash,
        dialled: bool,
        address: String,
    ) -> Result<(), StoreError> {
        let device = peer.device_id();
        if self.known.is_blocked(&peer) {
            self.out.push(Output::Close(connection, CloseReason::Blocked));
            return Ok(());
        }
        if let Some(existing) = self.by_device.get(&device).copied() {
            let existing_dialled = self.sessions.get(&existing).is_some_and(|session| session.dialled);
            let mine_survives = self.device < device;
            if existing_dialled != dialled && existing_dialled == mine_survives {
                self.out.push(Output::Close(connection, CloseReason::Replaced));
                return Ok(());
            }
            self.forget_session(existing);
            self.out.push(Output::Close(existing, CloseReason::Replaced));
        }
        let session = Session::new(peer, exporter, dialled, address.clone(), now);
        self.by_device.insert(device, connection);
        self.sessions.insert(connection, session);
        self.gathering.connected(device, dialled.then_some(connection));
        self.due.insert(connection);
        let hello = Hello { store: self.store.store_id(), name: self.name.clone(), agent: self.agent.clone() };
        self.send(connection, &Frame::Hello(hello));
        Ok(())
    }

    /// Says how many bytes of what this connection was given to send still wait. Between a commit, whose outputs were
    /// carried out, and the next frame or command. What can wait is held back while there are too many; a caller that
    /// never says is given everything at once.
    pub fn set_queued(&mut self, connection: ConnectionId, bytes: usize) {
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.queued = Some(bytes);
            if bytes < limits::QUEUE_NOTED {
                self.filled.remove(&connection);
            } else {
                self.filled.insert(connection);
            }
        }
    }

    /// Connections that so much may wait on that it is worth a look, and then [`Replica::set_queued`], before the next
    /// frames and commands. Of all others less waits than the replica was told and has given since.
    pub fn filled(&self) -> impl Iterator<Item = ConnectionId> {
        self.filled.iter().copied()
    }

    /// Connections that are to be told more once less waits on them. Then call [`Replica::set_queued`] and commit.
    pub fn held_back(&self) -> impl Iterator<Item = ConnectionId> {
        self.held_back.iter().copied()
    }

    /// Takes the end of a connection.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn disconnected(&mut self, now: Time, connection: ConnectionId) -> Result<(), StoreError> {
        let ended = self.forget_session(connection);
        if let Some((session, _)) = &ended
            && !self.by_device.contains_key(&session.device)
        {
            self.gathering.parted(now, session.device);
            self.gathering.ended(now, session);
        }
        if let Some((session, true)) = ended {
            let address = session.dialled.then(|| session.address.clone());
            self.note_seen(&session.peer, None, address, now)?;
            self.out.push(Output::Event(Event::PeerDisconnected(session.device)));
        }
        Ok(())
    }

    pub(crate) fn forget_session(&mut self, connection: ConnectionId) -> Option<(Session, bool)> {
        let session = self.sessions.remove(&connection)?;
        self.held_back.remove(&connection);
        self.filled.remove(&connection);
        self.gathering.forgot(connection);
        if self.by_device.get(&session.device) == Some(&connection) {
            self.by_device.remove(&session.device);
        }
        for joining in &session.joining {
            self.forget_unjoined(joining.room);
        }
        if let Some(comparing) = &session.comparing {
            self.out.extend(comparing.over(session.device, CompareOver::Gone));
        }
        let announced = session.hello.is_some();
        Some((session, announced))
    }

    /// Ends a connection from this side, and tells people if they knew of it.
    pub(crate) fn close(&mut self, connection: ConnectionId, reason: CloseReason) {
        if let Some((session, announced)) = self.forget_session(connection) {
            self.out.push(Output::Close(connection, reason));
            if announced {
                self.out.push(Output::Event(Event::PeerDisconnected(session.device)));
            }
        }
    }

    pub(crate) fn on_hello(&mut self, now: Time, connection: ConnectionId, hello: Hello) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        let (peer, device) = (session.peer, session.device);
        let address = session.dialled.then(|| session.address.clone());
        session.hello = Some(hello.clone());
        self.note_seen(&peer, Some(hello.name), address, now)?;
        self.out.push(Output::Event(Event::PeerConnected(connection, device)));
        self.open_rooms(connection)?;
        self.tell_removed(connection)
    }

    /// A second hello tells a new name; another store would be another connection.
    pub(crate) fn on_rename(&mut self, now: Time, connection: ConnectionId, hello: &Hello) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let Some(known) = session.hello.as_mut().filter(|known| known.store == hello.store) else {
            return Ok(false);
        };
        known.name.clone_from(&hello.name);
        let peer = session.peer;
        self.note_seen(&peer, Some(hello.name.clone()), None, now)?;
        Ok(true)
    }

    pub(crate) fn note_seen(
        &mut self,
        key: &PublicKey,
        name: Option<String>,
        address: Option<String>,
        now: Time,
    ) -> Result<(), StoreError> {
        // Strangers leave no trace: whoever connects could otherwise fill the disk.
        if !self.rooms.values().any(|room| room.is_member(key)) {
            return Ok(());
        }
        let wall_ms = now.wall_ms();
        let device = self.devices.entry(*key).or_insert_with(|| Device {
            key: *key,
            name: String::new(),
            address: None,
            first_seen_at: wall_ms,
            last_seen_at: wall_ms,
        });
        device.last_seen_at = wall_ms;
        if let Some(name) = name {
            device.name = name;
        }
        if address.is_some() && device.address != address {
            device.address = address;
            self.gathering.found();
        }
        self.wrote = true;
        self.store.put_device(device)
    }

    /// Whether a device was met, or is a member of a room of this one's; not where it is blocked.
    pub fn knows(&self, device: DeviceId) -> bool {
        self.fellow(device).is_some_and(|key| !self.known.is_blocked(&key))
    }

    pub(crate) fn fellow(&self, device: DeviceId) -> Option<PublicKey> {
        let members = self.own_rooms().flat_map(|room| room.membership.iter().flat_map(|m| m.members.keys()));
        self.devices.keys().chain(members).find(|key| key.device_id() == device).copied()
    }

    /// A device that is known here, `found`, proved to be where another was thought to be: addresses change hands.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn took_over(&mut self, now: Time, found: DeviceId, other: DeviceId, address: &str) -> Result<(), StoreError> {
        let (Some(found), other) = (self.fellow(found), self.fellow(other)) else { return Ok(()) };
        let gone = other.and_then(|other| self.devices.get_mut(&other));
        if let Some(gone) = gone.filter(|gone| gone.address.as_deref() == Some(address)) {
            gone.address = None;
            self.wrote = true;
            self.store.put_device(gone)?;
        }
        self.gathering.found();
        self.note_seen(&found, None, Some(address.to_owned()), now)
    }

    pub(crate) fn close_strangers(&mut self, now: Time) {
        if now.steady_ms < self.strangers_due_ms {
            return;
        }
        self.strangers_due_ms = now.steady_ms + limits::LOOK_MS;
        let strangers: Vec<ConnectionId> = self
            .sessions
            .iter_mut()
            .filter_map(|(connection, session)| {
                if session.shares_a_room() || !session.joining.is_empty() || !session.tellings.is_empty() {
                    session.stranger_since_ms = now.steady_ms;
                }
                let until = session.stranger_since_ms + limits::STRANGER_MS;
                self.strangers_due_ms = self.strangers_due_ms.min(until);
                (now.steady_ms >= until).then_some(*connection)
            })
            .collect();
        for connection in strangers {
            if let Some(session) = self.sessions.get(&connection) {
                self.gathering.ended(now, session);
            }
            self.close(connection, CloseReason::Stranger);
        }
    }

    /// Who is connected, in order of connecting.
    pub fn peers(&self) -> Vec<Peer> {
        self.sessions
            .iter()
            .filter_map(|(connection, session)| {
                let hello = session.hello.as_ref()?;
                Some(Peer {
                    connection: *connection,
                    device: session.device,
                    name: name::of_device(self.known.name(&session.peer).unwrap_or(&hello.name), &session.peer),
                    address: session.address.clone(),
                    dialled: session.dialled,
                    rooms: session.shared.iter().filter(|(_, shared)| shared.open()).map(|(room, _)| *room).collect(),
                })
            })
            .collect()
    }

    /// Whether the device on a connection is a member of a room that this one is a member of.
    pub fn is_with_fellow(&self, connection: ConnectionId) -> bool {
        let Some(session) = self.sessions.get(&connection) else { return false };
        self.rooms.values().any(|room| room.is_member(&session.peer) && room.is_member(&self.me))
    }

    /// The connection with a device, if there is one.
    pub fn connection(&self, device: DeviceId) -> Option<ConnectionId> {
        self.by_device.get(&device).copied()
    }
}
