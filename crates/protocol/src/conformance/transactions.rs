//! What was committed is kept, and nothing else.

use super::STORE;
use super::actor::{ALICE, BOB, Chain, key, order, put, record};
use crate::entry::Entry;
use crate::id::{EntryId, RoomId, StoreId};
use crate::kind::{Kind, Lane};
use crate::limits;
use crate::store::{Arrival, Cursor, Device, NewEntry, Store, StoreError};

const CLIENT_ID: &str = "1";

/// Writes something into every table; the same every time but for the version.
fn write_everything<S: Store>(store: &mut S, chain: &mut Chain, room: RoomId, version: u64) -> Vec<Entry> {
    let entries = [chain.write(Kind::Text, version), chain.sign(Kind::Profile, version + 1)];
    for entry in &entries {
        put(store, entry, entry.header.timestamp_us, chain.add());
    }
    let device = Device {
        key: key(BOB).public(),
        name: version.to_string(),
        address: None,
        first_seen_at: 1,
        last_seen_at: version,
    };
    store.put_record(&record(BOB, room, 1, 1, version)).unwrap();
    store.put_cursor(STORE, room, Lane::Content, Cursor { arrival: version, anchor: None }).unwrap();
    store.put_ack(device.key.device_id(), room, Lane::Content, version).unwrap();
    store.put_sent(room, CLIENT_ID, entries[1].id).unwrap();
    store.put_device(&device).unwrap();
    store.put_value("name", Some(&version.to_be_bytes())).unwrap();
    entries.to_vec()
}

/// Everything that [`write_everything`] touches, as it can be read.
fn read_everything<S: Store>(store: &S, room: RoomId) -> impl PartialEq + std::fmt::Debug + use<S> {
    (
        (store.store_id(), store.rooms().unwrap(), store.tips(room, Lane::Content).unwrap()),
        store.page(room, Lane::Content, 0, usize::MAX, usize::MAX).unwrap(),
        (store.newest(room, Lane::Content).unwrap(), store.records(room, None, usize::MAX).unwrap()),
        store.timeline(room, None, &[], 1000).unwrap(),
        store.cursor(STORE, room, Lane::Content).unwrap(),
        store.acks(room, Lane::Content).unwrap(),
        store.sent(room, CLIENT_ID).unwrap(),
        store.devices().unwrap(),
        store.value("name").unwrap(),
    )
}

fn begin<S: Store>(store: &mut S) -> (RoomId, Chain) {
    let (entry, _) = Chain::create(ALICE, 1);
    put(store, &entry, 1, entry.id);
    (entry.room(), Chain::new(ALICE, entry.room(), 2))
}

pub(super) fn writes_are_seen_at_once_and_undone_by_rollback<S: Store>(mut store: S) {
    store.rollback().unwrap();
    store.commit().unwrap();
    let (room, mut chain) = begin(&mut store);
    write_everything(&mut store, &mut chain, room, 10);
    store.commit().unwrap();
    let before = read_everything(&store, room);
    let committed = chain.clone();

    let entries = write_everything(&mut store, &mut chain, room, 20);
    store.put_value("name", None).unwrap();
    let (elsewhere, _) = Chain::create(BOB, 2);
    put(&mut store, &elsewhere, 2, elsewhere.id);
    store.renew(StoreId::new([8; 16])).unwrap();
    assert_eq!(store.entry(entries[1].id).unwrap().map(|stored| stored.entry), Some(entries[1].clone()));
    assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
    assert_eq!(store.record(&record(BOB, room, 1, 1, 20).key).unwrap().unwrap().version, 20);
    assert_eq!(store.store_id(), StoreId::new([8; 16]));
    assert_eq!(store.rooms().unwrap().len(), 2);

    store.rollback().unwrap();
    assert_eq!(read_everything(&store, room), before);
    assert_eq!(store.entry(elsewhere.id).unwrap(), None);
    store.rollback().unwrap();
    assert_eq!(read_everything(&store, room), before);

    // What was undone can be written again, also in a room and log that were new then.
    let mut chain = committed;
    write_everything(&mut store, &mut chain, room, 20);
    put(&mut store, &elsewhere, 2, elsewhere.id);
    store.commit().unwrap();
    store.rollback().unwrap();
    assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
    assert_eq!(store.rooms().unwrap().len(), 2);
}

pub(super) fn a_commit_survives_a_crash<S: Store>(mut store: S, crash: &mut impl FnMut(S) -> S) {
    let (room, mut chain) = begin(&mut store);
    for version in 1..4 {
        write_everything(&mut store, &mut chain, room, 10 * version);
        store.commit().unwrap();
        let before = read_everything(&store, room);
        store = crash(store);
        assert_eq!(read_everything(&store, room), before);
    }
    store = crash(store);
    assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
}

