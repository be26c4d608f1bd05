//! Whether the system lets this program use the local network.

use super::{Named, attempt::Outcome, facts::Facts, local_firewall};
use crate::{
    api::{Check, CheckName},
    platform::PERMISSION_ADVICE,
};

const THIS: Named = Named(CheckName::Permission);

pub(super) fn check(facts: &Facts) -> Check {
    let Some(attempt) = &facts.attempt else {
        return match facts.sounding.said_something() {
            true => THIS.ok("The system lets this program speak to all on the network."),
            false => THIS.skipped("To have this checked, give the address of another device."),
        };
    };
    match attempt.outcome {
        Outcome::NotPermitted | Outcome::NoDevice | Outcome::Refused if local_firewall::cuts_off(facts) => {
            THIS.skipped("The firewall of this device is in the way first.")
        }
        Outcome::NotPermitted => THIS
            .fail(format!("The system does not let this program connect to {}.", attempt.shown()), PERMISSION_ADVICE),
        Outcome::NoDevice | Outcome::NoWay if facts.hides_refusals && attempt.link(&facts.links).is_some() => THIS
            .warn(
                format!(
                    "The system says that nobody is at {}, as it also does where it does not let this program.",
                    attempt.ip()
                ),
                PERMISSION_ADVICE,
            ),
        Outcome::UnknownName => THIS.skipped("No connection was tried."),
        _ => THIS.ok("The system refused this program nothing."),
    }
}
