//! Saying again what was said, elsewhere or to whoever said it.

use lanline_peer::{PING, PONG, Peer};
use lanline_protocol::frame::{Frame, Join, Refusal, room_tag};
use lanline_protocol::link::{InviteLink, JoinClaim};
use serde_json::json;

use super::mallory::{MALLORY, Mallory, alice, answers, key_of, open, stranger};
use crate::device::BOB;

/// What bob says on this connection to be let in.
fn join(peer: &Peer, link: &InviteLink) -> Frame {
    let (joiner, host) = (key_of(BOB).public().device_id(), peer.key.device_id());
    let claim = JoinClaim { room: link.room, exporter: peer.exporter, joiner, host };
    let tag = room_tag(link.room, &peer.exporter, joiner);
    let (signature, invite) = (claim.sign(&link.secret), link.secret.key().public());
    Frame::Join(Join { tag, signature, invite, name: "bob".into() })
}

/// Bob's frames on one connection, said on another: by mallory, and by bob.
#[tokio::test]
async fn frames_of_another_connection() {
    let (alice, room) = alice().await;
    let link = alice.call("invite", json!({"room": room.to_string(), "uses": 10})).await["link"].take();
    let link: InviteLink = link.as_str().unwrap().parse().unwrap();
    let bob = Peer::dial(alice.address, BOB).await;
    let (join, name) = (join(&bob, &link), open(&bob, 0, room, &key_of(BOB).public()));
    for seed in [MALLORY, BOB] {
        let mut peer = Peer::dial(alice.address, seed).await;
        peer.hello().await;
        peer.say(&join).await;
        peer.say(&name).await;
        let answers = answers(&mut peer).await;
        let [Frame::Joined(joined), Frame::Unknown(_)] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(joined.refusal, Some(Refusal::Unknown));
    }
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

/// Says to alice what she says, this many frames of it, or until she has enough.
async fn reflect(peer: &mut Peer, frames: usize) {
    for _ in 0..frames {
        let goes_on = match peer.next().await {
            Some(frame) if frame == PING => peer.try_send(&PONG).await,
            Some(frame) if frame == PONG => true,
            Some(frame) => peer.try_send(&frame).await,
            None => false,
        };
        if !goes_on || !peer.try_send(&PING).await {
            return;
        }
    }
}

#[tokio::test]
async fn her_own_greeting() {
    let (alice, room) = alice().await;
    let store = alice.call("status", json!({})).await;
    let mut mallory = Peer::dial(alice.address, MALLORY).await;
    reflect(&mut mallory, 6).await;
    // Whoever has her store id is not her: she does not begin anew because of it.
    assert_eq!(alice.call("status", json!({})).await, store);
    assert_eq!(alice.members(room).await, ["alice"]);
    let mut another = stranger(&alice).await;
    assert!(answers(&mut another).await.is_empty());
    alice.node.close().await;
}

#[tokio::test]
async fn her_own_words() {
    let mut mallory = Mallory::joined().await;
    let room = mallory.room;
    for n in 0..10 {
        mallory.alice.call("send_message", json!({"room": room.to_string(), "text": format!("own {n}")})).await;
    }
    reflect(&mut mallory.peer, 40).await;
    let texts = mallory.alice.texts(room).await;
    assert_eq!(texts.len(), 11, "{texts:?}");
    assert_eq!(mallory.alice.members(room).await, ["alice", "mallory"]);
    // Her own are stored by nobody because of it.
    mallory.alice.call("send_message", json!({"room": room.to_string(), "text": "goes on"})).await;
    assert_eq!(mallory.alice.texts(room).await.last().unwrap(), "goes on");
    mallory.alice.node.close().await;
}
