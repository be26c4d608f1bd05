use rusqlite::named_params;

use super::*;

fn written(store: &SqliteStore) -> usize {
    let count: i64 = store.db.query_row("SELECT count(*) FROM ids", [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

#[test]
fn an_entry_is_found_whether_its_id_is_written_or_not() {
    let (_folder, path) = place();
    let (mut store, room, mut chain) = with_room(&path);
    let mut entries = Vec::new();
    for turn in 0..10 {
        for time in 0..5 {
            let entry = chain.sign(Kind::Text, 10 + turn * 5 + time);
            put(&mut store, &entry, chain.add()).unwrap();
            entries.push(entry);
        }
        if turn == 6 {
            // What was written with it is not written either, and what is held is what it was.
            store.write_ids().unwrap();
            store.rollback().unwrap();
            for entry in entries.split_off(entries.len() - 5) {
                assert_eq!(store.knows(entry.id).unwrap(), None);
                put(&mut store, &entry, chain.add()).unwrap();
                entries.push(entry);
            }
        }
        store.commit().unwrap();
        if turn % 3 == 2 {
            store = reopen(store);
        }
        for entry in &entries {
            assert_eq!(store.entry(entry.id).unwrap().unwrap().entry, *entry);
            assert_eq!(store.knows(entry.id).unwrap(), Some(true));
        }
        assert_eq!(store.rooms().unwrap(), [room]);
    }
    let written = written(&store);
    assert!(written > 16 && written < entries.len(), "{written}");
}

#[test]
fn ids_that_begin_alike_are_told_apart() {
    let (_folder, path) = place();
    let (mut store, _, mut chain) = with_room(&path);
    let entry = chain.sign(Kind::Text, 10);
    put(&mut store, &entry, chain.add()).unwrap();
    store.write_ids().unwrap();
    store.commit().unwrap();
    let mut alike = *entry.id.as_bytes();
    alike[31] ^= 1;
    assert_eq!(store.entry(EntryId::new(alike)).unwrap(), None);
    assert_eq!(store.knows(EntryId::new(alike)).unwrap(), None);
    assert_eq!(store.knows(entry.id).unwrap(), Some(true));
}

#[test]
fn a_database_of_before_is_brought_up_to_date() {
    let (_folder, path) = place();
    let db = Connection::open(&path).unwrap();
    db.execute_batch(include_str!("../schema.sql")).unwrap();
    db.execute_batch(include_str!("../spares.sql")).unwrap();
    db.execute_batch("PRAGMA user_version = 2; PRAGMA application_id = 0x4c616e6c;").unwrap();
    db.execute(sql::PUT_STORE, (FRESH.as_bytes(), public(ALICE).as_bytes())).unwrap();
    let (creation, _) = Chain::create(ALICE, 1);
    db.execute("INSERT INTO rooms (id) VALUES (?1)", [creation.room().as_bytes()]).unwrap();
    let signature = creation.signature.as_ref().map(|signature| signature.as_bytes());
    db.execute(
        "INSERT INTO entries (arrival, room, lane, log, seq, kind, time_us, id, signature, header, body)
         VALUES (1, 1, 0, 1, 1, 1, 5, :id, :signature, :header, :body)",
        named_params! {
            ":id": creation.id.as_bytes(), ":signature": signature, ":header": creation.header_bytes,
            ":body": creation.body,
        },
    )
    .unwrap();
    drop(db);
    let store = open(&path);
    assert_eq!(store.rooms().unwrap(), [creation.room()]);
    assert_eq!(store.entry(creation.id).unwrap().unwrap().entry, creation);
}
