use clap_complete::Shell;

use crate::{args, print};

/// Prints the script that completes Lanline's commands.
pub(crate) fn run(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "lanline", &mut script);
    print::bytes(&script);
}
