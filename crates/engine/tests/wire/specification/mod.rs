//! One test for each labelled sentence of `docs/protocol.md` that needs a real connection, named after its label;
//! the others are in `crates/protocol/tests/rooms/specification`.

mod framing;
pub(crate) mod handshake;
mod heartbeat;
mod reaching;
