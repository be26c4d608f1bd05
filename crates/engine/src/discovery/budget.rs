//! How much of what anybody may send is read and looked at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Datagrams of one socket that are looked at in a second: some thirty times what a network of a hundred devices says.
pub(super) const LOOKS: u32 = 200;
/// Besides, of those at which members of this device's rooms were heard of late, whom a flood of others is not to drown.
pub(super) const LOOKS_AT_KNOWN: u32 = 200;
/// Of both, from one address, so that one that floods leaves room for the others. Several devices may share a machine.
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
    looks_at_known: u32,
    /// At most [`LOOKS`] and [`LOOKS_AT_KNOWN`] of them.
    by_source: BTreeMap<IpAddr, u32>,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, reads: 0, looks: 0, looks_at_known: 0, by_source: BTreeMap::new() }
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

    /// Whether a datagram that was read may be looked at. Whether its source is known is asked only where it matters.
    pub(super) fn look(&mut self, source: IpAddr, is_known: impl FnOnce() -> bool) -> bool {
        let looks = if self.looks < LOOKS {
            &mut self.looks
        } else if self.looks_at_known < LOOKS_AT_KNOWN && is_known() {
            &mut self.looks_at_known
        } else {
            return false;
        };
        let of_source = self.by_source.entry(source).or_default();
        if *of_source >= LOOKS_PER_SOURCE {
            return false;
        }
        *of_source += 1;
        *looks += 1;
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
        assert_eq!((0..LOOKS).filter(|_| budget.look(alice, || false)).count(), LOOKS_PER_SOURCE as usize);
        assert_eq!((0..LOOKS).filter(|_| budget.look(bob, || false)).count(), (LOOKS - LOOKS_PER_SOURCE) as usize);
        assert!(!budget.look(IpAddr::from([192, 0, 2, 3]), || false), "all is used up");

        assert!((0..READS).all(|_| budget.read(start).is_ok()));
        let wait = budget.read(start + Duration::from_millis(400)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(600));
        assert!(budget.read(start + Duration::from_millis(400) + wait).is_ok());
        assert!(budget.look(alice, || false), "a new second");
    }

    #[test]
    fn whoever_makes_up_sources_takes_no_memory() {
        let mut budget = Budget::new(Instant::now());
        for source in 0..100_000_u32 {
            budget.look(IpAddr::from(source.to_be_bytes()), || source % 2 == 0);
        }
        assert_eq!(budget.by_source.len(), (LOOKS + LOOKS_AT_KNOWN) as usize);
    }

    #[test]
    fn a_flood_that_lasts_does_not_drown_those_who_are_known() {
        let (begun, bob) = (Instant::now(), IpAddr::from([192, 0, 2, 9]));
        let flooding = [1, 2].map(|n| IpAddr::from([192, 0, 2, n]));
        let mut budget = Budget::new(begun);
        for second in 0..90 {
            budget.read(begun + Duration::from_secs(second)).unwrap();
            for source in flooding {
                for _ in 0..1000 {
                    budget.look(source, || false);
                }
            }
            assert!(budget.look(bob, || true), "{second}");
            assert!(!budget.look(bob, || false), "{second}");
        }
    }
}
