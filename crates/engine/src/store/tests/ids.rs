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

/// A database of version 2 with a room and these texts in it.
fn of_before(path: &Path, texts: usize) -> (Entry, Vec<Entry>) {
    let db = Connection::open(path).unwrap();
    // Not strict: as a disk may make it.
    db.execute_batch(&include_str!("../schema.sql").replace(") STRICT;", ");")).unwrap();
    db.execute_batch(include_str!("../spares.sql")).unwrap();
    db.execute_batch("PRAGMA user_version = 2; PRAGMA application_id = 0x4c616e6c;").unwrap();
    db.execute(sql::PUT_STORE, (FRESH.as_bytes(), public(ALICE).as_bytes())).unwrap();
    let (creation, _) = Chain::create(ALICE, 1);
    let mut chain = Chain::new(ALICE, creation.room(), 2);
    let texts: Vec<Entry> = (0..texts).map(|n| chain.sign(Kind::Text, 10 + n as u64)).collect();
    db.execute("INSERT INTO rooms (id) VALUES (?1)", [creation.room().as_bytes()]).unwrap();
    for (index, entry) in std::iter::once(&creation).chain(&texts).enumerate() {
        let lane = entry.header.lane().number();
        let log = i64::from(lane) + 1;
        let key = (log, entry.header.author.as_bytes(), entry.header.log.as_bytes());
        db.execute("INSERT OR IGNORE INTO logs (log, room, author, id) VALUES (?1, 1, ?2, ?3)", key).unwrap();
        let signature = entry.signature.as_ref().map(|signature| signature.as_bytes());
        db.execute(
            "INSERT INTO entries (arrival, room, lane, log, seq, kind, time_us, id, signature, header, body)
             VALUES (:arrival, 1, :lane, :log, :seq, :kind, 5, :id, :signature, :header, :body)",
            named_params! {
                ":arrival": index as i64 + 1, ":lane": lane, ":log": log, ":seq": entry.header.seq as i64,
                ":kind": entry.header.kind, ":id": entry.id.as_bytes(), ":signature": signature,
                ":header": entry.header_bytes, ":body": entry.body,
            },
        )
        .unwrap();
        db.execute("UPDATE store SET last_arrival = ?1", [index as i64 + 1]).unwrap();
    }
    (creation, texts)
}

#[test]
fn a_database_of_before_is_brought_up_to_date() {
    for count in [0, 40] {
        let (_folder, path) = place();
        let (creation, texts) = of_before(&path, count);
        let store = open(&path);
        assert_eq!(written(&store), if count == 0 { 0 } else { count + 1 }, "many are written with the migration");
        assert_eq!(store.rooms().unwrap(), [creation.room()]);
        for entry in std::iter::once(&creation).chain(&texts) {
            assert_eq!(store.entry(entry.id).unwrap().unwrap().entry, *entry);
        }
    }
}

#[test]
fn a_database_whose_ids_the_migration_left_unwritten_has_them_written() {
    let (_folder, path) = place();
    let (_, texts) = of_before(&path, 40);
    let store = open(&path);
    store.db.execute_batch("UPDATE store SET named = 0; DELETE FROM ids").unwrap();
    let store = reopen(store);
    assert_eq!(written(&store), 41);
    assert_eq!(store.entry(texts[20].id).unwrap().unwrap().entry, texts[20]);
}

#[test]
fn a_database_of_before_is_brought_up_to_date_though_a_disk_made_words_of_bytes() {
    for damage in ["id = 'x'", "id = 7", "signature = 'x'", "header = 'x'", "header = 2.5", "body = 'x'", "body = 9"] {
        let (_folder, path) = place();
        let (creation, texts) = of_before(&path, 3);
        let spoil = format!("UPDATE entries SET {damage} WHERE id = ?1");
        assert_eq!(Connection::open(&path).unwrap().execute(&spoil, [texts[1].id.as_bytes()]), Ok(1));
        let mut store = open(&path);
        assert_eq!(store.page(creation.room(), Lane::Content, 0, 9, 9_999).unwrap().len(), 3, "{damage}");
        let lost: Vec<EntryId> = store.damaged().iter().map(|lost| lost.id).collect();
        assert_eq!(lost, if damage.starts_with("id") { vec![] } else { vec![texts[1].id] }, "{damage}");
        assert_eq!(store.knows(texts[1].id).unwrap(), Some(true), "{damage}");
    }
}
