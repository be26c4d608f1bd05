//! What strangers may cost, before they have shown a key and after: anyone can make one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::lock;

/// Handshakes under way at one time, from all addresses.
pub const PENDING_MAX: usize = 256;

/// Handshakes under way at one time from one IP address.
pub const PENDING_PER_ADDRESS_MAX: usize = 32;

/// Handshakes under way at one time from one IPv6 network (the first 64 bits, of which every device in it takes as many
/// addresses as it likes; link-local ones, too). Whoever floods from there leaves the rest to IPv4 and to other networks.
/// Not as few as from one address: on most private networks it is the network of all devices, which come back together
/// when a server starts. IPv4 addresses are scarce, and who takes another's is found out by that one.
pub const PENDING_PER_NETWORK_MAX: usize = PENDING_MAX / 4 * 3;

/// Accepted connections whose peers the core has not raised to [`FrameLimit::Data`](super::FrameLimit::Data).
/// Beyond it the oldest is closed as evicted.
pub const STRANGERS_MAX: usize = 128;

/// Handshakes under way. When it is full the oldest gives way to the newest: whoever connects and
/// sits idle is pushed out by those who come after, so that idle strangers never keep a member out,
/// not even from the member's own address. Those who have not said all of their first words go first: a member says
/// them at once, so that a flood of half-open connections, however many, pushes out none whose words were read. For
/// that a flood would have to bring a full set of complete first words within the milliseconds that a handshake takes,
/// which are not many more than it takes this device to answer so many.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<Slots>);

/// Who gives way first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Whether all of the first words came: the ClientHello.
    greeted: bool,
    number: u64,
}

#[derive(Debug, Default)]
struct Slots {
    next: u64,
    all: BTreeMap<Place, (IpAddr, CancellationToken)>,
    by_address: BTreeMap<IpAddr, BTreeSet<Place>>,
    by_network: BTreeMap<[u16; 4], BTreeSet<Place>>,
}

/// The IPv6 network of an address; IPv4 is given as such, by whichever socket it came.
fn network(address: IpAddr) -> Option<[u16; 4]> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some([a, b, c, d])
        }
    }
}

impl Slots {
    fn insert(&mut self, place: Place, address: IpAddr, evicted: CancellationToken) {
        self.all.insert(place, (address, evicted));
        self.by_address.entry(address).or_default().insert(place);
        if let Some(network) = network(address) {
            self.by_network.entry(network).or_default().insert(place);
        }
    }

    /// Who gives way to a newcomer from this address, if anybody has to.
    fn first(&self, address: IpAddr) -> Option<Place> {
        let of_address = self.by_address.get(&address).filter(|places| places.len() >= PENDING_PER_ADDRESS_MAX);
        let of_network = network(address).and_then(|network| self.by_network.get(&network));
        let of_network = of_network.filter(|places| places.len() >= PENDING_PER_NETWORK_MAX);
        if let Some(places) = of_address.or(of_network) {
            return places.first().copied();
        }
        if self.all.len() >= PENDING_MAX { self.all.keys().next().copied() } else { None }
    }

    fn remove(&mut self, place: Place) -> Option<(IpAddr, CancellationToken)> {
        let (address, evicted) = self.all.remove(&place)?;
        leave(&mut self.by_address, &address, place);
        if let Some(network) = network(address) {
            leave(&mut self.by_network, &network, place);
        }
        Some((address, evicted))
    }
}

fn leave<K: Ord>(by: &mut BTreeMap<K, BTreeSet<Place>>, key: &K, place: Place) {
    if let Some(places) = by.get_mut(key) {
        places.remove(&place);
        if places.is_empty() {
            by.remove(key);
        }
    }
}

/// One handshake's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    pending: Arc<Pending>,
    number: u64,
    evicted: CancellationToken,
}

impl Slot {
    /// Ends when this handshake has to give way to a newer one.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// All of its first words came.
    pub(super) fn greeted(&self) {
        let mut slots = lock(&self.pending.0);
        let number = self.number;
        // Unless it had to give way just now.
        if let Some((address, evicted)) = slots.remove(Place { greeted: false, number }) {
            slots.insert(Place { greeted: true, number }, address, evicted);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = lock(&self.pending.0);
        for greeted in [false, true] {
            slots.remove(Place { greeted, number: self.number });
        }
    }
}

impl Pending {
    /// A place for a newcomer, if need be that of the oldest.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Slot {
        let mut slots = lock(&self.0);
        if let Some((_, evicted)) = slots.first(address).and_then(|place| slots.remove(place)) {
            evicted.cancel();
        }
        let number = slots.next;
        slots.next += 1;
        let evicted = CancellationToken::new();
        slots.insert(Place { greeted: false, number }, address, evicted.clone());
        Slot { pending: Arc::clone(self), number, evicted }
    }
}

