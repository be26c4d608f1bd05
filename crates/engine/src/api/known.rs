use lanline_protocol::known::{self, DeviceSummary};
use serde::{Deserialize, Serialize};

use super::Pictures;

/// Devices that this one has met, by what they are called.
pub type KnownDevices = Vec<KnownDevice>;

/// A device that this one has met in a room of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KnownDevice {
    /// Its id.
    pub device_id: String,
    /// What it is called here: what this device's person calls it, else what it calls itself.
    pub name: String,
    /// What it calls itself, where it is called otherwise here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_name: Option<String>,
    /// How it was made sure who it is; absent where somebody else let it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// When that was, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<u64>,
    /// When it was met first, milliseconds since the Unix epoch.
    pub first_seen_at: u64,
    /// When it was last connected, milliseconds since the Unix epoch.
    pub last_seen_at: u64,
    /// Where it was reached last by dialling, as `ip:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_address: Option<String>,
    /// Whether it is neither dialled nor let in by this device.
    pub blocked: bool,
    /// What both show while it is compared with this one, until the person here has said what they see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparing: Option<Pictures>,
    /// What both show still, once the person here has said that it is the same: `compare` gives it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Pictures>,
}

impl From<DeviceSummary> for KnownDevice {
    fn from(device: DeviceSummary) -> Self {
        let (name, own_name) = match device.given_name {
            Some(given) => (given, Some(device.name)),
            None => (device.name, None),
        };
        Self {
            device_id: device.device.to_string(),
            name,
            own_name,
            verified: device.verified.map(|verified| verified.way.into()),
            verified_at: device.verified.map(|verified| verified.at_ms),
            first_seen_at: device.first_seen_at_ms,
            last_seen_at: device.last_seen_at_ms,
            last_address: device.address,
            blocked: device.blocked,
            comparing: device.comparing.map(Into::into),
            compared: device.compared.map(Into::into),
        }
    }
}

/// How it was made sure who a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// An invite's link named it, or it joined by the link of an invite.
    Link,
    /// One of the two typed the code that the other showed.
    Code,
    /// The person here saw the same pictures there as on this device.
    Compared,
}

impl From<known::Way> for Verified {
    fn from(way: known::Way) -> Self {
        match way {
            known::Way::Link => Self::Link,
            known::Way::Code => Self::Code,
            known::Way::Compared => Self::Compared,
        }
    }
}

/// Parameters of `set_device`: what is absent stays as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetDevice {
    /// The device.
    pub device_id: String,
    /// What it is to be called on this device, at most [`NAME_MAX`](super::NAME_MAX) bytes; `""`: what it calls itself.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it is neither dialled nor let in by this device. What it says in rooms of both still comes through others;
    /// to stop that, it is to be removed from the room.
    #[serde(default)]
    pub blocked: Option<bool>,
}

/// Parameters of `forget_device`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ForgetDevice {
    /// The device.
    pub device_id: String,
}
