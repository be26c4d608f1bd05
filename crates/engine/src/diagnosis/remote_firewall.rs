//! Whether a firewall on the other device, or between, drops what comes from here; or what others send to this device.

use lanline_protocol::frame::ReachOutcome;

use super::{
    Named,
    attempt::{Attempt, Outcome},
    facts::Facts,
    local_firewall,
    neighbour::Neighbour,
};
use crate::api::{Check, CheckName};

const THIS: Named = Named(CheckName::RemoteFirewall);

pub(super) fn check(facts: &Facts) -> Check {
    if let Some(attempt) = &facts.attempt {
        return there(facts, attempt);
    }
    match facts.unreached() {
        None if facts.said().next().is_none() => {
            THIS.skipped("Nothing stands in the way that is known; give the address of a device that is not reached.")
        }
        None => THIS.ok("A connected device reaches this one."),
        Some(_) if local_firewall::shuts_out(facts).is_some() => THIS.skipped("The firewall of this device is in the way first."),
        Some(ReachOutcome::Refused) => THIS.skipped("Others were refused, which is no silent firewall."),
        Some(_) => THIS.fail(
            format!("A device that is connected does not reach this one at port {}, and no rule on this device is known to drop that.", facts.port),
            "Look at the firewall of the router or access point between them, and at security programs on this device.",
        ),
    }
}

fn there(facts: &Facts, attempt: &Attempt) -> Check {
    let port = attempt.address.map_or(facts.port, |address| address.port());
    match (attempt.outcome, attempt.neighbour) {
        (Outcome::Silent | Outcome::NoDevice, Some(Neighbour::There)) if !local_firewall::cuts_off(facts) => THIS.fail(
            format!("The device at {} is on this network and answers, but lets nothing in at port {port}.", attempt.ip()),
            format!(
                "Allow the port in the firewall of that device: `sudo ufw allow {port}/tcp`, `sudo firewall-cmd --add-port={port}/tcp`, \
                 or on Windows and macOS allow Lanline when it asks; `lanline doctor` there says which."
            ),
        ),
        // On a link of ours, and not known whether it is there.
        (Outcome::Silent, None | Some(Neighbour::Doubted))
            if attempt.link(&facts.links).is_some() && !local_firewall::cuts_off(facts) =>
        {
            THIS.warn(
                format!("Nothing came back from {}: a firewall there drops it, or the device is off.", attempt.shown()),
                format!("See that the device is on, and allow port {port} in its firewall; `lanline doctor` there says how."),
            )
        }
        (Outcome::Silent | Outcome::NoDevice | Outcome::NoWay | Outcome::UnknownName | Outcome::NotPermitted, _) => {
            THIS.skipped("It is not known: nothing came back from the other device.")
        }
        _ => THIS.ok(format!("{} lets connections in at port {port}.", attempt.ip())),
    }
}
