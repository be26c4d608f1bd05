//! Two people compare what their windows show, and keep what they found.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fantoccini::key::Key;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::driver::Scheme;
use crate::meeting::{in_a_room, in_a_room_in};
use crate::window::Window;

/// How long what was asked for may take to show.
const SOON: Duration = Duration::from_secs(20);

/// The words of the pictures that a window shows, in order.
async fn pictures(window: &Window) -> Result<Value> {
    window.sees("compare-dialog").await?;
    window
        .script("return [...document.querySelectorAll('[data-testid=\"compare-picture\"]')].map((one) => one.dataset.word);")
        .await
}

async fn picture(window: &Window, name: &str) -> Result<()> {
    window.comes_to_rest().await?;
    window.picture(name)
}

/// Says what is seen. The driver does not scroll to what is half in sight.
async fn answer(window: &Window, id: &str) -> Result<()> {
    window.sees(id).await?;
    window.script(&format!("document.querySelector('[data-testid=\"{id}\"]').scrollIntoView(); return null;")).await?;
    window.click(id).await
}

/// That nobody has to scroll to find that there is another answer.
async fn both_answers_are_in_sight(window: &Window) -> Result<()> {
    window.comes_to_rest().await?;
    let script = "return ['compare-same', 'compare-differ'].map((id) => { \
         const answer = document.querySelector(`[data-testid=\"${id}\"]`); \
         const { left, right, top, bottom } = answer.getBoundingClientRect(); \
         return [[left + 2, top + 10], [right - 2, bottom - 10]].every(([x, y]) => \
         document.elementFromPoint(x, y) === answer); });";
    ensure!(window.script(script).await? == json!([true, true]), "an answer is out of sight");
    Ok(())
}

