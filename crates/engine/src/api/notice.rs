use serde::{Deserialize, Serialize};

/// Something about what this device keeps that its person should know. It calls for nothing to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Notice {
    /// Which one it is, for `dismiss_notice`.
    pub id: u64,
    /// What it is, in one word.
    pub kind: NoticeKind,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// The room it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The device it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// How many entries it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// It all in one sentence.
    pub text: String,
}

impl Notice {
    /// Whether nothing of an older one is left to know for who knows this one.
    pub(crate) fn says_all_of(&self, older: &Self) -> bool {
        let same = self.kind == older.kind || (self.kind, older.kind) == (NoticeKind::Repaired, NoticeKind::Damaged);
        same && (&self.room, &self.device_id) == (&older.room, &older.device_id)
    }
}

/// Parameters of `dismiss_notice`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DismissNotice {
    /// The notice's id.
    pub id: u64,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// This disk damaged entries of a room; they are asked of its members.
    Damaged,
    /// What was damaged in a room is whole again.
    Repaired,
    /// The database turned out to be an older copy; it goes on, and what it lacks comes from the members.
    Renewed,
    /// A device of a room, or a copy of it, said different things under one number; all is kept.
    Forked,
    /// A member writes more at once than its share of this disk: the rest is taken slowly.
    Slowed,
    /// The owner of a room, or a copy of it, changed the room in two ways: what it changes counts no more, until the
    /// members vote for an owner.
    Frozen,
    /// The disk damaged what the person had said of other devices: their names here, who is blocked, who is verified.
    OpinionsLost,
    /// Another device answered where a member was dialled, and nothing was sent to it. It is told once of each that does,
    /// and looked from time to time whether the member is there again. A device that is known here is no such other:
    /// addresses change hands.
    IdentityChanged,
}
