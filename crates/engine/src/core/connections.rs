//! The connections that the core holds, what people were told of them, and who waits for something on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use lanline_protocol::{
    comparing::CompareOver,
    comparison::Pictures,
    frame::{PairRefusal, Refusal},
    id::RoomId,
    identity::DeviceId,
    reaching::View,
    session::ConnectionId,
};
use tokio::sync::oneshot;

use super::Replica;
use crate::net::{CloseReason, ConnectionHandle};

/// How long a device may be without a connection when the last one was replaced, before people are told that it is
/// gone: the one that replaces it may be a moment late.
const REPLACED_MS: u64 = 2000;

/// The word by which a peer says that another connection takes over.
const REPLACED: &str = "replaced";

/// How a join ended.
#[derive(Debug)]
pub(crate) enum JoinEnd {
    Joined(RoomId),
    Refused(Refusal),
    /// By code.
    Unpaired(PairRefusal),
    Closed(CloseReason),
}

/// Where it is told what is compared with a device, or why nothing is.
type Compared = oneshot::Sender<Result<Pictures, CompareOver>>;

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Connections {
    pub(super) open: BTreeMap<ConnectionId, Open>,
    /// Devices that people believe connected.
    told: BTreeSet<DeviceId>,
    /// Those of them that are gone, which is not told yet: until when it is not, and why they are gone.
    replaced: BTreeMap<DeviceId, (u64, String)>,
    /// Devices whose connection ended since the last commit, and why.
    ended: BTreeMap<DeviceId, String>,
    /// Devices that are not dialled by themselves, because somebody asked for the end.
    pub(super) held: BTreeSet<DeviceId>,
    /// Devices that a person here asked for.
    pub(super) asked: BTreeSet<DeviceId>,
    /// Whether the replica is still to be told of these two.
    pub(super) wishes_changed: bool,
    greetings: Vec<Greeting>,
    joins: Vec<Join>,
    comparisons: Vec<(DeviceId, Compared)>,
    /// Who waits for what a device says of reaching this one, and at which port.
    views: Vec<(DeviceId, u16, oneshot::Sender<View>)>,
}

pub(super) struct Open {
    pub(super) device: DeviceId,
    pub(super) handle: ConnectionHandle,
    pub(super) dialled: bool,
    /// Of the other end.
    address: SocketAddr,
}

struct Greeting {
    connection: ConnectionId,
    device: DeviceId,
    /// Until when, in steady milliseconds, another connection may take over from the one that ended, and why it ended.
    until: Option<(u64, CloseReason)>,
    answer: oneshot::Sender<Result<(), CloseReason>>,
}

struct Join {
    connection: ConnectionId,
    /// `None`: by a code, so that it is not known before.
    room: Option<RoomId>,
    answer: oneshot::Sender<JoinEnd>,
}

impl Connections {
    pub(super) fn handle(&self, connection: ConnectionId) -> Option<&ConnectionHandle> {
        self.open.get(&connection).map(|open| &open.handle)
    }

    /// A new connection. A device that dials in is no longer left alone.
    pub(super) fn opened(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        handle: ConnectionHandle,
        (address, dialled): (SocketAddr, bool),
    ) {
        self.open.insert(id, Open { device, handle, dialled, address });
        if !dialled {
            self.wishes_changed |= self.held.remove(&device);
        }
        for greeting in self.greetings.iter_mut().filter(|greeting| greeting.device == device) {
            if greeting.until.take().is_some() {
                greeting.connection = id;
            }
        }
    }

    /// Where the other end of a connection is.
    pub(crate) fn address(&self, connection: ConnectionId) -> Option<SocketAddr> {
        self.open.get(&connection).map(|open| open.address)
    }

    /// The last measured time for a word there and back, in milliseconds; 0 before the first.
    pub(crate) fn rtt_ms(&self, connection: ConnectionId) -> u64 {
        let rtt = self.handle(connection).and_then(ConnectionHandle::rtt).unwrap_or_default();
        u64::try_from(rtt.as_millis()).unwrap_or(u64::MAX)
    }

    /// Connections that other devices dialled.
    pub(crate) fn accepted(&self) -> Vec<ConnectionId> {
        self.open.iter().filter(|(_, open)| !open.dialled).map(|(connection, _)| *connection).collect()
    }

    /// Connections that hang on an address that this device has no more: nothing comes or goes on them.
    pub(crate) fn astray(&self, here: &[IpAddr]) -> Vec<ConnectionId> {
        let gone = |ip: IpAddr| !ip.is_loopback() && !here.contains(&ip);
        let astray = self.open.iter().filter(|(_, open)| open.handle.local().is_some_and(gone));
        astray.map(|(connection, _)| *connection).collect()
    }

    /// Leaves a device alone until somebody asks for it, or it dials in.
    pub(crate) fn hold(&mut self, device: DeviceId) {
        self.wishes_changed |= self.held.insert(device) | self.asked.remove(&device);
    }

