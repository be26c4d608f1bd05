//! What was found as plain text to be passed on, to people who need not know who is on this network.
//!
//! What checks say names nobody: of devices they know addresses alone. What is left is what names a person or a machine
//! by the way: a folder of one's own, an interface that somebody gave a name, and that part of an IPv6 address that may be
//! the hardware's and is the same in each network.

use std::{
    fmt::Write as _,
    net::Ipv6Addr,
    path::{Path, PathBuf},
};

use super::facts::Facts;
use crate::{
    api::{Check, CheckName, CheckState},
    net::ALPN,
};

/// The report; `home` is the folder of this person.
pub(super) fn write(checks: &[Check], facts: &Facts, home: Option<PathBuf>) -> String {
    let (version, protocol) = (env!("CARGO_PKG_VERSION"), String::from_utf8_lossy(ALPN));
    let mut report = format!("Lanline {version} ({protocol}) on {}", std::env::consts::OS);
    if let Some(attempt) = &facts.attempt {
        let _ = write!(report, ", looking for {}", attempt.shown());
    }
    report.push('\n');
    for check in checks {
        let _ = writeln!(report, "{:8}{}: {}", word(check.state), name(check.name), check.finding);
        if let Some(remedy) = &check.remedy {
            let _ = writeln!(report, "{:8}{remedy}", "");
        }
    }
    let mut names: Vec<&str> = facts.links.iter().map(|link| link.name.as_str()).collect();
    names.extend(facts.attempt.iter().filter_map(|attempt| attempt.route.as_ref()?.interface.as_deref()));
    names.extend(facts.held.iter().map(|held| held.by.as_str()));
    // Of names that begin alike, the longer first.
    names.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
    names.dedup();
    for name in names {
        report = without_name(&report, name);
    }
    without_home(&without_interface_ids(&report), home)
}

/// A path to this program, which a command may need, often has its person's name in it.
fn without_home(report: &str, home: Option<PathBuf>) -> String {
    match home.filter(|home| home.file_name().is_some()).as_deref().and_then(Path::to_str) {
        Some(home) => report.replace(home, "~"),
        None => report.to_owned(),
    }
}

/// Kinds of interfaces, by which systems and programs begin their names.
const KINDS: [&str; 27] = [
    "docker",
    "tailscale",
    "vboxnet",
    "podman",
    "bridge",
    "ethernet",
    "team",
    "bond",
    "utun",
    "virbr",
    "vmnet",
    "ipsec",
    "wlan",
    "wi-fi",
    "veth",
    "awdl",
    "llw",
    "eth",
    "tun",
    "tap",
    "ppp",
    "usb",
    "wg",
    "en",
    "wl",
    "ww",
    "br",
];

/// One interface by its kind alone, where its name is more than a kind and a number, which only people give.
fn without_name(report: &str, name: &str) -> String {
    let lower = name.to_lowercase();
    let kind = KINDS.into_iter().find(|kind| lower.starts_with(kind));
    let rest = lower.strip_prefix(kind.unwrap_or_default()).unwrap_or_default();
    if name.is_empty() || lower == "lo" || kind.is_some() && is_a_number(kind.unwrap_or_default(), rest.trim_start()) {
        return report.to_owned();
    }
    let instead = kind.map_or_else(|| "(an interface)".to_owned(), |kind| format!("{kind}…"));
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '@');
    let (mut kept, mut left) = (String::with_capacity(report.len()), report);
    while let Some((before, after)) = left.split_once(name) {
        kept.push_str(before);
        // A full stop ends a sentence where nothing follows it.
        let goes_on = after.strip_prefix('.').unwrap_or(after).chars().next().is_some_and(is_part);
        let inside = before.chars().next_back().is_some_and(is_part) || goes_on;
        kept.push_str(if inside { name } else { &instead });
        left = after;
    }
    kept + left
}

/// Whether what follows a kind is a number, or a place on the machine's bus as Linux names it (`enp3s0f1`), which is no
/// hardware's address (`enx` and that).
fn is_a_number(kind: &str, rest: &str) -> bool {
    let of_bus = matches!(kind, "en" | "wl" | "ww") && rest.starts_with(['o', 's', 'p']) && rest.len() <= 12;
    let digit = |byte: u8| byte.is_ascii_digit();
    rest.bytes().all(digit) || of_bus && rest.bytes().all(|byte| digit(byte) || b"opsfdnuiv".contains(&byte))
}

