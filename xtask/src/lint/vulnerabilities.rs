//! What is known of what Lanline is built and checked with: a scan of the lock files by the database of OSV
//! (<https://osv.dev>), which knows more than the advisories of RustSec, and other languages.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Internet;
use crate::tools::TYPESCRIPT;

const OSV: &str = "https://api.osv.dev/v1";
/// As many as one query may ask about.
const AT_A_TIME: usize = 1000;

/// A package of an ecosystem, in one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    ecosystem: &'static str,
    name: String,
    version: String,
}

/// Asks about every package; fails where anything is known that `deny.toml` does not say is borne.
pub(crate) fn check(internet: Internet) -> Result<()> {
    let packages = packages()?;
    let packages: Vec<Package> = packages.into_iter().collect();
    let mut found: BTreeMap<String, Vec<Package>> = BTreeMap::new();
    for some in packages.chunks(AT_A_TIME) {
        let Some(answer) = ask("querybatch", Some(&query(some)))? else {
            return internet.is_missing("vulnerabilities", OSV);
        };
        for (package, id) in read(some, &answer)? {
            found.entry(id).or_default().push(package);
        }
    }
    let deny = std::fs::read_to_string(crate::root().join("deny.toml")).context("deny.toml cannot be read")?;
    let borne = borne(&deny);
    let mut wrong = Vec::new();
    for (id, packages) in found {
        let about = if borne.contains(id.as_str()) { None } else { Some(ask(&format!("vulns/{id}"), None)?) };
        // It goes by several names.
        let Some(about) = about.filter(|about| !names(about.as_ref()).any(|name| borne.contains(name))) else {
            continue;
        };
        let summary = about.as_ref().and_then(|about| about.get("summary")).and_then(Value::as_str).unwrap_or_default();
        for package in packages {
            wrong.push(format!("{} {} ({}): {id} {summary}", package.name, package.version, package.ecosystem));
        }
    }
    eprintln!("lint: vulnerabilities: {} packages asked about", packages.len());
    if !wrong.is_empty() {
        bail!("known vulnerabilities; update, or say in deny.toml why it is borne:\n{}", wrong.join("\n"));
    }
    Ok(())
}

/// All that is in a lock file: Lanline's, that of its fuzz targets, that of the client in Python, and what is pinned in
/// `xtask`.
fn packages() -> Result<BTreeSet<Package>> {
    let mut packages = BTreeSet::new();
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let path = crate::root().join(lock);
        let text = std::fs::read_to_string(&path).with_context(|| format!("{lock} cannot be read"))?;
        packages.extend(crates(&text));
    }
    let python = std::fs::read_to_string(crate::root().join("tests/interop/requirements.txt"))
        .context("tests/interop/requirements.txt cannot be read")?;
    packages.extend(python.lines().filter_map(|line| line.split_once("==")).map(|(name, version)| Package {
        ecosystem: "PyPI",
        name: name.trim().to_owned(),
        version: version.trim().to_owned(),
    }));
    packages.insert(Package { ecosystem: "npm", name: "typescript".to_owned(), version: TYPESCRIPT.to_owned() });
    Ok(packages)
}

/// The packages of a `Cargo.lock` that come from a registry.
fn crates(lock: &str) -> impl Iterator<Item = Package> {
    lock.split("[[package]]").filter_map(|package| {
        let field = |name: &str| {
            let start = format!("{name} = \"");
            package.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"'))
        };
        field("source").filter(|source| source.starts_with("registry+"))?;
        Some(Package { ecosystem: "crates.io", name: field("name")?.to_owned(), version: field("version")?.to_owned() })
    })
}

fn query(packages: &[Package]) -> Value {
    let query = |package: &Package| {
        json!({
            "package": { "ecosystem": package.ecosystem, "name": package.name },
            "version": package.version,
        })
    };
    json!({ "queries": packages.iter().map(query).collect::<Vec<_>>() })
}

