//! Multicast DNS (RFC 6762) with service discovery (RFC 6763), by the crate `mdns-sd`, which has a thread of its own.
//!
//! What it finds is taken like anything else that is heard here: addresses only where they are on a link of this device,
//! and no more than so much. It works on all links that datagrams work on, and fails without harm to them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mdns_sd::{
    IfKind, IfPredicate, Metrics, Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo,
    TxtProperty,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::announcement::{Announcement, Instance};
use super::ear::Ear;
use super::message::Message;
use super::traffic::{MdnsTraffic, Trouble};
use super::{Heard, Via};
use crate::net::Link;
use crate::platform;

/// What Lanline's servers are called there.
const SERVICE: &str = "_lanline._tcp.local.";
/// Instances that are remembered.
const FOUND: usize = 256;
/// Addresses of one instance that are taken.
const ADDRESSES: usize = 8;
/// How often it is seen after.
const TICK: Duration = Duration::from_secs(1);
/// How long an instance that is still there goes untold: mDNS itself tells only of what changed.
const TOLD_AGAIN: Duration = Duration::from_secs(25);
/// Instances that are told again at a time.
const TOLD_AT_ONCE: usize = 32;
/// How often the thread itself looks for interfaces, in seconds. It is told of changes, by a shorter one.
const INTERFACES_SLOW: u32 = 60;
const INTERFACES_FAST: u32 = 1;
/// Records and timers that it may hold: some ten times what a large office says. It has no limit of its own.
const RECORDS: i64 = 16_384;
const TIMERS: i64 = 262_144;
/// How often a thread that is flooded is interrupted, and how long it has to end each time.
const INTERRUPTIONS: u32 = 200;
const INTERRUPTION: Duration = Duration::from_millis(50);
/// How long it rests after it failed, at first and at most.
const REST: Duration = Duration::from_secs(60);
const REST_MAX: Duration = Duration::from_secs(3600);

/// Multicast DNS, until it is dropped.
#[derive(Debug)]
pub(super) struct Mdns {
    wanted: watch::Sender<Wanted>,
    traffic: Arc<Mutex<MdnsTraffic>>,
    _end: DropGuard,
}

/// What is to be so. Only the last counts.
#[derive(Clone, Debug)]
struct Wanted {
    announcement: Option<Announcement>,
    links: Arc<[Link]>,
    /// How often it was asked who is there.
    asks: u64,
}

impl Mdns {
    /// Within a runtime; it begins once there are links.
    pub(super) fn start(ear: Arc<Ear>, port: u16) -> Self {
        let (wanted, wants) = watch::channel(Wanted { announcement: None, links: Arc::new([]), asks: 0 });
        let traffic = Arc::new(Mutex::default());
        let end = CancellationToken::new();
        let adapter = Adapter {
            ear,
            port,
            traffic: Arc::clone(&traffic),
            links: Arc::default(),
            running: None,
            rest: REST,
            again: Instant::now(),
            found: BTreeMap::new(),
        };
        let ended = end.clone();
        tokio::spawn(async move { ended.run_until_cancelled(adapter.run(wants)).await });
        Self { wanted, traffic, _end: end.drop_guard() }
    }

    pub(super) fn set_links(&self, links: Arc<[Link]>) {
        self.wanted.send_modify(|wanted| wanted.links = links);
    }

    pub(super) fn announce(&self, announcement: Option<&Announcement>) {
        self.wanted.send_if_modified(|wanted| {
            let differs = wanted.announcement.as_ref() != announcement;
            if differs {
                wanted.announcement = announcement.cloned();
            }
            differs
        });
    }

    pub(super) fn ask(&self) {
        self.wanted.send_modify(|wanted| wanted.asks += 1);
    }

