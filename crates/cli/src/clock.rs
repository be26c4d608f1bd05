//! Times as people read them.

use jiff::{Timestamp, ZonedDateTime, tz::TimeZone};

/// This moment, milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// A time, to the minute: the day too where it is not today. A peer may claim any time at all.
pub(crate) fn short(at_ms: u64, now_ms: u64, zone: &TimeZone) -> String {
    match (zoned(at_ms, zone), zoned(now_ms, zone)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M").to_string(),
        _ => full(at_ms, zone),
    }
}

/// A time, to the minute, with its day.
pub(crate) fn full(at_ms: u64, zone: &TimeZone) -> String {
    match zoned(at_ms, zone) {
        Some(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        None => "????-??-?? ??:??".to_owned(),
    }
}

fn zoned(at_ms: u64, zone: &TimeZone) -> Option<ZonedDateTime> {
    let at = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
    Some(at.to_zoned_datetime(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_unless_it_is_today_and_no_claim_is_too_wild() {
        let (noon, utc) = (1_795_521_600_000, TimeZone::UTC);
        assert_eq!(full(noon, &utc), "2026-11-24 12:00");
        assert_eq!(short(noon, noon + 60_000, &utc), "12:00");
        assert_eq!(short(noon - 86_400_000, noon, &utc), "2026-11-23 12:00");
        let east = TimeZone::fixed(jiff::tz::offset(13));
        assert_eq!(short(noon, noon, &east), "01:00");
        for wild in [u64::MAX, i64::MAX as u64, 1 << 62] {
            assert_eq!(short(wild, noon, &utc), "????-??-?? ??:??");
        }
        assert_eq!(full(0, &utc), "1970-01-01 00:00");
    }
}
