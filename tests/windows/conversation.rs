//! Two windows talk: the whole path, from a first start to a history that outlives a power cut.

use anyhow::Result;
use serde_json::json;

use crate::window::Window;

/// What a peer may send, and what must be shown as it is.
const MARKUP: &str = "<b>bold</b> <img src=x onerror=\"window.owned = true\"> &amp;";

#[tokio::test]
async fn two_windows_talk_and_one_comes_back_after_a_power_cut() -> Result<()> {
    let mut alice = Window::open("alice").await?;
    let mut bob = Window::open("bob").await?;
    alice.resize(1280, 800).await?;
    bob.resize(360, 640).await?;
    for (window, name) in [(&alice, "Alice"), (&bob, "Bob")] {
        window.fill("name-input", name).await?;
        window.click("name-save").await?;
        window.sees("app").await?;
    }

    alice.click("server-start").await?;
    alice.shows("server-panel", "data-running", "true").await?;
    assert!(alice.text("server-address").await?.starts_with("127.0.0.1:"));

    alice.click("room-create-open").await?;
    alice.fill("room-name-input", "Garden").await?;
    alice.click("room-create").await?;
    alice.sees("conversation").await?;
    assert_eq!(alice.text("room-title").await?, "Garden");

    alice.click("invite-open").await?;
    alice.click("invite-create").await?;
    let link = alice.value("invite-link").await?;
    alice.picture("invite-wide")?;
    alice.click("invite-copy").await?;
    alice.close_dialog().await?;
    alice.paste("composer-input").await?;
    assert_eq!(alice.value("composer-input").await?, link);

    bob.fits().await?;
    bob.picture("rooms-narrow")?;
    bob.click("join-open").await?;
    bob.fill("join-input", &link).await?;
    bob.click("join-submit").await?;
    bob.sees("conversation").await?;
    assert_eq!(bob.text("room-title").await?, "Garden");
    for window in [&alice, &bob] {
        window.shows("people-open", "data-online", "1").await?;
    }

    alice.fill("composer-input", "Hello Bob").await?;
    alice.click("composer-send").await?;
    bob.reads(&["Hello Bob"]).await?;
    bob.fill("composer-input", MARKUP).await?;
    bob.click("composer-send").await?;
    alice.reads(&["Hello Bob", MARKUP]).await?;
    alice.status_of("Hello Bob", &["delivered", "read"]).await?;
    let inside = alice
        .script(
            "return [window.owned ?? false, document.querySelectorAll('[data-testid=\"message-text\"] :is(b, img)').length];",
        )
        .await?;
    assert_eq!(inside, json!([false, 0]));

    alice.click("people-open").await?;
    let people = "return [...document.querySelectorAll('[data-testid=\"member\"]')].map((member) => \
         [member.dataset.self, member.dataset.role, member.dataset.online]);";
    let mut people: Vec<(String, String, String)> = serde_json::from_value(alice.script(people).await?)?;
    people.sort();
    let person = |own: &str, role: &str| (own.to_owned(), role.to_owned(), "true".to_owned());
    assert_eq!(people, [person("false", "member"), person("true", "owner")]);
    alice.close_dialog().await?;
    for (window, name) in [(&alice, "conversation-wide"), (&bob, "conversation-narrow")] {
        window.fits().await?;
        window.picture(name)?;
    }

    bob.kill()?;
    alice.shows("connection-notice", "data-state", "disconnected").await?;
    alice.shows("people-open", "data-online", "0").await?;
    alice.fill("composer-input", "While you were away").await?;
    alice.click("composer-send").await?;
    alice.status_of("While you were away", &["queued"]).await?;

    bob.start().await?;
    bob.resize(360, 640).await?;
    bob.click("room-item").await?;
    bob.reads(&["Hello Bob", MARKUP, "While you were away"]).await?;
    alice.status_of("While you were away", &["delivered", "read"]).await?;
    alice.shows("people-open", "data-online", "1").await?;

    alice.close()?;
    bob.shows("connection-notice", "data-state", "disconnected").await?;
    bob.shows("people-open", "data-online", "0").await?;
    bob.close()?;
    Ok(())
}
