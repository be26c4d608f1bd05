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
        None if facts.reached_by().is_some() => THIS.ok("A connected device reaches this one."),
        None => {
            THIS.skipped("Nothing stands in the way that is known; give the address of a device that is not reached.")
        }
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
        // On a link of ours, and the system does not tell whether it is there.
        (Outcome::Silent | Outcome::NoDevice | Outcome::NoWay, None) if is_beside(facts, attempt) => {
            let (finding, remedy) = unsure(attempt, port);
            THIS.fail(finding, remedy)
        }
        (Outcome::Silent | Outcome::NoDevice, Some(Neighbour::Doubted)) if is_beside(facts, attempt) => {
            let (finding, remedy) = unsure(attempt, port);
            THIS.warn(finding, remedy)
        }
        (Outcome::Silent | Outcome::NoDevice | Outcome::NoWay | Outcome::UnknownName | Outcome::NotPermitted, _) => {
            THIS.skipped("It is not known: nothing came back from the other device.")
        }
        (Outcome::Refused, _) => THIS.skipped(format!(
            "{} is reached and says no, as a device without a server does, and a firewall that rejects.",
            attempt.ip()
        )),
        (Outcome::Itself, _) => THIS.skipped("That is this device itself."),
        (Outcome::Failed, _) => THIS.skipped("It is not known: the connection failed on this device."),
        (
            Outcome::Answers(_) | Outcome::NotLanline | Outcome::SaidNothing | Outcome::OtherVersion | Outcome::HungUp,
            _,
        ) => THIS.ok(format!("{} lets connections in at port {port}.", attempt.ip())),
    }
}

/// Whether the other device is on a link of this one, that works, and nothing on this one is in the way.
fn is_beside(facts: &Facts, attempt: &Attempt) -> bool {
    attempt.link(&facts.links).is_some_and(|link| link.up) && !local_firewall::cuts_off(facts)
}

fn unsure(attempt: &Attempt, port: u16) -> (String, String) {
    (
        format!("Nothing came back from {}: a firewall there drops it, or no device is there.", attempt.shown()),
        format!(
            "See that the device is on and has this address (`lanline status`), and allow port {port} in its firewall; \
             `lanline doctor` there says how."
        ),
    )
}
