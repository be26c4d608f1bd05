//! What the fuzz targets have in common. A target is handed bytes by libFuzzer and panics where Lanline does what it
//! must not; a panic, an overflow, more memory than an input may take, or memory that stays behind is a finding.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what panics is a finding"
)]

pub mod canonical;
pub mod forger;
pub mod insistent;
pub mod memory;
pub mod told;
pub mod world;
