//! What a stranger says within TLS, where anybody gets who makes a key.

use std::time::Duration;

use lanline_engine::net::{CloseReason, FrameLimit, Timeouts};
use lanline_peer::Peer;
use lanline_protocol::frame::{
    Ack, Batch, Digest, Entries, Frame, Heads, Hello, Open, Resume, Tag, WantEntries, WantHeads,
};
use lanline_protocol::id::{EntryId, Hash, StoreId};
use lanline_protocol::kind::Lane;
use lanline_protocol::limits;

use crate::MEMORY;
use crate::device::{ALICE, Sockets};

use super::mallory::{MALLORY, alice, answers, ends, key_of, open, stranger};

/// A frame of a type that nobody knows: its body may be any item.
fn unknown(body: &[u8]) -> Vec<u8> {
    [&[0x82, 0x18, 0x63][..], body].concat()
}

#[tokio::test]
async fn a_frame_of_no_bytes() {
    ends(&[], "bad_frame").await;
}

#[tokio::test]
async fn a_frame_that_claims_four_gigabytes() {
    let (alice, _) = alice().await;
    let mut mallory = stranger(&alice).await;
    mallory.write(&[0xff; 4]).await;
    assert_eq!(mallory.goodbye().await, "frame_too_large");
    alice.node.close().await;
}

/// Of those who may send long frames, as members may.
#[tokio::test]
async fn lengths_claimed_and_never_sent() {
    const MEMBERS: u8 = 32;
    /// Far more than what a connection takes that says little, far less than what was claimed.
    const EACH: usize = 64 * 1024;
    let mut alice = Sockets::new(ALICE, Timeouts { silent: Duration::from_secs(10), ..Timeouts::default() });
    let (_listener, address) = alice.listen();
    let mut members = Vec::new();
    for seed in 100..100 + MEMBERS {
        members.push(Peer::dial(address, seed).await);
        alice.opened().await.1.set_limit(FrameLimit::Data);
    }
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    for member in &mut members {
        member.write(&[0x00, 0x10, 0x00, 0x00, 0x82, 0x0a, 0xa5, 0x00, 0x00]).await;
    }
    for _ in 0..MEMBERS {
        assert_eq!(alice.closed().await, CloseReason::Silent);
    }
    let most = MEMORY.peak_usage().saturating_sub(before);
    assert!(most < usize::from(MEMBERS) * EACH, "{most} bytes");
}

#[tokio::test]
async fn a_first_frame_of_64_kib() {
    let (alice, _) = alice().await;
    let mut mallory = Peer::dial(alice.address, MALLORY).await;
    let hello = Hello { store: StoreId::new([1; 16]), name: "n".repeat(65_536), agent: String::new() };
    mallory.say(&Frame::Hello(hello)).await;
    assert_eq!(mallory.goodbye().await, "frame_too_large");
    alice.node.close().await;
}

#[tokio::test]
async fn arrays_a_thousand_deep() {
    ends(&unknown(&[&[0x81; 4000][..], &[0x00]].concat()), "bad_frame").await;
}

#[tokio::test]
async fn maps_a_thousand_deep() {
    ends(&unknown(&[&[0xa1, 0x00].repeat(2000)[..], &[0x00]].concat()), "bad_frame").await;
}

#[tokio::test]
async fn items_of_no_declared_length() {
    for body in [&[0x9f, 0xff][..], &[0xbf, 0xff], &[0x5f, 0xff], &[0x7f, 0xff]] {
        ends(&unknown(body), "bad_frame").await;
    }
}

#[tokio::test]
async fn a_number_longer_than_it_need_be() {
    ends(&unknown(&[0x18, 0x01]), "bad_frame").await;
    ends(&[0x82, 0x19, 0x00, 0x04, 0xa0], "bad_frame").await;
}

#[tokio::test]
async fn one_key_twice() {
    ends(&unknown(&[0xa2, 0x00, 0x01, 0x00, 0x02]), "bad_frame").await;
    // The hello that a reader takes who keeps the first, and another one who keeps the last.
    let store = [&[0x00, 0x50][..], &[0xb0; 16]].concat();
    let hello = [&[0x82, 0x04, 0xa4][..], &store, b"\x01\x63bob", b"\x01\x63eve", b"\x02\x60"].concat();
    ends(&hello, "bad_frame").await;
}

#[tokio::test]
async fn keys_out_of_order() {
    ends(&unknown(&[0xa2, 0x01, 0x00, 0x00, 0x00]), "bad_frame").await;
}

#[tokio::test]
async fn a_length_beyond_the_frame() {
    for kind in [0x5b, 0x7b, 0x9b, 0xbb] {
        ends(&unknown(&[&[kind, 0x7f][..], &[0xff; 7]].concat()), "bad_frame").await;
    }
}

#[tokio::test]
async fn bytes_behind_the_frame() {
    ends(&unknown(&[0xa0, 0x00]), "bad_frame").await;
}

#[tokio::test]
async fn tags_and_broken_numbers() {
    // A bignum, a date, a half-precision NaN, undefined.
    for body in [&[0xc2, 0x41, 0x01][..], &[0xc0, 0x60], &[0xf9, 0x7e, 0x00], &[0xf7]] {
        ends(&unknown(body), "bad_frame").await;
    }
}