    /// Somebody asked for a device: it is no longer left alone.
    pub(crate) fn release(&mut self, device: DeviceId) {
        self.wishes_changed |= self.held.remove(&device);
    }

    /// Stays with a device that somebody asked for, until somebody asks for the end.
    pub(crate) fn stay_with(&mut self, device: DeviceId) {
        self.wishes_changed |= self.asked.insert(device);
    }

    /// Answers when the device on a new connection has said hello, there or on the one that replaces it; or why the
    /// connection ended before.
    pub(crate) fn greet(
        &mut self,
        replica: &Replica,
        connection: ConnectionId,
        device: DeviceId,
        answer: oneshot::Sender<Result<(), CloseReason>>,
    ) {
        let result = if is_greeted(replica, device) {
            Ok(())
        } else if replica.connection(device).is_none() && !self.open.contains_key(&connection) {
            Err(CloseReason::Reset)
        } else {
            self.greetings.retain(|greeting| !greeting.answer.is_closed());
            let other = self.open.iter().find(|(_, open)| open.device == device).map(|(id, _)| *id);
            let connection = if self.open.contains_key(&connection) { connection } else { other.unwrap_or(connection) };
            self.greetings.push(Greeting { connection, device, until: None, answer });
            return;
        };
        // Whoever asked may have gone.
        let _ = answer.send(result);
    }

    /// How many wait for a device's hello.
    #[cfg(test)]
    pub(crate) fn awaited(&self, device: DeviceId) -> usize {
        self.greetings.iter().filter(|greeting| greeting.device == device).count()
    }

    /// Answers when a join is decided or its connection ends. One by code has no room yet.
    pub(crate) fn await_join(
        &mut self,
        connection: ConnectionId,
        room: Option<RoomId>,
        answer: oneshot::Sender<JoinEnd>,
    ) {
        self.joins.retain(|join| !join.answer.is_closed());
        self.joins.push(Join { connection, room, answer });
    }

    pub(super) fn joined(&mut self, connection: ConnectionId, room: RoomId, refusal: Option<Refusal>) {
        let is_it = |join: &mut Join| join.connection == connection && join.room.is_none_or(|asked| asked == room);
        for join in self.joins.extract_if(.., is_it) {
            let _ = join.answer.send(refusal.map_or(JoinEnd::Joined(room), JoinEnd::Refused));
        }
    }

    /// What was asked for by code on a connection was refused.
    pub(super) fn unpaired(&mut self, connection: ConnectionId, refusal: PairRefusal) {
        let by_code = |join: &mut Join| join.connection == connection && join.room.is_none();
        for join in self.joins.extract_if(.., by_code) {
            let _ = join.answer.send(JoinEnd::Unpaired(refusal));
        }
    }

    /// Answers when it is known what is to be compared with a device, or why nothing is.
    pub(crate) fn await_pictures(&mut self, device: DeviceId, answer: Compared) {
        self.comparisons.retain(|(_, answer)| !answer.is_closed());
        self.comparisons.push((device, answer));
    }

    /// It is known. Whether anybody waited for it.
    pub(super) fn compared(&mut self, device: DeviceId, result: Result<Pictures, CompareOver>) -> bool {
        let mut awaited = false;
        for (_, answer) in self.comparisons.extract_if(.., |(of, _)| *of == device) {
            awaited |= answer.send(result).is_ok();
        }
        awaited
    }

    /// Answers when a device says whether it reaches this one at a port. Whether it is still to be asked: somebody else may
    /// wait for the same.
    pub(crate) fn await_view(&mut self, device: DeviceId, port: u16, answer: oneshot::Sender<View>) -> bool {
        self.views.retain(|(_, _, answer)| !answer.is_closed());
        let is_first = !self.views.iter().any(|(of, at, _)| (*of, *at) == (device, port));
        self.views.push((device, port, answer));
        is_first
    }

    /// It says so.
    pub(super) fn viewed(&mut self, device: DeviceId, view: &View) {
        for (_, _, answer) in self.views.extract_if(.., |(of, _, _)| *of == device) {
            let _ = answer.send(view.clone());
        }
    }

    /// A connection is over: takes it off the list. The replica is told by the caller, if it does not know.
    pub(super) fn ended(&mut self, steady_ms: u64, connection: ConnectionId, reason: &CloseReason) -> Option<Open> {
        let open = self.open.remove(&connection)?;
        self.ended.insert(open.device, word(reason));
        self.views.retain(|(device, _, _)| *device != open.device);
        let other = self.open.iter().find(|(_, other)| other.device == open.device).map(|(id, _)| *id);
        for mut greeting in
            self.greetings.extract_if(.., |greeting| greeting.connection == connection).collect::<Vec<_>>()
        {
            match other {
                Some(other) => greeting.connection = other,
                None if word(reason) == REPLACED => {
                    greeting.until = Some((steady_ms.saturating_add(REPLACED_MS), reason.clone()));
                }
                None => {
                    let _ = greeting.answer.send(Err(reason.clone()));
                    continue;
                }
            }
            self.greetings.push(greeting);
        }
        for join in self.joins.extract_if(.., |join| join.connection == connection) {
            let _ = join.answer.send(JoinEnd::Closed(reason.clone()));
        }
        Some(open)
    }

