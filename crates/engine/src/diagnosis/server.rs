//! Whether this device listens and is reached from outside, and whether the other one listens.

use lanline_protocol::{frame::ReachOutcome, reaching::View};

use super::{Named, attempt::Outcome, facts::Facts, local_firewall};
use crate::api::{Check, CheckName, ErrorCode};

const THIS: Named = Named(CheckName::Server);

pub(super) fn check(facts: &Facts) -> Check {
    match facts.attempt.as_ref().map(|attempt| (attempt.outcome, attempt)) {
        Some((Outcome::Refused, attempt)) if !local_firewall::cuts_off(facts) => {
            return THIS.fail(
                format!(
                    "The device at {} is there, and nothing listens at {}, or a firewall there rejects it.",
                    attempt.ip(),
                    attempt.shown()
                ),
                "Start the server on that device (`lanline serve`, or the switch in the app), or correct the port.",
            );
        }
        Some((Outcome::UnknownName, _)) => {
            return THIS.fail(
                "The name that was given is known to nobody on this network.",
                "Give the address in numbers, as `lanline status` shows it on the other device.",
            );
        }
        Some((Outcome::HungUp, attempt)) => {
            return THIS.fail(
                format!("What listens at {} hung up at once.", attempt.shown()),
                "Try again in a moment; if that does not help, start the server on that device again.",
            );
        }
        Some((Outcome::SaidNothing, attempt)) => {
            return THIS.fail(
                format!("What listens at {} took the connection and said nothing.", attempt.shown()),
                "Start the server on that device again, or correct the port: `lanline status` shows it there.",
            );
        }
        Some((Outcome::Itself, attempt)) => {
            return THIS
                .fail(format!("{} is this device itself.", attempt.shown()), "Give the address of the other device.");
        }
        _ => {}
    }
    let Some(port) = facts.server.port.filter(|_| facts.server.running) else {
        return match &facts.server.failure {
            // Which is for another check.
            Some(failure) if failure.code == ErrorCode::PortInUse => {
                THIS.warn("This device does not listen: it could not.", "See what is said of the port.")
            }
            Some(failure) => THIS.fail("This device does not listen: it could not.", failure.message.clone()),
            None => THIS.warn(
                "This device does not listen, so that nobody can connect to it.",
                "Start its server: `lanline serve`, or the switch in the app; where the other device listens, connect from here.",
            ),
        };
    };
    seen(facts, port)
}

/// How others see it who tried.
fn seen(facts: &Facts, port: u16) -> Check {
    // Who asks about this very machine knows.
    let asked_of_itself =
        facts.attempt.as_ref().and_then(|attempt| attempt.address).is_some_and(|at| at.ip().is_loopback());
    if facts.listens_to_itself && !asked_of_itself {
        return THIS.fail(
            format!("This device listens on port {port} for this machine only, since LANLINE_LISTEN says so."),
            "Unset LANLINE_LISTEN, and start it again.",
        );
    }
    if let Some(from) = facts.reached_by() {
        return THIS.ok(format!("This device listens on port {port}, and the device at {from} reaches it."));
    }
    match facts.unreached() {
        Some(ReachOutcome::Refused) if local_firewall::shuts_out(facts).is_none() => {
            return THIS.fail(
                format!("A device tried to reach this one at port {port} and was refused, though it listens."),
                "See whether it listens on all addresses (LANLINE_LISTEN), and start it again.",
            );
        }
        Some(_) => {
            return THIS.warn(
                format!("This device listens on port {port}, but another one that tried did not reach it."),
                "See what is said of firewalls.",
            );
        }
        None => {}
    }
    let tried = || facts.said().filter(|(_, said)| said.outcome != ReachOutcome::Untried);
    let hidden = |(from, said): &(&str, &View)| !facts.is_own(from) && !said.address.is_empty();
    match (tried().find(hidden), tried().any(|(_, said)| said.outcome == ReachOutcome::Open)) {
        (Some((_, said)), _) if said.outcome == ReachOutcome::Open => THIS.warn(
            format!(
                "A device tried port {port} and was answered, but it sees this one as {}, which is a router's.",
                said.address
            ),
            "Nothing, if it was this device that answered; else connect from here to there.",
        ),
        (Some((_, said)), _) => THIS.warn(
            format!("Others see this device as {}, which is a router's, and do not reach it there.", said.address),
            "Connect from here to the others: a router that hides this network lets nobody in.",
        ),
        (None, true) => {
            THIS.ok(format!("This device listens on port {port}, and is reached from this machine; no other tried."))
        }
        (None, false) if facts.views.is_empty() => THIS.ok(format!(
            "This device listens on port {port}; no other device is connected that could try to reach it."
        )),
        (None, false) => {
            THIS.ok(format!("This device listens on port {port}; no device could say whether it reaches it."))
        }
    }
}
