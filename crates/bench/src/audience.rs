//! Clients that are delivered to, each in a task of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::link::{Link, PATIENCE};

#[derive(Default)]
struct Shared {
    /// For each client, how many messages reached it.
    heard: Vec<AtomicU64>,
    total: AtomicU64,
    /// The total that is waited for, and when it was reached.
    wanted: AtomicU64,
    reached: Mutex<Option<Instant>>,
    wake: Notify,
    failure: Mutex<Option<String>>,
}

/// See the module's documentation. Dropping it hangs up.
pub(crate) struct Audience {
    shared: Arc<Shared>,
    _clients: JoinSet<()>,
}

impl Audience {
    pub(crate) fn new(links: Vec<Link>) -> Self {
        let heard = links.iter().map(|_| AtomicU64::new(0)).collect();
        let shared = Arc::new(Shared { heard, wanted: AtomicU64::new(u64::MAX), ..Shared::default() });
        let mut clients = JoinSet::new();
        for (index, link) in links.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            clients.spawn(async move {
                if let Err(error) = listen(index, link, &shared).await {
                    *shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{error:#}"));
                    shared.wake.notify_one();
                }
            });
        }
        Self { shared, _clients: clients }
    }

    pub(crate) fn size(&self) -> usize {
        self.shared.heard.len()
    }

    /// How many messages reached all of them, together.
    pub(crate) fn total(&self) -> u64 {
        self.shared.total.load(Ordering::Acquire)
    }

    /// How many reached the slowest.
    pub(crate) fn slowest(&self) -> u64 {
        self.shared.heard.iter().map(|heard| heard.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    /// Has it noted when the total reaches this; before the messages are sent that lead to it.
    pub(crate) fn want(&self, total: u64) {
        *self.shared.reached.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.shared.wanted.store(total, Ordering::Release);
    }

    /// When it did, which is waited for.
    pub(crate) async fn reached(&self) -> Result<Instant> {
        let waiting = async {
            loop {
                self.check()?;
                if let Some(reached) = *self.shared.reached.lock().unwrap_or_else(PoisonError::into_inner) {
                    return anyhow::Ok(reached);
                }
                if self.total() >= self.shared.wanted.load(Ordering::Acquire) {
                    return Ok(Instant::now());
                }
                self.shared.wake.notified().await;
            }
        };
        let wanted = self.shared.wanted.load(Ordering::Acquire);
        timeout(PATIENCE, waiting).await.with_context(|| format!("{} of {wanted} were delivered", self.total()))?
    }

    /// An error where a client is gone.
    pub(crate) fn check(&self) -> Result<()> {
        match self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(failure) => bail!("a client: {failure}"),
            None => Ok(()),
        }
    }
}

async fn listen(index: usize, mut link: Link, shared: &Shared) -> Result<()> {
    let own = shared.heard.get(index).context("a client too many")?;
    loop {
        let delivered = link.turn().await?.delivered;
        if delivered == 0 {
            continue;
        }
        own.fetch_add(delivered, Ordering::AcqRel);
        let total = shared.total.fetch_add(delivered, Ordering::AcqRel) + delivered;
        if total >= shared.wanted.load(Ordering::Acquire) {
            let now = Instant::now();
            shared.reached.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
            shared.wake.notify_one();
        }
    }
}
