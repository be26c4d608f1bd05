use lanline_protocol::{
    identity::DeviceId,
    receipt::{self, Standing},
    view::{self, Shown},
};
use serde::{Deserialize, Serialize};

/// One entry of a room, as a conversation shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Message {
    /// The entry's id.
    pub id: String,
    /// The room's id.
    pub room: String,
    /// The device that wrote it.
    pub author: String,
    /// What the author is called in the room, as [`Member::name`](super::Member::name) has it.
    pub author_name: String,
    /// When the author says it was written, milliseconds since the Unix epoch; where that was more than five minutes
    /// ahead of this device's clock, when it came.
    pub sent_at: u64,
    /// What it is.
    pub kind: MessageKind,
    /// What was written: text, never markup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The device it is about, where it tells of a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What that device is called in the room, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_name: Option<String>,
    /// Whether the majority did it, and the author only wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_majority: Option<bool>,
    /// When it was last edited, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<u64>,
    /// Whether its author took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
    /// What others answered with one sign.
    pub reactions: Vec<Reaction>,
    /// What is wrong with it, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MessageState>,
    /// Whether another said it and it was not read on this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<bool>,
    /// How far it got.
    pub status: MessageStatus,
    /// How many other members acknowledged to hold it. In a room of more than 64 members, nobody signs receipts of their
    /// own: this is then, as `delivered_to` is, the largest number that this device knows of or that a member who listens
    /// counted by what was acknowledged to it. `status` and `receipts` follow what this device knows itself.
    pub stored_by: u64,
    /// How many other members signed that they received it; in a large room see `stored_by`.
    pub delivered_to: u64,
    /// How many other members signed that they read it.
    pub read_by: u64,
}

impl From<view::Message> for Message {
    fn from(message: view::Message) -> Self {
        let (mut text, mut reply_to, mut subject) = (None, None, None);
        let mut state = message.forked.then_some(MessageState::Forked);
        let kind = match message.shown {
            Shown::Text(said, answered) => {
                (text, reply_to) = (Some(said), answered.map(|id| id.to_string()));
                MessageKind::Text
            }
            Shown::RoomCreated => MessageKind::RoomCreated,
            Shown::MemberAdded(device, name) => {
                subject = Some((device.to_string(), name));
                MessageKind::MemberAdded
            }
            Shown::MemberRemoved(device, name) => {
                subject = Some((device.to_string(), name));
                MessageKind::MemberRemoved
            }
            Shown::RoleChanged(device, name) => {
                subject = Some((device.to_string(), name));
                MessageKind::RoleChanged
            }
            Shown::Unknown => MessageKind::Unknown,
            // Only words can be erased or missing in this version.
            Shown::Erased => {
                state = Some(MessageState::Erased);
                MessageKind::Text
            }
            Shown::Missing => {
                state = Some(MessageState::Missing);
                MessageKind::Text
            }
        };
        let (subject, subject_name) = subject.unzip();
        let standing = message.standing;
        Self {
            id: message.id.to_string(),
            room: message.room.to_string(),
            author: message.author.to_string(),
            author_name: message.author_name,
            sent_at: message.sent_at_ms,
            kind,
            text,
            reply_to,
            subject,
            subject_name,
            by_majority: message.by_majority.then_some(true),
            edited_at: None,
            deleted: None,
            reactions: Vec::new(),
            state,
            unread: message.unread.then_some(true),
            status: standing.status().into(),
            stored_by: standing.stored.len().max(standing.counted) as u64,
            delivered_to: standing.delivered.len().max(standing.counted) as u64,
            read_by: standing.read.len() as u64,
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Words.
    Text,
    /// An offered file.
    File,
    /// Somebody was added.
    MemberAdded,
    /// Somebody was removed or left.
    MemberRemoved,
    /// Somebody's role changed.
    RoleChanged,
    /// The room was made.
    RoomCreated,
    /// Something a newer version wrote.
    Unknown,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Its content was erased.
    Erased,
    /// Its content is not held here yet.
    Missing,
    /// Its author's log has two branches.
    Forked,
}

/// How far a message got: facts, never hopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// It is on this device's disk.
    Queued,
    /// Another member acknowledged it.
    Stored,
    /// Every other member signed that it received it.
    Delivered,
    /// Every other member signed that it read it.
    Read,
}

impl From<receipt::Status> for MessageStatus {
    fn from(status: receipt::Status) -> Self {
        match status {
            receipt::Status::Queued => Self::Queued,
            receipt::Status::Stored => Self::Stored,
            receipt::Status::Delivered => Self::Delivered,
            receipt::Status::Read => Self::Read,
        }
    }
}

/// One sign under a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reaction {
    /// The sign.
    pub emoji: String,
    /// The device that set it.
    pub by: String,
}

/// Parameters of `send_message`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// The room's id.
    pub room: String,
    /// 1 to [`TEXT_MAX`](super::TEXT_MAX) bytes.
    pub text: String,
    /// The message it answers.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// A name the caller gave this message, at most [`CLIENT_ID_MAX`](super::CLIENT_ID_MAX) bytes: the same again
    /// gives the same message's id, and nothing is sent twice.
    #[serde(default)]
    pub client_id: Option<String>,
}

/// A message that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sent {
    /// Its id.
    pub id: String,
}

/// Parameters of `messages`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// The room's id.
    pub room: String,
    /// A message's id: only what is shown before it.
    #[serde(default)]
    pub before: Option<String>,
    /// How many at most: 1 to [`PAGE_MAX`](super::PAGE_MAX), [`PAGE_DEFAULT`](super::PAGE_DEFAULT) when absent.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A page of messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MessagePage {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Whether there are older ones.
    pub more: bool,
    /// How many of the older ones others said and were not read on this device, at most 999.
    pub unread_before: u64,
}

/// Parameters of `mark_read`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MarkRead {
    /// The room's id.
    pub room: String,
    /// The last message that was read.
    pub id: String,
}

/// Parameters of a command that concerns one message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OfMessage {
    /// The message's id.
    pub id: String,
}

/// Who holds, received and read a message: device ids, its author's not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Receipts {
    /// Acknowledged to hold it.
    pub stored: Vec<String>,
    /// Signed that they received it.
    pub delivered: Vec<String>,
    /// Signed that they read it.
    pub read: Vec<String>,
}

impl From<Standing> for Receipts {
    fn from(standing: Standing) -> Self {
        let shown = |devices: Vec<DeviceId>| devices.iter().map(ToString::to_string).collect();
        Self { stored: shown(standing.stored), delivered: shown(standing.delivered), read: shown(standing.read) }
    }
}
