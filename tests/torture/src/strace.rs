//! Has the system calls of a device fail that touch its data, by strace.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process::Process;

/// The files of a data folder, itself first. Calls that touch no other are left alone.
const FILES: [&str; 8] =
    ["", "lanline.db", "lanline.db-wal", "lanline.db-shm", "lock", "lock.call", "identity.key", "identity.key.new"];

const PATIENCE: Duration = Duration::from_secs(10);

/// One call that fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) call: &'static str,
    pub(crate) error: &'static str,
    /// The how manieth of each thread.
    pub(crate) nth: usize,
    /// Whether all after it fail too.
    pub(crate) lasting: bool,
}

/// Where strace writes down the calls.
pub(crate) struct Strace {
    log: PathBuf,
    words: Vec<String>,
}

impl Strace {
    /// With a fault; or of all of these calls, to count them.
    pub(crate) fn new(log: PathBuf, data: &Path, calls: &[&str], fault: Option<&Fault>) -> Self {
        let mut words = vec!["-f".to_owned(), "-y".to_owned(), "-o".to_owned(), log.display().to_string()];
        words.extend(["-e".to_owned(), format!("trace={}", calls.join(","))]);
        if let Some(fault) = fault {
            let more = if fault.lasting { "+" } else { "" };
            let inject = format!("inject={}:error={}:when={}{more}", fault.call, fault.error, fault.nth);
            words.extend(["-e".to_owned(), inject]);
        }
        for file in FILES {
            let path = if file.is_empty() { data.to_owned() } else { data.join(file) };
            words.extend(["-P".to_owned(), path.display().to_string()]);
        }
        Self { log, words }
    }

    /// What starts a program under it, whose own child the program is.
    pub(crate) fn words(&self) -> Vec<String> {
        // `-I`: it may be told to end.
        ["strace", "-D", "-I", "1"].map(str::to_owned).into_iter().chain(self.words.iter().cloned()).collect()
    }

    /// Follows a process that runs.
    pub(crate) fn attach(&self, process: &Process) -> Result<()> {
        let mut command = Command::new("strace");
        command.args(&self.words).args(["-p", &process.id().to_string()]);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut strace = spawned.context("`strace` cannot be started")?;
        let mut said = BufReader::new(strace.stderr.take().context("no output")?);
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            if said.read_line(&mut line)? == 0 {
                bail!("strace does not attach");
            }
        }
        // It ends with the process, or when it is told to.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut said, &mut std::io::sink());
            let _ = strace.wait();
        });
        Ok(())
    }

    /// From now on nothing fails.
    pub(crate) fn stop(process: &Process) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while let Some(tracer) = tracer(process.id()) {
            if Instant::now() >= deadline {
                bail!("strace does not let go");
            }
            let _ = Command::new("kill").arg(tracer).stderr(Stdio::null()).status();
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The calls that were written down, each with its thread's number.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().filter(|line| line.contains('(')).map(str::to_owned).collect()
    }
}

/// Who follows a process.
fn tracer(process: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim().to_owned();
    (tracer != "0").then_some(tracer)
}
