//! Dialling by itself: those members of this device's rooms that the replica names, at their known addresses. It is told
//! who was not reached, and names others.
//!
//! At once when a device becomes one to dial or gets other addresses, then after 0.5 s doubling to 5 s, jittered. A
//! connection that does not last counts as one more attempt, so that a peer that hangs up is not dialled in a storm. At
//! once again when this device is on another network than before.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use lanline_protocol::{identity::DeviceId, replica::Target, session::ConnectionId};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    core::Core,
    net::{Address, DialError, Link, Net},
    whereabouts::{Whereabouts, addresses},
};

/// How many devices are dialled at one time.
const ATTEMPTS_MAX: usize = 16;
/// How long one attempt may take, and then the peer's hello. Long enough for two packets that are lost on the way, short
/// enough that devices that are switched off do not hold up those that are not.
const DIAL: Duration = Duration::from_secs(4);
const HELLO: Duration = Duration::from_secs(5);
/// The first pause between two attempts, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A connection that lasted this long was a good one: its device is dialled again at once.
const LASTED: Duration = Duration::from_secs(5);
/// How long there may be nothing to wait for.
const IDLE: Duration = Duration::from_secs(60);

/// One device, for as long as it is to be dialled and a little longer.
#[derive(Debug)]
struct Dialling {
    addresses: Vec<String>,
    wanted: bool,
    running: bool,
    /// Attempts since the last good connection.
    attempts: u32,
    /// When the last one ended, or began.
    last_at: Option<Instant>,
    next_at: Instant,
}

/// Dials what `targets` names, until that ends. Begins anew when this device is elsewhere than before, or awoke: what was
/// tried there says nothing here.
pub(crate) async fn run(
    net: Arc<Net>,
    core: Core,
    mut targets: watch::Receiver<Vec<Target>>,
    mut here: watch::Receiver<Whereabouts>,
) {
    let mut devices: BTreeMap<DeviceId, Dialling> = BTreeMap::new();
    let mut attempts: JoinSet<(DeviceId, bool)> = JoinSet::new();
    targets.mark_changed();
    let mut before = Whereabouts::default();
    loop {
        let due = devices.values().filter(|device| device.wanted && !device.running).map(|device| device.next_at).min();
        let free = attempts.len() < ATTEMPTS_MAX;
        tokio::select! {
            changed = targets.changed() => {
                if changed.is_err() {
                    return;
                }
                take_targets(&mut devices, &targets.borrow_and_update(), Instant::now());
            }
            Ok(()) = here.changed() => {
                let now_here = here.borrow_and_update().clone();
                core.moved(addresses(&now_here.links));
                if is_elsewhere(&before, &now_here) {
                    // Dropping them ends them.
                    attempts = JoinSet::new();
                    begin_anew(&mut devices, Instant::now());
                }
                before = now_here;
            }
            Some(ended) = attempts.join_next() => {
                if let Ok((id, greeted)) = ended
                    && let Some(device) = devices.get_mut(&id)
                {
                    device.ended(greeted, Instant::now(), jitter());
                    if !greeted {
                        core.unreached(id);
                    }
                }
            }
            () = sleep_until(due.unwrap_or_else(|| Instant::now() + IDLE)), if free => {
                let now = Instant::now();
                for id in due_first(&devices, now).into_iter().take(ATTEMPTS_MAX.saturating_sub(attempts.len())) {
                    if let Some(device) = devices.get_mut(&id) {
                        device.running = true;
                        device.last_at = Some(now);
                        attempts.spawn(attempt(Arc::clone(&net), core.clone(), id, device.addresses.clone()));
                    }
                }
            }
        }
    }
}

/// The devices whose turn it is, those that have waited longest first.
fn due_first(devices: &BTreeMap<DeviceId, Dialling>, now: Instant) -> Vec<DeviceId> {
    let due = |device: &Dialling| device.wanted && !device.running && device.next_at <= now;
    let mut due: Vec<_> = devices.iter().filter(|(_, device)| due(device)).map(|(id, d)| (d.next_at, *id)).collect();
    due.sort_unstable();
    due.into_iter().map(|(_, id)| id).collect()
}

/// Whether what was tried before says nothing now. That a container or a virtual machine of this device came or went leads
/// nobody anywhere else.
fn is_elsewhere(before: &Whereabouts, now: &Whereabouts) -> bool {
    let outward =
        |here: &Whereabouts| here.links.iter().filter(|link| !link.is_virtual()).cloned().collect::<Vec<Link>>();
    before.slept != now.slept || outward(before) != outward(now)
}

/// As if no device had been dialled yet.
fn begin_anew(devices: &mut BTreeMap<DeviceId, Dialling>, now: Instant) {
    for device in devices.values_mut() {
        (device.running, device.attempts, device.next_at) = (false, 0, now);
    }
}

