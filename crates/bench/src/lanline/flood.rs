//! Two members talk while strangers flood the server.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use super::measure::{connected, members, prepare};
use super::{Server, Takes};
use crate::audience::Audience;
use crate::drive::{latency, meanwhile};
use crate::figures::{Runs, percentile, show};
use crate::machine;

/// Strangers.
const HALF_OPEN: usize = 10_000;
const GARBAGE: usize = 1_000;

/// How long a stranger waits before it is there again, from patient to as fast as it can.
const EVERY_MS: [u64; 3] = [10_000, 1_000, 0];

/// Floors: how many times the quiet p99, and how many MiB more.
const TIMES: f64 = 2.0;
const MORE_MIB: f64 = 64.0;

/// After the strangers began, and when they are gone, until it is measured.
const SETTLE: Duration = Duration::from_secs(3);

/// Until when files have to be given back once they are gone, and after how long it is looked what memory is left.
const BACK: Duration = Duration::from_secs(30);
const LEFT: Duration = Duration::from_secs(10);

/// How often a member comes back while they are at it.
const VISITS: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Flood {
    /// One short run
    #[arg(long)]
    quick: bool,
    /// The server's binary
    #[arg(long, default_value = "target/release/lanline")]
    lanline: PathBuf,
    /// Where the server keeps its data while it runs [default: beside the binary]
    #[arg(long)]
    work: Option<PathBuf>,
    /// Where the report goes
    #[arg(long, default_value = "docs/benchmarks")]
    out: PathBuf,
}

/// The process of the strangers; killed when dropped.
struct Strangers {
    child: Child,
    /// How many were dialled so far, and are connected.
    said: Arc<Mutex<(u64, u64)>>,
}

impl Strangers {
    /// At the lowest priority: they are to cost the server, not the members' processors.
    fn start(server: &Server, every_ms: u64) -> Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(std::env::current_exe()?).args(["strangers", "--to"]);
        command.arg(server.address().to_string());
        command.args(["--half-open", &HALF_OPEN.to_string(), "--garbage", &GARBAGE.to_string()]);
        command.args(["--every-ms", &every_ms.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("nice")?;
        let output = child.stdout.take().context("no output")?;
        let said = Arc::new(Mutex::new((0, 0)));
        let told = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((dialled, connected)) = line.split_once(' ')
                    && let (Ok(dialled), Ok(connected)) = (dialled.parse(), connected.parse())
                {
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = (dialled, connected);
                }
            }
        });
        Ok(Self { child, said })
    }

    fn count(&self) -> (u64, u64) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was measured of one kind of flood, and of none.
#[derive(Default)]
struct Row {
    p50: Runs,
    p99: Runs,
    rss: Runs,
    files: Runs,
    dials: Runs,
    cpu: Runs,
    visit_p50: Runs,
    visit_most: Runs,
    back: Runs,
    left: Runs,
}

impl Flood {
    /// Measures, and writes the report.
    pub(crate) async fn run(&self) -> Result<()> {
        let binary = self.lanline.canonicalize().with_context(|| format!("{}", self.lanline.display()))?;
        let work = self.work.clone().unwrap_or_else(|| binary.with_file_name("bench-data"));
        if work.exists() {
            std::fs::remove_dir_all(&work)?;
        }
        std::fs::create_dir_all(&work)?;
        let work = work.canonicalize()?;
        let load = machine::load();
        let (runs, samples) = if self.quick { (1, 400) } else { (5, 2_000) };
        let mut quiet = Row::default();
        let mut floods = EVERY_MS.map(|every_ms| (every_ms, Row::default()));
        for run in 0..runs {
            for (every_ms, row) in &mut floods {
                let folder = work.join(format!("lanline-flood-{run}-{every_ms}"));
                measure(&binary, &folder, *every_ms, samples, &mut quiet, row).await?;
            }
        }
        let machine = machine::describe(&work);
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&self.out)?;
        let header = Header {
            command: format!("cargo xtask bench flood{}", if self.quick { " --quick" } else { "" }),
            machine,
            version: machine::version(&binary),
            load,
            runs,
            samples,
        };
        std::fs::write(self.out.join("flood.md"), report(&header, &quiet, &floods))?;
        eprintln!("bench: written to {}", self.out.display());
        Ok(())
    }
}

