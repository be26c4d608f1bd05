//! Where another device answered than the one that was dialled. It is looked there again, but seldom: whoever answers
//! sees no more of this device than that something dialled ([`crate::net`] says nothing before it is sure who is there),
//! and the one that is meant may have come back, without anybody here being told so.
//!
//! Each device that answers in another's place is told of once. Where that one itself says hello, from wherever, and on
//! another network, what was tried before counts no more.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lanline_protocol::identity::DeviceId;
use tokio::time::Instant;

use crate::net::Address;

/// Of how many devices it is remembered.
const DEVICES: usize = 1024;
/// Of how many that answered in the place of one.
const TOLD: usize = 16;
/// How long an address is left alone at which another answered, at first and at most.
const PAUSE_MIN: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(60 * 60);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Impostors(Mutex<BTreeMap<DeviceId, Answered>>);

#[derive(Debug)]
struct Answered {
    /// When another answered last.
    at: Instant,
    /// The addresses at which another answered.
    left_alone: BTreeMap<String, Pause>,
    /// The others that were told of, the newest last.
    told: VecDeque<DeviceId>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    times: u32,
    until: Instant,
}

impl Impostors {
    /// Which of a device's addresses may be dialled.
    pub(crate) fn without(&self, device: DeviceId, mut addresses: Vec<Address>, now: Instant) -> Vec<Address> {
        if let Some(answered) = self.lock().get(&device) {
            let rests = |address: &Address| answered.left_alone.get(&address.to_string()).map(|pause| pause.until);
            addresses.retain(|address| rests(address).is_none_or(|until| until <= now));
        }
        addresses
    }

    /// Whether none of these addresses, as they are shown, may be dialled as this device: at each another answered.
    pub(crate) fn leaves_alone(&self, device: DeviceId, addresses: &[String], now: Instant) -> bool {
        let all = self.lock();
        let rests = |address: &String| {
            all.get(&device)
                .and_then(|answered| answered.left_alone.get(address))
                .is_some_and(|pause| pause.until > now)
        };
        addresses.iter().all(rests)
    }

    /// Another device answered at one of its addresses.
    pub(crate) fn note(&self, device: DeviceId, addresses: &[Address], at: &str, now: Instant) {
        let mut all = self.lock();
        if all.len() >= DEVICES && !all.contains_key(&device) {
            let oldest = all.iter().min_by_key(|(_, answered)| answered.at).map(|(device, _)| *device);
            oldest.map(|oldest| all.remove(&oldest));
        }
        let fresh = || Answered { at: now, left_alone: BTreeMap::new(), told: VecDeque::new() };
        let answered = all.entry(device).or_insert_with(fresh);
        answered.at = now;
        let known: BTreeSet<String> = addresses.iter().map(ToString::to_string).collect();
        answered.left_alone.retain(|address, _| known.contains(address));
        let pause = answered.left_alone.entry(at.to_owned()).or_insert(Pause { times: 0, until: now });
        pause.until = now + PAUSE_MIN.saturating_mul(1 << pause.times.min(8)).min(PAUSE_MAX);
        pause.times = pause.times.saturating_add(1);
    }

    /// Whether it was not told yet that `found` answers in a device's place.
    pub(crate) fn is_news(&self, device: DeviceId, found: DeviceId) -> bool {
        !self.lock().get(&device).is_some_and(|answered| answered.told.contains(&found))
    }

    /// It was told.
    pub(crate) fn told(&self, device: DeviceId, found: DeviceId) {
        let mut all = self.lock();
        let Some(answered) = all.get_mut(&device) else { return };
        if answered.told.len() >= TOLD {
            answered.told.pop_front();
        }
        answered.told.push_back(found);
    }

    /// The device itself said hello.
    pub(crate) fn back(&self, device: DeviceId) {
        if let Some(answered) = self.lock().get_mut(&device) {
            answered.left_alone.clear();
        }
    }

    /// This device is on another network.
    pub(crate) fn moved(&self) {
        self.lock().values_mut().for_each(|answered| answered.left_alone.clear());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Answered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: DeviceId = DeviceId::new([1; 32]);
    const BOB: DeviceId = DeviceId::new([2; 32]);
    const MALLORY: DeviceId = DeviceId::new([9; 32]);

    fn both() -> Vec<Address> {
        ["10.0.0.1:1", "[fd00::1]:2"].map(|text| Address::parse(text, 1).unwrap()).to_vec()
    }

    fn left(impostors: &Impostors, device: DeviceId, now: Instant) -> Vec<String> {
        impostors.without(device, both(), now).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn where_another_answered_it_is_looked_again_after_longer_and_longer() {
        let (impostors, begun) = (Impostors::default(), Instant::now());
        impostors.note(ALICE, &both(), "[fd00::1]:2", begun);
        assert_eq!(left(&impostors, ALICE, begun), ["10.0.0.1:1"]);
        assert_eq!(left(&impostors, BOB, begun).len(), 2);
        let mut now = begun;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            impostors.note(ALICE, &both(), "10.0.0.1:1", now);
            let from = now;
            while !left(&impostors, ALICE, now).contains(&"10.0.0.1:1".to_owned()) {
                now += Duration::from_secs(60);
            }
            pauses.push((now - from).as_secs() / 60);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]);
        // What is no longer said to be its address is forgotten.
        impostors.note(ALICE, &both()[1..], "[fd00::1]:2", now);
        assert_eq!(left(&impostors, ALICE, now), ["10.0.0.1:1"]);
        impostors.note(ALICE, &both(), "10.0.0.1:1", now);
        assert_eq!(left(&impostors, ALICE, now + PAUSE_MIN), ["10.0.0.1:1"]);
    }

    #[test]
    fn who_answers_is_news_once_and_the_right_one_makes_all_good() {
        let (impostors, now) = (Impostors::default(), Instant::now());
        let ways: [fn(&Impostors); 2] = [Impostors::moved, |impostors| impostors.back(ALICE)];
        for begin_anew in ways {
            for address in ["10.0.0.1:1", "[fd00::1]:2"] {
                impostors.note(ALICE, &both(), address, now);
            }
            assert!(left(&impostors, ALICE, now).is_empty());
            begin_anew(&impostors);
            assert_eq!(left(&impostors, ALICE, now).len(), 2);
        }
        assert!(impostors.is_news(ALICE, MALLORY));
        impostors.told(ALICE, MALLORY);
        impostors.back(ALICE);
        impostors.note(ALICE, &both(), "10.0.0.1:1", now);
        assert!(!impostors.is_news(ALICE, MALLORY), "though alice was there meanwhile");
        assert!(impostors.is_news(ALICE, BOB) && impostors.is_news(BOB, MALLORY));
        for n in 0..100 {
            impostors.told(ALICE, DeviceId::new([n; 32]));
        }
        assert!(impostors.lock()[&ALICE].told.len() <= TOLD);
    }

    #[test]
    fn where_there_are_too_many_the_oldest_is_forgotten() {
        let (impostors, begun) = (Impostors::default(), Instant::now());
        let device =
            |n: usize| DeviceId::new(std::array::from_fn(|at| if at < 2 { (n >> (8 - 8 * at)) as u8 } else { 0 }));
        for n in (0..=DEVICES).rev() {
            impostors.note(device(n), &both(), "10.0.0.1:1", begun + Duration::from_millis((DEVICES - n) as u64));
        }
        let now = begun + Duration::from_secs(2);
        assert_eq!(left(&impostors, device(0), now).len(), 1, "the smallest id came last");
        assert_eq!(left(&impostors, device(DEVICES), now).len(), 2);
        assert_eq!(impostors.lock().len(), DEVICES);
    }
}
