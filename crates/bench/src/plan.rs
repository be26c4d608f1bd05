//! How much is done in a run.

use std::path::PathBuf;
use std::time::Duration;

use crate::book::Book;

/// Sizes of messages, in bytes.
pub(crate) const PAYLOADS: [usize; 3] = [64, 256, 4096];

/// Messages unanswered at most.
pub(crate) const WINDOW: usize = 256;

/// The same for all whom it measures.
pub(crate) struct Plan {
    pub(crate) runs: usize,
    /// How long publishers publish.
    pub(crate) time: Duration,
    /// Samples of a latency, and of that to a large audience.
    pub(crate) samples: usize,
    pub(crate) samples_last: usize,
    pub(crate) idle: usize,
    pub(crate) large: usize,
    /// Entries that a device catches up with, singly signed and by 64.
    pub(crate) backlog: [usize; 2],
    /// Entries that a device is behind when it joins a room that goes on.
    pub(crate) behind: usize,
    /// What is measured; empty: everything.
    pub(crate) only: Vec<String>,
    /// Where the servers keep their data.
    pub(crate) work: PathBuf,
    /// Processors that servers are kept to.
    pub(crate) processors: Option<String>,
    pub(crate) book: Book,
}

impl Plan {
    /// Whether a part is to be done.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// A folder for a server.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }
}

/// A message of so many bytes.
pub(crate) fn text(bytes: usize) -> String {
    "Whatever one says, the others hold. ".chars().cycle().take(bytes).collect()
}
