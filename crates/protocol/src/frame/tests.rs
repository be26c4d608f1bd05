use super::*;
use crate::entry::{Entry, Header};
use crate::id::LogId;
use crate::identity::PublicKey;

fn every_frame() -> Vec<Frame> {
    let log = LogKey { author: PublicKey::new([1; 32]), log: LogId::new([2; 16]) };
    vec![
        Frame::Goodbye(Goodbye { reason: "shutdown".into() }),
        Frame::Ping,
        Frame::Pong,
        Frame::Hello(Hello { store: StoreId::new([3; 16]), name: "alice".into(), agent: "lanline".into() }),
        Frame::Open(Open { rooms: vec![Tag { slot: 1, tag: Hash::new([4; 32]) }] }),
        Frame::Unknown(Unknown { slot: 1 }),
        Frame::Resume(Resume { slot: 1, lane: Lane::Content, arrival: 0, anchor: None }),
        Frame::WantHeads(WantHeads { slot: 1, lane: Lane::Membership }),
        Frame::Heads(Heads {
            slot: 1,
            lane: Lane::Content,
            heads: vec![Head { log, seq: 9, id: EntryId::new([5; 32]) }],
            last: true,
        }),
        Frame::Batch(Batch {
            slot: 1,
            lane: Lane::Content,
            entries: vec![WireEntry {
                header: vec![1; limits::SHORTEST_HEADER].into(),
                body: None,
                signature: Some(Signature::new([6; 64])),
            }],
            records: vec![WireRecord { content: vec![2].into(), signature: Signature::new([7; 64]) }],
            upto: Some(12),
            anchor: None,
            end: true,
        }),
        Frame::Ack(Ack { slot: 1, lane: Lane::Content, upto: 12, partial: None }),
        Frame::Ack(Ack { slot: 1, lane: Lane::Content, upto: 12, partial: Some(true) }),
        Frame::Digest(Digest { slot: 1, lane: Lane::Content, digest: Hash::new([8; 32]) }),
        Frame::Join(Join {
            tag: Hash::new([9; 32]),
            signature: Signature::new([10; 64]),
            invite: PublicKey::new([11; 32]),
            name: "bob".into(),
        }),
        Frame::Joined(Joined { tag: Hash::new([9; 32]), refusal: Some(Refusal::Used) }),
        Frame::WantEntries(WantEntries { slot: 1, ids: vec![EntryId::new([12; 32])] }),
        Frame::Entries(Entries {
            slot: 1,
            entries: vec![WireEntry {
                header: vec![1; limits::SHORTEST_HEADER].into(),
                body: Some(vec![2].into()),
                signature: None,
            }],
            last: true,
        }),
    ]
}

#[test]
fn every_frame_is_read_back_and_has_one_form() {
    for frame in every_frame() {
        let bytes = frame.encode();
        assert_eq!(Frame::decode(&bytes), Ok(frame.clone()));
        let mut trailing = bytes.clone();
        trailing.push(0);
        assert!(Frame::decode(&trailing).is_err(), "{frame:?}");
        for end in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..end]).is_err(), "{frame:?} cut at {end}");
        }
    }
}

#[test]
fn unknown_types_and_fields_are_skipped() {
    assert_eq!(Frame::decode(&[0x82, 0x18, 0x63, 0xa1, 0x00, 0x01]), Ok(Frame::Other(99)));
    assert_eq!(
        Frame::decode(&[0x82, 0x06, 0xa2, 0x00, 0x01, 0x18, 0x63, 0x80]),
        Ok(Frame::Unknown(Unknown { slot: 1 }))
    );
}

#[test]
fn a_full_open_fits_a_strangers_frame() {
    let rooms = (0..limits::OPEN_TAGS as u32).map(|slot| Tag { slot, tag: Hash::new([1; 32]) }).collect();
    assert!(Frame::Open(Open { rooms }).encode().len() <= limits::STRANGER_FRAME);
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = Frame::decode(&bytes);
    }
}

#[test]
fn a_refusal_of_a_newer_version_is_a_refusal() {
    let joined = |refusal: Option<u16>| {
        let mut bytes = vec![0x82, 14, 0xa1 + u8::from(refusal.is_some()), 0, 0x58, 32];
        bytes.extend([7; 32]);
        bytes.extend(refusal.into_iter().flat_map(|number| [1, number as u8]));
        match Frame::decode(&bytes) {
            Ok(Frame::Joined(joined)) => joined.refusal,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(joined(None), None);
    assert_eq!(joined(Some(0)), Some(Refusal::Unknown));
    assert_eq!(joined(Some(3)), Some(Refusal::Unavailable));
    assert_eq!(joined(Some(9)), Some(Refusal::Unavailable));
}

/// What takes more memory than it is long is refused while it is read.
#[test]
fn a_header_that_is_shorter_than_any_makes_no_entry() {
    let shortest = Header {
        room: None,
        author: PublicKey::new([1; 32]),
        log: LogId::new([2; 16]),
        seq: 1,
        previous: None,
        timestamp_us: 0,
        kind: 1,
        body_hash: Hash::new([3; 32]),
        body_bytes: 0,
        add: None,
    };
    let entry = Entry::write(shortest, Vec::new());
    assert_eq!(entry.header_bytes.len(), limits::SHORTEST_HEADER);
    let frame = |header: Vec<u8>| {
        let entries = vec![WireEntry { header: header.into(), body: None, signature: None }];
        Frame::decode(&Frame::Entries(Entries { slot: 1, entries, last: true }).encode())
    };
    assert!(frame(entry.header_bytes.clone()).is_ok());
    assert!(frame(entry.header_bytes[1..].to_vec()).is_err());
    assert!(frame(Vec::new()).is_err());
}
