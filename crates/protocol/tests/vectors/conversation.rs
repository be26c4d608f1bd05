//! The conversation with the device itself as Alice: from Bob's frames it makes hers, byte for byte.

use lanline_protocol::clock::Time;
use lanline_protocol::frame::{Frame, Hello, Open, Resume, Tag, room_tag};
use lanline_protocol::id::{Hash, StoreId};
use lanline_protocol::kind::Lane;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::record::RecordName;
use lanline_protocol::replica::{Output, Random, Replica};
use lanline_protocol::session::ConnectionId;
use lanline_protocol::store::{NewEntry, Order, Store};

use crate::{array, at, bytes, bytes_of, entry, key, record, room};

const BOB: ConnectionId = ConnectionId(1);

/// The salt of every body; and no arrivals are left out.
struct Salt;

impl Random for Salt {
    fn fill(&mut self, bytes: &mut [u8]) {
        match bytes.len() {
            16 => bytes.copy_from_slice(&array::<16>("/salt")),
            _ => bytes.fill(0),
        }
    }
}

fn put(store: &mut MemoryStore, name: &str) {
    let entry = entry(name);
    let header = &entry.header;
    let order = Order { time_us: header.timestamp_us, author: header.author, seq: header.seq, id: entry.id };
    let add = if header.author == key("alice").public() { entry_id("create") } else { entry_id("admit") };
    store.put_entry(NewEntry { entry: &entry, order, add }).unwrap();
}

fn entry_id(name: &str) -> lanline_protocol::id::EntryId {
    entry(name).id
}

/// Alice's database before Bob comes, with her logs going on.
fn alice() -> MemoryStore {
    let mut store = MemoryStore::new(StoreId::new(array("/stores/alice")));
    store.put_value("name", Some(b"alice")).unwrap();
    for (lane, name) in [(0, "create"), (1, "alice_profile")] {
        let log = entry(name).header.log;
        store.put_value(&format!("log/{lane}/{}", room()), Some(log.as_bytes())).unwrap();
    }
    put(&mut store, "create");
    put(&mut store, "alice_profile");
    store.put_record(&record("addresses")).unwrap();
    put(&mut store, "invite");
    store.commit().unwrap();
    store
}

fn open(store: MemoryStore, now: Time) -> Replica<MemoryStore> {
    let mut alice = Replica::open(key("alice"), store, Box::new(Salt), "lanline/0.1.0", now).unwrap();
    let exporter = Hash::new(array("/connection/exporter"));
    alice.connected(now, BOB, key("bob").public(), exporter, false, "192.168.1.30:50000".into()).unwrap();
    alice
}

fn sent(outputs: Vec<Output>) -> Vec<Vec<u8>> {
    let frames = outputs.into_iter().filter_map(|output| match output {
        Output::Send(_, bytes) => Some(bytes),
        Output::Close(_, reason) => panic!("alice ends the connection: {reason:?}"),
        _ => None,
    });
    frames.collect()
}

/// Whether it is a batch of nothing but Alice's own receipts, which the conversation leaves out.
fn is_own_receipts(bytes: &[u8]) -> bool {
    let Ok(Frame::Batch(batch)) = Frame::decode(bytes) else { return false };
    batch.entries.is_empty()
        && !batch.records.is_empty()
        && batch.records.into_iter().all(|wire| {
            let record = lanline_protocol::record::Record::read(wire).unwrap();
            record.key.author == key("alice").public() && record.key.name == RecordName::RECEIPTS
        })
}

