//! `cargo xtask test`: all tests, from a fresh clone.

use anyhow::{Result, bail};

use crate::command::{cargo, run, succeeds};
use crate::needs::{APP, COMPILER, TESTS, meet};

/// The tests of the real windows, which want the machine for themselves.
const WINDOWS: &str = "package(lanline-app) and kind(test)";

/// Runs every test: with nextest, where it is installed, those of the real windows last and one by one.
///
/// Always the whole workspace, of which filters choose: a chosen package would be built anew, since cargo then
/// chooses features for it alone.
pub(crate) fn test() -> Result<()> {
    meet(&[COMPILER, APP, TESTS])?;
    // Built with the network, for what cargo still has to fetch; run without it.
    run(&mut cargo(&["test", "--workspace", "--locked", "--no-run"]))?;

    let workspace = ["--workspace", "--locked", "--no-fail-fast"];
    let others = format!("not ({WINDOWS})");
    let parts = if succeeds(&mut cargo(&["nextest", "--version"])) {
        vec![
            [&["nextest", "run"], &workspace[..], &["--filterset", &others]].concat(),
            [&["test", "--doc"], &workspace[..]].concat(),
            [&["nextest", "run"], &workspace[..], &["--filterset", WINDOWS, "--test-threads", "1"]].concat(),
        ]
    } else {
        vec![[&["test"], &workspace[..]].concat()]
    };
    let mut failed = false;
    for part in parts {
        if let Err(error) = run(cargo(&part).env("CARGO_NET_OFFLINE", "true")) {
            eprintln!("xtask: {error:#}");
            failed = true;
        }
    }
    if failed {
        bail!("some tests failed");
    }
    Ok(())
}
