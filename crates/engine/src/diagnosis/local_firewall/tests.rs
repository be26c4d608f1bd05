//! What tools say of rules, and what becomes of packets by that: recorded where it says so, else written by hand.

use super::ruleset::{Fate, Packet, Protocol, Ruleset, Way};
use super::{Firewall, Tool, allow, command, firewalld, iptables, nft, windows};

fn packet(way: Way, protocol: Protocol, port: u16) -> Packet {
    let (own, other) = ("192.168.1.5".parse().unwrap(), "192.168.1.4".parse().unwrap());
    let (source, destination) = if way == Way::In { (other, own) } else { (own, other) };
    Packet {
        way,
        protocol,
        is_v4: true,
        source: Some(source),
        destination: Some(destination),
        source_port: Some(50_000),
        destination_port: Some(port),
        established: false,
        interface: Some("eth0".into()),
    }
}

fn fate(rules: &Ruleset, way: Way, protocol: Protocol, port: u16) -> Fate {
    rules.fate(&packet(way, protocol, port), |_| true).0
}

fn answered(rules: &Ruleset, protocol: Protocol) -> Fate {
    rules.fate(&Packet { established: true, ..packet(Way::In, protocol, 50_000) }, |_| true).0
}

/// Recorded of nftables 1.0.6: `workstation.nft`, the example that it brings along.
const WORKSTATION: &str = include_str!("recorded/nft_workstation.json");
/// Recorded of nftables 1.0.6: rules that drop one port, by each of the ways of saying so.
const DROPS: &str = include_str!("recorded/nft_drops.json");

#[test]
fn a_workstation_lets_answers_in_and_nothing_else() {
    let rules = nft::parse(WORKSTATION).unwrap();
    assert_eq!(fate(&rules, Way::In, Protocol::Tcp, 12345), Fate::Dropped);
    assert_eq!(fate(&rules, Way::In, Protocol::Udp, 5353), Fate::Passes);
    assert_eq!(answered(&rules, Protocol::Tcp), Fate::Passes);
    assert_eq!(fate(&rules, Way::Out, Protocol::Tcp, 12345), Fate::Passes);
    let (_, chain) = rules.fate(&packet(Way::In, Protocol::Tcp, 12345), |_| true);
    assert_eq!(chain.unwrap().chain, "input");
}

#[test]
fn each_way_to_drop_a_port_is_understood() {
    let rules = nft::parse(DROPS).unwrap();
    for port in [1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009] {
        assert_eq!(fate(&rules, Way::In, Protocol::Tcp, port), Fate::Dropped, "{port}");
        assert_eq!(fate(&rules, Way::In, Protocol::Udp, port), Fate::Passes, "{port}");
    }
    for port in [2001, 2002, 2003] {
        assert_eq!(fate(&rules, Way::In, Protocol::Tcp, port), Fate::Passes, "{port}");
    }
    assert_eq!(fate(&rules, Way::In, Protocol::Tcp, 3001), Fate::MayBeDropped);
    assert_eq!(fate(&rules, Way::Out, Protocol::Tcp, 4001), Fate::Dropped);
    assert_eq!(fate(&rules, Way::Out, Protocol::Tcp, 1001), Fate::Passes);
    assert_eq!(fate(&rules, Way::In, Protocol::Udp, 5353), Fate::Dropped);
}

#[test]
fn what_is_no_answer_of_nft_is_none() {
    for text in ["", "{}", "Operation not permitted (you must be root)", r#"{"nftables":{}}"#] {
        assert_eq!(nft::parse(text), None, "{text}");
    }
    // Of a later version, and cut short in each place: no panic.
    let rules = r#"{"nftables":[{"chain":{"family":"inet","table":"t","name":"c","hook":"input","prio":0,"policy":"drop"}},{"rule":{"family":"inet","table":"t","chain":"c","expr":[{"dance":null},7,{"accept":null}]}}]}"#;
    let parsed = nft::parse(rules).unwrap();
    assert_eq!(fate(&parsed, Way::In, Protocol::Tcp, 1), Fate::MayBeDropped);
    for end in 0..rules.len() {
        let _ = nft::parse(rules.get(..end).unwrap());
    }
}

