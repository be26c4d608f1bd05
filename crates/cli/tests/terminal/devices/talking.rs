use std::collections::BTreeSet;

use serde_json::json;

use super::device::{Device, alice_and_bob, text};

const MANY: usize = 10_000;

#[test]
fn ten_thousand_messages_both_ways_at_once_arrive_once_each_and_in_order() {
    let (mut alice, mut bob, room) = alice_and_bob();
    std::thread::scope(|scope| {
        for device in [&mut alice, &mut bob] {
            let room = &room;
            scope.spawn(move || {
                let name = device.name;
                let asked: Vec<u64> = (0..MANY)
                    .map(|n| device.put("send_message", json!({"room": room, "text": format!("{name} {n}")})))
                    .collect();
                for id in asked {
                    device.answer(id).unwrap();
                }
                device.event("incoming_message", |event| {
                    text(&event["message"]["text"]).ends_with(&format!(" {}", MANY - 1))
                });
            });
        }
    });
    for restarted in [false, true] {
        for device in [&mut alice, &mut bob] {
            if restarted {
                device.end();
                device.resume();
            }
            let messages = device.all(&room);
            let ids: BTreeSet<&str> = messages.iter().map(|message| message["id"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), messages.len());
            for name in ["Alice", "Bob"] {
                let by = messages.iter().filter(|message| message["kind"] == "text" && message["author_name"] == name);
                let said: Vec<String> = by.map(|message| text(&message["text"])).collect();
                assert_eq!(said.len(), MANY, "{} holds of {name}", device.name);
                assert!(said.iter().enumerate().all(|(n, said)| *said == format!("{name} {n}")));
            }
        }
    }
}

#[test]
fn a_message_is_queued_then_stored_then_delivered_then_read() {
    let (mut alice, mut bob, room) = alice_and_bob();
    let mut carol = Device::start("Carol");
    let link = alice.invite(&room);
    carol.join(&link);
    alice.until("three members", |alice| alice.ask("members", json!({"room": room})).as_array().unwrap().len() == 3);
    bob.end();
    carol.end();
    alice.event("peer_disconnected", |event| event["device_id"] == bob.id.as_str());
    alice.event("peer_disconnected", |event| event["device_id"] == carol.id.as_str());

    let id = alice.say(&room, "dinner?");
    let shown = alice.all(&room).pop().unwrap();
    assert_eq!((&shown["id"], &shown["status"], &shown["stored_by"]), (&json!(id), &json!("queued"), &json!(0)));

    bob.resume();
    let mut status = |wanted: &str, stored: u64, delivered: u64, read: u64| {
        alice.event("message_status", |event| {
            event["id"] == id.as_str()
                && event["status"] == wanted
                && event["stored_by"] == stored
                && event["delivered_to"] == delivered
                && event["read_by"] == read
        });
    };
    status("stored", 1, 1, 0);
    carol.resume();
    status("delivered", 2, 2, 0);
    for (device, wanted, count) in [(&mut bob, "delivered", 1), (&mut carol, "read", 2)] {
        device.hears(&room, "dinner?");
        device.ask("mark_read", json!({"room": room, "id": id}));
        status(wanted, 2, 2, count);
    }
    alice.event("receipts_changed", |event| event["room"] == room.as_str() && event["device_id"] == bob.id.as_str());
    let receipts = alice.ask("receipts", json!({"id": id}));
    for kind in ["stored", "delivered", "read"] {
        let mut devices: Vec<String> = receipts[kind].as_array().unwrap().iter().map(text).collect();
        devices.sort();
        let mut expected = vec![bob.id.clone(), carol.id.clone()];
        expected.sort();
        assert_eq!(devices, expected, "{kind}");
    }
    let unread = bob.ask("rooms", json!({}))[0]["unread"].clone();
    assert_eq!(unread, 0);
}

#[test]
fn the_same_client_id_again_is_the_same_message_and_replies_name_what_they_answer() {
    let (mut alice, mut bob, room) = alice_and_bob();
    let params = json!({"room": room, "text": "once", "client_id": "1"});
    let first = alice.ask("send_message", params.clone());
    assert_eq!(alice.ask("send_message", params.clone()), first);
    alice.kill();
    alice.resume();
    alice.listen();
    assert_eq!(alice.ask("send_message", params), first);
    bob.hears(&room, "once");
    bob.ask("send_message", json!({"room": room, "text": "twice?", "reply_to": first["id"]}));
    alice.hears(&room, "twice?");
    assert_eq!(alice.texts(&room), ["once", "twice?"]);
    assert_eq!(alice.all(&room).pop().unwrap()["reply_to"], first["id"]);
}

#[test]
fn a_new_name_reaches_the_room() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.ask("set_profile", json!({"name": "Robert"}));
    alice.until("Bob's new name", |alice| {
        let members = alice.ask("members", json!({"room": room}));
        members.as_array().unwrap().iter().any(|member| member["name"] == "Robert" && member["online"] == true)
    });
    assert_eq!(bob.ask("status", json!({}))["name"], "Robert");
}
