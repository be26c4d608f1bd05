//! Who belongs to a room, as somebody would have it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lanline_peer::{PING, PONG, Peer};
use lanline_protocol::body::{Add, Appoint, Ballot, Body, Leave, Link, Remove, Vote};
use lanline_protocol::cbor;
use lanline_protocol::frame::{Batch, Frame};
use lanline_protocol::id::{EntryId, LogId};
use lanline_protocol::identity::{Context, DeviceKey};
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::membership::{Act, Membership};
use lanline_protocol::store::{Item, Store};
use serde_json::json;

use super::mallory::{MALLORY, Mallory, answers, key_of, last_answers, open, text};
use crate::device::{CAROL, Device};

/// Who belonged when mallory began.
fn membership(mallory: &Mallory) -> Membership {
    let held = mallory.held.page(mallory.room, Lane::Membership, 0, usize::MAX, usize::MAX).unwrap();
    let acts: BTreeMap<EntryId, Act> = held
        .iter()
        .filter_map(|item| match item {
            Item::Entry(stored) => Some((stored.entry.id, Act::of(&stored.entry))),
            _ => None,
        })
        .collect();
    Membership::evaluate(mallory.room, &acts).unwrap()
}

/// Alice is the owner still, and nobody came or went.
async fn nothing_changed(mut mallory: Mallory) {
    answers(&mut mallory.peer).await;
    let members = mallory.alice.call("members", json!({"room": mallory.room.to_string()})).await;
    let alice = mallory.alice.id().await;
    let owners: Vec<_> = members.as_array().unwrap().iter().filter(|member| member["role"] == "owner").collect();
    assert_eq!(owners.len(), 1, "{members}");
    assert_eq!(owners[0]["device_id"], json!(alice));
    assert_eq!(mallory.alice.members(mallory.room).await.len(), 2, "{members}");
    mallory.changed_nothing().await;
}

#[tokio::test]
async fn a_removal_of_the_owner_by_a_member() {
    let mut mallory = Mallory::joined().await;
    let Membership { head, epoch, .. } = membership(&mallory);
    for epoch in [epoch, epoch + 1] {
        let link = Link { previous: head, epoch, votes: Vec::new() };
        let remove = Body::Remove(Remove { link, key: mallory.peer.key, cuts: Vec::new() });
        let entry = mallory.written(&remove);
        mallory.send(&[entry]).await;
    }
    nothing_changed(mallory).await;
}

#[tokio::test]
async fn an_appointment_by_a_crowd_of_invented_voters() {
    let mut mallory = Mallory::joined().await;
    let membership = membership(&mallory);
    let (previous, epoch, kind) = (membership.head, membership.epoch + 1, Kind::Appoint.number());
    let subject = mallory.key.public();
    let ballot = cbor::encode(&Ballot { room: mallory.room.creation(), previous, epoch, kind, subject });
    let mut crowd: Vec<DeviceKey> = (100..200).map(key_of).collect();
    crowd.push(key_of(MALLORY));
    let votes = crowd.iter().map(|voter| Vote { voter: voter.public(), signature: voter.sign(Context::Vote, &ballot) });
    let link = Link { previous, epoch, votes: votes.collect() };
    let entry = mallory.written(&Body::Appoint(Appoint { link, key: subject }));
    mallory.send(&[entry]).await;
    nothing_changed(mallory).await;
}

#[tokio::test]
async fn an_appointment_with_a_vote_in_anothers_name() {
    let mut mallory = Mallory::joined().await;
    let membership = membership(&mallory);
    let (previous, epoch, kind) = (membership.head, membership.epoch + 1, Kind::Appoint.number());
    let subject = mallory.key.public();
    let ballot = cbor::encode(&Ballot { room: mallory.room.creation(), previous, epoch, kind, subject });
    // Alice is the one voter; mallory signs in her place, and with what she signed for something else.
    let signature = mallory.key.sign(Context::Vote, &ballot);
    let link = Link { previous, epoch, votes: vec![Vote { voter: mallory.peer.key, signature }] };
    let entry = mallory.written(&Body::Appoint(Appoint { link, key: subject }));
    mallory.send(&[entry]).await;
    nothing_changed(mallory).await;
}