async fn measure(
    binary: &Path,
    folder: &Path,
    every_ms: u64,
    samples: usize,
    quiet: &mut Row,
    row: &mut Row,
) -> Result<()> {
    let server = Server::start(binary, folder, None)?;
    let room = server.room("flood", 3)?;
    let crowd = members(0, 3);
    server.admit(&room, &crowd).await?;
    let [one, other, visitor] = &crowd[..] else { bail!("three members") };
    let (one, other) = (std::slice::from_ref(one), std::slice::from_ref(other));
    prepare(one, &room, 2 * samples + 100, 1, 256).await?;
    let mut sender = connected(&server, &room, one, Takes::Nothing).await?;
    let audience = Audience::new(connected(&server, &room, other, Takes::Content).await?);
    // The first messages are slower for every reason but strangers.
    latency(&mut sender, &audience, 100).await?;

    let mut before = latency(&mut sender, &audience, samples).await?;
    let (rss_before, files_before) = (server.daemon.rss_mib()?, server.daemon.files()?);
    quiet.p50.0.push(percentile(&mut before, 50.0));
    quiet.p99.0.push(percentile(&mut before, 99.0));
    quiet.rss.0.push(rss_before);
    quiet.files.0.push(files_before as f64);

    let strangers = Strangers::start(&server, every_ms)?;
    let settling = async {
        sleep(SETTLE).await;
        Ok(())
    };
    meanwhile(&mut sender, settling).await?;
    let watching = Watch::begin(&server)?;
    let ((dialled, _), cpu, begun) = (strangers.count(), server.daemon.cpu()?, Instant::now());
    let mut during = latency(&mut sender, &audience, samples).await?;
    let passed = begun.elapsed().as_secs_f64();
    let (now_dialled, now_connected) = strangers.count();
    row.p50.0.push(percentile(&mut during, 50.0));
    row.p99.0.push(percentile(&mut during, 99.0));
    row.dials.0.push((now_dialled.saturating_sub(dialled)) as f64 / passed);
    row.cpu.0.push((server.daemon.cpu()? - cpu) / passed * 100.0);

    // A member that was away comes back.
    let mut visits = Vec::new();
    let visiting = async {
        for _ in 0..VISITS {
            let begun = Instant::now();
            let mut tries = 0;
            while let Err(error) = server.connect(&room, visitor, Takes::Nothing).await {
                tries += 1;
                if tries > 20 {
                    return Err(error.context("a member is kept out"));
                }
                // As a device does.
                sleep(Duration::from_millis(500)).await;
            }
            visits.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(())
    };
    meanwhile(&mut sender, visiting).await?;
    row.visit_p50.0.push(percentile(&mut visits, 50.0));
    row.visit_most.0.push(percentile(&mut visits, 100.0));
    let (rss, files) = watching.end();
    row.rss.0.push(rss);
    row.files.0.push(files as f64);
    eprintln!(
        "bench: every {every_ms} ms: p99 {:.2} -> {:.2} ms, {rss_before:.1} -> {rss:.1} MiB, {} dials/s, {now_connected} held",
        percentile(&mut before, 99.0),
        percentile(&mut during, 99.0),
        show(row.dials.0.last().copied().unwrap_or_default()),
    );

    drop(strangers);
    let begun = Instant::now();
    let back = async {
        while server.daemon.files()? > files_before + 2 {
            if begun.elapsed() > BACK {
                bail!("{} files open after {BACK:?}, {files_before} before", server.daemon.files()?);
            }
            sleep(Duration::from_millis(20)).await;
        }
        let back = begun.elapsed();
        sleep(LEFT.saturating_sub(back)).await;
        Ok(back.as_secs_f64())
    };
    row.back.0.push(meanwhile(&mut sender, back).await?);
    row.left.0.push(server.daemon.rss_mib()?);
    Ok(())
}

/// The most memory and the most open files while it is on.
struct Watch {
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<(f64, usize)>,
}

impl Watch {
    fn begin(server: &Server) -> Result<Self> {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (stopped, look) = (Arc::clone(&stop), server.daemon.look());
        let thread = std::thread::spawn(move || {
            let (mut rss, mut files) = (0.0_f64, 0);
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                rss = rss.max(look.rss_mib().unwrap_or_default());
                files = files.max(look.files().unwrap_or_default());
                std::thread::sleep(Duration::from_millis(100));
            }
            (rss, files)
        });
        Ok(Self { stop, thread })
    }

    fn end(self) -> (f64, usize) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

struct Header {
    command: String,
    machine: String,
    version: String,
    load: f64,
    runs: usize,
    samples: usize,
}

fn spread(runs: &Runs) -> String {
    if runs.0.len() < 2 {
        return show(runs.median());
    }
    format!("{} ({}–{})", show(runs.median()), show(runs.least()), show(runs.most()))
}

fn report(header: &Header, quiet: &Row, floods: &[(u64, Row)]) -> String {
    let date = jiff::ZonedDateTime::now().strftime("%Y-%m-%d %H:%M %Z").to_string();
    let mut text = format!(
        "# Flood\n\nWritten by `{}` on {date}.\n\n**Machine**: {}. Load of the minute before: {:.2}. {}.\n\n",
        header.command, header.machine, header.load, header.version
    );
    if header.load > 0.5 {
        text.push_str("**Not to be quoted**: other programs ran on this machine meanwhile.\n\n");
    }
    text.push_str(&format!(
        "Two members of one room send each other {} messages of 256 B, 5 ms apart, over a server process that meanwhile \
         {HALF_OPEN} strangers hold on to with half-open connections (half of them say nothing, half of them half of a \
         ClientHello) and {GARBAGE} with garbage (HTTP; noise; a broken ClientHello; a good one and then noise). Each \
         stranger has an address of its own, and is there again so long after it was shown out. All run on this machine, \
         the strangers at the lowest priority. Medians of {} runs, and the least and most of them.\n\n",
        header.samples, header.runs
    ));
    text.push_str("| | quiet |");
    for (every_ms, _) in floods {
        text.push_str(&match every_ms {
            0 => " again at once |".to_owned(),
            ms => format!(" again after {} s |", ms / 1000),
        });
    }
    text.push_str(" floor |\n|---|---|");
    text.push_str(&"---|".repeat(floods.len() + 1));
    let quiet_p99 = quiet.p99.median();
    let quiet_rss = quiet.rss.median();
    let mut line = |title: &str, quiet: String, cell: &dyn Fn(&Row) -> String, floor: &str| {
        text.push_str(&format!("\n| {title} | {quiet} |"));
        for (_, row) in floods {
            text.push_str(&format!(" {} |", cell(row)));
        }
        text.push_str(&format!(" {floor} |"));
    };
    line("strangers' connections a second", "–".into(), &|row| spread(&row.dials), "");
    line("from one member to the other, p50, ms", spread(&quiet.p50), &|row| spread(&row.p50), "");
    line(
        "p99, ms",
        spread(&quiet.p99),
        &|row| format!("{}, {:.2}×", spread(&row.p99), row.p99.median() / quiet_p99),
        &format!("{TIMES:.0}×"),
    );
    line(
        "memory (RSS), MiB",
        spread(&quiet.rss),
        &|row| format!("{}, +{:.1}", spread(&row.rss), row.rss.median() - quiet_rss),
        &format!("+{MORE_MIB:.0}"),
    );
    line("open files", spread(&quiet.files), &|row| spread(&row.files), "");
    line("the server's processor time, %", "–".into(), &|row| spread(&row.cpu), "");
    line("a member comes back meanwhile, p50, ms", "–".into(), &|row| spread(&row.visit_p50), "");
    line("the slowest of 20, ms", "–".into(), &|row| spread(&row.visit_most), "");
    line("all files closed, s after they are gone", "–".into(), &|row| spread(&row.back), "30");
    line(
        &format!("memory {} s after they are gone, MiB", LEFT.as_secs()),
        "–".into(),
        &|row| format!("{}, +{:.1}", spread(&row.left), row.left.median() - quiet_rss),
        "",
    );
    text.push_str(
        "\n\nWhat memory is left is what the system's allocator keeps for the next time: a server for each column and run. \
         A member that does not get in tries again after half a second, which counts.\n",
    );
    text
}
