//! One device as it was heard on the network: under one name of the day, at some addresses.

use std::net::{IpAddr, SocketAddr};

use super::{
    Moment, Via,
    announcement::{Announcement, Instance},
    tag::Recognised,
};
use crate::net::{Link, on_link};

/// How long after it was heard last a device counts as gone, in milliseconds: it announces itself every 30 s, and two may
/// be lost.
pub(crate) const STALE_MS: u64 = 75_000;
/// Within how long the same is heard in all ways and at all addresses, in milliseconds.
const ONCE_MS: u64 = 1500;
/// Addresses of one device.
pub(crate) const ADDRESSES: usize = 8;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    /// What it said last.
    pub(crate) announcement: Announcement,
    /// Where it was heard, as it came.
    places: Vec<Place>,
    /// On which way first.
    pub(crate) via: Via,
    /// When a datagram of its own was heard last, in steady milliseconds.
    datagram_ms: Option<u64>,
    /// When it was heard first and last.
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    pub(crate) looked: Looked,
}

/// Where a device was heard.
#[derive(Clone, Copy, Debug)]
struct Place {
    address: SocketAddr,
    /// When last, in steady milliseconds.
    heard_ms: u64,
    /// Whether by a datagram from there, and not by mDNS alone, in whose records anybody may name any address.
    by_datagram: bool,
}

/// Whether it was looked who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// Not yet, since what it says now.
    No,
    /// Nobody here knows its tags.
    Stranger,
    /// It is a member of a room of this device's.
    Member(Recognised),
}

impl Sighting {
    pub(crate) fn new(now: Moment, announcement: Announcement, from: SocketAddr, via: Via) -> Self {
        let by_datagram = via != Via::Mdns;
        let places = vec![Place { address: from, heard_ms: now.steady_ms, by_datagram }];
        let datagram_ms = by_datagram.then_some(now.steady_ms);
        Self { announcement, places, via, datagram_ms, first: now, last: now, looked: Looked::No }
    }

    /// It was heard again. Whether there is anything to see that was not before.
    pub(crate) fn again(&mut self, now: Moment, announcement: Announcement, from: SocketAddr, via: Via) -> bool {
        self.last = now;
        if via != Via::Mdns {
            self.datagram_ms = Some(now.steady_ms);
        }
        let renamed = announcement.name != self.announcement.name;
        // It listens at another port there now. What stands beside it at other addresses may be somebody else's word, and
        // so may be what mDNS says of an address at which it was heard itself.
        let before = self.places.len();
        let outlives = |place: &Place| via == Via::Mdns && place.by_datagram;
        self.places
            .retain(|place| place.address.ip() != from.ip() || place.address.port() == from.port() || outlives(place));
        let moved = self.places.len() < before;
        if announcement.tags != self.announcement.tags && self.looked == Looked::Stranger {
            self.looked = Looked::No;
        }
        self.announcement = announcement;
        renamed | moved | self.at(now, from, via != Via::Mdns)
    }

    /// Whether that is a new address. Of too many those that are there stay: whoever says again what this one said must not
    /// push its own out.
    fn at(&mut self, now: Moment, from: SocketAddr, by_datagram: bool) -> bool {
        if let Some(place) = self.places.iter_mut().find(|place| place.address == from) {
            place.heard_ms = now.steady_ms;
            place.by_datagram |= by_datagram;
            return false;
        }
        let is_new = self.places.len() < ADDRESSES;
        if is_new {
            self.places.push(Place { address: from, heard_ms: now.steady_ms, by_datagram });
        }
        is_new
    }

    /// Forgets where it was not heard for long. Whether there was such a place.
    pub(crate) fn expire(&mut self, now: Moment) -> bool {
        let before = self.places.len();
        self.places.retain(|place| now.steady_ms < place.heard_ms.saturating_add(STALE_MS));
        self.places.len() < before
    }

    /// Forgets where it was on none of these links. Whether there was such a place.
    pub(crate) fn keep_to(&mut self, links: &[Link]) -> bool {
        let before = self.places.len();
        self.places.retain(|place| on_link(links, &place.address));
        self.places.len() < before
    }

    /// When something of it is over, in steady milliseconds.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.places.iter().map(|place| place.heard_ms.saturating_add(STALE_MS)).min()
    }

    /// Whether it may be taken for gone because it, or mDNS, says so: what mDNS forgot may still be heard otherwise.
    pub(crate) fn ends_by(&self, now: Moment, via: Via) -> bool {
        let heard = |ms: u64| now.steady_ms < ms.saturating_add(STALE_MS);
        via != Via::Mdns || !self.datagram_ms.is_some_and(heard)
    }

    /// Whether it was heard at an IP address.
    pub(crate) fn is_at(&self, ip: IpAddr) -> bool {
        self.places.iter().any(|place| place.address.ip() == ip)
    }

    /// Whether it was heard at an IP address before it was at any other that is known: who says again what this one says
    /// comes after it.
    pub(crate) fn began_at(&self, ip: IpAddr) -> bool {
        self.places.first().is_some_and(|place| place.address.ip() == ip)
    }

    /// Where it may be reached, best first; none once it is gone.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<SocketAddr> = self.places.iter().map(|place| place.address).collect();
        addresses.sort_by_key(|address| (rank(address.ip()), *address));
        addresses
    }

    /// Those of them where it was heard with what was heard of it last: it says the same everywhere at once.
    pub(crate) fn newest_addresses(&self) -> Vec<SocketAddr> {
        let just_now = |heard_ms: u64| heard_ms.saturating_add(ONCE_MS) >= self.last.steady_ms;
        self.places.iter().filter(|place| just_now(place.heard_ms)).map(|place| place.address).collect()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn instance(&self) -> Instance {
        self.announcement.instance
    }

    pub(crate) fn member(&self) -> Option<&Recognised> {
        match &self.looked {
            Looked::Member(member) => Some(member),
            Looked::No | Looked::Stranger => None,
        }
    }
}

/// IPv4 before IPv6, and that of a link alone, which needs a zone, last.
fn rank(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) if !ip.is_link_local() && !ip.is_loopback() => 0,
        IpAddr::V6(ip) if !ip.is_unicast_link_local() && !ip.is_loopback() => 1,
        IpAddr::V4(ip) if ip.is_link_local() => 2,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 3,
        _ => 4,
    }
}
