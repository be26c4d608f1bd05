//! What `iptables -S` and `ip6tables -S` say: `iptables(8)`.

use super::ruleset::{
    Chain, ChainName, Condition, Kind, Protocol, Rule, Ruleset, Trait, Verdict, Way, network, port, states,
};

/// The rules in it; `None` where it is no such answer.
pub(crate) fn parse(text: &str, is_v4: bool) -> Option<Ruleset> {
    let name = |chain: &str| ChainName {
        family: if is_v4 { "ip" } else { "ip6" }.to_owned(),
        table: "filter".to_owned(),
        chain: chain.to_owned(),
    };
    let mut ruleset = Ruleset::default();
    for line in text.lines() {
        let words = words(line);
        let mut words = words.iter().map(String::as_str);
        match (words.next(), words.next()) {
            (Some("-P"), Some(chain)) => {
                let way = match chain {
                    "INPUT" => Some(Way::In),
                    "OUTPUT" => Some(Way::Out),
                    _ => None,
                };
                let drops = words.next() == Some("DROP");
                ruleset.chains.insert(name(chain), Chain { hook: way.map(|way| (way, 0)), drops, rules: Vec::new() });
            }
            (Some("-N"), Some(chain)) => drop(ruleset.chains.insert(name(chain), Chain::default())),
            (Some("-A"), Some(chain)) => ruleset.chains.get_mut(&name(chain))?.rules.push(read_rule(words)),
            (None, _) => {}
            // A remark of the tool.
            (Some(word), _) if word.starts_with('#') => {}
            _ => return None,
        }
    }
    (!ruleset.chains.is_empty()).then_some(ruleset)
}

/// The words of a line; what is in quotes is one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for character in line.chars() {
        match character {
            '"' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

fn read_rule<'a>(mut words: impl Iterator<Item = &'a str>) -> Rule {
    let mut rule = Rule::default();
    let mut negated = false;
    let mut add = |of: Option<Trait>, negated: &mut bool| {
        let negated = std::mem::take(negated);
        rule.conditions.push(Condition { of: of.unwrap_or(Trait::Unknown), negated });
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word {
            "!" => negated = true,
            "-p" => {
                let protocol = match value() {
                    "tcp" | "6" => Some(Protocol::Tcp),
                    "udp" | "17" => Some(Protocol::Udp),
                    _ => None,
                };
                add(Some(Trait::Protocols(vec![protocol])), &mut negated);
            }
            "--dport" | "--dports" => add(ports(value()).map(Trait::DestinationPorts), &mut negated),
            "--sport" | "--sports" => add(ports(value()).map(Trait::SourcePorts), &mut negated),
            "-s" => add(network(value()).map(|network| Trait::Sources(vec![network])), &mut negated),
            "-d" => add(network(value()).map(|network| Trait::Destinations(vec![network])), &mut negated),
            "-i" => add(Some(Trait::CameBy(vec![value().to_owned()])), &mut negated),
            "-o" => add(Some(Trait::GoesBy(vec![value().to_owned()])), &mut negated),
            "--ctstate" | "--state" => add(Some(states(value().split(','))), &mut negated),
            "--ctstatus" => {
                let translated = value().split(',').all(|word| matches!(word, "DNAT" | "SNAT"));
                add(translated.then_some(Trait::Translated), &mut negated);
            }
            "--comment" => {
                value();
            }
            "--dst-type" | "--pkt-type" => {
                let kinds = value().split(',').map(Kind::named).collect::<Option<Vec<_>>>();
                add(kinds.map(Trait::Kinds), &mut negated);
            }
            "-m" => match value() {
                "tcp" | "udp" | "multiport" | "conntrack" | "state" | "comment" | "addrtype" | "pkttype" => {}
                _ => add(None, &mut negated),
            },
            "-j" | "-g" => {
                rule.verdict = match (word, value()) {
                    (_, "ACCEPT") => Some(Verdict::Accept),
                    (_, "DROP" | "REJECT") => Some(Verdict::Drop),
                    (_, "RETURN") => Some(Verdict::Return),
                    (_, "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TRACE" | "CT" | "NOTRACK") => None,
                    ("-g", chain) => Some(Verdict::Goto(chain.to_owned())),
                    (_, chain) => Some(Verdict::Jump(chain.to_owned())),
                };
                return rule;
            }
            _ => add(None, &mut negated),
        }
    }
    rule
}

fn ports(text: &str) -> Option<Vec<std::ops::RangeInclusive<u16>>> {
    let range = |text: &str| match text.split_once(':') {
        Some((from, to)) => Some(port(from)?..=port(to)?),
        None => port(text).map(|port| port..=port),
    };
    text.split(',').map(range).collect()
}
