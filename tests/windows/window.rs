//! One window and what a person does with it. Everything waits for what it needs, up to a deadline.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::driver::{Driver, Scheme};
use crate::processes;
use crate::screen::{Picture, Screen};

/// How long anything may take before it counts as not happening.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the page gives back where a script threw something.
const THROWN: &str = "thrown_by_the_script";

/// A running app: its folder, its driver and its page.
pub(crate) struct Window {
    name: &'static str,
    home: TempDir,
    folder: PathBuf,
    scheme: Scheme,
    /// Whether it looks for other devices, and lets them find it.
    looks: bool,
    screen: Screen,
    driver: Option<Driver>,
    client: Option<Client>,
}

impl Window {
    /// Opens the app with a fresh folder.
    pub(crate) async fn open(name: &'static str) -> Result<Self> {
        Self::open_in(name, Scheme::Light).await
    }

    /// Opens the app with a fresh folder, on a system set to these colours.
    pub(crate) async fn open_in(name: &'static str, scheme: Scheme) -> Result<Self> {
        let mut window = Self::closed(name, None, scheme)?;
        window.start().await?;
        Ok(window)
    }

    /// As [`Self::open_in`], and it finds other devices, and is found.
    pub(crate) async fn open_among_others(name: &'static str, scheme: Scheme) -> Result<Self> {
        let mut window = Self::closed(name, None, scheme)?;
        window.looks = true;
        window.start().await?;
        Ok(window)
    }

    /// Opens the app with the folder of another.
    pub(crate) async fn open_at(name: &'static str, folder: PathBuf) -> Result<Self> {
        let mut window = Self::closed(name, Some(folder), Scheme::Light)?;
        window.start().await?;
        Ok(window)
    }

    /// Opens the app for a link, with a fresh folder.
    pub(crate) async fn open_for(name: &'static str, link: &str) -> Result<Self> {
        let mut window = Self::closed(name, None, Scheme::Light)?;
        window.start_with(&["--port", "0", link]).await?;
        Ok(window)
    }

    /// Opens the app with a fresh folder and these arguments only; `settings` are the lines of its `.env`.
    pub(crate) async fn open_with(name: &'static str, arguments: &[&str], settings: &str) -> Result<Self> {
        let mut window = Self::closed(name, None, Scheme::Light)?;
        std::fs::write(window.home.path().join(".env"), settings)?;
        window.start_with(arguments).await?;
        Ok(window)
    }

    /// Not opened yet; without a folder, with a fresh one.
    fn closed(name: &'static str, folder: Option<PathBuf>, scheme: Scheme) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("lanline-").tempdir()?;
        let folder = folder.unwrap_or_else(|| home.path().join("device"));
        Ok(Self { name, home, folder, scheme, looks: false, screen: Screen::open()?, driver: None, client: None })
    }

    /// Opens the app with the folder it had before.
    pub(crate) async fn start(&mut self) -> Result<()> {
        self.start_with(&["--port", "0"]).await
    }

    async fn start_with(&mut self, more: &[&str]) -> Result<()> {
        let folder = self.folder.to_str().context("a folder that is not text")?;
        let arguments = [&["--data-dir", folder], more].concat();
        let (driver, client) =
            Driver::start(&self.screen, self.home.path(), self.scheme, self.looks, &arguments).await?;
        (self.driver, self.client) = (Some(driver), Some(client));
        Ok(())
    }

    /// Waits until the system's window has this title.
    pub(crate) async fn is_called(&self, title: &str) -> Result<()> {
        self.until(title, async || {
            let shown = self.screen.title(self.process()?)?;
            ensure!(shown == title, "it is called {shown:?}");
            Ok(())
        })
        .await
    }

