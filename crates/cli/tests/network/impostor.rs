//! Another device answers where a certain one was dialled.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    conversation::{self, invite, meet},
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

    // By itself it dials there, says so, and lets it be for a while.
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

    // She is back and calls, from wherever: from then on she is dialled as before.
    alice.start_again();
    let (called, bobs) = (bob.mark(), bob.serve(0));
    alice.ask("connect", json!({"address": format!("127.0.0.1:{bobs}")}));
    bob.until_connected(called, &alice);
    let mark = bob.mark();
    bob.ask("stop_server", Value::Null);
    alice.serve(room.port);
    bob.until_connected(mark, &alice);
    assert_eq!(dave.ask("join", json!({"link": link}))["room"], room.id);
}

/// By which two members meet who knew of no address of each other.
#[test]
fn who_is_known_and_has_anothers_address_is_no_impostor() {
    let (alice, bob, carol) = (Device::start("alice"), Device::start("bob"), Device::start("carol"));
    let room = meet(&alice, &[&bob, &carol]);
    conversation::tell(&carol, &bob, &room.id);
    let (gone, met) = (bob.mark(), carol.mark());
    alice.kill();
    bob.event(gone, "peer_disconnected", |_| true);
    carol.serve(room.port);
    carol.until_connected(met, &bob);
    let known = bob.ask("devices", Value::Null);
    let of = |id: &str| known.as_array().unwrap().iter().find(|known| known["device_id"] == id).unwrap().clone();
    assert_eq!(of(&carol.id)["last_address"], format!("127.0.0.1:{}", room.port));
    assert_eq!(of(&alice.id)["last_address"], Value::Null);
    assert_eq!(bob.ask("status", Value::Null)["notices"], json!([]));
}
