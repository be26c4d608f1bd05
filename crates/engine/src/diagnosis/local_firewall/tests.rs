//! What tools say of rules, and what becomes of packets by that: recorded where it says so, else written by hand.

use super::ruleset::{Fate, Packet, Protocol, Ruleset, Way};
use super::{iptables, nft};

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
    rules.fate(&packet(way, protocol, port)).0
}

fn answered(rules: &Ruleset, protocol: Protocol) -> Fate {
    rules.fate(&Packet { established: true, ..packet(Way::In, protocol, 50_000) }).0
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
    let (_, chain) = rules.fate(&packet(Way::In, Protocol::Tcp, 12345));
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
    assert_eq!(rules.fate(&mdns).0, Fate::Passes);
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
