//! What Lanline depends on: licences, sources, bans and, where the internet answers, known advisories.

use anyhow::Result;

use crate::command::{program, run, succeeds};
use crate::tools::cargo_deny;

/// Checks the lock file against `deny.toml`.
pub(crate) fn check() -> Result<()> {
    let deny = cargo_deny()?;
    let deny = |arguments: &[&str]| {
        let mut command = program(&deny.to_string_lossy(), arguments);
        // Not the crate xtask, whose manifest cargo left in the environment.
        command.env_remove("CARGO_MANIFEST_DIR");
        command
    };
    run(&mut deny(&["--workspace", "--locked", "check", "bans", "licenses", "sources"]))?;
    if succeeds(&mut deny(&["fetch", "db"])) {
        run(&mut deny(&["--workspace", "--locked", "check", "advisories"]))
    } else {
        eprintln!("lint: licences: skipped: advisories (the database of advisories does not answer)");
        Ok(())
    }
}
