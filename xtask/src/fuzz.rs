//! `cargo xtask fuzz`: the targets of `fuzz/`, each for a while, from the corpus that is kept in the repository.
//!
//! Without a sanitizer: none of Lanline's crates has unsafe code, so what is looked for is a panic, an overflow, a
//! broken promise, time, and memory, which the targets measure themselves. That also keeps to the stable compiler, and
//! makes the targets three times as fast.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::command::{output, program, run, target_folder};
use crate::needs::{COMPILER, FUZZ, meet};
use crate::tools::cargo_fuzz;

/// The targets, and how long an input of each may be.
const TARGETS: &[(&str, usize)] = &[
    ("frame", 8192),
    ("handshake", 8192),
    ("entry", 8192),
    ("link", 8192),
    ("pairing", 1024),
    ("sync", 2048),
    ("row", 1024),
    ("announcement", 1100),
];

/// An input that takes longer, in seconds, hangs.
const HANGS: &str = "-timeout=10";
/// A process with more, in MiB, grows.
const GROWS: &str = "-rss_limit_mb=1024";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs; 0: its corpus only
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target: frame, handshake, entry, link, pairing, sync, row or announcement; may be given more than once
    #[arg(long, value_name = "TARGET")]
    target: Vec<String>,
    /// Targets that run at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Run one input of one target again, and show what it does
    #[arg(long, value_name = "FILE")]
    again: Option<PathBuf>,
    /// Reduce the repository's corpus and what was found since to the fewest inputs that reach the same
    #[arg(long)]
    minimise: bool,
}

/// Where everything of one target is.
struct Place {
    name: &'static str,
    longest: usize,
    binary: PathBuf,
    /// In the repository.
    kept: PathBuf,
    /// What was found on this machine: goes on from there next time.
    found: PathBuf,
    artefacts: PathBuf,
    log: PathBuf,
}

