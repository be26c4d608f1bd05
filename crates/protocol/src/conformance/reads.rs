//! What is stored is found, in the right order.

use super::STORE;
use super::actor::{ALICE, BOB, CAROL, Chain, key, order, put, record};
use crate::entry::Entry;
use crate::id::{EntryId, RoomId, StoreId};
use crate::identity::PublicKey;
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::record::{RecordKey, RecordName};
use crate::store::{Arrival, Cursor, Device, Item, Lost, Order, Store, Stored};

const TEXT: u16 = 65;

/// A room with its creation entry stored.
fn room<S: Store>(store: &mut S) -> (RoomId, Chain) {
    let (entry, chain) = Chain::create(ALICE, 1);
    put(store, &entry, 1, entry.id);
    (entry.room(), chain)
}

fn ids(stored: &[Stored]) -> Vec<EntryId> {
    stored.iter().map(|stored| stored.entry.id).collect()
}

fn arrivals(items: &[Item]) -> Vec<Arrival> {
    items.iter().map(Item::arrival).collect()
}

fn last() -> Order {
    Order { time_us: u64::MAX, author: key(ALICE).public(), seq: u64::MAX, id: EntryId::new([0xff; 32]) }
}

pub(super) fn an_empty_store_answers_everything<S: Store>(store: S) {
    let room = RoomId::new([1; 32]);
    let log = Chain::new(ALICE, room, 1).key();
    assert_eq!(store.store_id(), STORE);
    assert_eq!(store.rooms().unwrap(), []);
    assert_eq!(store.devices().unwrap(), []);
    assert_eq!(store.value("name").unwrap(), None);
    assert_eq!(store.entry(EntryId::new([1; 32])).unwrap(), None);
    assert_eq!(store.sent(room, "1").unwrap(), None);
    assert_eq!(store.records(room, None, usize::MAX).unwrap(), []);
    assert_eq!(store.record(&record(ALICE, room, 1, 1, 1).key).unwrap(), None);
    assert_eq!(store.at(room, log, 1).unwrap(), []);
    assert_eq!(store.of_kind(room, TEXT).unwrap(), []);
    assert_eq!(store.timeline(room, None, &[], 10).unwrap(), []);
    assert_eq!(store.count(room, log, TEXT, 0, u64::MAX, 10).unwrap(), 0);
    assert_eq!(store.first_after(room, log, 0, last()).unwrap(), None);
    assert_eq!(store.missing(room).unwrap(), []);
    for lane in Lane::ALL {
        assert_eq!(store.tips(room, lane).unwrap(), []);
        assert_eq!(store.page(room, lane, 0, 10, 1000).unwrap(), []);
        assert_eq!(store.anchor(room, lane, Arrival::MAX).unwrap(), None);
        assert_eq!(store.newest(room, lane).unwrap(), 0);
        assert_eq!(store.cursor(STORE, room, lane).unwrap(), None);
        assert_eq!(store.acks(room, lane).unwrap(), []);
    }
}

pub(super) fn entries_come_back_as_they_were_stored<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let mut alice = Chain::new(ALICE, room, 2);
    let unsigned = alice.write(Kind::Text, 10);
    let unknown = alice.sign(Kind::Unknown(900), 11);
    let mut without_body = alice.sign(Kind::Text, 12);
    without_body.body = None;
    for (entry, time) in [(&unsigned, 10), (&unknown, 500), (&without_body, 12)] {
        let arrival = put(&mut store, entry, time, alice.add());
        let stored = Stored { arrival, order: order(entry, time), entry: entry.clone(), erased: false };
        assert_eq!(store.entry(entry.id).unwrap(), Some(stored.clone()));
        assert_eq!(store.at(room, alice.key(), entry.header.seq).unwrap(), [stored]);
    }
    assert_eq!(store.entry(EntryId::new([1; 32])).unwrap(), None);
}

