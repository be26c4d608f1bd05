//! Runs one scenario, and holds what came of it against the table.

use std::{
    io::Write,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    lab::Lab,
    table::{self, NETWORKS},
};

/// With it set, a run that can make no networks fails: where they are known to be possible.
const NEEDED: &str = "LANLINE_NEEDS_NAMESPACES";

/// Scenarios run beside each other, but for those that measure how busy a device is.
static TURN: RwLock<()> = RwLock::new(());

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The same in each run.
    pub(crate) happens: String,
    /// What differs from run to run.
    pub(crate) measured: String,
}

impl Outcome {
    /// This is what happens in each run.
    pub(crate) fn new(happens: impl Into<String>) -> Self {
        Self { happens: happens.into(), measured: String::new() }
    }

    /// And this was so in this one.
    pub(crate) fn measured(mut self, measured: impl Into<String>) -> Self {
        self.measured = measured.into();
        self
    }
}

/// Says that it is over when it goes, also by a panic: who waits for it on another thread would wait for ever.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs the scenario of this network, perhaps beside others.
pub(crate) fn on(network: &str, tell: impl FnOnce(&Lab) -> Outcome) {
    let turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
    run(network, tell);
    drop(turn);
}

/// Runs the scenario of this network while no other runs in this process.
pub(crate) fn alone_on(network: &str, tell: impl FnOnce(&Lab) -> Outcome) {
    let turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
    run(network, tell);
    drop(turn);
}

fn run(network: &str, tell: impl FnOnce(&Lab) -> Outcome) {
    assert!(NETWORKS.contains(&network), "`table::NETWORKS` lacks {network:?}");
    let Some(lab) = lab(network) else { return };
    let outcome = tell(&lab);
    say(&format!("{network}: {} ({})", outcome.happens, outcome.measured));
    table::hold(network, &outcome);
}

/// Where networks can be made; `None`, and it is said, where they cannot.
pub(crate) fn lab(purpose: &str) -> Option<Lab> {
    match Lab::open() {
        Ok(lab) => Some(lab),
        Err(lacks) => {
            assert!(std::env::var_os(NEEDED).is_none(), "no networks can be made here: this needs {lacks}");
            say(&format!("skipped: {purpose}: needs {lacks}"));
            None
        }
    }
}

/// Not with `eprintln!`, which the test harness swallows.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// As the table says it: to a tenth of a second.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// As the table says it: a share of one.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
