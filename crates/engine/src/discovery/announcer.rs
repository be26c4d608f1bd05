//! When this device says of itself what, and when it asks who is there. Time and randomness are handed in; what is to be
//! said comes out.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use lanline_protocol::{finding::Circle, id::Hash, identity::DeviceId};

use super::{
    Moment,
    announcement::{Announcement, Instance},
    tag,
};

/// The version of the protocol that is announced.
const PROTOCOL: u16 = 1;
/// How often a server announces itself, and how soon after something changed, in milliseconds.
const EVERY_MS: u64 = 30_000;
const AT_FIRST_MS: [u64; 3] = [0, 250, 1000];
/// How long a name of the day is still good after the next one was announced, so that nobody loses sight of this device.
const OVERLAP_MS: u64 = 2000;
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Not more often than this it is asked who is there because somebody looks, in milliseconds.
const LOOKS_MS: u64 = 3000;
/// Within this time whoever asks is answered, spread by lot, in milliseconds.
const ANSWER_MS: u64 = 100;
/// Answers at once and in each second.
const ANSWERS: u64 = 128;
const ANSWERS_A_SECOND: u64 = 64;

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// To all.
    Announce(Announcement),
    /// To all: under this name nobody is there any more.
    Withdraw(Instance),
    /// To all: who is there?
    Ask,
    /// To one who asked.
    Answer(SocketAddr, Announcement),
}

/// Where random bytes come from.
pub(crate) type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// See the module's documentation.
pub(crate) struct Announcer {
    me: DeviceId,
    random: Random,
    /// What the tags that fill up are made of.
    secret: [u8; 32],
    instance: Instance,
    /// The day of this name, since the Unix epoch in UTC.
    day: u64,
    /// Names that are not good for much longer, and until when, in steady milliseconds.
    former: Vec<(Instance, u64)>,
    /// Where the server listens, while it does.
    port: Option<u16>,
    circles: Vec<Circle>,
    /// This device's own addresses, and the last ones that it had any of.
    addresses: BTreeSet<IpAddr>,
    network: BTreeSet<IpAddr>,
    /// This device's name, and until when it is announced, in milliseconds since the Unix epoch.
    name: String,
    visible_until: u64,
    /// When to announce, in steady milliseconds; sorted.
    due: Vec<u64>,
    turn: usize,
    /// Whether the server was announced and did not take leave.
    is_out: bool,
    /// When it was asked last who is there, and when it is asked next.
    asked_ms: Option<u64>,
    ask_ms: Option<u64>,
    answers: Vec<(u64, SocketAddr)>,
    /// Answers that may be given at once, in thousandths, and as of when.
    allowed: (u64, u64),
}

impl Announcer {
    pub(crate) fn new(now: Moment, me: DeviceId, mut random: Random) -> Self {
        let mut secret = [0; 32];
        random(&mut secret);
        let mut announcer = Self {
            me,
            random,
            secret,
            instance: Instance([0; 8]),
            day: now.wall_ms / DAY_MS,
            former: Vec::new(),
            port: None,
            circles: Vec::new(),
            addresses: BTreeSet::new(),
            network: BTreeSet::new(),
            name: String::new(),
            visible_until: 0,
            due: Vec::new(),
            turn: 0,
            is_out: false,
            asked_ms: None,
            ask_ms: None,
            answers: Vec::new(),
            allowed: (ANSWERS * 1000, now.steady_ms),
        };
        announcer.instance = announcer.drawn();
        announcer
    }

    /// What this device calls itself.
    pub(crate) fn instance(&self) -> Instance {
        self.instance
    }

    fn drawn(&mut self) -> Instance {
        let mut bytes = [0; 8];
        (self.random)(&mut bytes);
        Instance(bytes)
    }

    /// The server listens on this port, or not any more.
    pub(crate) fn set_port(&mut self, now: Moment, port: Option<u16>) {
        if self.port != port {
            self.port = port;
            self.hasten(now);
        }
    }

    /// Who belongs to the rooms, and their keys, are these now.
    pub(crate) fn set_circles(&mut self, now: Moment, circles: Vec<Circle>) {
        if circles == self.circles {
            return;
        }
        let keys: BTreeSet<Hash> = circles.iter().map(|circle| circle.beacon).collect();
        let lost = self.circles.iter().any(|circle| !keys.contains(&circle.beacon));
        self.circles = circles;
        if lost {
            // Who is no member any more knows which device today's name is of.
            self.rename(now);
        }
        self.hasten(now);
    }

    /// These are this device's addresses now.
    pub(crate) fn set_addresses(&mut self, now: Moment, addresses: BTreeSet<IpAddr>) {
        if addresses == self.addresses {
            return;
        }
        if !addresses.is_empty() {
            if !self.network.is_empty() && self.network.is_disjoint(&addresses) {
                // Who listens on both networks is not to know that it is one device: nothing is said of the former name.
                self.instance = self.drawn();
                self.former.clear();
            }
            self.network.clone_from(&addresses);
        }
        self.addresses = addresses;
        self.hasten(now);
        self.ask_ms = Some(now.steady_ms);
    }

    /// This is this device's name.
    pub(crate) fn set_name(&mut self, now: Moment, name: &str) {
        if self.name != name {
            name.clone_into(&mut self.name);
            if now.wall_ms < self.visible_until {
                self.hasten(now);
            }
        }
    }

