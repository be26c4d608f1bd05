//! What `socketfilterfw` says of the application firewall of macOS, which is about programs and not ports.

/// What the firewall does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Off,
    /// It is on, and lets this program in, or asks its person for each that it does not know.
    LetsIn,
    /// It blocks this program.
    Blocks,
    /// It blocks everything.
    BlocksAll,
}

/// The policy for a program by what `--getglobalstate`, `--getblockall` and `--listapps` say; `None` where that is no such
/// answer.
pub(crate) fn parse(state: &str, block_all: &str, programs: &str, program: &str) -> Option<Policy> {
    let state = state.to_lowercase();
    if state.contains("disabled") || state.contains("state = 0") {
        return Some(Policy::Off);
    }
    if !state.contains("enabled") {
        return None;
    }
    // "Firewall is set to block all non-essential incoming connections", and before macOS 14 "… block all state set to enabled".
    let block_all = block_all.to_lowercase();
    if block_all.contains("block all") && !block_all.contains("disabled") || state.contains("state = 2") {
        return Some(Policy::BlocksAll);
    }
    let mut lines = programs.lines().skip_while(|line| !is_about(line, program));
    let (_, about) = (lines.next(), lines.next().unwrap_or_default().to_lowercase());
    Some(if about.contains("block incoming") { Policy::Blocks } else { Policy::LetsIn })
}

/// Whether a line of `--listapps`, such as `3 : /Applications/Lanline.app`, is about a program or the bundle that it is in.
fn is_about(line: &str, program: &str) -> bool {
    let Some((number, path)) = line.split_once(':') else { return false };
    let path = path.trim();
    let inside = program.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !path.is_empty() && number.trim().bytes().all(|byte| byte.is_ascii_digit()) && inside
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "/Applications/Lanline.app/Contents/MacOS/lanline";
    // What follows is written by hand, after what others quote of the tool: Apple documents no more than its flags.
    const OPEN: &str = "Firewall has block all state set to disabled.\n";

    fn listed(what: &str) -> String {
        format!(
            "Total number of apps = 2 \n1 : /Applications/Lanline.app \n             ( {what} incoming connections ) \n\
             2 : /Applications/Other.app \n             ( Block incoming connections ) \n"
        )
    }

    #[test]
    fn each_state_is_told_apart() {
        let on = "Firewall is enabled. (State = 1)\n";
        let policy = |state: &str, all: &str, programs: &str| parse(state, all, programs, PROGRAM);
        assert_eq!(policy("Firewall is disabled. (State = 0)\n", OPEN, ""), Some(Policy::Off));
        assert_eq!(policy(on, OPEN, &listed("Allow")), Some(Policy::LetsIn));
        assert_eq!(policy(on, OPEN, &listed("Block")), Some(Policy::Blocks));
        assert_eq!(policy(on, OPEN, "Total number of apps = 0 \n"), Some(Policy::LetsIn));
        let all = "Firewall is set to block all non-essential incoming connections\n";
        assert_eq!(policy(on, all, &listed("Allow")), Some(Policy::BlocksAll));
        assert_eq!(policy("Firewall is enabled. (State = 2)\n", OPEN, ""), Some(Policy::BlocksAll));
        assert_eq!(policy("socketfilterfw: no such option\n", OPEN, ""), None);
    }
}
