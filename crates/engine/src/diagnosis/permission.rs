//! Whether the system lets this program use the local network.

use super::{Named, attempt::Outcome, facts::Facts, local_firewall};
use crate::{
    api::{Check, CheckName},
    platform::PERMISSION_ADVICE,
};

const THIS: Named = Named(CheckName::Permission);

pub(super) fn check(facts: &Facts) -> Check {
    match &facts.attempt {
        Some(attempt) if attempt.outcome == Outcome::NotPermitted && !local_firewall::cuts_off(facts) => THIS
            .fail(format!("The system does not let this program connect to {}.", attempt.shown()), PERMISSION_ADVICE),
        _ => THIS.ok("The system refused this program nothing."),
    }
}
