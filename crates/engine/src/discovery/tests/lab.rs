//! Networks of the kernel's, made for one test: a namespace for each device, joined by virtual cables.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// One network namespace, gone when dropped.
pub(super) struct Machine(String);

impl Machine {
    /// None where this user may not make any, which is said.
    pub(super) fn new() -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("lanline-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        match ip(&["netns", "add", &name]) {
            Ok(()) => Some(Self(name)),
            Err(error) => {
                eprintln!("SKIPPED: no network namespace can be made here: {error}");
                None
            }
        }
    }

    /// Does this to the machine's network: arguments of `ip`.
    pub(super) fn ip(&self, arguments: &str) {
        let words = ["-n", &self.0].into_iter().chain(arguments.split(' ')).collect::<Vec<_>>();
        ip(&words).unwrap();
    }

    /// As [`Machine::ip`], where the kernel may lack what it takes.
    pub(super) fn try_ip(&self, arguments: &str) -> io::Result<()> {
        ip(&["-n", &self.0].into_iter().chain(arguments.split(' ')).collect::<Vec<_>>())
    }

    /// A cable between two machines, by these names of interfaces.
    pub(super) fn cable(&self, own: &str, other: &Self, others: &str) {
        self.ip(&format!("link add {own} type veth peer name {others} netns {}", other.0));
        self.ip(&format!("link set {own} up"));
        other.ip(&format!("link set {others} up"));
    }

    /// What this gives, done on the machine: by a thread of its own, with a runtime of its own.
    pub(super) fn run<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(work())
            });
            thread.join().unwrap()
        })
    }

    /// From now on this thread, and those that it starts, are on the machine.
    pub(super) fn enter(&self) {
        let namespace = File::open(format!("/run/netns/{}", self.0)).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("ip {}: {said}", arguments.join(" ")))) }
}

/// Two machines and a cable between them: `eth0` on both, 10.77.0.1 and 10.77.0.2, and IPv6.
pub(super) fn pair() -> Option<(Machine, Machine)> {
    let (alice, bob) = (Machine::new()?, Machine::new()?);
    alice.cable("eth0", &bob, "eth0");
    alice.ip("addr add 10.77.0.1/24 dev eth0");
    bob.ip("addr add 10.77.0.2/24 dev eth0");
    Some((alice, bob))
}
