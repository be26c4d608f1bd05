//! Alice and Bob, as most tests begin, and what the terminal answers them.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::run;

/// What a command printed as JSON.
#[track_caller]
pub(crate) fn ask(home: &Path, args: &[&str]) -> Value {
    let output = run(home, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Alice, who made a room.
pub(crate) fn alice() -> TempDir {
    let alice = tempfile::tempdir().unwrap();
    ask(alice.path(), &["create", "Garden", "--name", "Alice"]);
    alice
}

/// Bob, who joined by a link.
pub(crate) fn bob(link: &str) -> TempDir {
    let bob = tempfile::tempdir().unwrap();
    assert_eq!(ask(bob.path(), &["join", link, "--name", "Bob"])["name"], "Garden");
    bob
}

/// An invite made through the process that runs.
pub(crate) fn link(home: &Path) -> String {
    ask(home, &["invite", "Garden"])["link"].as_str().unwrap().to_owned()
}

/// All that was said in the room.
pub(crate) fn texts(home: &Path) -> Vec<String> {
    let page = ask(home, &["messages", "Garden", "--limit", "500"]);
    let messages = page["messages"].as_array().unwrap();
    messages.iter().filter_map(|message| message["text"].as_str().map(str::to_owned)).collect()
}
