//! What holds for every committed file: it names no path of the machine it was written on, and it is short
//! enough to be about one thing.

use std::path::Path;

use anyhow::{Result, bail};

use crate::command::{output, program};

/// Paths that exist only where Lanline is written. In two halves, or this file would find itself.
const FOREIGN: &[&str] = &[concat!("../", "shared"), concat!("/", "work"), concat!("/", "root")];

/// More lines than this, and a file may be two. A notice, not a failure.
const LONG: usize = 500;

/// Checks every file that git knows or would take.
pub(crate) fn check() -> Result<()> {
    let listed = output(&mut program("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let mut wrong = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = std::fs::read_to_string(crate::root().join(name)) else {
            continue; // A picture, or deleted and not yet committed so.
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(path) = FOREIGN.iter().find(|path| names(line, path)) {
                wrong.push(format!("{name}:{} names {path}", number + 1));
            }
        }
        let lines = text.lines().count();
        if lines > LONG && is_written_by_hand(name) {
            eprintln!("lint: notice: {name} has {lines} lines; is it about one thing?");
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

/// Whether `path` occurs in `line` as a path of its own, not as a part of a longer name.
fn names(line: &str, path: &str) -> bool {
    let is_inside = |character: char| character.is_alphanumeric() || "_-.}".contains(character);
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + path.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_inside) && !after.is_some_and(is_inside)
    })
}

fn is_written_by_hand(name: &str) -> bool {
    Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ["rs", "js", "css", "html"].contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_alone_and_not_inside_another() {
        let home = concat!("/", "root");
        assert!(names(&format!("cd {home}/x"), home));
        assert!(names(&format!("\"{home}\""), home));
        assert!(!names(&format!("tree{home}"), home));
        assert!(!names(&format!("{home}s/x"), home));
    }
}
