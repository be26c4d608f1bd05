//! Which records are stored.

use lanline_protocol::identity::Context;
use lanline_protocol::kind::Lane;
use lanline_protocol::record::{Record, RecordKey, RecordName};
use lanline_protocol::replica::CloseReason;
use lanline_protocol::store::Store;

use super::hand::{Hand, key_of};
use crate::world::BOB;

const NAME: RecordName = RecordName(9);

/// The value that Alice holds in the place of this record. Ends the connection.
fn held(hand: &mut Hand, key: &RecordKey) -> Option<Record> {
    hand.disk().record(key).unwrap()
}

#[test]
fn record_signature() {
    let good = Hand::of_bob().record(NAME, 5, vec![1, 2, 3]);
    let by_another = Record { signature: key_of(7).sign(Context::Record, &good.content), ..good.clone() };
    let for_another_use = Record { signature: key_of(BOB).sign(Context::Entry, &good.content), ..good.clone() };
    let mut altered = good.clone();
    *altered.content.last_mut().unwrap() ^= 1;
    for (record, fits) in [(good, true), (by_another, false), (for_another_use, false), (altered, false)] {
        let mut hand = Hand::met();
        hand.send_record(&record);
        assert_eq!(hand.closed(), (!fits).then_some(CloseReason::BadFrame));
        assert_eq!(held(&mut hand, &record.key).is_some(), fits);
    }
}

#[test]
fn record_of_a_member() {
    let mut hand = Hand::met();
    // Dave's, who never was a member; passed on by bob, who is.
    let key = RecordKey { room: hand.room, author: key_of(3).public(), store: hand.store, name: NAME };
    let of_a_stranger = Record::write(&key_of(3), key, 5, vec![1]);
    let upto = hand.send_record(&of_a_stranger);
    assert_eq!(hand.acks(Lane::Content), [upto]);
    let own = hand.record(NAME, 5, vec![1]);
    hand.send_record(&own);
    assert!(hand.is_connected());
    assert_eq!(held(&mut hand, &key), None);
    assert_eq!(held(&mut hand, &own.key), Some(own));
}

#[test]
fn higher_version_replaces() {
    let write = |version: u64, value: u8| Hand::of_bob().record(NAME, version, vec![value]);
    for (first, second, stays) in [
        (write(5, 1), write(6, 0), 1),
        (write(5, 1), write(4, 9), 0),
        // Of two equal versions, the one whose bytes are greater.
        (write(5, 1), write(5, 2), 1),
        (write(5, 2), write(5, 1), 0),
        (write(0, 1), write(i64::MAX as u64, 0), 1),
    ] {
        let mut hand = Hand::met();
        let room = hand.room;
        for record in [&first, &second] {
            assert_eq!(record.key.room, room);
            let upto = hand.send_record(record);
            assert_eq!(hand.acks(Lane::Content), [upto]);
        }
        let expected = [first, second][stays].clone();
        assert_eq!(held(&mut hand, &expected.key), Some(expected.clone()));
    }
}
