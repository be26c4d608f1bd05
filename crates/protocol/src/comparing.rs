//! Two people compare what their devices show, on both sides; what it proves is [`crate::comparison`]'s.

use crate::clock::Time;
use crate::command::CommandError;
use crate::comparison::{Parties, Pictures};
use crate::frame::{Compare, CompareAnswer, CompareEnd, CompareEndReason, CompareReveal, Frame};
use crate::id::Hash;
use crate::identity::DeviceId;
use crate::known::Way;
use crate::limits;
use crate::replica::{Event, Output, Replica};
use crate::session::{ConnectionId, Session};
use crate::store::{Store, StoreError};

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOver {
    /// This device's person saw the same there.
    Same,
    /// This device's person saw something else there.
    Differ,
    /// The other device's person did.
    TheyDiffer,
    /// Nobody said what they see for [`limits::COMPARE_MS`].
    TimeOver,
    /// The connection ended.
    Gone,
    /// The other device revealed something else than it had committed to.
    Broken,
    /// The other device did not begin.
    Refused(CompareEndReason),
}

/// One comparison on one connection.
pub(crate) struct Comparing {
    /// By which both name it.
    commitment: Hash,
    /// This device's.
    nonce: Hash,
    /// In steady milliseconds.
    until_ms: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// This device asked.
    Asking,
    /// The other asked, and is to reveal.
    Answered,
    /// Both show the same, or somebody is between; with whether this device's person said that it is the same.
    Shown(Pictures, bool),
}

impl Comparing {
    /// What people are told when it ends so; nothing, where this one has decided.
    pub(crate) fn over(&self, device: DeviceId, how: CompareOver) -> Option<Output> {
        let shown = match self.stage {
            Stage::Asking | Stage::Answered => false,
            Stage::Shown(_, true) if how != CompareOver::TheyDiffer => return None,
            Stage::Shown(..) => true,
        };
        Some(Output::Event(Event::ComparisonEnded(device, how, shown)))
    }
}

impl Session {
    fn parties(&self, me: DeviceId, asked_here: bool) -> Parties {
        let (asker, asked) = if asked_here { (me, self.device) } else { (self.device, me) };
        Parties { exporter: self.exporter, asker, asked }
    }

    /// How far a comparison is that is not over.
    fn stage(&self, now: Time) -> Option<Stage> {
        let comparing = self.comparing.as_ref()?;
        (now.steady_ms < comparing.until_ms).then_some(comparing.stage)
    }

    /// The comparison that a frame names, where it is not over.
    fn comparison(&mut self, commitment: &Hash, now: Time) -> Option<&mut Comparing> {
        let named = |comparing: &&mut Box<Comparing>| comparing.commitment == *commitment;
        let live = self.comparing.as_mut().filter(named).filter(|comparing| now.steady_ms < comparing.until_ms);
        live.map(AsMut::as_mut)
    }
}

const GONE: CommandError = CommandError::NotFound("this device is not connected; compare while it is");
const NOTHING_SHOWN: CommandError =
    CommandError::NotFound("nothing is compared with this device any more; begin again");
const OTHERS_SHOWN: CommandError =
    CommandError::NotFound("other pictures than these are shown with this device by now; compare those");

impl<S: Store> Replica<S> {
    /// Begins to compare with a connected device, or goes on where that was begun. Gives the pictures where they are shown
    /// already; else they, or why there are none, come as [`Event::ComparisonShown`] or [`Event::ComparisonEnded`].
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn compare_with(&mut self, now: Time, device: DeviceId) -> Result<Option<Pictures>, CommandError> {
        let connection = self.connection(device).ok_or(GONE)?;
        let fellow = self.is_with_fellow(connection);
        let session = self.sessions.get_mut(&connection).filter(|session| session.hello.is_some()).ok_or(GONE)?;
        if !fellow {
            return Err(CommandError::Invalid("only devices in one room are compared; invite this one first"));
        }
        match session.stage(now) {
            Some(Stage::Shown(pictures, _)) => return Ok(Some(pictures)),
            Some(_) => return Ok(None),
            None => {}
        }
        let mut nonce = [0; 32];
        self.random.fill(&mut nonce);
        let nonce = Hash::new(nonce);
        let commitment = session.parties(self.device, true).commitment(&nonce);
        session.comparing = Some(Box::new(Comparing {
            commitment,
            nonce,
            until_ms: now.steady_ms.saturating_add(limits::COMPARE_MS),
            stage: Stage::Asking,
        }));
        self.send(connection, &Frame::Compare(Compare { commitment }));
        Ok(None)
    }

