//! A device that moves to another folder: by an export, or copied with all that it is.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::device::{Device, alice_and_bob, text};
use crate::process::{assert_failed, lanline, run};

const PASSPHRASE: &str = "five words that nobody guesses";

fn export(device: &mut Device, name: &str) -> PathBuf {
    let path = device.home.path().join(name);
    assert_eq!(device.ask("export_identity", json!({"path": path, "passphrase": PASSPHRASE})), Value::Null);
    path
}

fn import(device: &mut Device, path: &Path) {
    assert_eq!(device.ask("import_identity", json!({"path": path, "passphrase": PASSPHRASE})), Value::Null);
    device.event("events_lost", |_| true);
    device.id = text(&device.ask("status", json!({}))["device_id"]);
}

/// All of them hold the same texts, each once, and none was told of a fork.
#[track_caller]
fn are_of_one_mind(devices: &mut [&mut Device], room: &str, texts: &[&str]) {
    for device in devices {
        let mut wanted: Vec<&str> = texts.to_vec();
        wanted.sort_unstable();
        device.until("the same texts", |device| {
            let mut held = device.texts(room);
            held.sort_unstable();
            assert!(held.windows(2).all(|two| two[0] != two[1]), "doubled: {held:?}");
            held == wanted
        });
        assert!(device.all(room).iter().all(|message| message["state"].is_null()), "{}", device.name);
        let notices = device.ask("status", json!({}))["notices"].clone();
        assert!(!notices.to_string().contains("forked"), "{}: {notices}", device.name);
    }
}

#[test]
fn a_device_goes_on_from_its_export_while_the_one_before_is_dead() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.listen();
    alice.say(&room, "before");
    bob.hears(&room, "before");
    let path = export(&mut alice, "alice.export");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    alice.say(&room, "after one");
    alice.say(&room, "after two");
    bob.hears(&room, "after two");
    bob.say(&room, "and Bob");
    alice.hears(&room, "and Bob");
    alice.kill();

    let mut again = Device::start_server("Alice");
    let fresh = again.id.clone();
    import(&mut again, &path);
    assert!(again.id == alice.id && again.id != fresh);
    assert_eq!(again.texts(&room), ["before"]);
    // Where the old logs went on, this would be a second entry of the same number.
    again.say(&room, "while alone");
    again.ask("connect", json!({"address": bob.address()}));
    let all = ["before", "after one", "after two", "and Bob", "while alone"];
    are_of_one_mind(&mut [&mut again, &mut bob], &room, &all);

    // It is that device for good, also for whoever dials in, and others may meet it by an invite of its own.
    again.end();
    again.resume();
    again.listen();
    let mut carol = Device::start("Carol");
    let link = again.invite(&room);
    carol.join(&link);
    again.say(&room, "to Carol");
    let all = [all.as_slice(), &["to Carol"]].concat();
    are_of_one_mind(&mut [&mut again, &mut bob, &mut carol], &room, &all);
    let members = bob.ask("members", json!({"room": room}));
    assert_eq!(members.as_array().unwrap().len(), 3, "{members}");
}

#[test]
fn a_device_goes_on_from_its_export_while_the_one_before_is_alive() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.listen();
    alice.say(&room, "before");
    bob.hears(&room, "before");
    let path = export(&mut alice, "alice.export");
    alice.say(&room, "after");
    bob.hears(&room, "after");

    let mut again = Device::start("Alice");
    import(&mut again, &path);
    again.say(&room, "new while alone");
    alice.say(&room, "old on");
    // Bob keeps the connection that he has to this device: the other has to wait until it is over.
    let mut all = vec!["before", "after", "new while alone", "old on"];
    for (new, old, bobs) in [("new 1", "old 1", "bob 1"), ("new 2", "old 2", "bob 2"), ("new 3", "old 3", "bob 3")] {
        let _ = again.try_ask("connect", json!({"address": bob.address()}));
        again.say(&room, new);
        alice.say(&room, old);
        bob.say(&room, bobs);
        all.extend([new, old, bobs]);
    }
    alice.hears(&room, "bob 3");
    bob.hears(&room, "old 3");
    let takes_over = |goes: &mut Device, comes: &mut Device, bob: &mut Device| {
        goes.end();
        let address = bob.address();
        comes.until("a connection", |device| device.try_ask("connect", json!({"address": address})).is_ok());
        are_of_one_mind(&mut [comes, bob], &room, &all);
        goes.resume();
    };
    takes_over(&mut alice, &mut again, &mut bob);
    takes_over(&mut again, &mut alice, &mut bob);
    are_of_one_mind(&mut [&mut alice, &mut again], &room, &all);
}