    pub(super) fn traffic(&self) -> MdnsTraffic {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the task has.
struct Adapter {
    ear: Arc<Ear>,
    port: u16,
    traffic: Arc<Mutex<MdnsTraffic>>,
    /// By which the thread chooses its interfaces.
    links: Arc<Mutex<Arc<[Link]>>>,
    running: Option<Running>,
    /// How long it rests after the next failure.
    rest: Duration,
    /// When it may run.
    again: Instant,
    found: BTreeMap<String, Found>,
}

/// The thread, and what it was last told.
struct Running {
    daemon: Daemon,
    events: Receiver<ServiceEvent>,
    announced: Option<Announcement>,
    links: Arc<[Link]>,
    asks: u64,
    since: Instant,
    /// When the thread was told to look for interfaces often.
    quick: Option<Instant>,
    /// An answer that it owes.
    metrics: Option<(Instant, Receiver<Metrics>)>,
}

/// An instance that is there.
struct Found {
    announcement: Announcement,
    addresses: Vec<SocketAddr>,
    told: Instant,
}

/// Ends its thread when dropped.
struct Daemon(ServiceDaemon);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It says goodbye for what was announced. Its queue may be full for a moment.
        for _ in 0..10 {
            match self.0.shutdown() {
                Err(mdns_sd::Error::Again) => std::thread::sleep(Duration::from_millis(1)),
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl Adapter {
    async fn run(mut self, mut wants: watch::Receiver<Wanted>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let events = self.running.as_ref().map(|running| running.events.clone());
            let event = async {
                match &events {
                    Some(events) => events.recv_async().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = wants.changed() => match changed {
                    Ok(()) => {}
                    Err(_) => return,
                },
                event = event => match event {
                    Ok(event) => self.event(event),
                    // More came at once than its queue holds, or it is gone.
                    Err(_) => self.fail(Trouble::Flooded),
                },
                _ = tick.tick() => self.look_after(),
            }
            let wanted = wants.borrow_and_update().clone();
            if let Err(error) = self.follow(wanted) {
                tracing::debug!(%error, "mDNS fails");
                self.fail(Trouble::Failed);
            }
        }
    }

    /// Brings the thread to what is wanted.
    fn follow(&mut self, wanted: Wanted) -> Result<(), mdns_sd::Error> {
        if self.running.is_none() {
            self.begin(&wanted)?;
        }
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.links != wanted.links {
            *self.links.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&wanted.links);
            running.daemon.0.set_ip_check_interval(INTERFACES_FAST)?;
            running.quick = Some(Instant::now());
            running.links = wanted.links;
        }
        if running.announced != wanted.announcement {
            let before = running.announced.as_ref().map(|announcement| announcement.instance);
            let now = wanted.announcement.as_ref().map(|announcement| announcement.instance);
            if let Some(before) = before.filter(|before| Some(*before) != now) {
                running.daemon.0.unregister(&format!("{before}.{SERVICE}"))?;
            }
            if let Some(announcement) = &wanted.announcement {
                running.daemon.0.register(service(announcement)?)?;
            }
            running.announced = wanted.announcement;
        }
        if running.asks != wanted.asks {
            running.events = running.daemon.0.browse(SERVICE)?;
            running.asks = wanted.asks;
        }
        Ok(())
    }

    fn begin(&mut self, wanted: &Wanted) -> Result<(), mdns_sd::Error> {
        if wanted.links.is_empty() || Instant::now() < self.again {
            return Ok(());
        }
        if let Some(trouble) = taken(self.port) {
            self.fail(trouble);
            return Ok(());
        }
        *self.links.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&wanted.links);
        let daemon = Daemon(ServiceDaemon::new_with_port(self.port)?);
        daemon.0.disable_interface(IfKind::All)?;
        let links = Arc::clone(&self.links);
        daemon.0.enable_interface(IfKind::Predicate(IfPredicate::new(move |interface| {
            let links = links.lock().unwrap_or_else(PoisonError::into_inner);
            links.iter().any(|link| Some(link.index) == interface.index && link.has(&interface.ip()))
        })))?;
        daemon.0.set_ip_check_interval(INTERFACES_SLOW)?;
        let events = daemon.0.browse(SERVICE)?;
        self.running = Some(Running {
            daemon,
            events,
            announced: None,
            links: Arc::clone(&wanted.links),
            asks: wanted.asks,
            since: Instant::now(),
            quick: None,
            metrics: None,
        });
        self.traffic().stopped = None;
        Ok(())
    }

    /// It rests, longer each time.
    fn fail(&mut self, trouble: Trouble) {
        if let Some(running) = self.running.take() {
            if running.since.elapsed() > REST_MAX {
                self.rest = REST;
            }
            if trouble == Trouble::Flooded {
                tokio::spawn(end_flooded(running, self.port));
            }
        }
        if self.traffic().stopped.replace(trouble) != Some(trouble) {
            tracing::warn!(?trouble, "devices are not looked for by mDNS; other ways go on");
        }
        self.again = Instant::now() + self.rest;
        // A port that is taken is cheap to try again.
        if trouble != Trouble::PortTaken {
            self.rest = (self.rest * 2).min(REST_MAX);
        }
        for (_, found) in std::mem::take(&mut self.found) {
            self.bye(&found);
        }
    }

    /// Now and then.
    fn look_after(&mut self) {
        let Some(running) = &mut self.running else { return };
        if running.quick.is_some_and(|since| since.elapsed() > 3 * Duration::from_secs(INTERFACES_FAST.into())) {
            running.quick = None;
            // Asked again with the next look where its queue is full.
            if running.daemon.0.set_ip_check_interval(INTERFACES_SLOW).is_err() {
                running.quick = Some(Instant::now());
            }
        }
        match &running.metrics {
            None => running.metrics = running.daemon.0.get_metrics().ok().map(|metrics| (Instant::now(), metrics)),
            Some((asked, metrics)) => match metrics.try_recv() {
                Ok(metrics) if is_flooded(&metrics) => return self.fail(Trouble::Flooded),
                Ok(_) => running.metrics = running.daemon.0.get_metrics().ok().map(|metrics| (Instant::now(), metrics)),
                // It does nothing but read.
                Err(_) if asked.elapsed() > 3 * TICK => return self.fail(Trouble::Flooded),
                Err(_) => {}
            },
        }
        let now = Instant::now();
        let due = self.found.values_mut().filter(|found| now.saturating_duration_since(found.told) >= TOLD_AGAIN);
        for found in due.take(TOLD_AT_ONCE) {
            found.told = now;
            tell(&self.ear, found);
        }
    }

    fn event(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::ServiceResolved(service) => self.resolved(&service),
            ServiceEvent::ServiceRemoved(_, name) => {
                if let Some(found) = self.found.remove(&name) {
                    self.bye(&found);
                }
            }
            _ => {}
        }
    }

    fn resolved(&mut self, service: &ResolvedService) {
        let Some(name) = service.get_fullname().strip_suffix(SERVICE).and_then(|name| name.strip_suffix('.')) else {
            return;
        };
        let value = |key| service.get_property_val(key).flatten();
        let Some(announcement) = Announcement::from_txt(name, service.get_port(), value) else { return };
        let is_own = self.ear.is_own(announcement.instance);
        if is_own {
            self.traffic().own += 1;
            return;
        }
        let links = self.ear.links();
        let near = service.get_addresses().iter().flat_map(|ip| located(ip, &links, announcement.port));
        let mut addresses: Vec<SocketAddr> = near.collect();
        addresses.sort();
        addresses.dedup();
        addresses.truncate(ADDRESSES);
        let full = self.found.len() >= FOUND && !self.found.contains_key(service.get_fullname());
        if addresses.is_empty() || full {
            return;
        }
        {
            let mut traffic = self.traffic();
            traffic.others += u64::from(!self.found.contains_key(service.get_fullname()));
            traffic.heard_at = Some(Instant::now());
        }
        let found = Found { announcement, addresses, told: Instant::now() };
        tell(&self.ear, &found);
        self.found.insert(service.get_fullname().to_owned(), found);
    }

    /// It said so, or its records are too old.
    fn bye(&self, found: &Found) {
        let instance: Instance = found.announcement.instance;
        if let Some(from) = found.addresses.first() {
            self.ear.tell(Heard { what: Message::Bye(instance), from: *from, via: Via::Mdns });
        }
    }

    fn traffic(&self) -> std::sync::MutexGuard<'_, MdnsTraffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(ear: &Ear, found: &Found) {
    for from in &found.addresses {
        ear.tell(Heard { what: Message::Announce(found.announcement.clone()), from: *from, via: Via::Mdns });
    }
}

/// Ends a thread that has so much to read that it does nothing else, and would go on to store it.
async fn end_flooded(running: Running, port: u16) {
    let Ok(status) = running.daemon.0.shutdown() else { return };
    for _ in 0..INTERRUPTIONS {
        for address in
            running.links.iter().flat_map(|link| link.addresses.iter().map(|address| (link.index, address.ip)))
        {
            if let Err(error) = interrupt(address, port) {
                tracing::debug!(%error, "a thread of mDNS cannot be interrupted here");
            }
        }
        if tokio::time::timeout(INTERRUPTION, status.recv_async()).await.is_ok() {
            return;
        }
    }
}

/// Sends to all who speak mDNS on this machine, and to nobody else, datagrams of no bytes. Others pass over them; to this
/// thread one means that there is no more to read, and it turns to what else it has to do.
fn interrupt((index, ip): (u32, IpAddr), port: u16) -> std::io::Result<()> {
    let socket = match ip {
        IpAddr::V4(ip) => {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_multicast_ttl_v4(0)?;
            socket.set_multicast_if_v4(&ip)?;
            socket
        }
        IpAddr::V6(_) => {
            let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_multicast_hops_v6(0)?;
            socket.set_multicast_if_v6(index)?;
            socket
        }
    };
    let everybody = match ip {
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::new(224, 0, 0, 251), port)),
        IpAddr::V6(_) => SocketAddrV6::new(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb), port, 0, index).into(),
    };
    socket.set_nonblocking(true)?;
    // Its queue is full most of the time.
    for _ in 0..8 {
        socket.send_to(&[], &everybody.into())?;
    }
    Ok(())
}

