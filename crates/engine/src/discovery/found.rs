//! What multicast DNS found, and when it is told. Time is handed in.
//!
//! mDNS keeps what it heard for minutes, or for as long as a record says, and gives it out again to whoever asks: none of
//! that was heard now. So an instance is told when something of it is new, and again only once it was asked for anew and
//! is still there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::announcement::{Announcement, Instance};
use super::message::Message;
use super::{Heard, Via};
use crate::net::{Link, on_link};

/// Instances that are remembered.
const FOUND: usize = 256;
/// How long an instance goes untold before it is asked for anew.
const UNTOLD: Duration = Duration::from_secs(25);
/// How long it has to answer.
pub(super) const ANSWERED: Duration = Duration::from_secs(5);
/// By when mDNS has said of one that did not answer that it is gone.
const VERIFIED: Duration = Duration::from_secs(6);
/// Instances that are asked for at a time, once a second: each costs everybody two questions.
const AT_ONCE: usize = 16;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Found(BTreeMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    announcement: Announcement,
    addresses: Vec<SocketAddr>,
    first: Instant,
    told: Instant,
    /// Since when it is asked for.
    asked: Option<Instant>,
}

/// What is to be done now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Instances that are to be asked for, by their full names.
    pub(super) verify: Vec<String>,
    /// What is to be told.
    pub(super) tell: Vec<Heard>,
}

impl Found {
    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// mDNS says where an instance is, now or once more. What is to be told. Of too many the newest gives way, so that
    /// who floods takes their own place.
    pub(super) fn resolved(
        &mut self,
        now: Instant,
        name: &str,
        announcement: Announcement,
        addresses: Vec<SocketAddr>,
    ) -> Vec<Heard> {
        if let Some(entry) = self.0.get_mut(name) {
            if entry.announcement == announcement && entry.addresses == addresses {
                return Vec::new();
            }
            *entry = Entry { announcement, addresses, first: entry.first, told: now, asked: None };
            return entry.announced();
        }
        let mut told = Vec::new();
        if self.0.len() >= FOUND {
            let newest = self.0.iter().max_by_key(|(name, entry)| (entry.first, *name)).map(|(name, _)| name.clone());
            told.extend(newest.and_then(|newest| self.removed(&newest)).and_then(|(bye, _)| bye));
        }
        let entry = Entry { announcement, addresses, first: now, told: now, asked: None };
        told.extend(entry.announced());
        self.0.insert(name.to_owned(), entry);
        told
    }

    /// mDNS says that it is there no more: what is to be told, and whether that is because it did not answer.
    pub(super) fn removed(&mut self, name: &str) -> Option<(Option<Heard>, bool)> {
        self.0.remove(name).map(|entry| (entry.bye(), entry.asked.is_some()))
    }

    /// `heard` are those that are heard otherwise: they need not be asked.
    pub(super) fn due(&mut self, now: Instant, heard: impl Fn(Instance) -> bool) -> Due {
        let mut due = Due::default();
        for (name, entry) in &mut self.0 {
            match entry.asked {
                Some(asked) if now.saturating_duration_since(asked) >= VERIFIED => {
                    (entry.told, entry.asked) = (now, None);
                    due.tell.extend(entry.announced());
                }
                None if now.saturating_duration_since(entry.told) >= UNTOLD
                    && due.verify.len() < AT_ONCE
                    && !heard(entry.announcement.instance) =>
                {
                    entry.asked = Some(now);
                    due.verify.push(name.clone());
                }
                Some(_) | None => {}
            }
        }
        due
    }

    /// It could not be asked for now.
    pub(super) fn unasked(&mut self, name: &str) {
        if let Some(entry) = self.0.get_mut(name) {
            entry.asked = None;
        }
    }

    /// This device is on these links now. What is on none of them is found there no more.
    pub(super) fn set_links(&mut self, links: &[Link]) {
        self.0.retain(|_, entry| {
            entry.addresses.retain(|address| on_link(links, address));
            !entry.addresses.is_empty()
        });
    }

    /// Nothing is found any more. What is to be told.
    pub(super) fn clear(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.0).into_values().filter_map(|entry| entry.bye()).collect()
    }
}

impl Entry {
    fn announced(&self) -> Vec<Heard> {
        let told = |from: &SocketAddr| Heard {
            what: Message::Announce(self.announcement.clone()),
            from: *from,
            via: Via::Mdns,
        };
        self.addresses.iter().map(told).collect()
    }

