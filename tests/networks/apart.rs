//! Networks that pass on less than they should.

use crate::{
    conversation::{assert_settled, join, meet, talk, tell},
    device::text,
    finding::{assert_cause, at, connect},
    story::{self, Outcome},
};

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
        assert_cause(&bob, Some(&at(alices.address(), 12345)), "isolation");

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
