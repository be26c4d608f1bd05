//! Interfaces behind which a program is: a cable that takes its time, and the tunnel of a VPN.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use super::{Lan, Namespace};

/// What is behind such interfaces. Ends with its input.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/networks/lab/wire.py");

/// Between two switches: what goes in at one end comes out at the other some time later. Out when dropped.
#[derive(Debug)]
pub(super) struct SlowCable {
    _ends: Program,
    _namespace: Namespace,
}

impl SlowCable {
    /// Lays it. Each way takes this long.
    pub(super) fn lay(one: &Lan, other: &Lan, delay: Duration) -> Self {
        let namespace = Namespace::new("cable");
        let ends = Program::start(&namespace, &["carry", "end0", "end1", &delay.as_millis().to_string()]);
        one.take("end0", &namespace);
        other.take("end1", &namespace);
        Self { _ends: ends, _namespace: namespace }
    }
}

/// A tunnel `tun0` that a host sends its packets into, and which nothing comes back from. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    _end: Program,
}

impl Tunnel {
    /// There it is, with this address, and no way leads there yet.
    pub(super) fn dig(namespace: &Namespace, address: &str) -> Self {
        let end = Program::start(namespace, &["swallow", "tun0"]);
        namespace.ip(&[format!("addr add {address} dev tun0"), "link set tun0 up".to_owned()]);
        Self { _end: end }
    }
}

#[derive(Debug)]
struct Program(Child);

impl Program {
    /// Starts it, and waits until its interfaces are there.
    #[track_caller]
    fn start(namespace: &Namespace, words: &[&str]) -> Self {
        let mut command = namespace.command("python3");
        command.args(["-B", PROGRAM]).args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = Self(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "no interface with a program behind it can be made; is /dev/net/tun there?");
        program
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
