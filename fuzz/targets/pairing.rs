//! Meeting by a code, on both sides, with mallory between them or beside them: nobody is let in who did not type the
//! code, nobody is believed who did not show it, and each code is good for one guess.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use lanline_fuzz::memory;
use lanline_fuzz::world::{BEGINNING, World, empty_store, exporter, key};
use lanline_protocol::clock::Time;
use lanline_protocol::code::Code;
use lanline_protocol::frame::{Admission, Frame, Hello, Pair, PairAnswer, PairProof, PairRefusal, Paired};
use lanline_protocol::id::{Hash, StoreId};
use lanline_protocol::limits;
use lanline_protocol::link::InviteLink;
use lanline_protocol::memory::MemoryStore;
use lanline_protocol::pairing::{Guest, Meeting, Proving};
use lanline_protocol::pake::{Pake, Spake};
use lanline_protocol::replica::{CodeEnd, Event, Random};
use libfuzzer_sys::fuzz_target;

/// She shows codes.
const HOST: usize = 0;
/// He types them.
const GUEST: usize = 1;
/// She wants in.
const MALLORY: usize = 2;

const MOST: usize = 4 * 1024 * 1024;
const STEPS: usize = 48;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Show {
        knowingly: bool,
    },
    Hide,
    /// The guest types the code that is shown, or one that differs, to the host or to mallory.
    Type {
        differs: u8,
        to_mallory: bool,
    },
    /// A frame arrives: at the host, at the guest.
    Deliver(Way),
    /// The next frame is altered, lost, said twice, or told to somebody else.
    Alter {
        way: Way,
        at: u8,
        mask: u8,
    },
    Drop(Way),
    Repeat(Way),
    Relay {
        from: Way,
        to: Way,
    },
    /// Mallory says something to the host, or to the guest.
    Say {
        to_host: bool,
        says: Says<'a>,
    },
    /// Mallory types a code that is not the one shown, as an honest guest would.
    Guess(u8),
    Wait(u32),
    Reconnect {
        guest: bool,
        to_mallory: bool,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Way {
    GuestToHost,
    HostToGuest,
    HostToMallory,
    GuestToMallory,
}

#[derive(Arbitrary, Debug)]
enum Says<'a> {
    Pair {
        method: u8,
        message: &'a [u8],
    },
    Answer(&'a [u8]),
    Proof(u8),
    /// What the host, or the guest, was sent last by somebody.
    LastProof,
    Admitted(u8),
    Refused(u8),
    Both,
    Bytes(&'a [u8]),
}

struct Scene {
    host: MemoryStore,
    link: InviteLink,
    now: Time,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let mut world = World::new(BEGINNING, [Some(empty_store(HOST))]);
    let room = world.room();
    let now = world.now;
    let link = world.replica(HOST).invite(now, room, limits::INVITE_TTL_MS, 1_000).unwrap();
    world.commit(HOST);
    Scene { host: world.into_stores().remove(0), link, now }
});

struct Counter(u64);

impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        blake3::Hasher::new().update(&self.0.to_be_bytes()).finalize_xof().fill(bytes);
    }
}

fuzz_target!(|steps: Vec<Step>| {
    LazyLock::force(&SCENE);
    memory::within(MOST, || Meetings::new().go(&steps));
});

struct Meetings {
    world: World,
    /// Guest to host, mallory to host, guest to mallory.
    direct: u64,
    inward: u64,
    outward: u64,
    /// What mallory began with the host.
    guess: Option<Guest>,
    proving: Option<Proving>,
    last_proof: Hash,
    random: Counter,
    /// The code that is shown, and until when.
    shown: Option<(Code, u64)>,
    /// Whether the guest typed that code to the host, on the connection that is there.
    typed: bool,
    /// Wrong guesses since somebody knew of them, by wall clock.
    wrong: Vec<u64>,
}

impl Meetings {
    fn new() -> Self {
        let stores = [Some(SCENE.host.clone()), Some(empty_store(GUEST)), None];
        let mut world = World::new(SCENE.now, stores);
        let now = world.now;
        world.replica(HOST).set_addresses(now, &["10.0.0.0:12345".to_owned()]).unwrap();
        world.replica(GUEST).set_name(now, "bob").unwrap();
        world.commit(HOST);
        world.commit(GUEST);
        let direct = world.connect(GUEST, HOST);
        let inward = world.connect(MALLORY, HOST);
        let outward = world.connect(GUEST, MALLORY);
        let mut meetings = Self {
            world,
            direct,
            inward,
            outward,
            guess: None,
            proving: None,
            last_proof: Hash::new([0; 32]),
            random: Counter(0),
            shown: None,
            typed: false,
            wrong: Vec::new(),
        };
        while meetings.world.deliver(direct, 0) | meetings.world.deliver(direct, 1) {}
        meetings.greet(true);
        meetings.greet(false);
        meetings
    }