/// Written by hand in the form of `iptables-save(8)`, after the rules that ufw brings along (`before.rules`, `after.rules`):
/// `default deny (incoming)`, and some ports allowed; the chains that only note are left out.
const UFW: &str = "\
-P INPUT DROP
-P FORWARD DROP
-P OUTPUT ACCEPT
-N ufw-after-input
-N ufw-before-input
-N ufw-not-local
-N ufw-reject-input
-N ufw-skip-to-policy-input
-N ufw-user-input
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A INPUT -j ufw-reject-input
-A ufw-after-input -p udp -m udp --dport 137 -j ufw-skip-to-policy-input
-A ufw-after-input -m addrtype --dst-type BROADCAST -j ufw-skip-to-policy-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 3 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -d 239.255.255.250/32 -p udp -m udp --dport 1900 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix \"[UFW BLOCK] \"
-A ufw-not-local -j DROP
-A ufw-skip-to-policy-input -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -m comment --comment \"the \\\"shell\\\" and -j DROP\" -j ACCEPT
-A ufw-user-input -p tcp -m multiport --dports 8000:8100,9000 -j ACCEPT
";

#[test]
fn what_ufw_makes_of_iptables_is_understood() {
    let rules = iptables::parse(UFW, true).unwrap();
    for port in [22, 8000, 8050, 9000] {
        assert_eq!(fate(&rules, Way::In, Protocol::Tcp, port), Fate::Passes, "{port}");
    }
    assert_eq!(fate(&rules, Way::In, Protocol::Tcp, 12345), Fate::Dropped);
    assert_eq!(fate(&rules, Way::In, Protocol::Udp, 12345), Fate::Dropped);
    let mdns = Packet { destination: Some("224.0.0.251".parse().unwrap()), ..packet(Way::In, Protocol::Udp, 5353) };
    assert_eq!(rules.fate(&mdns, |_| true).0, Fate::Passes);
    assert_eq!(answered(&rules, Protocol::Tcp), Fate::Passes);
    assert_eq!(fate(&rules, Way::Out, Protocol::Tcp, 12345), Fate::Passes);
    assert!(rules.has_chain("ufw-"));
    assert_eq!(iptables::parse("iptables v1.8.9 (nf_tables): Could not fetch rule set", true), None);
    assert_eq!(iptables::parse("", true), None);
}

#[test]
fn chains_that_call_each_other_for_ever_end() {
    let rules = iptables::parse("-P INPUT ACCEPT\n-N a\n-N b\n-A INPUT -j a\n-A a -j b\n-A b -j a\n", true).unwrap();
    assert_eq!(fate(&rules, Way::In, Protocol::Tcp, 1), Fate::MayBeDropped);
}

/// Written by hand in the form of `libnftables-json(5)`, after what firewalld makes of its zone `public`: the rest of its
/// chains, which have nothing to do with it, is left out.
const FIREWALLD: &str = r#"{"nftables":[
{"chain":{"family":"inet","table":"firewalld","name":"filter_INPUT","type":"filter","hook":"input","prio":10,"policy":"accept"}},
{"chain":{"family":"inet","table":"firewalld","name":"filter_INPUT_ZONES"}},
{"chain":{"family":"inet","table":"firewalld","name":"filter_IN_public"}},
{"chain":{"family":"inet","table":"firewalld","name":"filter_IN_public_deny"}},
{"chain":{"family":"inet","table":"firewalld","name":"filter_IN_public_allow"}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":{"set":["established","related"]}}},{"accept":null}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"match":{"op":"in","left":{"ct":{"key":"status"}},"right":"dnat"}},{"accept":null}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"lo"}},{"accept":null}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"invalid"}},{"drop":null}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"jump":{"target":"filter_INPUT_ZONES"}}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT","expr":[{"reject":{"type":"icmpx","expr":"admin-prohibited"}}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_INPUT_ZONES","expr":[{"goto":{"target":"filter_IN_public"}}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_IN_public","expr":[{"jump":{"target":"filter_IN_public_deny"}}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_IN_public","expr":[{"jump":{"target":"filter_IN_public_allow"}}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_IN_public","expr":[{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":{"set":["icmp","ipv6-icmp"]}}},{"accept":null}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_IN_public","expr":[{"reject":{"type":"icmpx","expr":"admin-prohibited"}}]}},
{"rule":{"family":"inet","table":"firewalld","chain":"filter_IN_public_allow","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}},{"accept":null}]}}
]}"#;

#[test]
fn what_firewalld_makes_of_a_zone_is_understood() {
    let rules = nft::parse(FIREWALLD).unwrap();
    assert_eq!(fate(&rules, Way::In, Protocol::Tcp, 12345), Fate::Dropped);
    assert_eq!(fate(&rules, Way::In, Protocol::Tcp, 22), Fate::Passes);
    assert_eq!(fate(&rules, Way::In, Protocol::Udp, 12345), Fate::Dropped);
    assert_eq!(answered(&rules, Protocol::Tcp), Fate::Passes);
    let firewall = Firewall { nft: Some(rules), ..Firewall::default() };
    let (told, chain) = firewall.fate(&packet(Way::In, Protocol::Tcp, 12345));
    assert_eq!((told, firewall.tool(chain.as_ref())), (Fate::Dropped, Tool::Firewalld));
}

#[test]
fn of_a_map_with_a_name_anything_may_come() {
    // Written by hand.
    for policy in ["accept", "drop"] {
        let rules = format!(
            r#"{{"nftables":[{{"chain":{{"family":"inet","table":"t","name":"c","hook":"input","prio":0,"policy":"{policy}"}}}},
            {{"rule":{{"family":"inet","table":"t","chain":"c","expr":[{{"vmap":{{"key":{{"payload":{{"protocol":"tcp","field":"dport"}}}},"data":"@verdicts"}}}}]}}}}]}}"#
        );
        assert_eq!(fate(&nft::parse(&rules).unwrap(), Way::In, Protocol::Tcp, 12345), Fate::MayBeDropped, "{policy}");
    }
}

