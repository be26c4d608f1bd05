//! Who belongs, from the entries alone: the control chain, acts of the majority, what freezes, what is void.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;

use lanline_protocol::body::{
    Add, Admit, Appoint, Ballot, Body, Cast, ChangeSettings, Create, Cut, Invite, Leave, Link, MayAdd, Remove,
    SALT_BYTES, Settings, Vote,
};
use lanline_protocol::cbor;
use lanline_protocol::entry::{Entry, Header, LogKey};
use lanline_protocol::id::{EntryId, Hash, LogId, RoomId};
use lanline_protocol::identity::{Context, DeviceKey, PublicKey};
use lanline_protocol::kind::Kind;
use lanline_protocol::membership::{Act, Frozen, Limit, Membership, Role};

/// A room's membership entries, written by hand.
struct Notes {
    room: RoomId,
    acts: BTreeMap<EntryId, Act>,
    tips: BTreeMap<u8, (u64, EntryId)>,
    adds: BTreeMap<u8, EntryId>,
    time: u64,
}

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;
const DAVE: u8 = 4;

fn key(who: u8) -> DeviceKey {
    DeviceKey::from_seed(&[who; 32])
}

fn public(who: u8) -> PublicKey {
    key(who).public()
}

fn settings(may_add: MayAdd) -> Settings {
    Settings { name: "home".into(), may_add, retention_ms: None }
}

impl Notes {
    /// A room of alice's.
    fn new() -> Self {
        let mut notes = Self {
            room: RoomId::new([0; 32]),
            acts: BTreeMap::new(),
            tips: BTreeMap::new(),
            adds: BTreeMap::new(),
            time: 1_000_000,
        };
        let create =
            Create { nonce: Hash::new([5; 32]), settings: settings(MayAdd::Members), beacon: Hash::new([6; 32]) };
        let id = notes.write(ALICE, &Body::Create(create), None);
        notes.room = RoomId::of_creation(id);
        notes.adds.insert(ALICE, id);
        notes
    }

    fn write(&mut self, who: u8, body: &Body, kind: Option<u16>) -> EntryId {
        self.time += 1_000_000;
        let bytes = body.encode([0; SALT_BYTES]);
        let kind = kind.unwrap_or(body.kind().number());
        let tip = self.tips.get(&who).copied();
        let creation = kind == Kind::Create.number();
        let header = Header {
            room: (!creation).then_some(self.room),
            author: public(who),
            log: LogId::new([who; 16]),
            seq: tip.map_or(1, |(seq, _)| seq + 1),
            previous: tip.map(|(_, id)| id),
            timestamp_us: self.time,
            kind,
            body_hash: Hash::of(&bytes),
            body_bytes: bytes.len() as u32,
            add: (tip.is_none() && !creation).then(|| self.adds[&who]),
        };
        let entry = Entry::write(header, bytes);
        self.tips.insert(who, (entry.header.seq, entry.id));
        self.acts.insert(entry.id, Act::of(&entry));
        entry.id
    }

    fn now(&self) -> Membership {
        Membership::evaluate(self.room, &self.acts).unwrap()
    }

    fn link(&self) -> Link {
        let now = self.now();
        Link { previous: now.head, epoch: now.epoch, votes: Vec::new() }
    }

    fn admit(&mut self, who: u8) -> EntryId {
        let body = Body::Admit(Admit { link: self.link(), key: public(who), name: "x".into(), invite: None });
        let id = self.write(ALICE, &body, None);
        self.adds.insert(who, id);
        id
    }

    fn add(&mut self, by: u8, who: u8, invite: Option<EntryId>) -> EntryId {
        let control = self.now().head;
        let body = Body::Add(Add { key: public(who), name: "x".into(), invite, control });
        let id = self.write(by, &body, None);
        self.adds.entry(who).or_insert(id);
        id
    }

    fn remove(&mut self, who: u8) {
        let cuts = self.tips.get(&who).map(|(seq, id)| Cut { log: LogId::new([who; 16]), seq: *seq, id: *id });
        let body = Body::Remove(Remove { link: self.link(), key: public(who), cuts: cuts.into_iter().collect() });
        self.write(ALICE, &body, None);
    }

    /// As [`Notes::remove`], of bob, with another id in the place of his last entry's.
    fn remove_bob(&mut self, made_up: Option<EntryId>) {
        let (seq, id) = self.tips[&BOB];
        let cut = Cut { log: LogId::new([BOB; 16]), seq, id: made_up.unwrap_or(id) };
        let body = Body::Remove(Remove { link: self.link(), key: public(BOB), cuts: vec![cut] });
        self.write(ALICE, &body, None);
    }