/// The batch that pushes who belongs to whoever believes otherwise, by which anybody may who knows the room.
fn pushed(entry: &lanline_protocol::entry::Entry) -> Frame {
    let (lane, records) = (Lane::Membership, Vec::new());
    Frame::Batch(Batch { slot: 0, lane, entries: vec![entry.to_wire()], records, upto: None, anchor: None, end: false })
}

#[tokio::test]
async fn unpair_by_unauthenticated_packet_cve_2025_32899() {
    // A member, and carol's key, which is nobody's here: who knows the room's id says that the member left.
    let mut mallory = Mallory::joined().await;
    let carol = key_of(CAROL);
    let mut outside = Peer::dial(mallory.alice.address, CAROL).await;
    outside.hello().await;
    let name = open(&outside, 0, mallory.room, &carol.public());
    outside.say(&name).await;
    let leave = Body::Leave(Leave { adds: vec![mallory.add], cuts: Vec::new() });
    // By carol, which counts nowhere.
    let mut by_carol = mallory.forged(&leave, |header| {
        header.author = carol.public();
        header.log = LogId::new([0x70; 16]).of_lane(Lane::Membership);
    });
    by_carol.sign(&carol);
    outside.say(&pushed(&by_carol)).await;
    let answers = answers(&mut outside).await;
    assert!(answers.iter().all(|frame| matches!(frame, Frame::Unknown(_))), "{answers:?}");
    // In the member's name, signed by carol.
    let mut forged = mallory.forged(&leave, |_| {});
    forged.sign(&carol);
    outside.say(&pushed(&forged)).await;
    assert_eq!(outside.goodbye().await, "bad_frame");
    // And a goodbye that says so is the end of its own connection.
    let mut outside = Peer::dial(mallory.alice.address, CAROL).await;
    outside.send(b"\x82\x01\xa1\x00\x67removed").await;
    outside.rest().await;
    assert_eq!(mallory.alice.members(mallory.room).await, ["alice", "mallory"]);
    let said = mallory.written(&text("honest"));
    mallory.send(&[said]).await;
    nothing_more_than_honest(mallory).await;
}

async fn nothing_more_than_honest(mut mallory: Mallory) {
    answers(&mut mallory.peer).await;
    assert_eq!(mallory.alice.texts(mallory.room).await, ["hello", "honest"]);
    mallory.alice.node.close().await;
}

/// Reads what comes and answers pings, until the goodbye. Gives its reason, and all frames before it.
async fn hears_to_the_end(peer: &mut Peer) -> (String, Vec<Frame>) {
    let mut heard = Vec::new();
    while let Some(bytes) = peer.next().await {
        if bytes == PING {
            peer.send(&PONG).await;
        } else if bytes != PONG {
            heard.push(Frame::decode(&bytes).unwrap());
        }
    }
    match heard.pop() {
        Some(Frame::Goodbye(goodbye)) => (goodbye.reason, heard),
        other => panic!("the last frame is {other:?}"),
    }
}

/// The texts in what was heard.
fn texts_in(heard: &[Frame]) -> Vec<String> {
    let mut texts = Vec::new();
    for frame in heard {
        let Frame::Batch(batch) = frame else { continue };
        for wire in &batch.entries {
            let entry = lanline_protocol::entry::Entry::read(wire.clone()).unwrap();
            if let Body::Text(text) = entry.decode_body() {
                texts.push(text.text);
            }
        }
    }
    texts
}

