//! Two windows in one room, as most tests want them.

use anyhow::{Context, Result};
use serde_json::json;

use crate::driver::Scheme;
use crate::window::Window;

/// Alice, who has a server and the room "Garden", and Bob, who joined it by link; both see it.
pub(crate) async fn in_a_room() -> Result<(Window, Window)> {
    in_a_room_in(Scheme::Light).await
}

/// As [`in_a_room`], with the system set to these colours.
pub(crate) async fn in_a_room_in(scheme: Scheme) -> Result<(Window, Window)> {
    let (alice, bob) = (Window::open_in("alice", scheme).await?, Window::open_in("bob", scheme).await?);
    meet(&alice, &bob).await?;
    Ok((alice, bob))
}

/// As [`in_a_room`], of windows that are open already.
pub(crate) async fn meet(alice: &Window, bob: &Window) -> Result<()> {
    alice.resize(1280, 800).await?;
    bob.resize(360, 640).await?;
    for (window, name) in [(alice, "Alice"), (bob, "Bob")] {
        introduce(window, name).await?;
    }
    alice.click("server-start").await?;
    alice.shows("server-panel", "data-running", "true").await?;
    alice.click("room-create-open").await?;
    alice.fill("room-name-input", "Garden").await?;
    alice.click("room-create").await?;
    alice.sees("conversation").await?;
    let link = invite(alice).await?;
    bob.click("join-open").await?;
    bob.fill("join-input", &link).await?;
    bob.click("join-submit").await?;
    bob.sees("conversation").await?;
    for window in [alice, bob] {
        window.shows("people-open", "data-online", "1").await?;
    }
    Ok(())
}

/// Gives the device its name.
pub(crate) async fn introduce(window: &Window, name: &str) -> Result<()> {
    window.fill("name-input", name).await?;
    window.click("name-save").await?;
    window.sees("app").await
}

/// A link into the room that is open, for one.
pub(crate) async fn invite(window: &Window) -> Result<String> {
    window.click("invite-open").await?;
    window.click("invite-create").await?;
    let link = window.value("invite-link").await?;
    window.close_dialog().await?;
    Ok(link)
}

/// Sends the messages `from` to `to` into the room that is open, faster than anybody types.
pub(crate) async fn send_many(window: &Window, from: u32, to: u32) -> Result<()> {
    let script = format!(
        "const room = document.querySelector('[data-testid=\"conversation\"]').dataset.room; \
         const send = (number) => window.__TAURI__.core.invoke('send_message', {{ room, text: `Message ${{number}}` }}); \
         await Promise.all(Array.from({{ length: {to} - {from} + 1 }}, (_, at) => send({from} + at))); return true;"
    );
    let sent = window.script(&script).await?;
    (sent == json!(true)).then_some(()).with_context(|| format!("sending failed: {sent}"))
}
