//! The rules of a packet filter, whichever tool shows them, and what becomes of a packet by them.
//!
//! Only as much of a rule is understood as decides about plain TCP and UDP; of the rest it is known that it is not
//! known. So what is said to be dropped is dropped, and else it may be.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::RangeInclusive,
};

/// How deep one chain may call another; the kernel takes 16.
const DEPTH: usize = 32;
/// Rules looked at for one packet: chains that call each other in many ways are not followed through all of them.
const STEPS: usize = 100_000;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    In,
    Out,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// A packet, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) way: Way,
    pub(crate) protocol: Protocol,
    /// Whether it is IPv4, or else IPv6.
    pub(crate) is_v4: bool,
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: Option<IpAddr>,
    pub(crate) source_port: Option<u16>,
    pub(crate) destination_port: Option<u16>,
    /// Whether it is an answer, or else the first of its kind.
    pub(crate) established: bool,
    /// The interface that it comes in or goes out by.
    pub(crate) interface: Option<String>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Passes,
    /// By a rule that is not understood, or of which not enough is known here.
    MayBeDropped,
    Dropped,
}

/// A chain, by family, table and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChainName {
    /// `ip`, `ip6`, `inet` or `netdev`.
    pub(crate) family: String,
    pub(crate) table: String,
    pub(crate) chain: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Where packets enter it by themselves, and in which order, if they do.
    pub(crate) hook: Option<(Way, i64)>,
    /// Whether what no rule decides about is dropped.
    pub(crate) drops: bool,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) conditions: Vec<Condition>,
    /// `None`: it only counts, or notes.
    pub(crate) verdict: Option<Verdict>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    /// Or refused.
    Drop,
    Jump(String),
    Goto(String),
    Return,
}

/// One thing that a packet must be, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) of: Trait,
    pub(crate) negated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    /// Of these transport protocols; another one than TCP and UDP is `None`.
    Protocols(Vec<Option<Protocol>>),
    V4,
    V6,
    SourcePorts(Vec<RangeInclusive<u16>>),
    DestinationPorts(Vec<RangeInclusive<u16>>),
    /// In networks, by address and length of the prefix.
    Sources(Vec<(IpAddr, u8)>),
    Destinations(Vec<(IpAddr, u8)>),
    /// By the names of interfaces, the way as it is; a name may end in `*`.
    CameBy(Vec<String>),
    GoesBy(Vec<String>),
    /// Whether first packets are among those that are meant, and whether answers are.
    States {
        new: bool,
        established: bool,
    },
    /// To destinations of these kinds.
    Kinds(Vec<Kind>),
    /// Of a connection whose addresses this device rewrites, as routers do: none that begins or ends here.
    Translated,
    /// Something that is not understood.
    Unknown,
}

/// What a destination is to this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This device itself.
    Local,
    Multicast,
    Broadcast,
    /// Another device.
    Unicast,
}

impl Kind {
    /// As these tools name it.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word.to_lowercase().as_str() {
            "local" | "host" => Some(Self::Local),
            "multicast" => Some(Self::Multicast),
            "broadcast" => Some(Self::Broadcast),
            "unicast" => Some(Self::Unicast),
            _ => None,
        }
    }

    fn of(packet: &Packet) -> Option<Self> {
        Some(match packet.destination? {
            ip if ip.is_multicast() => Self::Multicast,
            IpAddr::V4(ip) if ip.is_broadcast() => Self::Broadcast,
            _ if packet.way == Way::In => Self::Local,
            _ => Self::Unicast,
        })
    }
}

/// All rules of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ruleset {
    pub(crate) chains: BTreeMap<ChainName, Chain>,
}

/// What a packet meets in a chain that does not end it.
enum Met {
    Ended(Fate),
    /// With whether a rule of which it is not known whether it applies would have dropped it, or let it through.
    Through(Doubt),
}

#[derive(Clone, Copy, Debug, Default)]
struct Doubt {
    may_drop: bool,
    may_pass: bool,
}

