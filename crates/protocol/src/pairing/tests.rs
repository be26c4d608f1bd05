use super::*;
use crate::identity::DeviceKey;

/// BLAKE3 in counter mode.
struct Seeded(blake3::OutputReader);

impl Seeded {
    fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof())
    }
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// An exchange that shows its code to everybody: what the machine around it counts can be tried ten million times.
struct Open(Vec<u8>);

impl Pake for Open {
    const METHOD: u8 = 255;

    fn begin(_: Side, code: &Code, _: &[u8], _: &[u8], _: &mut dyn Random) -> (Self, Vec<u8>) {
        (Self(code.digits().to_vec()), code.digits().to_vec())
    }

    fn finish(self, _: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(self.0))
    }
}

const ROOM: RoomId = RoomId::new([7; 32]);
const INVITE: EntryId = EntryId::new([8; 32]);

fn device(seed: u8) -> DeviceId {
    DeviceKey::from_seed(&[seed; 32]).public().device_id()
}

/// Bob meets alice, who shows the code.
fn meeting(connection: u8) -> Meeting {
    Meeting { exporter: Hash::new([connection; 32]), guest: device(2), host: device(1) }
}

fn at(ms: u64) -> Time {
    Time { wall_us: (1_790_000_000_000 + ms) * 1000, steady_ms: ms }
}

fn other_than(code: &Code) -> Code {
    let last = char::from(*code.digits().last().unwrap());
    let other = if last == '0' { '1' } else { '0' };
    let mut text = code.to_string();
    text.pop();
    text.push(other);
    text.parse().unwrap()
}

/// A host that shows a code, and a guest that types `typed` of it, up to the guest's proof.
struct Table {
    codes: Codes,
    random: Seeded,
}

impl Table {
    fn new() -> Self {
        Self { codes: Codes::default(), random: Seeded::new(1) }
    }

    fn show(&mut self, now: Time) -> Code {
        self.codes.draw(now, ROOM, INVITE, &mut self.random).unwrap()
    }

    /// The guest believes that it is in one meeting, the host that it is in another.
    fn meet(&mut self, now: Time, typed: &Code, guest: Meeting, host: Meeting) -> (Attempt, Proving, Hash) {
        let (begun, message) = Guest::<Spake>::begin(typed, guest, &mut self.random);
        let (attempt, answer) = self.codes.answer::<Spake>(now, host, &message, &mut self.random).unwrap();
        let (proving, proof) = begun.answered(&answer).unwrap();
        (attempt, proving, proof)
    }
}

#[test]
fn who_typed_the_code_is_told_the_room_by_who_showed_it() {
    let mut table = Table::new();
    let code = table.show(at(0));
    let (attempt, proving, proof) = table.meet(at(1000), &code, meeting(1), meeting(1));
    let (answer, room, invite) = table.codes.guess(at(1001), &attempt, &proof).unwrap();
    assert!(proving.holds(&answer));
    assert_eq!((room, invite), (ROOM, INVITE));
    assert!(!proving.holds(&proof), "what the guest said is no answer");
}

#[test]
fn a_code_is_over_with_the_first_guess() {
    let mut table = Table::new();
    let code = table.show(at(0));
    let (first, _, right) = table.meet(at(1), &code, meeting(1), meeting(1));
    let (second, _, also_right) = table.meet(at(1), &code, meeting(2), meeting(2));
    table.codes.guess(at(2), &first, &right).unwrap();
    assert_eq!(table.codes.guess(at(2), &first, &right), Err(Unpaired::NoCode));
    assert_eq!(table.codes.guess(at(2), &second, &also_right), Err(Unpaired::NoCode));

    let code = table.show(at(3));
    let (wrong, _, guess) = table.meet(at(4), &other_than(&code), meeting(3), meeting(3));
    let (honest, _, right) = table.meet(at(4), &code, meeting(4), meeting(4));
    assert_eq!(table.codes.guess(at(5), &wrong, &guess), Err(Unpaired::WrongCode));
    assert_eq!(table.codes.guess(at(5), &honest, &right), Err(Unpaired::NoCode));
    let (begun, message) = Guest::<Spake>::begin(&code, meeting(5), &mut table.random);
    drop(begun);
    let answered = table.codes.answer::<Spake>(at(6), meeting(5), &message, &mut table.random);
    assert_eq!(answered.err(), Some(Unpaired::NoCode));
}

