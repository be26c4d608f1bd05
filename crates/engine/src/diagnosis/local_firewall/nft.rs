//! What `nft -j list ruleset` says: `libnftables-json(5)`.

use std::{net::IpAddr, ops::RangeInclusive};

use serde_json::Value;

use super::ruleset::{
    Chain, ChainName, Condition, Kind, Protocol, Rule, Ruleset, Trait, Verdict, Way, network, port, states,
};

/// The rules in it; `None` where it is no such answer.
pub(crate) fn parse(text: &str) -> Option<Ruleset> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let objects = answer.get("nftables")?.as_array()?;
    let mut ruleset = Ruleset::default();
    let sets: Vec<&Value> = objects.iter().filter_map(|object| object.get("set")).collect();
    for chain in objects.iter().filter_map(|object| object.get("chain")) {
        ruleset.chains.insert(name(chain, "name")?, read_chain(chain));
    }
    for rule in objects.iter().filter_map(|object| object.get("rule")) {
        let name = name(rule, "chain")?;
        let of_table = |set: &&&Value| text_of(set, "family") == name.family && text_of(set, "table") == name.table;
        let sets: Vec<&Value> = sets.iter().filter(of_table).copied().collect();
        let rules = read_rule(rule.get("expr").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default(), &sets);
        if let Some(chain) = ruleset.chains.get_mut(&name) {
            chain.rules.extend(rules);
        }
    }
    Some(ruleset)
}

fn text_of<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn name(object: &Value, chain: &str) -> Option<ChainName> {
    let text = |key: &str| object.get(key)?.as_str().map(str::to_owned);
    Some(ChainName { family: text("family")?, table: text("table")?, chain: text(chain)? })
}

fn read_chain(chain: &Value) -> Chain {
    let way = match text_of(chain, "hook") {
        "input" | "prerouting" | "ingress" => Some(Way::In),
        "output" | "postrouting" => Some(Way::Out),
        _ => None,
    };
    // What comes later at the same place has the greater number; places come one after the other.
    let place = match text_of(chain, "hook") {
        "ingress" => 0,
        "prerouting" | "output" => 1,
        _ => 2,
    };
    let priority = chain.get("prio").and_then(Value::as_i64).unwrap_or_default();
    Chain {
        hook: way.map(|way| (way, priority.saturating_add(place << 32))),
        drops: text_of(chain, "policy") == "drop",
        rules: Vec::new(),
    }
}

/// One rule; several where it looks its verdict up in a map.
fn read_rule(expressions: &[Value], sets: &[&Value]) -> Vec<Rule> {
    let mut conditions = Vec::new();
    for expression in expressions {
        let Some((kind, of)) = expression.as_object().and_then(|object| object.iter().next()) else {
            conditions.push(unknown());
            continue;
        };
        match kind.as_str() {
            "match" => conditions.extend(read_match(of, sets)),
            "accept" => return vec![Rule { conditions, verdict: Some(Verdict::Accept) }],
            "drop" | "reject" => return vec![Rule { conditions, verdict: Some(Verdict::Drop) }],
            "return" => return vec![Rule { conditions, verdict: Some(Verdict::Return) }],
            "jump" | "goto" => return vec![Rule { conditions, verdict: verdict(expression) }],
            "vmap" => return read_map(&conditions, of, sets),
            "counter" | "log" | "mangle" | "notrack" | "comment" | "ct helper" | "flow" => {}
            // Redirected or rewritten, limited, of an older tool's module, or of a later version.
            _ => conditions.push(unknown()),
        }
    }
    vec![Rule { conditions, verdict: None }]
}

fn verdict(expression: &Value) -> Option<Verdict> {
    let (kind, of) = expression.as_object()?.iter().next()?;
    let target = || of.get("target").and_then(Value::as_str).map(str::to_owned);
    match kind.as_str() {
        "accept" => Some(Verdict::Accept),
        "drop" | "reject" => Some(Verdict::Drop),
        "return" => Some(Verdict::Return),
        "jump" => target().map(Verdict::Jump),
        "goto" => target().map(Verdict::Goto),
        _ => None,
    }
}

fn unknown() -> Condition {
    Condition { of: Trait::Unknown, negated: false }
}

fn read_map(conditions: &[Condition], map: &Value, sets: &[&Value]) -> Vec<Rule> {
    let pairs = map.get("data").and_then(|data| data.get("set")).and_then(Value::as_array);
    let Some(pairs) = pairs else {
        // A map of its own: anything may come of it.
        let conditions: Vec<Condition> = conditions.iter().cloned().chain([unknown()]).collect();
        let of = |verdict| Rule { conditions: conditions.clone(), verdict: Some(verdict) };
        return vec![of(Verdict::Drop), of(Verdict::Accept)];
    };
    let rules = pairs.iter().filter_map(|pair| {
        let (key, of) = (pair.get(0)?, pair.get(1)?);
        let more = read_trait(map.get("key")?, key, sets);
        let conditions = conditions.iter().cloned().chain(more).collect();
        Some(Rule { conditions, verdict: verdict(of) })
    });
    rules.collect()
}

fn read_match(of: &Value, sets: &[&Value]) -> Vec<Condition> {
    let (Some(left), Some(right)) = (of.get("left"), of.get("right")) else { return vec![unknown()] };
    let negated = match of.get("op").and_then(Value::as_str) {
        Some("==" | "in") | None => false,
        Some("!=") => true,
        _ => return vec![unknown()],
    };
    let mut conditions = read_trait(left, right, sets);
    // Of several, only the last is what was asked; that it is of such a packet stays.
    if let Some(last) = conditions.last_mut() {
        last.negated = negated;
    }
    conditions
}

