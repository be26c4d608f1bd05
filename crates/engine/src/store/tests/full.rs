use super::*;

/// Fills the store until it says that the disk is full: how many transactions were committed, and the log as it
/// stood then.
fn fill(store: &mut SqliteStore, chain: &mut Chain) -> usize {
    for commits in 0..100_000 {
        let before = chain.clone();
        let written = (0..4).try_for_each(|number| {
            let time = chain.tip().map_or(10, |tip| tip.timestamp_us + 1);
            let entry = if number == 3 { chain.sign(Kind::Text, time) } else { chain.write(Kind::Text, time) };
            put(store, &entry, chain.add()).map(|_| ())
        });
        if let Err(error) = written.clone().and_then(|()| store.commit()) {
            assert_eq!(error, StoreError::Full);
            assert_eq!(store.commit().err(), written.err(), "a failed write fails the commit too, once");
            *chain = before;
            return commits;
        }
    }
    panic!("the disk never was full")
}

fn check(store: &SqliteStore, room: RoomId, chain: &Chain, commits: usize) {
    assert_eq!(store.tips(room, Lane::Content).unwrap(), Vec::from_iter(chain.tip()));
    assert_eq!(store.page(room, Lane::Content, 0, usize::MAX, usize::MAX).unwrap().len(), commits * 4);
    let integrity: String = store.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
}

#[test]
fn a_full_database_is_told_and_goes_on_once_there_is_space() {
    let (_folder, path) = place();
    let (mut store, room, mut chain) = with_room(&path);
    store.db.execute_batch("PRAGMA max_page_count = 100").unwrap();
    let mut commits = fill(&mut store, &mut chain);
    assert!(commits > 10);
    check(&store, room, &chain, commits);
    store.db.execute_batch("PRAGMA max_page_count = 200").unwrap();
    let more = fill(&mut store, &mut chain);
    assert!(more > 10);
    commits += more;
    check(&store, room, &chain, commits);
    check(&reopen(store), room, &chain, commits);
}

/// A small disk of its own, given back when dropped.
#[cfg(target_os = "linux")]
struct SmallDisk(TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// `None` where this user may not mount one.
    fn mount(kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "lanline-test"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.0.path().display());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_goes_on_once_there_is_space() {
    let Some(disk) = SmallDisk::mount(8 * 1024) else {
        eprintln!("SKIPPED: a small disk can be mounted by root only");
        return;
    };
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 2 * 1024 * 1024]).unwrap();
    let (mut store, room, mut chain) = with_room(&disk.0.path().join("store.db"));
    let mut commits = fill(&mut store, &mut chain);
    assert!(commits > 10);
    check(&store, room, &chain, commits);
    std::fs::remove_file(&ballast).unwrap();
    let more = fill(&mut store, &mut chain);
    assert!(more > 10);
    commits += more;
    check(&store, room, &chain, commits);

    // Where not even an empty database fits, opening says so.
    let filler = disk.0.path().join("filler");
    let _ = std::fs::write(&filler, vec![1; 8 * 1024 * 1024]);
    let refusal = SqliteStore::open(&disk.0.path().join("other.db"), public(ALICE), FRESH).unwrap_err();
    assert!(matches!(refusal, OpenStoreError::Full(_)), "{refusal}");
    std::fs::remove_file(&filler).unwrap();
    check(&reopen(store), room, &chain, commits);
}
