use serde_json::json;

use super::device::{Device, alice_and_bob};

#[test]
fn devices_are_called_blocked_and_forgotten_as_the_person_says() {
    let (mut alice, mut bob, room) = alice_and_bob();
    let known = alice.ask("devices", json!({}));
    let [known] = known.as_array().unwrap().as_slice() else { panic!("{known}") };
    assert_eq!((&known["device_id"], &known["name"]), (&json!(bob.id), &json!("Bob")));
    assert_eq!((&known["verified"], &known["blocked"]), (&json!("link"), &json!(false)));
    assert!(known["verified_at"].is_u64() && known["first_seen_at"].is_u64() && known.get("own_name").is_none());

    alice.ask("set_device", json!({"device_id": bob.id, "name": "Robert", "blocked": true}));
    alice.event("peer_disconnected", |event| event["device_id"] == bob.id.as_str());
    let known = alice.ask("devices", json!({}));
    assert_eq!((&known[0]["name"], &known[0]["own_name"]), (&json!("Robert"), &json!("Bob")));
    let members = alice.ask("members", json!({"room": room}));
    assert!(members.as_array().unwrap().iter().any(|member| member["name"] == "Robert"), "{members}");
    bob.refused("connect", json!({"address": alice.address()}), "unreachable");

    alice.ask("set_device", json!({"device_id": bob.id, "blocked": false}));
    alice.forget_events();
    bob.ask("connect", json!({"address": alice.address()}));
    // He is noted when he comes and when he goes.
    alice.event("peer_connected", |event| event["device_id"] == bob.id.as_str());
    bob.end();
    alice.event("peer_disconnected", |event| event["device_id"] == bob.id.as_str());
    alice.ask("forget_device", json!({"device_id": bob.id}));
    assert_eq!(alice.ask("devices", json!({})), json!([]));
    let stranger = Device::start("Carol").id;
    alice.refused("set_device", json!({"device_id": stranger, "name": "x"}), "not_found");
    alice.refused("forget_device", json!({"device_id": bob.id}), "not_found");
    alice.refused("set_device", json!({"device_id": "x", "name": "x"}), "invalid_argument");
}
