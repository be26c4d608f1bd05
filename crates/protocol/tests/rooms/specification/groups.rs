//! What is checked of every group of entries.

use lanline_protocol::body::SALT_BYTES;
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::id::LogId;
use lanline_protocol::kind::Lane;
use lanline_protocol::limits;
use lanline_protocol::replica::CloseReason;

use super::hand::{Hand, key_of, text_body};

/// The next entries of bob's, of which only the last is signed.
fn group(hand: &mut Hand, kind: u16, bodies: &[Vec<u8>]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = bodies.iter().map(|body| hand.write_kind(kind, body)).collect();
    let last = entries.len() - 1;
    entries[..last].iter_mut().for_each(|entry| entry.signature = None);
    entries
}

fn texts(hand: &mut Hand, count: usize) -> Vec<Entry> {
    let bodies: Vec<Vec<u8>> = (0..count).map(|n| text_body(&n.to_string()).encode([0; SALT_BYTES])).collect();
    group(hand, 65, &bodies)
}

#[test]
fn group_ends_signed() {
    let mut hand = Hand::met();
    let mut unsigned = texts(&mut hand, 3);
    unsigned[2].signature = None;
    hand.ended_by(&unsigned);

    // What stands before it in the batch stays.
    let mut hand = Hand::met();
    let (whole, mut half) = (texts(&mut hand, 2), texts(&mut hand, 2));
    half[1].signature = None;
    hand.send(&[whole.clone(), half.clone()].concat());
    assert_eq!(hand.closed(), Some(CloseReason::BadFrame));
    assert!(hand.is_held(whole[1].id) && !hand.is_held(half[0].id));

    let mut hand = Hand::met();
    let both = [texts(&mut hand, 3), texts(&mut hand, 1)].concat();
    hand.stores(&both);
}

#[test]
fn group_is_one_chain() {
    let body = text_body("x").encode([0; SALT_BYTES]);
    // The second is of another log, which by itself could begin.
    let mut hand = Hand::met();
    let add = hand.log(Lane::Membership).add;
    let mut first = hand.text("one");
    first.signature = None;
    let log = LogId::new([8; 16]);
    let header = Header { log, seq: 1, previous: None, add: Some(add), ..hand.header(65, &body) };
    let other_log = hand.entry(header, &body);
    hand.ended_by(&[first, other_log]);

    // The second continues what the first continues.
    let mut hand = Hand::met();
    let beside = hand.entry(hand.header(65, &body), &body);
    let mut first = hand.text("one");
    first.signature = None;
    hand.ended_by(&[first, beside]);

    // Also where all of it is held already.
    let mut hand = Hand::met();
    let mut held = [hand.text("one"), hand.text("two"), hand.text("three")];
    hand.send(&held);
    held[0].signature = None;
    hand.send(&[held[0].clone(), held[2].clone()]);
    assert_eq!(hand.closed(), Some(CloseReason::BadFrame));

    let mut hand = Hand::met();
    let chain = texts(&mut hand, 3);
    hand.stores(&chain);
}

/// Bodies that make a group of exactly this size.
fn bodies_of(kind: u16, size: usize, count: usize) -> Vec<Vec<u8>> {
    let each = size / count - 400;
    let mut bodies = vec![vec![0; each]; count];
    let written: usize = group(&mut Hand::of_bob(), kind, &bodies).iter().map(Entry::size).sum();
    bodies[count - 1].resize(each + size - written, 0);
    bodies
}

#[test]
fn group_limits() {
    let mut hand = Hand::met();
    let full = texts(&mut hand, limits::GROUP_ENTRIES);
    hand.stores(&full);
    let mut hand = Hand::met();
    let over = texts(&mut hand, limits::GROUP_ENTRIES + 1);
    hand.ended_by(&over);
    for (kind, most, count) in [(63, 32_768, 4), (65, 327_680, 6)] {
        for (size, fits) in [(most, true), (most + 1, false)] {
            let mut hand = Hand::met();
            let bodies = bodies_of(kind, size, count);
            let entries = group(&mut hand, kind, &bodies);
            assert_eq!(entries.iter().map(Entry::size).sum::<usize>(), size);
            if fits { hand.stores(&entries) } else { hand.ended_by(&entries) }
        }
    }
}

#[test]
fn group_signature() {
    let mut hand = Hand::met();
    let mut forged = texts(&mut hand, 2);
    forged[1].sign(&key_of(7));
    hand.ended_by(&forged);

    let mut hand = Hand::met();
    let mut of_the_first = texts(&mut hand, 2);
    of_the_first[0].sign(&key_of(hand.who));
    of_the_first[1].signature = of_the_first[0].signature.take();
    hand.ended_by(&of_the_first);

    // What is held is passed over, at the start of a group too; then the signature covers what is new.
    let mut hand = Hand::met();
    let mut entries = texts(&mut hand, 3);
    let mut first = entries[0].clone();
    first.sign(&key_of(hand.who));
    hand.send(&[first]);
    hand.heard();
    entries[2].sign(&key_of(7));
    hand.send(&entries);
    assert_eq!(hand.closed(), Some(CloseReason::BadFrame));

    let mut hand = Hand::met();
    let entries = texts(&mut hand, 3);
    hand.send(&entries);
    hand.heard();
    let mut all_held = entries.clone();
    all_held[2].sign(&key_of(7));
    hand.stores(&all_held);
}

#[test]
fn seq_and_time_rise() {
    let body = text_body("x").encode([0; SALT_BYTES]);
    let first = |change: &dyn Fn(Header) -> Header| {
        let hand = Hand::met();
        let entry = hand.entry(change(hand.header(65, &body)), &body);
        (hand, entry)
    };
    for change in [
        (&|header: Header| Header { seq: header.seq + 1, ..header }) as &dyn Fn(Header) -> Header,
        &|header: Header| Header { seq: header.seq + 1_000, ..header },
        &|header: Header| Header { timestamp_us: header.timestamp_us - 1, ..header },
        &|header: Header| Header { timestamp_us: 0, ..header },
    ] {
        let (hand, entry) = first(change);
        hand.ended_by(&[entry]);
        // The same as the second of a group.
        let mut hand = Hand::met();
        let mut before = hand.text("before");
        before.signature = None;
        let second = hand.entry(change(hand.header(65, &body)), &body);
        hand.ended_by(&[before, second]);
    }
    // A branch is measured by what it continues, not by the tip.
    let (mut hand, branch) = first(&|header| header);
    let tip = [hand.text("tip"), hand.text("tip of it")];
    hand.send(&tip);
    hand.heard();
    hand.stores(&[branch]);
}
