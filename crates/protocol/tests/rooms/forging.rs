//! Entries by who holds a member's key and writes what it likes: of any kind, with any references, in logs that it forks
//! and begins anew, at any time.

use std::collections::BTreeMap;

use lanline_protocol::body::{
    Add, Admit, Appoint, Ballot, Beacon, Body, Cast, ChangeSettings, Cut, Invite, Leave, Link, MayAdd, Remove,
    SALT_BYTES, Settings, Text, UnknownControl, Vote,
};
use lanline_protocol::cbor;
use lanline_protocol::entry::{Entry, Header, LogKey};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId};
use lanline_protocol::identity::{Context, DeviceKey, PublicKey, Signature};
use lanline_protocol::kind::Kind;
use lanline_protocol::membership::Act;

use crate::world::Seeded;

/// What is forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    Admit,
    Remove,
    Appoint,
    Settings,
    Beacon,
    /// A control entry of a kind that nobody knows.
    Newer,
    /// An act of the majority, with votes that were overheard and those of the forger's own keys.
    MajorityRemove,
    MajorityAppoint,
    Add,
    Invite,
    Leave,
    Cast,
    Text,
}

/// What there is to refer to.
pub(crate) struct Pool {
    pub(crate) room: RoomId,
    /// By anybody, wherever it is held.
    pub(crate) entries: BTreeMap<EntryId, Entry>,
    /// The ends of the control chain, as those who hold it see them, each with its epoch.
    pub(crate) heads: Vec<(EntryId, u32)>,
    pub(crate) now_us: u64,
}

impl Pool {
    fn acts(&self) -> Vec<Act> {
        self.entries.values().map(Act::of).collect()
    }

    /// What has a place in the chain, with its epoch.
    fn places(&self) -> BTreeMap<EntryId, u32> {
        let mut places = BTreeMap::from([(self.room.creation(), 0)]);
        for act in self.acts() {
            if let Some(link) = act.body.link() {
                places.insert(place(self.room, &act), link.epoch);
            }
        }
        places
    }

    /// Every signature of a ballot that anybody gave away.
    fn votes(&self) -> BTreeMap<EntryId, (Ballot, BTreeMap<PublicKey, Signature>)> {
        let mut all: BTreeMap<EntryId, (Ballot, BTreeMap<PublicKey, Signature>)> = BTreeMap::new();
        for act in self.acts() {
            let Some((ballot, votes)) = votes_of(self.room, &act) else { continue };
            all.entry(ballot.id()).or_insert((ballot, BTreeMap::new())).1.extend(votes);
        }
        all
    }
}

fn votes_of(room: RoomId, act: &Act) -> Option<(Ballot, Vec<(PublicKey, Signature)>)> {
    let room = room.creation();
    let (link, subject) = match &act.body {
        Body::Vote(cast) => {
            let Cast { previous, epoch, kind, subject, signature } = *cast;
            return Some((Ballot { room, previous, epoch, kind, subject }, vec![(act.header.author, signature)]));
        }
        Body::Remove(remove) => (&remove.link, remove.key),
        Body::Appoint(appoint) => (&appoint.link, appoint.key),
        _ => return None,
    };
    if link.votes.is_empty() {
        return None;
    }
    let ballot = Ballot { room, previous: link.previous, epoch: link.epoch, kind: act.header.kind, subject };
    Some((ballot, link.votes.iter().map(|vote| (vote.voter, vote.signature)).collect()))
}

fn place(room: RoomId, act: &Act) -> EntryId {
    match (votes_of(room, act), &act.body) {
        (Some((ballot, _)), Body::Remove(_) | Body::Appoint(_)) => ballot.id(),
        _ => act.id,
    }
}

/// Who forges: a member's key, and keys that it invents.
pub(crate) struct Forger {
    pub(crate) keys: Vec<DeviceKey>,
    /// Of everybody, invented ones included.
    pub(crate) everybody: Vec<PublicKey>,
    /// Whether it owns the room. Its own vote may then be the majority, where it forked the chain.
    owner: bool,
    logs: u32,
}

