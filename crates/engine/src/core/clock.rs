use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lanline_protocol::clock::Time;

/// The system's clocks, as the protocol takes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    begun: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now() }
    }

    pub(super) fn now(self) -> Time {
        // A wall clock before 1970 is as wrong as one at 1970.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time {
            wall_us: u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
            steady_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}
