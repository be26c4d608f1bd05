//! Another device answers where a certain one was dialled.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    conversation::{invite, meet},
    device::Device,
};

/// Longer than a device waits that goes on dialling.
const LONGEST_PAUSE: Duration = Duration::from_secs(6);

#[test]
fn another_key_at_a_known_address_is_told_nothing() {
    let (mut alice, bob, carol, dave) =
        (Device::start("alice"), Device::start("bob"), Device::start("carol"), Device::start("dave"));
    let room = meet(&alice, &[&bob]);
    let link = invite(&alice, &room.id);
    let gone = bob.mark();
    alice.kill();
    bob.event(gone, "peer_disconnected", |_| true);
    let dialled = bob.mark();
    carol.serve(room.port);

    // By itself it dials there once, says so, and lets it be.
    bob.event(dialled, "notice", |notice| {
        notice["kind"] == "identity_changed" && notice["device_id"] == alice.id.as_str()
    });

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

    let port = carol.ask("stop_server", Value::Null);
    assert!(port.is_null());
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, room.port)).unwrap();
    door.set_nonblocking(true).unwrap();
    std::thread::sleep(LONGEST_PAUSE);
    assert!(door.accept().is_err(), "bob dials there again");
    drop(door);

    // The right one is back, and a person says so: from then on all is as it was.
    alice.start_again();
    alice.serve(room.port);
    assert_eq!(bob.ask("connect", json!({"device_id": alice.id}))["device_id"], alice.id.as_str());
    let gone = bob.mark();
    alice.kill();
    bob.event(gone, "peer_disconnected", |_| true);
    let mark = bob.mark();
    alice.start_again();
    alice.serve(room.port);
    bob.until_connected(mark, &alice);
    assert_eq!(dave.ask("join", json!({"link": link}))["room"], room.id);
}