    /// An act of the majority on a control entry, signed by these.
    fn act(&mut self, writer: u8, voters: &[u8], previous: EntryId, epoch: u32, appoint: u8) -> EntryId {
        let ballot = cbor::encode(&Ballot {
            room: self.room.creation(),
            previous,
            epoch,
            kind: Kind::Appoint.number(),
            subject: public(appoint),
        });
        let votes = voters
            .iter()
            .map(|voter| Vote { voter: public(*voter), signature: key(*voter).sign(Context::Vote, &ballot) })
            .collect();
        let body = Body::Appoint(Appoint { link: Link { previous, epoch, votes }, key: public(appoint) });
        self.write(writer, &body, None)
    }

    fn is_member(&self, who: u8) -> bool {
        self.now().is_member(&public(who))
    }
}

#[test]
fn the_owner_admits_and_removes() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    assert_eq!(notes.now().role(&public(BOB)), Some(Role::Member));
    assert_eq!(notes.now().role(&public(ALICE)), Some(Role::Owner));
    notes.remove(BOB);
    assert!(!notes.is_member(BOB));
    assert!(notes.now().was_member(&public(BOB)));
    notes.admit(BOB);
    assert!(notes.is_member(BOB));
}

#[test]
fn what_a_stranger_or_a_plain_member_writes_into_the_chain_counts_for_nothing() {
    let mut notes = Notes::new();
    let bob = notes.admit(BOB);
    let link = notes.link();
    let before = notes.now().head;
    notes.write(
        BOB,
        &Body::Admit(Admit { link: link.clone(), key: public(DAVE), name: "x".into(), invite: None }),
        None,
    );
    notes.write(BOB, &Body::Remove(Remove { link: link.clone(), key: public(ALICE), cuts: Vec::new() }), None);
    notes.adds.insert(CAROL, bob);
    notes.write(CAROL, &Body::Appoint(Appoint { link, key: public(CAROL) }), None);
    let now = notes.now();
    assert_eq!((now.head, now.owner, now.frozen), (before, public(ALICE), None));
    assert!(!notes.is_member(DAVE));
    assert!(notes.is_member(ALICE));
}

#[test]
fn an_unknown_control_kind_freezes_the_chain_and_a_members_does_not() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    let link = notes.link();
    notes.write(BOB, &Body::Appoint(Appoint { link: link.clone(), key: public(BOB) }), Some(31));
    assert_eq!(notes.now().frozen, None);
    notes.write(ALICE, &Body::Appoint(Appoint { link, key: public(BOB) }), Some(31));
    let frozen = notes.now();
    assert_eq!(frozen.frozen, Some(Frozen::NewerVersion));
    assert!(frozen.is_member(&public(BOB)));
}

#[test]
fn an_owner_who_forks_the_chain_freezes_it_until_the_majority_acts() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let (link, head) = (notes.link(), notes.now().head);
    let change = |name: &str| Settings { name: name.into(), ..settings(MayAdd::Members) };
    notes.write(ALICE, &Body::Settings(ChangeSettings { link: link.clone(), settings: change("one") }), None);
    notes.write(ALICE, &Body::Settings(ChangeSettings { link, settings: change("two") }), None);
    assert_eq!(notes.now().frozen, Some(Frozen::Forked));
    assert_eq!(notes.now().settings.name, "home");
    let too_few = notes.act(BOB, &[BOB], head, 1, BOB);
    assert_eq!(notes.now().frozen, Some(Frozen::Forked), "{too_few} is signed by one of three");
    notes.act(BOB, &[BOB, CAROL], head, 1, BOB);
    let now = notes.now();
    assert_eq!((now.frozen, now.owner, now.epoch), (None, public(BOB), 1));
    assert_eq!(now.role(&public(ALICE)), Some(Role::Member));
}

#[test]
fn an_act_of_the_majority_outranks_what_the_owner_wrote_beside_it() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let base = notes.now().head;
    notes.admit(DAVE);
    assert!(notes.is_member(DAVE));
    notes.act(CAROL, &[BOB, CAROL], base, 1, CAROL);
    let now = notes.now();
    assert_eq!((now.owner, now.epoch), (public(CAROL), 1));
    assert!(notes.is_member(DAVE), "outranked, alice's admission is worth what a member's add is");
    assert!(!now.voters.contains_key(&public(DAVE)), "and no more");
}

