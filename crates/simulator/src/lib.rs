//! Many devices on one thread, by one seed, in virtual time: the production state machine
//! (`lanline_protocol::replica::Replica`) on a simulated disk and network, driven as the engine drives it, while
//! everything goes wrong that may. An onlooker who sees every disk holds each commit against what must always be so,
//! and, once faults stop, the devices against each other.
//!
//! The same seed gives the same run, to the byte. A part of a tool for tests: it stops at the first thing that cannot be.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test, though it is a program of its own")]

mod action;
mod asking;
mod belonging;
mod campaign;
mod damage;
mod device;
mod dialer;
mod dice;
mod disk;
mod failing;
mod ledger;
mod liar;
mod network;
mod outage;
mod person;
pub mod planted;
mod profile;
mod reopening;
mod run;
mod scene;
mod trace;
mod traffic;
mod verdict;
mod view;
mod watch;
mod words;
mod work;
mod world;

pub use campaign::{Campaign, Summary};
pub use run::{Options, Outcome, run};
pub use world::Violation;
