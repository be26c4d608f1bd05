//! Six digits and an address, read from one screen and typed at another.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fantoccini::key::Key;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::driver::Scheme;
use crate::hostile::Mallory;
use crate::meeting::introduce;
use crate::terminal::ask;
use crate::window::Window;

#[tokio::test]
async fn somebody_joins_by_the_code_on_the_others_screen() -> Result<()> {
    let (alice, bob) = (Window::open("alice").await?, Window::open_in("bob", Scheme::Dark).await?);
    alice.resize(1000, 720).await?;
    bob.resize(360, 640).await?;
    alice.invites("Alice", "Garden").await?;
    introduce(&bob, "Bob").await?;
    let address = alice.text("invite-code-address").await?;
    picture(&alice, "code-wide").await?;

    // Without a mouse: an arrow key chooses the way.
    bob.click("join-open").await?;
    bob.sees("join-input").await?;
    bob.lacks("join-code").await?;
    bob.press("join-by-link", Key::Right).await?;
    bob.lacks("join-input").await?;

    // Another code than the one that is shown costs it.
    let shown = alice.text("invite-code").await?;
    let other = if shown.ends_with('7') { "000 008" } else { "000 007" };
    bob.fill("join-code", other).await?;
    bob.fill("join-address", &address).await?;
    picture(&bob, "code-join").await?;
    bob.click("join-submit").await?;
    bob.shows("error", "data-code", "wrong_code").await?;
    alice.shows("invite-code-over", "data-why", "wrong").await?;
    alice.lacks("invite-code").await?;
    for window in [&alice, &bob] {
        window.fits().await?;
    }
    picture(&alice, "code-wrong").await?;
    picture(&bob, "code-join-wrong").await?;

    // What the screen shows next is what the voice and the keyboard come to.
    alice.click("invite-code-again").await?;
    alice.sees("invite-code").await?;
    let focused = "return document.activeElement.textContent;";
    let code = alice.text("invite-code").await?;
    let digits: Vec<String> = code.chars().filter(char::is_ascii_digit).map(String::from).collect();
    assert_eq!(alice.script(focused).await?, json!(format!("{code}{}", digits.join(" "))));

    // Its time is told on the screen, and is over without a word from elsewhere.
    let aloud = "return document.querySelector('[data-testid=\"invite-code-left\"]').closest('[aria-live]') !== null;";
    assert_eq!(alice.script(aloud).await?, json!(false));
    alice.script("window.clock = Date.now; Date.now = () => window.clock() + 120_000; return null;").await?;
    alice.shows("invite-code-over", "data-why", "time").await?;
    alice.script("Date.now = window.clock; return null;").await?;
    look(&alice).await?;
    alice.click("invite-code-again").await?;
    let code = alice.text("invite-code").await?;

    // Where it is no longer shown, it is no longer good.
    alice.close_dialog().await?;
    let live = "return (await window.__TAURI__.core.invoke('shown_code')).code ?? null;";
    alice.gives(live, &Value::Null).await?;
    bob.fill("join-code", &code).await?;
    bob.click("join-submit").await?;
    bob.shows("error", "data-code", "expired").await?;

    alice.click("invite-open").await?;
    alice.click("invite-create").await?;
    let code = alice.text("invite-code").await?;
    bob.fill("join-code", &code.replace(' ', "-")).await?;
    bob.click("join-submit").await?;
    bob.sees("conversation").await?;
    assert_eq!(bob.text("room-title").await?, "Garden");
    // The invite was for one: no button offers another code for it.
    alice.shows("invite-code-over", "data-why", "usedUp").await?;
    alice.lacks("invite-code-again").await?;
    picture(&alice, "code-used").await?;
    alice.close_dialog().await?;
    for window in [&alice, &bob] {
        window.shows("people-open", "data-online", "1").await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_is_guessed_at_is_warned_before_another_code() -> Result<()> {
    let (alice, bob) = (Window::open_in("alice", Scheme::Dark).await?, Window::open("bob").await?);
    alice.resize(360, 640).await?;
    bob.resize(320, 568).await?;
    alice.invites("Alice", "Garden").await?;
    introduce(&bob, "Bob").await?;
    let address = alice.text("invite-code-address").await?;
    bob.click("join-open").await?;
    bob.click("join-by-code").await?;
    bob.fill("join-address", &address).await?;
    for guess in 1..=5 {
        let shown = alice.text("invite-code").await?;
        let other = if shown.ends_with('7') { "000008" } else { "000007" };
        bob.fill("join-code", other).await?;
        bob.click("join-submit").await?;
        alice.shows("invite-code-over", "data-why", "wrong").await?;
        // The driver does not scroll to what is half in sight.
        look(&alice).await?;
        alice.click("invite-code-again").await?;
        bob.shows("error", "data-code", "wrong_code").await.with_context(|| format!("guess {guess}"))?;
    }
    alice.shows("invite-code-over", "data-why", "guessed").await?;
    alice.lacks("invite-code").await?;
    for window in [&alice, &bob] {
        window.fits().await?;
    }
    picture(&alice, "code-guessed").await?;
    picture(&bob, "code-join-320").await?;
    alice.click("invite-code-knowingly").await?;
    alice.sees("invite-code").await?;
    picture(&alice, "code-narrow").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_whose_end_the_page_could_not_follow_is_not_shown() -> Result<()> {
    let (alice, mallory) = (Window::open("alice").await?, Mallory::new().await?);
    let link = alice.invites("Alice", "Garden").await?;
    let room = mallory.call("join", json!({ "link": link })).await?["room"].take();
    let (address, first) = (alice.text("invite-code-address").await?, alice.text("invite-code").await?);
    alice.click("invite-create").await?;
    let another = format!("return document.querySelector('[data-testid=\"invite-code\"]').textContent !== '{first}';");
    alice.gives(&another, &json!(true)).await?;
    let other = if alice.text("invite-code").await?.ends_with('7') { "000008" } else { "000007" };
    // From the first message on the page does something else, while more happens than it is told one by one.
    let held = "let held = false; await window.__TAURI__.event.listen('incoming-message', () => { \
         if (held) return; held = true; const until = Date.now() + 8000; while (Date.now() < until); }); return null;";
    alice.script(held).await?;
    let room = room.as_str().context("no room")?;
    mallory.say(room, &["Words before".to_owned()]).await?;
    let deadline = Instant::now() + Duration::from_secs(5);
    while !ask(alice.folder(), &["messages", "Garden"])?.to_string().contains("Words before") {
        ensure!(Instant::now() < deadline, "alice has no words before");
        sleep(Duration::from_millis(20)).await;
    }
    let refused = mallory.call("join", json!({ "address": address, "code": other })).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("WrongCode")));
    mallory.chatter(room, 400).await?;
    alice.shows("invite-code-over", "data-why", "missed").await?;
    alice.lacks("invite-code").await?;
    look(&alice).await?;
    alice.click("invite-code-again").await?;
    alice.sees("invite-code").await?;
    Ok(())
}

/// Scrolls to where the code stands, or why there is none.
async fn look(window: &Window) -> Result<()> {
    let script = "document.querySelector('pairing-code')?.scrollIntoView({ block: 'end' }); return null;";
    window.script(script).await.map(drop)
}

/// Keeps a picture of it.
async fn picture(window: &Window, name: &str) -> Result<()> {
    look(window).await?;
    window.comes_to_rest().await?;
    window.picture(name)
}
