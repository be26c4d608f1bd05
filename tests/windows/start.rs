//! How the app starts, and how it does not.

use std::process::Command;

use anyhow::Result;
use serde_json::json;

use crate::window::Window;

#[tokio::test]
async fn the_first_start_asks_for_a_name_and_keeps_it() -> Result<()> {
    let mut alice = Window::open("alice").await?;

    alice.sees("first-start").await?;
    assert_ne!(alice.value("name-input").await?, "", "a name is offered");
    alice.fits().await?;
    alice.picture("first-start")?;
    alice.fill("name-input", "Alice").await?;
    alice.click("name-save").await?;
    alice.sees("app").await?;

    alice.close()?;
    alice.start().await?;
    alice.sees("app").await?;
    assert!(alice.text("device-open").await?.contains("Alice"));
    Ok(())
}

#[tokio::test]
async fn the_page_reaches_only_what_the_capability_file_allows() -> Result<()> {
    let alice = Window::open("alice").await?;
    alice.sees("first-start").await?;

    let refused = |what: &str| {
        format!("return window.__TAURI__.core.invoke({what}).then(() => 'answered', (error) => String(error));")
    };
    for call in [
        "'export_identity', {}",
        "'plugin:event|emit', { event: 'incoming-message', payload: null }",
        "'plugin:window|close', {}",
        "'plugin:webview|create_webview_window', { options: { label: 'other', url: 'index.html' } }",
    ] {
        let answer = alice.script(&refused(call)).await?;
        let answer = answer.as_str().unwrap_or_default();
        assert!(answer.contains("not allowed") || answer.contains("not found"), "{call}: {answer}");
    }

    let left = alice
        .script("location.href = 'https://example.org/'; await new Promise((done) => setTimeout(done, 300)); return location.href;")
        .await?;
    assert!(left.as_str().unwrap_or_default().starts_with("tauri://localhost"), "{left}");
    let script = "let ran = false; try { ran = (0, eval)('true'); } catch {} return ran;";
    assert_eq!(alice.script(script).await?, json!(false), "the policy lets no text become code");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_another_app_holds_is_said_in_the_window() -> Result<()> {
    let mut alice = Window::open("alice").await?;
    alice.sees("first-start").await?;
    // By another path, which tells the two processes apart.
    let link = alice.folder().with_extension("link");
    std::os::unix::fs::symlink(alice.folder(), &link)?;

    // Without a display the sentence goes to stderr, and that is all.
    let blind = Command::new(env!("CARGO_BIN_EXE_lanline-app"))
        .arg("--data-dir")
        .arg(&link)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()?;
    let sentence = String::from_utf8(blind.stderr)?;
    assert_eq!(blind.status.code(), Some(2), "{sentence}");
    assert_eq!(sentence.trim().lines().count(), 1, "{sentence}");

    let mut other = Window::open_at("other", link).await?;
    other.sees("fatal").await?;
    let shown = other.text("fatal-message").await?;
    assert!(sentence.contains(shown.trim()), "{sentence} is not {shown}");
    other.picture("locked")?;
    alice.close()?;
    other.click("fatal-retry").await?;
    other.sees("first-start").await?;
    other.close()?;
    Ok(())
}