pub(super) fn rooms_are_those_whose_creation_is_held<S: Store>(mut store: S) {
    let created: Vec<Entry> = (1..=4).map(|nonce| Chain::create(ALICE, nonce).0).collect();
    let absent = created[0].room();
    Chain::new(BOB, absent, 9).put(&mut store, Kind::Text, 10);
    store.put_record(&record(BOB, absent, 1, 1, 1)).unwrap();
    assert_eq!(store.rooms().unwrap(), []);
    let mut rooms = Vec::new();
    for entry in &created[1..] {
        put(&mut store, entry, 1, entry.id);
        rooms.push(entry.room());
    }
    rooms.sort_unstable();
    assert_eq!(store.rooms().unwrap(), rooms);
}

pub(super) fn tips_move_and_fork<S: Store>(mut store: S) {
    let (room, mut creation) = room(&mut store);
    let (other, _) = Chain::create(BOB, 2);
    put(&mut store, &other, 2, other.id);
    assert_eq!(store.tips(room, Lane::Membership).unwrap(), [creation.tip().unwrap()]);
    assert_eq!(store.tips(room, Lane::Content).unwrap(), []);

    creation.put(&mut store, Kind::Settings, 5);
    let mut logs = [Chain::new(CAROL, room, 1), Chain::new(ALICE, room, 9), Chain::new(ALICE, room, 8)];
    for (time, log) in (10..).zip(logs.iter_mut()) {
        log.put(&mut store, Kind::Text, time);
        let absurd = log.sign(Kind::Text, limits::NUMBER - time);
        put(&mut store, &absurd, time, log.add());
    }
    let mut expected: Vec<_> = logs.iter().map(|log| log.tip().unwrap()).collect();
    expected.sort_unstable();
    assert_eq!(store.tips(room, Lane::Content).unwrap(), expected);
    assert_eq!(store.tips(room, Lane::Membership).unwrap(), [creation.tip().unwrap()]);

    // Alice's log goes on in two ways from its second entry, and a third way from its first.
    let mut first = Chain::new(ALICE, room, 7);
    first.put(&mut store, Kind::Text, 20);
    let (mut left, mut from_first) = (first.clone(), first.clone());
    left.put(&mut store, Kind::Text, 21);
    let mut right = left.clone();
    left.put(&mut store, Kind::Text, 22);
    right.put(&mut store, Kind::Text, 23);
    from_first.put(&mut store, Kind::Text, 24);
    right.put(&mut store, Kind::Text, 25);
    let mut root = Chain::new(ALICE, room, 7);
    root.put(&mut store, Kind::Text, 26);
    expected.extend([&left, &right, &from_first, &root].map(|chain| chain.tip().unwrap()));
    expected.sort_unstable();
    assert_eq!(store.tips(room, Lane::Content).unwrap(), expected);
}

pub(super) fn pages_cut_no_group<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let mut alice = Chain::new(ALICE, room, 2);
    let mut all = Vec::new();
    // Groups of three, one, two, and an end without a signature.
    for (time, signed) in (10..).zip([false, false, true, true, false, true, false, false]) {
        let entry = if signed { alice.sign(Kind::Text, time) } else { alice.write(Kind::Text, time) };
        all.push((put(&mut store, &entry, time, alice.add()), entry));
    }
    let page = |after, items, bytes| arrivals(&store.page(room, Lane::Content, after, items, bytes).unwrap());
    let arrived = |range: std::ops::Range<usize>| all[range].iter().map(|(arrival, _)| *arrival).collect::<Vec<_>>();
    let size = all[0].1.size();
    assert_eq!(page(0, 1, usize::MAX), arrived(0..3));
    assert_eq!(page(0, 3, usize::MAX), arrived(0..3));
    assert_eq!(page(0, 4, usize::MAX), arrived(0..4));
    assert_eq!(page(0, 5, usize::MAX), arrived(0..6));
    assert_eq!(page(0, 7, usize::MAX), arrived(0..8));
    assert_eq!(page(0, usize::MAX, usize::MAX), arrived(0..8));
    assert_eq!(page(0, usize::MAX, 0), arrived(0..3));
    assert_eq!(page(0, 0, 0), arrived(0..3));
    assert_eq!(page(0, usize::MAX, size * 3), arrived(0..3));
    assert_eq!(page(0, usize::MAX, size * 3 + 200), arrived(0..4));
    assert_eq!(page(all[0].0, 1, usize::MAX), arrived(1..3));
    assert_eq!(page(all[2].0, 1, usize::MAX), arrived(3..4));
    assert_eq!(page(all[7].0, 1, usize::MAX), []);
    assert_eq!(page(Arrival::MAX, 1, usize::MAX), []);
    let items = store.page(room, Lane::Content, 0, 1, 0).unwrap();
    let Item::Entry(first) = &items[0] else { panic!("an entry was stored") };
    assert_eq!((&first.entry, first.order), (&all[0].1, order(&all[0].1, 10)));
}

