//! What Lanline depends on: licences, sources, bans and, where the internet answers, known advisories.

use anyhow::Result;

use super::Internet;
use crate::command::{program, run, succeeds};
use crate::tools::cargo_deny;

/// Checks the lock files against `deny.toml`.
pub(crate) fn check(internet: Internet) -> Result<()> {
    let deny = cargo_deny()?;
    let deny = |arguments: &[&str]| {
        let mut command = program(&deny.to_string_lossy(), arguments);
        // Not the crate xtask, whose manifest cargo left in the environment.
        command.env_remove("CARGO_MANIFEST_DIR");
        command
    };
    // The fuzz targets have a lock file of their own.
    let manifests = ["Cargo.toml", "fuzz/Cargo.toml"];
    for manifest in manifests {
        let what = ["--manifest-path", manifest, "--workspace", "--locked", "check"];
        run(deny(&what).args(["bans", "licenses", "sources"]))?;
    }
    if !succeeds(&mut deny(&["fetch", "db"])) {
        return internet.is_missing("licences: advisories", "the database of RustSec");
    }
    for manifest in manifests {
        let what = ["--manifest-path", manifest, "--workspace", "--locked", "check"];
        run(deny(&what).arg("advisories"))?;
    }
    Ok(())
}
