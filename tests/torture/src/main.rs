//! `lanline-torture`: what `cargo xtask torture` builds and starts.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use clap::Parser;

    match linux::run(&linux::Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("torture: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("torture: this needs Linux, whose network namespaces keep the devices apart");
    ExitCode::FAILURE
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{os::unix::process::CommandExt, path::PathBuf, process::Command};

    use anyhow::{Context, Result, bail};
    use clap::Parser;
    use lanline_torture::{
        campaign::{self, Options},
        disk,
    };

    /// Kills, stops, cuts off and restarts real devices while they talk, and looks whether anything was lost
    #[derive(Parser)]
    #[command(name = "cargo xtask torture")]
    pub(super) struct Arguments {
        /// How often something befalls the devices
        #[arg(long, default_value_t = 30)]
        cycles: u64,
        /// What everything is drawn from; a failure prints the one that replays it
        #[arg(long)]
        seed: Option<u64>,
        /// How many devices there are
        #[arg(long, default_value_t = 4)]
        devices: usize,
        /// Instead, have the disk of a device fail at one call after another
        #[arg(long)]
        disk: bool,
        /// With --disk: at how many of them, spread evenly; 0: at all
        #[arg(long, default_value_t = 0)]
        points: usize,
        /// The program
        #[arg(long)]
        lanline: Option<PathBuf>,
    }

    /// Whether all was well.
    pub(super) fn run(arguments: &Arguments) -> Result<bool> {
        become_root()?;
        let lanline = match &arguments.lanline {
            Some(lanline) => lanline.clone(),
            None => std::env::current_exe()?.with_file_name("lanline"),
        };
        if !lanline.is_file() {
            bail!("{} is not there: build it first", lanline.display());
        }
        if arguments.disk {
            let report = disk::run(&disk::Options { lanline, points: arguments.points }, |line| eprintln!("{line}"))?;
            println!("{report}");
            return Ok(report.failures.is_empty());
        }
        let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()) << 20);
        eprintln!("torture: seed {seed}");
        let options = Options { lanline, cycles: arguments.cycles, seed, devices: arguments.devices };
        let report = campaign::run(&options, |report| eprintln!("{report}"))?;
        println!("{report}");
        Ok(report.failure.is_none())
    }

    /// Only root may make namespaces, or whoever is it in a namespace of its own.
    fn become_root() -> Result<()> {
        const DONE: &str = "LANLINE_TORTURE_ROOT";
        let map = ["--user", "--map-root-user"];
        let may = |arguments: &[&str]| {
            let status = Command::new("unshare").args(arguments).args(["--net", "true"]).status();
            status.is_ok_and(|status| status.success())
        };
        if may(&[]) || std::env::var_os(DONE).is_some() || !may(&map) {
            return Ok(());
        }
        let mut again = Command::new("unshare");
        again.args(map).arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(DONE, "1");
        Err(again.exec()).context("`unshare` cannot be started")
    }
}
