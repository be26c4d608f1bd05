//! `cargo xtask …`: everything one does with this repository, one file a subcommand.

mod bench;
mod command;
mod demo;
mod fuzz;
mod lint;
mod needs;
mod run;
mod screenshots;
mod sim;
mod test;
mod tools;
mod torture;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Lanline's chores. Each installs what it needs by apt where it may, and says what to install elsewhere.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Open the app; without a display, the terminal client
    Run(run::Arguments),
    /// Open two windows whose devices are in one room, and forget both afterwards
    Demo,
    /// Draw the README's pictures anew
    Screenshots,
    /// Kill, stop and cut off real devices while they talk, or have a disk fail, and look whether anything was lost
    Torture(torture::Arguments),
    /// Measure a real server under load, beside others: `bench messages [--quick]`
    Bench(bench::Arguments),
    /// Let many simulated devices run into everything that can go wrong
    Sim(sim::Arguments),
    /// Throw all sorts of bytes at what reads those of peers, people and disks
    Fuzz(fuzz::Arguments),
    /// Run all tests, those of the real windows last
    Test,
    /// Ask what is known of the dependencies: licences, sources, advisories, vulnerabilities; needs the internet
    Audit,
    /// Check format, code, docs, licences, pages and the layout's rules
    Lint,
}

fn main() -> ExitCode {
    let chore = Chore::parse();
    let done = match chore {
        Chore::Run(arguments) => run::run(&arguments),
        Chore::Demo => demo::demo(),
        Chore::Screenshots => screenshots::screenshots(),
        Chore::Torture(arguments) => torture::torture(&arguments),
        Chore::Bench(arguments) => bench::bench(&arguments),
        Chore::Sim(arguments) => sim::sim(&arguments),
        Chore::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Chore::Test => test::test(),
        Chore::Audit => lint::audit(),
        Chore::Lint => lint::lint(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}
