//! Devices that talk to each other: real processes, real sockets on loopback, real disks.

mod by_code;
mod comparing;
mod crashing;
mod device;
mod doctor;
mod known;
mod membership;
mod moving;
mod refusing;
mod silence;
mod talking;