impl Forger {
    pub(crate) fn new(keys: Vec<DeviceKey>, everybody: Vec<PublicKey>, owner: bool) -> Self {
        Self { keys, everybody, owner, logs: 0 }
    }

    /// One entry, if there is what it takes.
    pub(crate) fn forge(&mut self, pool: &Pool, what: Forgery, random: &mut Seeded) -> Entry {
        // Mostly by the key that everybody knows.
        let author = if random.below(4) > 0 { 0 } else { random.below(self.keys.len()) };
        let body = self.body(pool, what, author, random);
        self.write(pool, author, &body, random)
    }

    fn link(pool: &Pool, random: &mut Seeded) -> Link {
        let places: Vec<(EntryId, u32)> = pool.places().into_iter().collect();
        let (previous, epoch) = match random.below(4) {
            0 | 1 if !pool.heads.is_empty() => pool.heads[random.below(pool.heads.len())],
            _ => places[random.below(places.len())],
        };
        let epoch = if random.below(12) == 0 { epoch + 1 } else { epoch };
        Link { previous, epoch, votes: Vec::new() }
    }

    fn anybody(&self, random: &mut Seeded) -> PublicKey {
        self.everybody[random.below(self.everybody.len())]
    }

    fn body(&self, pool: &Pool, what: Forgery, author: usize, random: &mut Seeded) -> Body {
        let key = self.anybody(random);
        let name = String::from("anybody");
        let settings = Settings { name: String::from("home"), may_add: MayAdd::Members, retention_ms: None };
        match what {
            Forgery::Admit => {
                let (link, invite) = (Self::link(pool, random), Self::invite(pool, random));
                Body::Admit(Admit { link, key, name, invite })
            }
            Forgery::Remove => {
                let (link, cuts) = (Self::link(pool, random), Self::cuts(pool, key, random));
                Body::Remove(Remove { link, key, cuts })
            }
            Forgery::Appoint => Body::Appoint(Appoint { link: Self::link(pool, random), key }),
            Forgery::Settings => {
                let may_add = if random.below(2) == 0 { MayAdd::Owner } else { MayAdd::Members };
                Body::Settings(ChangeSettings {
                    link: Self::link(pool, random),
                    settings: Settings { may_add, ..settings },
                })
            }
            Forgery::Beacon => {
                let key = Hash::of(&(random.below(1 << 16) as u64).to_be_bytes());
                Body::Beacon(Beacon { link: Self::link(pool, random), key })
            }
            Forgery::Newer => Body::UnknownControl(UnknownControl { link: Self::link(pool, random) }),
            Forgery::MajorityRemove | Forgery::MajorityAppoint => self.act(pool, what, author, key, random),
            Forgery::Add => {
                let invite = Self::invite(pool, random);
                Body::Add(Add { key, name, invite, control: Self::link(pool, random).previous })
            }
            Forgery::Invite => {
                let uses = random.below(3) as u32;
                let ends = pool.now_us / 1000 + 1_000_000 * random.below(3) as u64;
                let key = DeviceKey::from_seed(&[200 + random.below(4) as u8; 32]).public();
                Body::Invite(Invite { key, expires_at_ms: ends, uses })
            }
            Forgery::Leave => {
                let own = self.keys[author].public();
                let acts = pool.acts();
                let adds = acts.iter().filter(|act| act.body.lets_in().is_some_and(|(key, _)| key == own));
                let mut adds: Vec<EntryId> = adds.map(|act| act.id).collect();
                adds.extend(acts.iter().filter_map(|act| match &act.body {
                    Body::Appoint(appoint) if appoint.key == own => Some(place(pool.room, act)),
                    _ => None,
                }));
                adds.push(pool.room.creation());
                let all = random.below(2) == 0;
                adds.retain(|_| all || random.below(2) == 0);
                Body::Leave(Leave { adds, cuts: Self::cuts(pool, own, random) })
            }
            Forgery::Cast => {
                let ballot = self.ballot(pool, None, key, random);
                let signature = self.keys[author].sign(Context::Vote, &cbor::encode(&ballot));
                let Ballot { previous, epoch, kind, subject, .. } = ballot;
                Body::Vote(Cast { previous, epoch, kind, subject, signature })
            }
            Forgery::Text => Body::Text(Text { text: format!("forged {}", self.logs), reply_to: None }),
        }
    }

