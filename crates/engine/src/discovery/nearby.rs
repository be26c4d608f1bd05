//! Who is near: what was heard of other devices, bounded, and forgotten in time. Time is handed in.
//!
//! Anybody may say anything as often as they like. So of what nobody here recognises, what came last gives way: who floods
//! takes their own place and not that of others, and a member's never.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use lanline_protocol::{finding::Circle, identity::DeviceId};

use super::{
    Moment, Via,
    announcement::{Announcement, Instance},
    sighting::{ADDRESSES, Looked, Sighting},
    tag,
};
use crate::net::Link;

/// Devices that are remembered.
pub(crate) const SIGHTINGS: usize = 256;
/// Devices at one IP address: several on one machine, and one that was started some times.
const PER_ADDRESS: usize = 8;
/// This device's own names that it knows to be its own.
const OWN: usize = 16;
/// Hashes in one second, spent on whose announcements they are: some 30 ms on a slow machine.
pub(crate) const HASHES: usize = 100_000;
/// How long after where a member is was passed on it is not passed on again, in milliseconds: each time it is dialled there.
pub(crate) const PASSED_MS: u64 = 2000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Nearby {
    sightings: BTreeMap<Instance, Sighting>,
    circles: Vec<Circle>,
    /// What this device called itself of late, the newest last.
    own: Vec<Instance>,
    /// Whether a reader would see anything else than before.
    changed: bool,
    /// Members of which it is to be told where they were found.
    found: BTreeSet<DeviceId>,
    /// Of whom that was told of late, and when, in steady milliseconds.
    passed: BTreeMap<DeviceId, u64>,
    /// Hashes spent in this second.
    spent: (u64, usize),
}

/// One device near, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Near {
    /// Under what it goes today; of several, one.
    pub(crate) instance: Instance,
    /// Which member it says it is.
    pub(crate) device: Option<DeviceId>,
    /// What it calls itself, as it came.
    pub(crate) name: Option<String>,
    /// Best first.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The way on which it was heard first.
    pub(crate) via: Via,
    /// When it was heard last, in milliseconds since the Unix epoch.
    pub(crate) seen_at: u64,
}

impl Nearby {
    /// This is what this device calls itself: it is not near itself.
    pub(crate) fn own(&mut self, instance: Instance) {
        if self.own.last() == Some(&instance) {
            return;
        }
        self.own.push(instance);
        if self.own.len() > OWN {
            self.own.remove(0);
        }
        self.remove(instance);
    }

    /// A server announced itself. Whether it is a member, heard where it was heard first.
    pub(crate) fn heard(&mut self, now: Moment, announcement: Announcement, from: SocketAddr, via: Via) -> bool {
        let instance = announcement.instance;
        if self.own.contains(&instance) {
            return false;
        }
        if let Some(sighting) = self.sightings.get_mut(&instance) {
            if sighting.again(now, announcement, from, via) {
                self.changed = true;
                self.found.extend(sighting.member().map(|member| member.device));
            }
        } else if self.has_room(from.ip()) {
            self.sightings.insert(instance, Sighting::new(now, announcement, from, via));
            self.changed = true;
        }
        self.look(now);
        let sighting = self.sightings.get(&instance);
        sighting.is_some_and(|sighting| sighting.member().is_some() && sighting.began_at(from.ip()))
    }

    /// A server says that it is there no more: only from where it was heard first, since whoever says again what it said is
    /// heard under its name, too. What mDNS says may be anybody's word and counts only of whom nothing else was heard.
    pub(crate) fn bye(&mut self, now: Moment, instance: Instance, from: IpAddr, via: Via) {
        let sighting = self.sightings.get(&instance);
        let is_there = |sighting: &Sighting| match via {
            Via::Mdns => sighting.is_at(from),
            Via::Broadcast | Via::Multicast | Via::Probe => sighting.began_at(from),
        };
        if sighting.is_some_and(|sighting| is_there(sighting) && sighting.ends_by(now, via)) {
            self.remove(instance);
        }
    }

    /// This device is on these links now: whoever was heard on others is not near any more.
    pub(crate) fn set_links(&mut self, links: &[Link]) {
        self.forget_where(|sighting| sighting.keep_to(links));
    }

    /// Nothing is known any more until it is heard again, as after a sleep.
    pub(crate) fn clear(&mut self) {
        self.set_links(&[]);
    }

    fn forget_where(&mut self, forgets: impl Fn(&mut Sighting) -> bool) {
        for sighting in self.sightings.values_mut() {
            if forgets(sighting) {
                self.changed = true;
                self.found.extend(sighting.member().map(|member| member.device));
            }
        }
        self.sightings.retain(|_, sighting| !sighting.is_gone());
    }

    fn remove(&mut self, instance: Instance) {
        if let Some(sighting) = self.sightings.remove(&instance) {
            self.changed = true;
            self.found.extend(sighting.member().map(|member| member.device));
        }
    }

    /// Makes room for one more, at this address. Whether there is any.
    fn has_room(&mut self, ip: IpAddr) -> bool {
        let here = self.sightings.values().filter(|sighting| sighting.is_at(ip));
        if here.clone().count() >= PER_ADDRESS {
            // It was started anew again and again without taking leave.
            let oldest =
                here.filter(|sighting| sighting.member().is_none()).min_by_key(|sighting| sighting.last.steady_ms);
            let Some(oldest) = oldest.map(Sighting::instance) else { return false };
            self.remove(oldest);
        }
        if self.sightings.len() >= SIGHTINGS {
            let strangers = self.sightings.values().filter(|sighting| sighting.member().is_none());
            let newest = strangers.max_by_key(|sighting| (sighting.first.steady_ms, sighting.instance()));
            let Some(newest) = newest.map(Sighting::instance) else { return false };
            self.remove(newest);
        }
        true
    }

