//! What networks are made of.

mod host;
mod lan;
mod namespace;
mod router;
mod tests;
mod wire;

use std::sync::atomic::{AtomicU8, Ordering};

pub(crate) use host::Host;
pub(crate) use lan::Lan;
pub(crate) use namespace::Namespace;
pub(crate) use router::Router;
use wire::SlowCable;
pub(crate) use wire::Tunnel;

/// Where one scenario's networks are made.
#[derive(Debug)]
pub(crate) struct Lab {
    lans: AtomicU8,
}

impl Lab {
    /// Removes what dead runs left behind. The error says what is missing where no networks can be made.
    pub(crate) fn open() -> Result<Self, String> {
        for (program, package) in [("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables"), ("python3", "python3")]
        {
            if !namespace::is_on_path(program) {
                return Err(format!("{package}, for `{program}`"));
            }
        }
        namespace::sweep();
        namespace::are_allowed()?;
        Ok(Self { lans: AtomicU8::new(0) })
    }

    /// One local network: a switch that nobody is at yet.
    pub(crate) fn lan(&self) -> Lan {
        Lan::new(self.lans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A machine at one network, with an address of each family unless it has but one.
    pub(crate) fn host(&self, name: &'static str, lan: &Lan) -> Host {
        let host = Host::new(name);
        host.plug_in(lan);
        host
    }

    /// A machine at several networks, which passes on what it is sent for others, but no multicast. It is the way out
    /// of each for the hosts that come there later.
    pub(crate) fn router(&self, lans: &[&Lan]) -> Router {
        Router::between(lans)
    }
}
