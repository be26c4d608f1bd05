//! The dialogs in which people decide whom to trust, in each size, in both colours, and in one from right to left.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::driver::Scheme;
use crate::meeting::in_a_room_in;
use crate::window::Window;

const SIZES: [(u32, u32); 2] = [(1280, 800), (360, 740)];

/// What in the dialog in front, or in the page, is wider than its place or hangs out of it.
const TOO_WIDE: &str = "const dialog = [...document.querySelectorAll('dialog[open]')].at(-1); \
     const body = dialog?.querySelector('.dialog-body') ?? document.querySelector('#page'); \
     const { left, right } = (dialog ?? body).getBoundingClientRect(); \
     const wide = (one) => { const box = one.getBoundingClientRect(); \
         return box.width > 0 && (box.left < left - 1 || box.right > right + 1); }; \
     return [body.scrollWidth > body.clientWidth, \
         ...[...body.querySelectorAll('*')].filter((one) => !one.closest('.visually-hidden') && wide(one)) \
             .map((one) => one.outerHTML.slice(0, 200))];";

/// Looks at what is shown as everybody may see it.
async fn look(window: &Window, scheme: Scheme, dialog: &str) -> Result<()> {
    let direction = if scheme == Scheme::Light { "ltr" } else { "rtl" };
    window.script(&format!("document.documentElement.dir = '{direction}'; return null;")).await?;
    for (width, height) in SIZES {
        window.resize(width, height).await?;
        window.comes_to_rest().await?;
        window.picture(&format!("trust-{dialog}-{width}-{direction}-{scheme:?}").to_lowercase())?;
        window.fits().await?;
        let wide = window.script(TOO_WIDE).await?;
        ensure!(wide == json!([false]), "{dialog} at {width}, {direction}: {wide}");
    }
    Ok(())
}

/// Presses a button that may be out of sight.
async fn press(window: &Window, id: &str) -> Result<()> {
    let selector = format!("[data-testid=\"{id}\"]");
    window.visible(&selector).await?;
    let script = format!("[...document.querySelectorAll('{selector}')].at(-1).click(); return null;");
    window.script(&script).await.map(drop)
}

async fn compare(alice: &Window, bob: &Window) -> Result<()> {
    press(alice, "known-compare").await?;
    alice.sees("compare-same").await?;
    bob.sees("compare-same").await
}

#[tokio::test]
async fn the_dialogs_of_trust_fit_light() -> Result<()> {
    fit(Scheme::Light).await
}

#[tokio::test]
async fn the_dialogs_of_trust_fit_dark() -> Result<()> {
    fit(Scheme::Dark).await
}

async fn fit(scheme: Scheme) -> Result<()> {
    let (alice, bob) = in_a_room_in(scheme).await?;
    alice.resize(1280, 800).await?;
    let me = "return (await window.__TAURI__.core.invoke('status')).device_id;";
    let bobs = bob.script(me).await?.as_str().context("no id")?.to_owned();
    // The longest that a name can be and still be one, in one word.
    let long = "Bartholomäus-Maximilian-von-der-Wolfsschlucht-zu-Hohenlohe-und-Unterwalden-am-hinteren-Wasserfall";
    alice.click("device-open").await?;
    alice.click("devices-open").await?;
    alice.sees("known-device").await?;
    look(&alice, scheme, "devices").await?;

    compare(&alice, &bob).await?;
    look(&alice, scheme, "compare").await?;
    press(&alice, "compare-same").await?;
    alice.shows("compare-outcome", "data-reason", "same").await?;
    look(&alice, scheme, "same").await?;
    press(&bob, "compare-differ").await?;
    alice.shows("compare-outcome", "data-reason", "they_differ").await?;
    look(&alice, scheme, "differ").await?;
    alice.close_dialog().await?;

    press(&alice, "known-rename").await?;
    alice.sees("rename-input").await?;
    alice.fill("rename-input", long).await?;
    look(&alice, scheme, "rename").await?;
    press(&alice, "rename-submit").await?;
    named(&alice, &bobs, long).await?;
    for (open, dialog) in [("known-block", "block"), ("known-forget", "forget")] {
        press(&alice, open).await?;
        alice.sees("confirm").await?;
        look(&alice, scheme, dialog).await?;
        press(&alice, "cancel").await?;
        alice.gives("return document.querySelector('[data-testid=\"confirm-dialog\"]');", &Value::Null).await?;
    }
    press(&alice, "known-block").await?;
    press(&alice, "confirm").await?;
    alice.sees("known-blocked").await?;
    look(&alice, scheme, "devices-blocked").await?;
    alice.close_dialog().await?;
    press(&alice, "export-open").await?;
    alice.sees("export-path").await?;
    look(&alice, scheme, "export").await?;

    let again = Window::open_in("again", scheme).await?;
    again.click("import-open").await?;
    again.sees("import-path").await?;
    look(&again, scheme, "import").await
}

/// Waits until a device is called so.
async fn named(window: &Window, device: &str, name: &str) -> Result<()> {
    let script = format!(
        "return document.querySelector('[data-testid=\"known-device\"][data-device=\"{device}\"] bdi').textContent;"
    );
    window.gives(&script, &json!(name)).await
}
