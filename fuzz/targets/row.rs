//! A database whose rows say anything: it is opened and read, or refused, and what is read of entries proves itself.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use lanline_engine::store::SqliteStore;
use lanline_fuzz::memory;
use lanline_fuzz::world::{BEGINNING, key};
use lanline_protocol::entry::{Entry, LogKey};
use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::kind::Lane;
use lanline_protocol::limits;
use lanline_protocol::replica::{Random, Replica};
use lanline_protocol::store::{Cursor, Item, Order, Store, Stored};
use libfuzzer_sys::fuzz_target;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use tempfile::TempDir;

/// What one database may take at a time; SQLite's own pages are not counted.
const MOST: usize = 8 * 1024 * 1024;

/// The tables, and what is in them.
const TABLES: &[(&str, &[&str])] = &[
    ("store", &["id", "identity", "last_arrival", "named"]),
    ("rooms", &["room", "id"]),
    ("logs", &["log", "room", "author", "id"]),
    (
        "entries",
        &["arrival", "room", "lane", "log", "seq", "kind", "time_us", "erased", "id", "signature", "header", "body"],
    ),
    ("tips", &["log", "seq", "id", "lane", "timestamp_us", "add_id"]),
    (
        "records",
        &["arrival", "room", "author", "store", "name", "version", "value", "content", "signature", "checksum"],
    ),
    ("cursors", &["store", "room", "lane", "arrival", "anchor"]),
    ("acks", &["room", "lane", "device", "arrival"]),
    ("sent", &["room", "client_id", "id"]),
    ("devices", &["key", "name", "address", "first_seen_at", "last_seen_at"]),
    ("local", &["name", "value"]),
    ("ids", &["short", "arrival"]),
    ("spares", &["arrival", "signature", "header", "body"]),
];

#[derive(Arbitrary, Debug)]
struct Edit<'a> {
    table: u8,
    column: u8,
    /// Which row, as many as there are.
    row: u8,
    becomes: Becomes<'a>,
}

#[derive(Arbitrary, Debug)]
enum Becomes<'a> {
    Null,
    Integer(i64),
    Near(i8),
    Real(f64),
    Text(&'a str),
    Blob(&'a [u8]),
    /// As it is, but for a byte.
    Altered {
        at: u16,
        mask: u8,
    },
    Shortened(u16),
    /// What another row has there.
    Other(u8),
    /// The row is gone.
    Gone,
}

struct Scene {
    folder: TempDir,
    database: Vec<u8>,
    room: RoomId,
    log: LogKey,
    ids: Vec<EntryId>,
}

struct Counter(u64);

impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        blake3::Hasher::new().update(&self.0.to_be_bytes()).finalize_xof().fill(bytes);
    }
}

