//! What somebody tries who means harm, one file a class of attacks. Mallory is whoever that is: a stranger on the
//! network, somebody who stands between two devices, or a member.
//!
//! `docs/attacks.md` lists them all, with those that other tests show; what stands there and the tests hold each other.

mod belonging;
mod between;
mod code;
mod door;
mod frames;
mod identity;
mod invites;
mod listed;
mod mallory;
mod replay;
mod words;