pub(super) fn pages_mix_records_in_order<S: Store>(mut store: S) {
    let (room, mut creation) = room(&mut store);
    let (other, _) = Chain::create(BOB, 2);
    put(&mut store, &other, 2, other.id);
    let mut alice = Chain::new(ALICE, room, 2);
    let mut content = Vec::new();
    for time in 10..14 {
        let entry = alice.write(Kind::Text, time);
        content.push(put(&mut store, &entry, time, alice.add()));
        // Other lanes and rooms do not show.
        creation.put(&mut store, Kind::Settings, time);
        store.put_record(&record(BOB, other.room(), 1, 1, time)).unwrap();
        content.push(store.put_record(&record(BOB, room, 1, u16::try_from(time).unwrap(), 1)).unwrap());
    }
    let page = |after, items| arrivals(&store.page(room, Lane::Content, after, items, usize::MAX).unwrap());
    assert_eq!(page(0, usize::MAX), content);
    assert_eq!(page(0, 1), content[..2]);
    assert_eq!(page(0, 3), content[..4]);
    assert_eq!(page(content[0], 1), content[1..2]);
    assert_eq!(page(content[1], 1), content[2..4]);
    let membership = store.page(room, Lane::Membership, 0, usize::MAX, usize::MAX).unwrap();
    assert_eq!(membership.len(), 5);
    assert!(membership.iter().all(|item| matches!(item, Item::Entry(_))));
}

pub(super) fn anchors_are_entries<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let created = store.newest(room, Lane::Membership).unwrap();
    let mut alice = Chain::new(ALICE, room, 2);
    let (first, first_entry) = alice.put(&mut store, Kind::Text, 10);
    let told = store.put_record(&record(BOB, room, 1, 1, 1)).unwrap();
    let (second, second_entry) = alice.put(&mut store, Kind::Text, 11);
    let told_again = store.put_record(&record(BOB, room, 1, 1, 2)).unwrap();
    assert!(created < first && first < told && told < second && second < told_again);
    let anchor = |at| store.anchor(room, Lane::Content, at).unwrap();
    assert_eq!(anchor(created), None);
    assert_eq!(anchor(0), None);
    assert_eq!(anchor(first), Some((first, first_entry.id)));
    assert_eq!(anchor(told), Some((first, first_entry.id)));
    assert_eq!(anchor(second), Some((second, second_entry.id)));
    assert_eq!(anchor(told_again), Some((second, second_entry.id)));
    assert_eq!(anchor(Arrival::MAX), Some((second, second_entry.id)));
    let creation = Some((created, room.creation()));
    assert_eq!(store.anchor(room, Lane::Membership, Arrival::MAX).unwrap(), creation);
    assert_eq!(store.newest(room, Lane::Content).unwrap(), told_again);
    assert_eq!(store.newest(room, Lane::Membership).unwrap(), created);
}

