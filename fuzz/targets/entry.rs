//! Entries, their bodies and records: read as a peer's and as a store's, checked and written again.

#![no_main]

use lanline_fuzz::{canonical, memory};
use lanline_protocol::body::{Body, SALT_BYTES};
use lanline_protocol::entry::{Entry, EntryError, Header, WireEntry};
use lanline_protocol::id::{EntryId, Hash};
use lanline_protocol::identity::{Context, DeviceKey};
use lanline_protocol::kind::Kind;
use lanline_protocol::record::{Addresses, Counts, Receipts, Record, WireRecord};
use lanline_protocol::{cbor, limits};
use libfuzzer_sys::fuzz_target;

const TIMES: usize = 64;
const BESIDES: usize = 64 * 1024;

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > limits::DATA_FRAME {
        return;
    }
    memory::within(bytes.len() * TIMES + BESIDES, || {
        // What stands first says what the rest is taken for.
        match bytes {
            [0, bytes @ ..] => wire(bytes),
            [1, bytes @ ..] => header(bytes),
            [2, high, low, bytes @ ..] => said(u16::from_be_bytes([*high, *low]), bytes),
            [3, bytes @ ..] => record(bytes),
            [4, bytes @ ..] => value(bytes),
            _ => {}
        }
    });
});

fn wire(bytes: &[u8]) {
    let Some(wire) = canonical::read::<WireEntry>(bytes) else { return };
    let Ok(entry) = Entry::read(wire.clone()) else { return };
    assert_eq!(entry.to_wire(), wire, "an entry is passed on as it came");
    look(&entry);
}

fn header(bytes: &[u8]) {
    let Some(header) = canonical::read::<Header>(bytes) else { return };
    match Entry::from_parts(bytes.to_vec(), None, None) {
        Ok(entry) => {
            assert_eq!(entry.header, header);
            look(&entry);
        }
        Err(EntryError::Header(_) | EntryError::BodyMismatch) => panic!("it was read just now, and has no body"),
        Err(EntryError::TooLarge | EntryError::Contradictory) => {}
    }
}

fn look(entry: &Entry) {
    assert_eq!(entry.id, EntryId::new(*Hash::of(&entry.header_bytes).as_bytes()));
    assert!(entry.header.seq >= 1 && entry.header.seq <= limits::NUMBER && entry.header.timestamp_us <= limits::NUMBER);
    assert!(entry.body.as_ref().is_none_or(|body| body.len() <= limits::BODY_BYTES));
    let parts = Entry::from_parts(entry.header_bytes.clone(), entry.body.clone(), entry.signature);
    assert_eq!(parts.as_ref(), Ok(entry), "a store gives it back as it was");
    let _ = entry.signature_holds();
    let _ = entry.room();
    let _ = entry.decode_body();
}

fn said(kind: u16, content: &[u8]) {
    let bytes = [&[7; SALT_BYTES], content].concat();
    let read = Body::decode(Kind::from_number(kind), &bytes);
    if !matches!(read, Body::Unknown) {
        let written = read.encode([7; SALT_BYTES]);
        assert!(written == bytes || written.len() < bytes.len(), "{read:?} was read of as many other bytes");
        assert_eq!(Body::decode(Kind::from_number(kind), &written), read);
    }
    names(&read);
    // By somebody who signs whatever it is.
    let key = DeviceKey::from_seed(&[1; 32]);
    let Ok(body_bytes) = u32::try_from(bytes.len()) else { return };
    let header = Header {
        room: Some(lanline_protocol::id::RoomId::new([1; 32])),
        author: key.public(),
        log: lanline_protocol::id::LogId::new([1; 16]).of_lane(Kind::from_number(kind).lane()),
        seq: 2,
        previous: Some(EntryId::new([2; 32])),
        timestamp_us: 1,
        kind,
        body_hash: Hash::of(&bytes),
        body_bytes,
        add: None,
    };
    let mut entry = Entry::write(header, bytes);
    entry.sign(&key);
    match Entry::read(entry.to_wire()) {
        Ok(taken) => {
            assert!(taken == entry && taken.signature_holds() && taken.decode_body() == read);
            look(&taken);
        }
        Err(_) => assert!(kind == 0 || body_bytes as usize > limits::BODY_BYTES || kind == Kind::Create.number()),
    }
}

/// What is shown of a body is short, and one line.
fn names(body: &Body) {
    let name = match body {
        Body::Create(body) => &body.settings.name,
        Body::Settings(body) => &body.settings.name,
        Body::Admit(body) => &body.name,
        Body::Add(body) => &body.name,
        Body::Profile(body) => &body.name,
        Body::Text(body) => return assert!(body.text.len() <= limits::TEXT_BYTES),
        _ => return,
    };
    assert!(name.len() <= limits::NAME_BYTES && !name.chars().any(char::is_control));
}

fn record(bytes: &[u8]) {
    let Some(wire) = canonical::read::<WireRecord>(bytes) else { return };
    // As it came; and signed by somebody whose word it is not.
    if let Ok(record) = Record::read(wire.clone()) {
        assert_eq!(record.to_wire(), wire);
        assert!(record.version <= limits::NUMBER && record.value.len() <= limits::RECORD_BYTES);
        value(&record.value);
    }
    let key = DeviceKey::from_seed(&[9; 32]);
    let signature = key.sign(Context::Record, &wire.content);
    if let Ok(record) = Record::read(WireRecord { content: wire.content, signature }) {
        assert_eq!(record.key.author, key.public(), "a record is its author's");
    }
}

fn value(bytes: &[u8]) {
    if bytes.len() > limits::RECORD_BYTES {
        return;
    }
    if let Some(receipts) = Receipts::decode(bytes) {
        assert!(receipts.logs.windows(2).all(|pair| pair[0].log < pair[1].log));
        assert!(receipts.logs.iter().all(|log| log.marks.len() <= limits::BRANCHES));
        assert_eq!(Receipts::decode(&cbor::encode(&receipts)), Some(receipts));
    }
    if let Some(addresses) = Addresses::decode(bytes) {
        assert!(addresses.addresses.len() <= limits::ADDRESSES);
        assert!(addresses.addresses.iter().all(|address| address.len() <= limits::ADDRESS_BYTES));
        assert_eq!(Addresses::decode(&cbor::encode(&addresses)), Some(addresses));
    }
    if let Some(counts) = Counts::decode(bytes) {
        assert!(counts.logs.len() <= limits::COUNTED_LOGS);
        assert!(counts.logs.iter().all(|count| count.steps.len() <= limits::COUNT_STEPS));
    }
}