/// What a packet has to be for its `left` to be `right`.
fn read_trait(left: &Value, right: &Value, sets: &[&Value]) -> Vec<Condition> {
    let right = named_set(right, sets).unwrap_or(right);
    let is = |of: Option<Trait>| vec![Condition { of: of.unwrap_or(Trait::Unknown), negated: false }];
    let words = || items(right).into_iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    if let Some(meta) = left.get("meta") {
        return is(match text_of(meta, "key") {
            "l4proto" => protocols(right),
            "nfproto" => words().and_then(|words| match words.as_slice() {
                [word] if word == "ipv4" => Some(Trait::V4),
                [word] if word == "ipv6" => Some(Trait::V6),
                _ => None,
            }),
            "iifname" | "iif" => words().map(Trait::CameBy),
            "oifname" | "oif" => words().map(Trait::GoesBy),
            "pkttype" => words().and_then(|words| kinds(&words)),
            _ => None,
        });
    }
    if let Some(ct) = left.get("ct") {
        return is(match text_of(ct, "key") {
            "state" => words().map(|words| states(words.iter().map(String::as_str))),
            "status" => words()
                .filter(|words| words.iter().all(|word| matches!(word.as_str(), "dnat" | "snat")))
                .map(|_| Trait::Translated),
            _ => None,
        });
    }
    if let Some(fib) = left.get("fib") {
        let flags = fib.get("flags").map(items).unwrap_or_default();
        let of_destination =
            text_of(fib, "result") == "type" && flags.iter().any(|flag| flag.as_str() == Some("daddr"));
        return is(words().filter(|_| of_destination).and_then(|words| kinds(&words)));
    }
    let Some(payload) = left.get("payload") else { return is(None) };
    let (protocol, field) = (text_of(payload, "protocol"), text_of(payload, "field"));
    let mut conditions = match protocol {
        "tcp" => is(Some(Trait::Protocols(vec![Some(Protocol::Tcp)]))),
        "udp" => is(Some(Trait::Protocols(vec![Some(Protocol::Udp)]))),
        "th" => Vec::new(),
        "ip" => is(Some(Trait::V4)),
        "ip6" => is(Some(Trait::V6)),
        // Of ICMP, ARP and whatever else: no packet that matters here.
        "icmp" | "icmpv6" | "arp" | "sctp" | "dccp" | "igmp" => return is(Some(Trait::Protocols(Vec::new()))),
        _ => return is(None),
    };
    conditions.extend(is(match field {
        "dport" => ports(right).map(Trait::DestinationPorts),
        "sport" => ports(right).map(Trait::SourcePorts),
        "saddr" => networks(right).map(Trait::Sources),
        "daddr" => networks(right).map(Trait::Destinations),
        "protocol" | "nexthdr" => protocols(right),
        _ => None,
    }));
    conditions
}

fn kinds(words: &[String]) -> Option<Trait> {
    words.iter().map(|word| Kind::named(word)).collect::<Option<Vec<_>>>().map(Trait::Kinds)
}

fn named_set<'a>(right: &Value, sets: &[&'a Value]) -> Option<&'a Value> {
    let name = right.as_str()?.strip_prefix('@')?;
    sets.iter().find(|set| text_of(set, "name") == name)?.get("elem")
}

/// The elements of a set, or the one thing that is no set.
fn items(value: &Value) -> Vec<&Value> {
    let list = value.as_array().or_else(|| value.get("set").and_then(Value::as_array));
    match list {
        Some(list) => list.iter().map(bare_element).collect(),
        None => vec![value],
    }
}

/// An element that lives for a time, or is counted, is an object around what it says.
fn bare_element(item: &Value) -> &Value {
    item.get("elem").and_then(|element| element.get("val")).unwrap_or(item)
}

fn protocols(right: &Value) -> Option<Trait> {
    let protocol = |item: &Value| match (item.as_str(), item.as_u64()) {
        (Some("tcp"), _) | (_, Some(6)) => Some(Some(Protocol::Tcp)),
        (Some("udp"), _) | (_, Some(17)) => Some(Some(Protocol::Udp)),
        (Some(_), _) | (_, Some(_)) => Some(None),
        _ => None,
    };
    items(right).into_iter().map(protocol).collect::<Option<Vec<_>>>().map(Trait::Protocols)
}

fn ports(right: &Value) -> Option<Vec<RangeInclusive<u16>>> {
    let one = |item: &Value| match item.as_u64() {
        Some(number) => u16::try_from(number).ok(),
        // A name of a port that does not matter here is none that does.
        None => item.as_str().map(|name| port(name).unwrap_or_default()),
    };
    let range = |item: &Value| match item.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([from, to]) => Some(one(from)?..=one(to)?),
        Some(_) => None,
        None => one(item).map(|port| port..=port),
    };
    items(right).into_iter().map(range).collect()
}

fn networks(right: &Value) -> Option<Vec<(IpAddr, u8)>> {
    let one = |item: &Value| match item.get("prefix") {
        Some(prefix) => {
            let length = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
            network(&format!("{}/{length}", prefix.get("addr")?.as_str()?))
        }
        None => network(item.as_str()?),
    };
    items(right).into_iter().map(one).collect()
}
