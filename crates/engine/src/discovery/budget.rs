//! How much of what anybody may send is read and looked at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Datagrams of one socket that are looked at in a second: some thirty times what a network of a hundred devices says.
pub(super) const LOOKS: u32 = 200;
/// Of them, from one address, so that one that floods leaves room for the others. Several devices may share a machine.
pub(super) const LOOKS_PER_SOURCE: u32 = 100;
/// Datagrams of one socket that are taken from the system in a second. Beyond it they are left there, where the system
/// drops them at no cost to anybody.
pub(super) const READS: u32 = 4_000;

const WINDOW: Duration = Duration::from_secs(1);

/// What is left of a second.
#[derive(Debug)]
pub(super) struct Budget {
    since: Instant,
    reads: u32,
    looks: u32,
    /// At most [`LOOKS`] of them.
    by_source: BTreeMap<IpAddr, u32>,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, reads: 0, looks: 0, by_source: BTreeMap::new() }
    }

    /// Whether a datagram may be taken from the system; else when one may.
    pub(super) fn read(&mut self, now: Instant) -> Result<(), Duration> {
        let gone = now.saturating_duration_since(self.since);
        if gone >= WINDOW {
            *self = Self::new(now);
        } else if self.reads >= READS {
            return Err(WINDOW.saturating_sub(gone));
        }
        self.reads += 1;
        Ok(())
    }

    /// Whether a datagram that was read may be looked at.
    pub(super) fn look(&mut self, source: IpAddr) -> bool {
        if self.looks >= LOOKS {
            return false;
        }
        let of_source = self.by_source.entry(source).or_default();
        if *of_source >= LOOKS_PER_SOURCE {
            return false;
        }
        *of_source += 1;
        self.looks += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_much_and_no_more() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let (alice, bob) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!((0..LOOKS).filter(|_| budget.look(alice)).count(), LOOKS_PER_SOURCE as usize);
        assert_eq!((0..LOOKS).filter(|_| budget.look(bob)).count(), (LOOKS - LOOKS_PER_SOURCE) as usize);
        assert!(!budget.look(IpAddr::from([192, 0, 2, 3])), "all is used up");

        assert!((0..READS).all(|_| budget.read(start).is_ok()));
        let wait = budget.read(start + Duration::from_millis(400)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(600));
        assert!(budget.read(start + Duration::from_millis(400) + wait).is_ok());
        assert!(budget.look(alice), "a new second");
    }

    #[test]
    fn whoever_makes_up_sources_takes_no_memory() {
        let mut budget = Budget::new(Instant::now());
        for source in 0..100_000_u32 {
            budget.look(IpAddr::from(source.to_be_bytes()));
        }
        assert_eq!(budget.by_source.len(), LOOKS as usize);
    }
}
