//! `docs/attacks.md` names tests, which are there, and each attack here stands in it.

use std::collections::BTreeSet;
use std::path::Path;

const DOCUMENT: &str = include_str!("../../../../../docs/attacks.md");

/// Tests as the document names them: [`name`](../path).
fn named() -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for part in DOCUMENT.split("[`").skip(1) {
        let (name, rest) = part.split_once("`](../").expect("a name and where it is");
        let (path, _) = rest.split_once(')').expect("where it is");
        named.insert((path.to_owned(), name.to_owned()));
    }
    named
}

/// The tests in a source.
fn tests_in(source: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut attributed = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            attributed = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| attributed) {
            tests.push(rest.split(['(', '<']).next().unwrap_or_default().to_owned());
            attributed = false;
        } else if let Some((_, rest)) = line.split_once("async def test_") {
            tests.push(format!("test_{}", rest.split('(').next().unwrap_or_default()));
        }
    }
    tests
}

#[test]
fn each_attack_has_its_test_and_each_test_of_an_attack_its_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = named();
    for (path, name) in &named {
        let source = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(tests_in(&source).contains(name), "docs/attacks.md names {name}, which is not in {path}");
    }
    let here = "crates/engine/tests/wire/attacks";
    let mut count = 0;
    for entry in std::fs::read_dir(root.join(here)).unwrap() {
        let file = entry.unwrap().file_name().to_string_lossy().into_owned();
        if file == "listed.rs" {
            continue;
        }
        let path = format!("{here}/{file}");
        for name in tests_in(&std::fs::read_to_string(root.join(&path)).unwrap()) {
            assert!(named.contains(&(path.clone(), name.clone())), "docs/attacks.md does not list {name} of {path}");
            count += 1;
        }
    }
    assert!(count >= 40, "{count} attacks");
    for line in DOCUMENT.lines().filter(|line| line.starts_with("| ") && line.contains("[`")) {
        assert_eq!(line.matches(" | ").count(), 3, "attack, whose, how it is refused, test: {line}");
    }
}
