//! Discovery at work: the device's interfaces, server and rooms on one side, what is said and heard on the other.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    future::{Future, pending},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use lanline_protocol::{finding::Circle, identity::DeviceId};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::{Discovery, Heard, Via, announcer::Act, message::Message, transports::Transports};
use crate::{
    api::{ApiError, Event},
    board::Board,
    core::Core,
    net::{Net, Zones},
    whereabouts::{Whereabouts, addresses, reachable, telling},
};

/// What was heard and not looked at yet; of more, what comes is lost.
const WAITING: usize = 256;
/// How much of it is looked at before anything else has its turn.
const AT_ONCE: usize = 64;
/// People are told no more often that others are near.
const TOLD: Duration = Duration::from_millis(250);
/// Who belongs to the rooms is asked no more often, however often it changes.
const ASKED: Duration = Duration::from_millis(200);

/// The device's side.
pub(crate) struct Device {
    pub(crate) core: Core,
    pub(crate) net: Arc<Net>,
    pub(crate) board: Arc<Board>,
    /// Where it is, and the addresses that it listens on; none: all.
    pub(crate) here: watch::Receiver<Whereabouts>,
    pub(crate) listen: Vec<SocketAddr>,
    /// See [`Subscribed::circles`](crate::core::Subscribed::circles).
    pub(crate) circles: watch::Receiver<u64>,
}

/// Ends with this: takes leave and lets go of the sockets.
#[derive(Debug)]
pub(crate) struct Stay {
    discovery: Discovery,
    _task: AbortOnDropHandle<()>,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut state = self.discovery.0.state();
        let acts = state.announcer.leave();
        let transports = state.transports.take();
        drop(state);
        if let Some(transports) = transports {
            carry_out(&transports, acts);
        }
    }
}

fn carry_out(transports: &Transports, acts: Vec<Act>) {
    for act in acts {
        match act {
            Act::Announce(announcement) => transports.announce(&announcement),
            Act::Withdraw(instance) => transports.withdraw(instance),
            Act::Forget => transports.forget(),
            Act::Ask => transports.ask(),
            Act::Answer(to, announcement) => transports.answer(to, &announcement),
        }
    }
}

type Reading = Pin<Box<dyn Future<Output = Result<Vec<Circle>, ApiError>> + Send>>;

impl Discovery {
    /// Begins to listen and, while the server runs, to announce it. Within a runtime.
    pub(crate) fn start(&self, device: Device) -> Stay {
        let (sender, heard) = mpsc::channel(WAITING);
        let transports = Arc::new(Transports::start(sender));
        self.0.state().transports = Some(Arc::clone(&transports));
        let discovery = self.clone();
        let task = tokio::spawn(async move { discovery.run(device, &transports, heard).await });
        Stay { discovery: self.clone(), _task: AbortOnDropHandle::new(task) }
    }

