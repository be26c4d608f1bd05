//! `cargo xtask run`: the app, from a fresh clone.

use std::process::Command;

use anyhow::Result;

use crate::command::{self, become_it, cargo};
use crate::needs::{APP, COMPILER, meet};

/// What follows `run` goes to the program.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Flags of the app: --data-dir DIR, --name NAME, --port PORT
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<String>,
}

/// Opens the app; where there is no display, starts the terminal client instead.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (binary, first) = if has_display() {
        meet(&[COMPILER, APP])?;
        ("lanline-app", None)
    } else {
        eprintln!("xtask: There is no display, so this starts the terminal client instead of the app.");
        meet(&[COMPILER])?;
        ("lanline", Some("serve"))
    };
    // Built as a part of the workspace and not by `cargo run`, for which cargo would choose features anew and
    // build most of what the tests have built once more.
    command::run(&mut cargo(&["build", "--workspace", "--locked", "--bin", binary]))?;
    let built = std::env::current_exe()?.with_file_name(format!("{binary}{}", std::env::consts::EXE_SUFFIX));
    // What cargo's configuration says of the key store and of discovery is for tests.
    let mut command = Command::new(built);
    command.args(first).args(&arguments.flags).env_remove("LANLINE_KEY_STORE").env_remove("LANLINE_DISCOVERY");
    become_it(&mut command)
}

/// Whether a window can be opened: always, but for X11 and Wayland, which may not run.
pub(crate) fn has_display() -> bool {
    !cfg!(target_os = "linux")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
