//! The subcommands that ask the device for one thing and print the answer.

pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod create;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod man;
pub(crate) mod members;
pub(crate) mod messages;
pub(crate) mod nearby;
pub(crate) mod owner;
pub(crate) mod peers;
pub(crate) mod rooms;
pub(crate) mod send;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod vote;
