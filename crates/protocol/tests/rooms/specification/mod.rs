//! One test for each labelled sentence of `docs/protocol.md`, named after its label: bytes that break the rule come
//! from outside and the device does what the sentence says; and the same without the fault goes well.
//!
//! `tests/document.rs` holds the names here and the labels there together. What needs real sockets is in
//! `crates/engine/tests/specification`.

mod by_code;
mod cbor;
mod comparing;
mod entries;
mod frames;
mod groups;
mod hand;
mod joining;
mod lanes;
mod losing;
mod membership;
mod opening;
mod reaching;
mod receipts;
mod records;
mod starting;
mod voting;
