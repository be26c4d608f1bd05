//! What a membership entry surely changes about which logs count, found without evaluating who belongs anew: a batch may
//! bring hundreds of adds, each under the one before it.

use std::collections::BTreeSet;

use crate::body::Body;
use crate::id::EntryId;
use crate::identity::PublicKey;
use crate::limits;
use crate::membership::{Act, Added, Invited, Limit, Membership};
use crate::room::Room;

/// Whose logs may count otherwise than was found: by what was taken since who belongs was evaluated.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    about_all: bool,
    about: BTreeSet<PublicKey>,
    /// How often it was settled in this batch.
    settled: usize,
}

impl Doubt {
    fn is_about(&self, author: &PublicKey) -> bool {
        self.about_all || self.about.contains(author)
    }
}

impl Room {
    /// A batch begins.
    pub(crate) fn begin_batch(&mut self) {
        self.doubt.settled = 0;
    }

    /// Who belongs was evaluated.
    pub(crate) fn settle_doubt(&mut self) {
        self.doubt.about_all = false;
        self.doubt.about.clear();
    }

    /// Sees to it that what is known of whose logs count holds for this author. Beyond so many times in one batch, what
    /// comes is taken as if it had come before that by which it may count otherwise.
    pub(crate) fn evaluate_for(&mut self, author: &PublicKey) {
        if self.doubt.is_about(author) && self.doubt.settled < limits::EVALUATIONS {
            self.doubt.settled += 1;
            self.evaluate();
        }
    }

    /// Notes an entry that was taken, of a log under this add.
    pub(crate) fn foresee(&mut self, act: Act, add: EntryId) {
        match self.membership.as_mut() {
            Some(membership) => membership.foresee(&act, add, &mut self.doubt),
            None => self.doubt.about_all = true,
        }
        self.acts.insert(act.id, act);
        self.stale = true;
    }
}

impl Membership {
    fn foresee(&mut self, act: &Act, add: EntryId, doubt: &mut Doubt) {
        let author = act.header.author;
        let limit = self.limit(act.header.log_key(), add);
        // With an entry by which its log is cut, all counts that stands before it.
        doubt.about_all |= limit.as_ref().is_some_and(|limit| limit.names(act.header.seq, act.id));
        let counts = limit == Some(Limit::All);
        doubt.about_all |= self.expected.contains(&act.place());
        if matches!(act.body, Body::Add(_) | Body::Invite(_)) {
            self.sponsors.insert(author);
        }
        match &act.body {
            Body::Invite(invite) if counts => {
                self.invites.insert(act.id, Invited::of(invite));
            }
            Body::Add(add) if counts => self.foresee_add(act, add.key, add.invite, doubt),
            Body::Leave(_) => {
                doubt.about_all |= self.owned.contains(&author);
                self.foresee_end(author, doubt);
            }
            Body::Create(_) => doubt.about_all = true,
            _ => self.foresee_link(act, doubt),
        }
    }

    fn foresee_add(&mut self, act: &Act, key: PublicKey, invite: Option<EntryId>, doubt: &mut Doubt) {
        let at_us = act.header.timestamp_us;
        if let Some(invite) = invite {
            let Some(invited) = self.invites.get_mut(&invite) else {
                self.expected.insert(invite);
                return;
            };
            if !invited.admits(key, at_us) {
                // Where it is used up, an add that was written before others takes the place of one of them.
                doubt.about_all |= at_us / 1000 <= invited.expires_at_ms;
                return;
            }
            invited.used_by.insert(key);
        }
        if self.gone.contains(&key) {
            doubt.about.insert(key);
        }
        let added = Added {
            key,
            by: act.header.author,
            name: String::new(),
            at_us,
            introduces: false,
            position: 0,
            ends: Vec::new(),
        };
        self.adds.insert(act.id, added);
    }

