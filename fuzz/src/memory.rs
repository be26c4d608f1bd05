//! How much memory an input may take, and that none of it stays. libFuzzer's own limits look at the whole process, and
//! find a megabyte too much only when it is taken a thousand times.

use std::sync::atomic::{AtomicUsize, Ordering};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What all inputs together may leave behind: what is made once and kept for all of them.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// What stayed so far.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// Runs what an input leads to.
///
/// # Panics
/// Where it takes more than so many bytes at a time, or where inputs so far left too much behind.
pub fn within(bytes: usize, run: impl FnOnce()) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    run();
    let most = MEMORY.peak_usage().saturating_sub(before);
    assert!(most <= bytes, "it took {most} bytes at a time, and may take {bytes}");
    let stays = MEMORY.current_usage().saturating_sub(before);
    let kept = KEPT.fetch_add(stays, Ordering::Relaxed).saturating_add(stays);
    assert!(kept <= KEPT_BYTES, "{kept} bytes stayed behind");
}
