//! All ways in which devices of one network hear of each other: datagrams to all, mDNS, and asking one by one.
//!
//! What one of them, or one interface, is refused leaves the others as they are. It is counted, tried again, and told by
//! [`Transports::traffic`].

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Heard;
use super::announcement::{Announcement, Instance};
use super::datagram::Channel;
use super::ear::Ear;
use super::mdns::Mdns;
use super::message::Message;
use super::probe::Probe;
use super::traffic::{Counts, Family, Traffic, Trouble};
use crate::net::Link;
use crate::settings::DEFAULT_PORT;

/// UDP, wherever the server listens: one number that all devices know.
pub(crate) const DISCOVERY_PORT: u16 = DEFAULT_PORT;
/// Links that are spoken on; the others are left out, those to virtual machines first.
const LINKS: usize = 32;
/// How long the first links are waited for.
const BEGUN: Duration = Duration::from_secs(2);
/// How long until what was refused is tried again, at first (a new IPv6 address may be used after a second or two) and at
/// most.
const MEND: Duration = Duration::from_secs(1);
const MEND_MAX: Duration = Duration::from_secs(60);

/// Speaks and listens until it is dropped. Nothing here waits for the network.
#[derive(Debug)]
pub(crate) struct Transports {
    shared: Arc<Shared>,
    runtime: Handle,
    _end: DropGuard,
}

#[derive(Debug)]
struct Shared {
    ear: Arc<Ear>,
    mdns: Mdns,
    state: Mutex<State>,
    changed: Notify,
    /// Cancelled once there were links.
    begun: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    links: Arc<[Link]>,
    channels: Vec<Channel>,
    /// What was announced last, for networks that could not be spoken on then.
    announced: Option<Announcement>,
    probe: Option<Probe>,
    warned: bool,
}

/// On which ports. Another than everybody's is for tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) datagrams: u16,
    pub(super) mdns: u16,
}

impl Transports {
    /// Within a runtime. Nothing is said or heard before there are links. What is heard goes to `heard`; where that is
    /// full it is lost.
    pub(crate) fn start(heard: mpsc::Sender<Heard>) -> Self {
        Self::start_on(heard, Ports { datagrams: DISCOVERY_PORT, mdns: mdns_sd::MDNS_PORT })
    }

    pub(super) fn start_on(heard: mpsc::Sender<Heard>, ports: Ports) -> Self {
        let ear = Arc::new(Ear::new(heard, ports.datagrams));
        let mdns = Mdns::start(Arc::clone(&ear), ports.mdns);
        let shared = Arc::new(Shared {
            ear,
            mdns,
            state: Mutex::default(),
            changed: Notify::new(),
            begun: CancellationToken::new(),
        });
        let end = CancellationToken::new();
        let (mended, ended) = (Arc::clone(&shared), end.clone());
        tokio::spawn(async move { ended.run_until_cancelled(mended.mend()).await });
        Self { shared, runtime: Handle::current(), _end: end.drop_guard() }
    }

    /// These are all there are now. Sockets are made anew where addresses changed; where none did, nothing happens.
    pub(crate) fn set_interfaces(&self, mut links: Vec<Link>) {
        let _entered = self.runtime.enter();
        let mut state = self.shared.state();
        // Stable: otherwise they stay as they are.
        links.sort_by_key(Link::is_virtual);
        links.truncate(LINKS);
        let links: Arc<[Link]> = links.into();
        if state.links == links {
            return;
        }
        state.links = Arc::clone(&links);
        self.shared.ear.set_links(Arc::clone(&links));
        self.shared.mdns.set_links(Arc::clone(&links));
        let mut before = std::mem::take(&mut state.channels);
        for link in links.iter() {
            for family in [Family::V4, Family::V6] {
                let Some(link) = of_family(link, family) else { continue };
                let same = before.iter().position(|channel| channel.key() == (link.index, family));
                let known = same.map(|position| before.swap_remove(position));
                let channel = match known {
                    Some(channel) if **channel.link() == link => channel,
                    known => {
                        let counts = known.as_ref().map(Channel::counts).unwrap_or_default();
                        // Its port is free before the next takes it.
                        drop(known);
                        Channel::open(Arc::new(link), family, &self.shared.ear, counts)
                    }
                };
                state.channels.push(channel);
            }
        }
        warn_of(&mut state);
        drop(state);
        self.shared.changed.notify_one();
        self.shared.begun.cancel();
    }

    /// Waits for the first links, a moment at most.
    pub(crate) async fn has_links(&self) {
        let _ = tokio::time::timeout(BEGUN, self.shared.begun.cancelled()).await;
    }

    /// What comes from this address is a member's of a room of this device's, as far as anybody can tell: a flood of others
    /// does not take its place.
    pub(crate) fn know(&self, ip: IpAddr) {
        self.shared.ear.know(ip);
    }

