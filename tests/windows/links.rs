//! Links that are opened outside the app: a question in the window that is there, and never a deed.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::processes::second_start;
use crate::window::Window;

const HOSTS: &str = "return [...document.querySelectorAll('[data-testid=\"join-host\"]')].map((host) => \
     [host.dataset.device, host.textContent.includes('127.0.0.1:')]);";

/// Starts the app once more, as a system does for a link, and waits for its end.
async fn opened(folder: &Path, link: Option<&str>) -> Result<Output> {
    let mut command = second_start(folder, link);
    // It needs no display: the window is the other's.
    command.env_remove("DISPLAY");
    tokio::task::spawn_blocking(move || command.output()).await?.context("the second start")
}

async fn rooms(window: &Window) -> Result<Value> {
    window.script("return (await window.__TAURI__.core.invoke('rooms')).length;").await
}

async fn named(window: &Window, name: &str) -> Result<()> {
    window.fill("name-input", name).await?;
    window.click("name-save").await?;
    window.sees("app").await
}

#[tokio::test]
async fn a_link_opens_the_window_that_is_there_with_a_question() -> Result<()> {
    let alice = Window::open("alice").await?;
    let bob = Window::open("bob").await?;
    bob.resize(360, 640).await?;
    let link = alice.invites("Alice", "Garden").await?;
    named(&bob, "Bob").await?;

    // Without a link, the window only comes to the front.
    let plain = opened(bob.folder(), None).await?;
    assert_eq!((plain.status.code(), plain.stderr.as_slice()), (Some(0), b"".as_slice()));
    bob.lacks("join-dialog").await?;

    let second = opened(bob.folder(), Some(&link)).await?;
    assert_eq!((second.status.code(), second.stderr.as_slice()), (Some(0), b"".as_slice()));
    bob.sees("join-about").await?;
    assert_eq!(bob.value("join-input").await?, link);
    let device = alice.script("return (await window.__TAURI__.core.invoke('status')).device_id;").await?;
    assert_eq!(bob.script(HOSTS).await?, json!([[device, true]]));
    bob.fits().await?;
    bob.picture("link-question")?;
    // The same again, as after a double click, is the same question.
    opened(bob.folder(), Some(&link)).await?;
    bob.lacks("link-waiting").await?;
    // Keys that were meant for something else do nothing.
    let focused = "return document.activeElement.dataset.testid;";
    assert_eq!(bob.script(focused).await?, json!("join-about"));
    assert_eq!(rooms(&bob).await?, json!(0));
    bob.click("join-refuse").await?;
    assert_eq!(rooms(&bob).await?, json!(0));
    bob.lacks("join-dialog").await?;

    // In capitals, as a scanned code has it, and then confirmed.
    let second = opened(bob.folder(), Some(&link.to_uppercase())).await?;
    assert_eq!(second.status.code(), Some(0));
    bob.sees("join-about").await?;
    bob.click("join-submit").await?;
    bob.sees("conversation").await?;
    assert_eq!(bob.text("room-title").await?, "Garden");

    // The name of a room that this device knows is no invention.
    opened(bob.folder(), Some(&link)).await?;
    assert!(bob.text("join-about").await?.contains("Garden"));
    bob.click("join-refuse").await?;
    Ok(())
}

#[tokio::test]
async fn a_question_waits_for_its_turn() -> Result<()> {
    let alice = Window::open("alice").await?;
    let link = alice.invites("Alice", "Garden").await?;

    // For the first start, and through it.
    let bob = Window::open_for("bob", &link).await?;
    bob.sees("first-start").await?;
    bob.sees("link-waiting").await?;
    bob.fill("name-input", "Bob").await?;
    bob.picture("link-first-start")?;
    let other = opened(bob.folder(), Some("lanline:j/garbage")).await?;
    let said = String::from_utf8(other.stderr)?;
    assert_eq!(other.status.code(), Some(2), "{said}");
    assert_eq!(bob.value("name-input").await?, "Bob");
    bob.click("name-save").await?;
    bob.sees("join-about").await?;
    assert_eq!(bob.value("join-input").await?, link);
    assert_eq!(rooms(&bob).await?, json!(0));
    bob.click("join-refuse").await?;

    // What is no invite is said where the person looks, and in one line where it came from.
    bob.sees("join-dialog").await?;
    assert_eq!(bob.value("join-input").await?, "");
    let shown = bob.text("error").await?;
    assert!(said.trim().ends_with(&shown) && said.trim().lines().count() == 1, "{said} is not {shown}");
    bob.picture("link-garbage")?;
    bob.click("join-refuse").await?;

    // For a dialog in which something was typed.
    bob.click("room-create-open").await?;
    bob.fill("room-name-input", "Kitchen").await?;
    opened(bob.folder(), Some(&link)).await?;
    bob.sees("link-waiting").await?;
    bob.picture("link-waiting")?;
    assert_eq!(bob.value("room-name-input").await?, "Kitchen");
    bob.lacks("join-dialog").await?;
    bob.click("room-create").await?;
    bob.sees("join-about").await?;
    bob.click("join-submit").await?;
    bob.shows("conversation", "data-room", room_of(&bob, "Garden").await?.as_str()).await?;
    assert_eq!(rooms(&bob).await?, json!(2));
    Ok(())
}

async fn room_of(window: &Window, name: &str) -> Result<String> {
    let script = format!(
        "for (;;) {{ const rooms = await window.__TAURI__.core.invoke('rooms'); \
         const room = rooms.find(({{ name }}) => name === '{name}'); if (room) return room.room; \
         await new Promise((later) => setTimeout(later, 100)); }}"
    );
    window.script(&script).await?.as_str().map(str::to_owned).context("no room of that name")
}

#[tokio::test]
async fn arguments_that_are_no_link_start_nothing() -> Result<()> {
    let bob = Window::open("bob").await?;
    named(&bob, "Bob").await?;
    for wrong in [["hello"].as_slice(), &["https://example.org/"], &["lanline:j/x", "--data-dir", "elsewhere"]] {
        let mut command = second_start(bob.folder(), None);
        let output = command.args(wrong).output()?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
    bob.lacks("join-dialog").await?;
    Ok(())
}
