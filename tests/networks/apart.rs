//! Networks that pass on less than they should.

use crate::{
    conversation::{assert_settled, join, meet, talk, tell},
    device::text,
    finding::{assert_cause, at, connect},
    story::{self, Outcome},
};

/// Where a device listens unless it is told otherwise.
const DEFAULT_PORT: u16 = 12345;

#[test]
fn an_access_point_that_keeps_its_guests_apart() {
    story::on("an access point that keeps its guests apart", |lab| {
        let lan = lab.lan();
        let router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        lan.isolate();
        let (alice, bob) = (alices.device(), bobs.device());
        alice.serve(0);
        let bobs_at = at(bobs.address(), bob.serve(0));
        connect(&alice, &bobs_at).unwrap_err();
        assert_cause(&alice, Some(&bobs_at), "isolation");
        assert_cause(&bob, Some(&at(alices.address(), DEFAULT_PORT)), "isolation");

        // Who is not a guest is reached by both, and passes on what they say.
        let carol = router.host().device();
        carol.serve(0);
        let room = text(&carol.ask("create_room", serde_json::json!({"name": "Hotel"}))["room"]);
        for guest in [&alice, &bob] {
            join(&carol, guest, &room);
        }
        tell(&alice, &bob, &room);
        tell(&bob, &alice, &room);
        assert_settled(&[&alice, &bob, &carol], &room);
        Outcome::new("`doctor` says `isolation`; a member whom both reach passes on what they say")
    });
}

#[test]
fn a_network_that_passes_on_no_multicast() {
    story::on("a network that passes on neither multicast nor broadcast over UDP", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        lan.pass_on("meta pkttype { multicast, broadcast } meta l4proto udp drop");
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        let (alice, bob) = (alices.device(), bobs.device());
        let room = meet(&alice, &[&bob]);
        talk(&alice, &bob, &room.id);
        assert_cause(&bob, None, "multicast");
        Outcome::new("`doctor` says `multicast`; by link and by address they connect")
    });
}

#[test]
fn a_cable_that_is_not_plugged_in() {
    story::on("a cable that is not plugged in", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        let (alice, bob) = (alices.device(), bobs.device());
        let bobs_at = at(bobs.address(), bob.serve(0));
        lan.pull("alice");
        connect(&alice, &bobs_at).unwrap_err();
        assert_cause(&alice, Some(&bobs_at), "interface");
        assert_cause(&alice, None, "interface");
        Outcome::new("`doctor` says `interface`")
    });
}

#[test]
fn two_networks_that_are_kept_apart() {
    story::on("two networks, and a router between that keeps them apart", |lab| {
        let (kitchen, guests) = (lab.lan(), lab.lan());
        let router = lab.router(&[&kitchen, &guests]);
        router.host().firewall("forward", "drop;");
        let (alices, bobs) = (lab.host("alice", &kitchen), lab.host("bob", &guests));
        let (alice, bob) = (alices.device(), bobs.device());
        let bobs_at = at(bobs.address(), bob.serve(0));
        connect(&alice, &bobs_at).unwrap_err();
        assert_cause(&alice, Some(&bobs_at), "subnet");
        Outcome::new("`doctor` says `subnet`")
    });
}

#[test]
fn a_device_that_does_not_let_others_connect() {
    story::on("a device that does not let others connect", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        let (alice, _bob) = (alices.device(), bobs.device());
        let bobs_at = at(bobs.address(), DEFAULT_PORT);
        connect(&alice, &bobs_at).unwrap_err();
        assert_cause(&alice, Some(&bobs_at), "server");
        Outcome::new("`doctor` says `server`")
    });
}

#[test]
fn a_vpn_that_takes_the_route() {
    story::on("a VPN that takes the route to the local network", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        let _tunnel = alices.vpn();
        let (alice, bob) = (alices.device(), bobs.device());
        alice.serve(0);
        let bobs_at = at(bobs.address(), bob.serve(0));
        connect(&alice, &bobs_at).unwrap_err();
        assert_cause(&alice, Some(&bobs_at), "vpn");
        Outcome::new("`doctor` says `vpn`")
    });
}