pub(super) fn a_crash_keeps_exactly_what_was_committed<S: Store>(mut store: S, crash: &mut impl FnMut(S) -> S) {
    let (room, mut chain) = begin(&mut store);
    let store_after_nothing = crash(store);
    assert_eq!(store_after_nothing.rooms().unwrap(), []);
    store = store_after_nothing;
    begin(&mut store);
    write_everything(&mut store, &mut chain, room, 10);
    store.commit().unwrap();
    let before = read_everything(&store, room);
    write_everything(&mut store, &mut chain.clone(), room, 20);
    store.renew(StoreId::new([8; 16])).unwrap();
    store = crash(store);
    assert_eq!(read_everything(&store, room), before);
    write_everything(&mut store, &mut chain, room, 30);
    store.commit().unwrap();
    store = crash(store);
    assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
}

pub(super) fn arrivals_are_never_given_twice<S: Store>(mut store: S, crash: &mut impl FnMut(S) -> S) {
    let (room, mut chain) = begin(&mut store);
    let mut last: Arrival = store.newest(room, Lane::Membership).unwrap();
    assert!(last > 0);
    let mut rises = |arrival: Arrival| {
        assert!(arrival > last, "{arrival} was given already, or is older than {last}");
        last = arrival;
    };
    for version in 1..4 {
        // The newest is always a record that the next one replaces.
        let before = chain.put(&mut store, Kind::Text, 10 * version).0;
        rises(before);
        store.skip(1000);
        rises(before + 1000);
        rises(store.put_record(&record(BOB, room, 1, 1, version)).unwrap());
        store.commit().unwrap();
        rises(store.put_record(&record(BOB, room, 1, 1, version + 1)).unwrap());
        rises(chain.clone().put(&mut store, Kind::Text, 10 * version + 1).0);
        store.rollback().unwrap();
        rises(store.put_record(&record(BOB, room, 1, 1, version + 1)).unwrap());
        store.commit().unwrap();
        store = crash(store);
        rises(store.put_record(&record(BOB, room, 1, 1, version + 2)).unwrap());
        store.commit().unwrap();
    }
    // Even where nothing but their numbers was left of the newest.
    rises(chain.clone().put(&mut store, Kind::Text, 100).0);
    store.rollback().unwrap();
    store.put_value("name", Some(b"x")).unwrap();
    store.commit().unwrap();
    store = crash(store);
    rises(chain.put(&mut store, Kind::Text, 100).0);
}

pub(super) fn a_renewed_store_forgets_acks<S: Store>(mut store: S, crash: &mut impl FnMut(S) -> S) {
    let (room, mut chain) = begin(&mut store);
    write_everything(&mut store, &mut chain, room, 10);
    store.put_ack(key(ALICE).public().device_id(), RoomId::new([9; 32]), Lane::Membership, 3).unwrap();
    let cursor = store.cursor(STORE, room, Lane::Content).unwrap();
    let renewed = StoreId::new([8; 16]);
    store.renew(renewed).unwrap();
    for _ in 0..2 {
        assert_eq!(store.store_id(), renewed);
        assert_eq!(store.acks(room, Lane::Content).unwrap(), []);
        assert_eq!(store.acks(RoomId::new([9; 32]), Lane::Membership).unwrap(), []);
        assert_eq!(store.cursor(STORE, room, Lane::Content).unwrap(), cursor);
        assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
        store.commit().unwrap();
        store = crash(store);
    }
}

pub(super) fn a_failed_write_takes_the_others_with_it<S: Store>(mut store: S, crash: &mut impl FnMut(S) -> S) {
    let (room, mut chain) = begin(&mut store);
    let (_, first) = chain.put(&mut store, Kind::Text, 10);
    store.commit().unwrap();
    let before = read_everything(&store, room);
    let again = NewEntry { entry: &first, order: order(&first, 10), add: chain.add() };
    for by_commit in [true, false] {
        write_everything(&mut store, &mut chain.clone(), room, 20);
        assert!(matches!(store.put_entry(again), Err(StoreError::Failed(_))));
        assert!(store.put_value("name", Some(b"x")).is_err(), "a write after a failed one");
        if by_commit {
            assert!(store.commit().is_err(), "half a transaction was committed");
        } else {
            store.rollback().unwrap();
        }
        assert_eq!(read_everything(&store, room), before);
        store.commit().unwrap();
    }
    write_everything(&mut store, &mut chain, room, 20);
    store.commit().unwrap();
    store = crash(store);
    assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
}

pub(super) fn absurd_numbers_are_refused_or_kept<S: Store>(mut store: S, crash: &mut impl FnMut(S) -> S) {
    let (room, mut chain) = begin(&mut store);
    store.commit().unwrap();
    let far = limits::NUMBER;
    let entry = chain.clone().sign(Kind::Text, far);
    for time_us in [far, far + 1, u64::MAX] {
        let new = NewEntry { entry: &entry, order: order(&entry, time_us), add: EntryId::new([1; 32]) };
        assert!(store.put_entry(new).is_err());
        store.rollback().unwrap();
    }
    let entry = chain.sign(Kind::Text, far);
    put(&mut store, &entry, far - 1, chain.add());
    store.commit().unwrap();
    store = crash(store);
    assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
    for time_us in [far, far + 1, u64::MAX] {
        let bound = order(&entry, time_us);
        let shown = store.timeline(room, Some(bound), &[], 1).unwrap();
        assert_eq!(shown[0].order, order(&entry, far - 1));
        assert_eq!(store.first_after(room, chain.key(), 0, bound).unwrap(), None);
    }
}
