//! Whether a VPN holds the way to the local network.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::{Named, attempt::Attempt, facts::Facts, link::Link, route};
use crate::api::{Check, CheckName};

const THIS: Named = Named(CheckName::Vpn);
const REMEDY: &str =
    "Turn the VPN off, or allow the local network in its settings (\"LAN access\", \"split tunnel\"), then look again.";

/// How many networks are looked at.
const NETWORKS: usize = 8;

/// A local network to which a tunnel holds the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) network: String,
    /// The tunnel's interface.
    pub(super) by: String,
}

/// Looks for them. Nothing is sent; blocks.
pub(super) fn held(links: &[Link], limit: Duration) -> Vec<Held> {
    let tunnels: BTreeSet<&str> = tunnels(links).collect();
    if tunnels.is_empty() {
        return Vec::new();
    }
    let local =
        links.iter().filter(|link| link.is_usable() && link.ip.is_ipv4() && link.prefix < 31 && !link.is_makeshift());
    let ways = local.take(NETWORKS).filter_map(|link| {
        let way = route::to(SocketAddr::from((link.neighbour(), 9)), links, limit)?;
        let by = way.interface.filter(|interface| tunnels.contains(interface.as_str()))?;
        Some(Held { network: link.network(), by })
    });
    ways.collect()
}

/// Tunnels that lead somewhere. One that has no more than the address it gave itself is the system's own: macOS has
/// several without any VPN.
fn tunnels(links: &[Link]) -> impl Iterator<Item = &str> {
    links.iter().filter(|link| link.tunnel && link.up && !link.is_link_local()).map(|link| link.name.as_str())
}

/// The tunnel by which the address in question would be reached.
pub(super) fn tunnel_of<'a>(facts: &Facts, attempt: &'a Attempt) -> Option<&'a str> {
    let by = attempt.route.as_ref()?.interface.as_deref()?;
    let is_tunnel = tunnels(&facts.links).any(|name| name == by) || crate::platform::is_tunnel(by);
    is_tunnel.then_some(by)
}

pub(super) fn check(facts: &Facts) -> Check {
    if let Some(attempt) = facts.attempt.as_ref().filter(|attempt| attempt.is_unanswered())
        && let Some(by) = tunnel_of(facts, attempt)
    {
        return THIS.fail(
            format!("The VPN {by} holds the way to {}, and nothing came back from there.", attempt.ip()),
            REMEDY,
        );
    }
    if let Some(Held { network, by }) = facts.held.first() {
        return THIS.fail(format!("The VPN {by} holds the way to the local network {network}."), REMEDY);
    }
    match tunnels(&facts.links).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ") {
        // There a tunnel has any name.
        names if names.is_empty() && !facts.tells_tunnels => {
            THIS.skipped("No VPN is known to be on, which this system does not say for sure.")
        }
        names if names.is_empty() => THIS.ok("No VPN is on."),
        names => THIS.ok(format!("A VPN is on ({names}), and leaves the local network alone.")),
    }
}
