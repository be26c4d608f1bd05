//! How much of each member's writing is taken: a share of the free disk at once, and as much in each hour. What comes
//! beyond that waits, and nothing else waits for it.
//!
//! Nothing is skipped, since a log has no gaps. What is stored is charged to its author, whoever brought it; of what the
//! author has not left any more, whoever brought it owes. Of a device that owes no batch is taken: it waits, with all that
//! comes behind it on that connection, until the debt is made up for. The device owes, not the connection: who connects
//! again goes on where it was.

use std::collections::{BTreeMap, VecDeque};

use lanline_protocol::{identity::DeviceId, session::ConnectionId};

/// Bytes of one member that are taken at line speed, at most. In tests, as much as a test can write.
pub(super) const AT_ONCE: u64 = if cfg!(test) { 2 * 1024 * 1024 } else { 1024 * 1024 * 1024 };
/// And as a part of what is free on the disk.
const PART: u64 = 8;
/// However little is free, so that people can talk: what cannot be written in the end says so itself.
const AT_LEAST: u64 = AT_ONCE / 256;
/// Within so many milliseconds as much again is taken as at once: an hour.
const AGAIN_MS: u64 = if cfg!(test) { 32_000 } else { 3_600_000 };
/// The free space is looked up at most this often, in milliseconds.
const LOOK_MS: u64 = 10_000;

/// See the module's documentation. `F` is a frame that waits.
pub(super) struct Allowances<F> {
    /// Those who do not have all that they may.
    accounts: BTreeMap<DeviceId, Account>,
    held: BTreeMap<ConnectionId, Held<F>>,
    /// What may be spent at once as of the last look.
    share: u64,
    looked_ms: Option<u64>,
    /// Of whom people are still to be told.
    news: Vec<DeviceId>,
}

/// What came on a connection and waits, in the order in which it came; whether each is a batch.
struct Held<F> {
    device: DeviceId,
    frames: VecDeque<(bool, F)>,
}

/// What is charged to one device.
struct Account {
    wrote: Budget,
    /// For what it brought of others who had nothing left. Apart, so that who passes on is not taken for who wrote.
    passed_on: Budget,
    told: bool,
}

#[derive(Clone, Copy)]
struct Budget {
    /// Bytes; below zero, what is owed.
    left: i64,
    at_ms: u64,
}

impl<F> Default for Allowances<F> {
    fn default() -> Self {
        Self { accounts: BTreeMap::new(), held: BTreeMap::new(), share: AT_ONCE, looked_ms: None, news: Vec::new() }
    }
}

impl<F> Allowances<F> {
    /// A frame came. Gives it back where it is to be taken now; else it is kept until then.
    pub(super) fn hold(
        &mut self,
        now_ms: u64,
        (device, connection): (DeviceId, ConnectionId),
        is_batch: bool,
        frame: F,
    ) -> Option<F> {
        if let Some(held) = self.held.get_mut(&connection) {
            held.frames.push_back((is_batch, frame));
            return None;
        }
        if !is_batch || self.free_ms(device).is_none_or(|at| at <= now_ms) {
            return Some(frame);
        }
        self.held.insert(connection, Held { device, frames: VecDeque::from([(is_batch, frame)]) });
        None
    }

    /// The next frame that waited long enough. `free` looks up what is free on the disk.
    pub(super) fn next(&mut self, now_ms: u64, free: impl FnOnce() -> Option<u64>) -> Option<F> {
        if self.held.is_empty() {
            return None;
        }
        self.look(now_ms, free);
        let waiting = |held: &Held<F>| held.due_ms(self).is_some_and(|at| at <= now_ms);
        let connection = self.held.iter().find(|(_, held)| waiting(held)).map(|(connection, _)| *connection)?;
        let held = self.held.get_mut(&connection)?;
        let (_, frame) = held.frames.pop_front()?;
        if held.frames.is_empty() {
            self.held.remove(&connection);
        }
        Some(frame)
    }

