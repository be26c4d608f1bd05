use lanline_protocol::voting;
use serde::{Deserialize, Serialize};

/// What the majority of a room can do: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// The member to remove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<String>,
    /// The member to be the owner from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl From<voting::Motion> for Act {
    fn from(motion: voting::Motion) -> Self {
        match motion {
            voting::Motion::Remove(device) => Self { remove: Some(device.to_string()), owner: None },
            voting::Motion::Owner(device) => Self { remove: None, owner: Some(device.to_string()) },
        }
    }
}

/// Parameters of `vote`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The room's id.
    pub room: String,
    /// What is to be done.
    pub act: Act,
}

/// How a vote stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tally {
    /// How many voters said so, this device included.
    pub votes: u64,
    /// How many have to.
    pub needed: u64,
    /// Whether it was enough, and it is done.
    pub done: bool,
    /// The devices that may still say so; none once it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl From<voting::Tally> for Tally {
    fn from(tally: voting::Tally) -> Self {
        Self {
            votes: tally.votes as u64,
            needed: tally.needed as u64,
            done: tally.done,
            missing: tally.missing.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What is voted on in a room.
pub type Proposals = Vec<Proposal>;

/// Something that some voters want and that is not done yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Proposal {
    /// What is to be done.
    pub act: Act,
    /// The devices that said so.
    pub votes: Vec<String>,
    /// How many have to.
    pub needed: u64,
    /// Whether this device may join them, and has not.
    pub open: bool,
    /// The devices that may join them, and have not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl From<voting::OpenVote> for Proposal {
    fn from(open: voting::OpenVote) -> Self {
        Self {
            act: open.motion.into(),
            votes: open.votes.iter().map(ToString::to_string).collect(),
            needed: open.needed as u64,
            open: open.open,
            missing: open.missing.iter().map(ToString::to_string).collect(),
        }
    }
}