#[test]
fn what_iptables_understands_hides_no_rules_of_others() {
    // Written by hand: iptables' own chain as nft shows it, with a module that it does not know, and another's.
    let shown = |table: &str, verdict: &str| {
        nft::parse(&format!(
            r#"{{"nftables":[{{"chain":{{"family":"ip","table":"filter","name":"INPUT","hook":"input","prio":0,"policy":"accept"}}}},
            {{"rule":{{"family":"ip","table":"filter","chain":"INPUT","expr":[{{"xt":null}},{{"drop":null}}]}}}},
            {{"chain":{{"family":"inet","table":"{table}","name":"input","hook":"input","prio":5,"policy":"accept"}}}},
            {{"rule":{{"family":"inet","table":"{table}","chain":"input","expr":[{verdict}]}}}}]}}"#
        ))
    };
    let told = iptables::parse("-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\n", true);
    let fate = |nft, iptables| {
        let firewall = Firewall { nft, iptables: [iptables, None], ..Firewall::default() };
        firewall.fate(&packet(Way::In, Protocol::Tcp, 12345)).0
    };
    let doubted = r#"{"dance":null},{"drop":null}"#;
    assert_eq!(fate(shown("own", r#"{"accept":null}"#), told.clone()), Fate::Passes);
    assert_eq!(fate(shown("own", doubted), told.clone()), Fate::MayBeDropped);
    assert_eq!(fate(shown("own", r#"{"drop":null}"#), told.clone()), Fate::Dropped);
    assert_eq!(fate(shown("own", r#"{"accept":null}"#), None), Fate::MayBeDropped);
    let shut = iptables::parse("-P INPUT DROP\n", true);
    assert_eq!(fate(shown("own", doubted), shut), Fate::Dropped);
}

#[test]
fn the_command_is_for_the_zone_and_the_way() {
    let facts = |firewall| super::super::facts::Facts { firewall, ..super::super::facts::Facts::well() };
    // Written by hand.
    let zones = firewalld::parse(
        "home (active)\n  target: default\n  interfaces: eth0\n  ports: \n\npublic\n  ports: \n",
        "public",
    );
    let zoned = facts(Firewall { firewalld: true, zones, ..Firewall::default() });
    let lets_in = command(&zoned, &packet(Way::In, Protocol::Tcp, 12345));
    assert_eq!(
        lets_in,
        "sudo firewall-cmd --zone=home --add-port=12345/tcp && sudo firewall-cmd --permanent --zone=home --add-port=12345/tcp"
    );
    let out = allow(vec![command(&zoned, &packet(Way::Out, Protocol::Tcp, 12345))]);
    assert!(out.contains("--list-all-policies") && !out.contains("--add-port"), "{out}");
    let policy = r#"{"rules":null,"profiles":{"type":2,"on":true,"blocks_in":true,"blocks_all":false}}"#;
    let windows = facts(Firewall { windows: windows::parse(policy), ..Firewall::default() });
    let out = command(&windows, &packet(Way::Out, Protocol::Tcp, 12345));
    assert!(out.contains("dir=out remoteport=12345") && !out.contains("localport"), "{out}");
    assert!(command(&windows, &packet(Way::In, Protocol::Tcp, 12345)).contains("dir=in localport=12345"));
}
