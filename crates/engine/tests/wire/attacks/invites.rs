//! Links that are none, or were for others.

use std::time::Duration;

use lanline_peer::Peer;
use lanline_protocol::cbor;
use lanline_protocol::frame::{Frame, Join, Refusal, room_tag};
use lanline_protocol::id::RoomId;
use lanline_protocol::link::{InviteLink, InviteSecret, JoinClaim};
use serde_json::json;

use super::mallory::{MALLORY, alice, key_of};
use crate::device::{CAROL, Device};

async fn invite(alice: &Device, room: RoomId, ttl_ms: u64) -> InviteLink {
    let link = alice.call("invite", json!({"room": room.to_string(), "ttl_ms": ttl_ms})).await["link"].take();
    link.as_str().unwrap().parse().unwrap()
}

async fn greeted(alice: &Device, seed: u8) -> Peer {
    let mut peer = Peer::dial(alice.address, seed).await;
    peer.hello().await;
    peer
}

async fn ask(peer: &mut Peer, seed: u8, room: RoomId, secret: &InviteSecret) {
    let joiner = key_of(seed).public().device_id();
    let claim = JoinClaim { room, exporter: peer.exporter, joiner, host: peer.key.device_id() };
    let tag = room_tag(room, &peer.exporter, joiner);
    let (signature, invite) = (claim.sign(secret), secret.key().public());
    peer.say(&Frame::Join(Join { tag, signature, invite, name: "mallory".into() })).await;
}

async fn answer(peer: &mut Peer) -> Option<Refusal> {
    peer.find(|frame| match frame {
        Frame::Joined(joined) => Some(joined.refusal),
        _ => None,
    })
    .await
}

/// Mallory asks for this room by this secret, and is refused.
async fn is_refused(alice: &Device, room: RoomId, secret: &InviteSecret, refusal: Refusal) {
    let members = alice.members(room).await;
    let mut mallory = greeted(alice, MALLORY).await;
    ask(&mut mallory, MALLORY, room, secret).await;
    assert_eq!(answer(&mut mallory).await, Some(refusal));
    assert_eq!(alice.members(room).await, members);
}

#[tokio::test]
async fn an_invite_of_ones_own_making() {
    let (alice, room) = alice().await;
    is_refused(&alice, room, &InviteSecret::new([7; 16]), Refusal::Unknown).await;
    alice.node.close().await;
}

#[tokio::test]
async fn a_secret_with_one_bit_turned() {
    let (alice, room) = alice().await;
    let link = invite(&alice, room, 60_000).await;
    for byte in 0..8 {
        // A byte string's head is one byte.
        let mut secret: [u8; 16] = cbor::encode(&link.secret)[1..].try_into().unwrap();
        secret[2 * byte] ^= 1 << byte;
        is_refused(&alice, room, &InviteSecret::new(secret), Refusal::Unknown).await;
    }
    alice.node.close().await;
}

#[tokio::test]
async fn an_invite_to_another_room() {
    let (alice, room) = alice().await;
    let other = alice.call("create_room", json!({"name": "other"})).await["room"].take();
    let other: RoomId = other.as_str().unwrap().parse().unwrap();
    let link = invite(&alice, room, 60_000).await;
    is_refused(&alice, other, &link.secret, Refusal::Unknown).await;
    alice.node.close().await;
}

#[tokio::test]
async fn a_link_after_its_end() {
    let (alice, room) = alice().await;
    let link = invite(&alice, room, 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    is_refused(&alice, room, &link.secret, Refusal::Expired).await;
    alice.node.close().await;
}

#[tokio::test]
async fn a_link_for_one_by_two_at_once() {
    let (alice, room) = alice().await;
    let link = invite(&alice, room, 60_000).await;
    let (mut carol, mut mallory) = (greeted(&alice, CAROL).await, greeted(&alice, MALLORY).await);
    tokio::join!(ask(&mut carol, CAROL, room, &link.secret), ask(&mut mallory, MALLORY, room, &link.secret));
    let (carols, mallorys) = tokio::join!(answer(&mut carol), answer(&mut mallory));
    let refusals = [carols, mallorys];
    assert!(refusals.contains(&None) && refusals.contains(&Some(Refusal::Used)), "{refusals:?}");
    assert_eq!(alice.members(room).await.len(), 2);
    alice.node.close().await;
}

#[tokio::test]
async fn a_link_by_who_was_removed() {
    let (alice, room) = alice().await;
    let link = alice.call("invite", json!({"room": room.to_string(), "uses": 10})).await["link"].take();
    let link: InviteLink = link.as_str().unwrap().parse().unwrap();
    let mut mallory = greeted(&alice, MALLORY).await;
    ask(&mut mallory, MALLORY, room, &link.secret).await;
    assert_eq!(answer(&mut mallory).await, None);
    let member = key_of(MALLORY).public().device_id().to_string();
    alice.call("remove_member", json!({"room": room.to_string(), "device_id": member})).await;
    is_refused(&alice, room, &link.secret, Refusal::Used).await;
    alice.node.close().await;
}

#[tokio::test]
async fn joins_without_end() {
    let (alice, room) = alice().await;
    let mut mallory = greeted(&alice, MALLORY).await;
    for n in 0..9 {
        ask(&mut mallory, MALLORY, room, &InviteSecret::new([n; 16])).await;
    }
    assert_eq!(mallory.goodbye().await, "bad_frame");
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}
