//! Starting programs in the repository's root, each shown before it starts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The cargo that started this, with `arguments`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(crate::root());
    command
}

/// `program` with `arguments`.
pub(crate) fn program(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(crate::root());
    command
}

/// Runs it to its end; an error when it failed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = short(&show(command));
    let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// What it prints, when it succeeds.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.output().with_context(|| format!("`{line}` could not be started"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` did not print text"))
}

/// Where cargo builds, outside the clone where the environment says so.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let metadata = output(&mut cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo's metadata cannot be read")?;
    let folder = metadata.get("target_directory").and_then(Value::as_str).context("cargo names no target folder")?;
    Ok(folder.into())
}

/// Whether it succeeds; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Puts it in this process's place where the system can, so that signals and the exit code are its own.
pub(crate) fn become_it(command: &mut Command) -> Result<()> {
    let line = show(command);
    #[cfg(unix)]
    {
        let error = std::os::unix::process::CommandExt::exec(command);
        Err(error).with_context(|| format!("`{line}` could not be started"))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
        std::process::exit(status.code().unwrap_or(1));
    }
}

fn show(command: &Command) -> String {
    let line = line(command);
    eprintln!("+ {line}");
    line
}

fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit(['/', '\\']).next().unwrap_or(&program).to_owned();
    std::iter::once(name)
        .chain(command.get_args().map(|word| word.to_string_lossy().into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Its beginning, for an error.
fn short(line: &str) -> String {
    const LENGTH: usize = 80;
    match line.char_indices().nth(LENGTH).and_then(|(end, _)| line.get(..end)) {
        Some(beginning) => format!("{beginning}…"),
        None => line.to_owned(),
    }
}
