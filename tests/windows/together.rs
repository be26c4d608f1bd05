//! Everything that can take part, in one room: a window, two terminals, `nc` through the bridge, a client in Python.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::terminal::{Terminal, ask, lanline, python};
use crate::window::Window;

/// Who says what, in turn.
const SAID: [(&str, &str); 5] = [
    ("Alice", "from a window"),
    ("Bob", "from a terminal"),
    ("Carol", "from another terminal"),
    ("Dave", "from a client in Python"),
    ("Erin", "from nc"),
];

#[tokio::test]
async fn a_window_two_terminals_nc_and_python_see_the_same_conversation() -> Result<()> {
    let others = tempfile::tempdir()?;
    let folder = |name: &str| others.path().join(name);
    let alice = Window::open("alice").await?;
    alice.invites("Alice", "Garden").await?;
    alice.close_dialog().await?;

    // Through the app that runs, as every subcommand acts.
    let invited = ask(alice.folder(), &["invite", "Garden", "--uses", "4"])?;
    let link = invited["link"].as_str().context("no link")?;
    for name in ["Bob", "Carol", "Erin"] {
        ask(&folder(name), &["join", link, "--name", name])?;
    }
    let mut bob = Terminal::chat("bob", &folder("Bob"))?;
    let mut carol = Terminal::chat("carol", &folder("Carol"))?;
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/chat.py");
    let mut command = Command::new(python()?);
    command.arg("-B").arg(client).arg(link).args(["--name", "Dave", "--stay", "--store"]).arg(folder("Dave"));
    let mut dave = Terminal::start("dave", &mut command)?;
    dave.shows("joined Garden")?;
    let mut command = lanline(&folder("Erin"));
    let bridge = Terminal::start("bridge", command.args(["bridge", "--plain", "0", "--room", "Garden"]))?;
    let listening = bridge.shows("Ctrl-C")?;
    let port = listening.split_once("127.0.0.1:").and_then(|(_, rest)| rest.split_once('.')).context("no port")?.0;
    let mut nc = Terminal::start("nc", Command::new("nc").args(["127.0.0.1", port]))?;

    // Each speaks once it has heard the one before, so that there is one order for all.
    for (turn, (name, text)) in SAID.iter().enumerate() {
        match *name {
            "Alice" => {
                alice.fill("composer-input", text).await?;
                alice.click("composer-send").await?;
            }
            "Bob" => bob.says(text)?,
            "Carol" => carol.says(text)?,
            "Dave" => dave.says(text)?,
            _ => nc.says(text)?,
        }
        let shown = format!("<{name}> {text}");
        bob.shows(&shown)?;
        carol.shows(&shown)?;
        if *name != "Dave" {
            dave.shows(&format!("{name}: {text}"))?;
        }
        if *name != "Erin" {
            nc.shows(&shown)?;
        }
        let so_far: Vec<&str> = SAID.iter().take(turn + 1).map(|(_, text)| *text).collect();
        alice.reads(&so_far).await?;
    }
    alice.picture("together")?;

    let conversation = |folder: &Path| -> Result<Vec<(String, String)>> {
        let page = ask(folder, &["messages", "Garden"])?;
        let messages = page["messages"].as_array().context("no messages")?;
        let said = |message: &Value| Some((message["id"].as_str()?.to_owned(), message["text"].as_str()?.to_owned()));
        Ok(messages.iter().filter_map(said).collect())
    };
    let alices = conversation(alice.folder())?;
    ensure!(alices.iter().map(|(_, text)| text.as_str()).eq(SAID.map(|(_, text)| text)), "{alices:?}");
    for name in ["Bob", "Carol", "Erin"] {
        let theirs = conversation(&folder(name))?;
        ensure!(theirs == alices, "{name} holds {theirs:?}");
    }
    alice.status_of("from a window", &["delivered", "read"]).await?;
    Ok(())
}
