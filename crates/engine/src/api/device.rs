use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{ApiError, Notice};

/// The parameters of a command that takes none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// What this device is and how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// This device's id, derived from its identity key.
    pub device_id: String,
    /// The name others see; empty until one was given.
    pub name: String,
    /// The system's host name, offered as a name at first start.
    pub default_name: String,
    /// Lanline's version.
    pub version: String,
    /// The protocol's version, as the handshake names it.
    pub protocol: String,
    /// Where this device's secret key lies.
    pub key_at: KeyPlace,
    /// Whether this device listens, and where.
    pub server: ServerState,
    /// Until when this device's name is announced to everybody near, milliseconds since the Unix epoch; absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_until: Option<u64>,
    /// Whether what is written reaches the disk.
    pub store: StoreState,
    /// What its person should know of what it keeps, until they put it away: the newest 20, oldest first.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// Where this device's secret key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// In the system's key store, which its user's password opens.
    KeyStore,
    /// In the file `identity.key` of the data folder, which only its user can read: there is no key store, it did not take
    /// the key, or the setting says so.
    File,
}

/// Whether this device listens, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServerState {
    /// Whether other devices can dial in.
    pub running: bool,
    /// The TCP port, while running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The addresses others can dial, as `ip:port` or `[v6%zone]:port`; empty while not running.
    pub addresses: Vec<String>,
    /// Why it is not running, where it ran when this device ended and could not be started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ApiError>,
}

/// Whether what is written reaches the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreState {
    /// The condition, in one word.
    pub state: StoreCondition,
    /// Why, where it is not `ok`: one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The condition of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StoreCondition {
    /// Reads and writes work.
    Ok,
    /// Reads work, nothing can be written (a full disk).
    ReadOnly,
    /// The disk failed; the device has stopped writing for good.
    Failed,
}

/// Parameters of `set_profile`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetProfile {
    /// 1 to [`NAME_MAX`](super::NAME_MAX) bytes, not blank.
    pub name: String,
}

/// Parameters of `start_server`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StartServer {
    /// The TCP port; 0 takes any free one; absent takes the setting's.
    #[serde(default, deserialize_with = "port")]
    pub port: Option<u16>,
}

/// Where this device listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Listening {
    /// The TCP port.
    pub port: u16,
    /// The addresses others can dial, as `ip:port` or `[v6%zone]:port`.
    pub addresses: Vec<String>,
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    value
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .map(Some)
        .ok_or_else(|| D::Error::custom("port must be a whole number from 0 to 65535"))
}
