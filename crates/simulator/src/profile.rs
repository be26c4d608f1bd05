//! What one seed's simulation is like: who takes part, over which network, and what may go wrong. Each leaves something
//! out, since what always happens together hides what happens alone.

use crate::action::{ACTIONS, Action, Sort};
use crate::dice::Dice;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) devices: usize,
    /// How many are in the room from the beginning.
    pub(crate) members: usize,
    pub(crate) listens: Vec<bool>,
    pub(crate) delay_us: u64,
    pub(crate) bytes_per_ms: u64,
    pub(crate) commit_us: u64,
    /// The mean pause between two actions.
    pub(crate) pause_us: u64,
    pub(crate) actions: Vec<(Action, u64)>,
    pub(crate) liar: Option<usize>,
    /// How often faults stop and all is compared.
    pub(crate) episodes: u64,
}

/// How many times of a hundred a liar takes part.
const LIARS: u64 = 15;
/// Every so many seeds run without faults to a large size.
const LARGE: u64 = 50;

/// How many times more often the rest happens, where little happens for long.
const SELDOM: u64 = 40;

impl Profile {
    pub(crate) fn of(seed: u64, devices: Option<usize>, pause_s: Option<u64>) -> Self {
        let mut dice = Dice::new(seed ^ 0x70_726f_6669_6c65);
        let large = seed % LARGE == LARGE - 1;
        let most = if large { 8 } else { 12 };
        let chosen = [3, 3, 3, 3, 4, 4, 4, 5, 6, most][dice.index(10)];
        let devices = devices.unwrap_or(chosen).clamp(2, 30);
        let members = if large { devices } else { 2 + dice.index(devices - 1) };
        let listeners = [20, 50, 90][dice.index(3)];
        let listens = (0..devices).map(|index| index == 0 || dice.percent(listeners)).collect();
        let mut actions = Vec::new();
        for (action, weight, sort) in ACTIONS {
            let enabled = match sort {
                Sort::Talk => true,
                Sort::Belonging => !large && dice.percent(70),
                Sort::Fault => !large && dice.percent(40),
            };
            if enabled {
                let often = match action {
                    Action::Burst if large => 60,
                    Action::Restore | Action::GoBack | Action::Damage => 1,
                    _ if pause_s.is_some() && *sort != Sort::Belonging => SELDOM,
                    _ => 1,
                };
                actions.push((*action, *weight * often));
            }
        }
        let by_seed = if large { 1_000_000 } else { [800_000, 2_500_000, 6_000_000][dice.index(3)] };
        let pause_us = pause_s.map_or(by_seed, |pause_s| pause_s.saturating_mul(1_000_000));
        let delay_us = [200, 2000, 20_000, 150_000][dice.index(4)];
        let bytes_per_ms = if large { 20_000 } else { [20, 500, 20_000, 100_000][dice.index(4)] };
        Self {
            devices,
            members,
            listens,
            delay_us,
            bytes_per_ms,
            commit_us: [300, 3000, 20_000][dice.index(3)],
            pause_us,
            actions,
            liar: (!large && members > 2 && dice.percent(LIARS)).then(|| 1 + dice.index(members - 1)),
            episodes: if large { 1 } else { dice.between(1, 4) },
        }
    }
}
