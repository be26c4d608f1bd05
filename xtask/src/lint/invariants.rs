//! What ARCHITECTURE.md says is absent from a part of the sources, and is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Words that do not occur in a folder, tests apart.
struct Absent {
    folder: &'static str,
    /// A file or folder below it where they may.
    but: Option<&'static str>,
    extension: &'static str,
    words: &'static [&'static str],
    because: &'static str,
}

const ABSENT: &[Absent] = &[
    Absent {
        folder: "crates/protocol/src",
        but: None,
        extension: "rs",
        words: &[
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::time",
            "SystemTime",
            "Instant::now",
            "async fn",
            ".await",
            "println!",
            "getrandom",
            "rand::",
        ],
        because: "the protocol has no clock, socket, thread, file or randomness but what it is handed",
    },
    Absent {
        folder: "crates/protocol/src",
        but: None,
        extension: "rs",
        words: &["HashMap", "HashSet"],
        because: "the protocol iterates over nothing whose order is random",
    },
    Absent {
        folder: "crates/engine/src",
        but: Some("platform"),
        extension: "rs",
        words: &[
            "cfg(unix",
            "cfg(not(unix",
            "cfg!(unix",
            "cfg(windows",
            "cfg(not(windows",
            "cfg!(windows",
            "target_os",
        ],
        because: "what differs by system lives in engine::platform",
    },
    Absent {
        folder: "crates",
        but: None,
        extension: "rs",
        words: &["tauri::", "tauri_"],
        because: "nothing below the app's shell knows Tauri",
    },
    Absent {
        folder: "ui",
        but: None,
        extension: "js",
        words: &[
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "setHTML",
            "srcdoc",
            "eval(",
            "Function(",
            "javascript:",
            "cssText",
            "\"style\"",
            "style:",
            "setAttribute(\"on",
            "createElement(\"script",
            "createElement(\"iframe",
            "createElement(\"style",
            "setTimeout(\"",
            "window.open",
        ],
        because: "what a peer wrote is text and never markup",
    },
    Absent {
        folder: "ui",
        but: None,
        extension: "html",
        words: &[" onload=", " onclick=", " onerror=", " style=", "<style", "<script>", "javascript:", "//"],
        because: "the page's policy takes no script, style or address in its markup",
    },
    Absent {
        folder: "ui",
        but: Some("backend.js"),
        extension: "js",
        words: &["__TAURI__"],
        because: "one module of the page speaks to what is behind it",
    },
];

/// Fails where any of it occurs.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for absent in ABSENT {
        for file in files(&crate::root().join(absent.folder), absent)? {
            let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            let name = file.strip_prefix(crate::root()).unwrap_or(&file).display().to_string();
            wrong.extend(
                found(&text, absent.words)
                    .map(|(number, word)| format!("{name}:{number} has `{word}`, but {}", absent.because)),
            );
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

/// The line and word of each occurrence before a file's tests.
fn found<'a>(text: &'a str, words: &'a [&'static str]) -> impl Iterator<Item = (usize, &'static str)> + 'a {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("mod tests {"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter_map(move |(number, line)| {
            words.iter().find(|word| line.contains(**word)).map(|word| (number + 1, *word))
        })
}

/// The files of a folder and of those in it, tests apart.
fn files(folder: &Path, absent: &Absent) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_test = ["tests", "tests.rs", "target"].contains(&name.as_str());
        if is_test || absent.but == Some(&name) {
            continue;
        }
        if path.is_dir() {
            files.extend(self::files(&path, absent)?);
        } else if path.extension().is_some_and(|extension| extension == absent.extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_code_and_not_in_comments_or_tests() {
        let text = "use std::net;\n// std::net\n    /// std::net\nlet x = 1;\nmod tests {\n    use std::net;\n";
        assert_eq!(found(text, &["std::time", "std::net"]).collect::<Vec<_>>(), [(1, "std::net")]);
    }

    #[test]
    fn every_folder_named_is_there() {
        for absent in ABSENT {
            let folder = crate::root().join(absent.folder);
            assert!(!files(&folder, absent).unwrap().is_empty(), "{}", absent.folder);
            if let Some(but) = absent.but {
                assert!(folder.join(but).exists(), "{but}");
            }
        }
    }
}
