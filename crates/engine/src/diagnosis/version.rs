//! Whether both speak the same version.

use super::{Named, attempt::Outcome, facts::Facts};
use crate::api::{Check, CheckName};

const THIS: Named = Named(CheckName::Version);

pub(super) fn check(facts: &Facts) -> Check {
    match facts.attempt.as_ref().map(|attempt| (attempt.outcome, attempt)) {
        Some((Outcome::OtherVersion, attempt)) => THIS.fail(
            format!("{} runs a version of Lanline that this one cannot talk to.", attempt.shown()),
            "Update the older of the two.",
        ),
        Some((Outcome::Answers(_), _)) => THIS.ok("Both devices speak the same version of the protocol."),
        _ => THIS.skipped(format!(
            "This is version {}; that of another device shows once it answers.",
            env!("CARGO_PKG_VERSION")
        )),
    }
}
