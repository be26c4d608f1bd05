//! Real sockets, on loopback and on networks that the kernel makes for a test.

mod device;
#[cfg(target_os = "linux")]
mod lab;
mod loopback;
#[cfg(target_os = "linux")]
mod networks;
mod nodes;
