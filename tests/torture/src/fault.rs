//! What goes wrong in one cycle, drawn from its seed.

use std::time::Duration;

use crate::chance::Chance;

/// What befalls one device, and when after the cycle's beginning.
#[derive(Clone, Debug)]
pub(crate) struct Fall {
    pub(crate) after: Duration,
    pub(crate) what: Befalls,
}

#[derive(Clone, Debug)]
pub(crate) enum Befalls {
    /// Killed; started again after a while, or only when all faults stop.
    Killed { again: Option<Duration>, damaged: bool },
    /// Killed, and again so long after it was started.
    KilledTwice { again: Duration, starting: Duration },
    /// Does nothing for a while.
    Stopped(Duration),
    /// Asked to end by a signal, and started again after a while.
    Ended { again: Duration },
    /// At the end of its input, and started again after a while.
    InputEnded { again: Duration },
    /// Does not listen for a while.
    Deaf(Duration),
}

/// What befalls one cable, and when after the cycle's beginning. It lasts until all faults stop.
#[derive(Clone, Debug)]
pub(crate) enum Breaks {
    Cut(Duration),
    CutAfter(u64),
    /// Ends what comes from this end of each connection.
    HalfEnded(Duration, usize),
    /// Lets nothing through from these ends.
    Frozen(Duration, [bool; 2]),
    Slow(Duration),
    Refuses(Duration),
}

/// A cycle: what befalls whom.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) lasts: Duration,
    /// By device.
    pub(crate) falls: Vec<Option<Fall>>,
    /// By cable.
    pub(crate) breaks: Vec<Option<Breaks>>,
    /// Whether the cables were broken such that two groups of devices cannot reach each other.
    pub(crate) parted: bool,
}

/// Long enough for a device to notice that another is silent.
const SILENCE: Duration = Duration::from_millis(11_500);

impl Plan {
    /// Of so many devices, with a cable between each two of these.
    pub(crate) fn draw(devices: usize, cables: &[(usize, usize)], chance: &mut Chance) -> Self {
        let mut lasts = chance.ms(250, 700);
        let mut falls: Vec<Option<Fall>> = (0..devices).map(|_| fall(lasts, chance)).collect();
        let mut breaks: Vec<Option<Breaks>> = cables.iter().map(|_| broken(lasts, chance)).collect();
        // Nobody befallen is no cycle.
        if falls.iter().all(Option::is_none)
            && let Some(one) = usize::try_from(chance.below(devices as u64)).ok().and_then(|one| falls.get_mut(one))
        {
            *one = Some(Fall { after: chance.ms(0, 250), what: killed(chance) });
        }
        let parted = !cables.is_empty() && devices > 1 && chance.one_in(4);
        if parted {
            let side = 1 + chance.below((1 << (devices - 1)) - 1);
            let frozen = chance.one_in(2);
            let after = chance.ms(0, 200);
            for (broken, (one, other)) in breaks.iter_mut().zip(cables) {
                if (side >> one) & 1 != (side >> other) & 1 {
                    *broken = Some(if frozen { Breaks::Frozen(after, [true; 2]) } else { Breaks::Refuses(after) });
                }
            }
        }
        // Now and then so long that those who hear nothing say so.
        if chance.one_in(100) {
            lasts = SILENCE;
        }
        Self { lasts, falls, breaks, parted }
    }
}

fn fall(lasts: Duration, chance: &mut Chance) -> Option<Fall> {
    let what = match chance.below(20) {
        0..=5 => killed(chance),
        6 => Befalls::KilledTwice { again: chance.ms(0, 50), starting: chance.ms(0, 250) },
        7..=9 => Befalls::Stopped(chance.ms(20, 600)),
        10 => Befalls::Ended { again: chance.ms(0, 100) },
        11 => Befalls::InputEnded { again: chance.ms(0, 100) },
        12 => Befalls::Deaf(chance.ms(0, 300)),
        _ => return None,
    };
    Some(Fall { after: lasts.mul_f64(0.001 * chance.below(900) as f64), what })
}

fn killed(chance: &mut Chance) -> Befalls {
    let again = if chance.one_in(3) { None } else { Some(chance.ms(0, 250)) };
    Befalls::Killed { again, damaged: chance.one_in(2) }
}

fn broken(lasts: Duration, chance: &mut Chance) -> Option<Breaks> {
    let after = lasts.mul_f64(0.001 * chance.below(800) as f64);
    Some(match chance.below(16) {
        0 | 1 => Breaks::Cut(after),
        2 | 3 => Breaks::CutAfter(1 + chance.below(20_000)),
        4 => Breaks::HalfEnded(after, usize::from(chance.one_in(2))),
        5 => Breaks::Frozen(after, [true; 2]),
        6 => Breaks::Frozen(after, [true, false]),
        7 => Breaks::Frozen(after, [false, true]),
        8 => Breaks::Slow(chance.ms(1, 60)),
        9 => Breaks::Refuses(after),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_plan_again() {
        let cables = [(0, 1), (0, 2), (1, 2)];
        let plans = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| format!("{:?}", Plan::draw(3, &cables, &mut chance))).collect::<Vec<_>>()
        };
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
    }

    #[test]
    fn in_every_cycle_something_befalls_somebody() {
        let mut chance = Chance::new(1);
        for devices in 2..5 {
            assert!((0..200).all(|_| Plan::draw(devices, &[], &mut chance).falls.iter().any(Option::is_some)));
        }
    }
}
