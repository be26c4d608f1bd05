//! Runs the simulator over many seeds.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use lanline_simulator::{Campaign, Options, Outcome, planted};

/// Many devices on one thread a seed, in virtual time, while everything goes wrong that may
#[derive(Parser)]
#[command(name = "cargo xtask sim", bin_name = "cargo xtask sim")]
struct Arguments {
    /// How many seeds to run: 100, or only the one that is named
    #[arg(long)]
    seeds: Option<u64>,
    /// How many simulated minutes of each something happens
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed
    #[arg(long)]
    seed: Option<u64>,
    /// How many devices, instead of what the seed says
    #[arg(long)]
    devices: Option<usize>,
    /// The mean pause between two things that happen, in simulated seconds, instead of what the seed says: for long runs
    #[arg(long)]
    pause: Option<u64>,
    /// Make this mistake on purpose; "list" names them
    #[arg(long)]
    bug: Option<String>,
    /// Make each mistake in turn, until it is found
    #[arg(long)]
    planted: bool,
    /// Run each seed twice and compare what happened
    #[arg(long)]
    twice: bool,
    /// Print everything that happens
    #[arg(long)]
    trace: bool,
    /// Go on after a violation
    #[arg(long)]
    keep_going: bool,
    /// Begin no more seeds after so many seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// On how many threads
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    match simulate(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn simulate(arguments: &Arguments) -> Result<()> {
    let bugs = planted::all();
    let bug = match arguments.bug.as_deref() {
        None => None,
        Some("list") => {
            bugs.iter().for_each(|(name, _)| println!("{name}"));
            return Ok(());
        }
        Some(name) => match bugs.iter().find(|(known, _)| known == name) {
            Some((_, bug)) => Some(*bug),
            None => bail!("there is no mistake of that name; --bug list names them"),
        },
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let campaign = Campaign {
        first: arguments.seed.unwrap_or(1),
        seeds: arguments.seeds.unwrap_or(if arguments.seed.is_some() { 1 } else { 100 }),
        options: Options {
            minutes: arguments.minutes,
            devices: arguments.devices,
            pause_s: arguments.pause,
            print: arguments.trace,
        },
        threads: if arguments.trace { 1 } else { arguments.threads.unwrap_or(cores) },
        bug,
        stop: !arguments.keep_going,
        until: arguments.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
    };
    if arguments.planted {
        return find_planted(&campaign, arguments.seed, &bugs);
    }
    if arguments.twice {
        return compare(&campaign);
    }
    let summary = campaign.run(|_| {});
    println!(
        "{} seeds, {:.1} simulated hours in {:.1} s: {:.0} times as fast; {} frames, {} entries",
        summary.seeds,
        summary.simulated.as_secs_f64() / 3600.0,
        summary.took.as_secs_f64(),
        summary.speed_up(),
        summary.frames,
        summary.entries
    );
    for outcome in summary.violations.values() {
        report(arguments, outcome);
    }
    if !summary.violations.is_empty() {
        bail!("{} seeds violated what must hold", summary.violations.len());
    }
    Ok(())
}

fn report(arguments: &Arguments, outcome: &Outcome) {
    let Some(violation) = &outcome.violation else { return };
    println!("seed {}: {}: {}", outcome.seed, violation.kind, violation.what);
    let devices = arguments.devices.map(|devices| format!(" --devices {devices}")).unwrap_or_default();
    let pause = arguments.pause.map(|pause| format!(" --pause {pause}")).unwrap_or_default();
    let bug = arguments.bug.as_ref().map(|bug| format!(" --bug {bug}")).unwrap_or_default();
    let minutes = arguments.minutes;
    println!("    cargo xtask sim --seed {} --minutes {minutes}{devices}{pause}{bug} --trace", outcome.seed);
}

/// Makes each mistake until it is found, from this seed on or from one by which it is likely to be.
fn find_planted(campaign: &Campaign, first: Option<u64>, bugs: &[(String, planted::Bug)]) -> Result<()> {
    if bugs.is_empty() {
        bail!("this was built without the feature `planted`");
    }
    let mut missed = Vec::new();
    for (name, bug) in bugs {
        let first = first.unwrap_or_else(|| planted::first_seed(*bug));
        let summary = Campaign { first, bug: Some(*bug), stop: true, ..*campaign }.run(|_| {});
        match summary.violations.values().next().and_then(|outcome| Some((outcome, outcome.violation.as_ref()?))) {
            Some((outcome, violation)) => println!(
                "{name}: found after {} seeds in {:.1} s: seed {}: {}: {}",
                summary.seeds,
                summary.took.as_secs_f64(),
                outcome.seed,
                violation.kind,
                violation.what
            ),
            None => {
                println!("{name}: NOT FOUND in {} seeds", summary.seeds);
                missed.push(name.as_str());
            }
        }
    }
    if !missed.is_empty() {
        bail!("not found: {}", missed.join(", "));
    }
    println!("all {} mistakes were found", bugs.len());
    Ok(())
}

/// Runs each seed twice.
fn compare(campaign: &Campaign) -> Result<()> {
    for seed in campaign.first..campaign.first.saturating_add(campaign.seeds) {
        let [first, second] = [(); 2].map(|()| lanline_simulator::run(seed, &campaign.options));
        if first != second {
            bail!("seed {seed} went another way the second time");
        }
    }
    println!("{} seeds went the same way twice", campaign.seeds);
    Ok(())
}