#[test]
fn nobody_votes_in_a_crowd_of_their_own_making() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    for crowd in 10..20 {
        notes.add(BOB, crowd, None);
    }
    let head = notes.now().head;
    let crowd: Vec<u8> = (10..20).chain([BOB]).collect();
    notes.act(BOB, &crowd, head, 1, BOB);
    assert_eq!(notes.now().owner, public(ALICE));
}

#[test]
fn a_member_adds_only_while_it_is_one_and_only_what_is_not_cut() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.add(BOB, CAROL, None);
    assert!(notes.is_member(CAROL));
    notes.remove(BOB);
    assert!(notes.is_member(CAROL), "added before the cut");
    notes.add(BOB, DAVE, None);
    assert!(!notes.is_member(DAVE), "added after the cut");
}

#[test]
fn an_add_that_did_not_know_of_a_removal_does_not_undo_it() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let before = notes.now().head;
    notes.remove(CAROL);
    let add = |control: EntryId| Body::Add(Add { key: public(CAROL), name: "x".into(), invite: None, control });
    notes.write(BOB, &add(before), None);
    assert!(!notes.is_member(CAROL));
    let after = notes.now().head;
    notes.write(BOB, &add(after), None);
    assert!(notes.is_member(CAROL));
}

#[test]
fn where_only_the_owner_adds_a_newcomer_is_pending_until_admitted() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    let change = Body::Settings(ChangeSettings { link: notes.link(), settings: settings(MayAdd::Owner) });
    notes.write(ALICE, &change, None);
    notes.add(BOB, CAROL, None);
    assert_eq!(notes.now().role(&public(CAROL)), Some(Role::Pending));
    notes.admit(CAROL);
    assert_eq!(notes.now().role(&public(CAROL)), Some(Role::Member));
}

#[test]
fn an_invite_adds_as_many_as_it_says_in_time_order_and_not_after_its_end() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    let expires_at_ms = notes.time / 1000 + 4_500;
    let invite = Body::Invite(Invite { key: public(99), expires_at_ms, uses: 2 });
    let invite = notes.write(BOB, &invite, None);
    notes.add(BOB, CAROL, Some(invite));
    notes.add(BOB, CAROL, Some(invite));
    notes.add(BOB, DAVE, Some(invite));
    assert!(notes.is_member(CAROL) && notes.is_member(DAVE), "one device counts once");
    notes.add(BOB, 5, Some(invite));
    assert!(!notes.is_member(5), "used up, and too late");
}

#[test]
fn who_leaves_ends_its_own_adds_and_nobody_elses() {
    let mut notes = Notes::new();
    let bob = notes.admit(BOB);
    let carol = notes.admit(CAROL);
    let creation = notes.room.creation();
    notes.write(BOB, &Body::Leave(Leave { adds: vec![bob, carol, creation], cuts: Vec::new() }), None);
    assert!(!notes.is_member(BOB));
    assert!(notes.is_member(CAROL) && notes.is_member(ALICE));
    notes.add(BOB, DAVE, None);
    assert!(!notes.is_member(DAVE), "nothing counts after leaving");
}

#[test]
fn an_owner_who_left_writes_the_chain_no_more() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    let creation = notes.room.creation();
    notes.write(ALICE, &Body::Leave(Leave { adds: vec![creation], cuts: Vec::new() }), None);
    notes.admit(DAVE);
    assert!(!notes.is_member(DAVE) && !notes.is_member(ALICE));
    assert!(notes.is_member(BOB));
}

/// Alice says that she left beside all that she wrote before, which leaves nothing of that by which she let everybody in.
#[test]
fn an_owner_takes_back_nothing_that_it_did_by_how_it_leaves() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    notes.remove(CAROL);
    notes.tips.remove(&ALICE);
    let creation = notes.room.creation();
    notes.write(ALICE, &Body::Leave(Leave { adds: vec![creation], cuts: Vec::new() }), None);
    assert!(!notes.is_member(ALICE), "she left");
    assert!(notes.is_member(BOB) && !notes.is_member(CAROL));
    assert_eq!(notes.now().chain.len(), 4);
}

