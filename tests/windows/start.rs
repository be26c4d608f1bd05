//! How the app starts, and how it does not.

use anyhow::Result;
use lanline_engine::{Flags, Node, Settings};
use serde_json::json;

use crate::processes::second_start;
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
        "'share', {}",
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

// More than one thread: the holder must answer while this one waits for the second start.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_a_process_without_a_window_holds_is_said_in_the_window() -> Result<()> {
    let home = tempfile::tempdir()?;
    let folder = home.path().join("device");
    // As `lanline serve` and `lanline rpc` hold it.
    let settings = Settings::load(Flags { data_dir: Some(folder.clone()), ..Flags::default() })?;
    let holder = Node::open(settings).await?;

    for link in [None, Some("lanline:j/x")] {
        // Without a display the sentence goes to stderr, and that is all.
        let blind = second_start(&folder, link).env_remove("DISPLAY").output()?;
        let sentence = String::from_utf8(blind.stderr)?;
        assert_eq!(blind.status.code(), Some(2), "{sentence}");
        assert_eq!(sentence.trim().lines().count(), 1, "{sentence}");
        assert!(sentence.contains("Another Lanline is running"), "{sentence}");
    }

    let mut window = Window::open_at("other", folder).await?;
    window.sees("fatal").await?;
    assert!(window.text("fatal-message").await?.starts_with("Another Lanline is running"));
    window.picture("locked")?;
    holder.close().await;
    window.click("fatal-retry").await?;
    window.sees("first-start").await?;
    window.close()?;
    Ok(())
}
