//! Meeting by a code of six digits: who shows it and who types it come to one key ([`crate::pake`]), and each proves to
//! the other that it has it before anything is told.
//!
//! The key is bound to the connection's TLS exporter, to both device ids and to who plays which part. So whoever stands
//! between two connections has to guess like anybody else, even while somebody types the right code. One code is live
//! at a time, for two minutes, and it is over with the first guess, right or wrong.

use minicbor::{Decode, Encode};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cbor;
use crate::clock::Time;
use crate::code::Code;
use crate::id::{EntryId, Hash, RoomId};
use crate::identity::DeviceId;
use crate::limits;
use crate::pake::{Pake, Side, Spake};
use crate::replica::Random;

const PROOF_CONTEXT: &str = "lanline/1 2026 pairing proof";

/// Who meets whom, on which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The connection's TLS exporter.
    pub exporter: Hash,
    /// Who typed the code.
    pub guest: DeviceId,
    /// Who showed it.
    pub host: DeviceId,
}

impl Meeting {
    /// What a side is called in the exchange.
    fn identity(&self, side: Side) -> Vec<u8> {
        let (part, device) = match side {
            Side::Guest => (b"lanline/1 guest\0".as_slice(), &self.guest),
            Side::Host => (b"lanline/1 host\0".as_slice(), &self.host),
        };
        [part, self.exporter.as_bytes(), device.as_bytes()].concat()
    }

    fn begin<P: Pake>(&self, side: Side, code: &Code, random: &mut dyn Random) -> (P, Vec<u8>) {
        P::begin(side, code, &self.identity(Side::Guest), &self.identity(Side::Host), random)
    }

    fn proofs(&self, key: &[u8], guest: &[u8], host: &[u8]) -> Proofs {
        let mut hasher = blake3::Hasher::new_derive_key(PROOF_CONTEXT);
        for part in [key, &self.identity(Side::Guest), &self.identity(Side::Host), guest, host] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        let (mut of_guest, mut of_host) = ([0; 32], [0; 32]);
        let mut output = hasher.finalize_xof();
        output.fill(&mut of_guest);
        output.fill(&mut of_host);
        Proofs { guest: Hash::new(of_guest), host: Hash::new(of_host) }
    }
}

/// What each side shows to prove that it came to the same key.
#[derive(Clone)]
struct Proofs {
    guest: Hash,
    host: Hash,
}

fn same(one: &Hash, other: &Hash) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The side that typed the code, until the host has answered.
pub struct Guest<P = Spake> {
    exchange: P,
    sent: Vec<u8>,
    meeting: Meeting,
}

impl<P: Pake> Guest<P> {
    /// Begins, and gives what the host is to be sent.
    pub fn begin(code: &Code, meeting: Meeting, random: &mut dyn Random) -> (Self, Vec<u8>) {
        let (exchange, sent) = meeting.begin(Side::Guest, code, random);
        (Self { exchange, sent: sent.clone(), meeting }, sent)
    }

    /// Takes the host's answer. Gives what proves this side to the host; `None`: no honest host answers so.
    pub fn answered(self, answer: &[u8]) -> Option<(Proving, Hash)> {
        let key = self.exchange.finish(answer)?;
        let proofs = self.meeting.proofs(&key, &self.sent, answer);
        Some((Proving(proofs.host), proofs.guest))
    }
}

/// The side that typed the code, once it has proved itself: now the host must.
pub struct Proving(Hash);

impl Proving {
    /// Whether the host knows the code.
    pub fn holds(&self, proof: &Hash) -> bool {
        same(&self.0, proof)
    }
}

/// A guest on one connection, at the device that showed the code: what it is to prove.
pub struct Attempt {
    proofs: Proofs,
    /// Which code it was begun with.
    drawn: u64,
}

/// Why a device that asks by a code is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpaired {
    /// No code is live here: none was shown, its time is over, or somebody used it up.
    NoCode,
    /// The code was another one, and is over.
    WrongCode,
    /// What was sent is no message of the exchange.
    Malformed,
}

/// A code that is shown, and what it lets in to.
struct Live {
    code: Code,
    room: RoomId,
    invite: EntryId,
    /// In steady milliseconds.
    until_ms: u64,
}

/// Wrong guesses, by wall clock in milliseconds; the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WrongGuesses {
    #[n(0)]
    at_ms: Vec<u64>,
}

impl WrongGuesses {
    /// As they were kept; none where that is not to be read.
    pub fn read(bytes: &[u8]) -> Self {
        let mut read: Self = cbor::decode(bytes).unwrap_or_default();
        let over = read.at_ms.len().saturating_sub(limits::WRONG_GUESSES);
        read.at_ms.drain(..over);
        read
    }

