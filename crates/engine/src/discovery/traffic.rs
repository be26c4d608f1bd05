//! What came and went, by interface: from this is told why devices do not find each other.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// All that was counted since the transports were started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// One for each interface and family of addresses there is now.
    pub(crate) links: Vec<LinkTraffic>,
    /// Multicast DNS, on all of them.
    pub(crate) mdns: MdnsTraffic,
}

/// Addresses of IP's version 4 or 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

/// Datagrams on one interface, by one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkTraffic {
    /// The system's number for the interface.
    pub(crate) index: u32,
    /// The system's name for it.
    pub(crate) name: String,
    /// By which addresses.
    pub(crate) family: Family,
    /// Why nothing that is said to all is heard here, if so.
    pub(crate) deaf: Option<Trouble>,
    /// Why this device is in no multicast group here, if so: then broadcasts alone are heard.
    pub(crate) outside: Option<Trouble>,
    /// Why nothing can be said to all here, if so.
    pub(crate) mute: Option<Trouble>,
    /// Datagrams that the system took.
    pub(crate) sent: u64,
    /// Datagrams that it refused.
    pub(crate) send_errors: u64,
    /// Why it refused the last of them, unless one was taken since.
    pub(crate) refused: Option<Trouble>,
    /// Own datagrams that were heard: what was sent to all comes back to the sender, too.
    pub(crate) own: Ways,
    /// Datagrams of others.
    pub(crate) others: Ways,
    /// Datagrams that were read and not taken: too long, not Lanline's, from another network, or too many.
    pub(crate) dropped: u64,
    /// When the last of another's came.
    pub(crate) heard_at: Option<Instant>,
}

/// Datagrams by where they were sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    /// To Lanline's multicast group.
    pub(crate) multicast: u64,
    /// To all of a network.
    pub(crate) broadcast: u64,
    /// To one device.
    pub(crate) unicast: u64,
}

/// Multicast DNS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MdnsTraffic {
    /// Why it does not run, if so.
    pub(crate) stopped: Option<Trouble>,
    /// Announcements of others that it found, each once.
    pub(crate) others: u64,
    /// Whether this device's own announcement came back.
    pub(crate) own: u64,
    /// When the last of another's was found.
    pub(crate) heard_at: Option<Instant>,
}

/// Why something does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Another program holds the port and shares it with nobody.
    PortTaken,
    /// The system, or a firewall on this device, does not let this program.
    NotPermitted,
    /// The interface leads nowhere, or takes no multicast or broadcast.
    NoWay,
    /// More came than is looked through; it is tried again later.
    Flooded,
    /// Anything else.
    Failed,
}

impl Trouble {
    /// Why the system refused something.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken,
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NotFound => Self::NoWay,
            _ => Self::Failed,
        }
    }
}

/// Counts of one interface and family, which outlive its sockets.
#[derive(Debug, Default)]
pub(super) struct Counts {
    sent: AtomicU64,
    send_errors: AtomicU64,
    dropped: AtomicU64,
    heard: Mutex<Heard>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    own: Ways,
    others: Ways,
    at: Option<Instant>,
    refused: Option<Trouble>,
}

/// Where a datagram was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Multicast,
    Broadcast,
    Unicast,
}

impl Counts {
    pub(super) fn sent(&self, outcome: io::Result<usize>) {
        let refused = match outcome {
            Ok(_) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(error) => {
                self.send_errors.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, "a datagram was refused");
                Some(Trouble::of(&error))
            }
        };
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).refused = refused;
    }

    pub(super) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn heard(&self, own: bool, way: Way) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let ways = if own { &mut heard.own } else { &mut heard.others };
        match way {
            Way::Multicast => ways.multicast += 1,
            Way::Broadcast => ways.broadcast += 1,
            Way::Unicast => ways.unicast += 1,
        }
        if !own {
            heard.at = Some(Instant::now());
        }
    }

    /// As they are told; of the sockets nothing.
    pub(super) fn told(&self, index: u32, name: String, family: Family) -> LinkTraffic {
        let Heard { own, others, at, refused } = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        LinkTraffic {
            index,
            name,
            family,
            deaf: None,
            outside: None,
            mute: None,
            sent: self.sent.load(Ordering::Relaxed),
            send_errors: self.send_errors.load(Ordering::Relaxed),
            refused,
            own,
            others,
            dropped: self.dropped.load(Ordering::Relaxed),
            heard_at: at,
        }
    }
}
