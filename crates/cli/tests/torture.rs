//! Real devices that are killed, stopped and cut off while they talk, and one whose disk fails: a little of what
//! `cargo xtask torture` does.

#![cfg(target_os = "linux")]

use std::io::Write;

use lanline_torture::{
    campaign::{self, Options},
    disk,
};

#[test]
fn nothing_is_lost_doubled_or_disordered_whatever_befalls_the_devices() {
    let options = Options { lanline: env!("CARGO_BIN_EXE_lanline").into(), cycles: 30, seed: 4, devices: 4 };
    let report = campaign::run(&options, |_| {}).unwrap();
    // Not with `eprintln!`, which the test harness swallows.
    let _ = writeln!(std::io::stderr(), "{report}");
    if let Some(reason) = &report.whole {
        let _ = writeln!(std::io::stderr(), "skipped: the cables, which need root and iproute2 ({reason})");
    }
    assert!(report.failure.is_none(), "{report}");
    assert!(report.kills > 0 && report.stops > 0 && report.answered > 0);
}

#[test]
fn a_disk_that_fails_at_any_call_makes_no_answer_untrue() {
    if !disk::is_possible() {
        let _ = writeln!(std::io::stderr(), "skipped: needs strace, and leave to follow a process by it");
        return;
    }
    let options = disk::Options { lanline: env!("CARGO_BIN_EXE_lanline").into(), points: 40 };
    let report = disk::run(&options, |_| {}).unwrap();
    let _ = writeln!(std::io::stderr(), "{report}");
    assert!(report.failures.is_empty(), "{report}");
    for end in ["did not start", "recovered", "stopped"] {
        assert!(report.ends.contains_key(end), "no device {end}: {report}");
    }
}
