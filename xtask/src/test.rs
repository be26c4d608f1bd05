//! `cargo xtask test`: all tests, from a fresh clone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{cargo, output, program, run, succeeds};
use crate::needs::{APP, COMPILER, KEY_STORE, NETWORKS, TESTS, TORTURE, meet};
use crate::tools;

/// The tests of the real windows, each with a display of its own.
const WINDOWS: &str = "package(lanline-app) and kind(test)";
const WINDOWS_TARGET: &str = "windows";

/// Runs every test: the page's logic in node, Lanline against a client in Python, then with nextest, where it is
/// installed, those of the real windows last, two at a time: each is several busy processes. In the end the simulator
/// looks for mistakes that are made on purpose.
///
/// Always the whole workspace, of which filters choose: a chosen package would be built anew, since cargo then
/// chooses features for it alone.
pub(crate) fn test() -> Result<()> {
    meet(&[COMPILER, APP, TESTS, TORTURE, NETWORKS, KEY_STORE])?;
    // Built with the network, for what cargo still has to fetch; run without it.
    run(&mut cargo(&["test", "--workspace", "--locked", "--no-run"]))?;
    let python = tools::python()?;

    let targets = test_targets()?;
    let workspace = ["--workspace", "--locked", "--no-fail-fast"];
    let others = format!("not ({WINDOWS})");
    let parts = if succeeds(&mut cargo(&["nextest", "--version"])) {
        vec![
            [&["nextest", "run"], &workspace[..], &["--filterset", &others]].concat(),
            [&["test", "--doc"], &workspace[..]].concat(),
            [&["nextest", "run"], &workspace[..], &["--filterset", WINDOWS, "--test-threads", "2"]].concat(),
        ]
    } else {
        // One binary after the other, the tests of each at once; so the windows' are left out and come last.
        let others = targets.iter().filter(|name| *name != WINDOWS_TARGET).flat_map(|name| ["--test", name]);
        vec![
            [&["test"], &workspace[..], &["--lib", "--bins"]].concat().into_iter().chain(others).collect(),
            [&["test", "--doc"], &workspace[..]].concat(),
            [&["test"], &workspace[..], &["--test", WINDOWS_TARGET, "--", "--test-threads", "2"]].concat(),
        ]
    };
    let mut page = program("node", &["--test"]);
    page.args(page_tests()?);
    let mut commands = vec![page, interop(&python)?];
    for part in parts {
        let mut command = cargo(&part);
        command.env("CARGO_NET_OFFLINE", "true").env("LANLINE_PYTHON", &python);
        commands.push(command);
    }
    // The simulator's own test: that it finds what is wrong. Built apart, with mistakes that nothing else may have.
    let mut simulator = crate::sim::simulator()?;
    simulator.args(["--planted", "--seeds", "60"]);
    commands.push(simulator);
    let mut failed = false;
    for mut command in commands {
        if let Err(error) = run(&mut command) {
            eprintln!("xtask: {error:#}");
            failed = true;
        }
    }
    if failed {
        bail!("some tests failed");
    }
    Ok(())
}

/// The names of all integration tests.
fn test_targets() -> Result<Vec<String>> {
    let metadata = output(&mut cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo's metadata cannot be read")?;
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let targets = list(&metadata, "packages").into_iter().flat_map(|package| list(&package, "targets"));
    let tests = targets.filter(|target| target.pointer("/kind/0").and_then(Value::as_str) == Some("test"));
    Ok(tests.filter_map(|target| Some(target.get("name")?.as_str()?.to_owned())).collect())
}

/// The tests of the terminal client against another implementation of the protocol, over real connections.
fn interop(python: &Path) -> Result<Command> {
    // Built with the tests of its own package, beside this program.
    let lanline = std::env::current_exe()?.with_file_name(format!("lanline{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(python);
    command
        .args(["-B", "-m", "unittest", "discover"])
        .current_dir(crate::root().join("tests/interop"))
        .env("LANLINE", lanline);
    Ok(command)
}

/// The tests of the page's logic, one by one: older versions of node take no pattern.
fn page_tests() -> Result<Vec<PathBuf>> {
    let mut tests = Vec::new();
    for entry in std::fs::read_dir(crate::root().join("tests/ui")).context("tests/ui cannot be read")? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.js") {
            tests.push(path);
        }
    }
    tests.sort();
    Ok(tests)
}
