use std::io::Write;

use clap_complete::Shell;

use crate::args;

/// Prints the script that completes Lanline's commands.
pub(crate) fn run(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "lanline", &mut script);
    // Whoever closed standard output does not want to read it.
    let _ = std::io::stdout().write_all(&script);
}
