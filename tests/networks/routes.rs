//! Networks that are put together in another way than most.

use std::{net::IpAddr, time::Instant};

use crate::{
    conversation::{assert_settled, invite, talk},
    device::{Device, text},
    finding::{FOUND, until_near},
    lab::Host,
    story::{self, Outcome, seconds},
};

/// Both serve, both find the other, and the second joins a room of the first by a link. Gives how long it took until
/// both had found the other.
fn meet(alices: &Host, bobs: &Host, [alices_at, bobs_at]: [IpAddr; 2]) -> (Device, Device, std::time::Duration) {
    let (alice, bob) = (alices.device(), bobs.device());
    alice.serve(0);
    bob.serve(0);
    let since = Instant::now();
    let (_, one) = until_near(&alice, bobs_at, since);
    let (_, other) = until_near(&bob, alices_at, since);
    let room = text(&alice.ask("create_room", serde_json::json!({"name": "Kitchen"}))["room"]);
    let link = invite(&alice, &room);
    bob.ask("join", serde_json::json!({"link": link}));
    talk(&alice, &bob, &room);
    assert_settled(&[&alice, &bob], &room);
    (alice, bob, one.max(other))
}

/// Both found each other in time.
fn found(took: std::time::Duration) -> Outcome {
    assert!(took <= FOUND, "they found each other only after {took:?}");
    Outcome::new("they find each other within 2 s, and talk").measured(format!("found in {}", seconds(took)))
}

#[test]
fn without_ipv4() {
    story::on("IPv6 only", |lab| {
        let lan = lab.lan().six_only();
        let _router = lab.router(&[&lan]);
        let (alice, bob) = (lab.host("alice", &lan), lab.host("bob", &lan));
        found(meet(&alice, &bob, [alice.link_local(), bob.link_local()]).2)
    });
}

#[test]
fn without_a_way_out() {
    story::on("no default route", |lab| {
        let lan = lab.lan();
        let (alice, bob) = (lab.host("alice", &lan), lab.host("bob", &lan));
        found(meet(&alice, &bob, [alice.address(), bob.address()]).2)
    });
}

#[test]
fn with_a_first_network_that_leads_nowhere() {
    story::on("two interfaces, of which the first, with the default route, is dead", |lab| {
        let (dead, lan) = (lab.lan(), lab.lan());
        let _router = lab.router(&[&dead]);
        dead.pass_on("drop");
        let (alice, bob) = (lab.host("alice", &dead), lab.host("bob", &lan));
        alice.plug_in(&lan);
        found(meet(&alice, &bob, [alice.address_at(1), bob.address()]).2)
    });
}

#[test]
fn from_a_device_that_is_the_router() {
    story::on("a hotspot: one of them is the other's router", |lab| {
        let (uplink, hotspot) = (lab.lan(), lab.lan());
        let _router = lab.router(&[&uplink]);
        let alice = lab.host("alice", &uplink);
        alice.plug_in(&hotspot);
        alice.masquerade("eth0");
        let bob = lab.host("bob", &hotspot);
        bob.ip(&format!("route add default via {}", alice.address_at(1)));
        found(meet(&alice, &bob, [alice.address_at(1), bob.address()]).2)
    });
}