    /// Ends the app as a power cut would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let process = self.process()?;
        processes::kill(process)?;
        self.client = None;
        self.driver = None;
        Ok(())
    }

    /// Stops the app where it is, as a machine that sleeps does.
    pub(crate) fn freeze(&self) -> Result<()> {
        processes::freeze(self.process()?)
    }

    /// Closes the window as a person does, and waits until the app is gone.
    pub(crate) fn close(&mut self) -> Result<()> {
        let process = self.process()?;
        self.screen.close_window(process)?;
        processes::gone(process)?;
        self.client = None;
        self.driver = None;
        Ok(())
    }

    /// The folder of this device.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn process(&self) -> Result<u32> {
        processes::app_in(&self.folder).with_context(|| format!("{}'s app does not run", self.name))
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().with_context(|| format!("{}'s window is closed", self.name))
    }

    /// Sets the size of the window, and waits until the page has it.
    pub(crate) async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.client()?.set_window_size(width, height).await?;
        // A frame that is asked for is drawn in the new size.
        let script = "await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))); \
             return [innerWidth, innerHeight];";
        self.until(&format!("{width} × {height}"), async || {
            let shown = self.script(script).await?;
            ensure!(shown == serde_json::json!([width, height]), "it is {shown}");
            Ok(())
        })
        .await
    }

    /// Runs a script in the page; what it returns must be JSON. Promises are awaited, and what it throws is an error.
    pub(crate) async fn script(&self, script: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {script} }})().then(done, (error) => \
             done({{ {THROWN}: error instanceof Error ? String(error) : error }}));"
        );
        let given = self.client()?.execute_async(&script, Vec::new()).await?;
        if let Some(error) = given.get(THROWN) {
            bail!("{}: the script failed: {error}", self.name);
        }
        Ok(given)
    }

    /// Waits until a script returns this.
    pub(crate) async fn gives(&self, script: &str, expected: &Value) -> Result<()> {
        self.until(&expected.to_string(), async || {
            let given = self.script(script).await?;
            ensure!(given == *expected, "it gives {given}");
            Ok(())
        })
        .await
    }

    /// Keeps a picture of the window in the target folder.
    pub(crate) fn picture(&self, name: &str) -> Result<()> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../windows");
        std::fs::create_dir_all(&folder)?;
        self.shot()?.write(&folder.join(format!("{name}.png")))
    }

    /// What the window shows now.
    pub(crate) fn shot(&self) -> Result<Picture> {
        self.screen.picture(self.process()?)
    }

    /// Waits until there is a QR code in the window that says this.
    pub(crate) async fn scans(&self, expected: &str) -> Result<()> {
        self.until(&format!("QR code {expected:?}"), async || {
            let found = self.shot()?.scan();
            ensure!(found == [expected], "it shows {found:?}");
            Ok(())
        })
        .await
    }

    /// Goes through the first start, starts the server, makes a room and an invite to it.
    pub(crate) async fn invites(&self, name: &str, room: &str) -> Result<String> {
        self.fill("name-input", name).await?;
        self.click("name-save").await?;
        self.click("server-start").await?;
        self.shows("server-panel", "data-running", "true").await?;
        self.click("room-create-open").await?;
        self.fill("room-name-input", room).await?;
        self.click("room-create").await?;
        self.click("invite-open").await?;
        self.click("invite-create").await?;
        self.value("invite-link").await
    }

    /// Clicks on what has this id, once it is there and nothing covers it.
    pub(crate) async fn click(&self, id: &str) -> Result<()> {
        self.act(&by_id(id), async |element: Element| element.click().await).await
    }

    /// Clicks on what matches this selector.
    pub(crate) async fn click_on(&self, selector: &str) -> Result<()> {
        self.act(selector, async |element: Element| element.click().await).await
    }

    /// Closes the dialog in front, and waits until it has left the page: only then has the page done what it does when
    /// one closes, such as to withdraw the code that was shown in it.
    pub(crate) async fn close_dialog(&self) -> Result<()> {
        let front = "dialog[open]:last-of-type";
        let title = self.visible(front).await?.attr("aria-labelledby").await?.context("a dialog without a title")?;
        self.click_on(&format!("{front} [data-testid=\"dialog-close\"]")).await?;
        let gone = format!("return document.getElementById('{title}') === null;");
        self.gives(&gone, &true.into()).await
    }

    /// Types into what has this id, in place of what stood there.
    pub(crate) async fn fill(&self, id: &str, text: &str) -> Result<()> {
        self.act(&by_id(id), async |element: Element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await
    }

    /// Pastes from the clipboard into what has this id.
    pub(crate) async fn paste(&self, id: &str) -> Result<()> {
        let keys = format!("{}v", char::from(Key::Control));
        self.act(&by_id(id), async |element: Element| element.send_keys(&keys).await).await
    }

    /// Presses a key in what has this id.
    pub(crate) async fn press(&self, id: &str, key: Key) -> Result<()> {
        let key = char::from(key).to_string();
        self.act(&by_id(id), async |element: Element| element.send_keys(&key).await).await
    }

    /// The value of an input.
    pub(crate) async fn value(&self, id: &str) -> Result<String> {
        let value = self.visible(&by_id(id)).await?.prop("value").await?;
        value.with_context(|| format!("{}: {id} has no value", self.name))
    }

    /// The text of what has this id.
    pub(crate) async fn text(&self, id: &str) -> Result<String> {
        let text = self.visible(&by_id(id)).await?.prop("textContent").await?;
        text.with_context(|| format!("{}: {id} has no text", self.name))
    }

    /// Waits until what matches the selector is seen.
    pub(crate) async fn visible(&self, selector: &str) -> Result<Element> {
        self.until(selector, async || self.found(selector).await).await
    }

    /// That nothing with this id is seen.
    pub(crate) async fn lacks(&self, id: &str) -> Result<()> {
        ensure!(self.found(&by_id(id)).await.is_err(), "{}: there is {id}", self.name);
        Ok(())
    }

    /// Waits until what has this id is seen.
    pub(crate) async fn sees(&self, id: &str) -> Result<()> {
        self.visible(&by_id(id)).await.map(drop)
    }

    /// Whether nothing has this id.
    pub(crate) async fn is_without(&self, id: &str) -> Result<bool> {
        let script = format!("return document.querySelector('{}') === null;", by_id(id));
        Ok(self.script(&script).await? == true)
    }

    /// Waits until what has this id has the attribute with this value.
    pub(crate) async fn shows(&self, id: &str, attribute: &str, value: &str) -> Result<()> {
        let selector = format!("{}[{attribute}=\"{value}\"]", by_id(id));
        self.until(&selector, async || Ok(self.client()?.find(Locator::Css(&selector)).await?)).await.map(drop)
    }

    /// The texts of all messages shown, oldest first.
    pub(crate) async fn messages(&self) -> Result<Vec<String>> {
        let script =
            "return [...document.querySelectorAll('[data-testid=\"message-text\"]')].map((text) => text.textContent);";
        Ok(serde_json::from_value(self.script(script).await?)?)
    }

    /// Waits until these messages are shown, in this order and no others.
    pub(crate) async fn reads(&self, expected: &[&str]) -> Result<()> {
        self.until(&format!("{expected:?}"), async || {
            let shown = self.messages().await?;
            ensure!(shown == expected, "it shows {shown:?}");
            Ok(())
        })
        .await
    }

    /// Waits until the own message with this text has this status.
    pub(crate) async fn status_of(&self, text: &str, status: &[&str]) -> Result<()> {
        let script = "return [...document.querySelectorAll('[data-testid=\"message\"][data-own=\"true\"]')].map((message) => \
             [message.querySelector('[data-testid=\"message-text\"]')?.textContent ?? '', message.dataset.status ?? '']);";
        self.until(&format!("{text:?} {status:?}"), async || {
            let shown: Vec<(String, String)> = serde_json::from_value(self.script(script).await?)?;
            let of_it = shown.iter().find(|(shown, _)| shown == text).map(|(_, status)| status.as_str());
            ensure!(of_it.is_some_and(|of_it| status.contains(&of_it)), "it shows {shown:?}");
            Ok(())
        })
        .await
    }

    /// Waits until nothing moves any more and the page was painted since.
    pub(crate) async fn comes_to_rest(&self) -> Result<()> {
        let script = "await Promise.allSettled(document.getAnimations().map((animation) => animation.finished)); \
             for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame); return true;";
        self.script(script).await.map(drop)
    }

    /// That the page is no wider than the window.
    pub(crate) async fn fits(&self) -> Result<()> {
        let script = "const page = document.documentElement; return [page.scrollWidth, page.clientWidth];";
        let (page, window): (u32, u32) = serde_json::from_value(self.script(script).await?)?;
        ensure!(page <= window, "{}: the page is {page} wide in a window of {window}", self.name);
        Ok(())
    }

    /// What matches the selector and is seen. The driver's own idea of that takes a heading whose text may
    /// be cut off for hidden, so the page is asked.
    async fn found(&self, selector: &str) -> Result<Element> {
        let element = self.client()?.find(Locator::Css(selector)).await?;
        let script = "const [element] = arguments; \
             return element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;";
        let seen = self.client()?.execute(script, vec![serde_json::to_value(&element)?]).await?;
        ensure!(seen == true, "not seen");
        Ok(element)
    }

    /// Does something with an element, again while the page still moves under it.
    async fn act(
        &self,
        selector: &str,
        act: impl AsyncFn(Element) -> Result<(), fantoccini::error::CmdError>,
    ) -> Result<()> {
        self.until(selector, async || {
            let element = self.found(selector).await?;
            ensure!(element.is_enabled().await?, "not enabled");
            Ok(act(element).await?)
        })
        .await
    }

    /// Tries until it works; then the last reason is told, with a picture of what was there instead.
    async fn until<T>(&self, what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let tried = timeout(PATIENCE, attempt()).await.unwrap_or_else(|_| Err(anyhow!("the driver hangs")));
            match tried {
                Ok(found) => return Ok(found),
                Err(error) if Instant::now() > deadline => {
                    let _ = self.picture(&format!("{}-failed", self.name));
                    let errors = timeout(PATIENCE, self.errors_shown()).await.unwrap_or_default();
                    return Err(anyhow!("{}: no {what}: {error:#}; errors shown: {errors}", self.name));
                }
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn errors_shown(&self) -> String {
        let script = "return [...document.querySelectorAll('[data-testid=\"error\"], [data-testid=\"fatal-message\"]')]\
             .map((error) => error.textContent);";
        self.script(script).await.unwrap_or_default().to_string()
    }
}

impl Drop for Window {
    /// The driver does not take the app with it.
    fn drop(&mut self) {
        if let Ok(process) = self.process() {
            let _ = processes::kill(process);
        }
    }
}

fn by_id(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}
