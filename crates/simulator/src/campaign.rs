//! Many seeds on a few threads, each seed on one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::planted::Bug;
use crate::run::{Options, Outcome, run};

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// What each is like.
    pub options: Options,
    /// On how many threads.
    pub threads: usize,
    /// The mistake to make.
    pub bug: Option<Bug>,
    /// Whether to stop at the first violation.
    pub stop: bool,
    /// When to begin no more seeds.
    pub until: Option<Instant>,
}

/// What came of all of them.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// Time it took.
    pub took: Duration,
    /// Frames sent.
    pub frames: u64,
    /// Entries written.
    pub entries: usize,
    /// What was violated, by seed.
    pub violations: BTreeMap<u64, Outcome>,
}

impl Campaign {
    /// Runs all seeds. `each` is told of every one that is done, in no order.
    pub fn run(&self, each: impl Fn(&Outcome) + Sync) -> Summary {
        let begun = Instant::now();
        let (next, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        let summary = Mutex::new(Summary::default());
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    crate::planted::plant(self.bug);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let late = self.until.is_some_and(|until| Instant::now() >= until);
                        if number >= self.seeds || late || stopped.load(Ordering::Relaxed) {
                            return;
                        }
                        let outcome = run(self.first.wrapping_add(number), &self.options);
                        each(&outcome);
                        if outcome.violation.is_some() && self.stop {
                            stopped.store(true, Ordering::Relaxed);
                        }
                        // A thread that panicked leaves what was counted before it.
                        summary.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(outcome);
                    }
                });
            }
        });
        let mut summary = summary.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        summary.took = begun.elapsed();
        summary
    }
}

impl Summary {
    fn take(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.simulated += Duration::from_micros(outcome.simulated_us);
        self.frames += outcome.frames;
        self.entries += outcome.entries;
        if outcome.violation.is_some() {
            self.violations.insert(outcome.seed, outcome);
        }
    }

    /// How much faster than the world it went.
    pub fn speed_up(&self) -> f64 {
        self.simulated.as_secs_f64() / self.took.as_secs_f64().max(1e-9)
    }
}