#[test]
fn an_owner_whom_the_majority_removed_does_not_write_itself_back_in() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let previous = notes.now().head;
    let ballot = cbor::encode(&Ballot {
        room: notes.room.creation(),
        previous,
        epoch: 1,
        kind: Kind::Remove.number(),
        subject: public(ALICE),
    });
    let votes = [BOB, CAROL]
        .map(|voter| Vote { voter: public(voter), signature: key(voter).sign(Context::Vote, &ballot) })
        .to_vec();
    let link = Link { previous, epoch: 1, votes };
    notes.write(BOB, &Body::Remove(Remove { link, key: public(ALICE), cuts: Vec::new() }), None);
    assert!(!notes.is_member(ALICE));
    notes.admit(ALICE);
    assert!(!notes.is_member(ALICE));
}

#[test]
fn who_was_let_in_beside_an_act_keeps_what_was_written_under_that_admission() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let base = notes.now().head;
    let dave = notes.admit(DAVE);
    notes.write(DAVE, &Body::Invite(Invite { key: public(90), expires_at_ms: u64::MAX >> 1, uses: 1 }), None);
    // Behind it, alice admits another, and removes bob, who did not know.
    let erin = notes.admit(5);
    notes.remove(BOB);
    assert!(!notes.is_member(BOB));
    notes.act(CAROL, &[BOB, CAROL], base, 1, CAROL);
    let now = notes.now();
    assert!(notes.is_member(BOB), "nothing that the majority outranked removes anybody");
    for (who, add) in [(DAVE, dave), (5, erin)] {
        assert_eq!(now.role(&public(who)), Some(Role::Member));
        let log = LogKey { author: public(who), log: LogId::new([who; 16]) };
        assert!(now.limit(log, add).is_some());
    }
    assert!(now.invite(&public(90)).is_some());
}

#[test]
fn both_ways_of_a_forked_chain_let_in_whom_they_admit_and_remove_nobody() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    let link = notes.link();
    let admit = |link: &Link, who: u8| {
        Body::Admit(Admit { link: link.clone(), key: public(who), name: "x".into(), invite: None })
    };
    let one = notes.write(ALICE, &admit(&link, CAROL), None);
    notes.write(ALICE, &admit(&link, DAVE), None);
    let behind = Link { previous: one, epoch: 0, votes: Vec::new() };
    let another = notes.write(ALICE, &admit(&behind, 5), None);
    let behind = Link { previous: another, epoch: 0, votes: Vec::new() };
    notes.write(ALICE, &Body::Remove(Remove { link: behind, key: public(BOB), cuts: Vec::new() }), None);
    let now = notes.now();
    assert_eq!(now.frozen, Some(Frozen::Forked));
    for who in [BOB, CAROL, DAVE, 5] {
        assert!(now.is_member(&public(who)));
    }
    assert_eq!(now.voters.len(), 2);
}

#[test]
fn what_an_owner_wrote_behind_an_unknown_kind_lets_nobody_in() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    let unknown = notes.write(ALICE, &Body::Appoint(Appoint { link: notes.link(), key: public(BOB) }), Some(31));
    let link = Link { previous: unknown, epoch: 0, votes: Vec::new() };
    let body = Body::Admit(Admit { link, key: public(CAROL), name: "x".into(), invite: None });
    notes.write(ALICE, &body, None);
    assert!(!notes.is_member(CAROL));
}

#[test]
fn entries_with_one_ballot_are_one_act_whoever_wrote_them() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let base = notes.now().head;
    notes.act(BOB, &[BOB, CAROL], base, 1, CAROL);
    let head = notes.now().head;
    // Carol goes on as the owner; then bob writes the act again, as often as it takes for a smaller id.
    let body = Body::Admit(Admit { link: notes.link(), key: public(DAVE), name: "x".into(), invite: None });
    let admission = notes.write(CAROL, &body, None);
    for _ in 0..8 {
        notes.act(BOB, &[BOB, CAROL], base, 1, CAROL);
        notes.act(CAROL, &[ALICE, BOB, CAROL], base, 1, CAROL);
        let now = notes.now();
        assert!(now.chain.contains(&head));
        assert_eq!((now.head, now.epoch, now.owner), (admission, 1, public(CAROL)));
        assert!(now.voters.contains_key(&public(DAVE)));
    }
}

