//! Whether what is said to all on a network goes out and comes in.
//!
//! What this device sends comes back to itself whatever the network does, so that only others tell that it passes it on:
//! those that answer, or those that are known to be there and to listen and do not.

mod rules;

use std::{net::SocketAddr, time::Duration};

use super::{Named, facts::Facts, sounding::Sounding};
use crate::{
    api::{Check, CheckName},
    discovery::traffic::{Family, LinkTraffic, MdnsTraffic, Traffic, Trouble, Ways},
    platform::{PERMISSION_ADVICE, SYSTEM, System},
    settings::DEFAULT_PORT,
};

const THIS: Named = Named(CheckName::Multicast);
/// How to come together without it.
const WITHOUT: &str = "Connect by a link or an address (`lanline connect ADDRESS`), or let an always-on device that both reach be in the room \
     as a meeting point";

/// For how long it counts that something was heard: devices announce themselves twice in that time.
const LATELY: Duration = Duration::from_secs(75);

pub(super) fn check(facts: &Facts) -> Check {
    if facts.sounding == Sounding::Off {
        return THIS.warn(
            "This device was started so that it neither looks for others nor is found.",
            "Start it without `--no-discovery`, and with LANLINE_DISCOVERY=on or unset.",
        );
    }
    let Some(main) = facts.main_link() else {
        return THIS.skipped("This device is connected to no network.");
    };
    if let Some(dropped) = rules::check(facts, main) {
        return dropped;
    }
    let Sounding::Counted { before, after } = &facts.sounding else {
        return THIS.skipped("It is not known whether this device hears what is said to all on the network.");
    };
    let mut told: Vec<Told> = Vec::new();
    for name in names(facts) {
        told.extend(of_link(facts, name, before, after));
    }
    told.extend(of_mdns(&after.mdns));
    // Of the same weight, the first.
    let found = told.into_iter().min_by_key(|told| told.0);
    found.map_or_else(|| THIS.skipped("No network of this device takes what is said to all."), |Told(_, check)| check)
}

/// By its weight: what is worst comes first, and that others were heard before that nobody was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Failed,
    Doubted,
    Heard,
    Quiet,
}

struct Told(Weight, Check);

/// Interfaces that others may be on, each once.
fn names(facts: &Facts) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for link in facts.links.iter().filter(|link| link.is_usable()) {
        if !names.contains(&link.name.as_str()) {
            names.push(&link.name);
        }
    }
    names
}

fn of_link(facts: &Facts, name: &str, before: &Traffic, after: &Traffic) -> Vec<Told> {
    let of_name = after.links.iter().filter(|link| link.name == name);
    let counted: Vec<Counted<'_>> = of_name.map(|link| Counted::of(link, before)).collect();
    let troubled = counted.iter().find_map(Counted::trouble);
    let whole: Vec<&Counted<'_>> = counted.iter().filter(|counted| counted.trouble().is_none()).collect();
    let troubled = troubled.map(|(trouble, deaf)| {
        let (finding, remedy) = refused(name, trouble, deaf);
        // Where one family of addresses is not to be had, the other does as well.
        match !whole.is_empty() && !matches!(trouble, Trouble::PortTaken | Trouble::NotPermitted) {
            true => Told(Weight::Doubted, THIS.warn(finding, remedy)),
            false => Told(Weight::Failed, THIS.fail(finding, remedy)),
        }
    });
    let heard = (!whole.is_empty()).then(|| of_whole(facts, name, &whole, &after.mdns));
    troubled.into_iter().chain(heard).collect()
}

/// What was heard where nothing was refused.
fn of_whole<'a>(facts: &Facts, name: &str, counted: &[&Counted<'a>], mdns: &MdnsTraffic) -> Told {
    let any = |is: fn(&Counted<'a>) -> bool| counted.iter().any(|counted| is(counted));
    if any(Counted::is_lost_here) {
        return Told(
            Weight::Failed,
            THIS.fail(
                format!(
                    "What this device says to all on {name} does not even come back to itself: something on this device \
                     drops UDP at port {DEFAULT_PORT}."
                ),
                format!("Allow UDP at the ports {DEFAULT_PORT} and 5353 in the firewall or security program of this device."),
            ),
        );
    }
    let known = facts.listening.iter().find(|address| is_here_alone(facts, name, **address)).map(SocketAddr::ip);
    if any(Counted::was_answered) {
        return Told(Weight::Heard, THIS.ok(format!("This device hears others on {name}, and is heard.")));
    }
    if any(Counted::heard_others) {
        let finding = format!("This device hears others on {name}; when it asked all just now, nobody answered.");
        return match known {
            Some(_) => Told(
                Weight::Doubted,
                THIS.warn(
                    finding,
                    format!("{WITHOUT}; `lanline doctor` on another device says whether that one is heard."),
                ),
            ),
            None => Told(Weight::Heard, THIS.ok(finding)),
        };
    }
    if mdns.heard_at.is_some_and(|at| at.elapsed() < LATELY) {
        return Told(Weight::Heard, THIS.ok("This device hears others by multicast DNS."));
    }
    if let Some(ip) = known.filter(|_| any(Counted::said)) {
        return Told(
            Weight::Failed,
            THIS.fail(
                format!(
                    "What this device says to all on {name} goes out and nothing comes in, though the device at {ip} is there: \
                     the switch or access point holds multicast back, or that device takes no part."
                ),
                format!("{WITHOUT}; else allow multicast in the access point or switch, and see what `lanline doctor` says there."),
            ),
        );
    }
    Told(
        Weight::Quiet,
        THIS.skipped(match any(Counted::said) {
            true => format!("All on {name} were asked; nobody else was heard, who may not be there."),
            false => format!("Nothing was said to all on {name} yet."),
        }),
    )
}

/// Whether another device's address is on this interface, and on no other: of two that lead to one network, answers may come
/// by either.
fn is_here_alone(facts: &Facts, name: &str, address: SocketAddr) -> bool {
    let mut leading = facts.links.iter().filter(|link| link.is_usable() && link.leads_to(address)).peekable();
    leading.peek().is_some() && leading.all(|link| link.name == name && link.ip != address.ip())
}

/// One interface and family, and what it was before all were asked.
struct Counted<'a> {
    link: &'a LinkTraffic,
    before: Option<&'a LinkTraffic>,
}

