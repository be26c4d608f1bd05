//! A member who writes what no honest device writes.

use lanline_protocol::body::{Body, SALT_BYTES};
use lanline_protocol::entry::Entry;
use lanline_protocol::frame::{Ack, Digest, Frame, WantEntries};
use lanline_protocol::id::{EntryId, Hash, LogId, StoreId};
use lanline_protocol::identity::Context;
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::limits;
use lanline_protocol::record::{Record, RecordKey, RecordName};
use serde_json::json;

use super::mallory::{Mallory, answers, text};

#[tokio::test]
async fn words_in_anothers_name() {
    // Under what made mallory a member it is no log of alice's at all; under what made her one it is not signed by her.
    let mut mallory = Mallory::joined().await;
    let (alices, hers) = (mallory.peer.key, mallory.room.creation());
    let forged = mallory.forged(&text("i owe mallory 100"), |header| header.author = alices);
    mallory.send(&[forged]).await;
    answers(&mut mallory.peer).await;
    assert_eq!(mallory.alice.texts(mallory.room).await, ["hello"]);
    let forged = mallory.forged(&text("i owe mallory 100"), |header| {
        header.author = alices;
        header.add = Some(hers);
    });
    mallory.send(&[forged]).await;
    mallory.was_cut_off().await;
}

#[tokio::test]
async fn a_signature_made_for_something_else() {
    for context in [Context::Record, Context::Vote, Context::Join] {
        let mut mallory = Mallory::joined().await;
        let mut forged = mallory.forged(&text("signed as something else"), |_| {});
        forged.signature = Some(mallory.key.sign(context, forged.id.as_bytes()));
        mallory.send(&[forged]).await;
        mallory.was_cut_off().await;
    }
}

#[tokio::test]
async fn words_of_another_room() {
    let mut mallory = Mallory::joined().await;
    let other = mallory.alice.call("create_room", json!({"name": "other"})).await["room"].take();
    let other = other.as_str().unwrap().parse().unwrap();
    let forged = mallory.forged(&text("said elsewhere"), |header| header.room = Some(other));
    mallory.send(&[forged]).await;
    assert!(mallory.alice.texts(other).await.is_empty());
    mallory.was_cut_off().await;
}

#[tokio::test]
async fn words_that_were_back_dated() {
    let mut mallory = Mallory::joined().await;
    let first = mallory.written(&text("now"));
    mallory.send(&[first]).await;
    let back_dated = mallory.forged(&text("i said so before"), |header| header.timestamp_us = 1_000_000);
    mallory.send(&[back_dated]).await;
    assert_eq!(mallory.peer.goodbye().await, "bad_frame");
    assert_eq!(mallory.alice.texts(mallory.room).await, ["hello", "now"]);
    mallory.alice.node.close().await;
}

#[tokio::test]
async fn words_said_again() {
    let mut mallory = Mallory::joined().await;
    let once = mallory.written(&text("pay mallory 1"));
    for _ in 0..3 {
        mallory.send(std::slice::from_ref(&once)).await;
    }
    answers(&mut mallory.peer).await;
    assert_eq!(mallory.alice.texts(mallory.room).await, ["hello", "pay mallory 1"]);
    mallory.alice.node.close().await;
}

/// The time of the newest message, in ms.
async fn newest(mallory: &Mallory) -> (String, u64) {
    let page = mallory.alice.call("messages", json!({"room": mallory.room.to_string()})).await;
    let last = page["messages"].as_array().unwrap().last().unwrap();
    (last["text"].as_str().unwrap().to_owned(), last["sent_at"].as_u64().unwrap())
}

