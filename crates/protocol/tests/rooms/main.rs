//! Whole devices talking: the production state machine, stores in memory, no sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

mod belonging;
mod by_code;
mod comparing;
mod converging;
mod counting;
mod crowding;
mod dividing;
mod electing;
mod finding;
mod forging;
mod gathering;
mod histories;
mod hostile;
mod joining;
mod known;
mod naming;
mod queueing;
mod receipts;
mod removing;
mod repairing;
mod returning;
mod schema;
mod specification;
mod taking_over;
mod talking;
mod telling;
mod voting;
mod world;
