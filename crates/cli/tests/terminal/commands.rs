//! The subcommands that ask for one thing: what they print, for people and as JSON.

use std::{collections::BTreeSet, path::Path, process::Output};

use serde_json::{Value, json};

use crate::process::{Rpc, assert_failed, ended, lanline, run};

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// One JSON value on one line.
#[track_caller]
fn json(home: &Path, args: &[&str]) -> Value {
    let printed = printed(&run(home, &[args, &["--json"]].concat()));
    assert_eq!(printed.lines().count(), 1, "{printed}");
    serde_json::from_str(&printed).unwrap()
}

fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn each_prints_what_the_command_answers() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let made = json(home, &["create", "The back yard", "--name", "Alice"]);
    let room = made["room"].as_str().unwrap();
    let status = json(home, &["status"]);
    assert_eq!(status, serde_json::from_slice::<Value>(&run(home, &["call", "status"]).stdout).unwrap());
    let rooms = json(home, &["rooms"]);
    assert_eq!((&rooms[0]["room"], &rooms[0]["name"]), (&json!(room), &json!("The back yard")));
    let members = json(home, &["members", "the back"]);
    assert_eq!(members[0]["device_id"], status["device_id"]);
    assert_eq!(json(home, &["peers"]), json!([]));
    assert_eq!(json(home, &["settings"]), json!({"tell_read": true}));
    assert_eq!(json(home, &["settings", "--tell-read", "no"]), json!({"tell_read": false}));
    let sent = json(home, &["send", "the", "one", "two"]);
    assert_eq!(fields(&sent), ["id"].into());
    let page = json(home, &["messages", room, "--limit", "1"]);
    assert_eq!((&page["messages"][0]["text"], &page["more"]), (&json!("one two"), &json!(true)));
    let page = json(home, &["messages", room, "--before", sent["id"].as_str().unwrap()]);
    assert_eq!((page["messages"].as_array().unwrap().len(), &page["more"]), (1, &json!(false)));

    for (args, words) in [
        (["status"].as_slice(), ["<Alice>", status["device_id"].as_str().unwrap()]),
        (&["rooms"], [room, "<The back yard>"]),
        (&["settings"], ["read here", "no"]),
        (&["members", "t"], ["owner", "<Alice>"]),
        (&["messages", "t"], ["<Alice> one two  [kept here]", "<Alice> made this room."]),
    ] {
        let printed = printed(&run(home, args));
        assert!(words.iter().all(|words| printed.contains(words)), "{printed}");
        assert!(!printed.contains('\u{1b}'), "{printed}");
    }
    assert_eq!(json(home, &["leave", "the"]), Value::Null);
    assert_failed(&run(home, &["send", "the", "x"]), 1, &["not a member"]);
    let text = run(home, &["create", "Kitchen"]);
    assert!(printed(&text).starts_with("The room <Kitchen> is made"));
}

#[test]
fn rooms_are_found_by_name_id_or_beginning_and_a_bad_one_is_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for args in
        [["members", "x"].as_slice(), &["send", "x", "y"], &["messages", "x"], &["leave", "x"], &["invite", "x"]]
    {
        assert_failed(&run(home, args), 2, &["lanline create", "lanline join"]);
    }
    let garden = json(home, &["create", "Garden"])["room"].as_str().unwrap().to_owned();
    json(home, &["create", "Garage"]);
    for given in ["Garden", "GARDEN", "gard", &garden, &garden[..20]] {
        assert_eq!(json(home, &["send", given, "x"]).as_object().unwrap().len(), 1, "{given}");
    }
    for given in ["gar", "G"] {
        assert_failed(&run(home, &["messages", given]), 2, &["<Garden>", "<Garage>", &garden[..8]]);
    }
    assert_failed(&run(home, &["messages", "kitchen"]), 2, &["kitchen", "<Garden>", "<Garage>"]);
    assert_failed(&run(home, &["messages", "garden", "--before", "x"]), 2, &["\"x\""]);
    assert_failed(&run(home, &["messages", "garden", "--limit", "0"]), 2, &["--limit"]);
}

#[test]
fn an_invite_needs_a_server_and_says_how_to_start_one() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["create", "Garden", "--name", "Alice"]);
    assert_failed(&run(home.path(), &["invite", "Garden"]), 2, &["`lanline serve`"]);
    let mut command = lanline(home.path(), &["rpc", "--port", "0"]);
    command.env("LANLINE_LISTEN", "127.0.0.1");
    let mut alice = Rpc::spawn(command);
    alice.ask("status", Value::Null);
    assert_failed(&run(home.path(), &["invite", "Garden"]), 2, &["start_server", "`lanline serve`"]);
    alice.ask("start_server", Value::Null);
    let invited = json(home.path(), &["invite", "Garden", "--ttl", "1h", "--uses", "2"]);
    assert_eq!(fields(&invited), ["code", "code_expires_at", "expires_at", "link"].into());
    let output = run(home.path(), &["invite", "Garden"]);
    let link = printed(&output);
    assert!(link.starts_with("lanline:j/") && link.lines().count() == 1, "{link}");
    let explained = String::from_utf8(output.stderr).unwrap();
    assert!(
        explained.contains("one device into <Garden>") && explained.contains("lanline join 127.0.0.1:"),
        "{explained}"
    );

    let bob = tempfile::tempdir().unwrap();
    let joined = json(bob.path(), &["join", link.trim(), "--name", "Bob"]);
    assert_eq!((&joined["name"], &joined["pending"]), (&json!("Garden"), &json!(false)));
    assert_failed(&run(bob.path(), &["join", "lanline:j/x"]), 2, &["copy it again"]);
    let carol = tempfile::tempdir().unwrap();
    assert_failed(&run(carol.path(), &["join", link.trim()]), 2, &["used up"]);
    let members = json(home.path(), &["members", "Garden"]);
    assert_eq!(members.as_array().unwrap().len(), 2);
}

#[test]
fn completions_and_manual_pages_are_made_without_a_device() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&run(home.path(), &["completions", shell]));
        assert!(script.contains("lanline") && script.contains("chat"), "{script}");
    }
    assert_failed(&run(home.path(), &["completions", "cobol"]), 2, &["cobol"]);
    let page = printed(&run(home.path(), &["man"]));
    assert!(page.contains(".TH lanline 1") && page.contains("lanline\\-chat(1)"), "{page}");
    printed(&run(home.path(), &["man", "share/man1"]));
    let pages = std::fs::read_dir(home.path().join("share/man1")).unwrap().count();
    let main = std::fs::read_to_string(home.path().join("share/man1/lanline.1")).unwrap();
    assert_eq!(pages, 1 + main.matches(".TP\nlanline").count());
    let invite = std::fs::read_to_string(home.path().join("share/man1/lanline-invite.1")).unwrap();
    assert!(invite.contains("\\-\\-ttl") && invite.contains("Examples"), "{invite}");
    std::fs::write(home.path().join("file"), "").unwrap();
    assert_failed(&run(home.path(), &["man", "file"]), 2, &["file", "another folder"]);
    assert!(!home.path().join("data").exists());
}

#[test]
fn who_closes_standard_output_gets_no_complaint() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["create", "Garden"]);
    for args in [
        ["status"].as_slice(),
        &["rooms", "--json"],
        &["messages", "Garden"],
        &["send", "Garden", "x", "--json"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["call", "status"],
    ] {
        let mut child = lanline(home.path(), args).spawn().unwrap();
        drop(child.stdout.take());
        assert!(ended(&mut child).success(), "{args:?}");
        let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        assert!(!said.contains("panicked"), "{said}");
    }
}
