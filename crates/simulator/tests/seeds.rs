//! A few seeds of each kind with every test run; `cargo xtask sim` runs as many as there is time for.

use lanline_simulator::{Campaign, Options, run};

/// Short, since the tests' build is not the quick one.
const OPTIONS: Options = Options { minutes: 2, devices: None, pause_s: None, print: false };

#[test]
fn seeds_with_faults_violate_nothing() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let campaign = Campaign { first: 1000, seeds: 40, options: OPTIONS, threads, bug: None, stop: true, until: None };
    let summary = campaign.run(|_| {});
    assert!(summary.violations.is_empty(), "{:?}", summary.violations);
    assert_eq!(summary.seeds, campaign.seeds);
    assert!(summary.frames > 10_000, "next to nothing was said");
}

#[test]
fn twenty_seeds_go_the_same_way_twice() {
    for seed in 0..20 {
        let options = Options { minutes: 1, ..OPTIONS };
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_run() {
    let options = Options { minutes: 1, ..OPTIONS };
    assert_ne!(run(1, &options).hash, run(2, &options).hash);
}