fn take_targets(devices: &mut BTreeMap<DeviceId, Dialling>, targets: &[Target], now: Instant) {
    let wanted: BTreeSet<DeviceId> = targets.iter().map(|target| target.device).collect();
    devices.retain(|id, device| {
        device.wanted &= wanted.contains(id);
        wanted.contains(id) || device.running || device.last_at.is_some_and(|at| now < at + IDLE)
    });
    for target in targets {
        let device = devices.entry(target.device).or_insert_with(|| Dialling {
            addresses: Vec::new(),
            wanted: false,
            running: false,
            attempts: 0,
            last_at: None,
            next_at: now,
        });
        device.take(target, now);
    }
}

impl Dialling {
    fn take(&mut self, target: &Target, now: Instant) {
        let again = !std::mem::replace(&mut self.wanted, true) && !self.running;
        if again && self.last_at.is_none_or(|at| now >= at + LASTED) {
            self.attempts = 0;
            self.next_at = now;
        }
        if self.addresses != target.addresses {
            self.addresses.clone_from(&target.addresses);
            // Not sooner than the shortest pause, however often the addresses change.
            let earliest = self.last_at.map_or(now, |at| (at + PAUSE_MIN).max(now));
            self.next_at = self.next_at.min(earliest);
        }
    }

    fn ended(&mut self, greeted: bool, now: Instant, jitter: f64) {
        self.running = false;
        self.attempts = if greeted { 1 } else { self.attempts.saturating_add(1) };
        self.last_at = Some(now);
        self.next_at = now + pause(self.attempts, jitter);
    }
}

/// The pause after this many attempts; `jitter` from 0 to 1.
fn pause(attempts: u32, jitter: f64) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << attempts.saturating_sub(1).min(8));
    doubled.min(PAUSE_MAX).mul_f64(0.75 + jitter / 4.0)
}

fn jitter() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

/// Whether the device was reached and said hello.
async fn attempt(net: Arc<Net>, core: Core, device: DeviceId, addresses: Vec<String>) -> (DeviceId, bool) {
    let known = readable(&addresses);
    let tried = core.impostors().without(device, known.clone(), Instant::now());
    let dialled = match net.dial(&tried, Some(device), DIAL).await {
        Ok(dialled) => dialled,
        Err(DialError::IdentityChanged { address, found, .. }) => {
            core.answered_by_another(device, &known, address, found.device_id()).await;
            return (device, false);
        }
        Err(DialError::OwnKey(address)) => {
            core.impostors().note(device, &known, &address, Instant::now());
            return (device, false);
        }
        Err(error) => {
            tracing::debug!(%device, %error, "not reached");
            return (device, false);
        }
    };
    let hello = tokio::time::timeout(HELLO, core.greeted(ConnectionId(dialled.id.0), device)).await;
    (device, matches!(hello, Ok(Ok(Ok(())))))
}

/// Addresses that members told, those that mean something here; their ports stand in them. Names are none of them: this
/// device's resolver would tell others what it is asked for, and where a name leads is decided by them.
pub(crate) fn readable(addresses: &[String]) -> Vec<Address> {
    let parsed = addresses.iter().filter_map(|address| Address::parse(address, crate::settings::DEFAULT_PORT).ok());
    parsed.filter(|address| matches!(address, Address::Socket(address) if is_of_one_device(address.ip()))).collect()
}