#[test]
fn an_act_that_is_written_again_leaves_what_any_of_its_writers_held() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let dave = notes.admit(DAVE);
    let invite = |n: u8| Body::Invite(Invite { key: public(n), expires_at_ms: u64::MAX >> 1, uses: 1 });
    let said: Vec<EntryId> = (90..95).map(|n| notes.write(DAVE, &invite(n), None)).collect();
    let previous = notes.now().head;
    let ballot =
        Ballot { room: notes.room.creation(), previous, epoch: 1, kind: Kind::Remove.number(), subject: public(DAVE) };
    let bytes = cbor::encode(&ballot);
    let votes: Vec<Vote> = [ALICE, BOB, CAROL]
        .map(|voter| Vote { voter: public(voter), signature: key(voter).sign(Context::Vote, &bytes) })
        .to_vec();
    let log = LogId::new([DAVE; 16]);
    for (writer, seq) in [(BOB, 2), (CAROL, 4), (ALICE, 3)] {
        let cuts = vec![Cut { log, seq, id: said[seq as usize - 1] }];
        let link = Link { previous, epoch: 1, votes: votes.clone() };
        notes.write(writer, &Body::Remove(Remove { link, key: public(DAVE), cuts }), None);
    }
    let now = notes.now();
    assert_eq!((now.head, now.is_member(&public(DAVE))), (ballot.id(), false));
    let limit = now.limit(LogKey { author: public(DAVE), log }, dave).unwrap();
    assert_eq!(limit, Limit::Cut((2..5).map(|seq| (seq, said[seq as usize - 1])).collect()));
}

/// Of a log that forked numbers say nothing, and what nobody holds has nothing before it.
#[test]
fn what_a_removal_leaves_stands_before_what_it_names() {
    let invite = |n: u8| Body::Invite(Invite { key: public(n), expires_at_ms: u64::MAX >> 1, uses: 1 });
    for made_up in [false, true] {
        let mut notes = Notes::new();
        notes.admit(BOB);
        notes.write(BOB, &invite(90), None);
        let before = notes.tips[&BOB];
        notes.add(BOB, CAROL, None);
        notes.write(BOB, &invite(91), None);
        notes.remove_bob(made_up.then_some(EntryId::new([9; 32])));
        assert_eq!(notes.is_member(CAROL), !made_up);
        // Another branch.
        notes.tips.insert(BOB, before);
        notes.adds.remove(&DAVE);
        notes.add(BOB, DAVE, None);
        assert!(!notes.is_member(DAVE));
        // Back by its own hand.
        notes.tips.insert(BOB, before);
        notes.add(BOB, BOB, None);
        assert!(!notes.is_member(BOB));
        notes.tips.remove(&BOB);
        notes.add(BOB, BOB, None);
        assert!(!notes.is_member(BOB));
        assert_eq!(notes.is_member(CAROL), !made_up);
    }
}

/// Whoever removes a member that forked its log holds all of its branches, or some.
#[test]
fn a_removal_names_every_branch_that_its_writer_held() {
    let invite = |n: u8| Body::Invite(Invite { key: public(n), expires_at_ms: u64::MAX >> 1, uses: 1 });
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.write(BOB, &invite(90), None);
    let before = notes.tips[&BOB];
    let mut cuts = Vec::new();
    for who in [CAROL, DAVE] {
        notes.tips.insert(BOB, before);
        notes.add(BOB, who, None);
        let (seq, id) = notes.tips[&BOB];
        cuts.push(Cut { log: LogId::new([BOB; 16]), seq, id });
    }
    let body = Body::Remove(Remove { link: notes.link(), key: public(BOB), cuts });
    notes.write(ALICE, &body, None);
    assert!(notes.is_member(CAROL) && notes.is_member(DAVE) && !notes.is_member(BOB));
}