    /// Bytes of an author were stored that `by` brought.
    pub(super) fn charge(
        &mut self,
        now_ms: u64,
        (by, author): (DeviceId, DeviceId),
        bytes: u64,
        free: impl FnOnce() -> Option<u64>,
    ) {
        self.look(now_ms, free);
        let share = self.share;
        let account = self.accounts.entry(author).or_insert_with(|| Account::new(share, now_ms));
        let owed = account.wrote.pay(share, now_ms, bytes);
        if owed == 0 {
            return;
        }
        if !std::mem::replace(&mut account.told, true) {
            self.news.push(author);
        }
        if by == author {
            account.wrote.owe(owed);
            return;
        }
        let account = self.accounts.entry(by).or_insert_with(|| Account::new(share, now_ms));
        let owed = account.passed_on.pay(share, now_ms, owed);
        account.passed_on.owe(owed);
    }

    /// A connection ended: what waited on it comes again.
    pub(super) fn closed(&mut self, connection: ConnectionId) {
        self.held.remove(&connection);
    }

    /// All connections ended.
    pub(super) fn all_closed(&mut self) {
        self.held.clear();
    }

    /// When [`Self::next`] has something, or it is to be looked whether it has.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let due = self.held.values().filter_map(|held| held.due_ms(self)).min()?;
        Some(due.min(self.looked_ms.unwrap_or(0).saturating_add(LOOK_MS)))
    }

    /// Who wrote more than its share since the last time this was asked.
    pub(super) fn take_news(&mut self) -> Vec<DeviceId> {
        std::mem::take(&mut self.news)
    }

    /// When a device owes nothing; `None`: it does not.
    fn free_ms(&self, device: DeviceId) -> Option<u64> {
        let account = self.accounts.get(&device)?;
        [account.wrote, account.passed_on].into_iter().filter_map(|budget| budget.free_ms(self.share)).max()
    }

    fn look(&mut self, now_ms: u64, free: impl FnOnce() -> Option<u64>) {
        if self.looked_ms.is_some_and(|looked| now_ms.saturating_sub(looked) < LOOK_MS) {
            return;
        }
        self.looked_ms = Some(now_ms);
        self.share = AT_ONCE.min((free().unwrap_or(u64::MAX) / PART).max(AT_LEAST));
        let share = self.share;
        self.accounts.retain(|_, account| !account.is_whole(share, now_ms));
    }
}

impl<F> Held<F> {
    fn due_ms(&self, allowances: &Allowances<F>) -> Option<u64> {
        let (is_batch, _) = self.frames.front()?;
        Some(if *is_batch { allowances.free_ms(self.device).unwrap_or(0) } else { 0 })
    }
}

impl Account {
    fn new(share: u64, now_ms: u64) -> Self {
        let whole = Budget { left: signed(share), at_ms: now_ms };
        Self { wrote: whole, passed_on: whole, told: false }
    }

    fn is_whole(&self, share: u64, now_ms: u64) -> bool {
        [self.wrote, self.passed_on].iter().all(|budget| budget.left(share, now_ms) >= signed(share))
    }
}

impl Budget {
    /// What is left with what came since: no more than a share.
    fn left(&self, share: u64, now_ms: u64) -> i64 {
        let earned = u128::from(now_ms.saturating_sub(self.at_ms)) * u128::from(share) / u128::from(AGAIN_MS);
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        self.left.saturating_add(earned).min(signed(share))
    }

    /// Takes bytes off what is left, as far as that goes. How many that leaves.
    fn pay(&mut self, share: u64, now_ms: u64, bytes: u64) -> u64 {
        let left = self.left(share, now_ms);
        let paid = bytes.min(u64::try_from(left).unwrap_or(0));
        *self = Self { left: left.saturating_sub(signed(paid)), at_ms: now_ms };
        bytes - paid
    }

    fn owe(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(signed(bytes));
    }

