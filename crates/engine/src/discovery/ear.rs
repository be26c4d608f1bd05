//! What was heard, by whichever transport: this device's own words are told from others', and others' are handed on.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::announcement::Instance;
use super::message::Message;
use super::traffic::{Counts, Way};
use super::{Heard, Via};
use crate::net::Link;

/// As how many instances this device may have gone lately: datagrams of the last one may still be under way.
const INSTANCES: usize = 4;

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
        let own = self.own();
        let here = own.links.iter().any(|link| link.has(&from.ip()));
        let known = match &message {
            Message::Announce(announcement) => own.instances.contains(&announcement.instance),
            Message::Bye(instance) => own.instances.contains(instance),
            // Another process of this machine may ask from the shared port, too: it asks from one of its own as well.
            Message::Ask => here && (from.port() == self.port || own.ports.contains(&from.port())),
        };
        drop(own);
        match (known, here) {
            (true, true) => counts.heard(true, way),
            // Somebody repeats what this device said.
            (true, false) => counts.dropped(),
            (false, _) => {
                counts.heard(false, way);
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

impl Drop for OwnPort {
    fn drop(&mut self) {
        self.ear.own().ports.remove(&self.port);
    }
}