impl Ruleset {
    /// What becomes of a packet, and in which chain that packets enter by themselves it ended; of those, only the ones that
    /// count.
    pub(crate) fn fate(&self, packet: &Packet, counts: impl Fn(&ChainName) -> bool) -> (Fate, Option<&ChainName>) {
        let entered = |(name, chain): (&'_ ChainName, &Chain)| match chain.hook {
            Some((way, priority)) if way == packet.way && applies(&name.family, packet) && counts(name) => {
                Some(priority)
            }
            _ => None,
        };
        let mut base: Vec<(i64, &ChainName)> =
            self.chains.iter().filter_map(|(name, chain)| Some((entered((name, chain))?, name))).collect();
        base.sort();
        let (mut fate, mut ended_in) = (Fate::Passes, None);
        for (_, name) in base {
            let drops = self.chains.get(name).is_some_and(|chain| chain.drops);
            let here = match self.walk(name, packet, DEPTH, &mut { STEPS }) {
                Met::Ended(fate) => fate,
                Met::Through(Doubt { may_pass: false, .. }) if drops => Fate::Dropped,
                Met::Through(Doubt { may_drop: false, .. }) if !drops => Fate::Passes,
                Met::Through(_) => Fate::MayBeDropped,
            };
            if here > fate {
                (fate, ended_in) = (here, Some(name));
            }
            if fate == Fate::Dropped {
                break;
            }
        }
        (fate, ended_in)
    }

    fn walk(&self, name: &ChainName, packet: &Packet, depth: usize, steps: &mut usize) -> Met {
        let mut doubt = Doubt::default();
        let Some(chain) = self.chains.get(name).filter(|_| depth > 0) else {
            return Met::Through(Doubt { may_drop: true, may_pass: true });
        };
        for rule in &chain.rules {
            let Some(left) = steps.checked_sub(1) else {
                return Met::Through(Doubt { may_drop: true, may_pass: true });
            };
            *steps = left;
            let Some(verdict) = &rule.verdict else { continue };
            let matches = rule.matches(packet);
            if matches == Some(false) {
                continue;
            }
            let is_sure = matches == Some(true);
            match verdict {
                Verdict::Accept if is_sure => return doubt.ended(Fate::Passes),
                Verdict::Accept => doubt.may_pass = true,
                Verdict::Drop if is_sure => return doubt.ended(Fate::Dropped),
                Verdict::Drop => doubt.may_drop = true,
                Verdict::Return if is_sure => break,
                // What stands behind it may not be looked at.
                Verdict::Return => doubt = Doubt { may_drop: true, may_pass: true },
                Verdict::Jump(target) | Verdict::Goto(target) => {
                    let target = ChainName { chain: target.clone(), ..name.clone() };
                    match self.walk(&target, packet, depth - 1, steps) {
                        Met::Ended(fate) if is_sure => return doubt.ended(fate),
                        Met::Ended(Fate::Passes) => doubt.may_pass = true,
                        Met::Ended(Fate::Dropped) => doubt.may_drop = true,
                        Met::Ended(Fate::MayBeDropped) => doubt = Doubt { may_drop: true, may_pass: true },
                        Met::Through(more) => {
                            doubt.may_drop |= more.may_drop;
                            doubt.may_pass |= more.may_pass;
                        }
                    }
                    if is_sure && matches!(verdict, Verdict::Goto(_)) {
                        break;
                    }
                }
            }
        }
        Met::Through(doubt)
    }

    /// Whether any chain has a name that begins so.
    pub(crate) fn has_chain(&self, prefix: &str) -> bool {
        self.chains.keys().any(|name| name.chain.starts_with(prefix))
    }

    /// Whether there is a table of this name.
    pub(crate) fn has_table(&self, table: &str) -> bool {
        self.chains.keys().any(|name| name.table == table)
    }
}

impl Doubt {
    /// What becomes of a packet that a rule decides about, where one before it may have decided otherwise.
    fn ended(self, fate: Fate) -> Met {
        let doubted = if fate == Fate::Passes { self.may_drop } else { self.may_pass };
        Met::Ended(if doubted { Fate::MayBeDropped } else { fate })
    }
}