/// Builds the targets and runs them.
pub(crate) fn fuzz(arguments: &Arguments) -> Result<()> {
    meet(&[COMPILER, FUZZ])?;
    let chosen = choose(&arguments.target)?;
    let folder = target_folder()?.join("fuzz");
    let places = build(&chosen, &folder)?;
    if let Some(input) = &arguments.again {
        let [place] = places.as_slice() else { bail!("--again needs one --target, which the input is for") };
        return run(Command::new(&place.binary).args([HANGS, GROWS]).arg(input));
    }
    if arguments.minimise {
        return places.iter().try_for_each(Place::minimise);
    }
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.clamp(1, places.len()) {
            scope.spawn(|| {
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = place.run(arguments.seconds);
                    eprintln!("fuzz: {}", place.summary(&result));
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed: Vec<_> =
        results.iter().filter(|(_, result)| !matches!(result, Ok(run) if run.status.success())).collect();
    for (place, result) in &failed {
        place.explain(result);
    }
    if !failed.is_empty() {
        bail!("fuzzing found something: {}", failed.iter().map(|(place, _)| place.name).collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

fn choose(names: &[String]) -> Result<Vec<(&'static str, usize)>> {
    if let Some(unknown) = names.iter().find(|name| !TARGETS.iter().any(|(target, _)| target == name)) {
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        bail!("there is no target {unknown}; choose of {}", known.join(", "));
    }
    let chosen = TARGETS.iter().filter(|(target, _)| names.is_empty() || names.iter().any(|name| name == target));
    Ok(chosen.copied().collect())
}

fn build(chosen: &[(&'static str, usize)], folder: &Path) -> Result<Vec<Place>> {
    let version = output(&mut program("rustc", &["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not say its host")?;
    let tool = cargo_fuzz()?;
    let mut command = program(&tool.to_string_lossy(), &["fuzz", "build", "--sanitizer", "none", "--target", host]);
    command.arg("--target-dir").arg(folder);
    if let [(only, _)] = chosen {
        command.arg(only);
    }
    // Not the crate xtask, whose manifest cargo left in the environment.
    run(command.env_remove("CARGO_MANIFEST_DIR"))?;
    let place = |&(name, longest): &(&'static str, usize)| Place {
        name,
        longest,
        binary: folder.join(host).join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)),
        kept: crate::root().join("fuzz/corpus").join(name),
        found: folder.join("corpus").join(name),
        artefacts: folder.join("artefacts").join(name),
        log: folder.join(format!("{name}.log")),
    };
    Ok(chosen.iter().map(place).collect())
}

/// What a target did.
struct Run {
    status: ExitStatus,
    log: String,
    /// Inputs found that are not in the repository.
    new: usize,
}

impl Place {
    fn prepare(&self) -> Result<()> {
        for folder in [&self.found, &self.artefacts] {
            std::fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
        }
        Ok(())
    }

    fn run(&self, seconds: u64) -> Result<Run> {
        self.prepare()?;
        let before = count(&self.found);
        let log =
            std::fs::File::create(&self.log).with_context(|| format!("{} cannot be written", self.log.display()))?;
        let mut command = Command::new(&self.binary);
        command
            .args([HANGS, GROWS, "-print_final_stats=1"])
            .arg(format!("-max_len={}", self.longest))
            .arg(format!("-artifact_prefix={}/", self.artefacts.display()))
            // 0 would be for ever.
            .arg(if seconds == 0 { "-runs=0".to_owned() } else { format!("-max_total_time={seconds}") });
        let words = crate::root().join("fuzz/dictionaries").join(format!("{}.dict", self.name));
        if words.exists() {
            command.arg(format!("-dict={}", words.display()));
        }
        command.arg(&self.found).arg(&self.kept).current_dir(crate::root()).stdout(log.try_clone()?).stderr(log);
        let status = command.status().with_context(|| format!("{} could not be started", self.binary.display()))?;
        let log = std::fs::read(&self.log).with_context(|| format!("{} cannot be read", self.log.display()))?;
        let new = count(&self.found).saturating_sub(before);
        Ok(Run { status, log: String::from_utf8_lossy(&log).into_owned(), new })
    }

    fn summary(&self, result: &Result<Run>) -> String {
        let run = match result {
            Ok(run) => run,
            Err(error) => return format!("{}: {error:#}", self.name),
        };
        let end = if run.status.success() { "well" } else { "FAILED" };
        format!(
            "{:10} {end:6} {:>10} runs, {:>6}/s, {:>6} edges covered, {:>4} new inputs, {:>4} MiB at most",
            self.name,
            figure(&run.log, "stat::number_of_executed_units:").unwrap_or("?"),
            figure(&run.log, "stat::average_exec_per_sec:").unwrap_or("?"),
            last(&run.log, " cov: ").unwrap_or("?"),
            run.new,
            figure(&run.log, "stat::peak_rss_mb:").unwrap_or("?"),
        )
    }

    /// Where what was found is, and what to do with it.
    fn explain(&self, result: &Result<Run>) {
        let Ok(run) = result else { return };
        let end: Vec<&str> = run.log.lines().rev().take(60).collect();
        eprintln!("\nfuzz: {}: the end of {}:", self.name, self.log.display());
        for line in end.iter().rev() {
            eprintln!("    {line}");
        }
        let written = run.log.lines().rev().find_map(|line| line.split_once("Test unit written to "));
        let Some((_, artefact)) = written else { return };
        eprintln!(
            "fuzz: {name}: the input is {artefact}\n  \
             again:   cargo xtask fuzz --target {name} --again {artefact}\n  \
             mended:  keep it, so that it is run for ever: cp {artefact} fuzz/corpus/{name}/",
            name = self.name,
        );
    }

    /// libFuzzer's merge: of all inputs the fewest and shortest that reach what all reach.
    fn minimise(&self) -> Result<()> {
        self.prepare()?;
        let fewest = tempfile::tempdir_in(self.found.parent().unwrap_or(&self.found))?;
        run(Command::new(&self.binary)
            .args(["-merge=1", HANGS, GROWS])
            .arg(format!("-max_len={}", self.longest))
            .arg(fewest.path())
            .args([&self.kept, &self.found]))?;
        // What was once a finding stays, whatever it reaches now.
        for folder in [&self.kept, &self.found] {
            for entry in std::fs::read_dir(folder)?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_finding = ["crash-", "timeout-", "oom-", "slow-"].iter().any(|kind| name.starts_with(kind));
                if !is_finding {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        for entry in std::fs::read_dir(fewest.path())?.flatten() {
            std::fs::copy(entry.path(), self.kept.join(entry.file_name()))?;
        }
        Ok(())
    }
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// What stands after a label at the beginning of a line.
fn figure<'a>(log: &'a str, label: &str) -> Option<&'a str> {
    log.lines().rev().find_map(|line| line.strip_prefix(label)).map(str::trim)
}

/// The word that stands after the last such label.
fn last<'a>(log: &'a str, label: &str) -> Option<&'a str> {
    let (_, after) = log.rsplit_once(label)?;
    after.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_in_the_fuzz_crate_and_has_a_corpus() {
        let manifest = std::fs::read_to_string(crate::root().join("fuzz/Cargo.toml")).unwrap();
        let named = manifest.lines().filter(|line| line.starts_with("path = \"targets/")).count();
        assert_eq!(named, TARGETS.len());
        for (name, longest) in TARGETS {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
            let corpus = crate::root().join("fuzz/corpus").join(name);
            assert!(count(&corpus) > 0, "{name} has no corpus");
            for entry in std::fs::read_dir(corpus).unwrap().flatten() {
                let length = entry.metadata().unwrap().len();
                assert!(length <= *longest as u64, "{} would be cut", entry.path().display());
            }
        }
    }

    #[test]
    fn figures_are_read_from_what_libfuzzer_prints() {
        let log = "#1\tINITED cov: 5 ft: 6 corp: 1/1b exec/s: 0 rss: 28Mb\n\
                   #9\tNEW    cov: 12 ft: 6 corp: 1/1b exec/s: 0 rss: 28Mb\nDone 9 runs in 0 second(s)\n\
                   stat::number_of_executed_units: 9\nstat::peak_rss_mb:              31\n";
        assert_eq!(figure(log, "stat::number_of_executed_units:"), Some("9"));
        assert_eq!(figure(log, "stat::peak_rss_mb:"), Some("31"));
        assert_eq!(last(log, " cov: "), Some("12"));
        assert_eq!(last("", " cov: "), None);
    }

    #[test]
    fn only_targets_that_are_there_are_chosen() {
        assert_eq!(choose(&[]).unwrap().len(), TARGETS.len());
        assert_eq!(choose(&["row".to_owned()]).unwrap(), [("row", 1024)]);
        assert!(choose(&["rows".to_owned()]).is_err());
    }
}
