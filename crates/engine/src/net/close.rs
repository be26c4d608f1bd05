//! Why a connection ended.

use std::fmt;

/// Why a connection ended, as `peer_disconnected` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer said goodbye; the text is its own word for why: `a` to `z` and `_`, at most 64
    /// bytes, empty when it gave none. It is a claim of the peer, good for showing only.
    Goodbye(String),
    /// Nothing was heard from the peer for too long: switched off, asleep, or the cable is out.
    Silent,
    /// The peer stopped reading.
    Stalled,
    /// The connection broke, or the peer closed it without a goodbye.
    Reset,
    /// A frame was longer than its sender may send.
    FrameTooLarge,
    /// Bytes that are not a frame, or a frame that the core could not read.
    BadFrame,
    /// A newer connection to the same device took this one's place.
    Replaced,
    /// This device is shutting down.
    Shutdown,
    /// This device's server stops.
    ServerStopped,
    /// This device cannot write to its disk, and so cannot take anything in.
    ReadOnly,
    /// This device's database got another identity; the peer is to meet it anew.
    Renewed,
    /// The peer shares no room with this device and joined none in time.
    Stranger,
    /// The peer was removed from the last room that it shared with this device.
    Removed,
    /// The connection made room for others.
    Evicted,
    /// This device dialled it by itself and is connected to others instead.
    Surplus,
    /// The address of this device that it hung on is gone.
    NetworkChanged,
    /// The person here asked for it.
    Disconnected,
}

impl CloseReason {
    /// The stable name that events and logs use. For the peer's own word see [`Self::said`].
    pub fn name(&self) -> &'static str {
        match self {
            Self::Goodbye(_) => "goodbye",
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::Reset => "reset",
            Self::FrameTooLarge => "frame_too_large",
            Self::BadFrame => "bad_frame",
            Self::Replaced => "replaced",
            Self::Shutdown => "shutdown",
            Self::ServerStopped => "server_stopped",
            Self::ReadOnly => "read_only",
            Self::Renewed => "renewed",
            Self::Stranger => "stranger",
            Self::Removed => "removed",
            Self::Evicted => "evicted",
            Self::Surplus => "surplus",
            Self::NetworkChanged => "network_changed",
            Self::Disconnected => "disconnected",
        }
    }

    /// What the peer gave as its reason, when it said goodbye and gave one.
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Goodbye(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.said() {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}