#[test]
fn a_guess_counts_for_the_code_that_it_was_begun_with() {
    let mut table = Table::new();
    let old = table.show(at(0));
    let (attempt, _, proof) = table.meet(at(1), &old, meeting(1), meeting(1));
    let new = table.show(at(2));
    assert_eq!(table.codes.guess(at(3), &attempt, &proof), Err(Unpaired::NoCode));
    let (attempt, _, proof) = table.meet(at(4), &new, meeting(2), meeting(2));
    assert!(table.codes.guess(at(5), &attempt, &proof).is_ok(), "who guessed at the old one did not end the new");
}

#[test]
fn a_code_lasts_two_minutes() {
    let mut table = Table::new();
    let code = table.show(at(0));
    let (attempt, _, proof) = table.meet(at(limits::CODE_MS - 1), &code, meeting(1), meeting(1));
    assert_eq!(table.codes.guess(at(limits::CODE_MS), &attempt, &proof), Err(Unpaired::NoCode));
    let (_, message) = Guest::<Spake>::begin(&code, meeting(2), &mut table.random);
    let late = table.codes.answer::<Spake>(at(limits::CODE_MS), meeting(2), &message, &mut table.random);
    assert_eq!(late.err(), Some(Unpaired::NoCode));
}

#[test]
fn whoever_stands_between_two_connections_guesses_like_anybody() {
    // Mallory hands on every message unchanged; but each of the two is connected to mallory.
    let mallory = device(3);
    let with_bob = Meeting { host: mallory, ..meeting(1) };
    let with_alice = Meeting { guest: mallory, ..meeting(2) };
    for (bobs, alices) in [
        (with_bob, with_alice),
        // And if mallory could pass for somebody, or had one exporter on both sides.
        (meeting(1), meeting(2)),
        (Meeting { host: mallory, ..meeting(1) }, meeting(1)),
        (meeting(1), Meeting { guest: mallory, ..meeting(1) }),
        // The parts changed over.
        (meeting(1), Meeting { guest: device(1), host: device(2), ..meeting(1) }),
    ] {
        let mut table = Table::new();
        let code = table.show(at(0));
        let (attempt, proving, proof) = table.meet(at(1), &code, bobs, alices);
        assert_eq!(table.codes.guess(at(2), &attempt, &proof), Err(Unpaired::WrongCode));
        assert!(!proving.holds(&attempt.proofs.host));
    }
}

#[test]
fn nothing_that_was_said_can_be_said_back() {
    let mut table = Table::new();
    let code = table.show(at(0));
    let (begun, message) = Guest::<Spake>::begin(&code, meeting(1), &mut table.random);
    assert!(begun.answered(&message).is_none(), "its own first message");
    let (attempt, answer) = table.codes.answer::<Spake>(at(1), meeting(1), &message, &mut table.random).unwrap();
    let reflected = table.codes.answer::<Spake>(at(1), meeting(1), &answer, &mut table.random);
    assert_eq!(reflected.err(), Some(Unpaired::Malformed), "the host's own message");
    // The proof that the host will give, were it known, is none of the guest's.
    let expected = attempt.proofs.host;
    assert_eq!(table.codes.guess(at(2), &attempt, &expected), Err(Unpaired::WrongCode));
}

#[test]
fn messages_that_are_none_and_points_of_low_order_open_nothing() {
    let mut table = Table::new();
    let code = table.show(at(0));
    let (_, good) = Guest::<Spake>::begin(&code, meeting(1), &mut table.random);
    let mut answer = |message: &[u8]| {
        table.codes.answer::<Spake>(at(1), meeting(1), message, &mut table.random).map(|(attempt, _)| attempt)
    };
    for message in [&[][..], &good[..32], &[&good[..], &[0]].concat(), &[&[0x53], &good[1..]].concat(), &[0x41; 500]] {
        assert!(matches!(answer(message), Err(Unpaired::Malformed)), "{message:02x?}");
    }
    // The identity, the point of order 2, nought and one that is not reduced: either refused, or a guess like any other.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut second = [0xff; 32];
    (second[0], second[31]) = (0xec, 0x7f);
    for point in [identity, second, [0; 32], [0xff; 32]] {
        let Ok(attempt) = answer(&[&[0x41][..], &point].concat()) else { continue };
        for guess in [[0; 32], [0xff; 32]] {
            assert!(!same(&attempt.proofs.guest, &Hash::new(guess)));
        }
    }
}