/// What the database says, by curl; `None` where it cannot be reached.
fn ask(what: &str, body: Option<&Value>) -> Result<Option<Value>> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--max-time", "60", "--retry", "2"]).arg(format!("{OSV}/{what}"));
    if body.is_some() {
        curl.args(["--header", "content-type: application/json", "--data-binary", "@-"]);
    }
    curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let Ok(mut child) = curl.spawn() else { return Ok(None) };
    if let Some(mut stdin) = child.stdin.take()
        && let Some(body) = body
    {
        // Where it does not read on it ends, and says so below.
        let _ = stdin.write_all(body.to_string().as_bytes());
    }
    let answer = child.wait_with_output().context("curl could not be waited for")?;
    if !answer.status.success() {
        return Ok(None);
    }
    serde_json::from_slice(&answer.stdout).map(Some).context("the answer of OSV cannot be read")
}

/// What an answer knows of the packages that were asked about.
fn read(packages: &[Package], answer: &Value) -> Result<Vec<(Package, String)>> {
    let results = answer.get("results").and_then(Value::as_array).context("OSV answered something else")?;
    if results.len() != packages.len() {
        bail!("OSV answered about {} packages of {}", results.len(), packages.len());
    }
    let of = |(package, result): (&Package, &Value)| {
        let known = result.get("vulns").and_then(Value::as_array).cloned().unwrap_or_default();
        let ids = known.into_iter().filter_map(|known| Some(known.get("id")?.as_str()?.to_owned()));
        ids.map(|id| (package.clone(), id)).collect::<Vec<_>>()
    };
    Ok(packages.iter().zip(results).flat_map(of).collect())
}

/// The ids that `deny.toml` ignores.
fn borne(deny: &str) -> BTreeSet<&str> {
    deny.split('"')
        .skip(1)
        .step_by(2)
        .filter(|word| word.starts_with("RUSTSEC-") || word.starts_with("GHSA-"))
        .collect()
}

/// By what other names something is known.
fn names(about: Option<&Value>) -> impl Iterator<Item = &str> {
    about
        .and_then(|about| about.get("aliases"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_are_read() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.2.3\"\nsource = \"registry+https://x\"\n\
                    checksum = \"0\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\ndependencies = [\n \"a\",\n]\n";
        let read: Vec<_> = crates(lock).map(|package| (package.name, package.version)).collect();
        assert_eq!(read, [("a".to_owned(), "1.2.3".to_owned())]);
        let packages = packages().unwrap();
        assert!(packages.iter().any(|package| package.name == "rustls"));
        assert!(packages.iter().any(|package| package.name == "cryptography"));
        assert!(packages.iter().any(|package| package.name == "libfuzzer-sys"));
    }

    #[test]
    fn what_is_known_is_told_of_the_right_package() {
        let package = |name: &str| Package { ecosystem: "crates.io", name: name.into(), version: "1.0.0".into() };
        let packages = [package("a"), package("b")];
        assert_eq!(query(&packages)["queries"][1]["package"]["name"], "b");
        let answer = json!({ "results": [{}, { "vulns": [{ "id": "GHSA-1", "modified": "" }] }] });
        assert_eq!(read(&packages, &answer).unwrap(), [(package("b"), "GHSA-1".to_owned())]);
        assert!(read(&packages, &json!({ "results": [] })).is_err());
        assert!(read(&packages, &json!({})).is_err());
    }

    #[test]
    fn what_is_borne_is_known_by_any_of_its_names() {
        let deny = "ignore = [\n    \"RUSTSEC-2024-0411\",\n]\nallow = [\"MIT\"]";
        assert_eq!(borne(deny).into_iter().collect::<Vec<_>>(), ["RUSTSEC-2024-0411"]);
        let about = json!({ "aliases": ["RUSTSEC-2024-0411", "CVE-1"] });
        assert!(names(Some(&about)).any(|name| borne(deny).contains(name)));
        assert_eq!(names(None).count(), 0);
    }
}
