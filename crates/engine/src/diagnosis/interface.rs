//! Whether there is an address on an interface that works.

use std::collections::BTreeSet;

use super::{Named, attempt::Outcome, facts::Facts, link::Link, neighbour::Neighbour};
use crate::api::{Check, CheckName};

const THIS: Named = Named(CheckName::Interface);
const CONNECT: &str = "Connect to the Wi-Fi or plug in the network cable, then look again.";

pub(super) fn check(facts: &Facts) -> Check {
    let usable: Vec<&Link> = facts.links.iter().filter(|link| link.is_usable()).collect();
    let down = names(facts.links.iter().filter(|link| !link.up && !link.loopback));
    if usable.is_empty() {
        return match down.is_empty() {
            true => THIS.fail("This device is connected to no network.", CONNECT),
            false => THIS.fail(
                format!("The interface {down} has an address and leads nowhere now: its cable or its Wi-Fi is off."),
                CONNECT,
            ),
        };
    }
    if let Some(attempt) = facts.attempt.as_ref().filter(|attempt| attempt.is_unanswered()) {
        if let Some(link) = attempt.link(&facts.links).filter(|link| !link.up) {
            return THIS.fail(
                format!("The interface {}, by which {} is reached, leads nowhere now.", link.name, attempt.ip()),
                "Connect that Wi-Fi or plug in its cable, or use an address of the other device on a network that works.",
            );
        }
        let nobody = facts.router_is == Some(Neighbour::Silent) && facts.others_are_there != Some(true);
        if nobody && attempt.link(&facts.links).is_some() {
            return THIS.fail(
                "Nobody answers on this network, not even its router.",
                "Look at the cable or the Wi-Fi on this side: connect it again, or restart the router or switch.",
            );
        }
        if attempt.outcome == Outcome::NoWay && facts.main_link().is_none() {
            return THIS.fail(format!("This device has no address from which {} is reached.", attempt.ip()), CONNECT);
        }
    }
    let shown: Vec<String> = usable.iter().map(|link| format!("{} ({})", link.ip, link.name)).collect();
    if usable.iter().all(|link| link.is_makeshift() || link.is_link_local())
        && usable.iter().any(|link| link.is_makeshift())
    {
        return THIS.warn(
            format!("This device gave itself its address, {}, since nobody on the network gave it one.", shown.join(", ")),
            "Connect to the network again; if that does not help, restart the router, or give both devices fixed addresses.",
        );
    }
    let down = if down.is_empty() { String::new() } else { format!("; {down} does not work now") };
    THIS.ok(format!("This device has {}{down}.", shown.join(", ")))
}

fn names<'a>(links: impl Iterator<Item = &'a Link>) -> String {
    links.map(|link| link.name.as_str()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}