    /// Somebody was removed or left.
    fn foresee_end(&mut self, key: PublicKey, doubt: &mut Doubt) {
        // Acts of the majority may wait for one less, and whom it added may not have been added any more.
        doubt.about_all |= self.contested || self.sponsors.contains(&key);
        doubt.about.insert(key);
        self.gone.insert(key);
    }

    fn foresee_link(&mut self, act: &Act, doubt: &mut Doubt) {
        let Some(link) = act.body.link() else { return };
        let author = act.header.author;
        if let Body::Remove(remove) = &act.body {
            doubt.about_all |= self.scribes.contains(&remove.key);
        }
        let by_owner = self.owned.contains(&author);
        if let Body::Appoint(appoint) = &act.body {
            self.owned.insert(appoint.key);
        }
        if !by_owner && act.votes.is_empty() {
            return; // it is nothing to anybody
        }
        let goes_on = link.votes.is_empty()
            && (link.previous, link.epoch) == (self.head, self.epoch)
            && self.frozen.is_none()
            && author == self.owner
            && !self.owner_removed
            && !self.gone.contains(&author);
        match &act.body {
            Body::Admit(admit) if goes_on => self.foresee_add(act, admit.key, admit.invite, doubt),
            Body::Remove(remove) if goes_on => {
                doubt.about_all |= remove.key == author;
                self.foresee_end(remove.key, doubt);
            }
            Body::Settings(_) | Body::Beacon(_) if goes_on => {}
            _ => doubt.about_all = true,
        }
        if goes_on {
            self.head = act.id;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::body::{
        Add, Admit, Appoint, Ballot, Beacon, ChangeSettings, Create, Cut, Invite, Leave, Link, MayAdd, Remove,
        SALT_BYTES, Settings, Vote,
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
        let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.15), prop::bool::weighted(0.2));
        (by, 0..DEVICES, what, back, flags).prop_map(|(by, about, what, back, (early, anew, evaluated))| Written {
            by,
            about,
            what,
            back,
            early,
            anew,
            evaluated,
        })
    }

    fn key(who: u8) -> DeviceKey {
        DeviceKey::from_seed(&[who + 1; 32])
    }

    /// Which log somebody writes, the add that it is written under, and its tip.
    type Current = (LogId, EntryId, Option<(u64, EntryId)>);

    struct Book {
        room: Room,
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
            book.take(0, act);
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

        fn take(&mut self, by: u8, act: Act) {
            let (_, add, tip) = self.current.get_mut(&by).unwrap();
            *tip = Some((act.header.seq, act.id));
            let add = if act.header.previous.is_none() && act.header.add.is_none() { act.id } else { *add };
            self.current.get_mut(&by).unwrap().1 = add;
            if act.header.seq == 1 {
                self.all.push((act.header.log_key(), add));
            }
            self.room.foresee(act, add);
        }

        fn fresh(&self) -> Membership {
            Membership::evaluate(self.room.id, &self.room.acts).unwrap()
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
                What::Add { invited } => {
                    Body::Add(Add { key: about, name, invite: invite(invited), control: previous })
                }
                What::Invite { uses } => Body::Invite(Invite {
                    key: about,
                    expires_at_ms: if uses == 2 { 9000 } else { u64::MAX >> 1 },
                    uses,
                }),
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
            self.take(step.by, act);
            let fresh = self.fresh();
            let foreseen = self.room.membership.as_ref().unwrap();
            let adds = self.adds.iter().flat_map(|(who, adds)| adds.iter().map(|add| (*who, *add)));
            let to_come = adds.map(|(who, add)| (LogKey { author: key(who).public(), log: LogId::new([99; 16]) }, add));
            for (log, add) in self.all.iter().copied().chain(to_come) {
                if !self.room.doubt.is_about(&log.author) {
                    assert_eq!(foreseen.limit(log, add), fresh.limit(log, add), "{step:?}");
                }
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
        }
    }

    #[test]
    fn adds_one_under_the_other_need_no_evaluating() {
        let mut book = Book::new();
        let quiet = |by, about, what| Written { by, about, what, back: 0, early: false, anew: false, evaluated: false };
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
}
