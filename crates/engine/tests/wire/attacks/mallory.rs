//! Who means harm.

use lanline_peer::{PING, PONG, Peer};
use lanline_protocol::body::{Body, SALT_BYTES, Text};
use lanline_protocol::entry::{Entry, Header};
use lanline_protocol::frame::{Batch, Frame, Open, Tag, room_tag};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId};
use lanline_protocol::identity::{DeviceKey, PublicKey};
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::record::Record;
use lanline_protocol::store::{Item, Store};
use serde_json::json;

use crate::described::Member;
use crate::device::Device;

/// Mallory's seed.
pub(super) const MALLORY: u8 = 66;

pub(super) fn key_of(seed: u8) -> DeviceKey {
    DeviceKey::from_seed(&[seed; 32])
}

/// Alice, who listens, and a room of hers in which she said something.
pub(super) async fn alice() -> (Device, RoomId) {
    let alice = Device::open().await;
    let room = alice.call("create_room", json!({"name": "home"})).await["room"].take();
    alice.call("send_message", json!({"room": room, "text": "hello"})).await;
    (alice, room.as_str().unwrap().parse().unwrap())
}

/// Mallory, whom nobody knows, connected and greeted.
pub(super) async fn stranger(alice: &Device) -> Peer {
    let mut mallory = Peer::dial(alice.address, MALLORY).await;
    mallory.hello().await;
    mallory
}

/// The frame that names a room, as the device with this key on this connection.
pub(super) fn open(peer: &Peer, slot: u32, room: RoomId, as_device: &PublicKey) -> Frame {
    let tag = room_tag(room, &peer.exporter, as_device.device_id());
    Frame::Open(Open { rooms: vec![Tag { slot, tag }] })
}

/// A slot that nothing else is named by.
const QUESTION: u32 = 9_999;

/// What the device has to say to all that it was sent, without what it says of itself: it is asked for something that
/// it does not know, and answers in order.
pub(super) async fn answers(peer: &mut Peer) -> Vec<Frame> {
    let (answers, goes_on) = last_answers(peer).await;
    assert!(goes_on, "the connection ended: {answers:?}");
    answers
}

/// As [`answers`], of a device that may end the connection. Gives whether it goes on, too.
pub(super) async fn last_answers(peer: &mut Peer) -> (Vec<Frame>, bool) {
    peer.say(&Frame::Open(Open { rooms: vec![Tag { slot: QUESTION, tag: Hash::new([0x5a; 32]) }] })).await;
    let mut answers = Vec::new();
    while let Some(bytes) = peer.next().await {
        if bytes == PING {
            peer.send(&PONG).await;
        } else if bytes != PONG {
            match Frame::decode(&bytes).unwrap() {
                Frame::Unknown(unknown) if unknown.slot == QUESTION => return (answers, true),
                Frame::Hello(_) => {}
                frame => answers.push(frame),
            }
        }
    }
    (answers, false)
}

/// A stranger sends this, which is to end the connection for this reason.
pub(super) async fn ends(frame: &[u8], reason: &str) {
    let (alice, _) = alice().await;
    let mut mallory = stranger(&alice).await;
    mallory.send(frame).await;
    assert_eq!(mallory.goodbye().await, reason, "{frame:02x?}");
    alice.node.close().await;
}

/// Mallory as a member of alice's room, who from then on writes by hand.
pub(super) struct Mallory {
    pub(super) alice: Device,
    pub(super) peer: Peer,
    pub(super) room: RoomId,
    pub(super) key: DeviceKey,
    /// What was held when the writing by hand began.
    pub(super) held: MemoryStore,
    /// The entry that made mallory a member.
    pub(super) add: EntryId,
    /// The last entry of the log of each lane, and its time.
    tips: [Option<(u64, EntryId, u64)>; 2],
    upto: u64,
}

