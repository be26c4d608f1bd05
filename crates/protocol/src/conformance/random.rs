//! Two stores that are told the same give the same answers.

use super::actor::{ALICE, BOB, CAROL, Chain, key, order, record};
use crate::entry::Entry;
use crate::id::{EntryId, RoomId, StoreId};
use crate::identity::PublicKey;
use crate::kind::{Kind, Lane};
use crate::store::{Cursor, Device, Item, NewEntry, Order, Store};

const ACTORS: [u8; 3] = [ALICE, BOB, CAROL];

/// Small random numbers from a seed (Steele, Lea and Flood, "SplitMix", 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    fn small(&mut self, end: usize) -> u64 {
        u64::try_from(self.below(end)).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// What was told so far: to be gone on from, and to be forgotten by a rollback.
#[derive(Clone, Default)]
struct Told {
    /// Every log as it stood after each of its entries, so that some are forked.
    chains: Vec<Chain>,
    orders: Vec<Order>,
    /// Arrivals that may be asked for.
    newest: u64,
}

struct Pair<A, B> {
    dice: Dice,
    a: A,
    b: B,
    rooms: [RoomId; 2],
    told: Told,
    committed: Told,
}

/// Does `steps` random things to both stores, which must be empty and have the same id, and compares what they
/// answer. `crash_a` and `crash_b` are as in [`super::suite`].
pub fn agree<A: Store, B: Store>(
    seed: u64,
    steps: usize,
    a: A,
    b: B,
    mut crash_a: impl FnMut(A) -> A,
    mut crash_b: impl FnMut(B) -> B,
) {
    let rooms = [Chain::create(ALICE, 1), Chain::create(BOB, 2)].map(|(entry, _)| entry.room());
    let mut pair = Pair { dice: Dice(seed), a, b, rooms, told: Told::default(), committed: Told::default() };
    for step in 0..steps {
        if pair.step() {
            pair = Pair { a: crash_a(pair.a), b: crash_b(pair.b), told: pair.committed.clone(), ..pair };
        }
        pair.compare(&format!("seed {seed}, step {step}"));
    }
}

impl<A: Store, B: Store> Pair<A, B> {
    /// Does the same to both; `true` where both are to crash.
    fn step(&mut self) -> bool {
        match self.dice.below(100) {
            0..50 => self.put_entry(),
            50..65 => self.put_record(),
            65..80 => self.put_small(),
            80..90 => {
                assert_eq!(self.a.commit(), self.b.commit());
                self.committed = self.told.clone();
            }
            90..96 => {
                assert_eq!(self.a.rollback(), self.b.rollback());
                self.told = self.committed.clone();
            }
            96 => self.put_twice(),
            97 => {
                let id = StoreId::new([u8::try_from(self.dice.below(200)).unwrap(); 16]);
                assert_eq!(self.a.renew(id), self.b.renew(id));
            }
            _ => return true,
        }
        false
    }

    fn put_entry(&mut self) {
        let room = *self.dice.pick(&self.rooms);
        let (entry, chain) = match self.dice.below(10) {
            0 if self.told.chains.is_empty() || self.dice.below(5) == 0 => {
                let (actor, nonce) = if room == self.rooms[0] { (ALICE, 1) } else { (BOB, 2) };
                Chain::create(actor, nonce)
            }
            0..2 => {
                let lane = self.dice.below(2);
                let log = u8::try_from(10 * lane + self.dice.below(4)).unwrap();
                let chain = Chain::new(*self.dice.pick(&ACTORS), room, log);
                self.go_on(chain, lane == 0)
            }
            // Mostly from the newest, sometimes from where a log stood before: a fork.
            choice => {
                let Some(last) = self.told.chains.len().checked_sub(1) else { return };
                let back = if choice < 4 { self.dice.below(last + 1) } else { self.dice.below(4.min(last + 1)) };
                let chain = self.told.chains[last - back].clone();
                let membership = chain.tip().is_some_and(|tip| tip.head.log.log.as_bytes()[0] < 10);
                self.go_on(chain, membership)
            }
        };
        if self.a.entry(entry.id).unwrap().is_some() {
            return;
        }
        let time_us = if self.dice.below(8) == 0 { 1_000 } else { entry.header.timestamp_us.min(5_000) };
        let order = order(&entry, time_us);
        let new = NewEntry { entry: &entry, order, add: chain.add() };
        let (arrival, other) = (self.a.put_entry(new), self.b.put_entry(new));
        assert_eq!(arrival, other);
        self.told.newest = arrival.unwrap();
        self.told.chains.push(chain);
        self.told.orders.push(order);
    }

    fn go_on(&mut self, mut chain: Chain, membership: bool) -> (Entry, Chain) {
        let kinds: &[Kind] = if membership {
            &[Kind::Add, Kind::Settings, Kind::Unknown(60)]
        } else {
            &[Kind::Text, Kind::Text, Kind::Profile, Kind::Unknown(900)]
        };
        let kind = *self.dice.pick(kinds);
        let time = chain.tip().map_or(1_000, |tip| tip.timestamp_us) + self.dice.small(20);
        let mut entry = if self.dice.below(3) == 0 { chain.write(kind, time) } else { chain.sign(kind, time) };
        if self.dice.below(6) == 0 {
            entry.body = None;
        }
        (entry, chain)
    }

