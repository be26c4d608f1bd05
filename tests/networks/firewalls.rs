//! A host whose firewall drops what devices say to each other.

use crate::{
    conversation::{invite, talk},
    device::text,
    finding::{assert_cause, at, connect, near_at, until_near},
    story::{self, Outcome},
};

/// What most people's firewalls let in: answers, and nothing else.
const ANSWERS_ONLY: &str = "iif lo accept; ct state established,related accept; meta l4proto ipv6-icmp accept; drop;";

#[test]
fn that_drops_what_comes_in() {
    story::on("a firewall that lets nothing in", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        bobs.firewall("input", ANSWERS_ONLY);
        let (alice, bob) = (alices.device(), bobs.device());
        let (alices_at, bobs_at) = (at(alices.address(), alice.serve(0)), at(bobs.address(), bob.serve(0)));

        // She hears of him, and cannot reach him.
        until_near(&alice, bobs.address(), std::time::Instant::now());
        connect(&alice, &bobs_at).unwrap_err();
        assert_cause(&alice, Some(&bobs_at), "remote_firewall");
        assert_cause(&bob, None, "local_firewall");
        // He reaches her.
        connect(&bob, &alices_at).unwrap();
        Outcome::new("`doctor` says `local_firewall` there, `remote_firewall` elsewhere; it reaches others itself")
    });
}

#[test]
fn that_rejects_what_comes_in() {
    story::on("a firewall that rejects what comes in", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        bobs.firewall("input", &ANSWERS_ONLY.replace("drop;", "meta l4proto tcp reject with tcp reset; reject;"));
        let (alice, bob) = (alices.device(), bobs.device());
        let bobs_at = at(bobs.address(), bob.serve(0));
        connect(&alice, &bobs_at).unwrap_err();
        // From outside it looks as if nothing listened there.
        assert_cause(&alice, Some(&bobs_at), "server");
        assert_cause(&bob, None, "local_firewall");
        Outcome::new("`doctor` says `local_firewall` there, and elsewhere `server`, which names both")
    });
}

#[test]
fn that_drops_what_goes_out() {
    story::on("a firewall that lets nothing out", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        alices.firewall("output", "oif lo accept; meta l4proto ipv6-icmp accept; drop;");
        let (alice, bob) = (alices.device(), bobs.device());
        alice.serve(0);
        let bobs_at = at(bobs.address(), bob.serve(0));
        connect(&alice, &bobs_at).unwrap_err();
        assert_cause(&alice, Some(&bobs_at), "local_firewall");
        Outcome::new("`doctor` says `local_firewall`")
    });
}

#[test]
fn that_drops_udp_only() {
    story::on("a firewall that drops all UDP", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        for hook in ["input", "output"] {
            bobs.firewall(
                hook,
                "iif lo accept; oif lo accept; meta l4proto udp drop;"
                    .replace(if hook == "input" { "oif lo accept; " } else { "iif lo accept; " }, "")
                    .as_str(),
            );
        }
        let (mut alice, bob) = (alices.device(), bobs.device());
        let alices_port = alice.serve(0);
        bob.serve(0);
        assert_cause(&bob, None, "multicast");

        // By a link they meet, and by what they know of each other they find each other again.
        let room = text(&alice.ask("create_room", serde_json::json!({"name": "Kitchen"}))["room"]);
        bob.ask("join", serde_json::json!({"link": invite(&alice, &room)}));
        talk(&alice, &bob, &room);
        let gone = bob.mark();
        alice.kill();
        bob.event(gone, "peer_disconnected", |event| event["device_id"] == alice.id);
        let back = bob.mark();
        alice.start_again();
        alice.serve(alices_port);
        bob.until_connected(back, &alice);
        assert!(near_at(&alice, bobs.address()).is_none_or(|near| near.device.is_some()), "nothing told where he is");
        talk(&alice, &bob, &room);
        Outcome::new("`doctor` says `multicast`, and which firewall rule; members find each other where they were last")
    });
}