/// Mallory is connected to alice and to carol when alice removes it, and minds neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_that_keeps_talking() {
    let mut mallory = Mallory::joined().await;
    let room = mallory.room;
    let carol = Device::of("carol").await;
    let link = mallory.alice.call("invite", json!({"room": room.to_string()})).await["link"].take();
    carol.call("join", json!({"link": link})).await;
    let mut at_carol = Peer::dial(carol.address, MALLORY).await;
    at_carol.hello().await;
    let name = open(&at_carol, 0, room, &mallory.key.public());
    at_carol.say(&name).await;
    answers(&mut at_carol).await;
    answers(&mut mallory.peer).await;

    let member = mallory.key.public().device_id().to_string();
    let begun = Instant::now();
    mallory.alice.call("remove_member", json!({"room": room.to_string(), "device_id": member})).await;
    mallory.alice.call("send_message", json!({"room": room.to_string(), "text": "among us"})).await;
    let late = mallory.written(&text("too late"));
    mallory.send(&[late]).await;
    let ((reason, heard), (reason_of_carol, heard_of_carol)) =
        tokio::join!(hears_to_the_end(&mut mallory.peer), hears_to_the_end(&mut at_carol));
    let passed = begun.elapsed();
    assert_eq!((reason.as_str(), reason_of_carol.as_str()), ("removed", "removed"));
    assert!(passed < Duration::from_secs(1), "cut off after {passed:?}");
    assert!(texts_in(&heard).is_empty() && texts_in(&heard_of_carol).iter().all(|text| text == "hello"));

    // It comes back, and tries all that a member may do.
    for device in [&mallory.alice, &carol] {
        let mut again = Peer::dial(device.address, MALLORY).await;
        again.hello().await;
        let name = open(&again, 0, room, &mallory.key.public());
        again.say(&name).await;
        let more = mallory.forged(&text("and again"), |_| {});
        let batch = Batch {
            slot: 0,
            lane: Lane::Content,
            entries: vec![more.to_wire()],
            records: Vec::new(),
            upto: Some(1 << 41),
            anchor: None,
            end: true,
        };
        again.say(&Frame::Batch(batch)).await;
        let (heard, _) = last_answers(&mut again).await;
        assert!(texts_in(&heard).is_empty(), "{heard:?}");
        let content = |frame: &Frame| matches!(frame, Frame::Batch(batch) if batch.lane == Lane::Content);
        assert!(!heard.iter().any(content), "{heard:?}");
    }
    let until = Instant::now() + lanline_peer::PATIENCE;
    while carol.texts(room).await != ["hello", "among us"] {
        assert!(Instant::now() < until, "{:?}", carol.texts(room).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(mallory.alice.texts(room).await, ["hello", "among us"]);
    for device in [&mallory.alice, &carol] {
        assert_eq!(device.members(room).await, ["alice", "carol"]);
    }
    tokio::join!(mallory.alice.node.close(), carol.node.close());
}

#[tokio::test]
async fn an_add_by_a_sponsor_who_was_removed() {
    let mut mallory = Mallory::joined().await;
    let room = mallory.room;
    let control = membership(&mallory).head;
    let friend = key_of(CAROL);
    let add = Body::Add(Add { key: friend.public(), name: "friend".into(), invite: None, control });
    let entry = mallory.written(&add);
    let member = mallory.key.public().device_id().to_string();
    mallory.alice.call("remove_member", json!({"room": room.to_string(), "device_id": member})).await;
    // Written before the removal, as it says; nobody had it then.
    let mut friends = Peer::dial(mallory.alice.address, CAROL).await;
    friends.hello().await;
    let name = open(&friends, 0, room, &friend.public());
    friends.say(&name).await;
    friends.say(&pushed(&entry)).await;
    let (heard, _) = last_answers(&mut friends).await;
    assert!(heard.iter().any(|frame| matches!(frame, Frame::Unknown(_))), "{heard:?}");
    assert!(texts_in(&heard).is_empty(), "{heard:?}");
    assert_eq!(mallory.alice.members(room).await, ["alice"]);
    mallory.alice.node.close().await;
}