#[tokio::test]
async fn a_clock_in_the_year_9999() {
    const YEAR_9999_US: u64 = 253_402_300_799_000_000;
    let mut mallory = Mallory::joined().await;
    let far = mallory.forged(&text("from the year 9999"), |header| header.timestamp_us = YEAR_9999_US);
    mallory.send(&[far]).await;
    answers(&mut mallory.peer).await;
    let (shown, sent_at) = newest(&mallory).await;
    assert_eq!(shown, "from the year 9999");
    assert!(sent_at < YEAR_9999_US / 1000, "shown as of when it came");
    // It moves no clock and does not keep its place at the end.
    mallory.alice.call("send_message", json!({"room": mallory.room.to_string(), "text": "later"})).await;
    let (shown, later) = newest(&mallory).await;
    assert_eq!(shown, "later");
    assert!((sent_at..sent_at + 60_000).contains(&later), "{sent_at} {later}");
    mallory.alice.node.close().await;
}

#[tokio::test]
async fn a_clock_before_all_time() {
    // -1, as who adds without looking would read it.
    let mut mallory = Mallory::joined().await;
    let negative = mallory.forged(&text("before all time"), |header| header.timestamp_us = u64::MAX);
    mallory.send(&[negative]).await;
    mallory.was_cut_off().await;
}

#[tokio::test]
async fn words_behind_a_gap() {
    let mut mallory = Mallory::joined().await;
    let behind = mallory.forged(&text("behind a gap"), |header| {
        header.seq = 3;
        header.previous = Some(EntryId::new([7; 32]));
        header.add = None;
    });
    mallory.send(&[behind]).await;
    mallory.changed_nothing().await;
}

#[tokio::test]
async fn a_body_other_than_what_was_signed() {
    let mut mallory = Mallory::joined().await;
    let mut entry = mallory.forged(&text("pay mallory 1"), |_| {});
    let body = entry.body.as_mut().unwrap();
    *body.last_mut().unwrap() = b'9';
    mallory.send(&[entry]).await;
    mallory.was_cut_off().await;
}

#[tokio::test]
async fn two_words_under_one_number() {
    let mut mallory = Mallory::joined().await;
    let first = mallory.written(&text("first"));
    mallory.send(&[first]).await;
    let branches: Vec<Entry> = (0..12).map(|n| mallory.forged(&text(&format!("branch {n}")), |_| {})).collect();
    for branch in &branches {
        mallory.send(std::slice::from_ref(branch)).await;
    }
    answers(&mut mallory.peer).await;
    let texts = mallory.alice.texts(mallory.room).await;
    assert_eq!(texts.iter().filter(|text| text.starts_with("branch")).count(), limits::BRANCHES, "{texts:?}");
    // That it forked is shown beside its words, and the others go on.
    let page = mallory.alice.call("messages", json!({"room": mallory.room.to_string()})).await;
    let forked = page["messages"].as_array().unwrap().iter().filter(|message| message["state"] == "forked");
    assert!(forked.count() >= limits::BRANCHES);
    mallory.alice.call("send_message", json!({"room": mallory.room.to_string(), "text": "goes on"})).await;
    assert_eq!(mallory.alice.texts(mallory.room).await.last().unwrap(), "goes on");
    mallory.alice.node.close().await;
}

#[tokio::test]
async fn a_text_longer_than_a_text_may_be() {
    let mut mallory = Mallory::joined().await;
    let long = mallory.written(&text(&"a".repeat(limits::TEXT_BYTES + 1)));
    mallory.send(&[long]).await;
    mallory.changed_nothing().await;
}

#[tokio::test]
async fn a_body_of_more_than_64_kib() {
    let mut mallory = Mallory::joined().await;
    let long = mallory.forged(&text(&"a".repeat(limits::BODY_BYTES)), |_| {});
    mallory.send(&[long]).await;
    mallory.was_cut_off().await;
}

#[tokio::test]
async fn a_log_of_every_word() {
    // Each entry begins a log: state that is kept for ever, for 300 bytes each.
    let mut mallory = Mallory::joined().await;
    let logs = |n: u8| LogId::new([n; 16]).of_lane(Lane::Content);
    let entries: Vec<Entry> =
        (0..80).map(|n: u8| mallory.forged(&text(&format!("log {n}")), |header| header.log = logs(2 * n))).collect();
    for entry in &entries {
        mallory.send(std::slice::from_ref(entry)).await;
    }
    answers(&mut mallory.peer).await;
    let texts = mallory.alice.texts(mallory.room).await;
    assert_eq!(texts.iter().filter(|text| text.starts_with("log")).count(), limits::LOGS_PER_MEMBER);
    mallory.alice.node.close().await;
}

