//! Entries, bodies, records, frames, and who belongs.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::body::Body;
use lanline_protocol::cbor;
use lanline_protocol::entry::{Entry, LogKey};
use lanline_protocol::frame::{Frame, Goodbye, Head, Heads};
use lanline_protocol::id::{EntryId, Hash, StoreId};
use lanline_protocol::kind::Lane;
use lanline_protocol::membership::{Act, Membership, Role};
use lanline_protocol::record::{Addresses, Receipts, Record, RecordKey, RecordName};

use crate::{array, at, body, bytes, bytes_of, entry, key, names, number, record, room, schema, text};

#[test]
fn bodies() {
    for name in names("/bodies") {
        let body = body(name);
        assert!(!matches!(body, Body::Unknown | Body::UnknownControl(_)), "{name} is not read");
        assert_eq!(body.encode(array("/salt")), bytes(&format!("/bodies/{name}/body")), "{name}");
        let content = [bytes("/salt"), bytes(&format!("/bodies/{name}/content"))].concat();
        assert_eq!(content, bytes(&format!("/bodies/{name}/body")), "{name}");
        let rule = match name.as_str() {
            "settings" => "change-settings",
            "text" | "text_reply" => "text-message",
            name => name,
        };
        schema::item(rule, &bytes(&format!("/bodies/{name}/content"))).unwrap();
    }
}

#[test]
fn entries() {
    for name in names("/entries") {
        let entry = entry(name);
        let place = |field: &str| format!("/entries/{name}/{field}");
        assert_eq!(entry.header.author, key(text(&place("author"))).public(), "{name}");
        assert_eq!(u64::from(entry.header.kind), number(&place("kind")), "{name}");
        assert_eq!(entry.id, EntryId::new(array(&place("id"))), "{name}");
        assert_eq!(entry.room(), room(), "{name}");
        assert!(entry.signature_holds(), "{name}");
        schema::item("header", &bytes(&place("header"))).unwrap();
        // Written anew by its author, it is the same to the byte.
        let mut again = Entry::write(entry.header.clone(), entry.body.clone().unwrap());
        if entry.signature.is_some() {
            again.sign(&key(text(&place("author"))));
        }
        assert_eq!(again, entry, "{name}");
        assert!(!matches!(entry.decode_body(), Body::Unknown), "{name}");
    }
    assert_eq!(entry("bob_text").header.previous, Some(entry("bob_profile").id));
}

#[test]
fn records() {
    for name in names("/records") {
        let record = record(name);
        let place = |field: &str| format!("/records/{name}/{field}");
        let author = key(text(&place("author")));
        let store = StoreId::new(array(&place("store")));
        let number_of = RecordName(u16::try_from(number(&place("name"))).unwrap());
        let key = RecordKey { room: room(), author: author.public(), store, name: number_of };
        let again = Record::write(&author, key, number(&place("version")), bytes(&place("value")));
        assert_eq!(again, record, "{name}");
        schema::item("record-content", &bytes(&place("content"))).unwrap();
        schema::item(name, &bytes(&place("value"))).unwrap();
    }
    let receipts: Receipts = cbor::decode(&bytes("/records/receipts/value")).unwrap();
    assert_eq!(cbor::encode(&receipts), bytes("/records/receipts/value"));
    let addresses = Addresses::decode(&bytes("/records/addresses/value")).unwrap();
    assert_eq!(cbor::encode(&addresses), bytes("/records/addresses/value"));
}

#[test]
fn frames() {
    let mut types = BTreeSet::new();
    let conversation = at("/conversation").as_array().unwrap();
    let in_conversation =
        conversation.iter().map(|step| (step["type"].as_str().unwrap(), step["frame"].as_str().unwrap()));
    let one_of_each = names("/frames").into_iter().map(|name| (name.as_str(), text(&format!("/frames/{name}"))));
    for (name, hex) in one_of_each.chain(in_conversation) {
        let bytes = bytes_of(hex);
        let frame = Frame::decode(&bytes).unwrap();
        assert_eq!(frame.encode(), bytes, "{name}");
        schema::frame(&bytes).unwrap();
        let shown = format!("{frame:?}").to_lowercase();
        assert!(shown.starts_with(&name.replace('_', "")), "{name} is {shown}");
        types.insert(bytes[1]);
    }
    assert_eq!(types, (1..=14).chain(21..=24).collect());
    for step in conversation {
        let length = u32::try_from(step["frame"].as_str().unwrap().len() / 2).unwrap();
        assert_eq!(step["wire_length"].as_str().unwrap(), format!("{length:08x}"));
    }
}

/// The entries that a list at a place names.
fn acts(place: &str) -> BTreeMap<EntryId, Act> {
    let named = at(place).as_array().unwrap().iter().map(|name| entry(name.as_str().unwrap()));
    named.map(|entry| (entry.id, Act::of(&entry))).collect()
}

