//! What is foreseen, held against what evaluating finds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::body::{
    Add, Admit, Appoint, Ballot, Beacon, ChangeSettings, Create, Cut, Invite, Leave, Link, MayAdd, Remove, SALT_BYTES,
    Settings, Vote,
};
use crate::cbor;
use crate::entry::{Entry, Header, LogKey};
use crate::id::{Hash, LogId, RoomId};
use crate::identity::{Context, DeviceKey};
use crate::kind::{Kind, Lane};

const DEVICES: u8 = 6;

/// Something that one device writes. What it names is picked from what there is, mostly the newest.
#[derive(Clone, Copy, Debug)]
enum What {
    Admit {
        invited: bool,
    },
    Add {
        invited: bool,
    },
    Invite {
        uses: u32,
    },
    Remove,
    Leave,
    Appoint,
    Settings,
    Beacon,
    Unknown,
    /// With the votes of these.
    ByMajority {
        remove: bool,
        voters: u8,
    },
}

#[derive(Clone, Copy, Debug)]
struct Written {
    by: u8,
    about: u8,
    what: What,
    /// How far back from the newest place what it names stands.
    back: usize,
    /// Whether time goes back.
    early: bool,
    /// Whether it begins a log of its own.
    anew: bool,
    /// Whether it comes only with what its log goes on with, or at the end.
    late: bool,
    /// Whether who belongs is evaluated after it.
    evaluated: bool,
}

fn written() -> impl Strategy<Value = Written> {
    let what = prop_oneof![
        6 => any::<bool>().prop_map(|invited| What::Admit { invited }),
        6 => any::<bool>().prop_map(|invited| What::Add { invited }),
        3 => (1..3_u32).prop_map(|uses| What::Invite { uses }),
        3 => Just(What::Remove),
        2 => Just(What::Leave),
        2 => Just(What::Appoint),
        1 => Just(What::Settings),
        1 => Just(What::Beacon),
        1 => Just(What::Unknown),
        3 => (any::<bool>(), any::<u8>()).prop_map(|(remove, voters)| What::ByMajority { remove, voters }),
    ];
    let by = prop_oneof![2 => Just(0), 3 => 0..DEVICES];
    let back = prop_oneof![5 => Just(0_usize), 1 => 1..4_usize];
    let flags = (0.1, 0.15, 0.15, 0.2);
    let flag = prop::bool::weighted;
    let flags = (flag(flags.0), flag(flags.1), flag(flags.2), flag(flags.3));
    (by, 0..DEVICES, what, back, flags).prop_map(|(by, about, what, back, (early, anew, late, evaluated))| Written {
        by,
        about,
        what,
        back,
        early,
        anew,
        late,
        evaluated,
    })
}

fn key(who: u8) -> DeviceKey {
    DeviceKey::from_seed(&[who + 1; 32])
}

/// Which log somebody writes, the add that it is written under, and its tip.
type Current = (LogId, EntryId, Option<(u64, EntryId)>);

struct Book {
    /// What one device has of it.
    room: Room,
    /// All there is.
    written: BTreeMap<EntryId, Act>,
    /// Of each log, what is still to come to that device, with the add that it is under.
    waiting: BTreeMap<LogKey, Vec<(Act, EntryId)>>,
    /// Logs of which it did not take something.
    refused: BTreeSet<LogKey>,
    time_us: u64,
    logs: u8,
    /// Of each device: its log, the add that it is under, and its tip.
    current: BTreeMap<u8, Current>,
    all: Vec<(LogKey, EntryId)>,
    adds: BTreeMap<u8, Vec<EntryId>>,
    invites: Vec<EntryId>,
    places: Vec<EntryId>,
}