    /// The name is announced for so long, in milliseconds; 0: no more.
    pub(crate) fn set_visible(&mut self, now: Moment, for_ms: u64) {
        let was_visible = now.wall_ms < self.visible_until;
        self.visible_until = if for_ms == 0 { 0 } else { now.wall_ms.saturating_add(for_ms) };
        if was_visible != (for_ms > 0) {
            self.hasten(now);
        }
    }

    /// Until when the name is announced, in milliseconds since the Unix epoch.
    pub(crate) fn visible_until(&self, now: Moment) -> Option<u64> {
        (now.wall_ms < self.visible_until).then_some(self.visible_until)
    }

    /// Somebody looks who is near.
    pub(crate) fn look(&mut self, now: Moment) {
        let earliest = self.asked_ms.map_or(now.steady_ms, |asked| asked.saturating_add(LOOKS_MS));
        if earliest <= now.steady_ms {
            self.ask_ms = Some(now.steady_ms);
        }
    }

    /// Another device asks who is there.
    pub(crate) fn asked(&mut self, now: Moment, by: SocketAddr) {
        // From one port one answer will do. Others may be other devices' of the same machine.
        let answered = self.answers.iter().any(|(_, to)| *to == by);
        if self.port.is_none() || answered || !self.allows_answer(now) {
            return;
        }
        let mut lot = [0; 2];
        (self.random)(&mut lot);
        let jitter = u64::from(u16::from_be_bytes(lot)) % ANSWER_MS;
        self.answers.push((now.steady_ms.saturating_add(jitter), by));
    }

    fn allows_answer(&mut self, now: Moment) -> bool {
        let (left, at) = self.allowed;
        let more = now.steady_ms.saturating_sub(at).saturating_mul(ANSWERS_A_SECOND);
        let left = left.saturating_add(more).min(ANSWERS * 1000);
        let allows = left >= 1000;
        self.allowed = (if allows { left - 1000 } else { left }, now.steady_ms);
        allows
    }

    fn hasten(&mut self, now: Moment) {
        self.due = AT_FIRST_MS.map(|after| now.steady_ms.saturating_add(after)).to_vec();
    }

    fn rename(&mut self, now: Moment) {
        let former = self.instance;
        self.instance = self.drawn();
        if self.is_out {
            self.former.push((former, now.steady_ms.saturating_add(OVERLAP_MS)));
            self.hasten(now);
        }
    }

    /// What is to be said now.
    pub(crate) fn acts(&mut self, now: Moment) -> Vec<Act> {
        let mut acts = Vec::new();
        let today = now.wall_ms / DAY_MS;
        if today != self.day {
            self.day = today;
            self.rename(now);
        }
        if self.visible_until > 0 && now.wall_ms >= self.visible_until {
            self.visible_until = 0;
            self.hasten(now);
        }
        if self.due.first().is_some_and(|due| *due <= now.steady_ms) {
            self.due.retain(|due| *due > now.steady_ms);
            match self.announcement(now) {
                Some(announcement) => {
                    self.is_out = true;
                    if self.due.is_empty() {
                        self.turn = self.turn.wrapping_add(1);
                        self.due.push(now.steady_ms.saturating_add(EVERY_MS));
                    }
                    acts.push(Act::Announce(announcement));
                }
                None => {
                    self.due.clear();
                    acts.extend(self.leave());
                }
            }
        }
        let over = self.former.extract_if(.., |(_, until)| *until <= now.steady_ms);
        acts.extend(over.map(|(instance, _)| Act::Withdraw(instance)));
        if self.ask_ms.is_some_and(|at| at <= now.steady_ms) {
            (self.ask_ms, self.asked_ms) = (None, Some(now.steady_ms));
            acts.push(Act::Ask);
        }
        if let Some(announcement) = self.announcement(now) {
            let due = self.answers.extract_if(.., |(at, _)| *at <= now.steady_ms);
            acts.extend(due.map(|(_, to)| Act::Answer(to, announcement.clone())));
        } else {
            self.answers.clear();
        }
        acts
    }

    /// What takes leave of everybody.
    pub(crate) fn leave(&mut self) -> Vec<Act> {
        let own = std::mem::take(&mut self.is_out).then_some(self.instance);
        self.former.drain(..).map(|(instance, _)| instance).chain(own).map(Act::Withdraw).collect()
    }

    /// When there is something to be said, in steady milliseconds.
    pub(crate) fn due_ms(&self, now: Moment) -> u64 {
        let in_wall_time = |at: u64| now.steady_ms.saturating_add(at.saturating_sub(now.wall_ms));
        let midnight = in_wall_time(self.day.saturating_add(1).saturating_mul(DAY_MS));
        let hidden = (self.visible_until > 0).then(|| in_wall_time(self.visible_until));
        let answers = self.answers.iter().map(|(at, _)| *at);
        let former = self.former.iter().map(|(_, until)| *until);
        let due = self.due.first().copied().into_iter().chain(self.ask_ms).chain(hidden).chain(answers).chain(former);
        due.min().map_or(midnight, |due| due.min(midnight))
    }

    fn announcement(&self, now: Moment) -> Option<Announcement> {
        let port = self.port.filter(|port| *port != 0)?;
        let tags = tag::own(&self.circles, self.me, self.instance, self.turn, &self.secret);
        let name = (now.wall_ms < self.visible_until && !self.name.is_empty()).then(|| self.name.clone());
        Some(Announcement { instance: self.instance, port, protocol: PROTOCOL, tags, name })
    }
}

#[cfg(test)]
mod tests;
