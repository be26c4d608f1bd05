//! Whether the other device is on another network.

use std::collections::BTreeSet;

use super::{
    Named,
    attempt::{Attempt, Outcome},
    facts::Facts,
    local_firewall, vpn,
};
use crate::api::{Check, CheckName};

const THIS: Named = Named(CheckName::Subnet);

pub(super) fn check(facts: &Facts) -> Check {
    let Some(attempt) = &facts.attempt else {
        return THIS.skipped(match networks(facts) {
            networks if networks.is_empty() => "This device is on no network.".to_owned(),
            networks => format!("This device is on {networks}; give the address of another to see whether it is, too."),
        });
    };
    let Some(address) = attempt.address else { return THIS.skipped("No address is known.") };
    let ip = attempt.ip();
    if address.ip().is_loopback() || attempt.link(&facts.links).is_some() {
        return THIS.ok(format!("{ip} is on a network of this device."));
    }
    if attempt.outcome == Outcome::NotPermitted {
        return THIS.skipped(format!("{ip} is on another network; whether there is a way to it was not tried."));
    }
    if !attempt.is_unanswered() && !local_firewall::cuts_off(facts) {
        return THIS.ok(format!("{ip} is on another network, and there is a way to it."));
    }
    if is_by_tunnel(facts, attempt) || local_firewall::cuts_off(facts) {
        return THIS.skipped(format!("{ip} is on another network; something else is in the way first."));
    }
    THIS.fail(
        format!("{ip} is on another network than this device, which is on {}, and nothing came back from there.", networks(facts)),
        "Let both devices use the same network (also the same of several that a router has), or let one that both reach, such as a \
         device with a server in both, be in the room: it passes everything on.",
    )
}

fn is_by_tunnel(facts: &Facts, attempt: &Attempt) -> bool {
    vpn::tunnel_of(facts, attempt).is_some()
}

fn networks(facts: &Facts) -> String {
    let usable = facts.links.iter().filter(|link| link.is_usable());
    let ordinary = usable.filter(|link| !link.is_link_local());
    ordinary.map(|link| link.network()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" and ")
}
