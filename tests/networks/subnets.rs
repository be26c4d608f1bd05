//! Two networks, and a router between them that forwards no multicast: nobody hears of anybody on the other side.

use std::time::Instant;

use crate::{
    conversation::{assert_settled, join, talk},
    device::text,
    story::{self, Outcome, seconds},
};

#[test]
fn a_member_whom_both_reach_introduces_them_to_each_other() {
    story::on("two networks, and a router between that forwards no multicast", |lab| {
        let (kitchen, attic) = (lab.lan(), lab.lan());
        let _router = lab.router(&[&kitchen, &attic]);
        let (alices, carols) = (lab.host("alice", &kitchen), lab.host("carol", &kitchen));
        let bobs = lab.host("bob", &attic);
        let (alice, bob, carol) = (alices.device(), bobs.device(), carols.device());

        // Carol is always on. The others were told where she is, and listen themselves.
        carol.serve(0);
        let room = text(&carol.ask("create_room", serde_json::json!({"name": "House"}))["room"]);
        alice.serve(0);
        bob.serve(0);
        join(&carol, &alice, &room);
        let (marks, since) = ((alice.mark(), bob.mark()), Instant::now());
        join(&carol, &bob, &room);
        let (at, _) = alice.event(marks.0, "peer_connected", |event| event["device_id"] == bob.id);
        bob.until_connected(marks.1, &alice);
        let met = at.saturating_duration_since(since);

        // Directly: without her it goes on.
        carol.kill();
        talk(&alice, &bob, &room);
        assert_settled(&[&alice, &bob], &room);
        Outcome::new("a member whom both reach tells each where the other is, and they connect directly")
            .measured(format!("connected {} after the second had joined", seconds(met)))
    });
}