fn is_of_one_device(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::LinkAddress;

    fn target(address: &str) -> Target {
        Target { device: DeviceId::new([1; 32]), addresses: vec![address.to_owned()] }
    }

    fn only(devices: &BTreeMap<DeviceId, Dialling>) -> &Dialling {
        devices.values().next().unwrap()
    }

    #[test]
    fn a_container_that_comes_or_goes_ends_no_attempt() {
        let link = |name: &str, ip: [u8; 4]| Link {
            index: 2,
            name: name.into(),
            loopback: false,
            point_to_point: false,
            addresses: vec![LinkAddress { ip: ip.into(), prefix: 24, broadcast: None }],
        };
        let at = |links: &[Link], slept| Whereabouts { links: links.to_vec(), slept: Duration::from_secs(slept) };
        let (home, docker, other) =
            (link("eth0", [10, 0, 0, 1]), link("veth12", [172, 17, 0, 1]), link("eth0", [10, 0, 1, 1]));
        let before = at(std::slice::from_ref(&home), 0);
        for (now, elsewhere) in [
            (at(&[home.clone(), docker.clone()], 0), false),
            (at(&[other], 0), true),
            (at(&[docker], 0), true),
            (at(&[home], 9), true),
        ] {
            assert_eq!(is_elsewhere(&before, &now), elsewhere, "{now:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_five_seconds() {
        let pauses: Vec<u128> = (1..=7).map(|attempts| pause(attempts, 1.0).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 5000, 5000, 5000]);
        assert_eq!(pause(u32::MAX, 0.0).as_millis(), 3750);
    }

    #[test]
    fn a_good_connection_that_ends_is_dialled_at_once_and_a_short_one_after_a_pause() {
        let begun = Instant::now();
        let mut devices = BTreeMap::new();
        take_targets(&mut devices, &[target("10.0.0.1:1")], begun);
        assert_eq!(only(&devices).next_at, begun);
        devices.values_mut().next().unwrap().ended(true, begun, 1.0);
        take_targets(&mut devices, &[], begun);
        let soon = begun + Duration::from_millis(100);
        take_targets(&mut devices, &[target("10.0.0.1:1")], soon);
        assert_eq!(only(&devices).next_at, begun + PAUSE_MIN);
        take_targets(&mut devices, &[], soon);
        let later = begun + LASTED;
        take_targets(&mut devices, &[target("10.0.0.1:1")], later);
        assert_eq!(only(&devices).next_at, later);
    }

    #[test]
    fn other_addresses_are_tried_soon_but_not_in_a_storm() {
        let begun = Instant::now();
        let mut devices = BTreeMap::new();
        take_targets(&mut devices, &[target("10.0.0.1:1")], begun);
        for _ in 0..5 {
            devices.values_mut().next().unwrap().ended(false, begun, 1.0);
        }
        assert_eq!(only(&devices).next_at, begun + PAUSE_MAX);
        for n in 0..10 {
            take_targets(&mut devices, &[target(&format!("10.0.0.2:{n}"))], begun + Duration::from_millis(n));
        }
        assert_eq!(only(&devices).next_at, begun + PAUSE_MIN);
    }

    fn targets(count: u8) -> Vec<Target> {
        (0..count)
            .map(|n| Target { device: DeviceId::new([n; 32]), addresses: vec![format!("10.0.0.{n}:1")] })
            .collect()
    }

    #[test]
    fn who_has_waited_longest_is_dialled_first() {
        let begun = Instant::now();
        let mut devices = BTreeMap::new();
        take_targets(&mut devices, &targets(40), begun);
        let mut dialled = BTreeSet::new();
        // Nobody answers: each round takes as long as an attempt, and fewer are dialled at a time than are due.
        for round in 0..3_u32 {
            let now = begun + DIAL * round;
            take_targets(&mut devices, &targets(40), now);
            let due = due_first(&devices, now);
            for id in due.into_iter().take(ATTEMPTS_MAX) {
                dialled.insert(id);
                devices.get_mut(&id).unwrap().ended(false, now + DIAL, 1.0);
            }
        }
        assert_eq!(dialled.len(), 40, "everyone had a turn");
    }

    #[test]
    fn other_targets_do_not_make_an_attempt_count_less() {
        let begun = Instant::now();
        let mut devices = BTreeMap::new();
        take_targets(&mut devices, &targets(1), begun);
        let device = devices.values_mut().next().unwrap();
        for _ in 0..5 {
            device.ended(false, begun, 1.0);
        }
        (device.running, device.last_at) = (true, Some(begun + PAUSE_MAX));
        let later = begun + PAUSE_MAX + LASTED;
        take_targets(&mut devices, &targets(2), later);
        let device = devices.values_mut().next().unwrap();
        assert_eq!(device.attempts, 5);
        device.ended(false, later, 1.0);
        take_targets(&mut devices, &targets(2), later + LASTED);
        assert_eq!(devices.values().next().unwrap().next_at, later + PAUSE_MAX);
    }

    #[test]
    fn on_another_network_everyone_is_dialled_at_once() {
        let begun = Instant::now();
        let mut devices = BTreeMap::new();
        take_targets(&mut devices, &targets(3), begun);
        for device in devices.values_mut().take(2) {
            (0..5).for_each(|_| device.ended(false, begun, 1.0));
        }
        devices.values_mut().last().unwrap().running = true;
        assert_eq!(due_first(&devices, begun), []);
        begin_anew(&mut devices, begun);
        assert_eq!(due_first(&devices, begun).len(), 3, "also the one whose attempt was ended");
    }

    #[test]
    fn of_what_members_told_only_addresses_of_one_device_are_dialled() {
        let told = [
            "10.0.0.1:1",
            "tracker.example.org:443",
            "localhost:22",
            "0.0.0.0:1",
            "[::]:1",
            "224.0.0.1:1",
            "[ff02::1]:1",
            "255.255.255.255:1",
            "[::ffff:0.0.0.0]:1",
            "[2001:db8::1]:1",
            "nonsense",
            "127.0.0.1:2",
        ];
        let dialled: Vec<String> = readable(&told.map(str::to_owned)).iter().map(ToString::to_string).collect();
        assert_eq!(dialled, ["10.0.0.1:1", "[2001:db8::1]:1", "127.0.0.1:2"]);
    }
}