/// Lets a few log lines a second through, so that a flood of strangers does not become a flood of
/// log lines.
#[derive(Debug)]
pub(super) struct LogGate(Mutex<Window>);

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl LogGate {
    const LINES: u32 = 10;
    const EVERY: Duration = Duration::from_secs(1);

    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Window { since: now, lines: 0, suppressed: 0 }))
    }

    /// Whether a line may be written now, and if so how many were not since the last.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = lock(&self.0);
        if now.saturating_duration_since(window.since) >= Self::EVERY {
            window.since = now;
            window.lines = 0;
        }
        if window.lines >= Self::LINES {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 168, 1, last])
    }

    #[test]
    fn the_oldest_of_a_full_address_gives_way() {
        let pending = Arc::new(Pending::default());
        let other = pending.admit(address(2));
        let mut slots: Vec<Slot> = (0..PENDING_PER_ADDRESS_MAX).map(|_| pending.admit(address(1))).collect();
        let newest = pending.admit(address(1));
        assert!(slots[0].evicted.is_cancelled());
        assert!(slots[1..].iter().chain([&other, &newest]).all(|slot| !slot.evicted.is_cancelled()));
        drop(slots.split_off(1));
        drop(pending.admit(address(1)));
        assert!(!newest.evicted.is_cancelled());
        drop((slots, newest, other));
        let left = lock(&pending.0);
        assert!(left.all.is_empty() && left.by_address.is_empty());
    }

    #[test]
    fn the_oldest_of_all_gives_way_when_all_places_are_taken() {
        let pending = Arc::new(Pending::default());
        let slots: Vec<Slot> = (0..PENDING_MAX).map(|n| pending.admit(address((n / 16) as u8))).collect();
        let member = pending.admit(address(200));
        assert!(slots[0].evicted.is_cancelled());
        assert!(!slots[1].evicted.is_cancelled() && !member.evicted.is_cancelled());
    }

    #[test]
    fn whoever_takes_addresses_of_one_ipv6_network_leaves_places_to_others() {
        for network in [0x2001_0db8_0000_0001_u64, 0xfe80_0000_0000_0000] {
            let of = |host: u64| IpAddr::from(((u128::from(network) << 64) | u128::from(host)).to_be_bytes());
            let pending = Arc::new(Pending::default());
            let others: Vec<Slot> = (1..=2)
                .flat_map(|last| [address(last), IpAddr::from(((0xfd00_u128 << 112) | u128::from(last)).to_be_bytes())])
                .map(|address| pending.admit(address))
                .collect();
            let flood: Vec<Slot> = (0..20 * PENDING_MAX as u64).map(|host| pending.admit(of(host))).collect();
            assert!(others.iter().all(|other| !other.evicted.is_cancelled()));
            let here = flood.iter().filter(|slot| !slot.evicted.is_cancelled()).count();
            assert_eq!(here, PENDING_PER_NETWORK_MAX);
            assert!(!flood.last().unwrap().evicted.is_cancelled(), "the newest has a place");
            drop((others, flood));
            let left = lock(&pending.0);
            assert!(left.all.is_empty() && left.by_address.is_empty() && left.by_network.is_empty());
        }
        // IPv4 is counted by its addresses, whatever socket it came by.
        let mapped = crate::net::address::canonical("[::ffff:192.168.1.1]:7".parse().unwrap());
        assert_eq!(mapped.ip(), address(1));
        assert_eq!(network(mapped.ip()), None);
    }

    #[test]
    fn who_said_its_first_words_gives_way_last() {
        let pending = Arc::new(Pending::default());
        let member = pending.admit(address(200));
        member.greeted();
        let flood: Vec<Slot> = (0..20 * PENDING_MAX).map(|n| pending.admit(address((n / 8) as u8))).collect();
        assert!(!member.evicted.is_cancelled());
        assert_eq!(flood.iter().filter(|slot| !slot.evicted.is_cancelled()).count(), PENDING_MAX - 1);
        // Among those who did, the oldest.
        for slot in &flood {
            slot.greeted();
        }
        let newest = pending.admit(address(201));
        assert!(member.evicted.is_cancelled() && !newest.evicted.is_cancelled());
        // Who had to give way gets no place back by it.
        member.greeted();
        assert_eq!(lock(&pending.0).all.len(), PENDING_MAX);
        drop((flood, member, newest));
        let left = lock(&pending.0);
        assert!(left.all.is_empty() && left.by_address.is_empty());
    }

    #[test]
    fn a_flood_of_log_lines_is_counted_instead() {
        let start = Instant::now();
        let gate = LogGate::new(start);
        let written = (0..100).filter(|_| gate.admit(start).is_some()).count();
        assert_eq!(written, LogGate::LINES as usize);
        assert_eq!(gate.admit(start + LogGate::EVERY), Some(90));
        assert_eq!(gate.admit(start + LogGate::EVERY), Some(0));
    }
}