    /// To be kept.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    fn note(&mut self, now: Time) {
        if self.at_ms.len() >= limits::WRONG_GUESSES {
            self.at_ms.remove(0);
        }
        self.at_ms.push(now.wall_ms());
    }

    /// Whether there were too many in the last hour. One that seems to lie ahead was made before the clock was put back.
    fn too_many(&self, now: Time) -> bool {
        let recent = |at: &&u64| at.saturating_add(limits::WRONG_GUESSES_MS) > now.wall_ms();
        self.at_ms.iter().filter(recent).count() >= limits::WRONG_GUESSES
    }
}

/// What a device shows, and what was guessed of it.
#[derive(Default)]
pub struct Codes {
    live: Option<Live>,
    /// How many were drawn: a guess counts for the code that it was begun with.
    drawn: u64,
    wrong: WrongGuesses,
}

impl Codes {
    /// Goes on where it was left; a code does not survive that, wrong guesses do.
    pub fn restore(wrong: WrongGuesses) -> Self {
        Self { wrong, ..Self::default() }
    }

    /// Wrong guesses, to be kept whenever one came or they were forgiven.
    pub fn wrong(&self) -> &WrongGuesses {
        &self.wrong
    }

    /// Draws a code that lets in by an invite, in place of the one before. `None`: after as many wrong guesses as there
    /// were, a person has to ask for it knowingly, which is to [`Codes::forgive`].
    pub fn draw(&mut self, now: Time, room: RoomId, invite: EntryId, random: &mut dyn Random) -> Option<Code> {
        self.live = None;
        if self.wrong.too_many(now) {
            return None;
        }
        let code = Code::draw(random);
        self.drawn += 1;
        self.live =
            Some(Live { code: code.clone(), room, invite, until_ms: now.steady_ms.saturating_add(limits::CODE_MS) });
        Some(code)
    }

    /// A person knows of the wrong guesses and wants a code all the same.
    pub fn forgive(&mut self) {
        self.wrong = WrongGuesses::default();
    }

    /// Shows no code any more.
    pub fn end(&mut self) {
        self.live = None;
    }

    /// How many codes were drawn: which one it is now.
    pub(crate) fn drawn(&self) -> u64 {
        self.drawn
    }

    /// The room that a code was drawn for last, while nobody has guessed.
    pub fn shown_for(&self) -> Option<RoomId> {
        self.live.as_ref().map(|live| live.room)
    }

    /// The code that is live, and for how many milliseconds it may still be typed.
    pub fn live(&self, now: Time) -> Option<(&Code, u64)> {
        let live = self.live.as_ref().filter(|live| now.steady_ms < live.until_ms)?;
        Some((&live.code, live.until_ms.saturating_sub(now.steady_ms)))
    }

    /// Takes what a guest begins with. Gives what it is to be answered, which tells it nothing.
    ///
    /// # Errors
    /// [`Unpaired`]
    pub fn answer<P: Pake>(
        &self,
        now: Time,
        meeting: Meeting,
        begun: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Attempt, Vec<u8>), Unpaired> {
        let live = self.live.as_ref().filter(|live| now.steady_ms < live.until_ms).ok_or(Unpaired::NoCode)?;
        let (exchange, ours): (P, _) = meeting.begin(Side::Host, &live.code, random);
        let key: Zeroizing<Vec<u8>> = exchange.finish(begun).ok_or(Unpaired::Malformed)?;
        Ok((Attempt { proofs: meeting.proofs(&key, begun, &ours), drawn: self.drawn }, ours))
    }

    /// Takes a guest's proof, which is its one guess and ends the code. Nothing may be answered before the wrong guesses
    /// are kept. Gives what proves this side, and what the guest is let in to.
    ///
    /// # Errors
    /// [`Unpaired`]
    pub fn guess(&mut self, now: Time, attempt: &Attempt, proof: &Hash) -> Result<(Hash, RoomId, EntryId), Unpaired> {
        let drawn = self.drawn;
        let live = self.live.take_if(|live| attempt.drawn == drawn && now.steady_ms < live.until_ms);
        let live = live.ok_or(Unpaired::NoCode)?;
        if !same(&attempt.proofs.guest, proof) {
            self.wrong.note(now);
            return Err(Unpaired::WrongCode);
        }
        Ok((attempt.proofs.host, live.room, live.invite))
    }
}

#[cfg(test)]
mod tests;
