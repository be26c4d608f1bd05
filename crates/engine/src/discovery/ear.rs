//! What was heard, by whichever transport: this device's own words are told from others', and others' are handed on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::announcement::Instance;
use super::message::Message;
use super::traffic::{Counts, Way};
use super::{Heard, Via};
use crate::net::Link;

/// As how many instances this device may have gone lately: datagrams of the last one may still be under way.
const INSTANCES: usize = 4;
/// Of how many others it is kept in mind that they were heard by datagrams, and how long: each says so every 30 s.
const HEARD: usize = 256;
const HEARD_FOR: Duration = Duration::from_secs(60);
/// Of how many addresses it is kept in mind that members are there, and how long: two of their announcements may be lost.
const KNOWN: usize = 256;
const KNOWN_FOR: Duration = Duration::from_secs(90);

/// Takes what was heard. All transports share one.
#[derive(Debug)]
pub(super) struct Ear {
    heard: mpsc::Sender<Heard>,
    /// Of datagrams to all.
    port: u16,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    instances: VecDeque<Instance>,
    links: Arc<[Link]>,
    /// Of sockets that are this device's alone.
    ports: BTreeSet<u16>,
    /// When others were heard by datagrams.
    heard: BTreeMap<Instance, Instant>,
    /// Where members are, and when one was heard there last.
    known: BTreeMap<IpAddr, Instant>,
}

/// A port of this device's, for as long as it is.
#[derive(Debug)]
pub(super) struct OwnPort {
    ear: Arc<Ear>,
    port: u16,
}

impl Ear {
    pub(super) fn new(heard: mpsc::Sender<Heard>, port: u16) -> Self {
        Self { heard, port, own: Mutex::default() }
    }

    /// UDP, of datagrams to all.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn set_links(&self, links: Arc<[Link]>) {
        self.own().links = links;
    }

    pub(super) fn links(&self) -> Arc<[Link]> {
        Arc::clone(&self.own().links)
    }

    /// From now on this is one of this device's own.
    pub(super) fn add_instance(&self, instance: Instance) {
        let mut own = self.own();
        if !own.instances.contains(&instance) {
            own.instances.push_back(instance);
            if own.instances.len() > INSTANCES {
                own.instances.pop_front();
            }
        }
    }

    pub(super) fn is_own(&self, instance: Instance) -> bool {
        self.own().instances.contains(&instance)
    }

    /// Whether another one was heard by datagrams of late.
    pub(super) fn is_heard(&self, instance: Instance) -> bool {
        self.own().heard.get(&instance).is_some_and(|at| at.elapsed() < HEARD_FOR)
    }

    /// A member is at this address.
    pub(super) fn know(&self, ip: IpAddr) {
        note(&mut self.own().known, ip, KNOWN, KNOWN_FOR);
    }

    /// Whether a member was at this address of late.
    pub(super) fn is_known(&self, ip: &IpAddr) -> bool {
        self.own().known.get(ip).is_some_and(|at| at.elapsed() < KNOWN_FOR)
    }

    /// From now on what comes from this port of this machine is this device's own.
    pub(super) fn add_port(self: &Arc<Self>, port: u16) -> OwnPort {
        self.own().ports.insert(port);
        OwnPort { ear: Arc::clone(self), port }
    }

    /// Whether an address is on a link of this device.
    pub(super) fn is_near(&self, ip: &IpAddr) -> bool {
        self.own().links.iter().any(|link| link.holds(ip))
    }

    /// A datagram said this.
    pub(super) fn take(&self, message: Message, mut from: SocketAddr, via: Via, way: Way, counts: &Counts) {
        if from.port() == 0 {
            // Nothing can be sent there, and that is no fault of this network's.
            return counts.dropped();
        }
        let mut own = self.own();
        let here = own.links.iter().any(|link| link.has(&from.ip()));
        let known = match &message {
            Message::Announce(announcement) => own.instances.contains(&announcement.instance),
            Message::Bye(instance) => own.instances.contains(instance),
            // Another process of this machine may ask from the shared port, too: it asks from one of its own as well.
            Message::Ask => here && (from.port() == self.port || own.ports.contains(&from.port())),
        };
        match &message {
            Message::Announce(announcement) if !known => note(&mut own.heard, announcement.instance, HEARD, HEARD_FOR),
            Message::Bye(instance) => {
                own.heard.remove(instance);
            }
            Message::Announce(_) | Message::Ask => {}
        }
        // What another device of this machine says proves nothing of the network, where there is one.
        let proves = !here || own.links.iter().all(|link| link.loopback);
        drop(own);
        match (known, here) {
            (true, true) => counts.heard(true, way),
            // Somebody repeats what this device said.
            (true, false) => counts.dropped(),
            (false, _) => {
                if proves {
                    counts.heard(false, way);
                }
                if let Message::Announce(announcement) = &message {
                    from.set_port(announcement.port);
                }
                self.tell(Heard { what: message, from, via });
            }
        }
    }

    /// Where nobody keeps up, it is lost: it will be said again.
    pub(super) fn tell(&self, heard: Heard) {
        let _ = self.heard.try_send(heard);
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now. Where there are too many, what came first stays: the others are done without.
fn note<K: Ord>(times: &mut BTreeMap<K, Instant>, of: K, at_most: usize, good_for: Duration) {
    if times.len() >= at_most {
        times.retain(|_, at| at.elapsed() < good_for);
    }
    if times.len() < at_most || times.contains_key(&of) {
        times.insert(of, Instant::now());
    }
}

impl Drop for OwnPort {
    fn drop(&mut self) {
        self.ear.own().ports.remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::super::traffic::Family;
    use super::*;

    #[test]
    fn who_asks_from_where_nothing_can_be_sent_is_not_heard() {
        let (sender, mut heard) = mpsc::channel(4);
        let (ear, counts) = (Ear::new(sender, 12345), Counts::default());
        for port in [0, 7] {
            let from = SocketAddr::from(([10, 0, 0, 3], port));
            ear.take(Message::Ask, from, Via::Broadcast, Way::Broadcast, &counts);
        }
        assert_eq!(heard.try_recv().unwrap().from.port(), 7);
        assert!(heard.try_recv().is_err());
        assert_eq!(counts.told(2, String::new(), Family::V4).dropped, 1);
    }

    #[test]
    fn so_many_are_kept_in_mind_and_no_more() {
        let (sender, _heard) = mpsc::channel(1);
        let ear = Ear::new(sender, 12345);
        let ip = |n: u16| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
        (0..1000).for_each(|n| ear.know(ip(n)));
        assert_eq!(ear.own().known.len(), KNOWN);
        assert!(ear.is_known(&ip(0)) && !ear.is_known(&ip(999)));
    }
}