#[tokio::test]
async fn a_name_that_is_no_text() {
    let store = [&[0x00, 0x50][..], &[0xb0; 16]].concat();
    let hello = [&[0x82, 0x04, 0xa3][..], &store, b"\x01\x63\xff\xfe\xfd", b"\x02\x60"].concat();
    ends(&hello, "bad_frame").await;
}

#[tokio::test]
async fn a_name_that_moves_the_cursor_of_a_terminal() {
    let name = "\u{1b}[2J\u{1b}]0;root\u{7}".to_owned();
    let hello = Frame::Hello(Hello { store: StoreId::new([0xb0; 16]), name, agent: String::new() });
    ends(&hello.encode(), "bad_frame").await;
}

#[tokio::test]
async fn words_before_the_greeting() {
    let (alice, room) = alice().await;
    for frame in [
        Frame::WantHeads(WantHeads { slot: 0, lane: Lane::Content }),
        Frame::Open(Open { rooms: vec![Tag { slot: 0, tag: Hash::new([1; 32]) }] }),
    ] {
        let mut mallory = Peer::dial(alice.address, MALLORY).await;
        mallory.say(&frame).await;
        assert_eq!(mallory.goodbye().await, "bad_frame", "{frame:?}");
    }
    assert_eq!(alice.texts(room).await, ["hello"]);
    alice.node.close().await;
}

/// All that only members say, about rooms that were never named.
fn of_members() -> [Frame; 9] {
    let (slot, lane) = (0, Lane::Content);
    let id = EntryId::new([7; 32]);
    let (entries, records) = (Vec::new(), Vec::new());
    [
        Frame::Resume(Resume { slot, lane, arrival: 0, anchor: None }),
        Frame::WantHeads(WantHeads { slot, lane }),
        Frame::Heads(Heads { slot, lane, heads: Vec::new(), last: true }),
        Frame::Batch(Batch { slot, lane, entries, records, upto: Some(1), anchor: None, end: true }),
        Frame::Ack(Ack { slot, lane, upto: 1, partial: None }),
        Frame::Digest(Digest { slot, lane, digest: Hash::new([1; 32]) }),
        Frame::WantEntries(WantEntries { slot, ids: vec![id] }),
        Frame::Entries(Entries { slot, entries: Vec::new(), last: true }),
        Frame::Unknown(lanline_protocol::frame::Unknown { slot }),
    ]
}

#[tokio::test]
async fn what_only_members_say() {
    let (alice, room) = alice().await;
    let mut mallory = stranger(&alice).await;
    for frame in of_members() {
        mallory.say(&frame).await;
    }
    assert!(answers(&mut mallory).await.is_empty());
    // Nor for who knows the room's id, as everybody does who was ever invited.
    let mut mallory = stranger(&alice).await;
    let name = open(&mallory, 0, room, &key_of(MALLORY).public());
    mallory.say(&name).await;
    for frame in of_members() {
        mallory.say(&frame).await;
    }
    let heard = answers(&mut mallory).await;
    assert!(heard.iter().all(|frame| matches!(frame, Frame::Unknown(_))), "{heard:?}");
    assert_eq!(alice.texts(room).await, ["hello"]);
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

#[tokio::test]
async fn a_room_that_is_there_and_one_that_is_not() {
    let (alice, room) = alice().await;
    let mut mallory = stranger(&alice).await;
    let there = open(&mallory, 5, room, &key_of(MALLORY).public());
    mallory.say(&there).await;
    let heard = answers(&mut mallory).await;
    let not_there = Frame::Open(Open { rooms: vec![Tag { slot: 5, tag: Hash::new([1; 32]) }] });
    mallory.say(&not_there).await;
    assert_eq!(answers(&mut mallory).await, heard);
    alice.node.close().await;
}

#[tokio::test]
async fn more_rooms_than_one_frame_may_name() {
    let tags = (0..=limits::OPEN_TAGS as u32).map(|slot| Tag { slot, tag: Hash::of(&slot.to_be_bytes()) });
    ends(&Frame::Open(Open { rooms: tags.collect() }).encode(), "bad_frame").await;
}

#[tokio::test]
async fn guesses_at_rooms_without_end() {
    let (alice, room) = alice().await;
    let mut mallory = stranger(&alice).await;
    for n in 0..300_u32 {
        let tags = (0..64_u32).map(|slot| Tag { slot, tag: Hash::of(&(n * 64 + slot).to_be_bytes()) });
        mallory.say(&Frame::Open(Open { rooms: tags.collect() })).await;
        let answers = answers(&mut mallory).await;
        assert_eq!(answers.len(), 64, "each is answered, in as few bytes as there are");
    }
    assert_eq!(alice.texts(room).await, ["hello"]);
    alice.node.close().await;
}

#[tokio::test]
async fn frames_of_types_that_nobody_knows_without_end() {
    let (alice, room) = alice().await;
    let mut mallory = stranger(&alice).await;
    let frame = unknown(&[&[0x59, 0x0f, 0x00][..], &[0; 0x0f00]].concat());
    for _ in 0..5_000 {
        mallory.send(&frame).await;
    }
    assert!(answers(&mut mallory).await.is_empty());
    assert_eq!(alice.texts(room).await, ["hello"]);
    alice.node.close().await;
}
