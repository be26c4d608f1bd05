//! A running Lanline device: its folder, store, server and connections, behind one set of commands and events.
//!
//! [`Node`] is the whole of it; [`api`] is what every door (app, JSON-RPC, terminal) translates.

pub mod api;
mod attending;
mod board;
mod commands;
mod core;
mod diagnosis;
mod dialing;
mod discovery;
pub mod events;
mod folder;
mod identity;
mod impostors;
mod moving;
mod name;
pub mod net;
mod node;
mod platform;
mod presenter;
mod reaching;
pub mod rpc;
mod server;
pub mod settings;
pub mod socket;
pub mod store;
mod turn;
mod whereabouts;

pub use self::core::CoreError;
#[cfg(feature = "fuzzing")]
pub use discovery::fuzzing as discovery_fuzzing;
pub use node::{Node, OpenError};
pub use presenter::Presentation;
pub use settings::{Flags, KeyChoice, SettingError, Settings};
