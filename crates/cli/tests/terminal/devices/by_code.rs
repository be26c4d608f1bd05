use serde_json::json;

use super::device::{Device, alice_and_bob, text};
use crate::process::{assert_failed, run};

#[test]
fn six_digits_and_an_address_let_one_device_in() {
    let (mut alice, _bob, room) = alice_and_bob();
    let mut carol = Device::start("Carol");
    let invited = alice.ask("invite", json!({"room": room, "uses": 9}));
    let (code, address) = (text(&invited["code"]), alice.address());
    assert!(code.len() == 7 && code.as_bytes()[3] == b' ', "{code:?}");
    let joined = carol.ask("join", json!({"address": address, "code": code}));
    assert_eq!(joined, json!({"room": room, "name": "Home", "pending": false}));
    assert_eq!(alice.event("code_ended", |_| true), json!({"room": room, "wrong": false}));

    // In the terminal, by a device that nobody runs; and not twice by one code.
    let dave = tempfile::tempdir().unwrap();
    let join = |code: &str| run(dave.path(), &["join", &address, code, "--name", "Dave"]);
    assert_failed(&join(&code), 2, &["shows no code"]);
    assert_failed(&run(dave.path(), &["join", &address, "--name", "Dave"]), 2, &["an address", "the code"]);
    let shown = alice.ask("show_code", json!({"link": invited["link"]}));
    let joined = join(&text(&shown["code"]));
    assert!(joined.status.success() && String::from_utf8_lossy(&joined.stdout).contains("Joined <Home>"), "{joined:?}");
}

#[test]
fn a_wrong_code_is_over_and_five_an_hour_ask_for_a_person() {
    let (mut alice, _bob, room) = alice_and_bob();
    let mut carol = Device::start("Carol");
    let invited = alice.ask("invite", json!({"room": room}));
    let (link, address) = (invited["link"].clone(), alice.address());
    let mut code = text(&invited["code"]);
    for _ in 0..5 {
        let wrong = if code.ends_with('1') { "000002" } else { "000001" };
        carol.refused("join", json!({"address": address, "code": wrong}), "wrong_code");
        assert_eq!(alice.event("code_ended", |_| true), json!({"room": room, "wrong": true}));
        carol.refused("join", json!({"address": address, "code": code}), "expired");
        code = alice.ask("show_code", json!({"link": link}))["code"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(code, "", "a person has to know");
    assert_eq!(alice.ask("show_code", json!({"link": link})), json!({}));
    let code = text(&alice.ask("show_code", json!({"link": link, "knowingly": true}))["code"]);
    assert_eq!(alice.ask("shown_code", json!({}))["code"], code);
    alice.ask("hide_code", json!({}));
    assert_eq!(alice.ask("shown_code", json!({})), json!({}));
    carol.refused("join", json!({"address": address, "code": code}), "expired");
    for bad in ["", "12345", "1234567", "12345a"] {
        carol.refused("join", json!({"address": address, "code": bad}), "invalid_argument");
    }
    carol.refused("join", json!({"address": "192.168.1", "code": code}), "invalid_argument");
    carol.refused("join", json!({"code": code}), "invalid_argument");
    assert_eq!(carol.ask("rooms", json!({})), json!([]));
}
