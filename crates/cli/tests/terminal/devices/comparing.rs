use std::io::{BufRead, BufReader, Write};

use serde_json::{Value, json};

use super::device::{Device, alice_and_bob, text};
use crate::{
    people::ask,
    process::{assert_failed, ended, lanline, run},
    talk::Chat,
};

fn verified(device: &mut Device) -> Value {
    device.ask("devices", json!({}))[0]["verified"].clone()
}

#[test]
fn both_are_shown_the_same_and_each_says_what_it_saw() {
    let (mut alice, mut bob, _) = alice_and_bob();
    let shown = alice.ask("compare", json!({"device_id": bob.id}));
    let words = shown["words"].as_array().unwrap();
    assert_eq!((words.len(), shown["emoji"].as_array().unwrap().len()), (7, 7));
    let asked = bob.event("compare_asked", |_| true);
    assert_eq!((&asked["device_id"], &asked["name"]), (&json!(alice.id), &json!("Alice")));
    assert_eq!((&asked["words"], &asked["emoji"]), (&shown["words"], &shown["emoji"]));
    let devices = bob.ask("devices", json!({}));
    assert_eq!(devices[0]["comparing"], shown);
    assert_eq!(bob.ask("compare", json!({"device_id": alice.id})), shown, "until it is decided");

    let other = if words[0] == "dog" { "cat" } else { "dog" };
    let others: Vec<Value> = [&[json!(other)][..], &words[1..]].concat();
    alice.refused("confirm_compare", json!({"device_id": bob.id, "same": true, "words": others}), "not_found");
    alice.refused("confirm_compare", json!({"device_id": bob.id, "same": true, "words": ["dog"]}), "invalid_argument");
    alice.ask("confirm_compare", json!({"device_id": bob.id, "same": true, "words": words}));
    let ended = alice.event("compare_ended", |_| true);
    assert_eq!(ended, json!({"device_id": bob.id, "name": "Bob", "reason": "same"}));
    assert_eq!((verified(&mut alice), verified(&mut bob)), (json!("compared"), json!("link")));
    bob.ask("confirm_compare", json!({"device_id": alice.id, "same": false}));
    assert_eq!(bob.event("compare_ended", |_| true)["reason"], "differ");
    assert_eq!(alice.event("compare_ended", |_| true)["reason"], "they_differ");
    assert_eq!((verified(&mut alice), verified(&mut bob)), (Value::Null, Value::Null));
    alice.refused("confirm_compare", json!({"device_id": bob.id, "same": true}), "not_found");

    alice.ask("compare", json!({"device_id": bob.id}));
    bob.event("compare_asked", |_| true);
    bob.end();
    // Though it is no longer connected, it is told by its name.
    let ended = alice.event("compare_ended", |_| true);
    assert_eq!((&ended["name"], &ended["reason"]), (&json!("Bob"), &json!("gone")));
    alice.refused("compare", json!({"device_id": bob.id}), "not_found");
    let carol = Device::start("Carol").id;
    alice.refused("compare", json!({"device_id": carol}), "not_found");
    alice.refused("compare", json!({"device_id": "x"}), "invalid_argument");
}