    /// Says it to all, in all ways, once; mDNS goes on to say it to whoever asks there.
    pub(crate) fn announce(&self, announcement: &Announcement) {
        self.shared.ear.add_instance(announcement.instance);
        self.shared.mdns.announce(announcement);
        let mut state = self.shared.state();
        let datagram = Message::Announce(announcement.clone()).to_datagram();
        state.channels.iter().for_each(|channel| channel.tell(&datagram));
        state.announced = Some(announcement.clone());
    }

    /// Says to all that it is there no more.
    pub(crate) fn withdraw(&self, instance: Instance) {
        let mut state = self.shared.state();
        if state.announced.as_ref().is_some_and(|announced| announced.instance == instance) {
            state.announced = None;
        }
        self.shared.mdns.withdraw(instance);
        let datagram = Message::Bye(instance).to_datagram();
        state.channels.iter().for_each(|channel| channel.tell(&datagram));
    }

    /// All that was announced is never spoken of again, and what was found counts no more: this device is elsewhere now, as
    /// far as it knows.
    pub(crate) fn forget(&self) {
        self.shared.state().announced = None;
        self.shared.mdns.forget();
    }

    /// Asks all who is there.
    pub(crate) fn ask(&self) {
        self.shared.mdns.ask();
        let datagram = Message::Ask.to_datagram();
        self.shared.state().channels.iter().for_each(|channel| channel.ask(&datagram));
    }

    /// Says it to one who asked.
    pub(crate) fn answer(&self, to: SocketAddr, announcement: &Announcement) {
        let state = self.shared.state();
        let leads_there = |channel: &&Channel| match to {
            SocketAddr::V6(to) if to.scope_id() != 0 => channel.key() == (to.scope_id(), Family::V6),
            to => channel.link().holds(&to.ip()),
        };
        if let Some(channel) = state.channels.iter().find(leads_there) {
            channel.answer(&Message::Announce(announcement.clone()).to_datagram(), to);
        }
    }

    /// Begins to ask one address after the other, over five seconds, and says how many. While it does, no second time.
    pub(crate) fn probe(&self) -> usize {
        let _entered = self.runtime.enter();
        let mut state = self.shared.state();
        if let Some(probe) = state.probe.as_ref().filter(|probe| !probe.is_done()) {
            return probe.asked();
        }
        let counts = |link: &Link| -> Arc<Counts> {
            let of_link = state.channels.iter().find(|channel| channel.key() == (link.index, Family::V4));
            of_link.map(Channel::counts).unwrap_or_default()
        };
        let probe = Probe::start(&state.links, &self.shared.ear, counts);
        let asked = probe.asked();
        state.probe = Some(probe);
        asked
    }

    /// What came and went until now.
    pub(crate) fn traffic(&self) -> Traffic {
        let links = self.shared.state().channels.iter().map(Channel::traffic).collect();
        Traffic { links, mdns: self.shared.mdns.traffic() }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries again what was refused, less and less often, until nothing is.
    async fn mend(&self) {
        let mut pause = MEND;
        loop {
            let whole = self.state().channels.iter().all(Channel::is_whole);
            if whole {
                self.changed.notified().await;
                pause = MEND;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(MEND_MAX),
                () = self.changed.notified() => pause = MEND,
            }
            self.mend_once();
        }
    }

    fn mend_once(&self) {
        let mut state = self.state();
        let state = &mut *state;
        let words = state.announced.iter().map(|announced| Message::Announce(announced.clone())).chain([Message::Ask]);
        let words: Vec<Message> = words.collect();
        for channel in state.channels.iter_mut().filter(|channel| !channel.is_whole()) {
            if channel.mend() {
                tracing::debug!(link = channel.link().name, "a network is spoken on now");
                // What was said meanwhile was lost here.
                for word in &words {
                    let datagram = word.to_datagram();
                    if *word == Message::Ask { channel.ask(&datagram) } else { channel.tell(&datagram) }
                }
            }
        }
        warn_of(state);
    }
}

/// Once: it is tried again and again.
fn warn_of(state: &mut State) {
    let taken = state.channels.iter().any(|channel| channel.traffic().deaf == Some(Trouble::PortTaken));
    if taken && !state.warned {
        tracing::warn!(
            port = DISCOVERY_PORT,
            "another program holds this UDP port: devices that announce themselves there are not heard, only answers"
        );
        state.warned = true;
    }
}

/// A link's addresses of one family, if there are any.
fn of_family(link: &Link, family: Family) -> Option<Link> {
    let is_of = |ip: &IpAddr| ip.is_ipv4() == (family == Family::V4);
    let addresses: Vec<_> = link.addresses.iter().filter(|address| is_of(&address.ip)).copied().collect();
    (!addresses.is_empty()).then(|| Link { addresses, ..link.clone() })
}
