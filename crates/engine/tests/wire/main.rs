//! A device as others meet it: real sockets, real TLS, and on the other side a peer that writes what it likes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

/// Some tests ask how much memory is taken.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

mod attacks;
mod described;
mod device;
#[path = "../../../protocol/tests/rooms/schema.rs"]
mod schema;
mod specification;
