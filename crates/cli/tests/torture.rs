//! Real devices that are killed, stopped and cut off while they talk: a short campaign of `cargo xtask torture`.

#![cfg(target_os = "linux")]

use std::io::Write;

use lanline_torture::campaign::{self, Options};

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