    /// When nothing is owed any more; `None`: nothing is owed now.
    fn free_ms(&self, share: u64) -> Option<u64> {
        let owed = self.left.checked_neg().filter(|owed| *owed > 0)?;
        let waits_ms = (u128::from(owed.unsigned_abs()) * u128::from(AGAIN_MS)).div_ceil(u128::from(share.max(1)));
        Some(self.at_ms.saturating_add(u64::try_from(waits_ms).unwrap_or(u64::MAX)))
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBI: u64 = 1024 * 1024;
    const GIBI: u64 = 1024 * MEBI;

    fn id(n: u8) -> DeviceId {
        DeviceId::new([n; 32])
    }

    fn much() -> Option<u64> {
        Some(100 * GIBI)
    }

    /// A batch of so many bytes comes. Whether it was taken.
    fn batch(
        allowances: &mut Allowances<u64>,
        now_ms: u64,
        (by, connection, author): (DeviceId, u64, DeviceId),
        bytes: u64,
    ) -> bool {
        let taken = allowances.hold(now_ms, (by, ConnectionId(connection)), true, bytes).is_some();
        if taken {
            allowances.charge(now_ms, (by, author), bytes, much);
        }
        taken
    }

    #[test]
    fn who_floods_is_read_slowly_and_nobody_else() {
        let (mallory, bob) = (id(1), id(2));
        let (from_mallory, from_bob) = ((mallory, 1, mallory), (bob, 2, bob));
        let mut allowances = Allowances::default();
        for _ in 0..AT_ONCE / MEBI {
            assert!(batch(&mut allowances, 0, from_mallory, MEBI));
        }
        assert_eq!((allowances.next_ms(), allowances.take_news()), (None, vec![]));
        assert!(batch(&mut allowances, 0, from_mallory, MEBI));
        assert_eq!(allowances.take_news(), [mallory]);
        assert!(!batch(&mut allowances, 0, from_mallory, MEBI));
        assert!(batch(&mut allowances, 0, from_bob, MEBI));
        // In the end as much comes in ten hours as may come in ten hours.
        let (mut now, mut taken) = (0, 0);
        while now < 10 * AGAIN_MS {
            let next = allowances.next_ms().unwrap();
            assert!(next > now);
            now = next;
            while let Some(bytes) = allowances.next(now, much) {
                allowances.charge(now, (mallory, mallory), bytes, much);
                taken += bytes;
                assert!(!batch(&mut allowances, now, from_mallory, MEBI));
            }
        }
        assert!((9 * AT_ONCE..11 * AT_ONCE).contains(&taken), "{taken}");
        assert_eq!(allowances.take_news(), [], "it was told");
        // Who writes nothing for long may write again as before.
        now += 10 * AGAIN_MS;
        assert_eq!(allowances.next(now, much), Some(MEBI));
        allowances.charge(now, (bob, bob), 1, much);
        assert_eq!(allowances.accounts.keys().collect::<Vec<_>>(), [&bob]);
    }

    #[test]
    fn who_connects_again_and_again_owes_as_before() {
        let mallory = id(1);
        let mut allowances = Allowances::default();
        assert!(batch(&mut allowances, 0, (mallory, 1, mallory), AT_ONCE + MEBI));
        for connection in 1..1000 {
            let greeting = allowances.hold(0, (mallory, ConnectionId(connection)), false, 7);
            assert_eq!(greeting, Some(7), "it may say who it is");
            assert!(!batch(&mut allowances, 0, (mallory, connection, mallory), MEBI));
            allowances.closed(ConnectionId(connection));
        }
        assert!(allowances.held.is_empty() && allowances.next_ms().is_none());
        assert!(!batch(&mut allowances, AGAIN_MS / 4, (mallory, 1000, mallory), MEBI));
        assert!(batch(&mut allowances, AGAIN_MS, (mallory, 1001, mallory), MEBI));
    }

    #[test]
    fn what_others_pass_on_is_charged_to_its_author_and_then_to_them() {
        let (mallory, bob, carol) = (id(1), id(2), id(3));
        let mut allowances = Allowances::default();
        assert!(batch(&mut allowances, 0, (bob, 2, mallory), AT_ONCE));
        assert_eq!(allowances.take_news(), []);
        // Who comes back and is caught up by others waits for nothing: they have a share for that, too.
        assert!(batch(&mut allowances, 0, (bob, 2, mallory), AT_ONCE));
        assert_eq!(allowances.take_news(), [mallory], "who wrote it is named, not who passed it on");
        assert!(batch(&mut allowances, 0, (bob, 2, mallory), MEBI));
        assert!(!batch(&mut allowances, 0, (bob, 2, mallory), MEBI));
        // What bob wrote is charged to nobody else, and mallory has nothing left by other ways either.
        assert!(batch(&mut allowances, 0, (carol, 3, bob), AT_ONCE));
        assert!(batch(&mut allowances, 0, (mallory, 1, mallory), MEBI));
        assert!(!batch(&mut allowances, 0, (mallory, 1, mallory), MEBI));
        assert!(batch(&mut allowances, 0, (carol, 3, carol), MEBI));
        assert_eq!(allowances.take_news(), []);
    }

    #[test]
    fn what_comes_behind_what_waits_comes_after_it() {
        let (mallory, by) = (id(1), (id(1), ConnectionId(1)));
        let mut allowances = Allowances::default();
        allowances.charge(0, (mallory, mallory), AT_ONCE + MEBI, much);
        assert_eq!(allowances.hold(0, by, false, 1), Some(1));
        for (is_batch, frame) in [(true, 2), (false, 3), (true, 4), (false, 5)] {
            assert_eq!(allowances.hold(0, by, is_batch, frame), None);
        }
        assert_eq!(allowances.next(0, much), None);
        let mut came = Vec::new();
        while let Some(frame) = allowances.next(AGAIN_MS, much) {
            came.push(frame);
            if frame == 2 {
                allowances.charge(AGAIN_MS, (mallory, mallory), AT_ONCE + MEBI, much);
            }
        }
        assert_eq!(came, [2, 3]);
        assert_eq!(allowances.hold(AGAIN_MS, by, false, 6), None);
        while let Some(frame) = allowances.next(3 * AGAIN_MS, much) {
            came.push(frame);
        }
        assert_eq!(came, [2, 3, 4, 5, 6]);
        assert_eq!(allowances.hold(3 * AGAIN_MS, by, true, 7), Some(7));
        // Where all connections ended nothing waits.
        allowances.charge(3 * AGAIN_MS, (mallory, mallory), 4 * AT_ONCE, much);
        assert_eq!(allowances.hold(3 * AGAIN_MS, by, true, 8), None);
        allowances.all_closed();
        assert_eq!(allowances.next_ms(), None);
    }

    #[test]
    fn on_a_small_disk_it_is_a_part_of_it_and_people_can_talk_on_a_full_one() {
        let (mallory, bob) = (id(1), id(2));
        let mut allowances: Allowances<u64> = Allowances::default();
        let (small, full) = (|| Some(8 * MEBI), || Some(0));
        allowances.charge(0, (mallory, mallory), MEBI, small);
        assert_eq!(allowances.hold(0, (mallory, ConnectionId(1)), true, 1), Some(1));
        allowances.charge(0, (mallory, mallory), 1000, small);
        assert_eq!(allowances.hold(0, (mallory, ConnectionId(1)), true, 2), None);
        // A text a second is taken for ever, and so is, slowly, what is too much.
        let mut came = 0;
        for now in (LOOK_MS..LOOK_MS + 20 * AGAIN_MS).step_by(1000) {
            assert_eq!(allowances.hold(now, (bob, ConnectionId(2)), true, 3), Some(3), "after {now} ms");
            allowances.charge(now, (bob, bob), AT_LEAST * 900 / AGAIN_MS, full);
            if allowances.next(now, full).is_some() {
                came += 1;
                allowances.charge(now, (mallory, mallory), AT_LEAST, full);
                assert_eq!(allowances.hold(now, (mallory, ConnectionId(1)), true, 2), None);
            }
        }
        assert!((15..25).contains(&came), "{came}");
    }

    #[test]
    fn nobody_owes_because_the_disk_filled_up() {
        let bob = id(2);
        let mut allowances = Allowances::default();
        allowances.charge(0, (bob, bob), MEBI, much);
        let full = || Some(0);
        allowances.charge(LOOK_MS, (bob, bob), 1, full);
        assert_eq!(allowances.share, AT_LEAST);
        assert_eq!(allowances.hold(LOOK_MS, (bob, ConnectionId(2)), true, 1), Some(1));
    }
}
