use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use super::*;

const DATABASE: &str = "LANLINE_TEST_DATABASE";

/// Entries in each transaction, under one signature.
const GROUP: u64 = 7;

/// Writes groups for ever, and says on stderr what each commit reached. Run by the test below, which kills it.
#[test]
#[ignore = "run as a child by the test that kills it"]
fn child() {
    let path = std::env::var_os(DATABASE).expect("run as a child by the test that kills it");
    let mut store = open(Path::new(&path));
    let (_, room, mut chain) = log_of(&store);
    for time in chain.tip().map_or(1, |tip| tip.head.seq + 1).. {
        let entry = if time % GROUP == 0 { chain.sign(Kind::Text, time) } else { chain.write(Kind::Text, time) };
        put(&mut store, &entry, chain.add()).unwrap();
        if time % GROUP == 0 {
            store.put_value("reached", Some(&time.to_be_bytes())).unwrap();
            store.put_ack(public(BOB).device_id(), room, Lane::Content, time).unwrap();
            store.commit().unwrap();
            eprintln!("committed {time}");
        }
    }
}

/// The log that the child writes, as far as it came.
fn log_of(store: &SqliteStore) -> (Vec<Stored>, RoomId, Chain) {
    let (creation, _) = Chain::create(ALICE, 1);
    let room = creation.room();
    let mut chain = Chain::new(ALICE, room, 2);
    let mut entries = Vec::new();
    for item in store.page(room, Lane::Content, 0, usize::MAX, usize::MAX).unwrap() {
        let Item::Entry(stored) = item else { panic!("no record was stored") };
        let again = chain.write(Kind::Text, stored.entry.header.timestamp_us);
        assert_eq!(again.id, stored.entry.id, "another chain");
        entries.push(stored);
    }
    (entries, room, chain)
}

#[test]
fn what_was_committed_is_there_after_a_kill() {
    let (_folder, path) = place();
    drop(with_room(&path));
    let mut reached = 0;
    for round in 0..10_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "store::tests::crash::child", "--nocapture"])
            .env(DATABASE, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Killed at a moment of its own each time: after so many commits, and a while into the next.
        let (commits, pause) = (1 + round * 5 % 23, Duration::from_micros(round * 977 % 3000));
        let mut said =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
        for _ in 0..commits {
            reached = said.next().expect("the child ended by itself");
        }
        std::thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap();
        reached = said.last().unwrap_or(reached);

        let store = open(&path);
        let integrity: String = store.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        let (entries, room, chain) = log_of(&store);
        let held = u64::try_from(entries.len()).unwrap();
        assert!(held >= reached, "round {round}: {reached} were committed, {held} are there");
        assert_eq!(held % GROUP, 0, "round {round}: half a transaction");
        assert_eq!(store.value("reached").unwrap().unwrap(), held.to_be_bytes());
        assert_eq!(store.acks(room, Lane::Content).unwrap(), [(public(BOB).device_id(), held)]);
        assert_eq!(store.tips(room, Lane::Content).unwrap(), [chain.tip().unwrap()]);
    }
}
