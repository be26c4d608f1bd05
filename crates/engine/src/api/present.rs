use serde::{Deserialize, Serialize};

/// Parameters of `present`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Present {
    /// An invite's link that the person opened, up to [`LINK_MAX`](super::LINK_MAX) bytes: the window asks about it.
    /// Without one, the window only comes to the front.
    #[serde(default)]
    pub link: Option<String>,
}

/// All that an invite's link itself tells, for a question about it. Nothing of it is proven before somebody joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OpenedInvite {
    /// The link, without white space.
    pub link: String,
    /// The room's id. Its name is not in a link.
    pub room: String,
    /// When it ends, by the clock of the device that honours it.
    pub expires_at: u64,
    /// The members to ask, best first; at least one.
    pub hosts: Vec<InviteHost>,
}

/// A member that an invite's link names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InviteHost {
    /// Its id.
    pub device_id: String,
    /// Where it may be, best first, as `ip:port` or `[v6%zone]:port`.
    pub addresses: Vec<String>,
}