/// A database as a device leaves it, with something in each table, and none of its types enforced: a damaged disk does
/// not heed them.
static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let shared_memory = Path::new("/dev/shm");
    let folder = if shared_memory.is_dir() { TempDir::new_in(shared_memory) } else { TempDir::new() };
    let folder = folder.unwrap();
    let path = folder.path().join("scene.db");
    let store = SqliteStore::open(&path, key(0).public(), StoreId::new([1; 16])).unwrap();
    let mut now = BEGINNING;
    let mut alice = Replica::open(key(0), store, Box::new(Counter(0)), "fuzz", now).unwrap();
    alice.set_name(now, "alice").unwrap();
    alice.set_addresses(now, &["10.0.0.0:12345".to_owned()]).unwrap();
    let room = alice.create_room(now, "home").unwrap();
    alice.commit(now).unwrap();
    alice.invite(now, room, 1_000, 1).unwrap();
    for n in 0..6 {
        now.wall_us += 1_000_000;
        now.steady_ms += 1_000;
        alice.send_message(now, room, &format!("message {n}"), None, Some(&format!("client {n}"))).unwrap();
        alice.commit(now).unwrap();
    }
    alice.keep("kept", Some(b"something".as_slice())).unwrap();
    let mut store = alice.into_store();
    for lane in Lane::ALL {
        store.put_cursor(StoreId::new([2; 16]), room, lane, Cursor { arrival: 3, anchor: None }).unwrap();
        store.put_ack(key(1).public().device_id(), room, lane, 2).unwrap();
    }
    let device = lanline_protocol::store::Device {
        key: key(1).public(),
        name: "bob".to_owned(),
        address: Some("10.0.0.1:12345".to_owned()),
        first_seen_at: 1,
        last_seen_at: 2,
    };
    store.put_device(&device).unwrap();
    store.commit().unwrap();
    let pages = Lane::ALL.map(|lane| store.page(room, lane, 0, usize::MAX, usize::MAX).unwrap());
    let ids = pages.iter().flatten().filter_map(|item| match item {
        Item::Entry(stored) => Some(stored.entry.id),
        _ => None,
    });
    let ids: Vec<EntryId> = ids.collect();
    let log = store.tips(room, Lane::Content).unwrap()[0].head.log;
    drop(store);
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = DELETE; PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT, ', ''), 'STRICT', '');
         PRAGMA writable_schema = OFF;",
    )
    .unwrap();
    for id in &ids {
        let short = i64::from_be_bytes(*id.as_bytes().first_chunk().unwrap());
        db.execute(
            "INSERT OR IGNORE INTO ids SELECT ?1, arrival FROM entries WHERE id = ?2",
            params![short, id.as_bytes()],
        )
        .unwrap();
    }
    db.execute_batch("VACUUM").unwrap();
    drop(db);
    Scene { database: std::fs::read(&path).unwrap(), folder, room, log, ids }
});

fuzz_target!(|edits: Vec<Edit>| {
    LazyLock::force(&SCENE);
    memory::within(MOST, || read(&edits));
});

fn read(edits: &[Edit]) {
    let path = SCENE.folder.path().join("database.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    std::fs::write(&path, &SCENE.database).unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN").unwrap();
    for edit in edits.iter().take(8) {
        change(&db, edit);
    }
    db.execute_batch("COMMIT").unwrap();
    drop(db);
    let Ok(store) = SqliteStore::open(&path, key(0).public(), StoreId::new([9; 16])) else { return };
    look(store);
    let Ok(store) = SqliteStore::open(&path, key(0).public(), StoreId::new([9; 16])) else { return };
    live(store);
}

fn change(db: &Connection, edit: &Edit) {
    let (table, columns) = TABLES[usize::from(edit.table) % TABLES.len()];
    let column = columns[usize::from(edit.column) % columns.len()];
    let all = format!("SELECT {column} FROM {table}");
    let values: Vec<Value> = db.prepare(&all).unwrap().query_map([], |row| row.get(0)).unwrap().flatten().collect();
    if values.is_empty() {
        return;
    }
    let row = usize::from(edit.row) % values.len();
    let before = values[row].clone();
    let becomes = match (&edit.becomes, &before) {
        (Becomes::Null, _) => Value::Null,
        (Becomes::Integer(number), _) => Value::Integer(*number),
        (Becomes::Near(by), Value::Integer(number)) => Value::Integer(number.saturating_add(i64::from(*by))),
        (Becomes::Real(number), _) => Value::Real(*number),
        (Becomes::Text(text), _) => Value::Text((*text).to_owned()),
        (Becomes::Blob(bytes), _) => Value::Blob(bytes.to_vec()),
        (Becomes::Altered { at, mask }, Value::Blob(bytes)) if !bytes.is_empty() => {
            let mut bytes = bytes.clone();
            let at = usize::from(*at) % bytes.len();
            bytes[at] ^= mask;
            Value::Blob(bytes)
        }
        (Becomes::Shortened(length), Value::Blob(bytes)) => {
            Value::Blob(bytes.iter().take(usize::from(*length)).copied().collect())
        }
        (Becomes::Other(other), _) => values[usize::from(*other) % values.len()].clone(),
        (Becomes::Gone, _) => {
            let _ = db.execute(&format!("DELETE FROM {table} WHERE {column} IS ?1"), [&before]);
            return;
        }
        _ => return,
    };
    // Where a key would stand twice, or something be null that SQLite itself does not let be, it stays.
    let _ = db.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {column} IS ?2"), params![becomes, before]);
}

