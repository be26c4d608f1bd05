use lanline_protocol::{by_code, membership, view};
use serde::{Deserialize, Serialize};

use super::Message;

/// Parameters of `create_room`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// 1 to [`NAME_MAX`](super::NAME_MAX) bytes, not blank.
    pub name: String,
}

/// A room that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoomCreated {
    /// Its id.
    pub room: String,
}

/// Parameters of a command that concerns one room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InRoom {
    /// The room's id.
    pub room: String,
}

/// The rooms this device holds.
pub type Rooms = Vec<RoomSummary>;

/// A room, as a list of rooms shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoomSummary {
    /// Its id.
    pub room: String,
    /// Its name, without what cannot be seen; where it looks like another room's, with the beginning of its id.
    pub name: String,
    /// How many members it has, this device included.
    pub members: u64,
    /// How many of its messages were not read here, at most 999.
    pub unread: u64,
    /// Why nothing that its owner changes about it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// Its newest message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Box<Message>>,
}

/// Why nothing that a room's owner changes about it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Frozen {
    /// The owner's device, or a copy of it, changed the room in two ways. Its members vote for an owner.
    Forked,
    /// The owner's device changed the room in a way that this version does not know. This device is to be updated.
    NewerVersion,
}

impl From<membership::Frozen> for Frozen {
    fn from(frozen: membership::Frozen) -> Self {
        match frozen {
            membership::Frozen::Forked => Self::Forked,
            membership::Frozen::NewerVersion => Self::NewerVersion,
        }
    }
}

impl From<view::RoomSummary> for RoomSummary {
    fn from(room: view::RoomSummary) -> Self {
        Self {
            room: room.id.to_string(),
            name: room.name,
            members: room.members as u64,
            unread: room.unread as u64,
            frozen: room.frozen.map(Into::into),
            last: room.last.map(|last| Box::new(last.into())),
        }
    }
}

/// Who is in a room.
pub type Members = Vec<Member>;

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Member {
    /// The member's device.
    pub device_id: String,
    /// What it is called: by this device's person, else by itself; empty where none is known. Without what cannot be seen,
    /// and where that looks like another's in the room, with the beginning of its id: `Alice #ABCDEFG`.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may vote: it came by the owner, or the owner confirmed it.
    pub voter: bool,
    /// Whether it is connected to this device now; this device always is. Where it is not, it may still be connected to
    /// others of the room, and what is said reaches it through them.
    pub online: bool,
    /// When it was last connected, milliseconds since the Unix epoch; absent where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<u64>,
}

impl From<view::MemberSummary> for Member {
    fn from(member: view::MemberSummary) -> Self {
        Self {
            device_id: member.device.to_string(),
            name: member.name,
            role: member.role.into(),
            voter: member.voter,
            online: member.online,
            last_seen_at: member.last_seen_at_ms,
        }
    }
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides who belongs.
    Owner,
    /// Reads and writes.
    Member,
    /// Waits for the owner's admission.
    Pending,
}

impl From<membership::Role> for Role {
    fn from(role: membership::Role) -> Self {
        match role {
            membership::Role::Owner => Self::Owner,
            membership::Role::Member => Self::Member,
            membership::Role::Pending => Self::Pending,
        }
    }
}

/// Parameters of `invite`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// The room's id.
    pub room: String,
    /// How long the invite lives, in milliseconds: 1 to
    /// [`INVITE_TTL_MAX_MS`](super::INVITE_TTL_MAX_MS), 24 hours when absent.
    #[serde(default)]
    pub ttl_ms: Option<u64>,
    /// How many devices may join by it: at least 1, which is also the default.
    #[serde(default)]
    pub uses: Option<u32>,
}

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Invited {
    /// What the newcomer gives to `join`; whoever holds it can join.
    pub link: String,
    /// When it ends, milliseconds since the Unix epoch.
    pub expires_at: u64,
    /// Six digits that may be typed in place of the link, with an address of this device; as of `show_code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When the code ends, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_expires_at: Option<u64>,
}

/// Parameters of `show_code`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShowCode {
    /// An invite's link, made on any device of the room.
    pub link: String,
    /// Whether a person knows of the wrong codes that were typed and wants one all the same; else none is given after five
    /// in an hour.
    #[serde(default)]
    pub knowingly: bool,
}

/// A code that this device shows. Absent after five wrong ones in an hour: somebody may be guessing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShownCode {
    /// Six digits, with a space in their middle. It lets in one device, and is over with the first that is typed, right or
    /// wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When it ends, milliseconds since the Unix epoch: 120 s after it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_expires_at: Option<u64>,
}

impl ShownCode {
    pub(crate) fn of(shown: Option<by_code::Shown>) -> Self {
        shown.map_or_else(Self::default, |shown| Self {
            code: Some(shown.code.to_string()),
            code_expires_at: Some(shown.expires_at_ms),
        })
    }
}

/// Parameters of `join`: a link, or an address and a code.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// An invite's link.
    #[serde(default)]
    pub link: Option<String>,
    /// Where the inviting device listens, for a code.
    #[serde(default)]
    pub address: Option<String>,
    /// The code the inviting device shows: six digits; spaces and dashes count nothing.
    #[serde(default)]
    pub code: Option<String>,
}

impl core::fmt::Debug for Join {
    /// Neither the link nor the code: who has one can join.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Join").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A room that was joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Joined {
    /// Its id.
    pub room: String,
    /// Its name.
    pub name: String,
    /// Whether the owner still has to admit this device.
    pub pending: bool,
}

/// Parameters of a command that concerns one member of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OfMember {
    /// The room's id.
    pub room: String,
    /// The member.
    pub device_id: String,
}