#[test]
fn alice_says_what_she_says_there() {
    // Never far enough for receipts to be due, which are written after 150 ms.
    let mut now = Time { wall_us: entry("invite").header.timestamp_us, steady_ms: 0 };
    let mut alice = open(alice(), Time { steady_ms: 1_000_000, ..now });
    let mut heard = sent(alice.commit(now).unwrap());
    let mut expected = Vec::new();
    let mut steps = at("/conversation").as_array().unwrap().iter().peekable();
    while let Some(step) = steps.next() {
        let bytes = bytes_of(step["frame"].as_str().unwrap());
        if step["sender"] == "alice" {
            expected.push(bytes);
            continue;
        }
        now.wall_us = match step["type"].as_str().unwrap() {
            // The clock is asked once whether the invite's time is over, and again for the entry.
            "join" => entry("admit").header.timestamp_us - 1,
            "goodbye" => break,
            _ => now.wall_us,
        };
        alice.frame(now, BOB, &bytes).unwrap();
        // What Bob acknowledges in one breath with what he asks is one commit.
        if steps.peek().is_some_and(|next| next["sender"] == "bob" && next["type"] == "ack") {
            continue;
        }
        heard.extend(sent(alice.commit(now).unwrap()));
        let Ok(Frame::Batch(batch)) = Frame::decode(&bytes) else { continue };
        if batch.entries.len() == 2 {
            now.wall_us = entry("alice_text").header.timestamp_us;
            alice.send_message(now, room(), "hello, Bob", Some(entry_id("bob_text")), None).unwrap();
            heard.extend(sent(alice.commit(now).unwrap()));
        }
    }
    heard.retain(|bytes| !is_own_receipts(bytes));
    for (heard, expected) in heard.iter().zip(&expected) {
        assert_eq!(Frame::decode(heard), Frame::decode(expected));
    }
    assert_eq!(heard, expected);
    let membership = alice.members(room()).unwrap();
    assert_eq!(membership.len(), 2);
}

/// With all of it held, Alice tells the heads and the digests that stand there.
#[test]
fn alice_tells_the_heads_and_digests() {
    let mut store = alice();
    for name in ["admit", "bob_profile", "bob_text", "alice_text"] {
        put(&mut store, name);
    }
    store.put_record(&record("receipts")).unwrap();
    store.commit().unwrap();
    let newest = Lane::ALL.map(|lane| store.newest(room(), lane).unwrap());
    // As above: no receipts of Alice's own.
    let now = Time { wall_us: entry("alice_text").header.timestamp_us, steady_ms: 0 };
    let mut alice = open(store, Time { steady_ms: 1_000_000, ..now });
    let exporter = Hash::new(array("/connection/exporter"));
    let tag = room_tag(room(), &exporter, key("bob").public().device_id());
    let hello = Hello { store: StoreId::new(array("/stores/bob")), name: "bob".into(), agent: "test".into() };
    let resume = |lane: Lane, anchor: &str| {
        let arrival = newest[usize::from(lane.number())];
        Frame::Resume(Resume { slot: 0, lane, arrival, anchor: Some(entry_id(anchor)) })
    };
    let end = |lane: u8| {
        // An empty batch with `end`: the map of the CDDL's `batch` without anchor.
        [&[0x82, 10, 0xa6, 0, 0, 1][..], &[lane, 2, 0x80, 3, 0x80, 4, 0, 6, 0xf5]].concat()
    };
    let ack = |lane: u8, upto: u8| vec![0x82, 11, 0xa3, 0, 0, 1, lane, 2, upto];
    let mut heard = sent(alice.commit(now).unwrap());
    for bytes in [
        Frame::Hello(hello).encode(),
        Frame::Open(Open { rooms: vec![Tag { slot: 0, tag }] }).encode(),
        resume(Lane::Membership, "admit").encode(),
        end(0),
        ack(0, u8::try_from(newest[0]).unwrap()),
        resume(Lane::Content, "alice_text").encode(),
        end(1),
        ack(1, u8::try_from(newest[1]).unwrap()),
    ] {
        alice.frame(now, BOB, &bytes).unwrap();
        heard.extend(sent(alice.commit(now).unwrap()));
    }
    let digests: Vec<Hash> = heard
        .iter()
        .filter_map(|bytes| match Frame::decode(bytes).unwrap() {
            Frame::Digest(digest) => Some(digest.digest),
            _ => None,
        })
        .collect();
    assert_eq!(digests, [Hash::new(array("/digests/membership")), Hash::new(array("/digests/content"))]);
    // Alice holds no cursor into Bob's store, and so tells her heads.
    assert!(heard.contains(&bytes("/frames/heads")));
}
