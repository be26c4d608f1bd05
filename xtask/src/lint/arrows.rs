//! The arrows between the crates point one way: app and terminal to the engine, the engine to the protocol.

use anyhow::{Result, bail};

use crate::command::{cargo, output};

/// A crate, and what it must not depend on, by whatever way.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "lanline-protocol",
        &["lanline-engine", "lanline-cli", "lanline-app", "tokio", "mio", "rusqlite", "tauri", "rand", "getrandom"],
    ),
    ("lanline-engine", &["lanline-cli", "lanline-app", "tauri", "clap", "anyhow"]),
    ("lanline-cli", &["lanline-app", "tauri"]),
];

/// Fails on the first forbidden dependency of each crate, on any system.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        let tree = output(&mut cargo(&[
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal,build",
            "--target",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]))?;
        wrong.extend(
            tree.lines()
                .filter_map(|line| line.split(' ').next())
                .filter(|name| forbidden.contains(name))
                .map(|name| format!("{package} depends on {name}")),
        );
    }
    for package in ["lanline-app", "lanline-cli"] {
        let arguments = ["--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}|{f}"];
        let tree = output(cargo(&["tree", "--locked"]).args(arguments))?;
        let has = |of: &str, feature: &str| tree.lines().any(|line| line.starts_with(of) && line.contains(feature));
        if has("lanline-protocol ", "planted") {
            wrong.push(format!("{package} contains mistakes on purpose"));
        }
        if has("lanline-engine ", "fuzzing") {
            wrong.push(format!("{package} contains what only the fuzz targets are to reach"));
        }
    }
    wrong.sort();
    wrong.dedup();
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}
