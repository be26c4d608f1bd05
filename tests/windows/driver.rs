//! WebKitWebDriver, one for each window: it starts the app and speaks for the one who uses it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::screen::Screen;

/// How often a session is tried: the driver now and then loses the race with the window it starts.
const TRIES: usize = 3;

/// Which colours the system is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    fn theme(self) -> &'static str {
        match self {
            Self::Light => "Adwaita",
            Self::Dark => "Adwaita:dark",
        }
    }
}

/// A driver; it and its window end with this.
pub(crate) struct Driver {
    process: Child,
}

impl Driver {
    /// Starts a driver, and through it the app with these arguments; `looks`: whether it finds other devices, those of
    /// other tests too.
    pub(crate) async fn start(
        screen: &Screen,
        home: &Path,
        scheme: Scheme,
        looks: bool,
        arguments: &[&str],
    ) -> Result<(Self, Client)> {
        let mut last = None;
        for _ in 0..TRIES {
            // What holds the folder when a try failed must be gone before the next.
            let (driver, port) = Self::spawn(screen, home, scheme, looks)?;
            match timeout(Duration::from_secs(40), session(port, arguments)).await {
                Ok(Ok(client)) => return Ok((driver, client)),
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some(anyhow::anyhow!("the app's window did not come up in time")),
            }
        }
        Err(last.context("no try")?)
    }

    fn spawn(screen: &Screen, home: &Path, scheme: Scheme, looks: bool) -> Result<(Self, u16)> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("WebKitWebDriver");
        command
            .args([format!("--port={port}"), "--host=127.0.0.1".to_owned()])
            .current_dir(home)
            .stdin(Stdio::null())
            .env("HOME", home)
            .env("DISPLAY", &screen.name)
            .env("GDK_BACKEND", "x11")
            .env("GTK_THEME", scheme.theme())
            .env("NO_AT_BRIDGE", "1")
            .env("LANG", "C.UTF-8")
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
            .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("LANLINE_LISTEN", "127.0.0.1")
            .env("LANLINE_DISCOVERY", if looks { "on" } else { "off" })
            .env("LANLINE_KEY_STORE", "file")
            .env_remove("WAYLAND_DISPLAY");
        for name in ["LANLINE_PORT", "LANLINE_NAME", "LANLINE_DATA_DIR", "LANLINE_DOWNLOADS_DIR"] {
            command.env_remove(name);
        }
        let process =
            command.spawn().context("WebKitWebDriver could not be started; `cargo xtask test` installs it")?;
        Ok((Self { process }, port))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks for a session until the driver listens.
async fn session(port: u16, arguments: &[&str]) -> Result<Client> {
    // No `browserName`: the app's is unknown to the driver, which then refuses all.
    let capabilities = json!({
        "webkitgtk:browserOptions": { "binary": env!("CARGO_BIN_EXE_lanline-app"), "args": arguments },
    });
    let capabilities = capabilities.as_object().context("capabilities")?.clone();
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .context("the driver gave no session");
        }
        sleep(Duration::from_millis(50)).await;
    }
    bail!("WebKitWebDriver does not listen on port {port}")
}
