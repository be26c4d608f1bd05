//! The pictures of the README. `cargo xtask screenshots` has them put where it shows them.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::driver::Scheme;
use crate::terminal::{Terminal, ask};
use crate::window::Window;

#[tokio::test]
async fn the_readmes_pictures_show_a_conversation_light_and_dark_wide_and_narrow() -> Result<()> {
    for (scheme, name) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        let alice = Window::open_in("alice", scheme).await?;
        alice.resize(1120, 700).await?;
        alice.invites("Alice", "Boat").await?;
        alice.close_dialog().await?;
        for room in ["Kitchen", "Garden"] {
            alice.click("room-create-open").await?;
            alice.fill("room-name-input", room).await?;
            alice.click("room-create").await?;
            alice.sees("conversation").await?;
        }
        let others = tempfile::tempdir()?;
        let link = ask(alice.folder(), &["invite", "Garden", "--uses", "2"])?;
        let link = link["link"].as_str().context("no link")?;
        let mut people = Vec::new();
        for name in ["Bob", "Carol"] {
            let folder = others.path().join(name);
            ask(&folder, &["join", link, "--name", name])?;
            let person = Terminal::chat(name, &folder)?;
            person.shows("/help")?;
            people.push(person);
        }
        let [bob, carol] = people.as_mut_slice() else { anyhow::bail!("two people") };
        alice.fill("composer-input", "The tomatoes are ripe. Who comes on Saturday?").await?;
        alice.click("composer-send").await?;
        bob.shows("Saturday")?;
        bob.says("I do, with the big ladder")?;
        carol.shows("ladder")?;
        carol.says("Me too. There is no signal out there, so it is this or shouting.")?;
        bob.shows("shouting")?;
        alice.shows("people-open", "data-online", "2").await?;
        alice.fill("composer-input", "That is what it is for.").await?;
        alice.click("composer-send").await?;
        carol.shows("what it is for")?;
        alice.status_of("That is what it is for.", &["read"]).await?;
        alice.fits().await?;
        picture(&alice, &format!("wide-{name}")).await?;

        alice.resize(360, 640).await?;
        // The mouse rests there and not on a message.
        alice.click("composer-input").await?;
        alice.fits().await?;
        picture(&alice, &format!("narrow-{name}")).await?;
        alice.click("invite-open").await?;
        alice.click("invite-create").await?;
        let link = alice.value("invite-link").await?;
        alice.scans(&link.to_uppercase()).await?;
        alice.fits().await?;
        picture(&alice, &format!("invite-{name}")).await?;
    }
    Ok(())
}

async fn picture(window: &Window, name: &str) -> Result<()> {
    // What fades in or out has done so.
    window.script("await Promise.all(document.getAnimations().map((fade) => fade.finished)); return null;").await?;
    match std::env::var_os("LANLINE_PICTURES") {
        Some(folder) => window.shot()?.write(&PathBuf::from(folder).join(format!("{name}.png"))),
        None => window.picture(name),
    }
}
