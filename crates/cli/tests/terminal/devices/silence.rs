use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::device::alice_and_bob;

#[test]
fn a_server_that_stops_while_a_client_writes_loses_nothing() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.event("peer_connected", |event| event["device_id"] == alice.id.as_str());
    let mut asked = Vec::new();
    for round in 0..3 {
        for n in 0..200 {
            asked.push(bob.put("send_message", json!({"room": room, "text": format!("{round}.{n}")})));
        }
        alice.ask("stop_server", json!({}));
        let gone = bob.event("peer_disconnected", |event| event["device_id"] == alice.id.as_str());
        assert_eq!(gone["reason"], "server_stopped");
        for n in 0..50 {
            asked.push(bob.put("send_message", json!({"room": room, "text": format!("{round} stopped {n}")})));
        }
        alice.listen();
        bob.event("peer_connected", |event| event["device_id"] == alice.id.as_str());
    }
    for id in asked {
        bob.answer(id).unwrap();
    }
    alice.until("all of it", |alice| alice.texts(&room).len() == 750);
    assert_eq!(alice.texts(&room), bob.texts(&room));
}

#[test]
fn a_device_that_falls_asleep_is_missed_within_ten_seconds_and_comes_back() {
    for bob_sleeps in [true, false] {
        let (mut alice, mut bob, room) = alice_and_bob();
        let (awake, asleep) = if bob_sleeps { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
        awake.event("peer_connected", |event| event["device_id"] == asleep.id.as_str());
        asleep.signal(Signal::STOP);
        let since = Instant::now();
        let gone = awake.event("peer_disconnected", |event| event["device_id"] == asleep.id.as_str());
        // Ten seconds are promised; the rest is for a machine that is busy with other tests.
        assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
        assert_eq!(gone["reason"], "silent");
        awake.say(&room, "asleep?");
        asleep.signal(Signal::CONT);
        asleep.hears(&room, "asleep?");
        asleep.say(&room, "awake");
        awake.hears(&room, "awake");
    }
}

#[test]
fn who_is_disconnected_on_purpose_stays_so_until_somebody_connects() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.event("peer_connected", |event| event["device_id"] == alice.id.as_str());
    bob.ask("disconnect", json!({"device_id": alice.id}));
    assert_eq!(bob.ask("peers", json!({})), json!([]));
    let gone = bob.event("peer_disconnected", |event| event["device_id"] == alice.id.as_str());
    assert_eq!(gone["reason"], "disconnected");
    alice.event("peer_disconnected", |event| event["reason"] == "disconnected");
    alice.say(&room, "later");
    let deadline = Instant::now() + Duration::from_secs(2);
    while bob.listen_until(deadline) {}
    assert_eq!(bob.events("peer_connected").count(), 0);
    assert_eq!(bob.ask("connect", json!({"device_id": alice.id}))["device_id"], alice.id);
    bob.hears(&room, "later");
    // Connected already: nothing happens.
    bob.ask("connect", json!({"device_id": alice.id}));
    bob.ask("connect", json!({"address": alice.address()}));
    assert_eq!(bob.ask("peers", json!({})).as_array().unwrap().len(), 1);
    assert_eq!(bob.events("peer_disconnected").count(), 0);
}

#[test]
fn two_that_dial_each_other_at_once_end_with_one_connection() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.listen();
    bob.say(&room, "I listen too");
    alice.hears(&room, "I listen too");
    for round in 0..3 {
        alice.kill();
        bob.kill();
        alice.forget_events();
        bob.forget_events();
        alice.resume();
        bob.resume();
        alice.listen();
        bob.listen();
        let words = format!("round {round}");
        alice.say(&room, &words);
        bob.hears(&room, &words);
        for device in [&mut alice, &mut bob] {
            device.until("one connection", |device| device.ask("peers", json!({})).as_array().unwrap().len() == 1);
            // Events and answers come on streams of their own: the event may be the later one.
            device.until("as many ends as beginnings, but one", |device| {
                device.events("peer_connected").count() == device.events("peer_disconnected").count() + 1
            });
        }
    }
}