    async fn run(&self, mut device: Device, transports: &Transports, mut heard: mpsc::Receiver<Heard>) {
        let mut outward = device.board.outward();
        let (mut reading, mut read_at): (Option<Reading>, Instant) = (None, Instant::now());
        let (mut news, mut doubts) = (News::default(), Doubts::default());
        let mut slept = Duration::ZERO;
        device.here.mark_changed();
        device.circles.mark_changed();
        loop {
            let due = self.settle(&device, transports, &mut news, &mut doubts);
            tokio::select! {
                Some(first) = heard.recv() => {
                    let waiting = std::iter::once(first).chain(std::iter::from_fn(|| heard.try_recv().ok()));
                    for heard in waiting.take(AT_ONCE) {
                        self.hear(heard);
                    }
                }
                Ok(()) = device.here.changed() => {
                    let here = device.here.borrow_and_update().clone();
                    let before = std::mem::replace(&mut slept, here.slept);
                    self.moved(here, before, &device.listen, transports);
                }
                Some(ended) = doubts.running.join_next() => doubts.ended(ended.ok(), &device.net),
                Ok(()) = outward.changed() => {}
                Ok(()) = device.circles.changed(), if reading.is_none() => {
                    let (core, at) = (device.core.clone(), read_at + ASKED);
                    reading = Some(Box::pin(async move {
                        sleep_until(at).await;
                        core.read(|machine| Ok(machine.replica.circles())).await
                    }));
                }
                circles = async { match reading.as_mut() { Some(reading) => reading.await, None => pending().await } } => {
                    (reading, read_at) = (None, Instant::now());
                    if let Ok(circles) = circles {
                        self.take_circles(circles);
                    }
                }
                () = self.0.wake.notified() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    /// It is elsewhere, or awoke.
    fn moved(&self, here: Whereabouts, slept_before: Duration, listen: &[SocketAddr], transports: &Transports) {
        let slept = here.slept.saturating_sub(slept_before);
        let zones = Zones::of(&here.links);
        let links = reachable(here.links, listen);
        let own: BTreeSet<_> = addresses(&links).into_iter().collect();
        let (mut state, now) = (self.0.state(), self.now());
        state.zones = zones;
        state.nearby.set_links(&links);
        state.announcer.set_addresses(now, own, telling(&links));
        if !slept.is_zero() {
            state.nearby.clear();
            state.announcer.awoke(now, u64::try_from(slept.as_millis()).unwrap_or(u64::MAX));
        }
        let forgets = state.announcer.forgets();
        drop(state);
        // Before anything is said there.
        if forgets {
            transports.forget();
        }
        transports.set_interfaces(links);
    }

    fn hear(&self, Heard { what, from, via }: Heard) {
        let (mut state, now) = (self.0.state(), self.now());
        match what {
            Message::Announce(announcement) => {
                let is_member = state.nearby.heard(now, announcement, from, via);
                if let Some(transports) = state.transports.as_ref().filter(|_| is_member && via != Via::Mdns) {
                    transports.know(from.ip());
                }
            }
            Message::Ask => state.announcer.asked(now, from),
            Message::Bye(instance) => state.nearby.bye(now, instance, from.ip(), via),
        }
    }

    fn take_circles(&self, circles: Vec<Circle>) {
        let (mut state, now) = (self.0.state(), self.now());
        state.nearby.set_circles(now, circles.clone());
        // Also where nothing changed: the replica may have been opened anew, and knows nothing of it then.
        state.nearby.tell_all();
        state.announcer.set_circles(now, circles);
    }

    /// Says what is due, passes on what was found, and gives when to come again.
    fn settle(&self, device: &Device, transports: &Transports, news: &mut News, doubts: &mut Doubts) -> Instant {
        let (mut state, now) = (self.0.state(), self.now());
        let server = device.board.server();
        state.announcer.set_port(now, server.port.filter(|_| server.running));
        state.announcer.set_name(now, &device.board.name());
        let instance = state.announcer.instance();
        state.nearby.own(instance);
        state.nearby.tick(now);
        let acts = state.announcer.acts(now);
        let instance = state.announcer.instance();
        state.nearby.own(instance);
        let (found, changed) = (state.nearby.take_found(now), state.nearby.take_changed());
        let newest: Vec<_> = found.iter().map(|(member, _)| state.nearby.newest_addresses_of(*member)).collect();
        let due = state.nearby.due_ms().into_iter().chain([state.announcer.due_ms(now)]).min();
        let due = due.unwrap_or(now.steady_ms).saturating_sub(now.steady_ms);
        let zones = if found.is_empty() { Zones::default() } else { state.zones.clone() };
        drop(state);
        carry_out(transports, acts);
        for ((member, addresses), newest) in found.into_iter().zip(newest) {
            device.core.found(member, addresses.iter().map(|address| zones.show(address)).collect());
            if !newest.is_empty() {
                doubts.begin(&device.net, member, newest);
            }
        }
        let due = Instant::now() + Duration::from_millis(due);
        match news.tell(&device.board, changed) {
            Some(told) => due.min(told),
            None => due,
        }
    }
}

/// Whether connections with members are still good, asked of each member once at a time.
#[derive(Default)]
struct Doubts {
    running: JoinSet<DeviceId>,
    /// Of whom it is asked, and where that one was found meanwhile.
    next: BTreeMap<DeviceId, Option<Vec<SocketAddr>>>,
}

impl Doubts {
    fn begin(&mut self, net: &Arc<Net>, member: DeviceId, found: Vec<SocketAddr>) {
        match self.next.entry(member) {
            Entry::Occupied(mut next) => {
                next.insert(Some(found));
            }
            Entry::Vacant(next) => {
                next.insert(None);
                let net = Arc::clone(net);
                self.running.spawn(async move {
                    net.doubt(member, &found).await;
                    member
                });
            }
        }
    }

    fn ended(&mut self, member: Option<DeviceId>, net: &Arc<Net>) {
        let Some(member) = member else {
            // It is not known whose it was.
            return self.next.clear();
        };
        if let Some(Some(found)) = self.next.remove(&member) {
            self.begin(net, member, found);
        }
    }
}

/// Tells that others are near, not too often.
#[derive(Default)]
struct News {
    pending: bool,
    last: Option<Instant>,
}

impl News {
    /// When to come again to tell.
    fn tell(&mut self, board: &Board, changed: bool) -> Option<Instant> {
        self.pending |= changed;
        let now = Instant::now();
        let earliest = self.last.map_or(now, |last| last + TOLD);
        if self.pending && earliest <= now {
            (self.pending, self.last) = (false, Some(now));
            board.emit(Event::NearbyChanged {});
        }
        self.pending.then_some(earliest)
    }
}