impl Book {
    fn new() -> Self {
        let settings = Settings { name: "home".into(), may_add: MayAdd::Members, retention_ms: None };
        let create = Create { nonce: Hash::new([5; 32]), settings, beacon: Hash::new([6; 32]) };
        let mut book = Self {
            room: Room::empty(RoomId::new([0; 32])),
            written: BTreeMap::new(),
            waiting: BTreeMap::new(),
            refused: BTreeSet::new(),
            time_us: 1_000_000,
            logs: 1,
            current: BTreeMap::from([(0, (LogId::new([1; 16]), EntryId::new([0; 32]), None))]),
            all: Vec::new(),
            adds: BTreeMap::new(),
            invites: Vec::new(),
            places: Vec::new(),
        };
        let act = book.act(0, &Body::Create(create), None, false);
        book.room.id = RoomId::of_creation(act.id);
        book.adds.insert(0, vec![act.id]);
        book.places.push(act.id);
        let log = book.write(0, act);
        book.deliver(log);
        book.room.evaluate();
        book
    }

    fn act(&mut self, by: u8, body: &Body, kind: Option<u16>, early: bool) -> Act {
        self.time_us += 1_000_000;
        let bytes = body.encode([0; SALT_BYTES]);
        let (log, add, tip) = self.current[&by];
        let creation = matches!(body, Body::Create(_));
        Act::of(&Entry::write(
            Header {
                room: (!creation).then_some(self.room.id),
                author: key(by).public(),
                log,
                seq: tip.map_or(1, |(seq, _)| seq + 1),
                previous: tip.map(|(_, id)| id),
                timestamp_us: if early { self.time_us / 2 } else { self.time_us },
                kind: kind.unwrap_or(body.kind().number()),
                body_hash: Hash::of(&bytes),
                body_bytes: bytes.len() as u32,
                add: (tip.is_none() && !creation).then_some(add),
            },
            bytes,
        ))
    }

    fn write(&mut self, by: u8, act: Act) -> LogKey {
        let (_, add, tip) = self.current.get_mut(&by).unwrap();
        *tip = Some((act.header.seq, act.id));
        let add = if act.header.previous.is_none() && act.header.add.is_none() { act.id } else { *add };
        self.current.get_mut(&by).unwrap().1 = add;
        let log = act.header.log_key();
        if act.header.seq == 1 {
            self.all.push((log, add));
        }
        self.written.insert(act.id, act.clone());
        self.waiting.entry(log).or_default().push((act, add));
        log
    }

    /// What of a log was written comes, as far as it counts.
    fn deliver(&mut self, log: LogKey) {
        for (act, add) in self.waiting.remove(&log).unwrap_or_default() {
            let creation = matches!(act.body, Body::Create(_));
            self.room.begin_batch();
            self.room.evaluate_for(&log.author);
            let limit = self.room.membership.as_ref().and_then(|held| held.limit(log, add));
            if self.refused.contains(&log)
                || !(creation || limit.is_some_and(|limit| limit.admits(act.header.seq, act.id)))
            {
                self.refused.insert(log);
                return;
            }
            self.room.foresee(act, add, false);
            if !creation {
                self.check();
            }
        }
    }

    fn check(&self) {
        let fresh = Membership::evaluate(self.room.id, &self.room.acts).unwrap();
        let foreseen = self.room.membership.as_ref().unwrap();
        let adds = self.adds.iter().flat_map(|(who, adds)| adds.iter().map(|add| (*who, *add)));
        let to_come = adds.map(|(who, add)| (LogKey { author: key(who).public(), log: LogId::new([99; 16]) }, add));
        for (log, add) in self.all.iter().copied().chain(to_come) {
            if !self.room.doubt.is_about(&log.author) {
                assert_eq!(foreseen.limit(log, add), fresh.limit(log, add));
            }
        }
    }

    fn fresh(&self) -> Membership {
        Membership::evaluate(self.room.id, &self.written).unwrap()
    }

