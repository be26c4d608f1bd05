use std::time::Instant;

use serde_json::json;

use super::device::{Device, alice_and_bob, text};
use crate::process::{assert_failed, run};

#[test]
fn a_link_that_is_not_whole_is_refused_without_connecting() {
    let (mut alice, _bob, room) = alice_and_bob();
    let mut carol = Device::start("Carol");
    let link = alice.invite(&room);
    let altered = format!("{}{}", &link[..link.len() - 1], if link.ends_with('a') { 'b' } else { 'a' });
    for bad in ["", "hello", "lanline:j/", &link[..link.len() / 2], &altered, &"a".repeat(100_000)] {
        carol.refused("join", json!({"link": bad}), "invalid_argument");
        let params = json!({"link": bad}).to_string();
        if params.len() < 10_000 {
            assert_failed(&run(carol.home.path(), &["call", "join", &params]), 2, &["link"]);
        }
    }
    assert!(alice.ask("peers", json!({})).as_array().unwrap().iter().all(|peer| peer["name"] != "Carol"));
    carol.join(&format!("  {}\n", link.to_uppercase()));
    // Who is a member already is told where, and uses nothing up.
    let again = carol.ask("join", json!({"link": link}));
    assert_eq!(again, json!({"room": room, "name": "Home", "pending": false}));
}

#[test]
fn an_expired_or_used_link_is_said_to_be_so() {
    let (mut alice, _bob, room) = alice_and_bob();
    let mut carol = Device::start("Carol");
    let expired = alice.ask("invite", json!({"room": room, "ttl_ms": 1}));
    carol.refused("join", json!({"link": expired["link"]}), "expired");
    let params = json!({"link": expired["link"]}).to_string();
    assert_failed(&run(carol.home.path(), &["call", "join", &params]), 2, &["ask for a new one"]);

    let once = text(&alice.ask("invite", json!({"room": room}))["link"]);
    let mut dave = Device::start("Dave");
    dave.join(&once);
    carol.refused("join", json!({"link": once}), "used");
    assert_failed(&run(carol.home.path(), &["call", "join", &json!({"link": once}).to_string()]), 2, &["used up"]);
    assert_eq!(carol.ask("rooms", json!({})), json!([]));
    for bad in [json!({"room": room, "ttl_ms": 0}), json!({"room": room, "uses": 0}), json!({"room": "x"})] {
        alice.refused("invite", bad, "invalid_argument");
    }
    alice.ask("stop_server", json!({}));
    alice.refused("invite", json!({"room": room}), "invalid_argument");
}

#[test]
fn an_address_where_nobody_listens_is_unreachable() {
    let (mut alice, mut bob, room) = alice_and_bob();
    let mut carol = Device::start("Carol");
    let link = alice.invite(&room);
    let address = alice.address();
    alice.ask("stop_server", json!({}));
    bob.event("peer_disconnected", |event| event["device_id"] == alice.id.as_str());
    let since = Instant::now();
    carol.refused("connect", json!({"address": address}), "unreachable");
    carol.refused("join", json!({"link": link}), "unreachable");
    assert!(since.elapsed().as_secs() < 30);
    let params = json!({"address": address}).to_string();
    assert_failed(&run(carol.home.path(), &["call", "connect", &params]), 2, &[&address]);
    carol.refused("connect", json!({"address": "192.168.1"}), "invalid_argument");
    carol.refused("connect", json!({"device_id": alice.id}), "not_found");
    carol.refused("disconnect", json!({"device_id": alice.id}), "not_found");

    // Another device at that address is not the one that the link names.
    bob.ask("start_server", json!({"port": address.rsplit(':').next().unwrap().parse::<u16>().unwrap()}));
    carol.refused("join", json!({"link": link}), "identity_changed");
    carol.refused("connect", json!({"address": address, "device_id": alice.id}), "identity_changed");
    assert_eq!(carol.ask("connect", json!({"address": address}))["device_id"], bob.id);
    bob.refused("connect", json!({"address": address}), "invalid_argument");
}

#[test]
fn a_port_that_cannot_be_had_is_said_to_be_so() {
    let mut alice = Device::start_server("Alice");
    let mut bob = Device::start("Bob");
    let taken: u16 = alice.address().rsplit(':').next().unwrap().parse().unwrap();
    bob.refused("start_server", json!({"port": taken}), "port_in_use");
    for bad in [json!(70_000), json!(-1), json!("80")] {
        bob.refused("start_server", json!({"port": bad}), "invalid_argument");
    }
    assert_eq!(bob.ask("status", json!({}))["server"]["running"], false);
    let port = taken.to_string();
    let mut serve = crate::process::lanline(bob.home.path(), &["serve", "--port", &port, "--data-dir", "other"]);
    serve.env("LANLINE_LISTEN", "127.0.0.1");
    assert_failed(&serve.output().unwrap(), 2, &[&port, "in use"]);

    // Asked again it says the same; asked for another port it moves.
    let before = alice.ask("status", json!({}))["server"].take();
    let again = alice.ask("start_server", json!({"port": taken}));
    assert_eq!((&again["port"], &again["addresses"]), (&before["port"], &before["addresses"]));
    bob.listen();
    let bobs: u16 = bob.address().rsplit(':').next().unwrap().parse().unwrap();
    alice.refused("start_server", json!({"port": bobs}), "port_in_use");
    assert_eq!(alice.ask("status", json!({}))["server"], before);
    bob.ask("stop_server", json!({}));
    alice.ask("start_server", json!({"port": bobs}));
    alice.event("server_changed", |event| event["port"] == bobs);
    assert_eq!(bob.ask("connect", json!({"address": format!("127.0.0.1:{bobs}")}))["device_id"], alice.id);
}

#[test]
fn what_does_not_exist_or_is_too_long_is_refused() {
    let (mut alice, mut bob, room) = alice_and_bob();
    let id = bob.say(&room, "hello");
    let other = alice.create_room();
    for (method, params, code) in [
        ("send_message", json!({"room": "x", "text": "t"}), "invalid_argument"),
        ("send_message", json!({"room": id, "text": "t"}), "not_found"),
        ("send_message", json!({"room": room, "text": ""}), "invalid_argument"),
        ("send_message", json!({"room": room, "text": "t".repeat(16 * 1024 + 1)}), "too_large"),
        ("send_message", json!({"room": room, "text": "t", "reply_to": other}), "not_found"),
        ("messages", json!({"room": id}), "not_found"),
        ("messages", json!({"room": room, "limit": 0}), "invalid_argument"),
        ("messages", json!({"room": room, "limit": 501}), "invalid_argument"),
        ("members", json!({"room": id}), "not_found"),
        ("create_room", json!({"name": " "}), "invalid_argument"),
        ("create_room", json!({"name": "n".repeat(129)}), "too_large"),
        ("remove_member", json!({"room": room, "device_id": alice.id}), "not_owner"),
        ("remove_member", json!({"room": room, "device_id": "x"}), "invalid_argument"),
        ("leave_room", json!({"room": other}), "not_found"),
        ("receipts", json!({"id": other}), "not_found"),
        ("mark_read", json!({"room": other, "id": id}), "not_found"),
    ] {
        bob.refused(method, params, code);
    }
    let longest = "t".repeat(16 * 1024);
    bob.say(&room, &longest);
    alice.hears(&room, &longest);
}
