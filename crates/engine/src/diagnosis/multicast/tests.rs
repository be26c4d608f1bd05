//! What is told of what came and went.

use std::time::Instant;

use super::super::{facts::Facts, link};
use super::*;
use crate::api::CheckState;

/// One on which nothing is wrong, and nobody else.
fn counted(name: &str, family: Family) -> LinkTraffic {
    LinkTraffic {
        index: u32::from(name.bytes().last().unwrap_or_default()),
        name: name.into(),
        family,
        deaf: None,
        outside: None,
        mute: None,
        sent: 10,
        send_errors: 0,
        refused: None,
        own: Ways { multicast: 10, broadcast: 10, unicast: 0 },
        others: Ways::default(),
        dropped: 0,
        heard_at: None,
    }
}

/// The same, two datagrams later, which came back.
fn later(link: &LinkTraffic) -> LinkTraffic {
    let own = Ways { multicast: link.own.multicast + 2, ..link.own };
    LinkTraffic { sent: link.sent + 2, own, ..link.clone() }
}

fn sounded(before: Vec<LinkTraffic>, after: Vec<LinkTraffic>, mdns: MdnsTraffic) -> Sounding {
    Sounding::Counted {
        before: Traffic { links: before, mdns: MdnsTraffic::default() },
        after: Traffic { links: after, mdns },
    }
}

fn at(ip: &str) -> SocketAddr {
    format!("{ip}:12345").parse().unwrap()
}

fn told(facts: Facts, after: impl FnOnce(&mut LinkTraffic)) -> Check {
    let before = counted("eth0", Family::V4);
    let mut link = later(&before);
    after(&mut link);
    check(&Facts { sounding: sounded(vec![before], vec![link], MdnsTraffic::default()), ..facts })
}

#[test]
fn it_is_well_only_where_others_were_heard() {
    let quiet = told(Facts::well(), |_| {});
    assert_eq!(quiet.state, CheckState::Skipped);
    assert!(quiet.finding.contains("nobody else was heard"), "{quiet:?}");
    let answered = told(Facts::well(), |link| link.others.unicast = 1);
    assert_eq!(answered.state, CheckState::Ok);
    let lately = told(Facts::well(), |link| link.heard_at = Some(Instant::now()));
    assert_eq!(lately.state, CheckState::Ok);
    assert!(lately.finding.contains("nobody answered") && answered.finding.contains("and is heard"));
    // Heard once, and long ago.
    let before = LinkTraffic { others: Ways { multicast: 3, ..Ways::default() }, ..counted("eth0", Family::V4) };
    let after = later(&before);
    let sounding = sounded(vec![before], vec![after], MdnsTraffic::default());
    assert_eq!(check(&Facts { sounding, ..Facts::well() }).state, CheckState::Skipped);
}

#[test]
fn a_network_on_which_a_device_is_known_and_nobody_heard_holds_it_back() {
    let with = |ip: &str| Facts { listening: vec![at(ip)], ..Facts::well() };
    let held = told(with("192.168.1.7"), |_| {});
    assert_eq!(held.state, CheckState::Fail);
    assert!(held.finding.contains("192.168.1.7") && held.finding.contains("holds multicast back"), "{held:?}");
    assert!(held.remedy.unwrap().contains("always-on"));
    assert_eq!(told(with("192.168.1.7"), |link| link.others.unicast = 1).state, CheckState::Ok);
    // It hears others, and the one that should answer does not.
    assert_eq!(told(with("192.168.1.7"), |link| link.others.multicast = 1).state, CheckState::Warn);
    // Elsewhere, and this device itself: neither tells anything of this network.
    assert_eq!(told(with("10.9.9.9"), |_| {}).state, CheckState::Skipped);
    assert_eq!(told(with("192.168.1.5"), |_| {}).state, CheckState::Skipped);
    // On two interfaces that lead to one network, the answer may come by the other.
    let mut two = with("192.168.1.7");
    two.links.push(link::of("wlan1", "192.168.1.6/24"));
    assert_eq!(told(two, |_| {}).state, CheckState::Skipped);
    // And of a link-local address only its zone says on which it is.
    let mut zoned = with("[fe80::7%2]");
    zoned.links.extend([link::of("eth0", "fe80::5/64"), link::of("wlan1", "fe80::6/64")]);
    (zoned.links[2].index, zoned.links[3].index) = (2, 3);
    assert_eq!(told(zoned, |_| {}).state, CheckState::Fail);
    // By multicast DNS they are found all the same.
    let before = counted("eth0", Family::V4);
    let after = later(&before);
    let mdns = MdnsTraffic { others: 1, heard_at: Some(Instant::now()), ..MdnsTraffic::default() };
    let facts = Facts { sounding: sounded(vec![before], vec![after], mdns), ..with("192.168.1.7") };
    assert_eq!(check(&facts).state, CheckState::Ok);
}

