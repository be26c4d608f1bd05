//! Whether a firewall on this device drops what is needed. Its rules are read and never changed.

mod firewalld;
mod iptables;
mod macos;
mod nft;
pub(super) mod ruleset;
#[cfg(test)]
mod tests;
mod ufw;
mod windows;

use std::time::Duration;

use self::{
    firewalld::Zones,
    ruleset::{ChainName, Fate, Packet, Protocol, Ruleset, Way},
};
use super::{LIMITS, Named, facts::Facts};
use crate::{
    api::{Check, CheckName},
    platform::{self, SYSTEM, System, Unsaid},
};

const THIS: Named = Named(CheckName::LocalFirewall);

/// PowerShell takes its time.
const POWERSHELL: Duration = Duration::from_secs(12);

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Firewall {
    /// By `nft`, and by `iptables` and `ip6tables`; `None`: not known.
    nft: Option<Ruleset>,
    iptables: [Option<Ruleset>; 2],
    /// Whether there are rules that this user may not read.
    hidden: bool,
    /// Whether ufw is on.
    ufw: bool,
    /// Whether firewalld runs, and what it lets in where it says so.
    firewalld: bool,
    zones: Option<Zones>,
    windows: Option<windows::Policy>,
    macos: Option<macos::Policy>,
}

/// Whose rule it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tool {
    Ufw,
    Firewalld,
    Nft(ChainName),
    Iptables,
    Windows,
    MacOs,
}