/// Waits until nothing has this id.
async fn gone(window: &Window, id: &str) -> Result<()> {
    let deadline = Instant::now() + SOON;
    while !window.is_without(id).await? {
        ensure!(Instant::now() < deadline, "{id} is still there");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Opens the known devices, from this device's own dialog.
async fn devices(window: &Window) -> Result<()> {
    window.click("device-open").await?;
    window.click("devices-open").await?;
    window.sees("known-device").await
}

/// Has the device do something about the one that it knows.
fn with_the_other(command: &str) -> String {
    format!(
        "const {{ invoke }} = window.__TAURI__.core; const [{{ device_id }}] = await invoke('devices'); \
         await invoke('{command}', {{ device_id }}); return null;"
    )
}

#[tokio::test]
async fn two_people_see_the_same_and_say_so() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    alice.resize(1000, 720).await?;
    bob.resize(320, 568).await?;
    alice.shows("people-open", "data-online", "1").await?;
    devices(&alice).await?;
    alice.shows("known-device", "data-verified", "link").await?;
    alice.fits().await?;
    picture(&alice, "devices-wide").await?;
    alice.click("known-compare").await?;

    // What bob was typing is no answer.
    let shown = pictures(&alice).await?;
    assert_eq!(shown.as_array().map(Vec::len), Some(7));
    assert_eq!(pictures(&bob).await?, shown);
    let focused = "return document.activeElement.tagName;";
    assert_eq!(bob.script(focused).await?, json!("DIV"));
    for window in [&alice, &bob] {
        window.fits().await?;
        both_answers_are_in_sight(window).await?;
    }
    picture(&alice, "compare-wide").await?;
    picture(&bob, "compare-320").await?;
    // In a language that runs from right to left.
    bob.script("document.documentElement.dir = 'rtl'; return null;").await?;
    bob.fits().await?;
    both_answers_are_in_sight(&bob).await?;
    picture(&bob, "compare-rtl-320").await?;
    bob.script("document.documentElement.dir = 'ltr'; return null;").await?;

    // Without a mouse.
    alice.press("compare-same", Key::Enter).await?;
    alice.shows("compare-outcome", "data-reason", "same").await?;
    picture(&alice, "compare-same-wide").await?;
    answer(&bob, "compare-same").await?;
    bob.shows("compare-outcome", "data-reason", "same").await?;
    alice.close_dialog().await?;
    alice.shows("known-device", "data-verified", "compared").await?;
    picture(&alice, "devices-compared").await?;

    // Asked for again, it is the same.
    alice.click("known-compare").await?;
    assert_eq!(pictures(&alice).await?, shown);
    alice.script(&with_the_other("disconnect")).await?;
    alice.shows("known-device", "data-online", "false").await?;
    alice.close_dialog().await?;

    // Once more, while bob still reads how the first one ended: he is shown the new ones, in one dialog.
    // He connects anew only once he knows that she is gone: before, he is connected already.
    bob.shows("compare-outcome", "data-reason", "same").await?;
    bob.shows("people-open", "data-online", "0").await?;
    bob.script(&with_the_other("connect")).await?;
    alice.shows("known-device", "data-online", "true").await?;
    alice.comes_to_rest().await?;
    alice.click("known-compare").await?;
    bob.sees("compare-differ").await?;
    let others = pictures(&alice).await?;
    assert_ne!(others, shown);
    assert_eq!(pictures(&bob).await?, others);
    assert_eq!(bob.script("return document.querySelectorAll('dialog').length;").await?, json!(1));
    // It ends without this page: that they differ can still be said, as whoever stands between may have ended it.
    alice.script(&with_the_other("disconnect")).await?;
    bob.shows("compare-outcome", "data-reason", "gone").await?;
    gone(&bob, "compare-same").await?;
    assert_eq!(pictures(&bob).await?, others);
    bob.fits().await?;
    answer(&bob, "compare-differ").await?;
    bob.shows("compare-outcome", "data-reason", "differ").await?;
    gone(&bob, "compare-differ").await?;
    Ok(())
}

#[tokio::test]
async fn why_something_failed_stays_in_its_row() -> Result<()> {
    let (alice, mut bob) = in_a_room().await?;
    alice.shows("people-open", "data-online", "1").await?;
    devices(&alice).await?;
    bob.freeze()?;
    alice.click("known-compare").await?;
    alice.visible("[data-testid=\"known-compare\"][aria-busy=\"true\"]").await?;
    // That the connection ends is why it fails, and draws the row anew.
    bob.kill()?;
    alice.shows("known-device", "data-online", "false").await?;
    let failed = "[data-testid=\"known-device\"] [data-testid=\"error\"]";
    alice.visible(failed).await?;
    alice.comes_to_rest().await?;
    alice.visible(failed).await?;
    alice.fits().await?;
    picture(&alice, "devices-failed").await
}

#[tokio::test]
async fn one_sees_something_else_and_both_are_warned() -> Result<()> {
    let (alice, bob) = in_a_room_in(Scheme::Dark).await?;
    alice.resize(360, 640).await?;
    bob.resize(360, 640).await?;
    bob.shows("people-open", "data-online", "1").await?;
    bob.click("people-open").await?;
    bob.click("people-devices").await?;
    bob.click("known-compare").await?;
    assert_eq!(pictures(&alice).await?, pictures(&bob).await?);
    picture(&bob, "compare-narrow").await?;
    answer(&bob, "compare-same").await?;
    bob.shows("compare-outcome", "data-reason", "same").await?;
    answer(&alice, "compare-differ").await?;
    alice.shows("compare-outcome", "data-reason", "differ").await?;
    bob.shows("compare-outcome", "data-reason", "they_differ").await?;
    for window in [&alice, &bob] {
        window.fits().await?;
    }
    picture(&bob, "compare-differ-narrow").await?;
    bob.close_dialog().await?;
    bob.shows("known-device", "data-verified", "no").await?;

    // What alice has to read stays until she closes it, also where another comparison begins and ends meanwhile; then
    // the next one opens.
    let ended = "window.ended = 0; await window.__TAURI__.event.listen('compare-ended', () => { window.ended += 1; }); \
         return null;";
    alice.script(ended).await?;
    bob.click("known-compare").await?;
    let before = pictures(&bob).await?;
    bob.script(&with_the_other("disconnect")).await?;
    alice.gives("return window.ended;", &json!(1)).await?;
    alice.shows("people-open", "data-online", "0").await?;
    alice.shows("compare-outcome", "data-reason", "differ").await?;
    bob.close_dialog().await?;
    bob.script(&with_the_other("connect")).await?;
    bob.shows("known-device", "data-online", "true").await?;
    bob.comes_to_rest().await?;
    bob.click("known-compare").await?;
    let shown = pictures(&bob).await?;
    assert_ne!(shown, before);
    alice.shows("compare-outcome", "data-reason", "differ").await?;
    alice.close_dialog().await?;
    assert_eq!(pictures(&alice).await?, shown);
    Ok(())
}

#[tokio::test]
async fn a_device_is_renamed_blocked_and_forgotten() -> Result<()> {
    let (alice, mut bob) = in_a_room_in(Scheme::Dark).await?;
    alice.resize(360, 640).await?;
    alice.click("people-open").await?;
    alice.click("people-devices").await?;
    alice.click("known-rename").await?;
    alice.fill("rename-input", "Robert").await?;
    alice.click("rename-submit").await?;
    gone(&alice, "rename-dialog").await?;
    let name = "return document.querySelector('[data-testid=\"known-device\"] bdi').textContent;";
    assert_eq!(alice.script(name).await?, json!("Robert"));

    alice.click("known-block").await?;
    alice.fits().await?;
    picture(&alice, "devices-block").await?;
    alice.click("confirm").await?;
    alice.shows("known-device", "data-blocked", "true").await?;
    alice.shows("known-device", "data-online", "false").await?;
    gone(&alice, "known-compare").await?;
    alice.sees("known-blocked").await?;
    alice.fits().await?;
    picture(&alice, "devices-blocked").await?;
    bob.shows("people-open", "data-online", "0").await?;
    // Once he may, he would come back by himself, and be met again.
    bob.kill()?;
    alice.click("known-unblock").await?;
    gone(&alice, "known-blocked").await?;

    alice.click("known-forget").await?;
    alice.click("confirm").await?;
    gone(&alice, "known-device").await?;
    Ok(())
}
