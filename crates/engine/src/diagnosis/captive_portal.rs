//! Whether a network wants a sign-in first, as far as the system knows: nothing on the internet is asked for it, and no
//! router, whose own pages cannot be told from a sign-in.

use std::time::Duration;

use super::{Named, facts::Facts};
use crate::{
    api::{Check, CheckName},
    platform,
};

const THIS: Named = Named(CheckName::CaptivePortal);

/// What the system found out about the internet by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connectivity {
    /// A sign-in is wanted.
    Portal,
    /// There is no more than the local network.
    Limited,
    Full,
}

impl Connectivity {
    /// What NetworkManager knows; it is not asked to look anew. Blocks.
    pub(super) fn read(limit: Duration) -> Option<Self> {
        parse(&platform::told_by("nmcli", &["networking", "connectivity"], limit).ok()?)
    }
}

fn parse(told: &str) -> Option<Connectivity> {
    match told.trim() {
        "portal" => Some(Connectivity::Portal),
        "limited" | "none" => Some(Connectivity::Limited),
        "full" => Some(Connectivity::Full),
        _ => None,
    }
}

pub(super) fn check(facts: &Facts) -> Check {
    if !facts.has_default_route {
        return THIS.skipped("This network leads nowhere else, so that nobody asks for a sign-in.");
    }
    match facts.connectivity {
        Some(Connectivity::Portal) => THIS.warn(
            "This network wants a sign-in in a browser first, and may keep devices apart until then.",
            "Open a browser, sign in, then look again.",
        ),
        Some(Connectivity::Limited | Connectivity::Full) => THIS.ok("The system knows of no sign-in on this network."),
        None => {
            THIS.skipped("The system does not say whether this network wants a sign-in, and nobody else was asked.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by hand, after nmcli(1).

    #[test]
    fn what_network_manager_says_is_read() {
        for (told, read) in [
            ("portal\n", Some(Connectivity::Portal)),
            ("limited\n", Some(Connectivity::Limited)),
            ("none\n", Some(Connectivity::Limited)),
            ("full\n", Some(Connectivity::Full)),
            ("unknown\n", None),
            ("Error: NetworkManager is not running.\n", None),
        ] {
            assert_eq!(parse(told), read);
        }
    }
}
