//! The app's own processes, which the driver starts and this test kills.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The app that holds the folder `data_dir`.
pub(crate) fn app_in(data_dir: &Path) -> Option<u32> {
    let folder = data_dir.to_str()?;
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let process: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut words = line.split('\0');
        let is_app = words.next()? == env!("CARGO_BIN_EXE_lanline-app");
        (is_app && words.any(|word| word == folder)).then_some(process)
    })
}

/// The app, started once more with a folder that may be held, as a system starts it for a link.
pub(crate) fn second_start(data_dir: &Path, link: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lanline-app"));
    command.arg("--data-dir").arg(data_dir).args(link).stdin(Stdio::null()).env_remove("WAYLAND_DISPLAY");
    command.env("LANLINE_KEY_STORE", "file").env("LANLINE_DISCOVERY", "off");
    command
}

/// Ends a process as a power cut would, and waits until it is gone.
pub(crate) fn kill(process: u32) -> Result<()> {
    let sent = Command::new("kill").args(["-9", &process.to_string()]).status().context("kill")?;
    ensure!(sent.success(), "process {process} could not be killed");
    gone(process)
}

/// Stops a process, which goes on where it is told to.
pub(crate) fn freeze(process: u32) -> Result<()> {
    let sent = Command::new("kill").args(["-STOP", &process.to_string()]).status().context("kill")?;
    ensure!(sent.success(), "process {process} could not be stopped");
    Ok(())
}

/// Waits until a process is gone.
pub(crate) fn gone(process: u32) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_running(process) {
        if Instant::now() > deadline {
            bail!("process {process} is still there");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A process that ended but was not waited for by its parent does not run.
fn is_running(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X'])))
}