impl Firewall {
    #[cfg(test)]
    pub(super) fn with_nft(told: &str) -> Self {
        Self { nft: nft::parse(told), ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn hidden() -> Self {
        Self { hidden: true, ..Self::default() }
    }

    /// Asks the programs of this system. Blocks.
    pub(super) fn read() -> Self {
        match SYSTEM {
            System::Linux => Self::read_linux(),
            System::Windows => {
                let asked = ["-NoProfile", "-NonInteractive", "-Command", windows::QUESTION];
                let told = platform::told_by("powershell", &asked, POWERSHELL);
                Self { windows: told.ok().and_then(|told| windows::parse(&told)), ..Self::default() }
            }
            System::MacOs => {
                let told =
                    |flag: &str| platform::told_by("socketfilterfw", &[flag], LIMITS.program).unwrap_or_default();
                let [state, block_all, programs] = ["--getglobalstate", "--getblockall", "--listapps"].map(told);
                let policy = macos::parse(&state, &block_all, &programs, &program());
                Self { macos: policy, ..Self::default() }
            }
            System::Other => Self::default(),
        }
    }

    fn read_linux() -> Self {
        let ask = |program: &str, arguments: &[&str]| platform::told_by(program, arguments, LIMITS.program);
        let nft = ask("nft", &["-j", "list", "ruleset"]);
        let iptables = ["iptables", "ip6tables"].map(|program| ask(program, &["-S"]));
        let hidden = [&nft, &iptables[0], &iptables[1]].into_iter().any(|told| *told == Err(Unsaid::NotAllowed));
        let [v4, v6] = iptables;
        let status = ask("ufw", &["status"]).ok().and_then(|told| ufw::is_on(&told));
        let enabled = || std::fs::read_to_string("/etc/ufw/ufw.conf").is_ok_and(|settings| ufw::is_enabled(&settings));
        let firewalld = ask("firewall-cmd", &["--state"]).is_ok();
        let zones = || {
            let default = ask("firewall-cmd", &["--get-default-zone"]).ok()?;
            firewalld::parse(&ask("firewall-cmd", &["--list-all-zones"]).ok()?, default.trim())
        };
        Self {
            nft: nft.ok().and_then(|told| nft::parse(&told)),
            iptables: [
                v4.ok().and_then(|told| iptables::parse(&told, true)),
                v6.ok().and_then(|told| iptables::parse(&told, false)),
            ],
            hidden,
            ufw: status.unwrap_or_else(enabled),
            firewalld,
            zones: firewalld.then(zones).flatten(),
            ..Self::default()
        }
    }

    /// Whether it is known what it does.
    pub(super) fn is_known(&self) -> bool {
        let some_rules = self.nft.is_some() || self.iptables.iter().any(Option::is_some);
        some_rules && !self.hidden || self.zones.is_some() || self.windows.is_some() || self.macos.is_some()
    }

    /// What becomes of a packet, and by whose rule.
    pub(super) fn fate(&self, packet: &Packet) -> (Fate, Option<ChainName>) {
        let old = self.iptables.get(usize::from(!packet.is_v4)).and_then(Option::as_ref);
        let by_iptables = old.map(|rules| rules.fate(packet, |_| true));
        // Of its own chains iptables understands what nft shows and does not; whoever else has rules is asked, too.
        let by_nft = self.nft.as_ref().map(|rules| rules.fate(packet, |name| old.is_none() || !is_of_iptables(name)));
        // Of two with the same fate, the last.
        let told = by_nft.into_iter().chain(by_iptables).max_by_key(|(fate, _)| *fate);
        let mut told = told.map_or((Fate::Passes, None), |(fate, chain)| (fate, chain.cloned()));
        if told.0 == Fate::Dropped || packet.way == Way::Out || packet.established {
            return told;
        }
        let port = packet.destination_port.unwrap_or_default();
        // Where its rules can be read, they say more than its zones.
        if let Some(zones) = self.zones.as_ref().filter(|_| self.nft.is_none()) {
            let fate = zones.fate(packet.interface.as_deref().unwrap_or_default(), packet.protocol, port);
            told.0 = told.0.max(fate);
        }
        let shut = self.windows.as_ref().is_some_and(|policy| !policy.lets_in(&program(), packet.protocol, port))
            || self.macos.is_some_and(|policy| matches!(policy, macos::Policy::Blocks | macos::Policy::BlocksAll));
        if shut { (Fate::Dropped, told.1) } else { told }
    }

    fn tool(&self, chain: Option<&ChainName>) -> Tool {
        let in_chain = |name: &ChainName| name.table == "firewalld";
        let old = self.iptables.iter().flatten().any(|rules| rules.has_chain("ufw-"))
            || self.nft.as_ref().is_some_and(|rules| rules.has_chain("ufw-"));
        match chain {
            _ if self.windows.is_some() => Tool::Windows,
            _ if self.macos.is_some() => Tool::MacOs,
            Some(chain) if in_chain(chain) => Tool::Firewalld,
            Some(chain) if is_of_iptables(chain) && (self.ufw || old) => Tool::Ufw,
            Some(chain) if is_of_iptables(chain) => Tool::Iptables,
            Some(chain) => Tool::Nft(chain.clone()),
            None if self.ufw => Tool::Ufw,
            None if self.firewalld || self.nft.as_ref().is_some_and(|rules| rules.has_table("firewalld")) => {
                Tool::Firewalld
            }
            None => Tool::Iptables,
        }
    }
}

/// Whether it is one of iptables' own chains, as nft shows them.
fn is_of_iptables(name: &ChainName) -> bool {
    let chain = matches!(name.chain.as_str(), "INPUT" | "OUTPUT");
    chain && name.table == "filter" && matches!(name.family.as_str(), "ip" | "ip6")
}

/// Where this program is, as firewalls that are about programs name it.
fn program() -> String {
    std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default()
}

/// What shows the rules of firewalld about what goes out.
const POLICIES: &str = "sudo firewall-cmd --list-all-policies";

/// What lets a packet through that is dropped: the exact command, or where it is to be set.
pub(super) fn command(facts: &Facts, packet: &Packet) -> String {
    let firewall = &facts.firewall;
    let (_, chain) = firewall.fate(packet);
    let port = packet.destination_port.unwrap_or_default();
    let protocol = match packet.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    match (firewall.tool(chain.as_ref()), packet.way) {
        (Tool::Ufw, Way::In) => format!("sudo ufw allow {port}/{protocol}"),
        (Tool::Ufw, Way::Out) => format!("sudo ufw allow out {port}/{protocol}"),
        (Tool::Firewalld, Way::In) => {
            // The one holds now, the other after the next start.
            let zone =
                firewall.zones.as_ref().and_then(|zones| zones.of(packet.interface.as_deref().unwrap_or_default()));
            let zone = zone.map(|zone| format!(" --zone={zone}")).unwrap_or_default();
            format!(
                "sudo firewall-cmd{zone} --add-port={port}/{protocol} && \
                 sudo firewall-cmd --permanent{zone} --add-port={port}/{protocol}"
            )
        }
        // Zones are about what comes in.
        (Tool::Firewalld, Way::Out) => POLICIES.to_owned(),
        (Tool::Nft(name), _) => {
            let ChainName { family, table, chain } = name;
            format!("sudo nft insert rule {family} {table} {chain} {protocol} dport {port} accept")
        }
        (Tool::Iptables, way) => {
            let program = if packet.is_v4 { "iptables" } else { "ip6tables" };
            let chain = if way == Way::In { "INPUT" } else { "OUTPUT" };
            format!("sudo {program} -I {chain} -p {protocol} --dport {port} -j ACCEPT")
        }
        (Tool::Windows, way) => {
            let way = if way == Way::In { "dir=in localport" } else { "dir=out remoteport" };
            format!("netsh advfirewall firewall add rule name=Lanline action=allow protocol={protocol} {way}={port}")
        }
        (Tool::MacOs, _) => {
            format!(
                "sudo /usr/libexec/ApplicationFirewall/socketfilterfw --unblockapp '{}'",
                program().replace('\'', "'\\''")
            )
        }
    }
}

/// The first packet of others that this firewall surely drops, so that nobody can dial this device.
pub(super) fn shuts_out(facts: &Facts) -> Option<Packet> {
    let packet = facts.dialled_in()?;
    (facts.firewall.fate(&packet).0 == Fate::Dropped).then_some(packet)
}

/// Whether the firewall surely drops what this device sends to the one in question, or what that answers.
pub(super) fn cuts_off(facts: &Facts) -> bool {
    cut(facts).is_some()
}

fn cut(facts: &Facts) -> Option<Packet> {
    let unanswered =
        facts.attempt.as_ref().is_some_and(|attempt| !matches!(attempt.outcome, super::attempt::Outcome::Answers(_)));
    let packets = facts.dialled_out().filter(|_| unanswered)?;
    packets.into_iter().find(|packet| facts.firewall.fate(packet).0 == Fate::Dropped)
}

pub(super) fn check(facts: &Facts) -> Check {
    let firewall = &facts.firewall;
    if let Some(packet) = cut(facts) {
        let ip = facts.attempt.as_ref().map(super::attempt::Attempt::ip).unwrap_or_default();
        return match packet.way {
            Way::Out => THIS.fail(
                format!("The firewall of this device drops what it sends to {ip}."),
                allow(vec![command(facts, &packet)]),
            ),
            Way::In => THIS.fail(
                format!("The firewall of this device drops what {ip} answers."),
                "Let answers in: a rule that accepts connections that are `established` has to stand before the others.",
            ),
        };
    }
    let packet = facts.dialled_in();
    let fate = packet.as_ref().map(|packet| firewall.fate(packet).0);
    match (packet, fate) {
        (Some(packet), Some(Fate::Dropped)) => shut(facts, &packet),
        (Some(packet), Some(fate)) if fate == Fate::MayBeDropped || !firewall.is_known() => doubted(facts, &packet),
        (None, _) if !firewall.is_known() => THIS.skipped("This device is on no network."),
        _ => THIS.ok(format!("No rule of this device's firewall drops connections to port {}.", facts.port)),
    }
}

fn shut(facts: &Facts, packet: &Packet) -> Check {
    let port = facts.port;
    let finding = format!("The firewall of this device drops connections to port {port}.");
    match (&facts.firewall.windows, facts.firewall.macos) {
        (Some(policy), _) if policy.is_public() => THIS.fail(
            finding,
            format!(
                "Set this network to \"Private\" in Settings, Network & internet, and allow Lanline; or as administrator: `{}`.",
                command(facts, packet)
            ),
        ),
        (_, Some(macos::Policy::BlocksAll)) => THIS.fail(
            "The firewall of this device blocks all incoming connections.",
            "Turn off \"Block all incoming connections\" in System Settings, Network, Firewall, Options.",
        ),
        _ => THIS.fail(finding, allow(vec![command(facts, packet)])),
    }
}

/// Not all is known of the rules: what others found counts.
fn doubted(facts: &Facts, packet: &Packet) -> Check {
    let firewall = &facts.firewall;
    let port = facts.port;
    let is_on = firewall.ufw || firewall.firewalld;
    if facts.reached_by().is_some() {
        return THIS.ok(format!("A device reaches this one at port {port}, so that no firewall drops that."));
    }
    let rules = if firewall.hidden {
        "has rules that this user may not read"
    } else {
        "has rules that are not understood here"
    };
    match (facts.unreached(), is_on || firewall.is_known() || firewall.hidden) {
        (Some(_), true) => THIS.fail(
            format!("Another device does not reach this one at port {port}, and the firewall of this device {rules}."),
            allow(vec![command(facts, packet)]),
        ),
        (None, _) if is_on => THIS.warn(
            format!(
                "A firewall is on ({}) and {rules}; it may drop connections to port {port}.",
                if firewall.ufw { "ufw" } else { "firewalld" }
            ),
            allow(vec![command(facts, packet)]),
        ),
        _ if firewall.hidden => THIS.skipped(
            "The rules of this device's firewall are not for this user to read; `sudo nft list ruleset` shows them.",
        ),
        _ if firewall.is_known() => {
            THIS.ok(format!("No rule of this device's firewall is known to drop connections to port {port}."))
        }
        _ => THIS.skipped("This system does not say what its firewall does."),
    }
}

/// What to do, by the commands for it, of which the whole can be copied.
pub(super) fn allow(mut commands: Vec<String>) -> String {
    commands.dedup();
    if commands.iter().any(|command| command == POLICIES) {
        return format!("Allow it in the policy of firewalld that drops what goes out, which `{POLICIES}` shows.");
    }
    // Windows' two command lines join commands in different ways.
    let commands = if SYSTEM == System::Windows { commands.join("` and `") } else { commands.join(" && ") };
    format!("Allow it: `{commands}`.")
}
