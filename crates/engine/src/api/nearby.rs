use serde::{Deserialize, Serialize};

pub use crate::discovery::Via;

/// The devices found on this network now: those that this one knows first, then those that show a name, then the others.
pub type NearbyDevices = Vec<NearbyDevice>;

/// A device that was found on this network. Nothing of it is proved before it is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NearbyDevice {
    /// Which one it is, where it showed what only it and the members of a room of both can show, or where this device is
    /// connected to it at one of these addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// What it is called here, where that is known; else what it calls itself while it wants everybody near to see that,
    /// with the beginning of its name of the day where two look alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it may be reached, as `ip:port` or `[v6%zone]:port`, best first.
    pub addresses: Vec<String>,
    /// On which way it was found first.
    pub via: Via,
    /// When it was heard last, milliseconds since the Unix epoch.
    pub seen_at: u64,
}

/// How far somebody looks around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Probed {
    /// How many addresses are being asked.
    pub addresses: u64,
}

/// Parameters of `set_visible`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetVisible {
    /// For how long the name is announced, in milliseconds; at most [`VISIBLE_MAX_MS`](super::VISIBLE_MAX_MS), 0: no more.
    pub ttl_ms: u64,
}

/// Until when this device is visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Visible {
    /// Until when the name is announced, milliseconds since the Unix epoch; absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_until: Option<u64>,
}