#[test]
fn of_an_act_that_two_removed_members_wrote_the_entry_counts_that_is_within_its_cut() {
    // Which of the two has the smaller id is by chance.
    for late in 0..8 {
        let mut notes = Notes::new();
        let bob = notes.admit(BOB);
        let carol = notes.admit(CAROL);
        let invite = Body::Invite(Invite { key: public(99), expires_at_ms: u64::MAX >> 1, uses: 1 });
        let said = notes.write(BOB, &invite, None);
        let previous = notes.now().head;
        let ballot = Ballot {
            room: notes.room.creation(),
            previous,
            epoch: 1,
            kind: Kind::Remove.number(),
            subject: public(BOB),
        };
        let bytes = cbor::encode(&ballot);
        let votes: Vec<Vote> = [ALICE, CAROL]
            .map(|voter| Vote { voter: public(voter), signature: key(voter).sign(Context::Vote, &bytes) })
            .to_vec();
        let log = |who: u8| LogId::new([who; 16]);
        let removal = |cuts| {
            Body::Remove(Remove { link: Link { previous, epoch: 1, votes: votes.clone() }, key: public(BOB), cuts })
        };
        // Bob gathers the votes against himself, and so does carol, who does not hold what he wrote.
        notes.time += late * 1_000_000;
        let own = notes.write(BOB, &removal(vec![Cut { log: log(BOB), seq: 1, id: said }]), None);
        let other = notes.write(CAROL, &removal(vec![Cut { log: log(BOB), seq: 1, id: said }]), None);
        notes.remove(CAROL);
        let limits = |notes: &Notes| {
            let (now, key) = (notes.now(), |who: u8| LogKey { author: public(who), log: log(who) });
            let admits = |who, add, seq, id| now.limit(key(who), add).is_some_and(|limit| limit.admits(seq, id));
            (admits(BOB, bob, 2, own), admits(CAROL, carol, 1, other))
        };
        assert_eq!(limits(&notes), (false, true));
        // Who heard carol's first took none of bob's.
        notes.acts.remove(&own);
        assert_eq!(limits(&notes), (false, true));
    }
}

#[test]
fn who_left_is_not_waited_for_and_undoes_nothing_by_leaving() {
    let mut notes = Notes::new();
    let bob = notes.admit(BOB);
    let creation = notes.room.creation();
    let base = notes.now().head;
    notes.act(BOB, &[BOB], base, 1, BOB);
    assert_eq!(notes.now().owner, public(ALICE), "one of two");
    notes.write(ALICE, &Body::Leave(Leave { adds: vec![creation], cuts: Vec::new() }), None);
    let now = notes.now();
    assert_eq!((now.owner, now.epoch), (public(BOB), 1), "one of one");
    assert_eq!(now.voters.keys().collect::<Vec<_>>(), [&public(BOB)]);
    notes.write(BOB, &Body::Leave(Leave { adds: vec![bob], cuts: Vec::new() }), None);
    assert_eq!(notes.now().epoch, 1);
}

#[test]
fn whom_the_majority_appoints_may_vote_and_so_may_whom_the_owner_hands_over_to() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.add(BOB, CAROL, None);
    assert!(!notes.now().voters.contains_key(&public(CAROL)));
    notes.write(ALICE, &Body::Appoint(Appoint { link: notes.link(), key: public(CAROL) }), None);
    let now = notes.now();
    assert_eq!((now.owner, now.epoch), (public(CAROL), 0));
    assert_eq!(now.voters.len(), 3);
    assert_eq!(now.role(&public(ALICE)), Some(Role::Member));
}

#[test]
fn an_owner_whom_the_majority_removed_and_a_member_added_again_is_a_member() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let previous = notes.now().head;
    let ballot =
        Ballot { room: notes.room.creation(), previous, epoch: 1, kind: Kind::Remove.number(), subject: public(ALICE) };
    let bytes = cbor::encode(&ballot);
    let votes = [BOB, CAROL]
        .map(|voter| Vote { voter: public(voter), signature: key(voter).sign(Context::Vote, &bytes) })
        .to_vec();
    let link = Link { previous, epoch: 1, votes };
    notes.write(BOB, &Body::Remove(Remove { link, key: public(ALICE), cuts: Vec::new() }), None);
    let control = notes.now().head;
    notes.write(BOB, &Body::Add(Add { key: public(ALICE), name: "x".into(), invite: None, control }), None);
    let now = notes.now();
    assert_eq!(now.role(&public(ALICE)), Some(Role::Member));
    assert!(now.owner_removed && !now.voters.contains_key(&public(ALICE)));
}

impl Notes {
    /// One vote, as an entry, for what the ballot says.
    fn cast(&mut self, who: u8, ballot: &Ballot) -> EntryId {
        let Ballot { previous, epoch, kind, subject, .. } = ballot.clone();
        let signature = key(who).sign(Context::Vote, &cbor::encode(ballot));
        self.write(who, &Body::Vote(Cast { previous, epoch, kind, subject, signature }), None)
    }

    /// The ballot for this owner on the chain as it is.
    fn ballot(&self, appoint: u8) -> Ballot {
        let now = self.now();
        Ballot {
            room: self.room.creation(),
            previous: now.head,
            epoch: now.epoch + 1,
            kind: Kind::Appoint.number(),
            subject: public(appoint),
        }
    }
}