/// Who belongs by the entries at a place is who is listed there.
fn belongs(place: &str) -> Membership {
    let membership = Membership::evaluate(room(), &acts(&format!("{place}/entries"))).unwrap();
    assert_eq!(membership.owner, key(text(&format!("{place}/owner"))).public(), "{place}");
    let members = names(&format!("{place}/members"));
    assert_eq!(membership.members.len(), members.len(), "{place}");
    for name in members {
        let member = &membership.members[&key(name).public()];
        let role = match text(&format!("{place}/members/{name}/role")) {
            "owner" => Role::Owner,
            "member" => Role::Member,
            "pending" => Role::Pending,
            other => panic!("no such role: {other}"),
        };
        let add = EntryId::new(array(&format!("{place}/members/{name}/add")));
        assert_eq!((member.role, member.add), (role, add), "{place}: {name}");
    }
    let chain: Vec<EntryId> = at(&format!("{place}/chain"))
        .as_array()
        .unwrap()
        .iter()
        .map(|hex| EntryId::from_slice(&bytes_of(hex.as_str().unwrap())).unwrap())
        .collect();
    assert_eq!(membership.chain, chain, "{place}");
    membership
}

#[test]
fn membership() {
    belongs("/membership");
    for name in names("/memberships") {
        let place = format!("/memberships/{name}");
        let membership = belongs(&place);
        let acts = acts(&format!("{place}/entries"));
        let add_of = |log: LogKey| {
            let first = acts.values().find(|act| act.header.log_key() == log && act.header.seq == 1).unwrap();
            first.header.add.unwrap_or(first.id)
        };
        let counts = |act: &&Act| {
            let log = act.header.log_key();
            membership.limit(log, add_of(log)).is_some_and(|limit| limit.admits(act.header.seq, act.id))
        };
        let counting: BTreeSet<EntryId> = acts.values().filter(counts).map(|act| act.id).collect();
        let listed = at(&format!("{place}/count")).as_array().unwrap();
        let listed: BTreeSet<EntryId> = listed.iter().map(|name| entry(name.as_str().unwrap()).id).collect();
        assert_eq!(counting, listed, "{name}");
    }
}

/// That the lenient ones are taken too is the connection's part, which reads goodbyes itself.
#[test]
fn goodbyes() {
    for name in names("/goodbyes") {
        let read = Frame::decode(&bytes(&format!("/goodbyes/{name}/frame")));
        match at(&format!("/goodbyes/{name}/reason")).as_str() {
            None => assert!(read.is_err(), "{name}: {read:?}"),
            Some(reason) if name == "with_reason" => {
                assert_eq!(read, Ok(Frame::Goodbye(Goodbye { reason: reason.to_owned() })));
            }
            Some(reason) => assert!(reason.len() <= 64 && reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')),
        }
    }
}

/// The digests by the words of protocol.md; that the code sends them is seen in the conversation.
#[test]
fn heads_and_digests() {
    let heads = |lane: &str| -> Vec<Vec<u8>> {
        let listed = at(&format!("/heads/{lane}")).as_array().unwrap();
        listed.iter().map(|hex| bytes_of(hex.as_str().unwrap())).collect()
    };
    let head = |name: &str| {
        let entry = entry(name);
        Head { log: entry.header.log_key(), seq: entry.header.seq, id: entry.id }
    };
    let mut content = [head("alice_text"), head("bob_text")];
    content.sort_unstable();
    assert_eq!(heads("membership"), [cbor::encode(&head("admit"))]);
    assert_eq!(heads("content"), content.map(|head| cbor::encode(&head)));
    // Two tips of one log; and of a log that goes on behind its cut, in the lane of who belongs its tip all the same.
    for (name, mut tips) in [("forked", [head("admit"), head("once")]), ("cut", [head("remove"), head("bob_late")])] {
        tips.sort_unstable();
        assert_eq!(heads(name), tips.map(|head| cbor::encode(&head)));
        assert_eq!(Hash::of(&heads(name).concat()).as_bytes().as_slice(), bytes(&format!("/digests/{name}")));
    }
    let told = Heads { slot: 0, lane: Lane::Content, heads: content.to_vec(), last: true };
    assert_eq!(Frame::Heads(told).encode(), bytes("/frames/heads"));

    assert_eq!(Hash::of(&heads("membership").concat()).as_bytes().as_slice(), bytes("/digests/membership"));
    let mut hashed = heads("content").concat();
    let mut records = [record("addresses"), record("receipts")];
    records.sort_by_key(|record| (record.key.author, record.key.store, record.key.name));
    for record in records {
        hashed.extend(record.key.author.as_bytes());
        hashed.extend(record.key.store.as_bytes());
        hashed.extend(record.key.name.0.to_be_bytes());
        hashed.extend(record.version.to_be_bytes());
        hashed.extend(Hash::of(&record.content).as_bytes());
    }
    assert_eq!(Hash::of(&hashed).as_bytes().as_slice(), bytes("/digests/content"));
    assert_eq!(Hash::of(&[]).as_bytes().as_slice(), bytes("/digests/empty"));
}