    /// One that others signed, mostly; else a new one.
    fn ballot(&self, pool: &Pool, kind: Option<Kind>, subject: PublicKey, random: &mut Seeded) -> Ballot {
        let known: Vec<Ballot> = pool.votes().into_values().map(|(ballot, _)| ballot).collect();
        let known: Vec<Ballot> =
            known.into_iter().filter(|ballot| kind.is_none_or(|kind| ballot.kind == kind.number())).collect();
        if !known.is_empty() && random.below(3) > 0 {
            return known[random.below(known.len())].clone();
        }
        let Link { previous, epoch, .. } = Self::link(pool, random);
        let kind = kind.unwrap_or(if random.below(2) == 0 { Kind::Remove } else { Kind::Appoint }).number();
        Ballot { room: pool.room.creation(), previous, epoch: epoch + 1, kind, subject }
    }

    /// An owner's with the vote of at least one other, else its own vote for it.
    fn act(&self, pool: &Pool, what: Forgery, author: usize, subject: PublicKey, random: &mut Seeded) -> Body {
        let kind = if what == Forgery::MajorityRemove { Kind::Remove } else { Kind::Appoint };
        let ballot = self.ballot(pool, Some(kind), subject, random);
        let mut votes = pool.votes().remove(&ballot.id()).map(|(_, votes)| votes).unwrap_or_default();
        let few = random.below(4) == 0;
        votes.retain(|_, _| !few || random.below(2) == 0);
        let own = |voter: &PublicKey| self.keys.iter().any(|key| key.public() == *voter);
        if self.owner && votes.keys().all(own) {
            return self.body(pool, Forgery::Cast, author, random);
        }
        for key in &self.keys {
            votes.insert(key.public(), key.sign(Context::Vote, &cbor::encode(&ballot)));
        }
        let votes = votes.into_iter().map(|(voter, signature)| Vote { voter, signature }).collect();
        let (link, key) = (Link { previous: ballot.previous, epoch: ballot.epoch, votes }, ballot.subject);
        match kind {
            Kind::Remove => Body::Remove(Remove { link, key, cuts: Self::cuts(pool, key, random) }),
            _ => Body::Appoint(Appoint { link, key }),
        }
    }

    fn invite(pool: &Pool, random: &mut Seeded) -> Option<EntryId> {
        let invites: Vec<EntryId> =
            pool.entries.values().filter(|entry| entry.header.kind() == Kind::Invite).map(|entry| entry.id).collect();
        if invites.is_empty() || random.below(2) == 0 {
            return None;
        }
        Some(invites[random.below(invites.len())])
    }

    /// Of some of a device's logs, up to anything: what it wrote last, what it wrote before, what nobody wrote.
    fn cuts(pool: &Pool, key: PublicKey, random: &mut Seeded) -> Vec<Cut> {
        let mut logs: BTreeMap<LogId, Vec<(u64, EntryId)>> = BTreeMap::new();
        for entry in pool.entries.values().filter(|entry| entry.header.author == key) {
            logs.entry(entry.header.log).or_default().push((entry.header.seq, entry.id));
        }
        let mut cuts = Vec::new();
        let all = random.below(3) == 0;
        for (log, mut entries) in logs {
            entries.sort_unstable();
            if !all && random.below(4) == 0 {
                continue;
            }
            let (seq, id) = match random.below(if all { 1 } else { 6 }) {
                0..4 => entries[entries.len() - 1],
                4 => entries[random.below(entries.len())],
                _ => (1 + random.below(6) as u64, EntryId::new([random.below(256) as u8; 32])),
            };
            cuts.push(Cut { log, seq, id });
        }
        cuts
    }

