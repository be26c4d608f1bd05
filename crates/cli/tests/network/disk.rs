//! The disk with a device's data is full.

use std::{
    fs::File,
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    conversation::{assert_settled, meet, talk},
    device::Device,
    skipped,
};

/// How soon writing goes on once there is room.
const RECOVERED: Duration = Duration::from_secs(10);

/// A disk of its own; given back when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this user may not mount one.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m", "lanline-test"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file until nothing more fits.
    fn fill(&self) {
        let mut ballast = File::create(self.path().join("ballast")).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
        while ballast.write_all(&[1]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_answered_is_lost() {
    let Some(disk) = SmallDisk::mount() else { return skipped("root, to mount a small disk") };
    let mut alice = Device::start_on("alice", disk.path().join("data"));
    let bob = Device::start("bob");
    let room = meet(&alice, &[&bob]);
    talk(&alice, &bob, &room.id);

    let marks = (alice.mark(), bob.mark());
    disk.fill();
    // What the database holds already it may use up.
    let rest = "x".repeat(8000);
    let refused = (0..2000).find_map(|_| alice.listen(&alice.speak(&room.id, &rest).unwrap()).err());
    let since = Instant::now();
    let refused = refused.expect("the disk is full at last");
    assert_eq!(refused["data"]["code"], "read_only", "{refused}");
    assert!(refused["message"].as_str().unwrap().ends_with('.'), "{refused}");
    alice.event(marks.0, "store_changed", |event| event["state"] == "read_only" && event["reason"].is_string());
    bob.assert_gone(marks.1, &alice, since, &["read_only"]);
    alice.assert_gone(marks.0, &bob, since, &["read_only"]);

    // It says so as often as it is asked, and reading goes on.
    for _ in 0..5 {
        let refused = alice.listen(&alice.speak(&room.id, "").unwrap()).unwrap_err();
        assert_eq!(refused["data"]["code"], "read_only", "{refused}");
        bob.say(&room.id);
    }
    let store = alice.ask("status", Value::Null)["store"].take();
    assert_eq!(store["state"], "read_only");
    assert!(store["reason"].as_str().unwrap().ends_with('.'));
    let page = alice.ask("messages", json!({"room": room.id}));
    assert!(page["messages"].as_array().is_some_and(|messages| !messages.is_empty()));

    let marks = (alice.mark(), bob.mark());
    disk.make_room();
    let since = Instant::now();
    let (at, _) = alice.event(marks.0, "store_changed", |event| event["state"] == "ok");
    assert!(at.saturating_duration_since(since) <= RECOVERED);
    alice.say(&room.id);
    bob.until_connected(marks.1, &alice);
    talk(&alice, &bob, &room.id);
    let held = assert_settled(&[&alice, &bob], &room.id);
    assert_eq!(held, alice.answered().len() + bob.answered().len(), "what was refused is not there");

    // And it is all on the disk.
    alice.kill();
    alice.start_again();
    assert_eq!(assert_settled(&[&alice, &bob], &room.id), held);
}
