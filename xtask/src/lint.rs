//! `cargo xtask lint`: all that can be checked without running Lanline.

mod arrows;
mod files;
mod invariants;
mod licences;
mod pages;

use anyhow::{Result, bail};

use crate::command::{cargo, run};
use crate::needs::{APP, CHECKS, COMPILER, meet};

/// One check, by the name it reports under.
type Check = (&'static str, fn() -> Result<()>);

const CHECKS_IN_ORDER: &[Check] = &[
    ("files", files::check),
    ("format", format),
    ("arrows", arrows::check),
    ("invariants", invariants::check),
    ("pages", pages::check),
    ("licences", licences::check),
    ("clippy", clippy),
    ("docs", docs),
];

/// Runs every check, also after one failed, and says at the end which did.
pub(crate) fn lint() -> Result<()> {
    meet(&[COMPILER, APP, CHECKS])?;
    let mut failed = Vec::new();
    for (name, check) in CHECKS_IN_ORDER {
        eprintln!("lint: {name}");
        if let Err(error) = check() {
            eprintln!("lint: {name}: {error:#}");
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        bail!("lint failed: {}", failed.join(", "));
    }
    eprintln!("lint: all well");
    Ok(())
}

fn format() -> Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
}

fn clippy() -> Result<()> {
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn docs() -> Result<()> {
    run(cargo(&["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
}
