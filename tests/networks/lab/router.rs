//! A machine between networks.

use super::{Host, Lan, lan::ROUTER};

/// What it is called.
pub(super) const NAME: &str = "router";

/// Passes packets on from network to network; multicast and broadcast stay where they are. It is number 1 on each.
#[derive(Debug)]
pub(crate) struct Router {
    host: Host,
}

impl Router {
    pub(super) fn between(lans: &[&Lan]) -> Self {
        let host = Host::new(NAME);
        for lan in lans {
            host.plug_in_as(lan, ROUTER);
            lan.routed();
        }
        host.place().forward();
        Self { host }
    }

    /// The machine itself.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }
}