    fn write(&mut self, pool: &Pool, author: usize, body: &Body, random: &mut Seeded) -> Entry {
        let key = &self.keys[author];
        let own = key.public();
        let (number, encoded) = match body {
            Body::UnknownControl(unknown) => (7, [[0; SALT_BYTES].as_slice(), &cbor::encode(unknown)].concat()),
            body => (body.kind().number(), body.encode([0; SALT_BYTES])),
        };
        let lane = Kind::from_number(number).lane();
        let mut logs: BTreeMap<LogKey, Vec<&Entry>> = BTreeMap::new();
        for entry in pool.entries.values().filter(|entry| entry.header.author == own && entry.header.lane() == lane) {
            logs.entry(entry.header.log_key()).or_default().push(entry);
        }
        let logs: Vec<(LogKey, Vec<&Entry>)> = logs.into_iter().collect();
        let before = match random.below(8) {
            0 | 1 => None,
            _ if logs.is_empty() => None,
            2 => {
                let (_, entries) = &logs[random.below(logs.len())];
                Some(entries[random.below(entries.len())])
            }
            _ => {
                let (_, entries) = &logs[random.below(logs.len())];
                entries.iter().max_by_key(|entry| (entry.header.seq, entry.id)).copied()
            }
        };
        let after = before.map_or(0, |before| before.header.timestamp_us);
        let at = match random.below(6) {
            0 => 1,
            1 => pool.now_us.saturating_sub(20_000_000 * random.below(4) as u64),
            2 => pool.now_us + 60_000_000,
            _ => pool.now_us,
        };
        let log = match before {
            Some(before) => before.header.log,
            None => {
                self.logs += 1;
                let id = Hash::of(&[self.logs.to_be_bytes().as_slice(), &[author as u8]].concat());
                LogId::from_slice(&id.as_bytes()[..16]).unwrap().of_lane(lane)
            }
        };
        let header = Header {
            room: Some(pool.room),
            author: own,
            log,
            seq: before.map_or(1, |before| before.header.seq + 1),
            previous: before.map(|before| before.id),
            timestamp_us: at.max(after + 1),
            kind: number,
            body_hash: Hash::of(&encoded),
            body_bytes: encoded.len() as u32,
            add: before.is_none().then(|| Self::add(pool, own, random)),
        };
        let mut entry = Entry::write(header, encoded);
        entry.sign(key);
        entry
    }

    /// What a log is said to be written under: one of the author's own adds, with few exceptions.
    fn add(pool: &Pool, own: PublicKey, random: &mut Seeded) -> EntryId {
        let acts = pool.acts();
        let mut adds: Vec<EntryId> =
            acts.iter().filter(|act| act.body.lets_in().is_some_and(|(key, _)| key == own)).map(|act| act.id).collect();
        let created = pool.entries.get(&pool.room.creation()).is_some_and(|entry| entry.header.author == own);
        if created || adds.is_empty() || random.below(12) == 0 {
            adds.push(pool.room.creation());
        }
        adds[random.below(adds.len())]
    }
}

/// An entry with all that stands before it in its log, and what follows up to a signature.
pub(crate) fn with_its_log(pool: &Pool, entry: &Entry) -> Vec<Entry> {
    let mut entries = vec![entry.clone()];
    while let Some(before) = entries.last().and_then(|entry| pool.entries.get(&entry.header.previous?)) {
        entries.push(before.clone());
    }
    entries.reverse();
    while let Some(last) = entries.last().filter(|last| last.signature.is_none()) {
        let id = last.id;
        let Some(next) = pool.entries.values().find(|entry| entry.header.previous == Some(id)) else { break };
        entries.push(next.clone());
    }
    entries
}
