//! Multicast DNS (RFC 6762) with service discovery (RFC 6763), by the crate `mdns-sd`, which has a thread of its own.
//!
//! What it finds is taken like anything else that is heard here: addresses only where they are on a link of this device,
//! and no more than so much. It works on all links that datagrams work on, and fails without harm to them.

use std::collections::{BTreeMap, VecDeque};
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
use super::daemon::Daemon;
use super::ear::Ear;
use super::found::{ANSWERED, Found};
use super::traffic::{MdnsTraffic, Trouble};
use crate::net::Link;
use crate::platform;

/// What Lanline's servers are called there.
const SERVICE: &str = "_lanline._tcp.local.";
/// Addresses of one instance that are taken.
const ADDRESSES: usize = 8;
/// How often it is seen after.
const TICK: Duration = Duration::from_secs(1);
/// How long after one did not answer it is asked once more who is there: what it said may have been lost.
const ONCE_MORE: Duration = Duration::from_secs(5);
/// How long the thread may go on to use a queue of events after it was given another.
const DRAINED: Duration = Duration::from_secs(2);
/// How long a thread that is to end without a goodbye has to see that it has no interface left.
const SILENCED: Duration = Duration::from_secs(3);
/// How often the thread itself looks for interfaces, in seconds. It is told of changes, by a shorter one.
const INTERFACES_SLOW: u32 = 60;
const INTERFACES_FAST: u32 = 1;
/// Records and timers that it may hold: some ten times what a large office says. It has no limit of its own.
const RECORDS: i64 = 16_384;
const TIMERS: i64 = 262_144;
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
#[derive(Clone, Debug, Default)]
struct Wanted {
    announcement: Option<Announcement>,
    /// What this device is called besides, for a moment longer.
    former: Vec<Instance>,
    links: Arc<[Link]>,
    /// How often it was asked who is there.
    asks: u64,
    /// How often all was to be forgotten.
    forgotten: u64,
}

impl Mdns {
    /// Within a runtime; it begins once there are links.
    pub(super) fn start(ear: Arc<Ear>, port: u16) -> Self {
        let (wanted, wants) = watch::channel(Wanted::default());
        let traffic = Arc::new(Mutex::default());
        let end = CancellationToken::new();
        let adapter = Adapter {
            ear,
            port,
            traffic: Arc::clone(&traffic),
            running: None,
            rest: REST,
            again: Instant::now(),
            found: Found::default(),
            once_more: None,
        };
        let ended = end.clone();
        tokio::spawn(async move { ended.run_until_cancelled(adapter.run(wants)).await });
        Self { wanted, traffic, _end: end.drop_guard() }
    }

    pub(super) fn set_links(&self, links: Arc<[Link]>) {
        self.wanted.send_modify(|wanted| wanted.links = links);
    }

    /// What was announced under another name stays until that one is withdrawn.
    pub(super) fn announce(&self, announcement: &Announcement) {
        self.wanted.send_if_modified(|wanted| {
            let differs = wanted.announcement.as_ref() != Some(announcement);
            if differs {
                let before = wanted.announcement.replace(announcement.clone()).map(|before| before.instance);
                wanted.former.extend(before);
                wanted.former.retain(|former| *former != announcement.instance);
            }
            differs
        });
    }

    /// Under this name nobody is there any more.
    pub(super) fn withdraw(&self, instance: Instance) {
        self.wanted.send_modify(|wanted| {
            wanted.former.retain(|former| *former != instance);
            wanted.announcement.take_if(|announced| announced.instance == instance);
        });
    }

