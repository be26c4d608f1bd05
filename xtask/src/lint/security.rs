//! The table of threats in `SECURITY.md`: each row names what tries it, and that is there.

use anyhow::{Context, Result, bail};

/// Fails where a row names nothing, or something that is not there.
pub(crate) fn check() -> Result<()> {
    let document = std::fs::read_to_string(crate::root().join("SECURITY.md")).context("SECURITY.md cannot be read")?;
    let (_, table) = document.split_once("| threat |").context("SECURITY.md has no table of threats")?;
    let mut wrong = Vec::new();
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let threat = row.split('|').nth(1).unwrap_or_default().trim();
        let named: Vec<&str> = named(row).collect();
        if named.is_empty() {
            wrong.push(format!("nothing tries this: {threat}"));
        }
        for name in named {
            if !is_there(name) {
                wrong.push(format!("{name} is not there, which is to try this: {threat}"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("SECURITY.md: {}", wrong.join("\n"));
    }
    Ok(())
}

/// What stands as `path::name` in a row's last column.
fn named(row: &str) -> impl Iterator<Item = &str> {
    let last = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
    last.split('`').skip(1).step_by(2).filter(|name| name.contains("::"))
}

/// Whether a file has a function, or a fuzz target, of that name.
fn is_there(name: &str) -> bool {
    let Some((path, name)) = name.rsplit_once("::") else { return false };
    let Ok(text) = std::fs::read_to_string(crate::root().join(path)) else { return false };
    ["fn ", "def "].iter().any(|word| text.contains(&format!("{word}{name}("))) || text.contains(&format!("\n{name}!("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_names_is_found() {
        let row = "| A threat | `cargo deny` | `a/b.rs::c`, `d.py::e` |";
        assert_eq!(named(row).collect::<Vec<_>>(), ["a/b.rs::c", "d.py::e"]);
        assert_eq!(named("| A threat | an answer | by nobody |").count(), 0);
    }

    #[test]
    fn what_is_not_there_is_noticed() {
        assert!(is_there("xtask/src/lint/security.rs::check"));
        assert!(!is_there("xtask/src/lint/security.rs::chec"));
        assert!(!is_there("xtask/src/lint/nowhere.rs::check"));
        assert!(!is_there("check"));
    }
}