pub(super) fn branches_and_kinds_are_found<S: Store>(mut store: S) {
    let (room, mut creation) = room(&mut store);
    let mut alice = Chain::new(ALICE, room, 2);
    let (_, profile) = alice.put(&mut store, Kind::Profile, 10);
    let mut fork = alice.clone();
    let (_, text) = alice.put(&mut store, Kind::Text, 11);
    let (_, branch) = fork.put(&mut store, Kind::Text, 12);
    let (_, settings) = creation.put(&mut store, Kind::Settings, 13);
    let (_, renamed) = fork.put(&mut store, Kind::Profile, 14);
    let mut branches = [text.id, branch.id];
    branches.sort_unstable();
    assert_eq!(ids(&store.at(room, alice.key(), 2).unwrap()), branches);
    assert_eq!(ids(&store.at(room, alice.key(), 1).unwrap()), [profile.id]);
    assert_eq!(store.at(room, alice.key(), 0).unwrap(), []);
    assert_eq!(store.at(room, alice.key(), u64::MAX).unwrap(), []);
    assert_eq!(store.at(RoomId::new([9; 32]), alice.key(), 1).unwrap(), []);
    assert_eq!(store.at(room, Chain::new(BOB, room, 2).key(), 1).unwrap(), []);
    assert_eq!(ids(&store.of_kind(room, Kind::Profile.number()).unwrap()), [profile.id, renamed.id]);
    assert_eq!(ids(&store.of_kind(room, TEXT).unwrap()), [text.id, branch.id]);
    assert_eq!(ids(&store.of_kind(room, Kind::Settings.number()).unwrap()), [settings.id]);
    assert_eq!(store.of_kind(room, Kind::Add.number()).unwrap(), []);
}

pub(super) fn the_timeline_is_in_order<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let (other, mut elsewhere) = Chain::create(BOB, 2);
    put(&mut store, &other, 2, other.id);
    elsewhere.put(&mut store, Kind::Settings, 15);
    let mut chains = [Chain::new(CAROL, room, 2), Chain::new(ALICE, room, 2), Chain::new(BOB, room, 2)];
    let mut shown = Vec::new();
    // The same times by three authors, stored latest first where the log allows; a fork with two ids in one place.
    for time in [10, 30, 20] {
        for chain in &mut chains {
            let kind = if time == 30 { Kind::Profile } else { Kind::Text };
            let entry = chain.sign(kind, time);
            put(&mut store, &entry, time, chain.add());
            shown.push((order(&entry, time), entry));
        }
    }
    let mut fork = chains[0].clone();
    for chain in [&mut fork, &mut chains[0]] {
        let entry = chain.sign(Kind::Text, 40 + u64::from(shown.len() == 9));
        put(&mut store, &entry, 25, chain.add());
        shown.push((order(&entry, 25), entry));
    }
    shown.sort_unstable_by_key(|(order, _)| *order);
    let texts: Vec<_> = shown.iter().filter(|(_, entry)| entry.header.kind == TEXT).collect();
    let hidden = [Kind::Create.number(), Kind::Profile.number()];

    let newest_first: Vec<EntryId> = shown.iter().rev().map(|(_, entry)| entry.id).collect();
    let timeline = |before, hidden: &[u16], limit| store.timeline(room, before, hidden, limit).unwrap();
    assert_eq!(ids(&timeline(None, &hidden[..1], 100)), newest_first);
    assert_eq!(timeline(None, &[], 100).len(), shown.len() + 1);
    assert_eq!(timeline(None, &[], 0), []);
    for limit in 1..=texts.len() {
        let newest: Vec<EntryId> = texts.iter().rev().take(limit).map(|(_, entry)| entry.id).collect();
        let page = timeline(None, &hidden, limit);
        assert_eq!(ids(&page), newest);
        assert!(page.iter().all(|stored| stored.order == order(&stored.entry, stored.order.time_us)));
    }
    for (index, (before, _)) in shown.iter().enumerate() {
        let older: Vec<EntryId> = shown[..index].iter().rev().map(|(_, entry)| entry.id).collect();
        assert_eq!(ids(&timeline(Some(*before), &hidden[..1], 100)), older);
    }
    assert_eq!(ids(&timeline(Some(last()), &hidden[..1], 100)), newest_first);
}

