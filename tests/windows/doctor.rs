//! What keeps devices apart, and what to do about it, as the window tells it.

use anyhow::{Context, Result, ensure};
use fantoccini::key::Key;
use serde_json::json;

use crate::driver::Scheme;
use crate::meeting::{in_a_room, introduce};
use crate::window::Window;

async fn picture(window: &Window, name: &str) -> Result<()> {
    window.fits().await?;
    window.comes_to_rest().await?;
    window.picture(name)
}

#[tokio::test]
async fn all_that_may_be_in_the_way_is_looked_at_and_can_be_passed_on() -> Result<()> {
    let (alice, mut bob) = in_a_room().await?;
    bob.close()?;
    alice.click("room-notice-why").await?;
    alice.sees("doctor-verdict").await?;
    picture(&alice, "doctor-wide").await?;

    let unfolded = "const others = document.querySelector('[data-testid=\"doctor-others\"]')?.closest('details'); \
         if (others) others.open = true; return null;";
    alice.script(unfolded).await?;
    // Each is told by a name of this language and by how it went in words, not by its colour alone.
    let told = "return [...document.querySelectorAll('[data-testid=\"doctor-check\"]')].map((check) => \
         [check.dataset.check, [...check.querySelectorAll('.check-heading > *')].map((part) => part.textContent), \
         check.querySelector('[data-testid=\"doctor-finding\"]').textContent]);";
    let told: Vec<(String, (String, String), String)> = serde_json::from_value(alice.script(told).await?)?;
    ensure!(told.len() == 13, "{told:?}");
    for (check, (name, state), finding) in &told {
        ensure!(*name != *check && !state.is_empty() && finding.ends_with('.'), "{check}: {name}, {state}, {finding}");
    }
    picture(&alice, "doctor-unfolded-wide").await?;

    alice
        .script("document.querySelector('[data-testid=\"doctor-report-copy\"]').scrollIntoView(); return null;")
        .await?;
    alice.click("doctor-report-copy").await?;
    alice.close_dialog().await?;
    alice.paste("composer-input").await?;
    let report = alice.value("composer-input").await?;
    ensure!(report.starts_with("Lanline ") && !report.contains("Alice") && !report.contains("Garden"), "{report}");
    for (check, ..) in &told {
        ensure!(report.contains(check), "{check} is not in {report}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_reached_leads_to_its_cause() -> Result<()> {
    let bob = Window::open_in("bob", Scheme::Dark).await?;
    introduce(&bob, "Bob").await?;
    // A port at which nothing listens.
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    bob.resize(320, 568).await?;
    bob.click("device-open").await?;
    bob.script("document.querySelector('[data-testid=\"connect-input\"]').scrollIntoView(); return null;").await?;
    bob.fill("connect-input", &address).await?;
    bob.press("connect-input", Key::Enter).await?;
    bob.sees("doctor-why").await?;
    bob.script("document.querySelector('[data-testid=\"doctor-why\"]').scrollIntoView(); return null;").await?;
    bob.click("doctor-why").await?;
    bob.shows("doctor-verdict", "data-verdict", "fail").await?;
    let first = "const { check, state } = document.querySelector('[data-testid=\"doctor-check\"]').dataset; \
         return [check, state];";
    assert_eq!(bob.script(first).await?, json!(["server", "fail"]));
    picture(&bob, "doctor-dark-320").await?;
    bob.script("document.documentElement.dir = 'rtl'; return null;").await?;
    picture(&bob, "doctor-rtl-320").await?;
    bob.script("document.documentElement.dir = 'ltr'; return null;").await?;

    // What cannot be an address is said, and what was found before is not taken for its answer.
    bob.fill("doctor-address", "not an address").await?;
    bob.press("doctor-address", Key::Enter).await?;
    bob.visible("[data-testid=\"doctor-dialog\"] [data-testid=\"error\"]").await?;
    bob.lacks("doctor-check").await?;
    Ok(())
}

#[tokio::test]
async fn what_is_asked_while_it_looks_is_what_is_answered() -> Result<()> {
    let bob = Window::open("bob").await?;
    introduce(&bob, "Bob").await?;
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    bob.click("nearby-open").await?;
    bob.visible("dialog [data-testid=\"doctor-open\"]").await?;
    // In one step, so that the first look cannot be over before.
    let typed = format!(
        "document.querySelector('dialog [data-testid=\"doctor-open\"]').click(); \
         document.querySelector('[data-testid=\"doctor-address\"]').value = '{address}'; \
         document.querySelector('[data-testid=\"doctor-run\"]').click(); return null;"
    );
    bob.script(&typed).await?;
    bob.shows("doctor-verdict", "data-verdict", "fail").await?;
    let first = "return document.querySelector('[data-testid=\"doctor-check\"]').dataset.check;";
    assert_eq!(bob.script(first).await?, json!("server"));
    let waits = "const { textContent } = document.querySelector('[data-testid=\"doctor-busy\"]'); \
         return [textContent, document.querySelector('[data-testid=\"doctor-dialog\"] progress').hidden];";
    assert_eq!(bob.script(waits).await?, json!(["", true]));
    Ok(())
}

#[tokio::test]
async fn whoever_closes_it_waits_for_nothing_more() -> Result<()> {
    let bob = Window::open("bob").await?;
    introduce(&bob, "Bob").await?;
    bob.click("nearby-open").await?;
    bob.visible("dialog [data-testid=\"doctor-open\"]").await?;
    bob.click_on("dialog [data-testid=\"doctor-open\"]").await?;
    bob.sees("doctor-dialog").await?;
    bob.close_dialog().await?;
    bob.lacks("doctor-dialog").await?;
    // The focus is where it was.
    let focused = "return document.activeElement.dataset.testid;";
    assert_eq!(bob.script(focused).await?, json!("doctor-open"));
    bob.click_on("dialog [data-testid=\"doctor-open\"]").await?;
    bob.sees("doctor-verdict").await.context("the second time")?;
    Ok(())
}
