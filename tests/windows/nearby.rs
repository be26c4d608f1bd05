//! Devices that find each other: nobody types an address. Those of other tests may be found as well, so that each is
//! known by its own.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::sleep;

use crate::driver::Scheme;
use crate::meeting::{introduce, meet};
use crate::window::Window;

/// How long what was told may take to show.
const SOON: Duration = Duration::from_secs(20);

/// The row of the device at this address.
fn row(address: &str) -> String {
    format!("[data-testid=\"nearby-device\"][data-address=\"{address}\"]")
}

/// What has this id in that row.
fn within(address: &str, id: &str) -> String {
    format!("{} [data-testid=\"{id}\"]", row(address))
}

/// Where a device listens.
async fn address_of(window: &Window) -> Result<String> {
    let script = "return (await window.__TAURI__.core.invoke('status')).server.addresses[0];";
    Ok(serde_json::from_value(window.script(script).await?)?)
}

/// Waits until nothing matches the selector.
async fn gone(window: &Window, selector: &str) -> Result<()> {
    let deadline = Instant::now() + SOON;
    let script = format!("return document.querySelector('{selector}') === null;");
    while window.script(&script).await? != true {
        ensure!(Instant::now() < deadline, "{selector} is still there");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn picture(window: &Window, name: &str) -> Result<()> {
    window.fits().await?;
    window.comes_to_rest().await?;
    window.picture(name)
}

/// Alice and Bob in a room, whose devices find each other; both listen, and nothing connects them any more. With where Bob
/// listens.
async fn apart() -> Result<(Window, Window, String)> {
    let alice = Window::open_among_others("alice", Scheme::Light).await?;
    let bob = Window::open_among_others("bob", Scheme::Light).await?;
    meet(&alice, &bob).await?;
    bob.click("back").await?;
    bob.click("server-start").await?;
    bob.shows("server-panel", "data-running", "true").await?;
    let address = address_of(&bob).await?;
    let disconnect = "const { invoke } = window.__TAURI__.core; const [{ device_id }] = await invoke('peers'); \
         await invoke('disconnect', { device_id }); return null;";
    alice.script(disconnect).await?;
    alice.shows("people-open", "data-online", "0").await?;
    // He hears of it a moment later.
    let connected = "return (await window.__TAURI__.core.invoke('peers')).length;";
    bob.gives(connected, &json!(0)).await?;
    Ok((alice, bob, address))
}

#[tokio::test]
async fn somebody_new_is_found_by_name_and_joined_by_the_code_alone() -> Result<()> {
    let alice = Window::open_among_others("alice", Scheme::Light).await?;
    let bob = Window::open_among_others("bob", Scheme::Dark).await?;
    alice.resize(1000, 720).await?;
    bob.resize(1000, 720).await?;
    introduce(&bob, "Bob").await?;
    bob.sees("nearby").await?;
    alice.invites("Alice", "Garden").await?;
    alice.sees("being-visible").await?;
    let address = alice.text("invite-code-address").await?;

    // Who has no room sees who invites, without a step.
    let named = format!("{} bdi", row(&address));
    bob.visible(&named).await?;
    let name = format!("return document.querySelector('{named}').textContent;");
    assert_eq!(bob.script(&name).await?, json!("Alice"));
    bob.visible(&format!("{}[data-standing=\"new\"]", row(&address))).await?;
    picture(&bob, "nearby-empty-wide").await?;
    bob.resize(320, 568).await?;
    bob.visible(&within(&address, "nearby-join")).await?;
    bob.script(&format!("document.querySelector('{}').scrollIntoView(); return null;", row(&address))).await?;
    picture(&bob, "nearby-empty-320").await?;

    bob.click_on(&within(&address, "nearby-join")).await?;
    assert_eq!(bob.value("join-address").await?, address);
    assert_eq!(bob.script("return document.activeElement.dataset.testid;").await?, json!("join-code"));
    bob.visible(&format!("{}[aria-pressed=\"true\"]", within(&address, "nearby-choose"))).await?;
    bob.fill("join-code", &alice.text("invite-code").await?).await?;
    picture(&bob, "nearby-join-320").await?;
    bob.click("join-submit").await?;
    bob.sees("conversation").await?;
    assert_eq!(bob.text("room-title").await?, "Garden");

    // The name is shown no longer than the sentence that says so.
    alice.close_dialog().await?;
    let visible = "return (await window.__TAURI__.core.invoke('status')).visible_until ?? null;";
    alice.gives(visible, &json!(null)).await
}

#[tokio::test]
async fn one_that_is_known_is_connected_by_one_tap_and_goes_when_it_stops() -> Result<()> {
    let (alice, bob, address) = apart().await?;
    alice.click("nearby-open").await?;
    alice.visible(&format!("{}[data-standing=\"known\"]", row(&address))).await?;
    picture(&alice, "nearby-wide").await?;
    alice.click_on(&within(&address, "nearby-connect")).await?;
    alice.visible(&format!("{}[data-standing=\"connected\"]", row(&address))).await?;
    alice.shows("people-open", "data-online", "1").await?;
    gone(&alice, &within(&address, "nearby-connect")).await?;

    // Everyone sees the name for as long as its person wants.
    bob.click("nearby-open").await?;
    bob.click("nearby-visible").await?;
    let checked = "return document.querySelector('[data-testid=\"nearby-visible\"]').checked;";
    let visible = "return ((await window.__TAURI__.core.invoke('status')).visible_until ?? 0) > Date.now() + 500_000;";
    bob.gives(visible, &json!(true)).await?;
    bob.gives(checked, &json!(true)).await?;
    bob.resize(320, 568).await?;
    picture(&bob, "nearby-320").await?;
    bob.script("document.documentElement.dir = 'rtl'; return null;").await?;
    picture(&bob, "nearby-rtl-320").await?;
    bob.script("document.documentElement.dir = 'ltr'; return null;").await?;
    bob.script("document.querySelector('[data-testid=\"nearby-visible\"]').scrollIntoView(); return null;").await?;
    bob.click("nearby-visible").await?;
    bob.gives(checked, &json!(false)).await?;
    bob.close_dialog().await?;

    bob.click("server-stop").await?;
    bob.shows("server-panel", "data-running", "false").await?;
    gone(&alice, &row(&address)).await?;
    Ok(())
}

#[tokio::test]
async fn why_one_was_not_reached_stays_in_its_row_and_leads_to_the_cause() -> Result<()> {
    let (alice, mut bob, address) = apart().await?;
    alice.resize(320, 568).await?;
    alice.click("back").await?;
    alice.click("nearby-open").await?;
    alice.visible(&within(&address, "nearby-connect")).await?;
    bob.kill()?;
    alice.click_on(&within(&address, "nearby-connect")).await?;
    alice.visible(&within(&address, "error")).await?;
    picture(&alice, "nearby-failed-320").await?;

    alice.click_on(&within(&address, "doctor-why")).await?;
    assert_eq!(alice.value("doctor-address").await?, address);
    alice.shows("doctor-verdict", "data-verdict", "fail").await?;
    let first = "const { check, state } = document.querySelector('[data-testid=\"doctor-check\"]').dataset; \
         return [check, state];";
    assert_eq!(alice.script(first).await?, json!(["server", "fail"]));
    picture(&alice, "doctor-cause-320").await?;
    alice.close_dialog().await?;
    alice.visible(&within(&address, "error")).await?;
    Ok(())
}

#[tokio::test]
async fn a_person_may_have_the_network_looked_through() -> Result<()> {
    let (alice, bob, address) = apart().await?;
    // Beside the fields for a code, too, where one is chosen in place of an address that is typed.
    bob.resize(320, 568).await?;
    bob.click("join-open").await?;
    bob.click("join-by-code").await?;
    let theirs = address_of(&alice).await?;
    bob.visible(&row(&theirs)).await?;
    bob.script(&format!("document.querySelector('{}').scrollIntoView(); return null;", row(&theirs))).await?;
    picture(&bob, "nearby-choose-320").await?;
    bob.click_on(&within(&theirs, "nearby-choose")).await?;
    assert_eq!(bob.value("join-address").await?, theirs);
    bob.visible(&format!("{}[aria-pressed=\"true\"]", within(&theirs, "nearby-choose"))).await?;
    bob.fill("join-address", "127.0.0.1:1").await?;
    bob.visible(&format!("{}[aria-pressed=\"false\"]", within(&theirs, "nearby-choose"))).await?;
    bob.close_dialog().await?;

    alice.click("nearby-open").await?;
    alice.visible(&row(&address)).await?;
    alice.click("nearby-probe").await?;
    alice.visible("[data-testid=\"nearby-probe-state\"]:not(:empty)").await?;
    alice.visible("[data-testid=\"nearby-probe\"]:not([aria-busy])").await?;
    // On loopback there are no neighbours to ask.
    let told = alice.text("nearby-probe-state").await?;
    ensure!(told.contains("no network"), "{told}");
    picture(&alice, "nearby-probe-wide").await?;
    alice.lacks("error").await
}

#[tokio::test]
async fn one_that_looks_for_nobody_says_so() -> Result<()> {
    let bob = Window::open("bob").await?;
    bob.resize(1000, 720).await?;
    introduce(&bob, "Bob").await?;
    let state =
        "return document.querySelector('[data-testid=\"nearby-state\"]').textContent.includes('does not look');";
    bob.gives(state, &json!(true)).await?;
    bob.lacks("nearby-probe").await?;
    bob.click("server-start").await?;
    bob.shows("server-panel", "data-running", "true").await?;
    bob.click("nearby-open").await?;
    bob.sees("nearby-dialog").await?;
    gone(&bob, "dialog [data-testid=\"nearby-visible\"]").await?;
    bob.lacks("error").await
}
