//! `cargo xtask sim`: the simulator, built to be quick.

use std::process::Command;

use anyhow::Result;

use crate::command::{self, become_it, cargo};

/// What follows `sim` goes to the simulator.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Flags of the simulator: --seeds N, --minutes M, --seed S, --trace, --bug NAME, --planted, --twice and others;
    /// `-- --help` explains them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<String>,
}

/// Runs the simulator in this process's place.
pub(crate) fn sim(arguments: &Arguments) -> Result<()> {
    become_it(simulator()?.args(&arguments.flags))
}

/// The simulator, built in a profile of its own, in which nothing else is: with the mistakes that it can make on purpose,
/// which never get into what is shipped.
pub(crate) fn simulator() -> Result<Command> {
    let package = ["--package", "lanline-simulator", "--features", "planted", "--profile", "sim", "--locked"];
    command::run(cargo(&["build"]).args(package))?;
    let name = format!("lanline-simulator{}", std::env::consts::EXE_SUFFIX);
    let mut simulator = Command::new(command::target_folder()?.join("sim").join(name));
    simulator.current_dir(crate::root());
    Ok(simulator)
}