pub(super) fn entries_of_a_kind_are_counted<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let mut bob = Chain::new(BOB, room, 2);
    let mut texts = Vec::new();
    for time in 10..20 {
        let kind = if time % 3 == 0 { Kind::Profile } else { Kind::Text };
        let entry = bob.sign(kind, time);
        put(&mut store, &entry, time, bob.add());
        if kind == Kind::Text {
            texts.push(entry.header.seq);
        }
    }
    for after in 0..12 {
        for upto in [0, 1, 5, 10, u64::MAX] {
            for limit in [0, 1, 3, 100] {
                let expected = texts.iter().filter(|seq| **seq > after && **seq <= upto).take(limit).count();
                assert_eq!(store.count(room, bob.key(), TEXT, after, upto, limit).unwrap(), expected);
            }
        }
    }
    assert_eq!(store.count(room, Chain::new(BOB, room, 3).key(), TEXT, 0, u64::MAX, 10).unwrap(), 0);
}

pub(super) fn the_first_after_a_place_follows_what_is_shown<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let mut bob = Chain::new(BOB, room, 2);
    // The third is shown before the second: its own time was too far ahead.
    let mut orders = Vec::new();
    for (time, shown) in [(10, 10), (300, 300), (9_000, 100), (9_001, 400)] {
        let entry = bob.sign(Kind::Text, time);
        put(&mut store, &entry, shown, bob.add());
        orders.push(order(&entry, shown));
    }
    let first = |beyond, order: Order| store.first_after(room, bob.key(), beyond, order).unwrap();
    assert_eq!(orders.iter().map(|order| first(0, *order)).collect::<Vec<_>>(), [Some(2), Some(4), Some(2), None]);
    assert_eq!(orders.iter().map(|order| first(2, *order)).collect::<Vec<_>>(), [Some(3), Some(4), Some(4), None]);
    assert_eq!(first(4, orders[0]), None);
    assert_eq!(first(u64::MAX, orders[0]), None);
    assert_eq!(first(0, Order { time_us: 9, ..orders[0] }), Some(1));
    assert_eq!(first(0, Order { time_us: 99, ..orders[0] }), Some(2));
    assert_eq!(first(0, Order { seq: 0, ..orders[0] }), Some(1));
    assert_eq!(first(0, Order { id: EntryId::new([0; 32]), ..orders[0] }), Some(1));
    assert_eq!(first(0, last()), None);
    // At the same time, the author decides.
    for actor in [ALICE, CAROL] {
        let author = key(actor).public();
        let expected = if orders[0].author < author { 2 } else { 1 };
        assert_eq!(first(0, Order { author, ..orders[0] }), Some(expected));
    }
    assert_eq!(store.first_after(room, Chain::new(BOB, room, 3).key(), 0, orders[0]).unwrap(), None);
}

