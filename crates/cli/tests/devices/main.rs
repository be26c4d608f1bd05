//! Devices that talk to each other: real processes, real sockets on loopback, real disks.
#![cfg(unix)]
// A test may fail by panicking; clippy's exceptions for tests do not reach what tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod crashing;
mod device;
mod membership;
#[path = "../terminal/process.rs"]
mod process;
mod refusing;
mod silence;
mod talking;
