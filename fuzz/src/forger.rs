//! A member who writes what no honest one writes, by a key of their own.

use arbitrary::Arbitrary;
use lanline_protocol::body::{
    Add, Admit, Appoint, Ballot, Body, Cast, Cut, Invite, Leave, Link, Profile, Remove, SALT_BYTES, Text, Vote,
};
use lanline_protocol::cbor;
use lanline_protocol::entry::{Entry, Header, LogKey};
use lanline_protocol::frame::{Batch, Frame, Head};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId};
use lanline_protocol::identity::{Context, DeviceKey, PublicKey};
use lanline_protocol::kind::{Kind, Lane};
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::store::{Item, Store};

use crate::world::key;

/// One entry that is made up. Small numbers are what an honest author would write.
#[derive(Arbitrary, Debug)]
pub struct Written<'a> {
    /// Bob himself, or somebody else.
    author: u8,
    /// The log he writes, a new one, or somebody's.
    log: u8,
    seq: i8,
    previous: u8,
    later_us: i32,
    add: u8,
    says: Says<'a>,
    signed: bool,
}

#[derive(Arbitrary, Debug)]
enum Says<'a> {
    Text(&'a str),
    Profile(&'a str),
    Add { whom: u8, by_invite: u8 },
    Invite { uses: u8, ttl: u32 },
    Leave { adds: Vec<u8>, cuts: Vec<(u8, u8)> },
    Cast { subject: u8, removes: bool, previous: u8, epoch: u8, holds: bool },
    Remove { whom: u8, previous: u8, epoch: u8, votes: Vec<u8>, cuts: Vec<(u8, u8)> },
    Appoint { whom: u8, previous: u8, epoch: u8, votes: Vec<u8> },
    Admit { whom: u8, previous: u8 },
    Raw { kind: u16, body: &'a [u8] },
}

#[derive(Clone, Copy)]
struct End {
    log: LogId,
    seq: u64,
    id: Option<EntryId>,
    timestamp_us: u64,
}

/// What bob knows, and where his logs end.
pub struct Forger {
    key: DeviceKey,
    room: RoomId,
    /// Entries of all members, his own forged ones too.
    pub known: Vec<Entry>,
    /// By lane.
    ends: [End; 2],
    logs: u8,
}

impl Forger {
    /// He knows what is in this store.
    pub fn new(key: DeviceKey, room: RoomId, store: &MemoryStore) -> Self {
        let pages = Lane::ALL.map(|lane| store.page(room, lane, 0, usize::MAX, usize::MAX).unwrap());
        let known: Vec<Entry> = pages
            .into_iter()
            .flatten()
            .filter_map(|item| match item {
                Item::Entry(stored) => Some(stored.entry),
                _ => None,
            })
            .collect();
        let end = |lane| {
            let tips = store.tips(room, lane).unwrap();
            let own = tips.iter().find(|tip| tip.head.log.author == key.public());
            let fresh = End { log: LogId::new([9; 16]).of_lane(lane), seq: 0, id: None, timestamp_us: 1 };
            own.map_or(fresh, |tip| End {
                log: tip.head.log.log,
                seq: tip.head.seq,
                id: Some(tip.head.id),
                timestamp_us: tip.timestamp_us,
            })
        };
        let ends = Lane::ALL.map(end);
        Self { key, room, known, ends, logs: 0 }
    }

    /// One of the entries that he knows.
    pub fn id(&self, number: u8) -> EntryId {
        match self.known.len() {
            0 => EntryId::new([number; 32]),
            known if usize::from(number) < known => self.known[usize::from(number)].id,
            _ => EntryId::new([number; 32]),
        }
    }

    /// The room.
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// A head: one that is, or nearly.
    pub fn head(&self, log: u8, seq: u8, id: u8) -> Head {
        let of = &self.known[usize::from(log) % self.known.len()];
        let own = id == 0;
        Head {
            log: of.header.log_key(),
            seq: if own { of.header.seq } else { u64::from(seq) },
            id: if own { of.id } else { self.id(id) },
        }
    }

    /// A log.
    pub fn log(&self, log: u8) -> LogKey {
        self.known[usize::from(log) % self.known.len()].header.log_key()
    }

    fn who(&self, number: u8) -> PublicKey {
        key(usize::from(number % 8)).public()
    }

    fn control(&self, previous: u8) -> EntryId {
        let head = self.known.iter().rev().find(|entry| entry.header.kind().is_control());
        match (previous, head) {
            (0, Some(head)) => head.id,
            _ => self.id(previous - u8::from(previous > 0)),
        }
    }

    fn cuts(&self, cuts: &[(u8, u8)]) -> Vec<Cut> {
        let cut = |(log, seq): &(u8, u8)| {
            let of = &self.known[usize::from(*log) % self.known.len()];
            Cut { log: of.header.log, seq: u64::from(*seq), id: of.id }
        };
        cuts.iter().map(cut).collect()
    }

    fn votes(&self, kind: Kind, whom: u8, previous: u8, epoch: u8, votes: &[u8]) -> Link {
        let (previous, epoch) = (self.control(previous), u32::from(epoch));
        let ballot =
            Ballot { room: self.room.creation(), previous, epoch, kind: kind.number(), subject: self.who(whom) };
        // His own holds; the others' he has to make up.
        let signature = self.key.sign(Context::Vote, &cbor::encode(&ballot));
        let votes = votes.iter().map(|voter| Vote { voter: self.who(*voter), signature });
        Link { previous, epoch, votes: votes.collect() }
    }

    fn says(&self, says: &Says<'_>) -> (u16, Vec<u8>) {
        let body = match says {
            Says::Raw { kind, body } => return (*kind, [[1; SALT_BYTES].as_slice(), body].concat()),
            Says::Text(text) => Body::Text(Text { text: (*text).to_owned(), reply_to: None }),
            Says::Profile(name) => Body::Profile(Profile { name: (*name).to_owned() }),
            Says::Add { whom, by_invite } => Body::Add(Add {
                key: self.who(*whom),
                name: "somebody".to_owned(),
                invite: (*by_invite > 0).then(|| self.id(by_invite - 1)),
                control: self.control(0),
            }),
            Says::Invite { uses, ttl } => Body::Invite(Invite {
                key: self.who(7),
                expires_at_ms: 1_790_000_000_000 + u64::from(*ttl),
                uses: u32::from(*uses),
            }),
            Says::Leave { adds, cuts } => {
                Body::Leave(Leave { adds: adds.iter().map(|add| self.id(*add)).collect(), cuts: self.cuts(cuts) })
            }
            Says::Cast { subject, removes, previous, epoch, holds } => {
                let kind = if *removes { Kind::Remove } else { Kind::Appoint };
                let link = self.votes(kind, *subject, *previous, *epoch, &[1]);
                let kind = if *holds { kind } else { Kind::Settings }.number();
                let (previous, epoch, subject) = (link.previous, link.epoch, self.who(*subject));
                Body::Vote(Cast { previous, epoch, kind, subject, signature: link.votes[0].signature })
            }
            Says::Remove { whom, previous, epoch, votes, cuts } => Body::Remove(Remove {
                link: self.votes(Kind::Remove, *whom, *previous, *epoch, votes),
                key: self.who(*whom),
                cuts: self.cuts(cuts),
            }),
            Says::Appoint { whom, previous, epoch, votes } => Body::Appoint(Appoint {
                link: self.votes(Kind::Appoint, *whom, *previous, *epoch, votes),
                key: self.who(*whom),
            }),
            Says::Admit { whom, previous } => Body::Admit(Admit {
                link: Link { previous: self.control(*previous), epoch: 0, votes: Vec::new() },
                key: self.who(*whom),
                name: "somebody".to_owned(),
                invite: None,
            }),
        };
        (body.kind().number(), body.encode([1; SALT_BYTES]))
    }

    fn write(&mut self, written: &Written<'_>) -> Entry {
        let (kind, body) = self.says(&written.says);
        let lane = Kind::from_number(kind).lane();
        let mut end = self.ends[usize::from(lane.number())];
        match written.log {
            0..=127 => {}
            128..=191 => {
                self.logs = self.logs.wrapping_add(1);
                let log = LogId::new([self.logs; 16]).of_lane(lane);
                end = End { log, seq: 0, id: None, timestamp_us: end.timestamp_us };
            }
            other => end.log = self.log(other - 192).log,
        }
        let author = match written.author {
            0..=127 => self.key.public(),
            other => self.who(other),
        };
        let seq = (end.seq + 1).saturating_add_signed(i64::from(written.seq));
        let previous = match written.previous {
            0 => end.id,
            1 => None,
            other => Some(self.id(other - 2)),
        };
        let admitted = self
            .known
            .iter()
            .find(|entry| entry.decode_body().lets_in().is_some_and(|(whom, _)| whom == self.key.public()));
        let add = match (written.add, admitted) {
            (0, Some(admitted)) => (seq == 1).then_some(admitted.id),
            (1, _) => None,
            (other, _) => Some(self.id(other)),
        };
        let header = Header {
            room: Some(self.room),
            author,
            log: end.log,
            seq,
            previous,
            timestamp_us: end.timestamp_us.saturating_add_signed(1_000 + i64::from(written.later_us)),
            kind,
            body_hash: Hash::of(&body),
            body_bytes: body.len() as u32,
            add,
        };
        let (log, timestamp_us) = (header.log, header.timestamp_us);
        let mut entry = Entry::write(header, body);
        if !written.signed {
            entry.sign(&self.key);
        }
        self.ends[usize::from(lane.number())] = End { log, seq, id: Some(entry.id), timestamp_us };
        self.known.push(entry.clone());
        entry
    }

    /// What he writes, as it is sent.
    pub fn batch(&mut self, lane: Lane, written: &[Written<'_>], upto: Option<u64>, end: bool) -> Frame {
        let entries = written.iter().take(16).map(|written| self.write(written).to_wire()).collect();
        Frame::Batch(Batch { slot: 0, lane, entries, records: Vec::new(), upto, anchor: None, end })
    }
}
