//! `cargo xtask torture`: real devices that are killed, stopped and cut off while they talk, or whose disk fails.

use std::process::Command;

use anyhow::Result;

use crate::command::{self, become_it, cargo};
use crate::needs::{COMPILER, TORTURE, meet};

/// What follows `torture` goes to the program.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Its flags: --cycles N, --seed S, --devices D; --disk, --points N; or --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<String>,
}

/// Runs a campaign.
pub(crate) fn torture(arguments: &Arguments) -> Result<()> {
    meet(&[COMPILER, TORTURE])?;
    // The whole workspace, as `run` and `test` do, so that nothing is built twice.
    let binaries = ["build", "--workspace", "--locked", "--bin", "lanline", "--bin", "lanline-torture"];
    command::run(&mut cargo(&binaries))?;
    let built = std::env::current_exe()?.with_file_name(format!("lanline-torture{}", std::env::consts::EXE_SUFFIX));
    become_it(Command::new(built).args(&arguments.flags))
}
