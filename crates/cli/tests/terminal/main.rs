//! The real binary, as another program meets it: over its streams, its exit code and its signals.

// A test may fail by panicking; clippy's exceptions for tests do not reach what tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)]

mod call;
#[cfg(unix)]
mod devices;
mod process;
mod rpc;
mod serve;
mod start;