    fn body(&self, now: &Membership, step: &Written) -> Body {
        let from_end = |list: &[EntryId]| list.iter().rev().nth(step.back).or(list.first()).copied();
        let previous = if step.back == 0 { now.head } else { from_end(&self.places).unwrap() };
        let link = Link { previous, epoch: now.epoch, votes: Vec::new() };
        let about = key(step.about).public();
        let cuts = || {
            let (log, _, tip) = self.current.get(&step.about)?;
            tip.map(|(seq, id)| Cut { log: *log, seq, id })
        };
        let invite = |invited: bool| self.invites.iter().rev().nth(step.back).copied().filter(|_| invited);
        let name = String::from("x");
        match step.what {
            What::Admit { invited } => Body::Admit(Admit { link, key: about, name, invite: invite(invited) }),
            What::Add { invited } => Body::Add(Add { key: about, name, invite: invite(invited), control: previous }),
            What::Invite { uses } => {
                Body::Invite(Invite { key: about, expires_at_ms: if uses == 2 { 9000 } else { u64::MAX >> 1 }, uses })
            }
            What::Remove => Body::Remove(Remove { link, key: about, cuts: cuts().into_iter().collect() }),
            What::Leave => {
                let adds = self.adds.get(&step.by).cloned().unwrap_or_default();
                Body::Leave(Leave { adds, cuts: Vec::new() })
            }
            What::Appoint | What::Unknown => Body::Appoint(Appoint { link, key: about }),
            What::Settings => {
                let settings = Settings { name, may_add: MayAdd::Members, retention_ms: None };
                Body::Settings(ChangeSettings { link, settings })
            }
            What::Beacon => Body::Beacon(Beacon { link, key: Hash::new([7; 32]) }),
            What::ByMajority { remove, voters } => {
                let epoch = now.epoch + 1;
                let kind = if remove { Kind::Remove } else { Kind::Appoint };
                let room = self.room.id.creation();
                let ballot = Ballot { room, previous, epoch, kind: kind.number(), subject: about };
                let bytes = cbor::encode(&ballot);
                let votes = (0..DEVICES)
                    .filter(|who| (voters >> who) & 1 == 1)
                    .map(|who| Vote { voter: key(who).public(), signature: key(who).sign(Context::Vote, &bytes) });
                let link = Link { previous, epoch, votes: votes.collect() };
                if remove {
                    Body::Remove(Remove { link, key: about, cuts: cuts().into_iter().collect() })
                } else {
                    Body::Appoint(Appoint { link, key: about })
                }
            }
        }
    }

