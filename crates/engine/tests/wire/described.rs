//! What a whole device sends to another over real sockets is what `docs/protocol.cddl` describes.

use std::collections::BTreeSet;
use std::time::Instant;

use lanline_protocol::clock::Time;
use lanline_protocol::frame::{Digest, Frame, Open, Tag, WantHeads};
use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::identity::DeviceKey;
use lanline_protocol::kind::Lane;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::receipt::Status;
use lanline_protocol::replica::{CloseReason, Output, Random, Replica};
use lanline_protocol::session::ConnectionId;
use lanline_protocol::view::Shown;
use serde_json::{Value, json};

use crate::device::{BOB, Device};
use crate::schema;
use lanline_peer::{PATIENCE, PING, PONG, Peer};

const CONNECTION: ConnectionId = ConnectionId(1);

/// Types of frames.
const UNKNOWN: u8 = 6;
const WANT_HEADS: u8 = 8;
const DIGEST: u8 = 12;
const JOIN: u8 = 13;

struct Counted(u8);

impl Random for Counted {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        bytes.fill(self.0);
    }
}

/// Bob: the state machine by hand, on a real connection, holding what it hears against the CDDL.
pub(crate) struct Member {
    pub(crate) peer: Peer,
    pub(crate) replica: Replica<MemoryStore>,
    began: Instant,
    wall_us: u64,
    /// The types of the frames heard.
    heard: BTreeSet<u8>,
}

impl Member {
    /// Bob joins a room of this device's.
    pub(crate) async fn join(device: &Device, room: &Value) -> Self {
        Self::join_as(BOB, "bob", device, room).await
    }

    /// As [`Self::join`], somebody else.
    pub(crate) async fn join_as(seed: u8, name: &str, device: &Device, room: &Value) -> Self {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let wall_us = u64::try_from(wall.as_micros()).unwrap();
        let link = device.call("invite", json!({"room": room})).await["link"].as_str().unwrap().parse().unwrap();
        let now = Time { wall_us, steady_ms: 0 };
        let key = DeviceKey::from_seed(&[seed; 32]);
        let store = MemoryStore::new(StoreId::new([0xb1; 16]));
        let mut replica = Replica::open(key, store, Box::new(Counted(0)), "test", now).unwrap();
        replica.set_name(now, name).unwrap();
        let peer = Peer::dial(device.address, seed).await;
        let began = Instant::now();
        let (key, exporter) = (peer.key, peer.exporter);
        let mut this = Self { peer, replica, began, wall_us, heard: BTreeSet::new() };
        this.replica.connected(now, CONNECTION, key, exporter, true, device.address.to_string()).unwrap();
        this.commit().await;
        while this.replica.join(CONNECTION, &link).is_err() {
            this.hear().await;
        }
        this.commit().await;
        while this.replica.rooms().unwrap().is_empty() {
            this.hear().await;
        }
        this
    }

    fn now(&self) -> Time {
        let passed = self.began.elapsed();
        Time { wall_us: self.wall_us + passed.as_micros() as u64, steady_ms: passed.as_millis() as u64 }
    }

    /// Sends what is to be sent. Both sides are held to what they promise.
    async fn commit(&mut self) {
        for output in self.replica.commit(self.now()).unwrap() {
            match output {
                Output::Send(_, frame) => self.peer.send(&frame).await,
                Output::Close(_, reason) => assert_eq!(reason, CloseReason::Removed, "bob ends it"),
                _ => {}
            }
        }
    }

    /// Takes the next frame.
    async fn hear(&mut self) {
        let frame = self.peer.next().await.expect("the connection goes on");
        if let Err(wrong) = schema::frame(&frame) {
            panic!("{wrong}: {frame:02x?}");
        }
        self.heard.insert(frame[1]);
        if frame == PING {
            self.peer.send(&PONG).await;
        } else {
            self.replica.frame(self.now(), CONNECTION, &frame).unwrap();
        }
        self.commit().await;
    }

    /// Hears until this is so; the heartbeat keeps it going.
    async fn until(&mut self, mut is_so: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < PATIENCE, "it never comes to that");
            self.hear().await;
        }
    }

    /// Hears until the room is open on both sides and both have compared what they hold.
    pub(crate) async fn settle(&mut self) {
        self.until(|this| {
            this.heard.contains(&DIGEST) && this.replica.peers().iter().any(|peer| !peer.rooms.is_empty())
        })
        .await;
    }

    fn room(&self) -> RoomId {
        self.replica.rooms().unwrap()[0].id
    }

    fn texts(&self) -> Vec<(EntryId, String)> {
        let (messages, _) = self.replica.messages(self.room(), None, 100).unwrap();
        let texts = messages.into_iter().filter_map(|message| match message.shown {
            Shown::Text(text, _) => Some((message.id, text)),
            _ => None,
        });
        texts.collect()
    }
}

#[tokio::test]
async fn what_a_device_sends_is_described() {
    let alice = Device::open().await;
    let room = alice.call("create_room", json!({"name": "home"})).await["room"].take();
    alice.call("send_message", json!({"room": room, "text": "before bob"})).await;
    let mut bob = Member::join(&alice, &room).await;
    bob.settle().await;
    let (id, now) = (bob.room(), bob.now());
    bob.replica.set_addresses(now, &["127.0.0.1:1".to_owned()]).unwrap();
    let said = bob.replica.send_message(now, id, "from bob", None, None).unwrap();
    bob.commit().await;
    bob.until(|bob| bob.replica.message(said).unwrap().standing.status() >= Status::Delivered).await;
    alice.call("mark_read", json!({"room": room, "id": said.to_string()})).await;
    alice.call("set_profile", json!({"name": "Alice"})).await;
    alice.call("send_message", json!({"room": room, "text": "answer", "reply_to": said.to_string()})).await;
    bob.until(|bob| bob.replica.message(said).unwrap().standing.status() == Status::Read).await;
    bob.until(|bob| bob.texts().len() == 3).await;
    // What is asked of her, and what she cannot know.
    for frame in [
        Frame::WantHeads(WantHeads { slot: 0, lane: Lane::Content }),
        Frame::Digest(Digest { slot: 0, lane: Lane::Membership, digest: Hash::new([9; 32]) }),
        Frame::Open(Open { rooms: vec![Tag { slot: 77, tag: Hash::new([9; 32]) }] }),
    ] {
        bob.peer.send(&frame.encode()).await;
    }
    bob.until(|bob| [UNKNOWN, WANT_HEADS].iter().all(|kind| bob.heard.contains(kind))).await;
    // What she says last, of who belongs and of the end.
    alice.call("leave_room", json!({"room": room})).await;
    bob.until(|bob| bob.replica.members(id).unwrap().len() == 1).await;
    let (rest, ()) = tokio::join!(bob.peer.rest(), alice.node.close());
    for frame in rest {
        assert_eq!(schema::frame(&frame), Ok(()), "{frame:02x?}");
        bob.heard.insert(frame[1]);
    }
    // All that are, but join, which who has a room does not send, and the pong that nobody asked her for.
    let all: BTreeSet<u8> = (1..=14).filter(|kind| ![JOIN, PONG[1]].contains(kind)).collect();
    assert_eq!(bob.heard, all);
}
