use serde::{Deserialize, Serialize};

/// Parameters of `diagnose`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Diagnose {
    /// What cannot be reached, as `connect` takes it; none: why others do not find this device.
    #[serde(default)]
    pub address: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Diagnosis {
    /// Each check once. Where an address was given and there is a cause, that is the first.
    pub checks: Vec<Check>,
    /// The same as plain text to be passed on: with addresses, and without names of people, rooms or devices.
    pub report: String,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Check {
    /// Which one.
    pub name: CheckName,
    /// How it went.
    pub state: CheckState,
    /// What was found: one sentence.
    pub finding: String,
    /// What to do: one sentence, with the exact command where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// Whether there is an address on an interface that works.
    Interface,
    /// Whether this device listens and is reached from outside, and whether the other one listens.
    Server,
    /// Whether another program holds the port.
    Port,
    /// Whether a firewall on this device drops what is needed.
    LocalFirewall,
    /// Whether a firewall on the other device, or between, does.
    RemoteFirewall,
    /// Whether what is said to all on a network goes out and comes in.
    Multicast,
    /// Whether an access point keeps its devices from each other.
    Isolation,
    /// Whether the other device is on another network.
    Subnet,
    /// Whether a VPN holds the way to the local network.
    Vpn,
    /// Whether a network wants a sign-in first.
    CaptivePortal,
    /// Whether the system lets this program use the local network.
    Permission,
    /// Whether the clock is far off.
    Clock,
    /// Whether both speak the same version.
    Version,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Nothing is wrong.
    Ok,
    /// Something may be in the way, or soon.
    Warn,
    /// This is in the way.
    Fail,
    /// It could not be checked, or there was nothing to check.
    Skipped,
}
