//! The commands and events of a device, as types: the contract every door translates.
//!
//! Times are integers, milliseconds since the Unix epoch (`_at`), or a duration (`_ms`); sizes are bytes; ids are
//! strings. Parameters refuse fields they do not know; an optional field may be absent or `null`.

mod call;
mod compare;
mod device;
mod diagnosis;
#[cfg(test)]
mod document;
mod error;
mod event;
mod known;
mod message;
mod moving;
mod nearby;
mod notice;
mod peer;
mod preferences;
mod present;
mod qr;
mod room;
mod table;
mod vote;

pub(crate) use call::{Answer, Job, Order};
pub use call::{COMMANDS, CallError};
pub use compare::{Compare, CompareEnd, ConfirmCompare, Pictures};
pub use device::{
    KeyPlace, Listening, NoParams, ServerState, SetProfile, StartServer, Status, StoreCondition, StoreState,
};
pub use diagnosis::{Check, CheckName, CheckState, Diagnose, Diagnosis};
pub use error::{ApiError, ErrorCode};
pub use event::Event;
pub use known::{ForgetDevice, KnownDevice, KnownDevices, SetDevice, Verified};
pub use message::{
    MarkRead, Message, MessageKind, MessagePage, MessageState, MessageStatus, Messages, OfMessage, Reaction, Receipts,
    SendMessage, Sent,
};
pub use moving::{ExportIdentity, ImportIdentity, Passphrase};
pub use nearby::{NearbyDevice, NearbyDevices, Probed, SetVisible, Via, Visible};
pub use notice::{DismissNotice, Notice, NoticeKind};
pub use peer::{Connect, Connected, Direction, Disconnect, Peer, Peers};
pub use preferences::{Preferences, SetSettings};
pub use present::{InviteHost, OpenedInvite, Present};
pub use qr::{QrCode, QrPicture};
pub use room::{
    CreateRoom, Frozen, InRoom, Invite, Invited, Join, Joined, Member, Members, OfMember, Role, RoomCreated,
    RoomSummary, Rooms, ShowCode, ShownCode,
};
pub use vote::{Act, Proposal, Proposals, Tally, Vote};

use lanline_protocol::limits;

/// What a command answers that gives nothing: `null`.
pub type Nothing = ();

/// The most bytes of a message's text.
pub const TEXT_MAX: usize = limits::TEXT_BYTES;
/// The most bytes of a device's or a room's name.
pub const NAME_MAX: usize = limits::NAME_BYTES;
/// The most bytes of a `client_id`.
pub const CLIENT_ID_MAX: usize = limits::NAME_BYTES;
/// The most bytes of an invite's link.
pub const LINK_MAX: usize = limits::LINK_BYTES;
/// The most bytes of any text that a QR code holds. Of capitals, digits and `` $%*+-./:``, as an invite's link in
/// capitals has them, it holds [`QR_CAPITALS_MAX`].
pub const QR_TEXT_MAX: usize = 2953;
/// The most capitals, digits and `` $%*+-./:`` that a QR code holds.
pub const QR_CAPITALS_MAX: usize = 4296;
/// The most messages on one page.
pub const PAGE_MAX: u32 = 500;
/// How many messages a page holds when not told.
pub const PAGE_DEFAULT: u32 = 50;
/// The longest an invite lives: 30 days, in milliseconds.
pub const INVITE_TTL_MAX_MS: u64 = limits::INVITE_TTL_MS;
/// The longest that this device's name is announced without being asked again: an hour, in milliseconds.
pub const VISIBLE_MAX_MS: u64 = 60 * 60 * 1000;
/// How long an invite lives when not told: 24 hours, in milliseconds.
pub const INVITE_TTL_DEFAULT_MS: u64 = 24 * 60 * 60 * 1000;
