//! Entries, bodies, records, frames, and who belongs.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::body::Body;
use lanline_protocol::cbor;
use lanline_protocol::entry::Entry;
use lanline_protocol::frame::{Frame, Head, Heads};
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
    assert_eq!(types, (1..=14).collect());
    for step in conversation {
        let length = u32::try_from(step["frame"].as_str().unwrap().len() / 2).unwrap();
        assert_eq!(step["wire_length"].as_str().unwrap(), format!("{length:08x}"));
    }
}

#[test]
fn membership() {
    let acts: BTreeMap<EntryId, Act> = at("/membership/entries")
        .as_array()
        .unwrap()
        .iter()
        .map(|name| entry(name.as_str().unwrap()))
        .map(|entry| (entry.id, Act::of(&entry)))
        .collect();
    let membership = Membership::evaluate(room(), &acts).unwrap();
    assert_eq!(membership.owner, key(text("/membership/owner")).public());
    assert_eq!(membership.members.len(), names("/membership/members").len());
    for name in names("/membership/members") {
        let member = &membership.members[&key(name).public()];
        let role = match text(&format!("/membership/members/{name}/role")) {
            "owner" => Role::Owner,
            "member" => Role::Member,
            "pending" => Role::Pending,
            other => panic!("no such role: {other}"),
        };
        assert_eq!((member.role, member.add), (role, EntryId::new(array(&format!("/membership/members/{name}/add")))));
    }
    let chain: Vec<EntryId> = at("/membership/chain")
        .as_array()
        .unwrap()
        .iter()
        .map(|hex| EntryId::from_slice(&bytes_of(hex.as_str().unwrap())).unwrap())
        .collect();
    assert_eq!(membership.chain, chain);
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