    /// Who belongs to this device's rooms, and the keys they recognise each other by, are these now.
    pub(crate) fn set_circles(&mut self, now: Moment, circles: Vec<Circle>) {
        self.circles = circles;
        for (instance, sighting) in &mut self.sightings {
            match sighting.looked {
                Looked::Member(member) if member.holds(&self.circles, *instance) => {}
                Looked::Member(member) => {
                    self.found.insert(member.device);
                    sighting.looked = Looked::No;
                    self.changed = true;
                }
                Looked::Stranger => sighting.looked = Looked::No,
                Looked::No => {}
            }
        }
        self.look(now);
    }

    /// Looks who those are that are new, as long as there is time for it; who waits longest first.
    pub(crate) fn look(&mut self, now: Moment) {
        let second = now.steady_ms / 1000;
        if self.spent.0 != second {
            self.spent = (second, 0);
        }
        let cost = tag::cost(&self.circles);
        let mut waiting: Vec<(&Instance, &mut Sighting)> =
            self.sightings.iter_mut().filter(|(_, sighting)| sighting.looked == Looked::No).collect();
        waiting.sort_by_key(|(instance, sighting)| (sighting.first.steady_ms, **instance));
        for (instance, sighting) in waiting {
            // One in each second in any case.
            if self.spent.1 > 0 && self.spent.1.saturating_add(cost) > HASHES {
                return;
            }
            self.spent.1 = self.spent.1.saturating_add(cost);
            sighting.looked = match tag::recognise(&self.circles, *instance, &sighting.announcement.tags) {
                Some(member) => {
                    self.found.insert(member.device);
                    self.changed = true;
                    Looked::Member(member)
                }
                None => Looked::Stranger,
            };
        }
    }

    /// Forgets who was not heard for long, and looks who those are for whom there was no time.
    pub(crate) fn tick(&mut self, now: Moment) {
        self.forget_where(|sighting| sighting.expire(now));
        self.look(now);
    }

    /// When [`Self::tick`] has something to do, in steady milliseconds.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let unlooked = self.sightings.values().any(|sighting| sighting.looked == Looked::No);
        let looks = unlooked.then(|| self.spent.0.saturating_add(1).saturating_mul(1000));
        // Those of whom nothing was told of late are to be told of now.
        let passed = self.found.iter().filter_map(|device| self.passed.get(device));
        let passed = passed.map(|at| at.saturating_add(PASSED_MS));
        self.sightings.values().filter_map(Sighting::due_ms).chain(looks).chain(passed).min()
    }

    /// Whether there is anything else to see than when this was asked last.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Where members are found now, of whom that changed since they were given last; of each not too often, however often
    /// it changes: then the last of it, later.
    pub(crate) fn take_found(&mut self, now: Moment) -> Vec<(DeviceId, Vec<SocketAddr>)> {
        self.passed.retain(|_, at| now.steady_ms < at.saturating_add(PASSED_MS));
        let found: Vec<DeviceId> = self.found.extract_if(.., |device| !self.passed.contains_key(device)).collect();
        self.passed.extend(found.iter().map(|device| (*device, now.steady_ms)));
        found.into_iter().map(|device| (device, self.addresses_of(device))).collect()
    }

    /// As if nobody had been told of any yet.
    pub(crate) fn tell_all(&mut self) {
        let members = self.sightings.values().filter_map(|sighting| sighting.member());
        self.found.extend(members.map(|member| member.device));
    }

    /// Where a member is, to judge by what was heard of it last.
    pub(crate) fn newest_addresses_of(&self, device: DeviceId) -> Vec<SocketAddr> {
        let is_it = |sighting: &&Sighting| sighting.member().is_some_and(|member| member.device == device);
        let newest = self.sightings.values().filter(is_it).max_by_key(|sighting| sighting.last.steady_ms);
        newest.map(Sighting::newest_addresses).unwrap_or_default()
    }

    fn addresses_of(&self, device: DeviceId) -> Vec<SocketAddr> {
        let is_it = |sighting: &&Sighting| sighting.member().is_some_and(|member| member.device == device);
        let mut addresses = Vec::new();
        for address in self.newest_first().into_iter().filter(is_it).flat_map(Sighting::addresses) {
            if addresses.len() < ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    fn newest_first(&self) -> Vec<&Sighting> {
        let mut sightings: Vec<&Sighting> = self.sightings.values().collect();
        sightings.sort_by_key(|sighting| (std::cmp::Reverse(sighting.first.steady_ms), sighting.instance()));
        sightings
    }

    /// Everyone near: a device of several names of the day once, members first, then those with a name.
    pub(crate) fn list(&self) -> Vec<Near> {
        let mut list: Vec<Near> = Vec::new();
        for sighting in self.newest_first() {
            let device = sighting.member().map(|member| member.device);
            let known = list.iter_mut().find(|near| device.is_some() && near.device == device);
            if let Some(near) = known {
                near.seen_at = near.seen_at.max(sighting.last.wall_ms);
                near.addresses = device.map(|device| self.addresses_of(device)).unwrap_or_default();
                continue;
            }
            list.push(Near {
                instance: sighting.instance(),
                device,
                name: sighting.announcement.name.clone(),
                addresses: sighting.addresses(),
                via: sighting.via,
                seen_at: sighting.last.wall_ms,
            });
        }
        list.sort_by(|a, b| {
            let order = |near: &Near| (near.device.is_none(), near.name.is_none());
            order(a)
                .cmp(&order(b))
                .then_with(|| (&a.name, a.device, &a.addresses).cmp(&(&b.name, b.device, &b.addresses)))
        });
        list
    }
}

#[cfg(test)]
mod tests;
