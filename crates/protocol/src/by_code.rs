//! Joining by a code of six digits, on both sides; what the digits prove is [`crate::pairing`]'s.

use crate::clock::Time;
use crate::code::Code;
use crate::command::{CommandError, check_name};
use crate::frame::{Admission, Frame, Pair, PairAnswer, PairProof, PairRefusal, Paired, room_tag};
use crate::known::Way;
use crate::limits;
use crate::link::InviteLink;
use crate::pairing::{Codes, Guest, Meeting, Unpaired, WrongGuesses};
use crate::pake::{Pake, Spake};
use crate::replica::{CodeEnd, Event, Output, Replica};
use crate::room::Room;
use crate::session::{ConnectionId, FrameLimit, Joining, Pairing};
use crate::store::{Store, StoreError};

/// Where wrong guesses are kept: a restart does not forget them.
const WRONG: &str = "pairing/wrong";

pub(crate) fn restore(store: &impl Store) -> Result<Codes, StoreError> {
    let kept = store.value(WRONG)?;
    Ok(Codes::restore(kept.map(|kept| WrongGuesses::read(&kept)).unwrap_or_default()))
}

/// A code to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The code.
    pub code: Code,
    /// When its time is over, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
}

impl<S: Store> Replica<S> {
    /// Draws a code that lets in by an invite of this device's room, in place of any code before. `None`: wrong codes were
    /// typed, as many as [`limits::WRONG_GUESSES`] in an hour, and nobody said that they know of it (`knowingly`).
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn show_code(&mut self, now: Time, link: &InviteLink, knowingly: bool) -> Result<Option<Shown>, CommandError> {
        let (_, membership) = self.member_room(link.room)?;
        let unknown = CommandError::NotFound("this device does not know this invite; make another one");
        let (invite, invited) = membership.invite(&link.secret.key().public()).ok_or(unknown)?;
        if now.wall_ms() > invited.expires_at_ms || invited.used_by.len() >= invited.uses as usize {
            return Err(CommandError::Invalid("this invite is over; make another one"));
        }
        if self.listening.is_empty() {
            return Err(CommandError::Invalid("a code needs a running server; start the server first"));
        }
        let expires_at_ms = now.wall_ms().saturating_add(limits::CODE_MS).min(invited.expires_at_ms);
        if knowingly {
            self.codes.forgive();
            self.keep_wrong_guesses()?;
        }
        let code = self.codes.draw(now, link.room, invite, self.random.as_mut());
        Ok(code.map(|code| Shown { code, expires_at_ms }))
    }

    /// The code that is shown and that nobody has guessed at yet.
    pub fn shown_code(&self, now: Time) -> Option<Shown> {
        let (code, left_ms) = self.codes.live(now)?;
        Some(Shown { code: code.clone(), expires_at_ms: now.wall_ms().saturating_add(left_ms) })
    }

    /// Shows no code any more.
    pub fn hide_code(&mut self) {
        self.codes.end();
    }

    /// Asks the device on a connection to be let in by the code that it shows. The answer is an event:
    /// [`Event::Joined`] once this device's own admission is on its disk, [`Event::PairRefused`], or the end of the
    /// connection.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] where the connection is gone or its device has not said hello.
    pub fn join_by_code(&mut self, connection: ConnectionId, code: &Code) -> Result<(), CommandError> {
        check_name(&self.name)?;
        let session = self
            .sessions
            .get_mut(&connection)
            .filter(|session| session.hello.is_some())
            .ok_or(CommandError::NotFound("this device is not connected"))?;
        let meeting = Meeting { exporter: session.exporter, guest: self.device, host: session.device };
        let (guest, message) = Guest::begin(code, meeting, self.random.as_mut());
        session.pairing = Some(Box::new(Pairing::Guest(Box::new(guest))));
        self.send(connection, &Frame::Pair(Pair { method: Spake::METHOD, message }));
        Ok(())
    }

    /// A device has typed a code, and begins.
    pub(crate) fn on_pair(&mut self, now: Time, connection: ConnectionId, pair: &Pair) -> bool {
        let Some(session) = self.sessions.get_mut(&connection) else { return true };
        // While a code is live each costs this device some work.
        let begun = match session.pairs {
            (code, begun) if code == self.codes.drawn() => begun + 1,
            _ => 1,
        };
        session.pairs = (self.codes.drawn(), begun);
        if begun > limits::JOIN_ATTEMPTS {
            return false;
        }
        let meeting = Meeting { exporter: session.exporter, guest: session.device, host: self.device };
        let answered = match pair.method {
            Spake::METHOD => self.codes.answer::<Spake>(now, meeting, &pair.message, self.random.as_mut()),
            _ => return self.refuse_code(connection, PairRefusal::Unavailable),
        };
        match answered {
            Ok((attempt, message)) => {
                session.pairing = Some(Box::new(Pairing::Host(attempt)));
                self.send(connection, &Frame::PairAnswer(PairAnswer { message }));
                true
            }
            Err(Unpaired::Malformed) => false,
            Err(Unpaired::NoCode | Unpaired::WrongCode) => self.refuse_code(connection, PairRefusal::NoCode),
        }
    }

