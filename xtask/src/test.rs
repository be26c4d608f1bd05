//! `cargo xtask test`: all tests, from a fresh clone.

use anyhow::Result;

use crate::command::{cargo, run, succeeds};
use crate::needs::{APP, COMPILER, TESTS, meet};

/// Runs the tests of every crate, then those in the docs, then those of the real windows, which need the
/// machine for themselves. The first part that fails ends it.
pub(crate) fn test() -> Result<()> {
    meet(&[COMPILER, APP, TESTS])?;
    // Built with the network, for what cargo still has to fetch; run without it.
    run(&mut cargo(&["test", "--workspace", "--locked", "--no-run"]))?;
    let parts: &[&[&str]] = if succeeds(&mut cargo(&["nextest", "--version"])) {
        &[
            &["nextest", "run", "--workspace", "--locked", "--filterset", "not (package(lanline-app) and kind(test))"],
            &["test", "--workspace", "--locked", "--doc"],
            &[
                "nextest",
                "run",
                "--package",
                "lanline-app",
                "--locked",
                "--test-threads",
                "1",
                "--filterset",
                "kind(test)",
            ],
        ]
    } else {
        &[
            &["test", "--workspace", "--locked", "--exclude", "lanline-app", "--all-targets"],
            &["test", "--package", "lanline-app", "--locked", "--lib", "--bins"],
            &["test", "--workspace", "--locked", "--doc"],
            &["test", "--package", "lanline-app", "--locked", "--test", "*", "--", "--test-threads", "1"],
        ]
    };
    for part in parts {
        run(cargo(part).env("CARGO_NET_OFFLINE", "true"))?;
    }
    Ok(())
}
