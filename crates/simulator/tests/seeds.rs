//! A seed is one run; `cargo xtask sim` runs as many as there is time for.

use lanline_simulator::{Options, run};

/// Short, since the tests' build is not the quick one.
const OPTIONS: Options = Options { minutes: 2, devices: None, print: false };

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
