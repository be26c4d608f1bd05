mod crash;
mod damage;
mod full;
mod ids;
mod place;
mod plan;

use std::path::{Path, PathBuf};

use lanline_protocol::{
    conformance::{self, Chain},
    entry::Entry,
    id::{EntryId, RoomId},
    identity::DeviceKey,
    kind::Kind,
    memory::MemoryStore,
};
use tempfile::TempDir;

use super::*;

const ALICE: u8 = 1;
const BOB: u8 = 2;
const FRESH: StoreId = StoreId::new([1; 16]);

fn public(actor: u8) -> PublicKey {
    DeviceKey::from_seed(&[actor; 32]).public()
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, public(ALICE), FRESH).unwrap()
}

/// A folder and the path of a database in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

fn put(store: &mut SqliteStore, entry: &Entry, add: EntryId) -> Result<Arrival, StoreError> {
    let order =
        Order { time_us: entry.header.timestamp_us, author: entry.header.author, seq: entry.header.seq, id: entry.id };
    store.put_entry(NewEntry { entry, order, add })
}

/// A store with a room, and a log in it.
fn with_room(path: &Path) -> (SqliteStore, RoomId, Chain) {
    let mut store = open(path);
    let (creation, _) = Chain::create(ALICE, 1);
    put(&mut store, &creation, creation.id).unwrap();
    store.commit().unwrap();
    (store, creation.room(), Chain::new(ALICE, creation.room(), 2))
}

/// Opens the same file again, as a crash leaves it but for what SQLite tidies up.
fn reopen(store: SqliteStore) -> SqliteStore {
    let path = PathBuf::from(store.db.path().unwrap());
    drop(store);
    open(&path)
}

#[test]
fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    let fresh = |id| {
        count += 1;
        SqliteStore::open(&folder.path().join(format!("{count}.db")), public(ALICE), id).unwrap()
    };
    conformance::suite(fresh, reopen);
}

#[test]
fn agrees_with_the_store_in_memory() {
    for seed in 0..10 {
        let (_folder, path) = place();
        conformance::agree(seed, 150, open(&path), MemoryStore::new(FRESH), reopen, MemoryStore::crash);
    }
}

#[test]
fn only_this_user_can_read_the_files() {
    let (folder, path) = place();
    let (_store, ..) = with_room(&path);
    let mut names: Vec<_> =
        folder.path().read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["store.db", "store.db-shm", "store.db-wal"]);
    #[cfg(unix)]
    for name in names {
        use std::os::unix::fs::PermissionsExt;
        let mode = folder.path().join(&name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn files_that_others_could_read_are_theirs_no_more() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    // Killed, so that all three are there.
    std::mem::forget(with_room(&path).0);
    let files: Vec<_> = folder.path().read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 3);
    for file in &files {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let _store = open(&path);
    for file in &files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn what_was_promised_about_the_disk_is_set() {
    let (_folder, path) = place();
    let store = open(&path);
    let setting = |name: &str| store.db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(setting("synchronous"), 2);
    assert_eq!(setting("fullfsync"), 1);
    assert_eq!(setting("checkpoint_fullfsync"), 1);
    assert_eq!(setting("secure_delete"), 1);
    assert_eq!(setting("user_version"), 3);
    let mode: String = store.db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_database_that_moved_to_another_identity_is_a_new_store_with_new_logs() {
    let (_folder, path) = place();
    let (mut store, room, mut chain) = with_room(&path);
    put(&mut store, &chain.sign(Kind::Text, 10), chain.add()).unwrap();
    store.put_ack(public(BOB).device_id(), room, Lane::Content, 2).unwrap();
    store.put_value("log/1/room", Some(b"own")).unwrap();
    store.put_value("log0", Some(b"kept")).unwrap();
    store.put_value("read/room", Some(b"kept")).unwrap();
    store.commit().unwrap();
    drop(store);

    let same = SqliteStore::open(&path, public(ALICE), StoreId::new([2; 16])).unwrap();
    assert_eq!(same.store_id(), FRESH);
    assert_eq!(same.acks(room, Lane::Content).unwrap().len(), 1);
    assert_eq!(same.value("log/1/room").unwrap().as_deref(), Some(b"own".as_slice()));
    drop(same);

    for fresh in [3, 4] {
        let moved = SqliteStore::open(&path, public(BOB), StoreId::new([fresh; 16])).unwrap();
        assert_eq!(moved.store_id(), StoreId::new([3; 16]), "drawn once");
        assert_eq!(moved.acks(room, Lane::Content).unwrap(), []);
        assert_eq!(moved.value("log/1/room").unwrap(), None);
        assert_eq!(moved.value("log0").unwrap().as_deref(), Some(b"kept".as_slice()));
        assert_eq!(moved.value("read/room").unwrap().as_deref(), Some(b"kept".as_slice()));
        assert_eq!(moved.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
    }
}

#[test]
fn a_file_that_cannot_be_used_is_left_alone_and_named() {
    let (folder, path) = place();
    let refusal = |path: &Path| {
        let error = SqliteStore::open(path, public(ALICE), FRESH).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()) && !text.contains('\n'), "{text}");
        error
    };
    for content in ["not a database, though longer than a header of a hundred bytes would be".repeat(100), "x".into()] {
        std::fs::write(&path, &content).unwrap();
        assert!(matches!(refusal(&path), OpenStoreError::NotADatabase(_)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }

    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 1;").unwrap();
    assert!(matches!(refusal(&other), OpenStoreError::NotADatabase(_)));

    let newer = folder.path().join("newer.db");
    let (store, ..) = with_room(&newer);
    store.db.execute_batch("PRAGMA user_version = 4").unwrap();
    drop(store);
    assert!(matches!(refusal(&newer), OpenStoreError::Newer { found: 4, known: 3, .. }));

    assert!(matches!(refusal(&folder.path().join("none").join("store.db")), OpenStoreError::Unwritable { .. }));
    assert!(matches!(refusal(folder.path()), OpenStoreError::Unwritable { .. }));
}

#[test]
fn an_empty_file_is_a_new_database() {
    let (_folder, path) = place();
    std::fs::write(&path, "").unwrap();
    assert_eq!(open(&path).store_id(), FRESH);
}
