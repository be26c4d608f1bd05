//! Where a conversation is shown: lines go out one after another on a thread of their own, so that a terminal that
//! stands still holds nothing up.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{Notify, mpsc};

use crate::{
    clock,
    line::{Line, Look},
    print,
};

/// How many lines may wait to be printed before no more is taken in.
const WAITING: usize = 1000;
/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Prints text that ends with a line end.
pub(crate) type Printer = Box<dyn FnMut(String) -> io::Result<()> + Send>;

/// The screen, or whatever reads standard output.
#[derive(Debug)]
pub(crate) struct Screen {
    lines: mpsc::UnboundedSender<String>,
    waiting: Arc<Waiting>,
    thread: JoinHandle<()>,
    look: Look,
    /// Whether a person looks at it.
    terminal: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    count: AtomicUsize,
    fewer: Notify,
}

impl Screen {
    /// Over a printer that leaves the line alone which is being typed; or over standard output.
    pub(crate) fn new(printer: Option<Printer>, look: Look) -> Self {
        let terminal = printer.is_some();
        let (lines, to_print) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        let counted = Arc::clone(&waiting);
        let printer = printer.unwrap_or_else(|| Box::new(print_out));
        let thread = std::thread::spawn(move || print_all(to_print, &counted, printer));
        Self { lines, waiting, thread, look, terminal }
    }

    /// Whether a person looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn show(&self, line: &Line) {
        // A window that was resized has other edges now.
        let columns = if self.terminal { print::columns() } else { None };
        let look = Look { columns, ..self.look.clone() };
        let mut text = line.print(&look, clock::now_ms());
        text.push('\n');
        self.waiting.count.fetch_add(1, Ordering::Relaxed);
        // Fails once nobody reads; then `closed` is done.
        let _ = self.lines.send(text);
    }

    /// Waits until what was shown has mostly been printed. May be dropped while waiting.
    pub(crate) async fn ready(&self) {
        loop {
            let fewer = self.waiting.fewer.notified();
            if self.waiting.count.load(Ordering::Relaxed) < WAITING {
                return;
            }
            fewer.await;
        }
    }

    /// Done when nobody reads any more.
    pub(crate) async fn closed(&self) {
        self.lines.closed().await;
    }

    /// Waits a moment for the last lines.
    pub(crate) async fn close(self) {
        let Self { lines, thread, .. } = self;
        drop(lines);
        let _ = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(|| thread.join())).await;
    }
}

fn print_all(mut lines: mpsc::UnboundedReceiver<String>, waiting: &Waiting, mut printer: Printer) {
    while let Some(mut text) = lines.blocking_recv() {
        let mut count = 1;
        // What is there already goes out at once: every print redraws the line being typed.
        while let Ok(more) = lines.try_recv() {
            text.push_str(&more);
            count += 1;
        }
        if !print::printed(printer(text)) {
            return;
        }
        waiting.count.fetch_sub(count, Ordering::Relaxed);
        waiting.fewer.notify_waiters();
    }
}

fn print_out(text: String) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
