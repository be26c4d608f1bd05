//! Lanline under load: a server process, and members that speak the protocol and keep no store.

mod behind;
mod flood;
mod measure;
mod member;
mod server;
mod speech;

pub(crate) use flood::Flood;
pub(crate) use measure::measure;
pub(crate) use member::Member;
pub(crate) use server::{Room, Server};
pub(crate) use speech::{Spoken, Takes};
