//! Another device answers where a certain one was dialled.

use serde_json::{Value, json};

use crate::{
    conversation::{invite, meet},
    device::Device,
};

#[test]
fn another_key_at_a_known_address_is_told_nothing() {
    let (mut alice, bob, carol, dave) =
        (Device::start("alice"), Device::start("bob"), Device::start("carol"), Device::start("dave"));
    let room = meet(&alice, &[&bob]);
    let link = invite(&alice, &room.id);
    let gone = bob.mark();
    alice.kill();
    bob.event(gone, "peer_disconnected", |_| true);
    carol.serve(room.port);

    // By a link.
    let refused = dave.try_ask("join", json!({"link": link})).unwrap_err();
    assert_eq!(refused["data"]["code"], "identity_changed", "{refused}");
    assert!(refused["message"].as_str().unwrap().ends_with('.'));
    assert_eq!(dave.ask("rooms", Value::Null), json!([]));
    // By its id, as a member.
    let refused = bob.try_ask("connect", json!({"device_id": alice.id})).unwrap_err();
    assert_eq!(refused["data"]["code"], "identity_changed", "{refused}");
    for device in [&bob, &carol, &dave] {
        assert_eq!(device.ask("peers", Value::Null), json!([]), "{}", device.name);
    }
    assert_eq!(carol.ask("rooms", Value::Null), json!([]));

    // The right one is back: all is as it was.
    let port = carol.ask("stop_server", Value::Null);
    assert!(port.is_null());
    let mark = bob.mark();
    alice.start_again();
    alice.serve(room.port);
    bob.until_connected(mark, &alice);
    assert_eq!(dave.ask("join", json!({"link": link}))["room"], room.id);
}