impl Mallory {
    pub(super) async fn joined() -> Self {
        let (alice, room) = alice().await;
        let mut member = Member::join_as(MALLORY, "mallory", &alice, &json!(room.to_string())).await;
        member.settle().await;
        let Member { peer, replica, .. } = member;
        let held = replica.into_store();
        let key = key_of(MALLORY);
        let entries = held.page(room, Lane::Membership, 0, usize::MAX, usize::MAX).unwrap();
        let add = entries.into_iter().find_map(|item| match item {
            Item::Entry(stored) => match stored.entry.decode_body() {
                Body::Admit(admit) if admit.key == key.public() => Some(stored.entry.id),
                _ => None,
            },
            _ => None,
        });
        Self { alice, peer, room, key, held, add: add.unwrap(), tips: [None; 2], upto: 1 << 40 }
    }

    /// The header of the next entry, with a log of its own for what is written by hand.
    pub(super) fn header(&self, kind: Kind, body: &[u8]) -> Header {
        let lane = kind.lane();
        let tip = self.tips[usize::from(lane.number())];
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
        Header {
            room: Some(self.room),
            author: self.key.public(),
            log: LogId::new([0x66; 16]).of_lane(lane),
            seq: tip.map_or(1, |(seq, ..)| seq + 1),
            previous: tip.map(|(_, id, _)| id),
            timestamp_us: tip.map_or(0, |(.., time)| time + 1).max(u64::try_from(wall).unwrap()),
            kind: kind.number(),
            body_hash: Hash::of(body),
            body_bytes: u32::try_from(body.len()).unwrap(),
            add: tip.is_none().then_some(self.add),
        }
    }

    /// An entry in which something may be as no honest device has it; signed by mallory.
    pub(super) fn forged(&self, body: &Body, forge: impl FnOnce(&mut Header)) -> Entry {
        let bytes = body.encode([0; SALT_BYTES]);
        let mut header = self.header(body.kind(), &bytes);
        forge(&mut header);
        let mut entry = Entry::write(header, bytes);
        entry.sign(&self.key);
        entry
    }

    /// As it should be, and the log goes on with it.
    pub(super) fn written(&mut self, body: &Body) -> Entry {
        let entry = self.forged(body, |_| {});
        self.goes_on_with(&entry);
        entry
    }

    pub(super) fn goes_on_with(&mut self, entry: &Entry) {
        let tip = (entry.header.seq, entry.id, entry.header.timestamp_us);
        self.tips[usize::from(entry.header.lane().number())] = Some(tip);
    }

    fn batch(&mut self, lane: Lane, entries: &[Entry], records: &[Record]) -> Frame {
        self.upto += 1;
        Frame::Batch(Batch {
            slot: 0,
            lane,
            entries: entries.iter().map(Entry::to_wire).collect(),
            records: records.iter().map(Record::to_wire).collect(),
            upto: Some(self.upto),
            anchor: None,
            end: true,
        })
    }

    /// Sends entries of one lane.
    pub(super) async fn send(&mut self, entries: &[Entry]) {
        let batch = self.batch(entries[0].header.lane(), entries, &[]);
        self.peer.say(&batch).await;
    }

    pub(super) async fn send_record(&mut self, record: &Record) {
        let batch = self.batch(Lane::Content, &[], std::slice::from_ref(record));
        self.peer.say(&batch).await;
    }

    /// What was sent ended the connection, and alice shows what she showed before.
    pub(super) async fn was_cut_off(mut self) {
        assert_eq!(self.peer.goodbye().await, "bad_frame");
        assert_eq!(self.alice.texts(self.room).await, ["hello"]);
        self.alice.node.close().await;
    }

    /// What was sent changed nothing, and mallory is heard as before.
    pub(super) async fn changed_nothing(mut self) {
        answers(&mut self.peer).await;
        assert_eq!(self.alice.texts(self.room).await, ["hello"]);
        let honest = self.written(&text("honest"));
        self.send(&[honest]).await;
        answers(&mut self.peer).await;
        assert_eq!(self.alice.texts(self.room).await, ["hello", "honest"]);
        self.alice.node.close().await;
    }
}

pub(super) fn text(text: &str) -> Body {
    Body::Text(Text { text: text.into(), reply_to: None })
}
