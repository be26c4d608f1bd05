use serde::{Deserialize, Serialize};

/// What the person of this device chose; kept with the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Preferences {
    /// Whether others are told what is read here; `true` unless chosen otherwise. While it is `false`, members see
    /// messages as delivered to this device and not as read, save those that were told as read before; this device
    /// still counts what is unread. Once it is `true` again, what was read meanwhile is told.
    pub tell_read: bool,
}

/// Parameters of `set_settings`: what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetSettings {
    /// See [`Preferences`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tell_read: Option<bool>,
}
