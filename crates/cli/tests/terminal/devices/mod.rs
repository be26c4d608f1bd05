//! Devices that talk to each other: real processes, real sockets on loopback, real disks.

mod crashing;
mod device;
mod membership;
mod refusing;
mod silence;
mod talking;
