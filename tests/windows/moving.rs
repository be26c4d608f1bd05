//! A device that moves from one window to another.

use anyhow::{Context, Result};

use crate::meeting::introduce;
use crate::window::Window;

const PASSPHRASE: &str = "a handful of words";

#[tokio::test]
async fn a_device_is_exported_in_one_window_and_goes_on_in_another() -> Result<()> {
    let mut alice = Window::open("alice").await?;
    introduce(&alice, "Alice").await?;
    alice.click("room-create-open").await?;
    alice.fill("room-name-input", "Garden").await?;
    alice.click("room-create").await?;
    alice.sees("conversation").await?;
    alice.click("device-open").await?;
    assert!(alice.text("key-place").await?.contains("only you can read"));
    let device = alice.text("device-id").await?;
    alice.click("export-open").await?;
    let path = alice.folder().with_extension("export");
    let path = path.to_str().context("a path that is not text")?;
    alice.fill("export-path", path).await?;
    alice.fill("export-passphrase", "short").await?;
    alice.fill("export-again", "shirt").await?;
    alice.click("export-submit").await?;
    let refused = alice.visible("[data-testid=\"export-dialog\"] [data-testid=\"error\"]").await?.text().await?;
    assert!(refused.contains("not the same"), "{refused}");
    assert_ne!(alice.text("export-short").await?, "");
    for field in ["export-passphrase", "export-again"] {
        alice.fill(field, PASSPHRASE).await?;
    }
    alice.click("export-submit").await?;
    alice.visible("[data-testid=\"export-done\"]:not(:empty)").await?;
    alice.picture("export")?;
    alice.close()?;

    let mut again = Window::open("again").await?;
    again.sees("first-start").await?;
    again.click("import-open").await?;
    again.fill("import-path", path).await?;
    again.fill("import-passphrase", "another").await?;
    again.click("import-submit").await?;
    again.shows("error", "data-code", "wrong_passphrase").await?;
    again.fits().await?;
    again.picture("import")?;
    again.fill("import-passphrase", PASSPHRASE).await?;
    again.click("import-submit").await?;
    again.sees("app").await?;
    assert!(again.text("device-open").await?.contains("Alice"));
    again.visible("[data-testid=\"room-item\"]").await?;
    again.click("device-open").await?;
    assert_eq!(again.text("device-id").await?, device);
    again.close()
}
