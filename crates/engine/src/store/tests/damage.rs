use super::*;

/// A store with three texts, the second damaged by a statement.
fn damaged(statement: &str) -> (TempDir, SqliteStore, RoomId, Chain, Vec<Entry>) {
    let (folder, path) = place();
    let (mut store, room, mut chain) = with_room(&path);
    let entries: Vec<Entry> = (10..13).map(|time| chain.sign(Kind::Text, time)).collect();
    for entry in &entries {
        put(&mut store, entry, chain.add()).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(store.db.execute(statement, [entries[1].id.as_bytes()]).unwrap(), 1);
    (folder, store, room, chain, entries)
}

#[test]
fn a_damaged_body_counts_as_missing() {
    for damage in ["body = zeroblob(length(body))", "body = x'00'", "body = x''"] {
        let (_folder, store, room, chain, entries) = damaged(&format!("UPDATE entries SET {damage} WHERE id = ?1"));
        let second = store.entry(entries[1].id).unwrap().unwrap();
        assert_eq!((second.entry.id, second.entry.body.as_ref(), second.erased), (entries[1].id, None, false));
        assert_eq!(store.page(room, Lane::Content, 0, 100, 100_000).unwrap().len(), 3);
        assert_eq!(store.at(room, chain.key(), 3).unwrap()[0].entry, entries[2]);
    }
}

/// What it counts on from may be anything after a disk damaged it.
#[test]
fn a_damaged_number_is_an_error_where_it_is_counted_on_from() {
    let (_folder, mut store, _, mut chain, _) =
        damaged("UPDATE store SET last_arrival = 9223372036854775807 WHERE ?1 > 0");
    store = reopen(store);
    store.skip(1 << 32);
    let next = chain.sign(Kind::Text, 20);
    assert!(matches!(put(&mut store, &next, chain.add()), Err(StoreError::Failed(_))));
    assert!(store.commit().is_err());
    for damage in ["seq = -1", "timestamp_us = -9"] {
        let (_folder, store, room, ..) = damaged(&format!("UPDATE tips SET {damage} WHERE lane = 1 AND ?1 > 0"));
        assert!(matches!(store.tips(room, Lane::Content), Err(StoreError::Failed(_))), "{damage}");
    }
}

const HEADERS: [&str; 3] = ["header = zeroblob(length(header))", "header = x'a0'", "signature = x'00'"];

#[test]
fn an_entry_with_a_damaged_header_is_lost_and_the_others_are_served() {
    for damage in HEADERS {
        let (_folder, mut store, room, chain, entries) = damaged(&format!("UPDATE entries SET {damage} WHERE id = ?1"));
        assert_eq!(store.at(room, chain.key(), 2).unwrap(), [], "{damage}");
        let page = store.page(room, Lane::Content, 0, 100, 100_000).unwrap();
        assert!(matches!(page[..], [Item::Entry(_), Item::Lost(lost), Item::Entry(_)] if lost.seq == 2), "{damage}");
        assert_eq!(store.entry(entries[2].id).unwrap().unwrap().entry, entries[2]);
        assert_eq!(store.timeline(room, None, &[], 3).unwrap().len(), 3, "what is lost takes nobody's place");
        assert_eq!(store.timeline(room, None, &[], 100).unwrap().len(), 3);
        let found = store.damaged();
        assert_eq!(
            found.iter().map(|lost| (lost.room, lost.log, lost.seq)).collect::<Vec<_>>(),
            [(room, chain.key(), 2)]
        );
        assert_eq!(store.damaged(), [], "told once");
    }
}

#[test]
fn what_is_lost_is_noted_and_put_back() {
    for damage in HEADERS.into_iter().chain(["body = x'00'", "body = zeroblob(length(body))"]) {
        let (_folder, mut store, room, chain, entries) = damaged(&format!("UPDATE entries SET {damage} WHERE id = ?1"));
        store.page(room, Lane::Content, 0, 100, 100_000).unwrap();
        let [lost] = store.damaged()[..] else { panic!("{damage}") };
        assert_eq!(store.missing(room).unwrap(), []);
        store.put_lost(&lost).unwrap();
        store.commit().unwrap();
        let mut store = reopen(store);
        assert_eq!(store.missing(room).unwrap(), [(chain.key(), 2)], "{damage}");
        assert_eq!(store.lost(room, 9).unwrap(), [lost]);
        assert_eq!(store.knows(lost.id).unwrap(), Some(true));
        store.page(room, Lane::Content, 0, 100, 100_000).unwrap();
        assert_eq!(store.damaged(), [], "it is known");
        store.put_again(&entries[1]).unwrap();
        store.commit().unwrap();
        assert_eq!(store.entry(entries[1].id).unwrap().unwrap().entry, entries[1]);
        assert_eq!((store.missing(room).unwrap(), store.lost(room, 9).unwrap()), (vec![], vec![]));
    }
}

#[test]
fn what_is_put_back_before_it_was_noted_is_not_lost() {
    for damage in HEADERS.into_iter().chain(["body = x'00'", "body = NULL"]) {
        let (_folder, mut store, room, _, entries) = damaged(&format!("UPDATE entries SET {damage} WHERE id = ?1"));
        for undone in [true, false] {
            store.page(room, Lane::Content, 0, 100, 100_000).unwrap();
            store.put_again(&entries[1]).unwrap();
            assert_eq!(store.damaged(), [], "{damage}");
            if undone {
                store.rollback().unwrap();
            }
        }
        store.commit().unwrap();
        assert_eq!(store.entry(entries[1].id).unwrap().unwrap().entry, entries[1], "{damage}");
        assert_eq!(store.missing(room).unwrap(), []);
    }
}

#[test]
fn who_belongs_is_taken_from_its_spare() {
    for damage in HEADERS.into_iter().chain(["body = x'00'", "body = NULL", "body = zeroblob(length(body))"]) {
        let (_folder, path) = place();
        let (mut store, room, _) = with_room(&path);
        let creation = store.entry(room.creation()).unwrap().unwrap();
        let spoil = format!("UPDATE entries SET {damage} WHERE lane = 0");
        store.db.execute(&spoil, []).unwrap();
        let page = |store: &SqliteStore| store.page(room, Lane::Membership, 0, 9, 9_999);
        assert_eq!(page(&store).unwrap(), [Item::Entry(creation.clone())], "{damage}");
        assert_eq!(store.damaged(), []);
        store.commit().unwrap();
        let mut store = reopen(store);
        store.db.execute("UPDATE spares SET header = x'a0', body = NULL", []).unwrap();
        assert_eq!(page(&store).unwrap(), [Item::Entry(creation)], "mended in its place: {damage}");
        // Where both are damaged, nothing is made up.
        store.db.execute(&spoil, []).unwrap();
        assert!(page(&store).is_err(), "{damage}");
        assert_eq!(store.damaged(), []);
    }
}

#[test]
fn an_erased_body_is_not_missing() {
    let erase = "UPDATE entries SET body = NULL, erased = 1 WHERE id = ?1";
    let (_folder, store, room, _, entries) = damaged(erase);
    let second = store.entry(entries[1].id).unwrap().unwrap();
    assert_eq!((second.entry.body.as_ref(), second.erased), (None, true));
    assert_eq!(store.missing(room).unwrap(), []);
}

#[test]
fn a_damaged_record_counts_as_not_held_until_it_comes_again() {
    for damage in
        ["value = x'00'", "version = 9", "content = x'00'", "signature = zeroblob(64)", "checksum = zeroblob(32)"]
    {
        let (_folder, path) = place();
        let (mut store, room, _) = with_room(&path);
        let device = DeviceKey::from_seed(&[BOB; 32]);
        let record = |name| {
            let name = lanline_protocol::record::RecordName(name);
            let key = RecordKey { room, author: device.public(), store: FRESH, name };
            Record::write(&device, key, 1, b"value".to_vec())
        };
        store.put_record(&record(1)).unwrap();
        store.put_record(&record(2)).unwrap();
        store.commit().unwrap();
        store.db.execute(&format!("UPDATE records SET {damage} WHERE name = 1"), []).unwrap();
        assert_eq!(store.record(&record(1).key).unwrap(), None, "{damage}");
        assert_eq!(store.records(room, None, usize::MAX).unwrap(), [record(2)]);
        assert_eq!(store.page(room, Lane::Content, 0, 100, 100_000).unwrap().len(), 1);
        store.put_record(&record(1)).unwrap();
        assert_eq!(store.records(room, None, usize::MAX).unwrap(), [record(1), record(2)]);
    }
}

/// Bytes of the file changed under the database: an answer or an error, but never a panic or another answer.
#[test]
fn a_file_damaged_anywhere_gives_no_wrong_entry() {
    let (_folder, path) = place();
    let (mut store, room, mut chain) = with_room(&path);
    let entries: Vec<Entry> = (10..60).map(|time| chain.sign(Kind::Text, time)).collect();
    for entry in &entries {
        put(&mut store, entry, chain.add()).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    let (mut refused, mut errors, mut answers) = (0, 0, 0);
    for offset in (100..whole.len()).step_by(whole.len() / 300) {
        let mut bytes = whole.clone();
        bytes[offset] ^= 0xff;
        std::fs::write(&path, &bytes).unwrap();
        let Ok(store) = SqliteStore::open(&path, public(ALICE), FRESH) else {
            refused += 1;
            continue;
        };
        match store.page(room, Lane::Content, 0, 1000, usize::MAX) {
            Err(_) => errors += 1,
            Ok(items) => {
                answers += 1;
                for item in items {
                    let Item::Entry(stored) = item else {
                        assert!(matches!(item, Item::Lost(_)), "no record was stored");
                        continue;
                    };
                    let original = entries.iter().find(|entry| entry.id == stored.entry.id).unwrap();
                    assert_eq!(stored.entry.header, original.header);
                    assert!(stored.entry.body.is_none() || stored.entry.body == original.body);
                }
            }
        }
    }
    assert!(refused > 0 && errors > 0 && answers > 0, "{refused} refused, {errors} errors, {answers} answers");
}

const IDS: [&str; 3] =
    ["id = zeroblob(32)", "id = CAST(substr(id, 1, 20) || x'00' || substr(id, 22) AS BLOB)", "id = x'00'"];

#[test]
fn a_damaged_id_is_put_right_where_what_is_stored_tells_it() {
    for damage in IDS {
        for (index, written, restarted) in [(1, false, true), (1, true, true), (1, false, false), (2, false, true)] {
            let (_folder, mut store, room, chain, entries) = damaged("UPDATE entries SET erased = 0 WHERE id = ?1");
            let entry = &entries[index];
            if written {
                store.write_ids().unwrap();
            }
            let spoil = format!("UPDATE entries SET {damage} WHERE id = ?1");
            assert_eq!(store.db.execute(&spoil, [entry.id.as_bytes()]).unwrap(), 1);
            if restarted {
                store = reopen(store);
            }
            let seq = entry.header.seq;
            let page = store.page(room, Lane::Content, 0, 100, 100_000).unwrap();
            assert!(matches!(&page[index], Item::Entry(stored) if stored.entry == *entry), "{damage} {index}");
            assert_eq!(store.knows(entry.id).unwrap(), Some(true), "{damage} {index}");
            assert_eq!(store.entry(entry.id).unwrap().unwrap().entry, *entry);
            assert_eq!(store.damaged(), [], "nothing is lost of it");
            store.commit().unwrap();
            let store = reopen(store);
            let named = store.anchor(room, Lane::Content, page[index].arrival()).unwrap();
            assert_eq!(named, Some((page[index].arrival(), entry.id)), "{damage} {index}");
            assert_eq!(store.at(room, chain.key(), seq).unwrap()[0].entry, *entry);
            assert_eq!(store.missing(room).unwrap(), []);
        }
    }
}

/// As where a whole sector of the disk is.
#[test]
fn what_is_lost_with_its_id_is_asked_for_by_what_names_it() {
    for damage in IDS {
        for index in [1, 2] {
            let (_folder, store, room, chain, entries) = damaged("UPDATE entries SET erased = 0 WHERE id = ?1");
            let entry = &entries[index];
            let spoil = format!("UPDATE entries SET {damage}, signature = zeroblob(64), header = x'a0' WHERE id = ?1");
            assert_eq!(store.db.execute(&spoil, [entry.id.as_bytes()]).unwrap(), 1);
            let mut store = reopen(store);
            assert_eq!(store.knows(entry.id).unwrap(), Some(true), "it is not stored twice");
            store.page(room, Lane::Content, 0, 100, 100_000).unwrap();
            let [lost] = store.damaged()[..] else { panic!("{damage}") };
            assert_eq!((lost.id, lost.seq), (entry.id, entry.header.seq));
            store.put_lost(&lost).unwrap();
            store.commit().unwrap();
            let mut store = reopen(store);
            assert_eq!(store.lost(room, 9).unwrap(), [lost], "{damage}");
            store.put_again(entry).unwrap();
            store.commit().unwrap();
            assert_eq!(store.at(room, chain.key(), entry.header.seq).unwrap()[0].entry, *entry);
        }
    }
}

#[test]
fn an_entry_of_a_branch_is_not_taken_for_the_other() {
    let (_folder, path) = place();
    let (mut store, room, mut chain) = with_room(&path);
    let first = chain.sign(Kind::Text, 10);
    let mut other = chain.clone();
    let ends = [chain.sign(Kind::Text, 11), other.sign(Kind::Text, 12)];
    for entry in [&first, &ends[0], &ends[1]] {
        put(&mut store, entry, chain.add()).unwrap();
    }
    store.commit().unwrap();
    let spoil = "UPDATE entries SET id = zeroblob(32), header = x'a0' WHERE id = ?1";
    assert_eq!(store.db.execute(spoil, [ends[1].id.as_bytes()]).unwrap(), 1);
    let mut store = reopen(store);
    store.page(room, Lane::Content, 0, 100, 100_000).unwrap();
    assert_eq!(store.damaged().iter().map(|lost| lost.id).collect::<Vec<_>>(), [ends[1].id]);
    assert_eq!(store.entry(ends[0].id).unwrap().unwrap().entry, ends[0]);
}

/// Entries of the membership lane, of which the last alone is signed.
fn grouped() -> (TempDir, SqliteStore, RoomId, Vec<Entry>) {
    let (folder, path) = place();
    let mut store = open(&path);
    let (creation, mut chain) = Chain::create(ALICE, 1);
    let mut unsigned = chain.sign(Kind::Settings, 2);
    unsigned.signature = None;
    let entries = vec![creation.clone(), unsigned, chain.sign(Kind::Settings, 3)];
    for entry in &entries {
        put(&mut store, entry, creation.id).unwrap();
    }
    store.commit().unwrap();
    (folder, store, creation.room(), entries)
}

#[test]
fn who_belongs_is_mended_with_its_id() {
    for damage in IDS.into_iter().chain(["id = zeroblob(32), header = zeroblob(length(header))"]) {
        for index in 0..3 {
            let (_folder, store, room, entries) = grouped();
            let spoil = format!("UPDATE entries SET {damage} WHERE id = ?1");
            assert_eq!(store.db.execute(&spoil, [entries[index].id.as_bytes()]).unwrap(), 1);
            let mut store = reopen(store);
            assert_eq!(store.rooms().unwrap(), [room], "{damage} {index}");
            for mended in [false, true] {
                let page = store.page(room, Lane::Membership, 0, 9, 9_999).unwrap();
                let whole = page
                    .iter()
                    .zip(&entries)
                    .all(|(item, entry)| matches!(item, Item::Entry(stored) if stored.entry == *entry));
                assert!(whole && page.len() == 3, "{damage} {index}");
                assert_eq!(store.damage.borrow().spared.is_empty(), mended, "{damage} {index}");
                assert_eq!(store.damaged(), []);
                store.commit().unwrap();
            }
            assert_eq!(store.anchor(room, Lane::Membership, 9).unwrap(), Some((3, entries[2].id)));
            assert_eq!(reopen(store).entry(entries[index].id).unwrap().unwrap().entry, entries[index]);
        }
    }
}

#[test]
fn a_spare_that_is_another_entry_is_not_taken() {
    for index in 0..3 {
        let (_folder, store, room, entries) = grouped();
        // One that holds together, as where a time is damaged.
        let mut altered = entries[index].header.clone();
        altered.timestamp_us += 1;
        let altered = Entry::write(altered, entries[index].body.clone().unwrap());
        let arrival = index as i64 + 1;
        store
            .db
            .execute("UPDATE spares SET header = ?2 WHERE arrival = ?1", params![arrival, altered.header_bytes])
            .unwrap();
        store.db.execute("UPDATE entries SET body = x'00' WHERE arrival = ?1", [arrival]).unwrap();
        let store = reopen(store);
        assert!(store.page(room, Lane::Membership, 0, 9, 9_999).is_err(), "{index}");
    }
}

#[test]
fn an_id_damaged_behind_its_beginning_hinders_no_commit() {
    let flipped = "UPDATE entries SET id = CAST(substr(id, 1, 20) || x'00' || substr(id, 22) AS BLOB) WHERE id = ?1";
    let (_folder, store, _, mut chain, entries) = damaged(flipped);
    let mut store = reopen(store);
    for time in 20..50 {
        put(&mut store, &chain.sign(Kind::Text, time), chain.add()).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(store.knows(entries[1].id).unwrap(), Some(true));
    store.commit().unwrap();
    assert_eq!(reopen(store).knows(entries[1].id).unwrap(), Some(true));
}