/// A record of this author's, signed by mallory.
fn record(mallory: &Mallory, author: lanline_protocol::identity::PublicKey, name: u16, value: Vec<u8>) -> Record {
    let key = RecordKey { room: mallory.room, author, store: StoreId::new([0xb1; 16]), name: RecordName(name) };
    Record::write(&mallory.key, key, limits::NUMBER, value)
}

#[tokio::test]
async fn a_receipt_in_anothers_name() {
    let mut mallory = Mallory::joined().await;
    let forged = record(&mallory, mallory.peer.key, 1, vec![0xa1, 0x00, 0x80]);
    mallory.send_record(&forged).await;
    mallory.was_cut_off().await;
}

#[tokio::test]
async fn records_without_end() {
    let mut mallory = Mallory::joined().await;
    for name in 0..200 {
        let another = record(&mallory, mallory.key.public(), 1000 + name, vec![0; limits::RECORD_BYTES]);
        mallory.send_record(&another).await;
    }
    mallory.changed_nothing().await;
}

#[tokio::test]
async fn an_ack_of_what_was_never_sent() {
    let mut mallory = Mallory::joined().await;
    let sent = mallory.alice.call("send_message", json!({"room": mallory.room.to_string(), "text": "for you"})).await;
    let ack = Ack { slot: 0, lane: Lane::Content, upto: limits::NUMBER, partial: None };
    mallory.peer.say(&Frame::Ack(ack)).await;
    assert_eq!(mallory.peer.goodbye().await, "bad_frame");
    let page = mallory.alice.call("messages", json!({"room": mallory.room.to_string()})).await;
    let message = page["messages"].as_array().unwrap().iter().find(|message| message["id"] == sent["id"]).unwrap();
    assert_eq!(message["stored_by"], 0, "{message}");
    mallory.alice.node.close().await;
}

#[tokio::test]
async fn false_digests_without_end() {
    let mut mallory = Mallory::joined().await;
    for n in 0..2_000_u32 {
        let digest = Hash::of(&n.to_be_bytes());
        mallory.peer.say(&Frame::Digest(Digest { slot: 0, lane: Lane::Content, digest })).await;
    }
    mallory.changed_nothing().await;
}

#[tokio::test]
async fn questions_for_what_nobody_holds() {
    let mut mallory = Mallory::joined().await;
    for n in 0..500_u32 {
        let ids =
            (0..limits::WANT_ENTRIES as u32).map(|m| EntryId::new(*Hash::of(&(n * 64 + m).to_be_bytes()).as_bytes()));
        mallory.peer.say(&Frame::WantEntries(WantEntries { slot: 0, ids: ids.collect() })).await;
    }
    mallory.changed_nothing().await;
}

#[tokio::test]
async fn a_question_for_more_than_may_be_asked() {
    let mut mallory = Mallory::joined().await;
    let ids = vec![EntryId::new([7; 32]); limits::WANT_ENTRIES + 1];
    mallory.peer.say(&Frame::WantEntries(WantEntries { slot: 0, ids })).await;
    mallory.was_cut_off().await;
}

#[tokio::test]
async fn a_creation_of_the_room_anew() {
    // Whoever says that it made the room would own it.
    let mut mallory = Mallory::joined().await;
    let body = Body::Text(lanline_protocol::body::Text { text: "mine".into(), reply_to: None });
    let bytes = body.encode([0; SALT_BYTES]);
    let mut header = mallory.header(Kind::Create, &bytes);
    (header.room, header.add) = (None, None);
    let mut entry = Entry::write(header, bytes);
    entry.sign(&mallory.key);
    mallory.send(&[entry]).await;
    mallory.was_cut_off().await;
}