#[test]
fn votes_count_where_they_are_of_voters_for_this_room_epoch_and_kind_and_once() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    notes.add(BOB, DAVE, None);
    let good = notes.ballot(CAROL);
    let open = |notes: &Notes| -> Vec<(usize, usize)> {
        notes.now().proposals.iter().map(|proposal| (proposal.votes.len(), proposal.needed)).collect()
    };
    for bad in [
        Ballot { epoch: 0, ..good.clone() },
        Ballot { epoch: 2, ..good.clone() },
        Ballot { kind: Kind::Admit.number(), ..good.clone() },
        Ballot { kind: 31, ..good.clone() },
        Ballot { previous: EntryId::new([9; 32]), ..good.clone() },
        Ballot { subject: public(77), ..good.clone() },
        Ballot { room: EntryId::new([9; 32]), ..good.clone() },
    ] {
        notes.cast(BOB, &bad);
        assert_eq!(open(&notes), [], "{bad:?}");
    }
    notes.cast(DAVE, &good);
    assert_eq!(open(&notes), [], "bob added dave, so dave has no vote");
    notes.cast(BOB, &good);
    notes.cast(BOB, &good);
    assert_eq!(open(&notes), [(1, 2)]);
    // What bob signed, under another's name, and for another.
    let signature = key(BOB).sign(Context::Vote, &cbor::encode(&good));
    let Ballot { previous, epoch, kind, .. } = good.clone();
    let stolen = Body::Vote(Cast { previous, epoch, kind, subject: public(CAROL), signature });
    notes.write(CAROL, &stolen, None);
    let turned = Body::Vote(Cast { previous, epoch, kind, subject: public(BOB), signature });
    notes.write(BOB, &turned, None);
    assert_eq!(open(&notes), [(1, 2)]);
    notes.cast(CAROL, &good);
    assert_eq!(open(&notes), [(2, 2)]);
    assert_eq!(notes.now().owner, public(ALICE), "votes alone are no act");
    // Another epoch has begun: nothing of the last is voted on any more.
    notes.act(CAROL, &[BOB, CAROL], good.previous, 1, CAROL);
    assert_eq!(open(&notes), []);
    notes.cast(BOB, &good);
    assert_eq!(open(&notes), []);
}

#[test]
fn a_vote_of_who_is_a_member_no_more_does_not_count_for_others() {
    let mut notes = Notes::new();
    notes.admit(BOB);
    notes.admit(CAROL);
    let ballot = notes.ballot(CAROL);
    notes.cast(BOB, &ballot);
    notes.remove(BOB);
    assert!(notes.now().proposals.is_empty());
    notes.cast(CAROL, &ballot);
    let now = notes.now();
    assert_eq!((now.proposals[0].votes.len(), now.proposals[0].needed), (1, 2));
}

#[test]
fn words_of_leaving_that_name_the_same_cost_no_more_than_they_say() {
    let mut notes = Notes::new();
    let bob = notes.admit(BOB);
    let id = |parts: [u64; 2]| EntryId::new(*Hash::of(&parts.map(u64::to_be_bytes).concat()).as_bytes());
    let adds: Vec<EntryId> = (0..400).map(|n| id([0, n])).chain([bob]).collect();
    for word in 1..200 {
        let cuts = (0..300).map(|n| {
            let log = LogId::from_slice(&id([word, n]).as_bytes()[..16]).unwrap();
            Cut { log, seq: 1, id: id([word, n]) }
        });
        notes.write(BOB, &Body::Leave(Leave { adds: adds.clone(), cuts: cuts.collect() }), None);
    }
    // Worked out for each add, these would be 24 million cuts.
    assert!(!notes.now().is_member(&public(BOB)));
}

#[test]
fn of_one_log_one_entry_cuts_no_more_branches_than_are_kept() {
    let mut notes = Notes::new();
    let bob = notes.admit(BOB);
    let log = LogId::new([9; 16]);
    let cuts = (1..100).map(|seq| Cut { log, seq, id: EntryId::new([seq as u8; 32]) }).collect();
    notes.write(BOB, &Body::Leave(Leave { adds: vec![bob], cuts }), None);
    let Some(Limit::Cut(tips)) = notes.now().limit(LogKey { author: public(BOB), log }, bob) else { panic!() };
    assert_eq!(tips.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (92..100).collect::<Vec<_>>());
}
