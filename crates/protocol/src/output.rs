//! What a replica says: what is to be done, and what happened, for people.

use crate::comparing::CompareOver;
use crate::comparison::Pictures;
use crate::id::{EntryId, RoomId};
use crate::identity::DeviceId;
use crate::reaching::View;
use crate::session::{ConnectionId, FrameLimit};

/// Why this device ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// A frame that no honest peer sends.
    BadFrame,
    /// Another connection to the same device takes over.
    Replaced,
    /// No room in common, and no join for [`crate::limits::STRANGER_MS`].
    Stranger,
    /// The device was removed from the last room in common, and was told so.
    Removed,
    /// This store got another id; the peer is to meet it anew.
    Renewed,
    /// This device dialled it by itself and is connected to others instead.
    Surplus,
    /// This device's person blocked it.
    Blocked,
}

/// What happened, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message, or an entry of an unknown kind, of another device was stored.
    Incoming(EntryId),
    /// A message of this device's own was stored.
    Sent(EntryId),
    /// A message's state changed.
    Status(EntryId),
    /// A device connected and said its name.
    PeerConnected(ConnectionId, DeviceId),
    /// A device is gone.
    PeerDisconnected(DeviceId),
    /// A member's receipts changed.
    Receipts(RoomId, DeviceId),
    /// More of a room was read here.
    Read(RoomId),
    /// So many entries of a room were found damaged on this disk; they are asked of the members.
    Damaged(RoomId, usize),
    /// All that was damaged in a room is whole again, so many entries.
    Repaired(RoomId, usize),
    /// This database turned out to be an older copy: it goes on as a new store with new logs.
    Renewed,
    /// A device said different things under one number: it, or a copy of it, forked its log. All is kept.
    Forked(RoomId, DeviceId),
    /// The owner, or a copy of it, changed who belongs to a room in two ways: neither counts, nor what the owner writes
    /// from now on, until the majority acts.
    Frozen(RoomId, DeviceId),
    /// A room's name, members, settings or standing changed, or the states of more own messages than are told one by
    /// one.
    Room(RoomId),
    /// This device is a member of the room that it asked to join on this connection.
    Joined(ConnectionId, RoomId),
    /// A join was refused.
    JoinRefused(ConnectionId, RoomId, crate::frame::Refusal),
    /// A join by code was refused.
    PairRefused(ConnectionId, crate::frame::PairRefusal),
    /// The disk damaged what this device's person had said of others: it is gone.
    OpinionsLost,
    /// The code that this device showed for a room is over: somebody typed it, or another one.
    CodeEnded(RoomId, CodeEnd),
    /// This device and another show their people these pictures to compare.
    ComparisonShown(DeviceId, Pictures),
    /// A comparison with a device is over, here or on both; with whether pictures were shown here.
    ComparisonEnded(DeviceId, CompareOver, bool),
    /// A device that was asked to reach this one says what became of it.
    Reached(DeviceId, View),
}

/// How a code ended that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeEnd {
    /// Somebody typed it.
    Used,
    /// Somebody typed another one.
    Wrong,
}

/// What is to be carried out after a commit, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a frame.
    Send(ConnectionId, Vec<u8>),
    /// Take frames up to this size from now on.
    Limit(ConnectionId, FrameLimit),
    /// End a connection. Nothing is heard of it any more, not even its end.
    Close(ConnectionId, CloseReason),
    /// Try, within [`crate::limits::REACH_MS`], a plain TCP connection to this port of the IP address at the other end of the
    /// connection, and of no other; end it at once, and call [`crate::replica::Replica::reached`]. Only where the
    /// connection is still there.
    Reach(ConnectionId, u16),
    /// Tell people.
    Event(Event),
}

/// A device to be dialled, and where it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The device.
    pub device: DeviceId,
    /// As `ip:port`, best first.
    pub addresses: Vec<String>,
}

/// A connected device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The connection.
    pub connection: ConnectionId,
    /// The device.
    pub device: DeviceId,
    /// What it calls itself.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// Whether this device dialled.
    pub dialled: bool,
    /// Rooms shared on this connection.
    pub rooms: Vec<RoomId>,
}
