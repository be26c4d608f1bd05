//! How much of a member's own writing is taken at once: a share of the free disk. What one writes beyond that is taken as
//! slowly as people write, and nothing else waits for it.
//!
//! Nothing is skipped, since a log has no gaps: the connection that brings it is read more slowly, and the member waits for
//! itself. What others pass on of it came into the room by a device that did the same.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::{identity::DeviceId, session::ConnectionId};

/// Bytes of one member's own that are taken at line speed, at most. In tests, as much as a test can write.
pub(super) const AT_ONCE: u64 = if cfg!(test) { 2 * 1024 * 1024 } else { 1024 * 1024 * 1024 };
/// And as a part of what is free on the disk.
const PART: u64 = 8;
/// Bytes a second that are taken of it beyond that: a text of 200 letters 200 times.
const EACH_SECOND: u64 = 64 * 1024;
/// Free bytes below which nothing is taken beyond that: they are for what this device's own person does.
const RESERVE: u64 = 64 * 1024 * 1024;
/// The free space is looked up at most this often, in milliseconds.
const LOOK_MS: u64 = 10_000;

/// See the module's documentation. `P` is what keeps a connection from being read.
pub(super) struct Allowances<P> {
    /// Those who do not have all that they may.
    spent: BTreeMap<DeviceId, Allowance>,
    /// In the order in which they came.
    held: Vec<Held<P>>,
    free: u64,
    looked_ms: Option<u64>,
    /// Of whom people are still to be told.
    news: Vec<DeviceId>,
}

struct Held<P> {
    member: DeviceId,
    connection: ConnectionId,
    /// Bytes that came with it and are not made up for.
    owed: i64,
    /// Let go of with it.
    _permit: P,
}

struct Allowance {
    /// Bytes; below zero, what was owed on connections that ended.
    left: i64,
    at_ms: u64,
    told: bool,
}

impl<P> Default for Allowances<P> {
    fn default() -> Self {
        Self { spent: BTreeMap::new(), held: Vec::new(), free: u64::MAX, looked_ms: None, news: Vec::new() }
    }
}

impl<P> Allowances<P> {
    /// A member brought so many bytes that it wrote itself. Gives the permit back where it may bring more now; else it is
    /// kept until then. `free` looks up what is free on the disk.
    pub(super) fn spend(
        &mut self,
        now_ms: u64,
        (member, connection): (DeviceId, ConnectionId),
        bytes: usize,
        permit: P,
        free: impl FnOnce() -> Option<u64>,
    ) -> Option<P> {
        if bytes == 0 {
            return Some(permit);
        }
        self.look(now_ms, free);
        let most = self.most();
        let allowance =
            self.spent.entry(member).or_insert(Allowance { left: signed(most), at_ms: now_ms, told: false });
        let mut owed = signed(bytes as u64);
        allowance.pay(&mut owed);
        if owed == 0 {
            return Some(permit);
        }
        if !std::mem::replace(&mut allowance.told, true) {
            self.news.push(member);
        }
        self.held.push(Held { member, connection, owed, _permit: permit });
        None
    }

    /// Lets those be read again who waited long enough: each for what it brought, the first first, so that a member who
    /// waits sees that it goes on.
    pub(super) fn release(&mut self, now_ms: u64, free: impl FnOnce() -> Option<u64>) {
        if !self.held.is_empty() {
            self.look(now_ms, free);
        }
        let (most, each_second) = (self.most(), self.each_second());
        for allowance in self.spent.values_mut() {
            let earned = now_ms.saturating_sub(allowance.at_ms).saturating_mul(each_second) / 1000;
            if earned > 0 || each_second == 0 {
                allowance.at_ms = now_ms;
            }
            allowance.left = allowance.left.saturating_add(signed(earned));
        }
        let spent = &mut self.spent;
        self.held.retain_mut(|held| {
            if let Some(allowance) = spent.get_mut(&held.member) {
                allowance.pay(&mut held.owed);
                held.owed > 0
            } else {
                false
            }
        });
        let held: BTreeSet<DeviceId> = self.held.iter().map(|held| held.member).collect();
        self.spent.retain(|member, allowance| {
            allowance.left = allowance.left.min(signed(most));
            allowance.left < signed(most) || held.contains(member)
        });
    }

    /// A connection ended. What is owed on it is owed by the member.
    pub(super) fn closed(&mut self, connection: ConnectionId) {
        let spent = &mut self.spent;
        self.held.retain(|held| {
            if held.connection == connection
                && let Some(allowance) = spent.get_mut(&held.member)
            {
                allowance.left = allowance.left.saturating_sub(held.owed);
            }
            held.connection != connection
        });
    }