    fn go(&mut self, steps: &[Step<'_>]) {
        for step in steps.iter().take(STEPS) {
            self.step(step);
            self.world.commit(HOST);
            self.world.commit(GUEST);
            self.judge();
        }
        self.world.settle();
        self.judge();
    }

    fn greet(&mut self, host: bool) {
        let hello = Hello { store: StoreId::new([77; 16]), name: "mallory".to_owned(), agent: "fuzz".to_owned() };
        self.say(host, &Frame::Hello(hello).encode());
    }

    fn say(&mut self, host: bool, bytes: &[u8]) {
        if host {
            self.world.tell(self.inward, 1, bytes);
        } else {
            self.world.tell(self.outward, 0, bytes);
        }
    }

    fn way(&self, way: Way) -> (u64, usize) {
        match way {
            Way::GuestToHost => (self.direct, 1),
            Way::HostToGuest => (self.direct, 0),
            Way::HostToMallory => (self.inward, 0),
            Way::GuestToMallory => (self.outward, 1),
        }
    }

    fn step(&mut self, step: &Step<'_>) {
        let now = self.world.now;
        match step {
            Step::Show { knowingly } => {
                if *knowingly {
                    self.wrong.clear();
                }
                // That another invite is asked for, or time is over, is no finding.
                let Ok(shown) = self.world.replica(HOST).show_code(now, &SCENE.link, *knowingly) else { return };
                assert!(shown.is_some() || self.wrong.len() >= limits::WRONG_GUESSES, "it was refused without need");
                self.typed = false;
                self.shown = shown.map(|shown| (shown.code, now.steady_ms + limits::CODE_MS));
            }
            Step::Hide => {
                self.world.replica(HOST).hide_code();
                self.shown = None;
            }
            Step::Type { differs, to_mallory } => {
                let code = self.code(*differs);
                let wire = if *to_mallory { self.outward } else { self.direct };
                let Some(connection) = self.world.connection(wire, 0) else { return };
                let asked = self.world.replica(GUEST).join_by_code(connection, &code).is_ok();
                let right = self.shown.as_ref().is_some_and(|(shown, _)| *shown == code);
                self.typed |= asked && right && !to_mallory;
            }
            Step::Deliver(way) => {
                let (wire, end) = self.way(*way);
                if matches!(way, Way::HostToMallory | Way::GuestToMallory) {
                    self.hear(wire, end);
                } else {
                    self.world.deliver(wire, end);
                }
            }
            Step::Alter { way, at, mask } => {
                let (wire, end) = self.way(*way);
                if let Some(frame) = self.world.queue(wire, end).and_then(|queue| queue.front_mut()) {
                    let at = usize::from(*at) % frame.len().max(1);
                    frame[at] ^= mask;
                }
            }
            Step::Drop(way) => {
                let (wire, end) = self.way(*way);
                let _ = self.world.queue(wire, end).and_then(|queue| queue.pop_front());
            }
            Step::Repeat(way) => {
                let (wire, end) = self.way(*way);
                if let Some(queue) = self.world.queue(wire, end)
                    && let Some(frame) = queue.front().cloned()
                {
                    queue.push_front(frame);
                }
            }
            Step::Relay { from, to } => {
                let (wire, end) = self.way(*from);
                let Some(bytes) = self.world.queue(wire, end).and_then(|queue| queue.pop_front()) else { return };
                self.note(&bytes);
                match to {
                    Way::GuestToHost => self.say(true, &bytes),
                    Way::HostToGuest => self.say(false, &bytes),
                    // What was said on another connection, said again there.
                    Way::HostToMallory => self.world.tell(self.direct, 0, &bytes),
                    Way::GuestToMallory => self.world.tell(self.direct, 1, &bytes),
                }
            }
            Step::Say { to_host, says } => {
                let bytes = self.says(says);
                self.say(*to_host, &bytes);
            }
            Step::Guess(differs) => {
                let code = self.code(differs.saturating_add(1));
                let meeting = Meeting {
                    exporter: exporter(self.inward),
                    guest: key(MALLORY).public().device_id(),
                    host: key(HOST).public().device_id(),
                };
                let (guest, message) = Guest::begin(&code, meeting, &mut self.random);
                self.guess = Some(guest);
                self.say(true, &Frame::Pair(Pair { method: Spake::METHOD, message }).encode());
            }
            Step::Wait(ms) => self.world.advance(u64::from(ms % (2 * limits::WRONG_GUESSES_MS as u32))),
            Step::Reconnect { guest: true, to_mallory: true } => {
                self.world.cut(self.outward);
                self.outward = self.world.connect(GUEST, MALLORY);
                self.greet(false);
            }
            Step::Reconnect { guest: true, to_mallory: false } => {
                self.world.cut(self.direct);
                self.direct = self.world.connect(GUEST, HOST);
                self.typed = false;
            }
            Step::Reconnect { guest: false, .. } => {
                self.world.cut(self.inward);
                self.inward = self.world.connect(MALLORY, HOST);
                self.greet(true);
            }
        }
    }

    /// The code that is shown, or one that differs from it.
    fn code(&self, differs: u8) -> Code {
        let shown = self.shown.as_ref().map_or("000000".to_owned(), |(code, _)| code.to_string().replace(' ', ""));
        let number: u32 = shown.parse().unwrap();
        format!("{:06}", (number + u32::from(differs)) % 1_000_000).parse().unwrap()
    }

    fn note(&mut self, bytes: &[u8]) {
        match Frame::decode(bytes) {
            Ok(Frame::PairProof(proof)) => self.last_proof = proof.proof,
            Ok(Frame::Paired(Paired { admission: Some(admission), .. })) => self.last_proof = admission.proof,
            _ => {}
        }
    }

    /// Mallory goes on with what she began, or keeps what she hears.
    fn hear(&mut self, wire: u64, end: usize) {
        let Some(bytes) = self.world.queue(wire, end).and_then(|queue| queue.pop_front()) else { return };
        self.note(&bytes);
        match Frame::decode(&bytes) {
            Ok(Frame::PairAnswer(answer)) if wire == self.inward => {
                let answered = self.guess.take().and_then(|guest| guest.answered(&answer.message));
                if let Some((proving, proof)) = answered {
                    self.proving = Some(proving);
                    self.say(true, &Frame::PairProof(PairProof { proof }).encode());
                }
            }
            Ok(Frame::Paired(Paired { admission: Some(admission), .. })) if wire == self.inward => {
                let holds = self.proving.take().is_some_and(|proving| proving.holds(&admission.proof));
                panic!("mallory is let in (proved: {holds})");
            }
            _ => {}
        }
    }

    fn says(&self, says: &Says<'_>) -> Vec<u8> {
        let refusal = |number: u8| match number % 3 {
            0 => PairRefusal::NoCode,
            1 => PairRefusal::WrongCode,
            _ => PairRefusal::Unavailable,
        };
        let admission = |proof| Some(Admission { proof, room: SCENE.link.room });
        let frame = match says {
            Says::Pair { method, message } => Frame::Pair(Pair { method: *method, message: message.to_vec() }),
            Says::Answer(message) => Frame::PairAnswer(PairAnswer { message: message.to_vec() }),
            Says::Proof(of) => Frame::PairProof(PairProof { proof: Hash::new([*of; 32]) }),
            Says::LastProof => Frame::PairProof(PairProof { proof: self.last_proof }),
            Says::Admitted(of) => {
                let proof = if *of == 0 { self.last_proof } else { Hash::new([*of; 32]) };
                Frame::Paired(Paired { admission: admission(proof), refusal: None })
            }
            Says::Refused(number) => Frame::Paired(Paired { admission: None, refusal: Some(refusal(*number)) }),
            Says::Both => Frame::Paired(Paired { admission: admission(self.last_proof), refusal: Some(refusal(0)) }),
            Says::Bytes(bytes) => return bytes.to_vec(),
        };
        frame.encode()
    }

    fn judge(&mut self) {
        let now = self.world.now;
        for event in self.world.events(HOST) {
            let Event::CodeEnded(_, end) = event else { continue };
            let (_, until) = self.shown.take().expect("a code ends once, while it is shown");
            assert!(now.steady_ms < until, "a code outlives its time");
            match end {
                CodeEnd::Used => assert!(self.typed, "a code was used that nobody typed"),
                CodeEnd::Wrong => {
                    self.wrong.retain(|at| at + limits::WRONG_GUESSES_MS > now.wall_ms());
                    self.wrong.push(now.wall_ms());
                    assert!(self.wrong.len() <= limits::WRONG_GUESSES, "a wrong guess too many");
                }
            }
        }
        for event in self.world.events(GUEST) {
            if let Event::Joined(connection, _) = event {
                assert_eq!(Some(connection), self.world.connection(self.direct, 0), "he believes mallory");
            }
        }
        let members = self.world.replica(HOST).members(SCENE.link.room).unwrap();
        let mallory = key(MALLORY).public().device_id();
        assert!(members.iter().all(|member| member.device != mallory), "mallory is a member");
    }
}