    fn bye(&self) -> Option<Heard> {
        let what = Message::Bye(self.announcement.instance);
        self.addresses.first().map(|from| Heard { what, from: *from, via: Via::Mdns })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Moment;
    use super::super::announcement::Tag;
    use super::super::nearby::Nearby;
    use super::*;
    use crate::net::LinkAddress;

    fn announcement(number: u16) -> Announcement {
        let [high, low] = number.to_be_bytes();
        let instance = Instance([high, low, 0, 0, 0, 0, 0, 0]);
        Announcement { instance, port: 4000, protocol: 1, tags: vec![Tag([9; 8])], name: None }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// What is near, by mDNS alone, and the responder of a device, which answers until it ends.
    struct Lab {
        found: Found,
        nearby: Nearby,
        begun: Instant,
        /// When mDNS gives up on it.
        verified: Option<u64>,
        asked: usize,
    }

    impl Lab {
        fn new() -> Self {
            let (found, nearby) = (Found::default(), Nearby::default());
            Self { found, nearby, begun: Instant::now(), verified: None, asked: 0 }
        }

        fn tell(&mut self, now: u64, told: Vec<Heard>) {
            let moment = Moment { steady_ms: now * 1000, wall_ms: 1_795_000_000_000 + now * 1000 };
            for Heard { what, from, via } in told {
                match what {
                    Message::Announce(announcement) => {
                        self.nearby.heard(moment, announcement, from, via);
                    }
                    Message::Bye(instance) => self.nearby.bye(moment, instance, from.ip(), via),
                    Message::Ask => unreachable!(),
                }
            }
            self.nearby.tick(moment);
        }

        fn resolve(&mut self, now: u64) {
            let at = self.begun + Duration::from_secs(now);
            let told = self.found.resolved(at, "bob", announcement(1), vec![address("10.0.0.3:4000")]);
            self.tell(now, told);
        }

        /// One second, in which the device answers or not.
        fn pass(&mut self, now: u64, answers: bool) {
            if self.verified.is_some_and(|at| at <= now) {
                self.verified = None;
                let told = self.found.removed("bob").and_then(|(bye, unanswered)| bye.filter(|_| unanswered));
                self.tell(now, told.into_iter().collect());
            }
            let due = self.found.due(self.begun + Duration::from_secs(now), |_| false);
            self.asked += due.verify.len();
            if !due.verify.is_empty() && !answers {
                self.verified = Some(now + ANSWERED.as_secs());
            }
            self.tell(now, due.tell);
        }

        fn seen_at(&self) -> Option<u64> {
            self.nearby.list().first().map(|near| (near.seen_at - 1_795_000_000_000) / 1000)
        }
    }

    #[test]
    fn who_ended_without_a_word_is_gone_in_time_however_long_mdns_keeps_its_records() {
        for ended in [0, 1, 24, 26, 30, 32, 100] {
            let mut lab = Lab::new();
            lab.resolve(0);
            let mut gone = None;
            let mut last_seen = 0;
            for now in 1..300 {
                lab.pass(now, now < ended);
                // Somebody looks all the time, so that mDNS says again what it holds.
                if lab.found.knows("bob") {
                    lab.resolve(now);
                }
                last_seen = lab.seen_at().unwrap_or(last_seen);
                if gone.is_none() && lab.seen_at().is_none() {
                    gone = Some(now);
                }
            }
            let gone = gone.expect("it stays for ever");
            assert!(gone <= ended + 75, "ended at {ended}, gone at {gone}");
            assert!(last_seen <= ended + VERIFIED.as_secs(), "ended at {ended}, seen at {last_seen}");
        }
    }

    #[test]
    fn who_is_there_stays_and_is_asked_now_and_then() {
        let mut lab = Lab::new();
        lab.resolve(0);
        for now in 1..600 {
            lab.pass(now, true);
            assert!(lab.seen_at().is_some_and(|seen| now - seen <= 31), "{now}");
        }
        assert!((18..=20).contains(&lab.asked), "{}", lab.asked);
    }

    #[test]
    fn who_is_heard_by_datagrams_is_asked_nothing() {
        let (mut found, begun) = (Found::default(), Instant::now());
        found.resolved(begun, "bob", announcement(1), vec![address("10.0.0.3:4000")]);
        for second in 0..600 {
            assert_eq!(found.due(begun + Duration::from_secs(second), |_| true), Due::default());
        }
    }

    #[test]
    fn what_changed_is_told_and_what_did_not_is_not() {
        let (mut found, now) = (Found::default(), Instant::now());
        let here = vec![address("10.0.0.3:4000")];
        assert_eq!(found.resolved(now, "bob", announcement(1), here.clone()).len(), 1);
        assert_eq!(found.resolved(now, "bob", announcement(1), here.clone()), []);
        let moved = Announcement { port: 4001, ..announcement(1) };
        assert_eq!(found.resolved(now, "bob", moved, here).len(), 1);
    }

    #[test]
    fn a_flood_takes_its_own_place() {
        let (mut found, begun) = (Found::default(), Instant::now());
        for n in 0..1000 {
            let now = begun + Duration::from_millis(n.into());
            let told = found.resolved(now, &n.to_string(), announcement(n), vec![address("10.0.0.3:4000")]);
            assert_eq!(told.len(), if usize::from(n) < FOUND { 1 } else { 2 });
            assert!(found.0.len() <= FOUND);
        }
        assert!(found.knows("0") && found.knows("254") && found.knows("999") && !found.knows("998"));
    }

    #[test]
    fn elsewhere_is_found_what_is_there_alone() {
        let (mut found, now) = (Found::default(), Instant::now());
        found.resolved(now, "home", announcement(1), vec![address("10.0.0.3:4000"), address("[fe80::3%2]:4000")]);
        found.resolved(now, "gone", announcement(2), vec![address("10.0.0.4:4000")]);
        let address = LinkAddress { ip: "fe80::1".parse().unwrap(), prefix: 64, broadcast: None };
        let link =
            Link { index: 2, name: "eth0".into(), loopback: false, point_to_point: false, addresses: vec![address] };
        found.set_links(&[link]);
        assert!(found.knows("home") && !found.knows("gone"));
        assert_eq!(found.clear().len(), 1);
    }
}