    /// A device said hello. Whether that is news.
    pub(super) fn greeted(&mut self, device: DeviceId) -> bool {
        for greeting in self.greetings.extract_if(.., |greeting| greeting.device == device) {
            let _ = greeting.answer.send(Ok(()));
        }
        self.replaced.remove(&device);
        self.told.insert(device)
    }

    /// People were not told of a device after all.
    pub(super) fn untold(&mut self, device: DeviceId) {
        self.replaced.remove(&device);
        self.told.remove(&device);
    }

    /// A device that had said hello is gone. The reason, if people are to be told now.
    pub(super) fn gone(&mut self, steady_ms: u64, device: DeviceId) -> Option<String> {
        let reason = self.ended.remove(&device).unwrap_or_else(|| CloseReason::Reset.name().to_owned());
        if reason == REPLACED {
            if self.told.contains(&device) {
                self.replaced.insert(device, (steady_ms + REPLACED_MS, reason));
            }
            return None;
        }
        self.replaced.remove(&device);
        self.told.remove(&device).then_some(reason)
    }

    /// Devices that people still believe connected and that are not, with the reason; after each commit.
    pub(super) fn overdue(&mut self, replica: &Replica, steady_ms: u64) -> Vec<(DeviceId, String)> {
        let late = |greeting: &mut Greeting| greeting.until.as_ref().is_some_and(|(at, _)| *at <= steady_ms);
        for greeting in self.greetings.extract_if(.., late) {
            let reason = greeting.until.map_or(CloseReason::Replaced, |(_, reason)| reason);
            let _ = greeting.answer.send(Err(reason));
        }
        let ended = std::mem::take(&mut self.ended).into_iter();
        let is_gone = |device: &DeviceId| !self.replaced.contains_key(device) && replica.connection(*device).is_none();
        let mut due: Vec<(DeviceId, String)> = ended.filter(|(device, _)| is_gone(device)).collect();
        let replaced = self.replaced.extract_if(.., |_, (at, _)| *at <= steady_ms);
        due.extend(replaced.map(|(device, (_, reason))| (device, reason)));
        due.retain(|(device, _)| self.told.remove(device));
        due
    }

    /// When [`Self::overdue`] has something to say by itself, in steady milliseconds.
    pub(super) fn overdue_at(&self) -> Option<u64> {
        let replaced = self.replaced.values().map(|(at, _)| *at);
        replaced.chain(self.greetings.iter().filter_map(|greeting| greeting.until.as_ref().map(|(at, _)| *at))).min()
    }

    /// Ends every connection; the replica is to be opened anew. The devices that people believe connected.
    pub(super) fn end_all(&mut self, reason: &CloseReason) -> Vec<DeviceId> {
        for open in std::mem::take(&mut self.open).into_values() {
            open.handle.close(reason.clone());
        }
        for greeting in self.greetings.drain(..) {
            let _ = greeting.answer.send(Err(reason.clone()));
        }
        for join in self.joins.drain(..) {
            let _ = join.answer.send(JoinEnd::Closed(reason.clone()));
        }
        for (_, answer) in self.comparisons.drain(..) {
            let _ = answer.send(Err(CompareOver::Gone));
        }
        self.ended.clear();
        self.replaced.clear();
        std::mem::take(&mut self.told).into_iter().collect()
    }
}

/// Whether a device is connected and has said hello.
pub(crate) fn is_greeted(replica: &Replica, device: DeviceId) -> bool {
    replica.peers().iter().any(|peer| peer.device == device)
}

/// A reason as events tell it: the peer's own word where it gave one.
pub(super) fn word(reason: &CloseReason) -> String {
    reason.said().unwrap_or(reason.name()).to_owned()
}

#[cfg(test)]
mod tests {
    use lanline_protocol::{frame::ReachOutcome, identity::DeviceKey};

    use super::*;

    #[test]
    fn of_two_who_wait_for_the_same_view_one_asks_and_both_are_answered() {
        let device = DeviceKey::from_seed(&[1; 32]).public().device_id();
        let mut connections = Connections::default();
        let ((first, mut one), (second, mut two)) = (oneshot::channel(), oneshot::channel());
        assert!(connections.await_view(device, 12345, first));
        assert!(!connections.await_view(device, 12345, second));
        let view = View { outcome: ReachOutcome::Open, address: "192.168.1.5".into(), ahead_us: None };
        connections.viewed(device, &view);
        assert_eq!((one.try_recv(), two.try_recv()), (Ok(view.clone()), Ok(view)));
        // Who gave up waits no more, and another port is another question.
        let ((gone, waited), (next, _next), (other, _other)) =
            (oneshot::channel(), oneshot::channel(), oneshot::channel());
        assert!(connections.await_view(device, 12345, gone));
        drop(waited);
        assert!(connections.await_view(device, 12345, next));
        assert!(connections.await_view(device, 12346, other));
    }
}