    fn put_twice(&mut self) {
        let Some(order) = self.told.orders.first().copied() else { return };
        let Some(stored) = self.a.entry(order.id).unwrap() else { return };
        let new = NewEntry { entry: &stored.entry, order, add: order.id };
        assert!(self.a.put_entry(new).is_err() && self.b.put_entry(new).is_err());
        assert!(self.a.commit().is_err() && self.b.commit().is_err());
        self.told = self.committed.clone();
    }

    fn put_record(&mut self) {
        let (actor, room) = (*self.dice.pick(&ACTORS), *self.dice.pick(&self.rooms));
        let (store, name) = (u8::try_from(self.dice.below(2)).unwrap(), u16::try_from(self.dice.below(3)).unwrap());
        let record = record(actor, room, store, name, self.dice.small(1000));
        let (arrival, other) = (self.a.put_record(&record), self.b.put_record(&record));
        assert_eq!(arrival, other);
        self.told.newest = arrival.unwrap();
    }

    fn put_small(&mut self) {
        let (a, b) = (&mut self.a, &mut self.b);
        let (room, lane) = (*self.dice.pick(&self.rooms), *self.dice.pick(&Lane::ALL));
        let (actor, arrival) = (*self.dice.pick(&ACTORS), self.dice.small(1000));
        let id = EntryId::new([actor; 32]);
        let same = match self.dice.below(5) {
            0 => {
                let cursor = Cursor { arrival, anchor: (arrival > 500).then_some(id) };
                let store = StoreId::new([actor; 16]);
                (a.put_cursor(store, room, lane, cursor), b.put_cursor(store, room, lane, cursor))
            }
            1 => {
                let device = key(actor).public().device_id();
                (a.put_ack(device, room, lane, arrival), b.put_ack(device, room, lane, arrival))
            }
            2 => {
                let client_id = actor.to_string();
                (a.put_sent(room, &client_id, id), b.put_sent(room, &client_id, id))
            }
            3 => {
                let device = Device {
                    key: key(actor).public(),
                    name: arrival.to_string(),
                    address: (arrival > 500).then(|| arrival.to_string()),
                    first_seen_at: arrival,
                    last_seen_at: arrival,
                };
                if arrival % 7 == 0 {
                    (a.forget_device(&device.key), b.forget_device(&device.key))
                } else {
                    (a.put_device(&device), b.put_device(&device))
                }
            }
            _ => {
                let (name, bytes) = (actor.to_string(), arrival.to_be_bytes());
                let value = (arrival > 300).then_some(bytes.as_slice());
                (a.put_value(&name, value), b.put_value(&name, value))
            }
        };
        assert_eq!(same, (Ok(()), Ok(())));
    }

    /// Asks both everything, with bounds drawn from what they were told.
    fn compare(&mut self, when: &str) {
        let (room, lane) = (*self.dice.pick(&self.rooms), *self.dice.pick(&Lane::ALL));
        let arrival = self.dice.small(usize::try_from(self.told.newest + 3).unwrap());
        let (items, bytes) = (self.dice.below(12), self.dice.below(6000));
        let place = match self.dice.below(4) {
            0 => None,
            1 => Some(Order {
                time_us: self.dice.small(2000),
                author: PublicKey::new([self.dice.below(256).try_into().unwrap(); 32]),
                seq: self.dice.small(6),
                id: EntryId::new([9; 32]),
            }),
            _ => self.told.orders.get(self.dice.below(self.told.orders.len() + 1)).copied(),
        };
        let hidden = [1, 65, 900].split_at(self.dice.below(4)).0.to_vec();
        let kind = *self.dice.pick(&[1, 32, 64, 65, 900]);
        let (a, b) = (&self.a, &self.b);
        macro_rules! same {
            ($($call:tt)+) => {
                assert_eq!(a.$($call)+, b.$($call)+, "{when}: {}", stringify!($($call)+))
            };
        }
        same!(store_id());
        same!(rooms());
        same!(tips(room, lane));
        same!(page(room, lane, arrival, items, bytes));
        same!(anchor(room, lane, arrival));
        same!(newest(room, lane));
        same!(of_kind(room, kind));
        same!(timeline(room, place, &hidden, items));
        same!(missing(room));
        same!(records(room, None, usize::MAX));
        same!(acks(room, lane));
        same!(devices());
        if let Some(place) = place {
            same!(entry(place.id));
            for tip in a.tips(room, lane).unwrap() {
                same!(first_after(room, tip.head.log, arrival, place));
                same!(count(room, tip.head.log, kind, arrival, place.seq, items));
                same!(at(room, tip.head.log, place.seq));
            }
        }
        for actor in ACTORS {
            same!(cursor(StoreId::new([actor; 16]), room, lane));
            same!(sent(room, &actor.to_string()));
            same!(value(&actor.to_string()));
        }
        for item in a.page(room, Lane::Content, arrival, 4, usize::MAX).unwrap() {
            if let Item::Record(_, record) = item {
                same!(record(&record.key));
            }
        }
    }
}
