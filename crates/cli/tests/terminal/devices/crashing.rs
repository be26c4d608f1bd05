use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::device::{Device, Dice, alice_and_bob};

/// Sends until this many are answered, then kills the sender at once; gives what was answered by then.
fn send_and_kill(device: &mut Device, room: &str, cycle: usize, enough: usize) -> Vec<String> {
    let said = |n: usize| format!("{} {cycle}.{n}", device.name);
    let texts: Vec<String> = (0..500).map(said).collect();
    let asked: Vec<u64> =
        texts.iter().map(|text| device.put("send_message", json!({"room": room, "text": text}))).collect();
    for id in &asked[..enough] {
        device.answer(*id).unwrap();
    }
    device.kill();
    let answered = asked.iter().zip(&texts).skip(enough).filter(|(id, _)| device.answered(**id).is_some());
    let more: Vec<String> = answered.map(|(_, text)| text.clone()).collect();
    texts[..enough].iter().cloned().chain(more).collect()
}

#[test]
fn kill_9_at_any_moment_loses_nothing_that_was_answered() {
    let (mut alice, mut bob, room) = alice_and_bob();
    let mut dice = Dice(7);
    let mut answered: BTreeSet<String> = BTreeSet::new();
    for cycle in 0..6 {
        let (victim, other) = if cycle % 2 == 0 { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
        let said_meanwhile = format!("{} meanwhile {cycle}", other.name);
        answered.extend(send_and_kill(victim, &room, cycle, dice.throw(400) as usize + 1));
        other.say(&room, &said_meanwhile);
        answered.insert(said_meanwhile);
        victim.resume();
        if victim.name == "Alice" {
            victim.listen();
        }
        for device in [&mut *victim, &mut *other] {
            device.until("all that was answered", |device| {
                let held: BTreeSet<String> = device.texts(&room).into_iter().collect();
                answered.is_subset(&held)
            });
        }
    }
    let mut held = Vec::new();
    for device in [&mut alice, &mut bob] {
        let texts = device.texts(&room);
        let different: BTreeSet<&String> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "{} holds something twice", device.name);
        for name in ["Alice", "Bob"] {
            for cycle in 0..6 {
                let prefix = format!("{name} {cycle}.");
                let numbers = texts.iter().filter_map(|text| text.strip_prefix(&prefix)?.parse().ok());
                assert!(numbers.enumerate().all(|(at, n): (usize, usize)| at == n), "{name} {cycle}");
            }
        }
        held.push(device.ask("messages", json!({"room": room, "limit": 500})));
    }
    // What was not answered may be there or not, but on both alike.
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&held[0]), ids(&held[1]));
}

#[test]
fn a_restart_tells_who_is_back() {
    let (mut alice, mut bob, room) = alice_and_bob();
    alice.event("peer_connected", |event| event["device_id"] == bob.id.as_str() && event["name"] == "Bob");
    bob.kill();
    let gone = alice.event("peer_disconnected", |event| event["device_id"] == bob.id.as_str());
    assert_eq!(gone["reason"], "reset");
    let waiting = alice.say(&room, "are you there?");
    bob.resume();
    alice.event("peer_connected", |event| event["device_id"] == bob.id.as_str());
    bob.event("peer_connected", |event| event["device_id"] == alice.id.as_str());
    bob.event("incoming_message", |event| event["message"]["id"] == waiting.as_str());
    bob.end();
    let gone = alice.event("peer_disconnected", |event| event["device_id"] == bob.id.as_str());
    assert_eq!(gone["reason"], "shutdown");
    let since = Instant::now();
    alice.end();
    assert!(since.elapsed() < Duration::from_secs(15), "it takes long to end");
}