/// Every reading there is, once.
fn look(mut store: SqliteStore) {
    let mut rooms = store.rooms().unwrap_or_default();
    rooms.push(SCENE.room);
    for room in rooms {
        for lane in Lane::ALL {
            let mut after = 0;
            for _ in 0..100 {
                let Ok(page) = store.page(room, lane, after, 4, 1 << 16) else { break };
                page.iter().for_each(|item| {
                    if let Item::Entry(stored) = item {
                        whole(stored);
                    }
                });
                let Some(last) = page.last().map(Item::arrival) else { break };
                assert!(last != after, "a page goes on");
                after = last;
            }
            let _ = store.tips(room, lane);
            let _ = store.newest(room, lane);
            let _ = store.anchor(room, lane, 5);
            let _ = store.acks(room, lane);
            let _ = store.cursor(StoreId::new([2; 16]), room, lane);
        }
        for kind in [1, 33, 64, 65] {
            store.of_kind(room, kind).unwrap_or_default().iter().for_each(whole);
        }
        let shown = store.timeline(room, None, &[1, 2], 5).unwrap_or_default();
        shown.iter().for_each(whole);
        let order = shown.last().map_or(end(), |stored| stored.order);
        let _ = store.timeline(room, Some(order), &[], 3);
        store.at(room, SCENE.log, 2).unwrap_or_default().iter().for_each(whole);
        let _ = store.count(room, SCENE.log, 65, 0, 9, 4);
        let _ = store.first_after(room, SCENE.log, 1, order);
        let _ = store.missing(room);
        let _ = store.lost(room, 8);
        for record in store.records(room, None, 8).unwrap_or_default() {
            let _ = store.record(&record.key);
        }
        let _ = store.sent(room, "client 1");
    }
    for id in &SCENE.ids {
        let _ = store.knows(*id);
        if let Ok(Some(stored)) = store.entry(*id) {
            assert_eq!(stored.entry.id, *id);
            whole(&stored);
        }
    }
    let _ = store.devices();
    let _ = store.value("name");
    let _ = store.damaged();
    let _ = store.commit();
}

fn end() -> Order {
    Order { time_us: 1, author: key(0).public(), seq: 1, id: EntryId::new([0; 32]) }
}

/// What is given as an entry is one: its id is its header's hash, and its words are those that the header names.
fn whole(stored: &Stored) {
    let Stored { entry, .. } = stored;
    assert_eq!(entry.id, EntryId::new(*Hash::of(&entry.header_bytes).as_bytes()));
    let again = Entry::from_parts(entry.header_bytes.clone(), entry.body.clone(), entry.signature);
    assert_eq!(again.as_ref(), Ok(entry));
}

/// A device that begins with it, says something and looks for damage. What it cannot read it says, and goes no further.
fn live(store: SqliteStore) {
    let mut now = BEGINNING;
    now.wall_us += 3_600_000_000;
    let Ok(mut alice) = Replica::open(key(0), store, Box::new(Counter(1)), "fuzz", now) else { return };
    for _ in 0..3 {
        now.steady_ms += limits::SCRUB_EVERY_MS;
        now.wall_us += limits::SCRUB_EVERY_MS * 1_000;
        let _ = alice.next_wake_ms(now);
        if alice.commit(now).is_err() {
            return;
        }
        for room in alice.rooms().unwrap_or_default() {
            let _ = alice.members(room.id);
            let _ = alice.messages(room.id, None, 4);
            let _ = alice.send_message(now, room.id, "and more", None, None);
        }
    }
    let _ = alice.commit(now);
}
