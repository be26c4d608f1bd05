//! Lanline's rooms, logs and sync, without I/O.
//!
//! Everything that decides lives here: which entries are valid, who belongs to a room, what the
//! other side lacks, when a message may be called delivered. Nothing here knows a clock, a socket,
//! a task, a thread or a database: input is frames, commands and ticks, with the time and the
//! randomness handed in; output is frames, events and calls to a [`store::Store`]. The engine drives
//! the same code with tokio and SQLite that the tests drive with a loop and a map.

mod admission;
mod append;
pub mod body;
mod branches;
pub mod by_code;
pub mod cbor;
mod chain;
pub mod checked;
pub mod clock;
pub mod code;
pub mod command;
pub mod comparing;
pub mod comparison;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connecting;
mod counting;
mod detour;
mod doubting;
pub mod entry;
mod evidence;
mod fate;
pub mod finding;
mod foresight;
pub mod frame;
mod gathering;
mod heads;
mod hearsay;
pub mod id;
pub mod identity;
mod joining;
pub mod kind;
pub mod known;
pub mod limits;
mod lineage;
pub mod link;
mod meeting;
pub mod membership;
pub mod memory;
pub mod name;
mod opening;
mod output;
pub mod pairing;
pub mod pake;
#[cfg(feature = "planted")]
pub mod planted;
#[cfg(not(feature = "planted"))]
#[allow(unreachable_pub, reason = "it is public with the feature")]
mod planted;
mod privacy;
pub mod proposal;
pub mod reaching;
pub mod receipt;
mod receiving;
pub mod record;
mod repair;
pub mod replica;
mod room;
mod sending;
pub mod session;
mod signatures;
pub mod store;
mod survey;
mod tail;
mod telling;
pub mod view;
pub mod voting;