    fn step(&mut self, step: &Written) {
        let now = self.fresh();
        let author = key(step.by).public();
        let add = now.members.get(&author).map(|member| member.add);
        if let Some(add) = add.filter(|_| step.anew || !self.current.contains_key(&step.by)) {
            self.logs += 1;
            self.current.insert(step.by, (LogId::new([self.logs; 16]), add, None));
        }
        let Some((log, add, _)) = self.current.get(&step.by).copied() else { return };
        let kind = matches!(step.what, What::Unknown).then_some(31);
        let body = self.body(&now, step);
        let early = step.early && matches!(body, Body::Add(_));
        let act = self.act(step.by, &body, kind, early);
        // What does not count is not taken.
        let limit = now.limit(LogKey { author, log }, add);
        if !limit.is_some_and(|limit| limit.admits(act.header.seq, act.id)) {
            return;
        }
        match &body {
            Body::Admit(_) | Body::Add(_) => self.adds.entry(step.about).or_default().push(act.id),
            Body::Invite(_) => self.invites.push(act.id),
            _ => {}
        }
        if act.header.kind().is_control() {
            self.places.push(act.place());
        }
        let log = self.write(step.by, act);
        if !step.late {
            self.deliver(log);
        }
        if step.evaluated {
            self.room.evaluate();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_foreseen_is_what_evaluating_finds(steps in proptest::collection::vec(written(), 1..60)) {
        let mut book = Book::new();
        for step in &steps {
            book.step(step);
        }
        for log in book.waiting.keys().copied().collect::<Vec<_>>() {
            book.deliver(log);
        }
    }
}

fn quiet(by: u8, about: u8, what: What) -> Written {
    Written { by, about, what, back: 0, early: false, anew: false, late: false, evaluated: false }
}

/// The owner let frank in beside an act of the majority, and is removed with a cut before that.
#[test]
fn whom_an_owner_let_in_beside_the_chain_may_be_none_once_that_is_cut_off() {
    let mut book = Book::new();
    for who in 1..4 {
        book.step(&quiet(0, who, What::Admit { invited: false }));
    }
    book.step(&Written { back: 0, ..quiet(1, 1, What::ByMajority { remove: false, voters: 0b1110 }) });
    book.step(&Written { back: 1, ..quiet(0, 5, What::Admit { invited: false }) });
    book.room.evaluate();
    let frank = *book.adds[&5].last().unwrap();
    assert!(book.room.membership.as_ref().unwrap().adds.contains_key(&frank));
    // Up to before it.
    let now = book.fresh();
    let link = Link { previous: now.head, epoch: now.epoch, votes: Vec::new() };
    let before = book.room.acts[&frank].header.previous.unwrap();
    let (log, ..) = book.current[&0];
    let seq = book.room.acts[&before].header.seq;
    let remove = Remove { link, key: key(0).public(), cuts: vec![Cut { log, seq, id: before }] };
    let act = book.act(1, &Body::Remove(remove), None, false);
    let log = book.write(1, act);
    book.deliver(log);
    assert!(book.room.doubt.is_about(&key(5).public()));
}

/// What an owner wrote comes before what made it one.
#[test]
fn what_builds_on_what_is_still_to_come_is_doubted_when_it_comes() {
    let mut book = Book::new();
    for who in 1..4 {
        book.step(&quiet(0, who, What::Admit { invited: false }));
    }
    book.step(&quiet(1, 4, What::Invite { uses: 1 }));
    book.room.evaluate();
    let now = book.fresh();
    let link = Link { previous: now.head, epoch: now.epoch, votes: Vec::new() };
    let appoint = book.act(1, &Body::Appoint(Appoint { link, key: key(2).public() }), None, false);
    let link = Link { previous: appoint.id, epoch: now.epoch, votes: Vec::new() };
    let admit = Admit { link, key: key(5).public(), name: "x".into(), invite: None };
    book.current.insert(2, (LogId::new([50; 16]), *book.adds[&2].last().unwrap(), None));
    let admit = book.act(2, &Body::Admit(admit), None, false);
    book.adds.entry(5).or_default().push(admit.id);
    for (by, act) in [(2, admit), (1, appoint)] {
        let log = book.write(by, act);
        book.deliver(log);
    }
}

#[test]
fn adds_one_under_the_other_need_no_evaluating() {
    let mut book = Book::new();
    book.step(&quiet(0, 1, What::Admit { invited: false }));
    book.step(&quiet(1, 0, What::Invite { uses: 5 }));
    for who in 1..DEVICES - 1 {
        book.step(&quiet(who, who + 1, What::Add { invited: who % 2 == 0 }));
    }
    let doubt = &book.room.doubt;
    assert!(!doubt.about_all && doubt.about.is_empty());
    assert_eq!(book.room.logs.get(Lane::Membership).len(), 0, "logs are not what is judged here");
    assert_eq!(book.fresh().members.len(), usize::from(DEVICES));
    // Erin added nobody: it is about her alone.
    let erin = key(DEVICES - 1).public();
    book.step(&quiet(0, DEVICES - 1, What::Remove));
    assert!(book.room.doubt.is_about(&erin) && !book.room.doubt.is_about(&key(2).public()));
    book.room.evaluate_for(&key(2).public());
    assert!(book.room.doubt.is_about(&erin));
    for _ in 0..limits::EVALUATIONS + 1 {
        book.room.evaluate_for(&erin);
        book.room.doubt.about.insert(erin);
    }
    assert_eq!(book.room.doubt.settled, limits::EVALUATIONS);
}
