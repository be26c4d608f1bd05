//! Real `lanline` processes on real SQLite, which are killed, stopped, cut off and restarted while they talk; and a
//! ledger, kept outside of them, of what they answered and told.
//!
//! Linux only: what keeps the devices apart are network namespaces.

#![cfg(target_os = "linux")]

pub mod campaign;
mod chance;
mod cycle;
mod device;
pub mod disk;
mod fault;
mod ledger;
mod place;
mod process;
mod relay;
mod strace;