/// IPv6 addresses by their network alone: the rest may be made of the hardware's address.
fn without_interface_ids(report: &str) -> String {
    let is_part = |character: char| character.is_ascii_hexdigit() || character == ':';
    let (mut kept, mut left) = (String::with_capacity(report.len()), report);
    while let Some(start) = left.find(is_part) {
        let (before, from) = left.split_at(start);
        let (word, after) = from.split_at(from.find(|character| !is_part(character)).unwrap_or(from.len()));
        kept.push_str(before);
        // What ends a sentence or a heading is not part of it.
        let bare = word.strip_suffix(':').filter(|bare| !bare.ends_with(':')).unwrap_or(word);
        match bare.parse::<Ipv6Addr>() {
            Ok(ip) if !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast() && has_id(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                let network = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
                let _ = write!(kept, "{network}…{}", word.strip_prefix(bare).unwrap_or_default());
            }
            _ => kept.push_str(word),
        }
        left = after;
    }
    kept + left
}

fn has_id(ip: Ipv6Addr) -> bool {
    ip.to_bits().trailing_zeros() < 64
}

fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "ok",
        CheckState::Warn => "warning",
        CheckState::Fail => "failure",
        CheckState::Skipped => "skipped",
    }
}

/// As the API names it.
fn name(name: CheckName) -> &'static str {
    match name {
        CheckName::Interface => "interface",
        CheckName::Server => "server",
        CheckName::Port => "port",
        CheckName::LocalFirewall => "local_firewall",
        CheckName::RemoteFirewall => "remote_firewall",
        CheckName::Multicast => "multicast",
        CheckName::Isolation => "isolation",
        CheckName::Subnet => "subnet",
        CheckName::Vpn => "vpn",
        CheckName::CaptivePortal => "captive_portal",
        CheckName::Permission => "permission",
        CheckName::Clock => "clock",
        CheckName::Version => "version",
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{attempt::Outcome, link},
        *,
    };

    #[test]
    fn a_folder_of_ones_own_is_not_named() {
        let told = "run '/Users/alice/bin/lanline'";
        assert_eq!(without_home(told, Some("/Users/alice".into())), "run '~/bin/lanline'");
        assert_eq!(without_home(told, Some("/".into())), told);
    }

    #[test]
    fn interfaces_that_somebody_named_are_told_by_their_kind() {
        for (name, shown) in [
            ("eth0", "eth0"),
            ("enp3s0f1", "enp3s0f1"),
            ("wlp2s0", "wlp2s0"),
            ("Wi-Fi 2", "Wi-Fi 2"),
            ("Ethernet", "Ethernet"),
            ("wg-alice", "wg…"),
            ("enx001122334455", "en…"),
            ("tun-bobs-office", "tun…"),
            ("alice", "(an interface)"),
        ] {
            let report = format!("The VPN {name} holds it ({name}), by {name}. malice {name}x");
            let expected = format!("The VPN {shown} holds it ({shown}), by {shown}. malice {name}x");
            assert_eq!(without_name(&report, name), expected);
        }
    }

    #[test]
    fn of_ipv6_addresses_the_network_is_left() {
        for (told, kept) in [
            ("[2001:db8:1:2:211:22ff:fe33:4455]:12345.", "[2001:db8:1:2::…]:12345."),
            ("at fe80::211:22ff:fe33:4455: here", "at fe80::…: here"),
            ("on 2001:db8:1:2::/64, ::1, ff02::fb", "on 2001:db8:1:2::/64, ::1, ff02::fb"),
            (
                "failure server: 192.168.1.5:12345 is a face: 12:34",
                "failure server: 192.168.1.5:12345 is a face: 12:34",
            ),
            ("äöü: added", "äöü: added"),
        ] {
            assert_eq!(without_interface_ids(told), kept);
        }
    }

    #[test]
    fn a_whole_report_names_neither() {
        let mut facts = Facts::dialled("[2001:db8::211:22ff:fe33:4455]:12345", Outcome::Silent);
        facts.links.push(link::of("wg-alice", "2001:db8::1:2:3:4/64"));
        let report = super::super::tell(&facts).report;
        assert!(!report.contains("alice") && !report.contains("4455") && !report.contains("1:2:3:4"), "{report}");
        assert!(report.contains("wg…") && report.contains("2001:db8::…"), "{report}");
    }
}
