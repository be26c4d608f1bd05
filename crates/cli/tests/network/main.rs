//! Real devices on a real network that breaks: cables, sleep, crashes, strangers, a full disk. Each is a `lanline rpc`.

// A test may fail by panicking; clippy's exceptions for tests do not reach what tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[cfg(unix)]
mod asleep;
#[cfg(target_os = "linux")]
mod cable;
mod conversation;
#[allow(dead_code, reason = "`tests/networks` drives devices by it, too")]
mod device;
#[cfg(target_os = "linux")]
mod disk;
mod gathering;
mod impostor;
mod killed;
#[cfg(target_os = "linux")]
mod lan;
#[cfg(target_os = "linux")]
mod outliving;
mod stopped;
mod stranger;

/// Says that a test could not be run here. Not with `eprintln!`, which the test harness swallows.
fn skipped(needs: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: needs {needs}");
}
