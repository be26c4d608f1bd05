//! Tools that checks and tests need and no system package brings, installed once into the user's cache folder,
//! each at a fixed version.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{cargo, program, run};

const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";
/// Also what the scan for known vulnerabilities asks about.
pub(crate) const TYPESCRIPT: &str = "7.0.2";

/// The path of cargo-deny.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    of_cargo("cargo-deny", CARGO_DENY)
}

/// The path of cargo-fuzz.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    of_cargo("cargo-fuzz", CARGO_FUZZ)
}

fn of_cargo(name: &str, version: &str) -> Result<PathBuf> {
    let folder = folder(&format!("{name}-{version}"))?;
    let binary = folder.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !binary.exists() {
        let build = folder.join("build");
        // It runs for a second: what it is worth optimising is its build.
        run(cargo(&["install", "--locked", "--version", version, name, "--root"])
            .arg(&folder)
            .env("CARGO_TARGET_DIR", &build)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false"))?;
        std::fs::remove_dir_all(&build).with_context(|| format!("the build of {name} could not be removed"))?;
    }
    Ok(binary)
}

/// The path of TypeScript's compiler, a script for node.
pub(crate) fn typescript() -> Result<PathBuf> {
    let folder = folder(&format!("typescript-{TYPESCRIPT}"))?;
    let script = folder.join("node_modules/typescript/bin/tsc");
    if !script.exists() {
        run(program("npm", &["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"])
            .arg(&folder)
            .arg(format!("typescript@{TYPESCRIPT}")))?;
    }
    Ok(script)
}

/// The path of a Python that has the packages that the client in `tests/interop` needs.
pub(crate) fn python() -> Result<PathBuf> {
    let folder = folder("python")?;
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let requirements = crate::root().join("tests/interop/requirements.txt");
    let wanted = std::fs::read(&requirements).context("tests/interop/requirements.txt cannot be read")?;
    // Copied there last, so that what was begun and not finished is begun anew.
    let installed = folder.join("requirements.txt");
    if !python.exists() || std::fs::read(&installed).ok() != Some(wanted) {
        run(program("python3", &["-m", "venv", "--clear"]).arg(&folder))?;
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"])
            .arg(&requirements))?;
        std::fs::copy(&requirements, &installed).context("what was installed could not be noted")?;
    }
    Ok(python)
}

/// A folder of that name for one tool, outside the clone.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = directories::ProjectDirs::from("net", "", "lanline")
        .context("this user has no home folder to keep tools in")?
        .cache_dir()
        .join("tools")
        .join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    Ok(folder)
}