pub(super) fn missing_bodies_are_named<S: Store>(mut store: S) {
    let (room, mut creation) = room(&mut store);
    let mut chains = [Chain::new(CAROL, room, 2), Chain::new(ALICE, room, 2), Chain::new(BOB, room, 2)];
    let without_body = |store: &mut S, chain: &mut Chain, kind, time| {
        let mut entry = chain.sign(kind, time);
        entry.body = None;
        put(store, &entry, time, chain.add());
    };
    without_body(&mut store, &mut creation, Kind::Settings, 5);
    assert_eq!(store.missing(room).unwrap(), []);
    for chain in &mut chains[..2] {
        chain.put(&mut store, Kind::Text, 10);
        without_body(&mut store, chain, Kind::Text, 11);
        chain.put(&mut store, Kind::Text, 12);
        without_body(&mut store, chain, Kind::Text, 13);
    }
    chains[2].put(&mut store, Kind::Text, 10);
    let mut expected = vec![(chains[0].key(), 2), (chains[1].key(), 2)];
    expected.sort_unstable();
    assert_eq!(store.missing(room).unwrap(), expected);
    let stored = &store.at(room, chains[0].key(), 2).unwrap()[0];
    assert_eq!((stored.entry.body.as_ref(), stored.erased), (None, false));
    let lost = store.lost(room, 9).unwrap();
    assert_eq!(
        lost.iter().map(|lost| (lost.log, lost.seq)).collect::<Vec<_>>(),
        [(chains[0].key(), 2), (chains[0].key(), 4), (chains[1].key(), 2), (chains[1].key(), 4),]
    );
    assert_eq!(store.lost(room, 1).unwrap(), lost[..1]);
    assert_eq!(store.damaged(), [], "these were stored so");
}

pub(super) fn what_is_lost_is_put_back<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let mut chain = Chain::new(BOB, room, 2);
    let entries: Vec<Entry> = (10..13).map(|time| chain.sign(Kind::Text, time)).collect();
    for entry in &entries {
        put(&mut store, entry, entry.header.timestamp_us, chain.add());
    }
    let [_, Item::Entry(before), _] = &store.page(room, Lane::Content, 0, 9, 99_999).unwrap()[..] else { panic!() };
    let before = before.clone();
    let lost = Lost { arrival: before.arrival, room, log: chain.key(), seq: 2, id: before.entry.id, ends_group: true };
    store.put_lost(&lost).unwrap();
    store.commit().unwrap();
    assert_eq!(store.missing(room).unwrap(), [(chain.key(), 2)]);
    assert_eq!(store.lost(room, 9).unwrap(), [lost]);
    assert_eq!(store.entry(lost.id).unwrap().unwrap().entry.body, None);
    assert_eq!((store.knows(lost.id).unwrap(), store.knows(EntryId::new([9; 32])).unwrap()), (Some(true), None));
    store.put_again(&entries[1]).unwrap();
    store.commit().unwrap();
    assert_eq!(store.entry(lost.id).unwrap(), Some(before), "where it was, and shown where it was");
    assert_eq!(store.missing(room).unwrap(), []);
}

pub(super) fn records_are_replaced_in_place_and_arrive_anew<S: Store>(mut store: S) {
    let (room, _) = room(&mut store);
    let elsewhere = RoomId::new([9; 32]);
    let mut all = Vec::new();
    for actor in [CAROL, ALICE, BOB] {
        for (own_store, name) in [(2, 1), (1, 2), (1, 1), (1, 300)] {
            all.push(record(actor, room, own_store, name, 1));
        }
    }
    let arrived: Vec<Arrival> = all.iter().map(|record| store.put_record(record).unwrap()).collect();
    assert!(arrived.is_sorted_by(|a, b| a < b));
    store.put_record(&record(ALICE, elsewhere, 1, 1, 1)).unwrap();
    let mut sorted = all.clone();
    sorted.sort_unstable_by_key(|record| record.key);
    assert_eq!(store.records(room, None, usize::MAX).unwrap(), sorted);
    for (index, record) in sorted.iter().enumerate() {
        let rest = sorted.get(index + 1..).unwrap_or_default();
        assert_eq!(store.records(room, Some(record.key), usize::MAX).unwrap(), rest);
        assert_eq!(store.records(room, Some(record.key), 1).unwrap(), rest[..rest.len().min(1)]);
    }
    for record in &all {
        assert_eq!(store.record(&record.key).unwrap().as_ref(), Some(record));
    }
    let other_name = RecordKey { name: RecordName(3), ..all[0].key };
    assert_eq!(store.record(&other_name).unwrap(), None);

    let changed = record(CAROL, room, 2, 1, limits::NUMBER);
    let again = store.put_record(&changed).unwrap();
    assert_eq!(store.record(&changed.key).unwrap(), Some(changed.clone()));
    assert_eq!(store.records(room, None, usize::MAX).unwrap().len(), all.len());
    let page = store.page(room, Lane::Content, 0, usize::MAX, usize::MAX).unwrap();
    assert_eq!(arrivals(&page), [&arrived[1..], &[again]].concat());
    assert_eq!(page.last(), Some(&Item::Record(again, changed)));
    assert_eq!(store.newest(room, Lane::Content).unwrap(), again);
}