fn applies(family: &str, packet: &Packet) -> bool {
    match family {
        "ip" => packet.is_v4,
        "ip6" => !packet.is_v4,
        "inet" | "netdev" => true,
        _ => false,
    }
}

impl Rule {
    /// `None`: it is not known.
    fn matches(&self, packet: &Packet) -> Option<bool> {
        let mut sure = true;
        for condition in &self.conditions {
            match condition.of.holds(packet) {
                None => sure = false,
                Some(holds) if holds == condition.negated => return Some(false),
                Some(_) => {}
            }
        }
        sure.then_some(true)
    }
}

impl Trait {
    fn holds(&self, packet: &Packet) -> Option<bool> {
        let ports = |ranges: &[RangeInclusive<u16>], port: Option<u16>| {
            let all = ranges.iter().any(|range| *range.start() == 0 && *range.end() == u16::MAX);
            if all { Some(true) } else { port.map(|port| ranges.iter().any(|range| range.contains(&port))) }
        };
        let networks = |networks: &[(IpAddr, u8)], ip: Option<IpAddr>| {
            let all = networks.iter().any(|(_, prefix)| *prefix == 0);
            if all { Some(true) } else { ip.map(|ip| networks.iter().any(|network| holds(*network, ip))) }
        };
        let named = |names: &[String], way: Way| {
            if packet.way != way {
                return Some(false);
            }
            packet.interface.as_ref().map(|name| names.iter().any(|pattern| is_named(name, pattern)))
        };
        match self {
            Self::Protocols(protocols) => Some(protocols.contains(&Some(packet.protocol))),
            Self::V4 => Some(packet.is_v4),
            Self::V6 => Some(!packet.is_v4),
            Self::SourcePorts(ranges) => ports(ranges, packet.source_port),
            Self::DestinationPorts(ranges) => ports(ranges, packet.destination_port),
            Self::Sources(given) => networks(given, packet.source),
            Self::Destinations(given) => networks(given, packet.destination),
            Self::CameBy(names) => named(names, Way::In),
            Self::GoesBy(names) => named(names, Way::Out),
            Self::States { new, established } => Some(if packet.established { *established } else { *new }),
            Self::Kinds(kinds) => Kind::of(packet).map(|kind| kinds.contains(&kind)),
            Self::Translated => Some(false),
            Self::Unknown => None,
        }
    }
}

/// Whether an address is in a network.
pub(crate) fn holds((network, prefix): (IpAddr, u8), ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let beyond = 32_u32.saturating_sub(prefix.into());
            (network.to_bits() ^ ip.to_bits()).checked_shr(beyond).unwrap_or_default() == 0
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let beyond = 128_u32.saturating_sub(prefix.into());
            (network.to_bits() ^ ip.to_bits()).checked_shr(beyond).unwrap_or_default() == 0
        }
        _ => false,
    }
}

fn is_named(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix(['*', '+']).map_or(name == pattern, |prefix| name.starts_with(prefix))
}

/// Words for connection states, as all these tools have them.
pub(crate) fn states<'a>(words: impl Iterator<Item = &'a str>) -> Trait {
    let words: BTreeSet<String> = words.map(str::to_lowercase).collect();
    Trait::States { new: words.contains("new"), established: words.contains("established") }
}

/// A network as text, with or without a length.
pub(crate) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip.parse().ok()?, Some(prefix)),
        None => (text.parse().ok()?, None),
    };
    let longest = if matches!(ip, IpAddr::V4(_)) { 32 } else { 128 };
    match prefix {
        Some(prefix) => Some((ip, prefix.parse().ok().filter(|prefix| *prefix <= longest)?)),
        None => Some((ip, longest)),
    }
}

/// Ports that rules call by name, of those that matter here.
pub(crate) fn port(text: &str) -> Option<u16> {
    match text {
        "mdns" => Some(5353),
        other => other.parse().ok(),
    }
}