    pub(crate) fn on_pair_answer(&mut self, connection: ConnectionId, answer: &PairAnswer) -> bool {
        let Some(session) = self.sessions.get_mut(&connection) else { return true };
        let Some(Pairing::Guest(guest)) = session.pairing.take().map(|pairing| *pairing) else { return false };
        let Some((proving, proof)) = guest.answered(&answer.message) else { return false };
        session.pairing = Some(Box::new(Pairing::Proving(proving)));
        self.send(connection, &Frame::PairProof(PairProof { proof }));
        true
    }

    /// A device proves that it typed the code, or guesses.
    pub(crate) fn on_pair_proof(
        &mut self,
        now: Time,
        connection: ConnectionId,
        proof: &PairProof,
    ) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let Some(Pairing::Host(attempt)) = session.pairing.take().map(|pairing| *pairing) else { return Ok(false) };
        let peer = session.peer;
        let name = session.hello.as_ref().map(|hello| hello.name.clone()).unwrap_or_default();
        let shown_for = self.codes.shown_for();
        // What is answered leaves with the commit that this guess is counted in.
        let (proof, room, invite) = match self.codes.guess(now, &attempt, &proof.proof) {
            Ok(proved) => proved,
            Err(Unpaired::WrongCode) => {
                self.keep_wrong_guesses()?;
                self.out.extend(shown_for.map(|room| Output::Event(Event::CodeEnded(room, CodeEnd::Wrong))));
                return Ok(self.refuse_code(connection, PairRefusal::WrongCode));
            }
            Err(_) => return Ok(self.refuse_code(connection, PairRefusal::NoCode)),
        };
        self.out.push(Output::Event(Event::CodeEnded(room, CodeEnd::Used)));
        if let Some(room) = self.rooms.get_mut(&room) {
            room.evaluate();
        }
        if self.let_in(now, room, &peer, &name, invite)?.refusal().is_some() {
            return Ok(self.refuse_code(connection, PairRefusal::Unavailable));
        }
        self.note_seen(&peer, Some(name), None, now)?;
        self.verified(now, &peer, Way::Code)?;
        let admission = Some(Admission { proof, room });
        self.send(connection, &Frame::Paired(Paired { admission, refusal: None }));
        self.raise_limit(connection, FrameLimit::Data);
        self.open_rooms(connection)?;
        Ok(true)
    }

    /// The host let this device in, or says why not.
    pub(crate) fn on_paired(
        &mut self,
        now: Time,
        connection: ConnectionId,
        paired: &Paired,
    ) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let pairing = session.pairing.take().map(|pairing| *pairing);
        let admission = match (pairing, &paired.admission) {
            (None | Some(Pairing::Host(_)), _) => return Ok(false),
            (Some(Pairing::Proving(proving)), Some(admission)) if proving.holds(&admission.proof) => *admission,
            // It lets in without having shown the code: somebody who stands between, or plays at it.
            (_, Some(_)) => {
                self.out.push(Output::Event(Event::PairRefused(connection, PairRefusal::WrongCode)));
                return Ok(false);
            }
            (_, None) => {
                let refusal = paired.refusal.unwrap_or(PairRefusal::Unavailable);
                self.out.push(Output::Event(Event::PairRefused(connection, refusal)));
                return Ok(true);
            }
        };
        let room = admission.room;
        if self.rooms.get(&room).is_some_and(|held| held.is_member(&self.me)) {
            let peer = session.peer;
            self.verified(now, &peer, Way::Code)?;
            self.out.push(Output::Event(Event::Joined(connection, room)));
            return Ok(true);
        }
        let tag = room_tag(room, &session.exporter, self.device);
        session.joining.retain(|joining| joining.room != room);
        session.joining.push(Joining { room, tag, frame: None });
        self.rooms.entry(room).or_insert_with(|| Room::empty(room));
        self.raise_limit(connection, FrameLimit::Data);
        self.open_rooms(connection)?;
        Ok(true)
    }

    fn refuse_code(&mut self, connection: ConnectionId, refusal: PairRefusal) -> bool {
        self.send(connection, &Frame::Paired(Paired { admission: None, refusal: Some(refusal) }));
        true
    }

    fn keep_wrong_guesses(&mut self) -> Result<(), StoreError> {
        self.wrote = true;
        self.store.put_value(WRONG, Some(&self.codes.wrong().encode()))
    }
}
