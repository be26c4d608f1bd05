//! Whether an access point keeps its devices from each other: the router answers, and the device beside it does not.

use super::{Named, attempt::Outcome, facts::Facts, local_firewall, neighbour::Neighbour};
use crate::api::{Check, CheckName};

const THIS: Named = Named(CheckName::Isolation);

pub(super) fn check(facts: &Facts) -> Check {
    let Some(attempt) = &facts.attempt else {
        return THIS.skipped("To have this checked, give the address of a device that is not reached.");
    };
    let ip = attempt.ip();
    let beside = attempt.link(&facts.links).is_some_and(|link| link.up);
    let router_answers = facts.router_is == Some(Neighbour::There);
    match (attempt.outcome, attempt.neighbour) {
        (Outcome::Silent | Outcome::NoDevice, Some(Neighbour::Silent)) if beside => {
            match (router_answers, facts.others_are_there) {
                (_, Some(true)) => THIS.fail(
                    format!("Other devices on this network answer, but none at {ip}: it is off, has another address, or is kept apart."),
                    "See on the other device that it is on this network and which address it has (`lanline status`); on a guest \
                     network, use the main one, since guests are kept from each other.",
                ),
                (true, _) => THIS.fail(
                    format!("The router answers, but the device at {ip} does not: the access point keeps its devices apart, or that device is off."),
                    "Turn off client isolation (also called AP isolation or guest network) in the router, or let both use its main \
                     network, or a cable; see also that the other device is on.",
                ),
                // Nobody answers at all, which is for another check where it is known.
                (false, _) if facts.router_is == Some(Neighbour::Silent) => THIS.skipped("Nobody answers on this network."),
                (false, _) => THIS.fail(
                    format!("No device answers at {ip} on this network: it is off, has another address, or is kept apart."),
                    "See on the other device that it is on this network and which address it has (`lanline status`), and turn off \
                     client isolation in the access point.",
                ),
            }
        }
        (Outcome::Silent | Outcome::NoDevice | Outcome::NoWay | Outcome::UnknownName, _) => {
            THIS.skipped("It is not known: the other device is not known to be on this network.")
        }
        (Outcome::Refused, _) if local_firewall::cuts_off(facts) => {
            THIS.skipped("It is not known: this device's own firewall may be what said no.")
        }
        (Outcome::NotPermitted | Outcome::Itself | Outcome::Failed, _) => {
            THIS.skipped("It is not known: the other device was not asked.")
        }
        (
            Outcome::Answers(_)
            | Outcome::Refused
            | Outcome::NotLanline
            | Outcome::SaidNothing
            | Outcome::OtherVersion
            | Outcome::HungUp,
            _,
        ) => THIS.ok("The other device answers, so that nothing keeps the two apart."),
    }
}
