use super::*;

/// Linux and macOS let an open file be deleted, and SQLite goes on writing to it.
#[cfg(unix)]
#[test]
fn what_was_deleted_or_moved_away_is_not_committed_to() {
    type Removal = fn(&Path);
    let removals: [Removal; 4] = [
        |path| std::fs::remove_dir_all(path.parent().unwrap()).unwrap(),
        |path| std::fs::remove_file(path).unwrap(),
        |path| std::fs::remove_file(path.with_extension("db-wal")).unwrap(),
        |path| std::fs::rename(path.parent().unwrap(), path.parent().unwrap().with_extension("elsewhere")).unwrap(),
    ];
    for remove in removals {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data").join("store.db");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let (mut store, room, mut chain) = with_room(&path);
        let kept = chain.sign(Kind::Text, 10);
        put(&mut store, &kept, chain.add()).unwrap();
        store.commit().unwrap();
        remove(&path);
        put(&mut store, &chain.sign(Kind::Text, 11), chain.add()).unwrap();
        let refused = store.commit().unwrap_err();
        assert!(matches!(&refused, StoreError::Failed(reason) if reason.contains("store.db")), "{refused}");
        let held = store.tips(room, Lane::Content).unwrap();
        assert_eq!(
            held.iter().map(|tip| tip.head.id).collect::<Vec<_>>(),
            [kept.id],
            "what was not committed is undone"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_lock_that_was_deleted_ends_writing_too() {
    let (folder, path) = place();
    let lock = folder.path().join("lock");
    // Held open, as a lock is: its number in the file system is not given to another meanwhile.
    let file = std::fs::File::create(&lock).unwrap();
    let (mut store, ..) = with_room(&path);
    store.rely_on(Pin::of(&file, &lock).unwrap());
    store.put_value("one", Some(b"1")).unwrap();
    store.commit().unwrap();
    std::fs::remove_file(&lock).unwrap();
    std::fs::write(&lock, "another process may hold this one").unwrap();
    store.put_value("two", Some(b"2")).unwrap();
    assert!(matches!(store.commit(), Err(StoreError::Failed(_))));
    assert_eq!((store.value("one").unwrap(), store.value("two").unwrap()), (Some(b"1".to_vec()), None));
}
