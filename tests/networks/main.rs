//! Whole networks, each with something that keeps devices from finding or reaching one another, and real devices on
//! them. What came of each is a row in `docs/networks.md`.
//!
//! A network is made of namespaces: one for each switch, host and router, with virtual cables between them. All of it is
//! gone when the scenario is over, and what a run that was killed left behind when the next one begins.

// A test may fail by panicking; clippy's exceptions for tests do not reach what tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(target_os = "linux")]

mod apart;
#[allow(dead_code, reason = "it drives devices for other tests, too")]
#[path = "../../crates/cli/tests/network/conversation.rs"]
mod conversation;
#[allow(dead_code, reason = "it drives devices for other tests, too")]
#[path = "../../crates/cli/tests/network/device.rs"]
mod device;
mod finding;
mod firewalls;
mod lab;
mod moving;
mod plain;
mod rogue;
mod routes;
mod slow;
mod story;
mod subnets;
mod table;