#[test]
fn a_folder_that_was_copied_goes_on_as_another_store() {
    let (mut alice, mut bob, room) = alice_and_bob();
    bob.listen();
    alice.say(&room, "before");
    bob.hears(&room, "before");
    alice.end();
    let mut copy = Device::start("Alice");
    copy.end();
    let (from, to) = (alice.home.path().join("data"), copy.home.path().join("data"));
    std::fs::remove_dir_all(&to).unwrap();
    std::fs::create_dir(&to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    alice.resume();
    alice.say(&room, "original");
    bob.hears(&room, "original");
    alice.kill();

    copy.resume();
    copy.say(&room, "copy");
    copy.ask("connect", json!({"address": bob.address()}));
    are_of_one_mind(&mut [&mut copy, &mut bob], &room, &["before", "original", "copy"]);
}

#[test]
fn what_cannot_be_exported_or_imported_is_said_and_costs_nothing() {
    let (mut alice, _bob, room) = alice_and_bob();
    alice.say(&room, "here");
    let path = export(&mut alice, "alice.export");
    let there = std::fs::read(&path).unwrap();
    let folder = path.parent().unwrap().to_owned();
    let with = |path: &Path| json!({"path": path, "passphrase": PASSPHRASE});
    alice.refused("export_identity", with(&path), "exists");
    alice.refused("export_identity", with(&folder), "exists");
    alice.refused("export_identity", with(&folder.join("no/such/folder")), "not_found");
    alice.refused("export_identity", with(Path::new("alice.export")), "invalid_argument");
    alice.refused("export_identity", with(Path::new("")), "invalid_argument");
    alice.refused("export_identity", json!({"path": folder.join("new"), "passphrase": ""}), "invalid_argument");
    alice.refused("import_identity", with(&path), "exists");
    assert_eq!(std::fs::read(&path).unwrap(), there);
    let names: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing is left but the export and the data: {names:?}");

    let mut carol = Device::start("Carol");
    let id = carol.id.clone();
    let file = carol.home.path().join("file");
    carol.refused("import_identity", json!({"path": path, "passphrase": "another"}), "wrong_passphrase");
    carol.refused("import_identity", json!({"path": path, "passphrase": ""}), "invalid_argument");
    carol.refused("import_identity", with(&file), "not_found");
    carol.refused("import_identity", with(Path::new("alice.export")), "invalid_argument");
    for length in [0, 5, 50, 120, there.len() / 2, there.len() - 1] {
        std::fs::write(&file, &there[..length]).unwrap();
        carol.refused("import_identity", with(&file), "invalid_argument");
    }
    for at in [3, 30, 93, 100, 4000, there.len() / 2, there.len() - 1] {
        let mut damaged = there.clone();
        damaged[at] ^= 4;
        std::fs::write(&file, damaged).unwrap();
        carol.refused("import_identity", with(&file), "invalid_argument");
    }
    let left = |name: &str| carol.home.path().join("data").join(name).exists();
    assert!(!left("import") && !left("import.new"));
    assert_eq!(carol.ask("status", json!({}))["device_id"], id.as_str());
    import(&mut carol, &path);
    assert_eq!(carol.id, alice.id);
    assert_eq!(carol.texts(&room), ["here"]);
}

#[test]
fn an_export_and_an_import_in_the_terminal_ask_for_a_passphrase() {
    let (alice, bob) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(run(alice.path(), &["create", "Garden", "--name", "Alice"]).status.success());
    let secret = alice.path().join("secret");
    std::fs::write(&secret, format!("{PASSPHRASE}\r\nno part of it\n")).unwrap();
    let secret = secret.to_str().unwrap();
    let exported = run(alice.path(), &["export", "alice.export", "--passphrase-file", secret]);
    assert!(exported.status.success(), "{exported:?}");
    let path = alice.path().join("alice.export");
    assert!(String::from_utf8_lossy(&exported.stdout).contains(path.to_str().unwrap()), "{exported:?}");

    let import = |passphrase: &str, args: &[&str]| {
        let mut child = lanline(bob.path(), &[&["import", path.to_str().unwrap()], args].concat()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), passphrase.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    assert_failed(&import("wrong\n", &[]), 2, &["passphrase"]);
    assert_failed(&import("", &[]), 2, &["passphrase"]);
    let imported = import(PASSPHRASE, &["--passphrase-file", "-"]);
    let said = String::from_utf8_lossy(&imported.stdout).into_owned();
    assert!(imported.status.success() && said.contains("<Alice>") && said.contains("1 room."), "{imported:?}");
    let ids = [&alice, &bob].map(|home| {
        let status = run(home.path(), &["status", "--json"]).stdout;
        text(&serde_json::from_slice::<Value>(&status).unwrap()["device_id"])
    });
    assert_eq!(ids[0], ids[1]);

    // A passphrase that is short is taken, and said to be.
    let mut child = lanline(alice.path(), &["export", "short.export"]).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"short\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("short"), "{output:?}");
}
