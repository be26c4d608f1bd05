//! The pages of `ui/`, type-checked by their JSDoc. They are never built: what is checked is what runs.

use anyhow::Result;

use crate::command::{program, run};
use crate::tools::typescript;

/// Runs TypeScript's checker over every script, as `tsconfig.json` says.
pub(crate) fn check() -> Result<()> {
    run(program("node", &[]).arg(typescript()?).args(["--project", "tsconfig.json"]))
}
