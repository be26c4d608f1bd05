//! `cargo xtask lint`: all that can be checked without running Lanline.

mod arrows;
mod files;
mod invariants;
mod licences;
mod pages;
mod security;
mod vulnerabilities;

use anyhow::{Result, bail};

use crate::command::{cargo, run};
use crate::needs::{APP, AUDIT, CHECKS, COMPILER, meet};

/// One check, by the name it reports under.
type Check = (&'static str, fn() -> Result<()>);

const CHECKS_IN_ORDER: &[Check] = &[
    ("files", files::check),
    ("format", format),
    ("arrows", arrows::check),
    ("invariants", invariants::check),
    ("pages", pages::check),
    ("security", security::check),
    ("licences", || licences::check(Internet::IfThere)),
    ("vulnerabilities", || vulnerabilities::check(Internet::IfThere)),
    ("clippy", clippy),
    ("docs", docs),
];

/// What to do about a check that asks the internet where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Internet {
    /// To say so and go on.
    IfThere,
    /// To fail.
    Needed,
}

impl Internet {
    /// Some database did not answer.
    fn is_missing(self, check: &str, database: &str) -> Result<()> {
        match self {
            Self::IfThere => {
                eprintln!("lint: {check}: skipped: no internet ({database} does not answer)");
                Ok(())
            }
            Self::Needed => bail!("{database} does not answer"),
        }
    }
}

/// `cargo xtask audit`: what is known of the dependencies, which changes though nothing here does.
pub(crate) fn audit() -> Result<()> {
    meet(&[COMPILER, AUDIT])?;
    licences::check(Internet::Needed)?;
    vulnerabilities::check(Internet::Needed)
}

/// Runs every check, also after one failed, and says at the end which did.
pub(crate) fn lint() -> Result<()> {
    meet(&[COMPILER, APP, CHECKS, AUDIT])?;
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
