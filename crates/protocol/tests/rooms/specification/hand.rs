//! A device whose frames a test writes, with the real keys and logs of the one that it stands in for.

use lanline_protocol::body::{Body, SALT_BYTES, Text};
use lanline_protocol::entry::{Entry, Header, WireEntry};
use lanline_protocol::frame::{Ack, Batch, Frame, Hello, Open, Resume, Tag, room_tag};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId, StoreId};
use lanline_protocol::identity::{Context, DeviceKey};
use lanline_protocol::kind::Lane;
use lanline_protocol::link::InviteLink;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::record::{Record, RecordKey, RecordName};
use lanline_protocol::replica::CloseReason;
use lanline_protocol::store::{Cursor, Store};

use crate::world::{ALICE, BOB, World};

/// The end of a log that is written by hand.
#[derive(Clone, Copy)]
pub(super) struct Log {
    pub(super) log: LogId,
    pub(super) add: EntryId,
    /// Number, id and time of the last entry.
    pub(super) tip: Option<(u64, EntryId, u64)>,
}

pub(super) struct Hand {
    pub(super) world: World,
    pub(super) room: RoomId,
    pub(super) exporter: Hash,
    /// Whose key and logs these are.
    pub(super) who: usize,
    /// The device on the other side.
    pub(super) peer: usize,
    pub(super) store: StoreId,
    /// By lane.
    pub(super) logs: [Log; 2],
    /// What the other side held when they were connected, by lane.
    pub(super) held: [Cursor; 2],
    pub(super) upto: u64,
}

pub(super) fn key_of(device: usize) -> DeviceKey {
    DeviceKey::from_seed(&[device as u8 + 1; 32])
}

impl Hand {
    /// Bob's hand at Alice's, in a room where all that both said is settled.
    pub(super) fn of_bob() -> Self {
        let (mut world, room) = room_of_two();
        world.say(BOB, room, "hello");
        world.settle();
        Self::instead_of(world, room, BOB, ALICE)
    }

    /// The hand of `who` at `peer`'s; both are members, and `who` has a log of content.
    pub(super) fn instead_of(mut world: World, room: RoomId, who: usize, peer: usize) -> Self {
        world.cut(who, peer);
        let me = key_of(who).public();
        let own = world.store(who);
        let theirs = world.store(peer);
        let tip_in = |lane: Lane| own.tips(room, lane).unwrap().into_iter().find(|tip| tip.head.log.author == me);
        let content = tip_in(Lane::Content).expect("something was said before");
        let logs = Lane::ALL.map(|lane| match tip_in(lane) {
            Some(tip) => {
                let add = tip.add;
                Log { log: tip.head.log.log, add, tip: Some((tip.head.seq, tip.head.id, tip.timestamp_us)) }
            }
            None => Log { log: LogId::new([0x70; 16]).of_lane(lane), add: content.add, tip: None },
        });
        let held = Lane::ALL.map(|lane| {
            let arrival = theirs.newest(room, lane).unwrap();
            Cursor { arrival, anchor: theirs.anchor(room, lane, arrival).unwrap().map(|(_, id)| id) }
        });
        let store = StoreId::new([0xb0; 16]);
        let exporter = Hash::new([0; 32]);
        Self { world, room, exporter, who, peer, store, logs, held, upto: 0 }
    }

    pub(super) fn connect(&mut self) {
        self.exporter = self.world.connect_by_hand(self.who, self.peer);
    }

    pub(super) fn hello(&mut self) {
        let hello = Hello { store: self.store, name: "by hand".into(), agent: "test".into() };
        self.say(&Frame::Hello(hello));
    }

    /// The tag by which this side names a room.
    pub(super) fn tag(&self, room: RoomId) -> Hash {
        room_tag(room, &self.exporter, key_of(self.who).public().device_id())
    }

    pub(super) fn open(&mut self, slot: u32) {
        let rooms = vec![Tag { slot, tag: self.tag(self.room) }];
        self.say(&Frame::Open(Open { rooms }));
    }

    /// Says that it holds all that the other side holds of a lane.
    pub(super) fn resume(&mut self, lane: Lane) {
        let Cursor { arrival, anchor } = self.held[usize::from(lane.number())];
        self.say(&Frame::Resume(Resume { slot: 0, lane, arrival, anchor }));
    }

    /// Says that it has nothing to send.
    pub(super) fn end(&mut self, lane: Lane) {
        let batch = self.batch_up_to(lane, &[], self.upto);
        self.say(&batch);
    }

    /// Connects, and settles both lanes; what was said on the way is not kept.
    pub(super) fn meet(&mut self) {
        self.connect();
        self.hello();
        self.open(0);
        for lane in Lane::ALL {
            self.resume(lane);
            self.end(lane);
        }
        self.heard();
        assert!(self.is_connected(), "{:?}", self.closed());
    }