    /// When [`Self::release`] has something to do.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let each_second = self.each_second();
        let mut first = BTreeSet::new();
        let due = self.held.iter().filter(|held| first.insert(held.member)).filter_map(|held| {
            let allowance = self.spent.get(&held.member)?;
            let owed = held.owed.saturating_sub(allowance.left).unsigned_abs();
            let waits_ms = owed.saturating_mul(1000).checked_div(each_second);
            Some(allowance.at_ms.saturating_add(waits_ms.unwrap_or(LOOK_MS).clamp(1, LOOK_MS)))
        });
        due.min()
    }

    /// Who is taken from slowly since the last time this was asked.
    pub(super) fn take_news(&mut self) -> Vec<DeviceId> {
        std::mem::take(&mut self.news)
    }

    fn look(&mut self, now_ms: u64, free: impl FnOnce() -> Option<u64>) {
        if self.looked_ms.is_none_or(|looked| now_ms.saturating_sub(looked) >= LOOK_MS) {
            self.looked_ms = Some(now_ms);
            self.free = free().unwrap_or(u64::MAX);
        }
    }

    fn most(&self) -> u64 {
        AT_ONCE.min(self.free / PART)
    }

    fn each_second(&self) -> u64 {
        if self.free < RESERVE { 0 } else { EACH_SECOND }
    }
}

impl Allowance {
    /// Takes what is owed off what is left, as far as that goes.
    fn pay(&mut self, owed: &mut i64) {
        let paid = self.left.max(0).min(*owed);
        self.left = self.left.saturating_sub(paid);
        *owed = owed.saturating_sub(paid);
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBI: usize = 1024 * 1024;
    const GIBI: u64 = 1024 * 1024 * 1024;

    fn id(n: u8) -> DeviceId {
        DeviceId::new([n; 32])
    }

    #[test]
    fn who_floods_is_read_slowly_and_nobody_else() {
        let (mallory, bob, free) = (id(1), id(2), || Some(100 * GIBI));
        let mut allowances = Allowances::default();
        for _ in 0..AT_ONCE / MEBI as u64 {
            assert_eq!(allowances.spend(0, (mallory, ConnectionId(1)), MEBI, "mallory", free), Some("mallory"));
        }
        assert_eq!((allowances.next_ms(), allowances.take_news()), (None, vec![]));
        assert_eq!(allowances.spend(0, (mallory, ConnectionId(1)), MEBI, "mallory", free), None);
        assert_eq!(allowances.spend(0, (bob, ConnectionId(2)), MEBI, "bob", free), Some("bob"));
        assert_eq!(allowances.take_news(), [mallory]);
        // In the end as much comes in an hour as may come in an hour.
        let (mut now, mut taken) = (0, 0);
        while now < 3600 * 1000 {
            let next = allowances.next_ms().unwrap();
            assert!(next > now);
            now = next;
            allowances.release(now, free);
            if allowances.held.is_empty() {
                assert_eq!(allowances.spend(now, (mallory, ConnectionId(1)), MEBI, "mallory", free), None);
                taken += MEBI as u64;
            }
        }
        assert!((3500 * EACH_SECOND..3700 * EACH_SECOND).contains(&taken), "{taken}");
        assert_eq!(allowances.take_news(), [], "it was told");
        // Who writes nothing for long may write again as before.
        allowances.release(now + 1_000_000_000, free);
        assert!(allowances.spent.is_empty() && allowances.held.is_empty());
    }

    #[test]
    fn on_a_small_disk_it_is_a_part_of_it_and_the_rest_is_the_persons_own() {
        let (mallory, bob) = (id(1), id(2));
        let mut allowances = Allowances::default();
        let small = || Some(8 * MEBI as u64);
        assert_eq!(allowances.spend(0, (mallory, ConnectionId(1)), MEBI, 1, small), Some(1));
        assert_eq!(allowances.spend(0, (mallory, ConnectionId(1)), 1, 2, small), None);
        let full = || Some(RESERVE - 1);
        for at in 1..50 {
            allowances.release(at * LOOK_MS, full);
            assert_eq!(allowances.held.len(), 1);
            assert_eq!(allowances.next_ms(), Some((at + 1) * LOOK_MS));
        }
        // What the others say in the meantime is taken as ever.
        assert_eq!(allowances.spend(500_000, (bob, ConnectionId(2)), 1000, 3, full), Some(3));
        let enough = || Some(RESERVE);
        allowances.release(510_000, enough);
        allowances.release(511_000, enough);
        assert!(allowances.held.is_empty());
    }
}