#[test]
fn five_wrong_guesses_an_hour_and_a_person_has_to_know() {
    let mut table = Table::new();
    let guess_wrong = |table: &mut Table, now: Time| {
        let code = table.show(now);
        let (attempt, _, proof) = table.meet(now, &other_than(&code), meeting(1), meeting(1));
        assert_eq!(table.codes.guess(now, &attempt, &proof), Err(Unpaired::WrongCode));
    };
    for n in 0..5 {
        guess_wrong(&mut table, at(n * 60_000));
    }
    assert!(table.codes.draw(at(5 * 60_000), ROOM, INVITE, &mut table.random).is_none());
    // A restart forgets none of it, and neither does a clock that is put back.
    let kept = table.codes.wrong().encode();
    table.codes = Codes::restore(WrongGuesses::read(&kept));
    assert!(table.codes.draw(at(5 * 60_000), ROOM, INVITE, &mut table.random).is_none());
    let earlier = Time { wall_us: 1_000_000, steady_ms: 0 };
    assert!(table.codes.draw(earlier, ROOM, INVITE, &mut table.random).is_none());
    // An hour after the first there is one more.
    guess_wrong(&mut table, at(3_600_000));
    assert!(table.codes.draw(at(3_600_001), ROOM, INVITE, &mut table.random).is_none());
    // Or when a person knows.
    table.codes.forgive();
    guess_wrong(&mut table, at(3_600_002));
}

#[test]
fn what_was_kept_of_wrong_guesses_may_be_damaged() {
    for bytes in [&b""[..], b"\xff", b"\xa1\x00\x01", b"\xa1\x00\x81\x20"] {
        assert_eq!(WrongGuesses::read(bytes), WrongGuesses::default());
    }
    let many = WrongGuesses { at_ms: (0..1000).collect() };
    assert_eq!(WrongGuesses::read(&many.encode()).at_ms.len(), limits::WRONG_GUESSES);
}

/// Guesses against a host that shows code after code for as long as it may, so many at once at each. Gives how many were
/// made and how many hit.
fn besiege<P: Pake>(guesses: u64, at_once: usize, seed: u64) -> (u64, u64) {
    let (mut codes, mut random, mut guessing) = (Codes::default(), Seeded::new(seed), Seeded::new(!seed));
    let (mut ms, mut made, mut hits) = (0, 0, 0);
    // Once: the keys behind it cost more than all the rest.
    let meeting = meeting(1);
    while made < guesses {
        ms += 1000;
        if codes.draw(at(ms), ROOM, INVITE, &mut random).is_none() {
            // Whoever shows them takes an hour off, which is more than most do.
            ms += limits::WRONG_GUESSES_MS;
            continue;
        }
        let begun = (0..at_once).map(|_| {
            let (guest, message) = Guest::<P>::begin(&Code::draw(&mut guessing), meeting, &mut random);
            let (attempt, answer) = codes.answer::<P>(at(ms), meeting, &message, &mut random).unwrap();
            let (_, proof) = guest.answered(&answer).unwrap();
            (attempt, proof)
        });
        // All were answered, and one of them is a guess.
        let begun: Vec<_> = begun.collect();
        let before = made;
        for (attempt, proof) in begun {
            match codes.guess(at(ms), &attempt, &proof) {
                Ok(_) => (made, hits) = (made + 1, hits + 1),
                Err(Unpaired::WrongCode) => made += 1,
                Err(_) => {}
            }
        }
        assert_eq!(made, before + 1);
        if made % 1_000_000 == 0 {
            println!("{made} guesses, {hits} right");
        }
    }
    (made, hits)
}

/// How many guesses are to be made: what this variable says, or so many.
fn guesses(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|count| count.parse().ok()).unwrap_or(otherwise)
}

fn is_one_in_a_million((made, hits): (u64, u64)) {
    println!("{made} guesses, {hits} right: {:.3e} each", hits as f64 / made as f64);
    // Six standard deviations of what is expected.
    let expected = made as f64 / 1e6;
    assert!((hits as f64 - expected).abs() <= 6.0 * expected.max(1.0).sqrt());
}

/// `LANLINE_GUESSES=10000000 cargo test -p lanline-protocol guesses_hit -- --nocapture` prints the rate.
#[test]
fn guesses_hit_as_often_as_one_in_a_million() {
    is_one_in_a_million(besiege::<Open>(guesses("LANLINE_GUESSES", 20_000), 2, 3));
}

/// With what devices really say to each other, which takes a hundred times as long: `LANLINE_GUESSES_EXCHANGED`.
#[test]
fn guesses_by_the_real_exchange_hit_no_oftener() {
    is_one_in_a_million(besiege::<Spake>(guesses("LANLINE_GUESSES_EXCHANGED", 200), 1, 4));
}