    /// Of bob, met.
    pub(super) fn met() -> Self {
        let mut hand = Self::of_bob();
        hand.meet();
        hand
    }

    pub(super) fn say(&mut self, frame: &Frame) {
        self.say_bytes(&frame.encode());
    }

    pub(super) fn say_bytes(&mut self, bytes: &[u8]) {
        self.world.tell(self.who, self.peer, bytes);
        self.world.commit(self.peer);
    }

    /// What the other side said since this was asked last.
    pub(super) fn heard(&mut self) -> Vec<Frame> {
        let heard = self.world.heard(self.peer, self.who);
        heard.iter().map(|bytes| Frame::decode(bytes).unwrap()).collect()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.world.connected(self.who, self.peer)
    }

    /// Why the other side ended the connection, if it did.
    pub(super) fn closed(&self) -> Option<CloseReason> {
        self.world.closed(self.peer).filter(|_| !self.is_connected())
    }

    /// What the other side has on its disk. Ends the connection.
    pub(super) fn disk(&mut self) -> MemoryStore {
        self.world.store(self.peer)
    }

    /// Whether the other side has an entry on its disk. Ends the connection.
    pub(super) fn is_held(&mut self, id: EntryId) -> bool {
        self.disk().entry(id).unwrap().is_some()
    }

    pub(super) fn log(&mut self, lane: Lane) -> &mut Log {
        &mut self.logs[usize::from(lane.number())]
    }

    /// The header of the next entry of the log in the kind's lane.
    pub(super) fn header(&self, kind: u16, body: &[u8]) -> Header {
        let lane = lanline_protocol::kind::Kind::from_number(kind).lane();
        let Log { log, add, tip } = self.logs[usize::from(lane.number())];
        Header {
            room: Some(self.room),
            author: key_of(self.who).public(),
            log,
            seq: tip.map_or(1, |(seq, ..)| seq + 1),
            previous: tip.map(|(_, id, _)| id),
            timestamp_us: tip.map_or(self.world.now.wall_us, |(.., time)| time + 1),
            kind,
            body_hash: Hash::of(body),
            body_bytes: body.len() as u32,
            add: tip.is_none().then_some(add),
        }
    }

    /// Signs an entry as a group of its own.
    pub(super) fn entry(&self, header: Header, body: &[u8]) -> Entry {
        let mut entry = Entry::write(header, body.to_vec());
        entry.sign(&key_of(self.who));
        entry
    }

    /// The next entry, by which the log goes on.
    pub(super) fn write_kind(&mut self, kind: u16, body: &[u8]) -> Entry {
        let entry = self.entry(self.header(kind, body), body);
        let tip = Some((entry.header.seq, entry.id, entry.header.timestamp_us));
        self.log(entry.header.lane()).tip = tip;
        entry
    }

    pub(super) fn write(&mut self, body: &Body) -> Entry {
        self.write_kind(body.kind().number(), &body.encode([0; SALT_BYTES]))
    }

    pub(super) fn text(&mut self, text: &str) -> Entry {
        self.write(&text_body(text))
    }

    pub(super) fn record(&self, name: RecordName, version: u64, value: Vec<u8>) -> Record {
        let key = RecordKey { room: self.room, author: key_of(self.who).public(), store: self.store, name };
        Record::write(&key_of(self.who), key, version, value)
    }

    pub(super) fn batch_up_to(&self, lane: Lane, entries: &[Entry], upto: u64) -> Frame {
        let entries = entries.iter().map(Entry::to_wire).collect();
        Frame::Batch(Batch { slot: 0, lane, entries, records: Vec::new(), upto: Some(upto), anchor: None, end: true })
    }

    /// Sends entries, one group or several, in their lane. Gives the arrival to be acknowledged.
    pub(super) fn send(&mut self, entries: &[Entry]) -> u64 {
        self.send_in(entries[0].header.lane(), entries.iter().map(Entry::to_wire).collect())
    }

    pub(super) fn send_in(&mut self, lane: Lane, entries: Vec<WireEntry>) -> u64 {
        self.upto += 1;
        let upto = Some(self.upto);
        let batch = Batch { slot: 0, lane, entries, records: Vec::new(), upto, anchor: None, end: true };
        self.say(&Frame::Batch(batch));
        self.upto
    }

    pub(super) fn send_record(&mut self, record: &Record) -> u64 {
        self.upto += 1;
        let upto = Some(self.upto);
        let records = vec![record.to_wire()];
        let batch = Batch { slot: 0, lane: Lane::Content, entries: Vec::new(), records, upto, anchor: None, end: true };
        self.say(&Frame::Batch(batch));
        self.upto
    }

