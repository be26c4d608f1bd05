use serde_json::json;

use super::device::{Device, alice_and_bob};

#[test]
fn who_is_removed_is_told_and_cut_off() {
    let (mut alice, mut bob, room) = alice_and_bob();
    alice.say(&room, "before");
    bob.hears(&room, "before");
    bob.forget_events();
    alice.ask("remove_member", json!({"room": room, "device_id": bob.id}));
    bob.event("room_changed", |event| event["room"] == room.as_str());
    let gone = bob.event("peer_disconnected", |event| event["device_id"] == alice.id.as_str());
    assert_eq!(gone["reason"], "removed");
    alice.event("peer_disconnected", |event| event["device_id"] == bob.id.as_str() && event["reason"] == "removed");
    bob.refused("send_message", json!({"room": room, "text": "after"}), "not_a_member");
    let last = bob.all(&room).pop().unwrap();
    assert_eq!((&last["kind"], &last["subject"]), (&json!("member_removed"), &json!(bob.id)));
    assert_eq!(bob.texts(&room), ["before"]);
    alice.say(&room, "after");
    assert_eq!(alice.ask("members", json!({"room": room})).as_array().unwrap().len(), 1);
    assert_eq!(bob.texts(&room), ["before"]);

    // Invited again, Bob gets what he missed.
    let link = alice.invite(&room);
    bob.join(&link);
    bob.hears(&room, "after");
    bob.say(&room, "back");
    alice.hears(&room, "back");
}

#[test]
fn who_was_removed_while_away_is_told_on_return() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.end();
    alice.event("peer_disconnected", |event| event["device_id"] == bob.id.as_str());
    alice.ask("remove_member", json!({"room": room, "device_id": bob.id}));
    bob.resume();
    bob.until("the removal", |bob| bob.try_ask("send_message", json!({"room": room, "text": "hi"})).is_err());
    bob.refused("send_message", json!({"room": room, "text": "hi"}), "not_a_member");
    assert_eq!(alice.texts(&room), Vec::<String>::new());
}

#[test]
fn who_leaves_keeps_what_was_held_and_the_others_know() {
    let (mut alice, mut bob, room) = alice_and_bob();
    alice.say(&room, "before");
    bob.hears(&room, "before");
    bob.ask("leave_room", json!({"room": room}));
    alice.until("that Bob left", |alice| alice.ask("members", json!({"room": room})).as_array().unwrap().len() == 1);
    bob.refused("send_message", json!({"room": room, "text": "after"}), "not_a_member");
    bob.refused("leave_room", json!({"room": room}), "not_a_member");
    assert_eq!(bob.texts(&room), ["before"]);
    assert_eq!(alice.all(&room).pop().unwrap()["subject_name"], "Bob");
}

#[test]
fn a_member_admits_another_while_the_owner_is_away() {
    let (mut alice, mut bob, room) = alice_and_bob();
    alice.say(&room, "from Alice");
    bob.hears(&room, "from Alice");
    bob.listen();
    let link = bob.invite(&room);
    alice.end();
    let mut carol = Device::start("Carol");
    carol.join(&link);
    carol.hears(&room, "from Alice");
    carol.say(&room, "from Carol");
    bob.hears(&room, "from Carol");
    bob.say(&room, "from Bob");
    // The inviter goes too, before the owner is back.
    carol.hears(&room, "from Bob");
    alice.resume();
    alice.listen();
    for device in [&mut alice, &mut bob, &mut carol] {
        for words in ["from Alice", "from Bob", "from Carol"] {
            device.hears(&room, words);
        }
        let members = device.ask("members", json!({"room": room}));
        let names: Vec<&str> = members.as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Alice", "Bob", "Carol"]);
    }
    alice.say(&room, "to all");
    bob.hears(&room, "to all");
    carol.hears(&room, "to all");
}