#[test]
fn two_chats_compare() {
    let home = crate::people::alice();
    let mut alice = Chat::start(home.path(), &["garden"]);
    alice.shows("In <Garden>");
    let bobs = crate::people::bob(&crate::people::link(home.path()));
    let mut bob = Chat::start(bobs.path(), &[]);
    alice.shows("<Bob> is connected");
    alice.types("/same");
    alice.shows("Nothing is compared");
    alice.types("/compare nobody");
    alice.shows("There is no device “nobody”");
    alice.types("/compare bob");
    alice.shows("<Bob> and this device are to show the same pictures:");
    bob.shows("<Alice> and this device are to show the same pictures:");
    bob.types("/same");
    bob.shows("<Alice> is verified now");
    alice.types("/differ");
    alice.shows("The pictures of <Bob> differ");
    bob.shows("The pictures of <Alice> differ");

    // By a command of its own, through the chat that runs; a script answers.
    let said = crate::process::run_with(home.path(), &["compare", "Bob"], "yes\n");
    let printed = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success() && printed.contains("<Bob> is verified now"), "{printed}");
    let known = ask(home.path(), &["devices"]);
    assert_eq!(known[0]["verified"], "compared");
    bob.shows("<Alice> and this device are to show the same pictures:");
    bob.types("/same");
    bob.shows("<Alice> is verified now");

    let listed = run(home.path(), &["devices"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("compared 20") && listed.contains("<Bob>"), "{listed}");
    let id = text(&known[0]["device_id"]);
    assert!(run(home.path(), &["devices", &id[..7], "--rename", "Robert"]).status.success());
    assert!(run(home.path(), &["devices", "Robert", "--block"]).status.success());
    let listed = String::from_utf8(run(home.path(), &["devices"]).stdout).unwrap();
    assert!(listed.contains("blocked  <Robert>, who calls itself <Bob>"), "{listed}");
    // Once he may, he comes back by himself, and is met again.
    drop(bob);
    assert!(run(home.path(), &["devices", "rob", "--unblock"]).status.success());
    assert!(run(home.path(), &["devices", "rob", "--forget"]).status.success());
    assert_eq!(ask(home.path(), &["devices"]), json!([]));
    assert_failed(&run(home.path(), &["devices", "rob", "--forget"]), 2, &["no device", "there is none"]);
    assert_failed(&run(home.path(), &["devices", "rob"]), 2, &["lanline --help"]);
    assert_failed(&run(home.path(), &["devices", "--block"]), 2, &["lanline --help"]);
}

/// Whoever asks, or ends what is shown, may do so in the moment in which Enter is pressed.
#[test]
fn nobody_else_makes_an_answer_count_for_another_device() {
    let home = crate::people::alice();
    let mut alice = Chat::start(home.path(), &["garden"]);
    alice.shows("In <Garden>");
    let bobs = crate::people::bob(&crate::people::link(home.path()));
    let carols = tempfile::tempdir().unwrap();
    ask(carols.path(), &["join", &crate::people::link(home.path()), "--name", "Carol"]);
    let bob = Chat::start(bobs.path(), &[]);
    alice.shows("<Bob> is connected");
    let mut carol = Chat::start(carols.path(), &[]);
    alice.shows("<Carol> is connected");
    let verified = || {
        ask(home.path(), &["devices"])
            .as_array()
            .unwrap()
            .iter()
            .map(|known| known["verified"].clone())
            .collect::<Vec<_>>()
    };

    alice.types("/compare bob");
    alice.shows("<Bob> and this device are to show the same pictures:");
    drop(bob);
    alice.shows("The connection to <Bob> ended");
    alice.shows("/differ says so still");
    carol.types("/compare alice");
    alice.shows("<Carol> wants to compare, too");
    alice.types("/same");
    alice.shows("othing is compared with this device any more");
    assert!(!verified().contains(&json!("compared")));

    alice.types("/compare carol");
    alice.shows("<Carol> and this device are to show the same pictures:");
    let mut bob = Chat::start(bobs.path(), &[]);
    alice.shows("<Bob> is connected");
    while ask(bobs.path(), &["peers"]) == json!([]) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    bob.types("/compare alice");
    alice.shows("<Bob> wants to compare, too");
    alice.types("/same");
    alice.shows("<Carol> is verified now");

    // By a command of its own, too, they differ whoever ends it.
    let mut compare = lanline(home.path(), &["compare", "Bob"]).spawn().unwrap();
    let mut shown = BufReader::new(compare.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(shown.any(|line| line.contains("Type yes or no")));
    drop(bob);
    assert!(shown.any(|line| line.contains("type no still")));
    compare.stdin.take().unwrap().write_all(b"no\n").unwrap();
    assert!(shown.any(|line| line.contains("The pictures of <Bob> differ")));
    assert_eq!(ended(&mut compare).code(), Some(1));
    assert_eq!(verified(), [Value::Null, json!("compared")]);
}
