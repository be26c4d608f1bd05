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
/// Answers to one IP address within a second: whoever asks without end leaves the others theirs, and little comes of asking
/// in another's name.
const ANSWERS_TO_ONE: usize = 8;
const SECOND_MS: u64 = 1000;
/// After so long a sleep, or without any network, in milliseconds, this device may be elsewhere although its addresses are
/// the same as before: many homes have the same ones.
const SLEPT_MS: u64 = 5 * 60_000;
const OFFLINE_MS: u64 = 30_000;

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// To all.
    Announce(Announcement),
    /// To all: under this name nobody is there any more.
    Withdraw(Instance),
    /// To nobody: what was said before is never spoken of again, not even to take leave.
    Forget,
    /// To all: who is there?
    Ask,
    /// To one who asked.
    Answer(SocketAddr, Announcement),
}

/// Where random bytes come from.
pub(crate) type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// What this device was called on a network.
struct Kept {
    instance: Instance,
    day: u64,
    network: BTreeSet<IpAddr>,
    /// Since when it has not been there, in steady milliseconds.
    since_ms: u64,
}

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
    /// This device's own addresses.
    addresses: BTreeSet<IpAddr>,
    /// By which it was told last on which network it is, and whether they are of a network that leads to others.
    network: BTreeSet<IpAddr>,
    is_real: bool,
    /// Since when it has had no address, in steady milliseconds.
    offline_ms: Option<u64>,
    /// What it was called on the last network that leads to others, while it may be back there in a moment.
    kept: Option<Kept>,
    /// Whether what was said before is to be forgotten.
    forgets: bool,
    /// This device's name, and until when it is announced: while neither clock is there yet, since that of people may be
    /// set back, and the other stands still in sleep.
    name: String,
    visible_until: Option<Moment>,
    /// When to announce, in steady milliseconds; sorted.
    due: Vec<u64>,
    turn: usize,
    /// Whether the server was announced and did not take leave.
    is_out: bool,
    /// When it was asked last who is there, and when it is asked next.
    asked_ms: Option<u64>,
    ask_ms: Option<u64>,
    answers: Vec<(u64, SocketAddr)>,
    /// To whom an answer was granted within the last second, and when; the global limit bounds it.
    answered: Vec<(u64, IpAddr)>,
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
            is_real: false,
            offline_ms: None,
            kept: None,
            forgets: false,
            name: String::new(),
            visible_until: None,
            due: Vec::new(),
            turn: 0,
            is_out: false,
            asked_ms: None,
            ask_ms: None,
            answers: Vec::new(),
            answered: Vec::new(),
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
        let keys = |circles: &[Circle]| circles.iter().map(|circle| circle.beacon).collect::<BTreeSet<Hash>>();
        let (before, now_there) = (keys(&self.circles), keys(&circles));
        self.circles = circles;
        if !before.is_subset(&now_there) {
            // Who is no member any more knows which device today's name is of.
            self.rename(now);
        }
        // Who else belongs to them, and in which one something happened, changes nothing that is said, and who listens is
        // not to learn when it does.
        if before != now_there {
            self.hasten(now);
        }
    }

    /// These are this device's addresses now, and those of them, which may be none, that tell one network from another:
    /// what a machine calls itself on every link, and what it has within itself, is the same everywhere.
    pub(crate) fn set_addresses(&mut self, now: Moment, addresses: BTreeSet<IpAddr>, telling: BTreeSet<IpAddr>) {
        if addresses == self.addresses {
            return;
        }
        if addresses.is_empty() {
            self.offline_ms.get_or_insert(now.steady_ms);
        } else {
            self.arrive(now, &addresses, telling);
        }
        self.addresses = addresses;
        self.hasten(now);
        self.ask_ms = Some(now.steady_ms);
    }

    fn arrive(&mut self, now: Moment, addresses: &BTreeSet<IpAddr>, telling: BTreeSet<IpAddr>) {
        let since_ms = self.offline_ms.take().unwrap_or(now.steady_ms);
        let is_short = |since_ms: u64| now.steady_ms.saturating_sub(since_ms) < OFFLINE_MS;
        let (was_real, is_real) = (self.is_real, !telling.is_empty());
        let is_of_today = |kept: &Kept| kept.day == now.wall_ms / DAY_MS;
        let kept = self.kept.take().filter(|kept| is_short(kept.since_ms) && is_of_today(kept));
        if was_real && !is_real {
            // It is not known yet where it is: maybe elsewhere, where an address comes only in a moment.
            let (instance, network) = (self.instance, std::mem::take(&mut self.network));
            self.kept = Some(Kept { instance, day: self.day, network, since_ms });
            self.start_afresh(now);
        } else if let Some(kept) = kept.filter(|kept| !kept.network.is_disjoint(&telling)) {
            self.go_by(now, kept.instance);
        } else {
            // Where nothing told it before, all of it did.
            let is_elsewhere = self.network.is_disjoint(if was_real { &telling } else { addresses });
            if !self.network.is_empty() && (is_elsewhere || !is_short(since_ms)) {
                self.start_afresh(now);
            }
        }
        (self.network, self.is_real) = (if is_real { telling } else { addresses.clone() }, is_real);
    }

    /// This device slept for so long, in milliseconds.
    pub(crate) fn awoke(&mut self, now: Moment, slept_ms: u64) {
        if slept_ms >= SLEPT_MS {
            self.kept = None;
            self.start_afresh(now);
        }
        self.forgets = true;
        self.hasten(now);
        self.ask_ms = Some(now.steady_ms);
    }

    fn start_afresh(&mut self, now: Moment) {
        let instance = self.drawn();
        self.go_by(now, instance);
    }

    /// Who listens on both networks is not to know that it is one device: nothing is said of the former name.
    fn go_by(&mut self, now: Moment, instance: Instance) {
        self.instance = instance;
        self.day = now.wall_ms / DAY_MS;
        self.former.clear();
        self.forgets = true;
    }

    /// This is this device's name.
    pub(crate) fn set_name(&mut self, now: Moment, name: &str) {
        if self.name != name {
            name.clone_into(&mut self.name);
            if self.is_visible(now) {
                self.hasten(now);
            }
        }
    }

    /// The name is announced for so long, in milliseconds; 0: no more.
    pub(crate) fn set_visible(&mut self, now: Moment, for_ms: u64) {
        let was_visible = self.is_visible(now);
        self.visible_until = (for_ms > 0).then(|| Moment {
            steady_ms: now.steady_ms.saturating_add(for_ms),
            wall_ms: now.wall_ms.saturating_add(for_ms),
        });
        if was_visible != (for_ms > 0) {
            self.hasten(now);
        }
    }

    fn is_visible(&self, now: Moment) -> bool {
        self.visible_until.is_some_and(|until| now.wall_ms < until.wall_ms && now.steady_ms < until.steady_ms)
    }

    /// Until when the name is announced, in milliseconds since the Unix epoch as people's clock has it now.
    pub(crate) fn visible_until(&self, now: Moment) -> Option<u64> {
        let until = self.visible_until.filter(|_| self.is_visible(now))?;
        let left = until.steady_ms.saturating_sub(now.steady_ms);
        let by_steady = now.wall_ms.saturating_add(left);
        // The clocks are read one after the other, and differ a little by that alone.
        let was_set = by_steady.abs_diff(until.wall_ms) >= SECOND_MS;
        Some(if was_set { until.wall_ms.min(by_steady) } else { until.wall_ms })
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
        self.answered.retain(|(at, _)| now.steady_ms < at.saturating_add(SECOND_MS));
        let to_one = self.answered.iter().filter(|(_, to)| *to == by.ip()).count();
        if self.port.is_none() || answered || to_one >= ANSWERS_TO_ONE || !self.allows_answer(now) {
            return;
        }
        self.answered.push((now.steady_ms, by.ip()));
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
        self.kept = None;
        let former = self.instance;
        self.instance = self.drawn();
        if self.is_out {
            self.former.push((former, now.steady_ms.saturating_add(OVERLAP_MS)));
            self.hasten(now);
        }
    }

    /// Whether what it was called before is to be forgotten, once.
    pub(crate) fn forgets(&mut self) -> bool {
        std::mem::take(&mut self.forgets)
    }

    /// What is to be said now.
    pub(crate) fn acts(&mut self, now: Moment) -> Vec<Act> {
        let mut acts = Vec::new();
        let today = now.wall_ms / DAY_MS;
        if today != self.day {
            self.day = today;
            self.rename(now);
        }
        if self.visible_until.is_some() && !self.is_visible(now) {
            self.visible_until = None;
            self.hasten(now);
        }
        if self.forgets() {
            acts.push(Act::Forget);
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
        let hidden = self.visible_until.map(|until| in_wall_time(until.wall_ms).min(until.steady_ms));
        let answers = self.answers.iter().map(|(at, _)| *at);
        let former = self.former.iter().map(|(_, until)| *until);
        let due = self.due.first().copied().into_iter().chain(self.ask_ms).chain(hidden).chain(answers).chain(former);
        due.min().map_or(midnight, |due| due.min(midnight))
    }

    fn announcement(&self, now: Moment) -> Option<Announcement> {
        let port = self.port.filter(|port| *port != 0)?;
        let tags = tag::own(&self.circles, self.me, self.instance, self.turn, &self.secret);
        let name = (self.is_visible(now) && !self.name.is_empty()).then(|| self.name.clone());
        Some(Announcement { instance: self.instance, port, protocol: PROTOCOL, tags, name })
    }
}

#[cfg(test)]
mod tests;
