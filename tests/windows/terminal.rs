//! Other programs that take part: terminals, `nc`, a client in Python.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that is typed to and read; it ends with this.
pub(crate) struct Terminal {
    name: String,
    process: Child,
    input: ChildStdin,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    /// Starts it.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} could not be started; `cargo xtask test` sees to it"))?;
        let input = process.stdin.take().context("no input")?;
        let mut output = process.stdout.take().context("no output")?;
        let shown = Arc::new(Mutex::new(String::new()));
        let showing = Arc::clone(&shown);
        std::thread::spawn(move || {
            let (mut part, mut rest) = ([0; 4096], Vec::new());
            while let Ok(read @ 1..) = output.read(&mut part) {
                rest.extend_from_slice(part.get(..read).unwrap_or_default());
                let whole = rest.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
                let text: Vec<u8> = rest.drain(..whole).collect();
                let mut shown = showing.lock().unwrap_or_else(PoisonError::into_inner);
                shown.push_str(&String::from_utf8_lossy(&text));
            }
        });
        Ok(Self { name: name.to_owned(), process, input, shown })
    }

    /// `lanline chat` with this folder.
    pub(crate) fn chat(name: &str, folder: &Path) -> Result<Self> {
        Self::start(name, lanline(folder).args(["chat", "--port", "0"]))
    }

    /// Types a line.
    pub(crate) fn says(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}")?;
        Ok(self.input.flush()?)
    }

    /// Waits until this is among what it shows.
    pub(crate) fn shows(&self, words: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if shown.contains(words) {
                return Ok(shown);
            }
            ensure!(Instant::now() < deadline, "{}: no {words:?} in\n{shown}", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `lanline` with this data folder, on loopback alone, and none of this machine's settings.
pub(crate) fn lanline(folder: &Path) -> Command {
    // Built with the tests of its own package, beside the app.
    let binary = Path::new(env!("CARGO_BIN_EXE_lanline-app")).with_file_name("lanline");
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LANLINE_") {
            command.env_remove(name);
        }
    }
    command.env("LANLINE_DATA_DIR", folder).env("LANLINE_LISTEN", "127.0.0.1").current_dir("/");
    // Not into the key store of whoever runs the tests.
    command.env("LANLINE_KEY_STORE", "file").env("LANLINE_DISCOVERY", "off");
    command
}

/// Runs a subcommand to its end, and gives what it answers.
pub(crate) fn ask(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let output = lanline(folder).args(arguments).arg("--json").output()?;
    if !output.status.success() {
        bail!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Python with what the second client needs.
pub(crate) fn python() -> Result<PathBuf> {
    let python = std::env::var_os("LANLINE_PYTHON").context("LANLINE_PYTHON is not set: `cargo xtask test` sets it")?;
    Ok(python.into())
}