    /// Waits no longer for a device that was asked to compare. What is shown stays.
    pub fn stop_comparing(&mut self, device: DeviceId) {
        let Some(connection) = self.connection(device) else { return };
        let Some(session) = self.sessions.get_mut(&connection) else { return };
        let begun = session.comparing.take_if(|comparing| !matches!(comparing.stage, Stage::Shown(..)));
        if let Some(begun) = begun {
            self.end_comparison(connection, begun.commitment, CompareEndReason::Withdrawn);
        }
    }

    /// This device's person says whether the other device shows the same pictures. If so, it is sure who that is; if not,
    /// it is sure no more, and both are told. `seen`: the pictures that the person saw here, where that is known. That they
    /// differ counts after the comparison, too: whoever stands between would end it before it is said.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] where nothing is shown, or other pictures by now.
    pub fn confirm_comparison(
        &mut self,
        now: Time,
        device: DeviceId,
        seen: Option<Pictures>,
        same: bool,
    ) -> Result<(), CommandError> {
        if !same && seen.is_some_and(|seen| self.was_shown(now, device, &seen)) {
            let peer = self.met(device)?;
            self.out.push(Output::Event(Event::ComparisonEnded(device, CompareOver::Differ, true)));
            return Ok(self.doubted(&peer)?);
        }
        let connection = self.connection(device).ok_or(NOTHING_SHOWN)?;
        let session = self.sessions.get_mut(&connection).ok_or(NOTHING_SHOWN)?;
        let peer = session.peer;
        let live = session.comparing.as_mut().filter(|comparing| now.steady_ms < comparing.until_ms);
        let comparing = live.ok_or(NOTHING_SHOWN)?;
        let Stage::Shown(pictures, _) = comparing.stage else { return Err(NOTHING_SHOWN) };
        if seen.is_some_and(|seen| seen != pictures) {
            return Err(OTHERS_SHOWN);
        }
        if same {
            // It is heard of still, should the other person see something else.
            comparing.stage = Stage::Shown(pictures, true);
            self.out.push(Output::Event(Event::ComparisonEnded(device, CompareOver::Same, true)));
            return Ok(self.verified(now, &peer, Way::Compared)?);
        }
        let commitment = comparing.commitment;
        session.comparing = None;
        self.out.push(Output::Event(Event::ComparisonEnded(device, CompareOver::Differ, true)));
        self.end_comparison(connection, commitment, CompareEndReason::Differ);
        Ok(self.doubted(&peer)?)
    }

    /// The pictures that are shown for a device, and whether this one's person has said that they are the same there.
    pub(crate) fn shown_with(&self, device: DeviceId) -> Option<(Pictures, bool)> {
        let session = self.sessions.get(&self.connection(device)?)?;
        match session.comparing.as_ref()?.stage {
            Stage::Shown(pictures, said) => Some((pictures, said)),
            Stage::Asking | Stage::Answered => None,
        }
    }

    pub(crate) fn on_compare(&mut self, now: Time, connection: ConnectionId, compare: &Compare) -> bool {
        let fellow = self.is_with_fellow(connection);
        let Some(session) = self.sessions.get_mut(&connection) else { return true };
        let device = session.device;
        let refusal = match session.stage(now) {
            _ if !fellow => Some(CompareEndReason::NoFellow),
            // Both asked at once: the one with the smaller id goes on, and drops what the other asked.
            Some(Stage::Asking) if self.device < device => return true,
            // However often that one began: this device's person wants it, too.
            Some(Stage::Asking) => None,
            None => (!self.may_begin(now, device)).then_some(CompareEndReason::Busy),
            Some(_) => Some(CompareEndReason::Busy),
        };
        if let Some(refusal) = refusal {
            self.end_comparison(connection, compare.commitment, refusal);
            return true;
        }
        let mut nonce = [0; 32];
        self.random.fill(&mut nonce);
        let nonce = Hash::new(nonce);
        let Some(session) = self.sessions.get_mut(&connection) else { return true };
        session.comparing = Some(Box::new(Comparing {
            commitment: compare.commitment,
            nonce,
            until_ms: now.steady_ms.saturating_add(limits::COMPARE_MS),
            stage: Stage::Answered,
        }));
        let answer = CompareAnswer { commitment: compare.commitment, nonce };
        self.send(connection, &Frame::CompareAnswer(answer));
        true
    }

