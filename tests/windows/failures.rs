//! What goes wrong, and how it is said: one sentence beside it, and a way on where there is one.

use std::net::TcpListener;
use std::process::Command;

use anyhow::Result;

use crate::meeting::{in_a_room, introduce, invite};
use crate::window::Window;

/// Starts the app without a window and gives what it said.
fn blind(arguments: &[&str], display: Option<&str>) -> Result<String> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lanline-app"));
    command.args(arguments).arg("--data-dir").arg(home.path().join("device")).current_dir(home.path());
    command.env("LANLINE_KEY_STORE", "file").env("LANLINE_DISCOVERY", "off");
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").envs(display.map(|display| ("DISPLAY", display)));
    let output = command.output()?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    Ok(said)
}

#[test]
fn a_display_that_is_gone_is_one_sentence() -> Result<()> {
    assert!(blind(&[], Some(":4095"))?.contains("no display"));
    Ok(())
}

#[tokio::test]
async fn a_bad_flag_or_setting_is_said_in_the_window() -> Result<()> {
    let said = blind(&["--port", "abc"], None)?;
    for (arguments, settings) in [(&["--port", "abc"][..], ""), (&[], "LANLINE_PORT=abc\n")] {
        let window = Window::open_with("alice", arguments, settings).await?;
        window.sees("fatal").await?;
        let shown = window.text("fatal-message").await?;
        assert!(shown.contains("abc"), "{shown}");
        assert!(window.is_without("fatal-retry").await?, "trying again cannot help");
        if settings.is_empty() {
            assert!(said.contains(shown.trim()), "{said} is not {shown}");
            window.picture("bad-flag")?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_port_in_use_leaves_a_way_on() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let alice = Window::open_with("alice", &["--port", &port], "").await?;
    alice.resize(360, 640).await?;
    introduce(&alice, "Alice").await?;

    alice.click("server-start").await?;
    alice.shows("error", "data-code", "port_in_use").await?;
    alice.sees("server-start-any").await?;
    alice.fits().await?;
    alice.picture("port-narrow")?;

    alice.click("room-create-open").await?;
    alice.fill("room-name-input", "Garden").await?;
    alice.click("room-create").await?;
    alice.click("invite-open").await?;
    alice.click("invite-start-server").await?;
    alice.visible("dialog[open] [data-testid=\"error\"][data-code=\"port_in_use\"]").await?;
    alice.picture("port-invite-narrow")?;
    alice.click("invite-start-any").await?;
    alice.sees("invite-create").await?;
    Ok(())
}

#[tokio::test]
async fn a_link_that_lets_nobody_in_says_why() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    let used = invite(&alice).await?;
    let carol = Window::open("carol").await?;
    introduce(&carol, "Carol").await?;
    carol.click("join-open").await?;
    carol.fill("join-input", &used).await?;
    carol.click("join-submit").await?;
    carol.sees("conversation").await?;

    let expired = alice
        .script(
            "const room = document.querySelector('[data-testid=\"conversation\"]').dataset.room; \
             return (await window.__TAURI__.core.invoke('invite', { room, ttl_ms: 1 })).link;",
        )
        .await?;
    let expired = expired.as_str().unwrap_or_default().to_owned();
    let dave = Window::open("dave").await?;
    dave.resize(360, 640).await?;
    introduce(&dave, "Dave").await?;
    dave.click("join-open").await?;
    let altered = format!("{used}x");
    for (link, code) in [
        ("hello", "invalid_argument"),
        (altered.as_str(), "invalid_argument"),
        (used.as_str(), "used"),
        (expired.as_str(), "expired"),
    ] {
        dave.fill("join-input", link).await?;
        dave.click("join-submit").await?;
        dave.shows("error", "data-code", code).await?;
    }
    dave.fits().await?;
    dave.picture("join-expired-narrow")?;
    drop(bob);
    Ok(())
}

#[tokio::test]
async fn a_server_that_stops_is_told_with_its_reason() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    alice.click("server-stop").await?;
    alice.shows("server-panel", "data-running", "false").await?;
    bob.shows("connection-notice", "data-reason", "server_stopped").await?;
    bob.shows("people-open", "data-online", "0").await?;
    bob.sees("room-notice").await?;
    bob.picture("apart-narrow")?;
    bob.click("back").await?;
    let notice = bob.text("connection-notice").await?;
    assert!(notice.contains("Alice") && !notice.contains('_'), "{notice}");
    bob.picture("stopped-narrow")?;
    Ok(())
}
