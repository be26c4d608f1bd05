//! Standard output. Whoever closed it does not want to read it: then nothing is printed, and that is no failure. Where it
//! cannot be written otherwise, as on a full disk, the program says so and ends with a failure.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use crate::{exit::Failure, plain};

/// Whether something could not be printed though somebody wanted to read it.
static CUT: AtomicBool = AtomicBool::new(false);

/// Notes why standard output could not be written. Whether it could.
pub(crate) fn printed(written: io::Result<()>) -> bool {
    let Err(error) = written else { return true };
    if error.kind() != ErrorKind::BrokenPipe && !CUT.swap(true, Ordering::Relaxed) {
        aside(&format!("Not all could be written to standard output ({error}): free some space, then try again."));
    }
    false
}

/// Whether all that somebody wanted to read was printed.
pub(crate) fn is_whole() -> bool {
    !CUT.load(Ordering::Relaxed)
}

/// Prints text that is harmless already, as lines.
pub(crate) fn text(text: &str) {
    let mut output = io::stdout().lock();
    printed(writeln!(output, "{text}").and_then(|()| output.flush()));
}

/// Prints what a program is to read.
pub(crate) fn bytes(bytes: &[u8]) {
    let mut output = io::stdout().lock();
    printed(output.write_all(bytes).and_then(|()| output.flush()));
}

/// Prints a line on standard error, where somebody reads it.
pub(crate) fn aside(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints one JSON value on one line. `false`: nobody reads it.
pub(crate) fn json(value: &impl Serialize) -> Result<bool, Failure> {
    let json = serde_json::to_string(value).map_err(Failure::input)?;
    let mut output = io::stdout().lock();
    Ok(printed(writeln!(output, "{}", plain::json(&json)).and_then(|()| output.flush())))
}

/// Whether colours may be used: standard output is a terminal, and nobody asked for none (<https://no-color.org>).
pub(crate) fn has_colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// How many columns standard output has, where it is a terminal.
pub(crate) fn columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size()?;
    // A terminal of no width says that it does not know.
    (width.0 > 0).then_some(usize::from(width.0))
}

/// Rows of cells, in columns as wide as their widest cell but for the last, which may be as long as somebody chose.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
