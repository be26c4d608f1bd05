//! Time as it is handed in, and the hybrid logical clock that entries are stamped with
//! (Kulkarni et al., "Logical Physical Clocks", 2014; one number, microseconds).

use crate::limits;

/// What the caller's clocks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Wall clock: microseconds since the Unix epoch. May jump.
    pub wall_us: u64,
    /// A clock that never jumps, in milliseconds from any start.
    pub steady_ms: u64,
}

impl Time {
    /// Wall clock in milliseconds.
    pub const fn wall_ms(self) -> u64 {
        self.wall_us / 1000
    }
}

/// Gives times that rise, whatever the wall clock does, and follow what was seen of others.
#[derive(Clone, Copy, Debug, Default)]
pub struct HybridClock {
    last_us: u64,
}

impl HybridClock {
    /// A time for a new entry: later than every one given or taken in before.
    pub fn next(&mut self, now: Time) -> u64 {
        self.last_us = now.wall_us.max(self.last_us.saturating_add(1));
        self.last_us
    }

    /// Takes in an entry's time and says where the entry is shown: at its own time, or, where that is too far
    /// ahead to be believed, now.
    pub fn observe(&mut self, timestamp_us: u64, now: Time) -> u64 {
        if timestamp_us <= now.wall_us.saturating_add(limits::CLOCK_AHEAD_US) {
            if !crate::planted::is(crate::planted::Bug::ClockNotObserved) {
                self.last_us = self.last_us.max(timestamp_us);
            }
            timestamp_us
        } else {
            self.next(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall_us: u64) -> Time {
        Time { wall_us, steady_ms: 0 }
    }

    #[test]
    fn times_rise_though_the_wall_clock_falls() {
        let mut clock = HybridClock::default();
        assert_eq!(clock.next(at(100)), 100);
        assert_eq!(clock.next(at(50)), 101);
        assert_eq!(clock.observe(500, at(50)), 500);
        assert_eq!(clock.next(at(50)), 501);
    }

    #[test]
    fn an_absurd_time_moves_nothing_and_is_shown_now() {
        let mut clock = HybridClock::default();
        let absurd = 1000 + limits::CLOCK_AHEAD_US + 1;
        assert_eq!(clock.observe(absurd, at(1000)), 1000);
        assert_eq!(clock.next(at(1000)), 1001);
    }
}
