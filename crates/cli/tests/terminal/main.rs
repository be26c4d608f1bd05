//! The real binary, as a person or another program meets it: over its streams, its exit code and its signals.

// A test may fail by panicking; clippy's exceptions for tests do not reach what tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)]

#[cfg(unix)]
mod bridge;
mod call;
#[cfg(unix)]
mod chat;
mod commands;
#[cfg(unix)]
mod cut;
#[cfg(unix)]
mod devices;
#[cfg(target_os = "linux")]
mod key_store;
mod nearby;
mod people;
mod process;
mod rpc;
#[cfg(unix)]
mod secrets;
mod send;
mod serve;
mod start;
#[cfg(unix)]
mod talk;
#[cfg(target_os = "linux")]
mod users;
