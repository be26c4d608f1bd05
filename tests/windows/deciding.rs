//! A room's people decide: who owns it, who is let in, who has a vote.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::meeting::introduce;
use crate::terminal::{Terminal, ask, lanline};
use crate::window::Window;

/// A device in a terminal, which listens and stays. It is there once it answers.
fn serve(name: &str, folder: &Path) -> Result<Terminal> {
    let terminal = Terminal::start(name, lanline(folder).args(["serve", "--port", "0", "--name", name]))?;
    terminal.shows("127.0.0.1:")?;
    Ok(terminal)
}

fn device(folder: &Path) -> Result<String> {
    let status = ask(folder, &["status"])?;
    Ok(status.get("device_id").and_then(Value::as_str).context("no id")?.to_owned())
}

fn link(folder: &Path, uses: &str) -> Result<String> {
    let invited = ask(folder, &["invite", "Garden", "--uses", uses])?;
    Ok(invited.get("link").and_then(Value::as_str).context("no link")?.to_owned())
}

/// Joins by a link in a window that is new.
async fn join(window: &Window, name: &str, link: &str) -> Result<()> {
    introduce(window, name).await?;
    window.click("join-open").await?;
    window.fill("join-input", link).await?;
    window.click("join-submit").await?;
    window.sees("conversation").await
}

/// Shows what can be done about a member.
async fn unfold(window: &Window, device: &str) -> Result<()> {
    let more = format!("[data-testid=\"member-more\"][data-device=\"{device}\"]");
    window.visible(&more).await?;
    let script = format!("document.querySelector('{more}[aria-expanded=\"false\"]')?.click(); return null;");
    window.script(&script).await.map(drop)
}

/// Does something about a member.
async fn choose(window: &Window, device: &str, choice: &str) -> Result<()> {
    unfold(window, device).await?;
    window.click_on(&format!("[data-testid=\"{choice}\"][data-device=\"{device}\"]")).await
}

/// Waits until a member is shown so.
async fn is(window: &Window, device: &str, what: &str) -> Result<()> {
    window.visible(&format!("[data-testid=\"member\"][data-device=\"{device}\"]{what}")).await.map(drop)
}

#[tokio::test]
async fn the_owner_is_gone_and_the_others_elect_another_in_a_window() -> Result<()> {
    let others = tempfile::tempdir()?;
    let folder = |name: &str| others.path().join(name);
    let alices = serve("Alice", &folder("Alice"))?;
    ask(&folder("Alice"), &["create", "Garden"])?;
    let invited = link(&folder("Alice"), "3")?;
    let mut people = Vec::new();
    for name in ["Carol", "Dave"] {
        people.push(serve(name, &folder(name))?);
        ask(&folder(name), &["join", &invited])?;
    }
    let bob = Window::open("bob").await?;
    bob.resize(360, 640).await?;
    join(&bob, "Bob", &invited).await?;
    // He does not listen, and so is connected to two of them.
    bob.shows("people-open", "data-online", "2").await?;
    let (alice, carol, dave) = (device(&folder("Alice"))?, device(&folder("Carol"))?, device(&folder("Dave"))?);
    drop(alices);

    // Bob proposes Carol. What he said, he is not offered to say again.
    bob.click("people-open").await?;
    is(&bob, &alice, "[data-role=\"owner\"][data-online=\"false\"]").await?;
    for member in [&carol, &dave] {
        is(&bob, member, "[data-online=\"true\"]").await?;
    }
    choose(&bob, &carol, "member-propose-owner").await?;
    bob.click("confirm").await?;
    let for_carol = format!("[data-testid=\"proposal\"][data-id=\"owner {carol}\"]");
    bob.visible(&format!("{for_carol}[data-votes=\"1\"][data-needed=\"3\"][data-open=\"false\"]")).await?;
    bob.lacks("proposal-agree").await?;
    bob.lacks("member-propose-owner").await?;

    // Dave wants Alice removed; it waits for Bob wherever he is in the room, and he agrees.
    bob.close_dialog().await?;
    bob.lacks("decide-vote").await?;
    ask(&folder("Dave"), &["vote", "Garden", "--remove", &alice])?;
    bob.sees("decide-vote").await?;
    bob.picture("decide-narrow")?;
    bob.click("decide-vote").await?;
    bob.click("proposal-agree").await?;
    bob.comes_to_rest().await?;
    bob.picture("agree-narrow")?;
    bob.click("confirm").await?;
    let removal = format!("[data-testid=\"proposal\"][data-id=\"remove {alice}\"]");
    bob.visible(&format!("{removal}[data-votes=\"2\"][data-needed=\"3\"][data-open=\"false\"]")).await?;
    bob.resize(320, 568).await?;
    unfold(&bob, &dave).await?;
    bob.fits().await?;
    bob.picture("votes-320")?;

    // With Carol and Dave's votes for her it is done. What else was voted on ends with that.
    for name in ["Dave", "Carol"] {
        ask(&folder(name), &["vote", "Garden", "--owner", &carol])?;
    }
    is(&bob, &carol, "[data-role=\"owner\"]").await?;
    is(&bob, &alice, "[data-role=\"member\"]").await?;
    bob.visible("[data-testid=\"system-line\"][data-kind=\"role_changed\"]").await?;
    bob.lacks("proposal").await?;
    Ok(())
}

#[tokio::test]
async fn the_owner_gives_a_vote_and_hands_the_room_over() -> Result<()> {
    let others = tempfile::tempdir()?;
    let folder = |name: &str| others.path().join(name);
    let alice = Window::open("alice").await?;
    alice.resize(1280, 800).await?;
    let invited = alice.invites("Alice", "Garden").await?;
    alice.close_dialog().await?;
    let _bob = serve("Bob", &folder("Bob"))?;
    ask(&folder("Bob"), &["join", &invited])?;
    let (bob, carol) = (device(&folder("Bob"))?, folder("Carol"));
    let _carol = serve("Carol", &carol)?;
    ask(&carol, &["join", &link(&folder("Bob"), "1")?])?;
    let carol = device(&carol)?;

    alice.click("people-open").await?;
    is(&alice, &bob, "[data-voter=\"true\"]").await?;
    is(&alice, &carol, "[data-voter=\"false\"]").await?;
    choose(&alice, &carol, "member-admit").await?;
    is(&alice, &carol, "[data-voter=\"true\"]").await?;

    choose(&alice, &bob, "member-hand-over").await?;
    alice.comes_to_rest().await?;
    alice.picture("hand-over-wide")?;
    alice.click("confirm").await?;
    is(&alice, &bob, "[data-role=\"owner\"]").await?;
    is(&alice, &device(alice.folder())?, "[data-role=\"member\"]").await?;
    assert!(alice.is_without("member-remove").await? && alice.is_without("member-hand-over").await?);
    choose(&alice, &carol, "member-propose-owner").await?;
    alice.click("cancel").await?;
    alice.visible("[data-testid=\"system-line\"][data-kind=\"role_changed\"]").await?;
    Ok(())
}