/// Nothing of it names the machine.
fn service(announcement: &Announcement) -> Result<ServiceInfo, mdns_sd::Error> {
    let name = announcement.instance.to_string();
    let host = format!("{name}.local.");
    let txt: Vec<TxtProperty> = announcement.to_txt().into_iter().map(TxtProperty::from).collect();
    let mut service = ServiceInfo::new(SERVICE, &name, &host, (), announcement.port, txt)?.enable_addr_auto();
    // 64 random bits are nobody else's (RFC 6762, section 8.1).
    service.set_requires_probe(false);
    Ok(service)
}

/// Where a device is, by an address that it gave: on a link where it was heard, or nowhere.
fn located(ip: &ScopedIp, links: &[Link], port: u16) -> Vec<SocketAddr> {
    match ip {
        ScopedIp::V4(ip) => {
            let heard = |link: &Link| ip.interface_ids().iter().any(|id| id.index == link.index);
            let addr = IpAddr::V4(*ip.addr());
            let near = links.iter().any(|link| heard(link) && link.holds(&addr));
            near.then_some(SocketAddr::new(addr, port)).into_iter().collect()
        }
        ScopedIp::V6(ip) => {
            let index = ip.scope_id().index;
            let near = links.iter().any(|link| link.index == index && link.holds(&IpAddr::V6(*ip.addr())));
            let zone = if ip.addr().is_unicast_link_local() { index } else { 0 };
            near.then_some(SocketAddrV6::new(*ip.addr(), port, 0, zone).into()).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn is_flooded(metrics: &Metrics) -> bool {
    let records: i64 = metrics.iter().filter(|(name, _)| name.starts_with("cached-")).map(|(_, count)| *count).sum();
    records > RECORDS || metrics.get("timer").is_some_and(|timers| *timers > TIMERS)
}

/// Why the port cannot be listened on in either family. The thread would not say.
fn taken(port: u16) -> Option<Trouble> {
    let bind = |domain, all: IpAddr| {
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        platform::share_port(&socket)?;
        socket.bind(&SocketAddr::new(all, port).into())
    };
    let four = bind(Domain::IPV4, Ipv4Addr::UNSPECIFIED.into());
    let six = bind(Domain::IPV6, Ipv6Addr::UNSPECIFIED.into());
    four.err().filter(|_| six.is_err()).as_ref().map(Trouble::of)
}
