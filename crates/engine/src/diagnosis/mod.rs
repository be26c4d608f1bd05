//! Why devices do not find or reach each other: what is looked at, in which order, and how it is told.
//!
//! First everything is found out that there is ([`facts`]), each step within its own time and all within 30 s; then each
//! check, in a file of its own, says what that means. Nothing is changed, nothing is sent beyond the local network unless
//! the person gave an address there, and no service on the internet is asked: what is known of a sign-in page is what the
//! system knows.

mod attempt;
mod captive_portal;
mod clock;
mod facts;
mod interface;
mod isolation;
mod link;
mod local_firewall;
mod multicast;
mod neighbour;
mod permission;
mod port;
mod remote_firewall;
mod report;
mod route;
mod server;
mod sounding;
mod subnet;
#[cfg(test)]
mod tests;
mod version;
mod view;
mod vpn;

use std::time::Duration;

use self::{attempt::Outcome, facts::Facts};
use crate::{
    Node,
    api::{Check, CheckName, CheckState, Diagnosis},
    net::Address,
};

/// How long the steps of a diagnosis may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    name: Duration,
    program: Duration,
    /// Anything that asks the system, however many programs that takes.
    step: Duration,
    connect: Duration,
    greet: Duration,
    neighbour: Duration,
    reach: Duration,
}

/// What the steps may take: less than 30 s where one follows another.
const LIMITS: Limits = Limits {
    name: Duration::from_secs(3),
    program: Duration::from_secs(2),
    step: Duration::from_secs(13),
    connect: Duration::from_secs(4),
    greet: Duration::from_secs(5),
    neighbour: Duration::from_secs(9),
    reach: Duration::from_millis(4500),
};

/// Looks for why others do not find this device, or why it does not reach the one at an address.
pub(crate) async fn diagnose(node: &Node, address: Option<Address>) -> Diagnosis {
    tell(&Facts::gather(node, address).await)
}

fn tell(facts: &Facts) -> Diagnosis {
    let mut checks = vec![
        interface::check(facts),
        server::check(facts),
        port::check(facts),
        local_firewall::check(facts),
        remote_firewall::check(facts),
        multicast::check(facts),
        isolation::check(facts),
        subnet::check(facts),
        vpn::check(facts),
        captive_portal::check(facts),
        permission::check(facts),
        clock::check(facts),
        version::check(facts),
    ];
    if facts.attempt.is_some() {
        checks.sort_by_key(|check| rank(check, facts));
    }
    let report = report::write(&checks, facts, std::env::home_dir());
    Diagnosis { checks, report }
}

/// What is to be told before what: first what explains that the other device is not reached, from what is nearest on.
fn rank(check: &Check, facts: &Facts) -> usize {
    const CAUSES: [CheckName; 10] = [
        CheckName::Interface,
        CheckName::Permission,
        CheckName::Vpn,
        CheckName::LocalFirewall,
        CheckName::Subnet,
        CheckName::RemoteFirewall,
        CheckName::Isolation,
        CheckName::Version,
        CheckName::Port,
        CheckName::Server,
    ];
    let place = CAUSES.iter().position(|name| *name == check.name);
    // What does not explain it stays in its order, behind.
    place.filter(|_| check.state == CheckState::Fail && explains(check.name, facts)).unwrap_or(CAUSES.len())
}

/// Whether a check that fails may be why the other device is not reached.
fn explains(name: CheckName, facts: &Facts) -> bool {
    let Some(attempt) = &facts.attempt else { return false };
    match name {
        CheckName::LocalFirewall => local_firewall::cuts_off(facts),
        // Where something came back, the network is not to blame.
        CheckName::Interface | CheckName::Vpn => attempt.is_unanswered() || attempt.outcome == Outcome::UnknownName,
        // These are about this device's own server, too.
        CheckName::Port => attempt.outcome == Outcome::NotLanline,
        CheckName::Server => matches!(
            attempt.outcome,
            Outcome::Refused | Outcome::UnknownName | Outcome::HungUp | Outcome::SaidNothing | Outcome::Itself
        ),
        _ => true,
    }
}

/// A check of this name, by how it went.
#[derive(Clone, Copy)]
struct Named(CheckName);

impl Named {
    fn ok(self, finding: impl Into<String>) -> Check {
        self.told(CheckState::Ok, finding, None)
    }

    fn skipped(self, finding: impl Into<String>) -> Check {
        self.told(CheckState::Skipped, finding, None)
    }

    fn warn(self, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
        self.told(CheckState::Warn, finding, Some(remedy.into()))
    }

    fn fail(self, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
        self.told(CheckState::Fail, finding, Some(remedy.into()))
    }

    fn told(self, state: CheckState, finding: impl Into<String>, remedy: Option<String>) -> Check {
        Check { name: self.0, state, finding: finding.into(), remedy }
    }
}
