//! A long conversation: it keeps its place, stays cheap, and counts as read only what was on screen.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::meeting::{in_a_room, send_many};
use crate::window::Window;

/// Scrolls the log by `step` pixels.
async fn scroll(window: &Window, step: i32) -> Result<()> {
    let script = format!(
        "const log = document.querySelector('.log-scroller'); log.scrollTop += {step}; \
         await new Promise((done) => setTimeout(done, 60)); return true;"
    );
    window.script(&script).await.map(drop)
}

/// The first message on screen.
async fn first_seen(window: &Window) -> Result<String> {
    let script = "const top = document.querySelector('.log-scroller').getBoundingClientRect().top; \
         return [...document.querySelectorAll('[data-testid=\"message\"]')] \
         .find((message) => message.getBoundingClientRect().bottom > top) \
         ?.querySelector('[data-testid=\"message-text\"]').textContent ?? '';";
    Ok(serde_json::from_value(window.script(script).await?)?)
}

#[tokio::test]
async fn a_burst_moves_nobody_past_what_was_not_on_screen() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    alice.resize(900, 700).await?;
    ensure!(alice.script("return document.hasFocus();").await? == json!(true), "nobody can be looking");

    send_many(&bob, 1, 120).await?;
    alice.sees("jump-newest").await?;
    let script = "return [...document.querySelectorAll('[data-testid=\"jump-unread\"]')].length;";
    assert_eq!(alice.script(script).await?, json!(0), "nothing was passed over");
    alice.visible("[data-testid=\"room-item\"]:not([data-unread=\"0\"])").await?;
    alice.picture("burst-wide")?;

    alice.click("jump-newest").await?;
    alice.sees("jump-unread").await?;
    alice.picture("burst-above-wide")?;
    alice.click("jump-unread").await?;
    for _ in 0..60 {
        scroll(&alice, 250).await?;
    }
    alice.shows("room-item", "data-unread", "0").await?;
    Ok(())
}

#[tokio::test]
async fn a_long_history_is_cheap_and_keeps_its_place() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    send_many(&alice, 1, 900).await?;
    bob.sees("jump-newest").await?;
    let last = "return [...document.querySelectorAll('[data-testid=\"message-text\"]')].at(-1).textContent;";
    assert_eq!(first_seen(&bob).await?, "Message 1", "what was not seen is not passed over");
    bob.click("jump-newest").await?;
    bob.visible("[data-testid=\"jump-newest\"], [data-testid=\"jump-unread\"]").await?;
    let rows = "return document.querySelector('[data-testid=\"message-log\"]').childElementCount;";
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while first_seen(&bob).await? != "Message 1" {
        ensure!(tokio::time::Instant::now() < deadline, "the beginning is not reached");
        scroll(&bob, -2000).await?;
        ensure!(bob.script(rows).await?.as_u64().is_some_and(|rows| rows < 500), "too much is in the page");
    }
    bob.picture("history-narrow")?;

    send_many(&alice, 901, 1000).await?;
    bob.sees("jump-newest").await?;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(first_seen(&bob).await?, "Message 1", "what comes at the end moves nothing at the beginning");
    bob.click("jump-newest").await?;
    bob.gives(last, &json!("Message 1000")).await?;
    Ok(())
}

#[tokio::test]
async fn a_late_message_is_offered_and_not_passed_over() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    alice.click("server-stop").await?;
    bob.shows("people-open", "data-online", "0").await?;
    bob.fill("composer-input", "Said in time, heard late").await?;
    bob.click("composer-send").await?;
    bob.status_of("Said in time, heard late", &["queued"]).await?;
    send_many(&alice, 1, 30).await?;
    // Another room and back: that is the newest page.
    let garden = alice.visible("[data-testid=\"room-item\"]").await?.attr("data-room").await?.unwrap_or_default();
    alice.click("room-create-open").await?;
    alice.fill("room-name-input", "Shed").await?;
    alice.click("room-create").await?;
    alice.visible(&format!("[data-testid=\"conversation\"]:not([data-room=\"{garden}\"])")).await?;
    alice.click_on(&format!("[data-testid=\"room-item\"][data-room=\"{garden}\"]")).await?;
    alice.status_of("Message 30", &["queued"]).await?;

    alice.click("server-start").await?;
    // The port is another one now.
    let address = alice.text("server-address").await?;
    bob.script(&format!("return window.__TAURI__.core.invoke('connect', {{ address: '{address}' }});")).await?;
    alice.sees("jump-unread").await?;
    alice.comes_to_rest().await?;
    alice.picture("late-wide")?;
    assert_ne!(first_seen(&alice).await?, "Said in time, heard late");
    alice.click("jump-unread").await?;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while !alice.is_without("jump-unread").await? {
        ensure!(tokio::time::Instant::now() < deadline, "it was seen");
    }
    assert_eq!(first_seen(&alice).await?, "Said in time, heard late");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_sent_stays_in_sight() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    let long = "const field = document.querySelector('[data-testid=\"composer-input\"]'); \
         field.value = 'long '.repeat(4000); field.dispatchEvent(new Event('input')); return true;";
    bob.script(long).await?;
    bob.click("composer-send").await?;
    bob.shows("outgoing", "data-state", "failed").await?;
    bob.fill("composer-input", "short").await?;
    bob.click("composer-send").await?;
    bob.reads(&["short"]).await?;
    alice.reads(&["short"]).await?;
    bob.shows("error", "data-code", "too_large").await?;
    bob.picture("unsent-narrow")?;
    bob.click("outgoing-retry").await?;
    bob.shows("outgoing", "data-state", "failed").await?;
    bob.click("outgoing-edit").await?;
    assert!(bob.value("composer-input").await?.starts_with("long long"));
    let left = "return document.querySelectorAll('[data-testid=\"outgoing\"]').length;";
    assert_eq!(bob.script(left).await?, json!(0));
    bob.fill("composer-input", "long enough").await?;
    bob.click("composer-send").await?;
    alice.reads(&["short", "long enough"]).await?;
    Ok(())
}
