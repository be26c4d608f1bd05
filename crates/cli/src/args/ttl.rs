//! How long an invite lives, as people write it.

use lanline_engine::api::INVITE_TTL_MAX_MS;

/// Milliseconds of a whole number and a unit: `90s`, `30m`, `24h`, `7d`.
pub(crate) fn parse(given: &str) -> Result<u64, String> {
    const TAKES: &str = "it must be a whole number and a unit, such as 30m, 24h or 7d, and at most 30d";
    let given = given.trim();
    let unit_at = given.find(|character: char| !character.is_ascii_digit()).unwrap_or(given.len());
    let (number, unit) = given.split_at(unit_at);
    let unit_ms: u64 = match unit.trim() {
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(TAKES.to_owned()),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(unit_ms))
        .filter(|ms| (1..=INVITE_TTL_MAX_MS).contains(ms))
        .ok_or_else(|| TAKES.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_taken_and_nothing_else() {
        for (given, ms) in [("1s", 1000), ("30m", 1_800_000), ("24h", 86_400_000), ("7 d", 604_800_000)] {
            assert_eq!(parse(given), Ok(ms), "{given}");
        }
        assert_eq!(parse("30d"), Ok(INVITE_TTL_MAX_MS));
        for given in ["", "24", "h", "0h", "31d", "-1h", "1.5h", "1w", "ö", "1ö", "99999999999999999999d", "1h1h"] {
            parse(given).unwrap_err();
        }
    }
}