impl<'a> Counted<'a> {
    fn of(link: &'a LinkTraffic, before: &'a Traffic) -> Self {
        let same = |other: &&LinkTraffic| (other.index, other.family) == (link.index, link.family);
        Self { link, before: before.links.iter().find(same) }
    }

    fn since(&self, count: impl Fn(&LinkTraffic) -> u64) -> u64 {
        count(self.link).saturating_sub(self.before.map(&count).unwrap_or_default())
    }

    /// Why it does not work, and whether it is the hearing that does not.
    fn trouble(&self) -> Option<(Trouble, bool)> {
        let LinkTraffic { deaf, outside, mute, refused, family, .. } = self.link;
        let refused = refused.filter(|_| self.since(|link| link.sent) == 0);
        // IPv6 has no broadcast.
        let outside = outside.filter(|_| *family == Family::V6);
        let mute = mute.or(refused).map(|trouble| (trouble, false));
        deaf.or(outside).map(|trouble| (trouble, true)).or(mute)
    }

    fn said(&self) -> bool {
        self.since(|link| link.sent) > 0
    }

    /// Whether what it said did not come back. Where more came than is looked through, its own may be among what was not.
    fn is_lost_here(&self) -> bool {
        self.said() && self.since(|link| all(link.own)) == 0 && self.since(|link| link.dropped) == 0
    }

    /// Whether others said something to this device alone, as who is asked does.
    fn was_answered(&self) -> bool {
        self.since(|link| link.others.unicast) > 0
    }

    fn heard_others(&self) -> bool {
        let lately = self.link.heard_at.is_some_and(|at| at.elapsed() < LATELY);
        lately || self.since(|link| all(link.others)) > 0
    }
}

fn all(ways: Ways) -> u64 {
    ways.multicast.saturating_add(ways.broadcast).saturating_add(ways.unicast)
}

/// What is told of a network on which something was refused, and what to do.
fn refused(name: &str, trouble: Trouble, deaf: bool) -> (String, String) {
    let what = if deaf { "does not hear what others say to all" } else { "cannot say anything to all" };
    match trouble {
        Trouble::PortTaken => (
            format!("Another program holds UDP port {DEFAULT_PORT} for itself, so that this device {what} on {name}."),
            format!(
                "End that program, which `{}` shows; this device then hears others within a minute.",
                holder(DEFAULT_PORT)
            ),
        ),
        Trouble::NotPermitted => (
            format!("The system or a firewall on this device does not let this program: it {what} on {name}."),
            PERMISSION_ADVICE.to_owned(),
        ),
        Trouble::NoWay => {
            (format!("The interface {name} takes no multicast: this device {what} there."), format!("{WITHOUT}."))
        }
        Trouble::Flooded => (
            format!("So much is said on {name} that this device {what} for now."),
            "Look for what floods the network; this device tries again by itself.".to_owned(),
        ),
        Trouble::Failed => (
            format!("The system refused it: this device {what} on {name}."),
            format!("{WITHOUT}; the log of this device says more."),
        ),
    }
}

/// The command that shows who holds a UDP port.
fn holder(port: u16) -> String {
    match SYSTEM {
        System::Windows => format!("netstat -ano -p udp | findstr :{port}"),
        System::MacOs => format!("sudo lsof -nP -iUDP:{port}"),
        System::Linux | System::Other => format!("sudo ss -ulpn sport = :{port}"),
    }
}

/// Multicast DNS does not run; the other ways go on.
fn of_mdns(mdns: &MdnsTraffic) -> Option<Told> {
    let finding = match mdns.stopped? {
        Trouble::PortTaken => {
            "Another program holds UDP port 5353 for itself, so that devices are not found by multicast DNS."
        }
        Trouble::NotPermitted => "The system does not let this program use multicast DNS.",
        Trouble::Flooded => "So much comes by multicast DNS that it rests for now.",
        Trouble::NoWay | Trouble::Failed => "Multicast DNS does not run here.",
    };
    let remedy = match mdns.stopped? {
        Trouble::PortTaken => {
            format!("End that program, which `{}` shows; other ways to find devices go on.", holder(5353))
        }
        Trouble::NotPermitted => PERMISSION_ADVICE.to_owned(),
        _ => "Other ways to find devices go on, and it is tried again by itself.".to_owned(),
    };
    Some(Told(Weight::Doubted, THIS.warn(finding, remedy)))
}

#[cfg(test)]
mod tests;
