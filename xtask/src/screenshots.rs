//! `cargo xtask screenshots`: the README's pictures, drawn anew.

use anyhow::{Context, Result};

use crate::command::{cargo, run};
use crate::needs::{APP, COMPILER, TESTS, meet};

/// Where the README shows them from.
const FOLDER: &str = "docs/pictures";
/// The test that makes them: it drives real windows as the other window tests do.
const TEST: &str = "pictures::";

/// Has a test that drives real windows leave its pictures where the README shows them.
pub(crate) fn screenshots() -> Result<()> {
    meet(&[COMPILER, APP, TESTS])?;
    let folder = crate::root().join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("{FOLDER} cannot be made"))?;
    // The whole workspace, as `test` builds it, for its `lanline` too.
    run(&mut cargo(&["test", "--workspace", "--locked", "--no-run"]))?;
    run(cargo(&["test", "--workspace", "--locked", "--test", "windows", TEST]).env("LANLINE_PICTURES", &folder))?;
    eprintln!("xtask: look at them in {FOLDER} before you commit them.");
    Ok(())
}
