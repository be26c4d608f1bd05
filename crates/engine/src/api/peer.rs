use serde::{Deserialize, Serialize};

/// Parameters of `connect`: at least one of the two.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// Where to dial: `host`, `host:port`, `ip`, `ip:port`, `v6` or `[v6]:port`.
    #[serde(default)]
    pub address: Option<String>,
    /// Which device must answer; without an address, its known ones are dialled.
    #[serde(default)]
    pub device_id: Option<String>,
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Connected {
    /// The device that answered, as its handshake proved.
    pub device_id: String,
}

/// Parameters of `disconnect`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Disconnect {
    /// A connected device.
    pub device_id: String,
}

/// The devices connected now.
pub type Peers = Vec<Peer>;

/// A connected device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Peer {
    /// Its id, as its handshake proved.
    pub device_id: String,
    /// The name it gave itself; empty where none is known.
    pub name: String,
    /// Its end of the connection, as `ip:port` or `[v6%zone]:port`.
    pub address: String,
    /// Who dialled.
    pub direction: Direction,
    /// The last measured time for a word there and back, in milliseconds.
    pub rtt_ms: u64,
    /// The rooms both are members of.
    pub rooms: Vec<String>,
}

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The other device dialled this one.
    In,
    /// This device dialled.
    Out,
}
