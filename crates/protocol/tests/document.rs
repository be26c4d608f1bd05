//! `docs/protocol.md` and the tests hold each other: each requirement has a label, each label has one test of its
//! name, and each test among the specification's has a label.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// A requirement: its label, and the words behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    label: String,
    text: String,
}

/// The items of the document's lists that begin with a label, and everything else.
fn read(document: &str) -> (Vec<Requirement>, Vec<String>) {
    let (mut requirements, mut rest): (Vec<Requirement>, Vec<String>) = (Vec::new(), Vec::new());
    let mut in_item = false;
    for line in document.lines() {
        let begun = line.strip_prefix("- `[").and_then(|item| item.split_once("]` "));
        if let Some((label, text)) = begun {
            requirements.push(Requirement { label: label.to_owned(), text: text.to_owned() });
            in_item = true;
        } else if let (true, Some(more), Some(item)) = (in_item, line.strip_prefix("  "), requirements.last_mut()) {
            item.text.push(' ');
            item.text.push_str(more);
        } else {
            in_item = false;
            rest.push(line.to_owned());
        }
    }
    (requirements, rest)
}

/// What is wrong with the document by itself.
fn faults(document: &str) -> Vec<String> {
    let (requirements, rest) = read(document);
    let mut faults = Vec::new();
    let mut labels = BTreeSet::new();
    for Requirement { label, text } in &requirements {
        let plain = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if label.is_empty() || !plain {
            faults.push(format!("[{label}] does not name a function"));
        }
        if !labels.insert(label) {
            faults.push(format!("[{label}] stands before two sentences"));
        }
        if text.matches("MUST").count() != 1 || !text.ends_with('.') || text.contains(". ") {
            faults.push(format!("[{label}] is not one sentence with one MUST: {text}"));
        }
    }
    for line in rest.iter().filter(|line| line.contains("MUST") && !line.contains("(RFC 2119)")) {
        faults.push(format!("a requirement without a label: {line}"));
    }
    faults
}

/// The test functions in a source file.
fn tests_in(source: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut attributed = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            attributed = true;
        } else if let Some((_, signature)) = line.split_once("fn ").filter(|_| attributed && !line.starts_with("#[")) {
            let name = signature.split(['(', '<']).next().unwrap_or_default();
            tests.push(name.to_owned());
            attributed = false;
        }
    }
    tests
}

/// Every Rust source of the repository's own.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn each_requirement_is_a_sentence_with_a_label() {
    let faults = faults(DOCUMENT);
    assert!(faults.is_empty(), "docs/protocol.md:\n{}", faults.join("\n"));
    assert!(read(DOCUMENT).0.len() > 50);
}

#[test]
fn each_label_has_one_test_and_each_test_a_label() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = Vec::new();
    for folder in ["crates", "src-tauri", "tests", "xtask"] {
        sources(&root.join(folder), &mut paths);
    }
    let mut tests: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut among_the_specification = BTreeSet::new();
    for path in paths {
        for name in tests_in(&std::fs::read_to_string(&path).unwrap()) {
            if path.components().any(|part| part.as_os_str() == "specification") {
                among_the_specification.insert(name.clone());
            }
            tests.entry(name).or_default().push(path.clone());
        }
    }
    let mut wrong = Vec::new();
    let names: BTreeSet<String> =
        read(DOCUMENT).0.into_iter().map(|requirement| requirement.label.replace('-', "_")).collect();
    for name in &names {
        match tests.get(name).map(Vec::as_slice).unwrap_or_default() {
            [_] => {}
            [] => wrong.push(format!("no test is named {name}")),
            several => wrong.push(format!("several tests are named {name}: {several:?}")),
        }
        if tests.contains_key(name) && !among_the_specification.contains(name) {
            wrong.push(format!("{name} is not among the specification's tests"));
        }
    }
    for name in among_the_specification.difference(&names) {
        wrong.push(format!("{name} is a test for no label of docs/protocol.md"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_with_a_document_is_found() {
    let good = "A MUST (RFC 2119) is a requirement.\n\n- `[one]` A device MUST be one,\n  on two lines.\n- `[two]` A \
                device MUST NOT be three.\n\nAfter it.";
    assert_eq!(faults(good), [] as [String; 0]);
    assert_eq!(read(good).0[0].text, "A device MUST be one, on two lines.");
    for (bad, fault) in [
        ("A device MUST be labelled.", "without a label"),
        ("| table | A device MUST be labelled |", "without a label"),
        ("- `[one]` It MUST be.\n- `[one]` It MUST NOT be.", "before two sentences"),
        ("- `[one]` It is.", "one sentence"),
        ("- `[one]` It MUST be. It MUST be twice.", "one sentence"),
        ("- `[one]` It MUST be. It is.", "one sentence"),
        ("- `[one]` It MUST be.\n\n  And it MUST be here.", "without a label"),
        ("- `[One two]` It MUST be.", "name a function"),
    ] {
        let found = faults(bad);
        assert!(found.iter().any(|found| found.contains(fault)), "{bad}: {found:?}");
    }
    let source =
        "#[test]\nfn one() {}\nfn helper() {}\n#[tokio::test(flavor = \"x\")]\n#[cfg(unix)]\nasync fn two() {}";
    assert_eq!(tests_in(source), ["one", "two"]);
}