    /// Has the other side write an invite.
    pub(super) fn invites(&mut self) -> InviteLink {
        self.world.listen(self.peer);
        self.world.invite(self.peer, self.room)
    }

    /// Acknowledges all that the other side may have sent; its digests follow.
    pub(super) fn acknowledge_all(&mut self) {
        for lane in Lane::ALL {
            let upto = self.held[usize::from(lane.number())].arrival;
            self.say(&Frame::Ack(Ack { slot: 0, lane, upto, partial: None }));
        }
    }

    /// What the other side holds of a lane, as it says once that is quiet; all that it sends until then is acknowledged.
    pub(super) fn digest(&mut self, lane: Lane) -> Hash {
        let mut digest = None;
        for _ in 0..150 {
            self.world.advance(1000);
            self.world.commit(self.peer);
            for frame in self.heard() {
                match frame {
                    Frame::Batch(Batch { lane, upto: Some(upto), .. }) => {
                        self.say(&Frame::Ack(Ack { slot: 0, lane, upto, partial: None }));
                    }
                    Frame::Digest(told) if told.lane == lane => digest = Some(told.digest),
                    _ => {}
                }
            }
        }
        digest.expect("the other side never says what it holds")
    }

    /// The arrivals that were acknowledged in a lane since the other side was listened to last.
    pub(super) fn acks(&mut self, lane: Lane) -> Vec<u64> {
        self.all_acks(lane).into_iter().filter(|ack| ack.partial.is_none()).map(|ack| ack.upto).collect()
    }

    /// As [`Self::acks`], partial ones too.
    pub(super) fn all_acks(&mut self, lane: Lane) -> Vec<Ack> {
        let acks = self.heard().into_iter().filter_map(|frame| match frame {
            Frame::Ack(ack) if ack.lane == lane => Some(ack),
            _ => None,
        });
        acks.collect()
    }

    /// Sends these entries, which are to end the connection: no honest peer sends them.
    #[track_caller]
    pub(super) fn ended_by(mut self, entries: &[Entry]) {
        self.send(entries);
        assert_eq!(self.closed(), Some(CloseReason::BadFrame));
        for entry in entries {
            assert!(!self.is_held(entry.id), "ended, and stored all the same");
        }
    }

    /// Sends these entries, which are to be stored and acknowledged.
    #[track_caller]
    pub(super) fn stores(mut self, entries: &[Entry]) {
        let upto = self.send(entries);
        assert!(self.is_connected(), "{:?}", self.closed());
        assert_eq!(self.acks(entries[0].header.lane()), [upto]);
        for entry in entries {
            assert!(self.is_held(entry.id));
        }
    }

    /// Sends these entries, which are not to be stored, while the connection goes on.
    #[track_caller]
    pub(super) fn does_not_store(mut self, entries: &[Entry]) {
        self.send(entries);
        assert!(self.is_connected(), "{:?}", self.closed());
        for entry in entries {
            assert!(!self.is_held(entry.id));
        }
    }
}

pub(super) fn room_of_two() -> (World, RoomId) {
    let mut world = World::new(&["alice", "bob"]);
    let room = world.room_of(2);
    (world, room)
}

pub(super) fn text_body(text: &str) -> Body {
    Body::Text(Text { text: text.into(), reply_to: None })
}

/// An entry on the wire from a header's bytes, whatever they say, signed by `who`.
pub(super) fn signed(header: &[u8], body: Vec<u8>, who: usize) -> (EntryId, WireEntry) {
    let id = EntryId::new(*Hash::of(header).as_bytes());
    let signature = key_of(who).sign(Context::Entry, id.as_bytes());
    (id, WireEntry { header: header.to_vec().into(), body: Some(body.into()), signature: Some(signature) })
}

/// Bob, who is no member and has an invite for Alice's room; connected, and greeted.
pub(super) fn invited() -> (Hand, InviteLink) {
    let mut world = World::new(&["alice", "bob"]);
    world.listen(ALICE);
    let room = world.create_room(ALICE, "home");
    let link = world.invite(ALICE, room);
    let logs = Lane::ALL.map(|lane| Log { log: LogId::new([0x70; 16]).of_lane(lane), add: room.creation(), tip: None });
    let (store, exporter) = (StoreId::new([0xb0; 16]), Hash::new([0; 32]));
    let held = [Cursor::default(); 2];
    let mut hand = Hand { world, room, exporter, who: BOB, peer: ALICE, store, logs, held, upto: 0 };
    hand.connect();
    hand.hello();
    hand.heard();
    (hand, link)
}