#[test]
fn what_is_refused_is_told_with_its_network() {
    for trouble in [Trouble::PortTaken, Trouble::NotPermitted, Trouble::NoWay, Trouble::Flooded, Trouble::Failed] {
        let deaf = told(Facts::well(), |link| link.deaf = Some(trouble));
        let mute = told(Facts::well(), |link| link.mute = Some(trouble));
        for check in [deaf, mute] {
            assert_eq!(check.state, CheckState::Fail, "{trouble:?}");
            assert!(check.finding.contains("eth0") && check.finding.ends_with('.'), "{check:?}");
        }
    }
    let taken = told(Facts::well(), |link| link.deaf = Some(Trouble::PortTaken));
    assert!(taken.finding.contains("UDP port 12345") && taken.remedy.unwrap().contains('`'));
    // As where a rule drops what goes out, and this user may not read it.
    let refused = |link: &mut LinkTraffic| {
        (link.sent, link.send_errors, link.refused) = (10, 2, Some(Trouble::NotPermitted));
    };
    assert_eq!(told(Facts::well(), refused).state, CheckState::Fail);
    // Refused once, and not the last time.
    assert_eq!(told(Facts::well(), |link| link.refused = Some(Trouble::NoWay)).state, CheckState::Skipped);
    // In no group, and broadcasts are heard.
    assert_eq!(told(Facts::well(), |link| link.outside = Some(Trouble::NoWay)).state, CheckState::Skipped);
}

#[test]
fn what_does_not_come_back_is_lost_here() {
    let lost = told(Facts::well(), |link| link.own.multicast = 10);
    assert_eq!(lost.state, CheckState::Fail);
    assert!(lost.finding.contains("does not even come back"), "{lost:?}");
    let flooded = |link: &mut LinkTraffic| (link.own.multicast, link.dropped) = (10, 1000);
    assert_eq!(told(Facts::well(), flooded).state, CheckState::Skipped);
}

#[test]
fn one_family_does_for_both_and_one_network_not_for_another() {
    let both = |trouble: Trouble| {
        let before = vec![counted("eth0", Family::V4), counted("eth0", Family::V6)];
        let mut after: Vec<_> = before.iter().map(later).collect();
        after[1].mute = Some(trouble);
        check(&Facts { sounding: sounded(before, after, MdnsTraffic::default()), ..Facts::well() }).state
    };
    assert_eq!((both(Trouble::NoWay), both(Trouble::PortTaken)), (CheckState::Warn, CheckState::Fail));
    // What the other family does not hear is told all the same.
    let before = vec![counted("eth0", Family::V4), counted("eth0", Family::V6)];
    let mut after: Vec<_> = before.iter().map(later).collect();
    after[1].mute = Some(Trouble::NoWay);
    let sounding = sounded(before, after, MdnsTraffic::default());
    let held = check(&Facts { sounding, listening: vec![at("192.168.1.7")], ..Facts::well() });
    assert!(held.finding.contains("holds multicast back"), "{held:?}");
    let mut facts = Facts::well();
    facts.links.push(link::of("wlan1", "192.168.9.5/24"));
    facts.links.push(link::of("tun2", "10.8.0.2/24"));
    let before = vec![counted("eth0", Family::V4), counted("wlan1", Family::V4), counted("tun2", Family::V4)];
    let mut after: Vec<_> = before.iter().map(later).collect();
    (after[0].others.unicast, after[2].mute) = (1, Some(Trouble::NoWay));
    facts.sounding = sounded(before.clone(), after.clone(), MdnsTraffic::default());
    // What a tunnel takes is of no interest.
    assert_eq!(check(&facts).state, CheckState::Ok);
    facts.listening.push(at("192.168.9.7"));
    let held = check(&facts);
    assert!(held.state == CheckState::Fail && held.finding.contains("wlan1"), "{held:?}");
}

#[test]
fn multicast_dns_that_rests_is_doubted() {
    for trouble in [Trouble::PortTaken, Trouble::NotPermitted, Trouble::Flooded, Trouble::Failed] {
        let before = counted("eth0", Family::V4);
        let after = LinkTraffic { others: Ways { unicast: 1, ..Ways::default() }, ..later(&before) };
        let mdns = MdnsTraffic { stopped: Some(trouble), ..MdnsTraffic::default() };
        let facts = Facts { sounding: sounded(vec![before], vec![after], mdns), ..Facts::well() };
        assert_eq!(check(&facts).state, CheckState::Warn);
    }
}

#[test]
fn a_device_that_takes_no_part_says_so() {
    let off = check(&Facts { sounding: Sounding::Off, ..Facts::well() });
    assert_eq!(off.state, CheckState::Warn);
    assert!(off.remedy.unwrap().contains("--no-discovery"));
    assert_eq!(check(&Facts { sounding: Sounding::Unknown, ..Facts::well() }).state, CheckState::Skipped);
}
