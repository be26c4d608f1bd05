//! The report, as Markdown.

use std::fmt::Write;

use crate::book::{Book, Cell, LANLINE, Measure};
use crate::disk::Fsync;
use crate::figures::{Runs, show};
use crate::peers::Peer;

/// A load above which somebody else is at work.
const QUIET: f64 = 0.5;

/// What the report says besides the figures.
pub(crate) struct Circumstances {
    pub(crate) date: String,
    pub(crate) machine: String,
    pub(crate) command: String,
    pub(crate) runs: usize,
    pub(crate) pinned: bool,
    pub(crate) fsync: (Runs, Runs),
    /// Of the last minute, before the first measure.
    pub(crate) load: f64,
    pub(crate) lanline: String,
    pub(crate) idle: usize,
    /// The audience that is called 1,000.
    pub(crate) large: usize,
}

impl Circumstances {
    /// F.
    pub(crate) fn fsync(&self) -> Fsync {
        Fsync { p50: self.fsync.0.median(), p99: self.fsync.1.median() }
    }
}

fn subjects() -> Vec<&'static str> {
    std::iter::once(LANLINE).chain(Peer::ALL.map(Peer::name)).collect()
}

impl Measure {
    pub(crate) fn cell(&self, subject: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.subject == subject)
    }

    /// How many times better Lanline is.
    fn ratio(&self, cell: &Cell) -> Option<f64> {
        let (own, other) = (self.cell(LANLINE)?, cell);
        if own.failed || other.failed {
            return None;
        }
        let (own, other) = (own.runs.median(), other.runs.median());
        let ratio = if self.higher_is_better { own / other } else { other / own };
        ratio.is_finite().then_some(ratio)
    }
}

fn value(runs: &Runs) -> String {
    if runs.0.len() < 2 {
        return show(runs.median());
    }
    format!("**{}** ({}–{})", show(runs.median()), show(runs.least()), show(runs.most()))
}

fn row(book: &Book, measure: &Measure) -> String {
    let mut row = format!("| {} | {} |", book.title(measure), measure.unit);
    for subject in subjects() {
        let shown = match measure.cell(subject) {
            None => "–".to_owned(),
            Some(cell) if cell.failed => "failed".to_owned(),
            Some(cell) => {
                let mut shown = value(&cell.runs);
                if subject != LANLINE
                    && let Some(ratio) = measure.ratio(cell)
                {
                    let _ = write!(shown, ", {}×", show(ratio));
                }
                if !cell.cpu_us.0.is_empty() {
                    let _ = write!(shown, ", {} µs", show(cell.cpu_us.median()));
                }
                shown
            }
        };
        let _ = write!(row, " {shown} |");
    }
    let goal = measure.goal.map_or_else(String::new, |(floor, goal)| format!("{} / {}", show(floor), show(goal)));
    row + &format!(" {goal} |\n")
}

/// The whole report.
pub(crate) fn report(book: &Book, of: &Circumstances) -> String {
    let f = of.fsync();
    let names = subjects().join(" | ");
    let rows: String =
        book.measures.iter().filter(|measure| !measure.cells.is_empty()).map(|measure| row(book, measure)).collect();
    let mut versions = format!(
        "| {LANLINE} | {} | TLS 1.3, both sides known by key | every message on disk (`fsync`) before it is acknowledged or passed on |\n",
        of.lanline
    );
    for peer in Peer::ALL {
        let _ = writeln!(
            versions,
            "| {} | {} | TLS 1.3, the server's certificate | {} |",
            peer.name(),
            peer.version(),
            peer.durability()
        );
    }
    let how = if of.pinned {
        "The servers had one processor, the load clients the other."
    } else {
        "Servers and load clients shared all processors."
    };
    let mut caution = String::new();
    if of.large != 1000 {
        let _ = write!(caution, "**A short run**: instead of 1,000 clients there were {}. ", of.large);
    }
    if of.load > QUIET {
        caution.push_str("**Not to be quoted**: other programs ran on this machine meanwhile. ");
    }
    format!(
        "# Messages\n\n\
         Written by `{}` on {}.\n\n\
         ![Lanline beside others](messages.svg)\n\n\
         **Machine**: {}. Load of the minute before: {:.2}. {how} {caution}\n\
         **F**, this disk's own time to keep 4 KiB (`write` and `fdatasync`, in the same folder, before and between the \
         measures): p50 {} ms, p99 {} ms.\n\n\
         Each cell is the median of {} runs and the least and most of them, then how many times better Lanline is, then \
         the processor time of the server for one message, delivery or entry; *failed*: it did not come to an end. The \
         last column is Lanline's floor and goal.\n\n\
         | measure | unit | {names} | floor / goal |\n|---|---|{}---|\n{rows}\n\
         ## Who is measured\n\n\
         | | version | TLS | what an answer means |\n|---|---|---|---|\n{versions}\n\
         ## How\n\n\
         - All run on this machine, one after the other, over loopback, spoken to by the same load generator: the same \
         TLS library, sockets and tasks, each protocol by hand. Load clients of Lanline sign beforehand, keep no store \
         and check no signatures; each comes from an address of its own.\n\
         - *Kept and answered*: each client has up to 256 messages without an answer, put 64 at a time. Lanline's clients \
         are members of one room who do not ask to be sent what others say; the others' do not subscribe. Without \
         \"64 a signature\" every message is signed for itself, which a Lanline device does only where it says one at a \
         time; with it, a signature covers 64, as a device does that has much to say.\n\
         - *Delivered*, *from one client to*: one publishes. It is never more than 1,024 messages before the slowest. \
         Lanline passes on what is on its disk. JetStream's one subscriber of the latency is sent what is in the stream; \
         its many subscribers are sent what is published, without waiting for that.\n\
         - *Idle connections*: {} connected members of rooms of 200, quiet but for heartbeats; the proportional set size \
         that they add, as how many fit a GiB.\n\
         - *A device that joins late*: a second `lanline` process, which checks every signature and keeps everything, \
         until it has acknowledged the room's last message. *Sent to a client that was away*: the server's part of that alone.\n\
         - *Back*: from `kill -9` of the server, which is started again at once, until the last of the clients is in step \
         again. Each tries at once, then after 0.5 s, doubling to 5 s, with a quarter of jitter.\n",
        of.command,
        of.date,
        of.machine,
        of.load,
        show(f.p50),
        show(f.p99),
        of.runs,
        "---|".repeat(subjects().len()),
        of.idle,
    )
}
