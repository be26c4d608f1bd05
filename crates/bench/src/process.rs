//! Servers: started as one would start them, watched from outside, killed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);

/// A server; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// `program`, kept to some processors where that is asked for.
pub(crate) fn pinned(program: &Path, processors: Option<&str>) -> Command {
    match processors {
        Some(processors) => {
            let mut command = Command::new("taskset");
            command.args(["-c", processors]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

impl Daemon {
    /// Starts it, and waits until it listens on this port of loopback. What it prints goes to a file.
    pub(crate) fn start(mut command: Command, port: u16, log: &Path) -> Result<Self> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{command:?} could not be started"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut daemon = Self { child, address };
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline || daemon.child.try_wait()?.is_some() {
                bail!("{command:?} does not listen; see {}", log.display());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(daemon)
    }

    /// Processor time that it has used, its own and the system's for it, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        Ok((ticks(11) + ticks(12)) / 100.0)
    }

    /// Memory that is its own, in KiB.
    pub(crate) fn memory_kib(&self) -> Result<f64> {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        line.split_whitespace().next().context("no number")?.parse().context("no number")
    }

    /// The most memory that it has had at once, in KiB.
    pub(crate) fn peak_kib(&self) -> Result<f64> {
        self.look().status("VmHWM:")
    }

    /// What can be seen of it from another thread.
    pub(crate) fn look(&self) -> Look {
        Look(self.child.id())
    }

    /// Memory in use, what it shares included, in MiB.
    pub(crate) fn rss_mib(&self) -> Result<f64> {
        self.look().rss_mib()
    }

    /// How many files it has open, connections included.
    pub(crate) fn files(&self) -> Result<usize> {
        self.look().files()
    }

    /// Ends it without a chance to say so.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process as the system shows it.
pub(crate) struct Look(u32);

impl Look {
    fn status(&self, name: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        line.split_whitespace().next().context("no number")?.parse().context("no number")
    }

    /// See [`Daemon::rss_mib`].
    pub(crate) fn rss_mib(&self) -> Result<f64> {
        Ok(self.status("VmRSS:")? / 1024.0)
    }

    /// See [`Daemon::files`].
    pub(crate) fn files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
