//! One device as it was heard on the network: under one name of the day, at some addresses.

use std::net::{IpAddr, SocketAddr};

use super::{
    Moment, Via,
    announcement::{Announcement, Instance},
    tag::Recognised,
};

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
    /// Where it was heard, and when last, in steady milliseconds.
    addresses: Vec<(SocketAddr, u64)>,
    /// On which way first.
    pub(crate) via: Via,
    /// When a datagram of its own was heard last, in steady milliseconds.
    datagram_ms: Option<u64>,
    /// When it was heard first and last.
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    pub(crate) looked: Looked,
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
        let addresses = vec![(from, now.steady_ms)];
        let datagram_ms = (via != Via::Mdns).then_some(now.steady_ms);
        Self { announcement, addresses, via, datagram_ms, first: now, last: now, looked: Looked::No }
    }

    /// It was heard again. Whether there is anything to see that was not before.
    pub(crate) fn again(&mut self, now: Moment, announcement: Announcement, from: SocketAddr, via: Via) -> bool {
        self.last = now;
        if via != Via::Mdns {
            self.datagram_ms = Some(now.steady_ms);
        }
        let renamed = announcement.name != self.announcement.name;
        // It listens at another port there now. What stands beside it at other addresses may be somebody else's word.
        let before = self.addresses.len();
        self.addresses.retain(|(address, _)| address.ip() != from.ip() || address.port() == from.port());
        let moved = self.addresses.len() < before;
        if announcement.tags != self.announcement.tags && self.looked == Looked::Stranger {
            self.looked = Looked::No;
        }
        self.announcement = announcement;
        renamed | moved | self.at(now, from)
    }

    /// Whether that is a new address. Of too many those that are there stay: whoever says again what this one said must not
    /// push its own out.
    fn at(&mut self, now: Moment, from: SocketAddr) -> bool {
        if let Some((_, heard_ms)) = self.addresses.iter_mut().find(|(address, _)| *address == from) {
            *heard_ms = now.steady_ms;
            return false;
        }
        let is_new = self.addresses.len() < ADDRESSES;
        if is_new {
            self.addresses.push((from, now.steady_ms));
        }
        is_new
    }

    /// Forgets where it was not heard for long. Whether there was such a place.
    pub(crate) fn expire(&mut self, now: Moment) -> bool {
        let before = self.addresses.len();
        self.addresses.retain(|(_, heard_ms)| now.steady_ms < heard_ms.saturating_add(STALE_MS));
        self.addresses.len() < before
    }

    /// When something of it is over, in steady milliseconds.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.addresses.iter().map(|(_, heard_ms)| heard_ms.saturating_add(STALE_MS)).min()
    }

    /// Whether it may be taken for gone because it, or mDNS, says so: what mDNS forgot may still be heard otherwise.
    pub(crate) fn ends_by(&self, now: Moment, via: Via) -> bool {
        let heard = |ms: u64| now.steady_ms < ms.saturating_add(STALE_MS);
        via != Via::Mdns || !self.datagram_ms.is_some_and(heard)
    }

    /// Whether it was heard at an IP address.
    pub(crate) fn is_at(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|(address, _)| address.ip() == ip)
    }

    /// Where it may be reached, best first; none once it is gone.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<SocketAddr> = self.addresses.iter().map(|(address, _)| *address).collect();
        addresses.sort_by_key(|address| (rank(address.ip()), *address));
        addresses
    }

    /// Those of them where it was heard with what was heard of it last: it says the same everywhere at once.
    pub(crate) fn newest_addresses(&self) -> Vec<SocketAddr> {
        let just_now = |heard_ms: u64| heard_ms.saturating_add(ONCE_MS) >= self.last.steady_ms;
        self.addresses.iter().filter(|(_, heard_ms)| just_now(*heard_ms)).map(|(address, _)| *address).collect()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.addresses.is_empty()
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