pub(super) fn small_things_are_replaced_and_told_apart<S: Store>(mut store: S) {
    let rooms = [RoomId::new([1; 32]), RoomId::new([2; 32])];
    let stores = [StoreId::new([1; 16]), StoreId::new([2; 16])];
    let cursor = |arrival, anchor: Option<u8>| Cursor { arrival, anchor: anchor.map(|id| EntryId::new([id; 32])) };
    for (version, last) in [(1_u8, false), (2, true)] {
        let mut number = limits::NUMBER - 1000 * u64::from(version);
        for room in rooms {
            for lane in Lane::ALL {
                for other in stores {
                    number += 1;
                    let told = cursor(number, last.then_some(version));
                    store.put_cursor(other, room, lane, told).unwrap();
                    assert_eq!(store.cursor(other, room, lane).unwrap(), Some(told));
                }
                let mut acks = Vec::new();
                for actor in [BOB, ALICE, CAROL] {
                    number += 1;
                    store.put_ack(key(actor).public().device_id(), room, lane, number).unwrap();
                    acks.push((key(actor).public().device_id(), number));
                }
                acks.sort_unstable();
                assert_eq!(store.acks(room, lane).unwrap(), acks);
            }
            for client_id in ["", "1", "ä'\0"] {
                let id = EntryId::new([version; 32]);
                store.put_sent(room, client_id, id).unwrap();
                assert_eq!(store.sent(room, client_id).unwrap(), Some(id));
            }
        }
        let mut devices: Vec<Device> = [CAROL, ALICE, BOB]
            .map(|actor| Device {
                key: key(actor).public(),
                name: format!("{actor}'s \"{version}\""),
                address: last.then(|| "[fe80::1%2]:12345".to_owned()),
                first_seen_at: u64::from(actor),
                last_seen_at: limits::NUMBER,
            })
            .to_vec();
        devices.iter().for_each(|device| store.put_device(device).unwrap());
        devices.sort_unstable_by_key(|device| device.key);
        assert_eq!(store.devices().unwrap(), devices);
        store.put_value("name", Some(&[version])).unwrap();
        store.put_value("empty", Some(&[])).unwrap();
        assert_eq!(store.value("name").unwrap(), Some(vec![version]));
        assert_eq!(store.value("empty").unwrap(), Some(Vec::new()));
    }
    assert_eq!(store.cursor(stores[0], rooms[0], Lane::Content).unwrap().unwrap().anchor, Some(EntryId::new([2; 32])));
    store.forget_device(&key(ALICE).public()).unwrap();
    store.forget_device(&key(ALICE).public()).unwrap();
    let left: Vec<PublicKey> = store.devices().unwrap().into_iter().map(|device| device.key).collect();
    let mut others = [CAROL, BOB].map(|actor| key(actor).public());
    others.sort_unstable();
    assert_eq!(left, others);
    store.put_value("name", None).unwrap();
    store.put_value("never", None).unwrap();
    assert_eq!(store.value("name").unwrap(), None);
    assert_eq!(store.value("Empty").unwrap(), None);
    assert_eq!(store.rooms().unwrap(), []);
}
