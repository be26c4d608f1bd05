//! Discovery: devices of one network find each other without anybody typing an address.
//!
//! It only ever *suggests* addresses. Who answers there proves who it is in the TLS handshake, and nothing that is heard
//! here is believed beyond "it may be worth a look". `docs/discovery.md` has what is sent, to the byte.
//!
//! [`announcer`] decides when to say what and [`nearby`] keeps what was heard, both without sockets or a clock;
//! [`transports`] are the sockets; [`Discovery`] ties them to the device.

pub(crate) mod announcement;
pub(crate) mod announcer;
mod budget;
mod daemon;
mod datagram;
mod ear;
mod found;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod inlet;
mod mdns;
pub(crate) mod message;
pub(crate) mod nearby;
mod probe;
mod running;
pub(crate) mod sighting;
pub(crate) mod tag;
#[cfg(test)]
mod tests;
pub(crate) mod traffic;
pub(crate) mod transports;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

pub(crate) use datagram::{GROUP_V4, GROUP_V6};
use lanline_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

pub(crate) use running::{Device, Stay};

use announcer::Announcer;
use message::Message;
use nearby::{Near, Nearby};
use transports::Transports;

use crate::net::Zones;

/// Something was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// What.
    pub(crate) what: Message,
    /// From where: the source's IP address, with the port that an announcement names and otherwise the source's own.
    pub(crate) from: SocketAddr,
    /// On which way.
    pub(crate) via: Via,
}

/// On which way a device was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Via {
    /// By multicast DNS (RFC 6762), as other programs find printers.
    Mdns,
    /// By a datagram to all of a network.
    Broadcast,
    /// By a datagram to those that take part in Lanline's multicast group.
    Multicast,
    /// By an answer to a question that was sent to its address alone.
    Probe,
}

/// A moment on both clocks: the one that never jumps, and that of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Milliseconds since some time, never fewer than before.
    pub(crate) steady_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) wall_ms: u64,
}

/// A device's part in discovery. Clones are the same. Until it is started nothing is said or heard.
#[derive(Clone)]
pub(crate) struct Discovery(Arc<Inner>);

struct Inner {
    begun: Instant,
    state: Mutex<State>,
    /// There is something to do before its time.
    wake: Notify,
}

struct State {
    announcer: Announcer,
    nearby: Nearby,
    transports: Option<Arc<Transports>>,
    /// The names of this device's interfaces.
    zones: Zones,
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").finish_non_exhaustive()
    }
}

impl Discovery {
    pub(crate) fn new(me: DeviceId) -> Self {
        let begun = Instant::now();
        // Where the system gives none, all that is random here is guessable, which only tells who listens more.
        let random = Box::new(|bytes: &mut [u8]| getrandom::fill(bytes).unwrap_or_default());
        let announcer = Announcer::new(moment(begun), me, random);
        let state =
            Mutex::new(State { announcer, nearby: Nearby::default(), transports: None, zones: Zones::default() });
        Self(Arc::new(Inner { begun, state, wake: Notify::new() }))
    }

    /// Who is near now, and by what the zones of their addresses are called. Somebody looks: all are asked who is there, too,
    /// if that is not just so.
    pub(crate) fn look(&self) -> (Vec<Near>, Zones) {
        let mut state = self.0.state();
        state.announcer.look(self.now());
        let (list, zones) = (state.nearby.list(), state.zones.clone());
        drop(state);
        self.0.wake.notify_one();
        (list, zones)
    }

    /// Asks each address of the networks around this device, which takes some seconds. How many are asked; `None`: it is
    /// not running. Where it was only just started, its interfaces are waited for.
    pub(crate) async fn probe(&self) -> Option<usize> {
        let transports = self.0.state().transports.clone()?;
        transports.has_links().await;
        Some(transports.probe())
    }

    /// Announces this device's name for so long, in milliseconds. Until when, in milliseconds since the Unix epoch.
    pub(crate) fn set_visible(&self, for_ms: u64) -> Option<u64> {
        let (mut state, now) = (self.0.state(), self.now());
        state.announcer.set_visible(now, for_ms);
        let until = state.announcer.visible_until(now);
        drop(state);
        self.0.wake.notify_one();
        until
    }

    /// Until when this device's name is announced, in milliseconds since the Unix epoch.
    pub(crate) fn visible_until(&self) -> Option<u64> {
        self.0.state().announcer.visible_until(self.now())
    }

    /// What came and went until now; `None`: it is not running.
    pub(crate) fn transports(&self) -> Option<Arc<Transports>> {
        self.0.state().transports.clone()
    }

    fn now(&self) -> Moment {
        moment(self.0.begun)
    }
}

fn moment(begun: Instant) -> Moment {
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Moment {
        steady_ms: millis(begun.elapsed()),
        wall_ms: millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
