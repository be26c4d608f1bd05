//! Whether ufw is on: by `ufw status`, which asks for the administrator, or by its settings, which anybody may read.

/// Whether `ufw status` says that it is on; `None` where it is no such answer.
pub(crate) fn is_on(status: &str) -> Option<bool> {
    let (_, state) =
        status.lines().find_map(|line| line.split_once("Status:").filter(|(before, _)| before.is_empty()))?;
    Some(state.trim() == "active")
}

/// Whether `/etc/ufw/ufw.conf` says so.
pub(crate) fn is_enabled(settings: &str) -> bool {
    let mut values = settings.lines().filter_map(|line| line.trim().strip_prefix("ENABLED="));
    values.next_back().is_some_and(|value| value.trim_matches(['"', '\'']).eq_ignore_ascii_case("yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_saying_it_are_read() {
        // Written by hand, after ufw(8) and the `ufw.conf` that it brings along.
        let on = "Status: active\n\nTo                         Action      From\n--                         ------      ----\n22/tcp                     ALLOW       Anywhere\n";
        assert_eq!(is_on(on), Some(true));
        assert_eq!(is_on("Status: inactive\n"), Some(false));
        assert_eq!(is_on("ERROR: You need to be root to run this script\n"), None);
        let settings = "# /etc/ufw/ufw.conf\n#\n\n# Set to yes to start on boot.\nENABLED=yes\n\nLOGLEVEL=low\n";
        assert!(is_enabled(settings));
        assert!(!is_enabled(&settings.replace("=yes", "=no")));
        assert!(!is_enabled(""));
    }
}