    pub(crate) fn on_compare_answer(&mut self, now: Time, connection: ConnectionId, answer: &CompareAnswer) -> bool {
        let me = self.device;
        let Some(session) = self.sessions.get_mut(&connection) else { return true };
        let (device, parties) = (session.device, session.parties(me, true));
        // It may answer what is over here.
        let Some(comparing) = session.comparison(&answer.commitment, now) else { return true };
        if comparing.stage != Stage::Asking {
            return false;
        }
        let (commitment, nonce) = (comparing.commitment, comparing.nonce);
        let pictures = parties.pictures(&nonce, &answer.nonce);
        comparing.stage = Stage::Shown(pictures, false);
        self.send(connection, &Frame::CompareReveal(CompareReveal { commitment, nonce }));
        self.show_pictures(now, device, pictures);
        true
    }

    pub(crate) fn on_compare_reveal(
        &mut self,
        now: Time,
        connection: ConnectionId,
        reveal: &CompareReveal,
    ) -> Result<bool, StoreError> {
        let me = self.device;
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let (device, peer, parties) = (session.device, session.peer, session.parties(me, false));
        let Some(comparing) = session.comparison(&reveal.commitment, now) else { return Ok(true) };
        if comparing.stage != Stage::Answered {
            return Ok(false);
        }
        if parties.commitment(&reveal.nonce) != comparing.commitment {
            session.comparing = None;
            self.doubted(&peer)?;
            self.out.push(Output::Event(Event::ComparisonEnded(device, CompareOver::Broken, true)));
            return Ok(false);
        }
        let pictures = parties.pictures(&reveal.nonce, &comparing.nonce);
        comparing.stage = Stage::Shown(pictures, false);
        self.show_pictures(now, device, pictures);
        Ok(true)
    }

    pub(crate) fn on_compare_end(&mut self, connection: ConnectionId, end: &CompareEnd) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(true) };
        let (device, peer) = (session.device, session.peer);
        let ended = session.comparing.take_if(|comparing| comparing.commitment == end.commitment);
        let Some(ended) = ended else { return Ok(true) };
        let how = match (ended.stage, end.why) {
            (Stage::Shown(..), CompareEndReason::Differ) => {
                self.doubted(&peer)?;
                CompareOver::TheyDiffer
            }
            (_, why) => CompareOver::Refused(why),
        };
        self.out.extend(ended.over(device, how));
        Ok(true)
    }

    /// Shows pictures for a device, and remembers them for a while.
    fn show_pictures(&mut self, now: Time, device: DeviceId, pictures: Pictures) {
        self.shown_lately.retain(|_, shown| {
            shown.retain(|(at, _)| at.saturating_add(limits::COMPARISONS_MS) > now.steady_ms);
            !shown.is_empty()
        });
        let shown = self.shown_lately.entry(device).or_default();
        if shown.len() >= limits::COMPARISONS {
            shown.remove(0);
        }
        shown.push((now.steady_ms, pictures));
        self.out.push(Output::Event(Event::ComparisonShown(device, pictures)));
    }

    /// Whether these pictures were shown for a device lately, in a comparison that is over.
    fn was_shown(&self, now: Time, device: DeviceId, pictures: &Pictures) -> bool {
        let session = self.connection(device).and_then(|connection| self.sessions.get(&connection));
        if let Some(Stage::Shown(open, _)) = session.and_then(|session| session.stage(now))
            && open == *pictures
        {
            return false;
        }
        self.shown_lately.get(&device).is_some_and(|shown| {
            let lately = |at: u64| at.saturating_add(limits::COMPARISONS_MS) > now.steady_ms;
            shown.iter().any(|(at, shown)| lately(*at) && shown == pictures)
        })
    }

    /// Ends comparisons in which nobody said in time what they see.
    pub(crate) fn end_comparisons(&mut self, now: Time) {
        for session in self.sessions.values_mut() {
            if let Some(over) = session.comparing.take_if(|comparing| now.steady_ms >= comparing.until_ms) {
                self.out.extend(over.over(session.device, CompareOver::TimeOver));
            }
        }
    }

    /// Whether a device may begin to compare, which counts.
    fn may_begin(&mut self, now: Time, device: DeviceId) -> bool {
        self.asked_to_compare.retain(|_, asked| {
            asked.retain(|at| at.saturating_add(limits::COMPARISONS_MS) > now.steady_ms);
            !asked.is_empty()
        });
        let asked = self.asked_to_compare.entry(device).or_default();
        let may = asked.len() < limits::COMPARISONS;
        if may {
            asked.push(now.steady_ms);
        }
        may
    }

    fn end_comparison(&mut self, connection: ConnectionId, commitment: Hash, why: CompareEndReason) {
        self.send(connection, &Frame::CompareEnd(CompareEnd { commitment, why }));
    }
}
