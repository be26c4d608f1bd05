//! The invite as a picture: it scans from the screen, and leaves room for the rest.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::driver::Scheme;
use crate::window::Window;

#[tokio::test]
async fn an_invite_is_scanned_from_the_screen_in_light_and_in_dark() -> Result<()> {
    for (scheme, name) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        let alice = Window::open_in("alice", scheme).await?;
        alice.resize(1000, 720).await?;
        let link = alice.invites("Alice", "Garden").await?;

        let dark = alice.script("return matchMedia('(prefers-color-scheme: dark)').matches;").await?;
        assert_eq!(dark, json!(scheme == Scheme::Dark));
        let label = alice.visible("[data-testid=\"invite-qr\"]").await?.attr("aria-label").await?;
        assert_eq!(label.as_deref(), Some("The link as a QR code"));
        for (width, height) in [(1000, 720), (360, 640), (320, 568), (320, 480)] {
            alice.resize(width, height).await?;
            alice.script(&format!("while (innerWidth !== {width}) await new Promise(requestAnimationFrame);")).await?;
            alice.scans(&link.to_uppercase()).await?;
            alice.fits().await?;
            alice.picture(&format!("invite-{name}-{width}x{height}"))?;
            ensure!(is_on_screen(&alice, "invite-copy").await?, "the copy button is off a screen of {width}x{height}");
        }
    }
    Ok(())
}

/// Whether the whole of it is seen without scrolling, and is what a finger there would hit.
async fn is_on_screen(window: &Window, id: &str) -> Result<bool> {
    let script = format!(
        "const element = document.querySelector('[data-testid=\"{id}\"]'); \
         const {{ left, top, right, bottom }} = element.getBoundingClientRect(); \
         const middle = (left + right) / 2; \
         return [top + 2, bottom - 2].every((y) => element.contains(document.elementFromPoint(middle, y)));"
    );
    Ok(window.script(&script).await? == json!(true))
}
