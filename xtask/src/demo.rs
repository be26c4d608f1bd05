//! `cargo xtask demo`: two devices side by side on this machine, already in one room, thrown away afterwards.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::command::{self, cargo, output};
use crate::needs::{APP, COMPILER, meet};
use crate::run::has_display;

const PAUSE: Duration = Duration::from_millis(100);
/// How long a window may take until its device answers.
const START: Duration = Duration::from_secs(60);

/// Opens two windows whose devices are in one room, and forgets both once a window is closed.
pub(crate) fn demo() -> Result<()> {
    if !has_display() {
        bail!("The demo opens two windows, and there is no display: run it in a desktop session.");
    }
    meet(&[COMPILER, APP])?;
    // The whole workspace, as `run` and `test` do, so that nothing is built twice.
    command::run(&mut cargo(&["build", "--workspace", "--locked", "--bin", "lanline-app", "--bin", "lanline"]))?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || asked.store(true, Ordering::SeqCst)).context("Ctrl-C cannot be heard")?;

    let folder = tempfile::tempdir().context("no folder for the two devices could be made")?;
    let mut alice = Device::open(folder.path(), "Alice")?;
    let mut bob = Device::open(folder.path(), "Bob")?;
    introduce(&alice, &bob, &stop)?;
    eprintln!("xtask: Alice and Bob are in one room. Close a window, or press Ctrl-C here, and both are forgotten.");
    while alice.runs()? && bob.runs()? && !stop.load(Ordering::SeqCst) {
        sleep(PAUSE);
    }
    Ok(())
}

/// Has the two meet, and say something.
fn introduce(alice: &Device, bob: &Device, stop: &AtomicBool) -> Result<()> {
    for device in [alice, bob] {
        device.wait_until_it_answers(stop)?;
    }
    alice.call("start_server", &json!({"port": 0}))?;
    let made = alice.call("create_room", &json!({"name": "Garden"}))?;
    let room = made.get("room").context("no room was made")?;
    let invited = alice.call("invite", &json!({"room": room}))?;
    let link = invited.get("link").context("there is no link")?;
    alice.call("send_message", &json!({"room": room, "text": "Hello Bob. This window and yours are two devices."}))?;
    bob.call("join", &json!({"link": link}))?;
    bob.call("send_message", &json!({"room": room, "text": "And whatever one says, the other holds."}))?;
    Ok(())
}

/// A window with a device of its own; closed when dropped.
struct Device {
    folder: PathBuf,
    window: Child,
}

impl Device {
    fn open(within: &Path, name: &str) -> Result<Self> {
        let folder = within.join(name.to_lowercase());
        let mut command = Command::new(built("lanline-app")?);
        command.arg("--data-dir").arg(&folder).args(["--name", name]);
        // Only for each other: nobody else in the network is to meet devices that are about to be forgotten.
        command.env("LANLINE_LISTEN", "127.0.0.1").env_remove("LANLINE_DATA_DIR").env_remove("LANLINE_NAME");
        // What is about to be forgotten leaves nothing in the key store.
        command.env("LANLINE_KEY_STORE", "file").env("LANLINE_DISCOVERY", "off");
        // Where `.env` is read from, which is this repository's otherwise.
        command.current_dir(within);
        let window = command.spawn().context("the app could not be started")?;
        Ok(Self { folder, window })
    }

    /// Until then a call would hold the folder itself.
    fn wait_until_it_answers(&self, stop: &AtomicBool) -> Result<()> {
        let deadline = Instant::now() + START;
        while !["socket", "socket.path"].iter().any(|name| self.folder.join(name).exists()) {
            if stop.load(Ordering::SeqCst) || Instant::now() > deadline {
                bail!("the window of {} did not open", self.folder.display());
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    fn call(&self, method: &str, params: &Value) -> Result<Value> {
        let mut command = Command::new(built("lanline")?);
        command.args(["call", "--data-dir"]).arg(&self.folder).args([method, &params.to_string()]);
        serde_json::from_str(&output(&mut command)?).with_context(|| format!("`{method}` answered no JSON"))
    }

    fn runs(&mut self) -> Result<bool> {
        Ok(self.window.try_wait().context("a window cannot be watched")?.is_none())
    }
}

impl Drop for Device {
    /// Asked first, so that it ends as it would by its own button.
    fn drop(&mut self) {
        #[cfg(unix)]
        let _ = Command::new("kill").arg(self.window.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while cfg!(unix) && Instant::now() < deadline && self.runs().unwrap_or(false) {
            sleep(PAUSE);
        }
        let _ = self.window.kill();
        let _ = self.window.wait();
    }
}

/// A binary of this workspace, beside this one.
fn built(name: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}
