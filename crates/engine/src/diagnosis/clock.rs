//! Whether the clock is far off: what is said then stands in the wrong place, and invites end at the wrong time.

use super::{Named, facts::Facts};
use crate::api::{Check, CheckName};
use lanline_protocol::limits;

const THIS: Named = Named(CheckName::Clock);
const REMEDY: &str =
    "Set the clock of the device that is wrong, or let its system set it (\"automatic date and time\").";

/// The beginning of 2025 and of 2100: no clock that is right is outside.
const YEARS_MS: std::ops::Range<i64> = 1_735_689_600_000..4_102_444_800_000;

pub(super) fn check(facts: &Facts) -> Check {
    if !YEARS_MS.contains(&facts.now_ms) {
        return THIS.fail("The clock of this device is years off.", REMEDY);
    }
    let mut others: Vec<i64> = facts.said().filter_map(|(_, said)| said.ahead_us).collect();
    others.sort_unstable();
    let limit = i64::try_from(limits::CLOCK_AHEAD_US).unwrap_or(i64::MAX);
    let far = |ahead: &i64| ahead.unsigned_abs() > limit.unsigned_abs();
    let Some(middle) = others.get(others.len() / 2) else {
        return THIS.ok("The clock of this device shows a plausible year; no other device told its time.");
    };
    if !far(middle) {
        return THIS.ok("The clock of this device is about that of the others.");
    }
    let (by, which) = (minutes(*middle), if *middle > 0 { "behind" } else { "ahead of" });
    // Of two that differ, either may be wrong.
    if others.len() > 1 && others.iter().all(far) {
        THIS.fail(format!("The clock of this device is {by} {which} those of the others."), REMEDY)
    } else {
        THIS.warn(format!("The clock of this device is {by} {which} that of another."), REMEDY)
    }
}

fn minutes(us: i64) -> String {
    match us.unsigned_abs() / 60_000_000 {
        minutes if minutes < 120 => format!("{minutes} minutes"),
        minutes if minutes < 48 * 60 => format!("{} hours", minutes / 60),
        minutes => format!("{} days", minutes / (24 * 60)),
    }
}
