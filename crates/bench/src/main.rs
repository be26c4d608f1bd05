//! Lanline's bench: `cargo xtask bench messages` builds the server in release and starts this.

mod audience;
mod book;
mod disk;
mod drive;
mod figures;
mod lanline;
mod link;
mod machine;
mod peers;
mod picture;
mod plan;
mod process;
mod strangers;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::book::Book;
use crate::figures::Runs;
use crate::peers::Peer;
use crate::plan::Plan;
use crate::table::Circumstances;

/// Measures Lanline and others, and writes a report.
#[derive(Debug, Parser)]
#[command(name = "lanline-bench")]
enum Arguments {
    /// The path of a message: kept, passed on, caught up with
    Messages(Messages),
    /// What those who talk notice of strangers without number
    Flood(lanline::Flood),
    /// The strangers: started by the bench
    #[command(hide = true)]
    Strangers(strangers::Strangers),
}

#[derive(Debug, clap::Args)]
struct Messages {
    /// One short run of everything
    #[arg(long)]
    quick: bool,
    /// Runs of each measure
    #[arg(long)]
    runs: Option<usize>,
    /// Only these parts: ingest, latency, fanout, large, catchup, behind, idle, back
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Not the others
    #[arg(long)]
    alone: bool,
    /// Servers on processor 0, load clients on the others
    #[arg(long)]
    pin: bool,
    /// The server's binary
    #[arg(long, default_value = "target/release/lanline")]
    lanline: PathBuf,
    /// Where servers keep their data while it runs: on the disk that is meant [default: below the target folder]
    #[arg(long)]
    work: Option<PathBuf>,
    /// Where the report goes
    #[arg(long, default_value = "docs/benchmarks")]
    out: PathBuf,
}

impl Messages {
    /// What to type to have the same measured. Where things lie on this machine is not told.
    fn command(&self) -> String {
        let mut command = "cargo xtask bench messages".to_owned();
        for (given, word) in [(self.quick, " --quick"), (self.alone, " --alone"), (self.pin, " --pin")] {
            command.push_str(if given { word } else { "" });
        }
        if let Some(runs) = self.runs {
            command.push_str(&format!(" --runs {runs}"));
        }
        if !self.only.is_empty() {
            command.push_str(&format!(" --only {}", self.only.join(",")));
        }
        command
    }
}

fn main() -> ExitCode {
    let done = match Arguments::parse() {
        Arguments::Messages(messages) => run(&messages),
        Arguments::Flood(flood) => block_on(flood.run()),
        Arguments::Strangers(strangers) => block_on(strangers.run()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Set where this program was started again on its own processors.
const PINNED: &str = "LANLINE_BENCH_PINNED";

fn run(messages: &Messages) -> Result<()> {
    if messages.pin && std::env::var_os(PINNED).is_none() {
        let mut again = std::process::Command::new("taskset");
        let cpus = std::thread::available_parallelism()?.get();
        again.args(["-c", &format!("1-{}", cpus.saturating_sub(1).max(1))]).arg(std::env::current_exe()?);
        let status = again.args(std::env::args_os().skip(1)).env(PINNED, "1").status().context("taskset")?;
        if !status.success() {
            bail!("the pinned run failed");
        }
        return Ok(());
    }
    block_on(bench(messages))
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    more_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}

/// Each connection is a file, here and in the servers.
fn more_files() -> Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).context("the limit of open files")?;
    }
    Ok(())
}

async fn bench(messages: &Messages) -> Result<()> {
    let binary = messages.lanline.canonicalize().with_context(|| format!("{}", messages.lanline.display()))?;
    let work = match &messages.work {
        Some(work) => work.clone(),
        None => binary.with_file_name("bench-data"),
    };
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::create_dir_all(&work)?;
    let quick = messages.quick;
    let (large, behind) = if quick { (200, 100_000) } else { (1000, 1_000_000) };
    let mut plan = Plan {
        runs: messages.runs.unwrap_or(if quick { 1 } else { 5 }),
        time: Duration::from_millis(if quick { 700 } else { 2000 }),
        samples: if quick { 100 } else { 500 },
        samples_last: if quick { 20 } else { 200 },
        idle: if quick { 1000 } else { 10_000 },
        large,
        backlog: if quick { [10_000, 40_000] } else { [60_000, 240_000] },
        behind,
        only: messages.only.clone(),
        work: work.canonicalize()?,
        processors: messages.pin.then(|| "0".to_owned()),
        book: Book::new(large, behind),
    };
    let mut circumstances = Circumstances {
        date: jiff::ZonedDateTime::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
        machine: machine::describe(&plan.work),
        command: messages.command(),
        runs: plan.runs,
        pinned: messages.pin,
        fsync: (Runs::default(), Runs::default()),
        load: machine::load(),
        lanline: machine::version(&binary),
        idle: plan.idle,
        large: plan.large,
    };
    measure_disk(&mut circumstances, &plan.work)?;
    lanline::measure(&mut plan, &binary).await.context("Lanline")?;
    measure_disk(&mut circumstances, &plan.work)?;
    for peer in Peer::ALL.into_iter().filter(|_| !messages.alone) {
        if peer.find().is_none() {
            eprintln!("bench: SKIPPED: {} is not installed", peer.name());
            continue;
        }
        peers::measure(&mut plan, peer).await;
        measure_disk(&mut circumstances, &plan.work)?;
    }
    let _ = std::fs::remove_dir_all(&plan.work);
    std::fs::create_dir_all(&messages.out)?;
    let caption = format!("{}; {}", circumstances.date, if quick { "a short run" } else { "medians" });
    std::fs::write(messages.out.join("messages.md"), table::report(&plan.book, &circumstances))?;
    std::fs::write(messages.out.join("messages.svg"), picture::draw(&plan.book, &caption))?;
    eprintln!("bench: written to {}", messages.out.display());
    Ok(())
}

fn measure_disk(circumstances: &mut Circumstances, folder: &Path) -> Result<()> {
    let fsync = disk::fsync(folder)?;
    eprintln!("bench: F: p50 {:.3} ms, p99 {:.3} ms; load {:.2}", fsync.p50, fsync.p99, machine::load());
    circumstances.fsync.0.0.push(fsync.p50);
    circumstances.fsync.1.0.push(fsync.p99);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_told_without_paths() {
        let words =
            ["bench", "messages", "--work", "/x/y", "--only", "ingest,idle", "--runs", "3", "--lanline", "/x/z"];
        let Arguments::Messages(messages) = Arguments::parse_from(words) else { panic!("messages") };
        assert_eq!(messages.command(), "cargo xtask bench messages --runs 3 --only ingest,idle");
    }
}