    /// What was announced is never spoken of again, and what was found counts no more: it may be another network.
    pub(super) fn forget(&self) {
        self.wanted.send_modify(|wanted| {
            (wanted.announcement, wanted.former) = (None, Vec::new());
            wanted.forgotten += 1;
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
    running: Option<Running>,
    /// How long it rests after the next failure.
    rest: Duration,
    /// When it may run.
    again: Instant,
    found: Found,
    /// When it is asked once more who is there.
    once_more: Option<Instant>,
}

/// The thread, and what it was last told.
struct Running {
    daemon: Daemon,
    /// Of each question one, the last at the end. Those before it are read to their end: what is lost of them, as that one
    /// is gone, is not said again.
    events: VecDeque<Receiver<ServiceEvent>>,
    /// When the last one began.
    asked: Instant,
    announced: BTreeMap<Instance, Announcement>,
    links: Arc<[Link]>,
    /// By which the thread chooses its interfaces.
    chosen: Arc<Mutex<Arc<[Link]>>>,
    asks: u64,
    forgotten: u64,
    since: Instant,
    /// When the thread was told to look for interfaces often.
    quick: Option<Instant>,
    /// An answer that it owes.
    metrics: Option<(Instant, Receiver<Metrics>)>,
}

impl Adapter {
    async fn run(mut self, mut wants: watch::Receiver<Wanted>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let events = self.running.as_ref().and_then(|running| running.events.front().cloned());
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
                    Err(_) if self.is_drained() => {}
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

    /// Whether there is another queue of events after the one that ended.
    fn is_drained(&mut self) -> bool {
        let Some(running) = &mut self.running else { return false };
        let more = running.events.len() > 1;
        if more {
            running.events.pop_front();
        }
        more
    }

    /// Brings the thread to what is wanted.
    fn follow(&mut self, wanted: Wanted) -> Result<(), mdns_sd::Error> {
        if let Some(running) = self.running.take_if(|running| running.forgotten != wanted.forgotten) {
            for heard in self.found.clear() {
                self.ear.tell(heard);
            }
            tokio::spawn(end_silently(running));
        }
        if self.running.is_none() {
            self.begin(&wanted)?;
        }
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.links != wanted.links {
            *running.chosen.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&wanted.links);
            running.daemon.0.set_ip_check_interval(INTERFACES_FAST)?;
            running.quick = Some(Instant::now());
            running.links = wanted.links;
            self.found.set_links(&running.links);
        }
        let now = wanted.announcement.as_ref().map(|announcement| announcement.instance);
        let is_over = |instance: &Instance| Some(*instance) != now && !wanted.former.contains(instance);
        for over in running.announced.keys().copied().filter(is_over).collect::<Vec<_>>() {
            running.daemon.0.unregister(&format!("{over}.{SERVICE}"))?;
            running.announced.remove(&over);
        }
        if let Some(announcement) = wanted.announcement
            && running.announced.get(&announcement.instance) != Some(&announcement)
        {
            running.daemon.0.register(service(&announcement)?)?;
            running.announced.insert(announcement.instance, announcement);
        }
        let once_more = self.once_more.take_if(|at| *at <= Instant::now()).is_some();
        if running.asks != wanted.asks || once_more {
            running.events.push_back(running.daemon.0.browse(SERVICE)?);
            (running.asks, running.asked) = (wanted.asks, Instant::now());
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
        let chosen = Arc::new(Mutex::new(Arc::clone(&wanted.links)));
        let daemon = Daemon(ServiceDaemon::new_with_port(self.port)?);
        daemon.0.disable_interface(IfKind::All)?;
        let links = Arc::clone(&chosen);
        daemon.0.enable_interface(IfKind::Predicate(IfPredicate::new(move |interface| {
            let links = links.lock().unwrap_or_else(PoisonError::into_inner);
            links.iter().any(|link| Some(link.index) == interface.index && link.has(&interface.ip()))
        })))?;
        daemon.0.set_ip_check_interval(INTERFACES_SLOW)?;
        let events = daemon.0.browse(SERVICE)?;
        self.running = Some(Running {
            daemon,
            events: VecDeque::from([events]),
            asked: Instant::now(),
            announced: BTreeMap::new(),
            links: Arc::clone(&wanted.links),
            chosen,
            asks: wanted.asks,
            forgotten: wanted.forgotten,
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
                tokio::spawn(running.daemon.end_flooded(running.links, self.port));
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
        for heard in self.found.clear() {
            self.ear.tell(heard);
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
        if running.events.len() > 1 && running.asked.elapsed() >= DRAINED {
            let last = running.events.pop_back();
            let left = std::mem::replace(&mut running.events, last.into_iter().collect());
            left.iter().flat_map(Receiver::try_iter).for_each(|event| self.event(event));
        }
        let Some(running) = &self.running else { return };
        let due = self.found.due(Instant::now(), |instance| self.ear.is_heard(instance));
        for name in due.verify {
            // Its queue is full: with the next look.
            if running.daemon.0.verify(name.clone(), ANSWERED).is_err() {
                self.found.unasked(&name);
            }
        }
        if !due.tell.is_empty() {
            self.traffic().heard_at = Some(Instant::now());
        }
        due.tell.into_iter().for_each(|heard| self.ear.tell(heard));
    }

    fn event(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::ServiceResolved(service) => self.resolved(&service),
            ServiceEvent::ServiceRemoved(_, name) => {
                if let Some((bye, unanswered)) = self.found.removed(&name) {
                    bye.into_iter().for_each(|bye| self.ear.tell(bye));
                    if unanswered {
                        self.once_more = Some(Instant::now() + ONCE_MORE);
                    }
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
        if addresses.is_empty() {
            return;
        }
        let (now, name) = (Instant::now(), service.get_fullname());
        let is_new = !self.found.knows(name);
        let told = self.found.resolved(now, name, announcement, addresses);
        if !told.is_empty() {
            let mut traffic = self.traffic();
            traffic.others += u64::from(is_new);
            traffic.heard_at = Some(now);
        }
        told.into_iter().for_each(|heard| self.ear.tell(heard));
    }

    fn traffic(&self) -> std::sync::MutexGuard<'_, MdnsTraffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a thread that must not say goodbye: what it announced was said on another network, or before a sleep.
async fn end_silently(running: Running) {
    *running.chosen.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new([]);
    let silenced = running.daemon.0.disable_interface(IfKind::All);
    // Addresses that are gone from the system it sees with its next look alone.
    if silenced.and_then(|()| running.daemon.0.set_ip_check_interval(INTERFACES_FAST)).is_ok() {
        tokio::time::sleep(SILENCED).await;
    }
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
