//! Devices that were found on the network beside what members told: by what the members of a room recognise each other
//! there, and where they were found. It only ever says where to look; who answers proves who it is.

use core::fmt;
use std::collections::BTreeMap;

use crate::id::{Hash, RoomId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::limits;
use crate::replica::Replica;
use crate::store::Store;

/// By what the members of a room that this device belongs to recognise each other.
#[derive(Clone, PartialEq, Eq)]
pub struct Circle {
    /// The room.
    pub room: RoomId,
    /// The beacon key in force, which members know and nobody else: the owner draws another after each removal.
    pub beacon: Hash,
    /// The other members, in order, but for those that this device's person blocked; at least one.
    pub members: Vec<DeviceId>,
}

impl fmt::Debug for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circle").field("room", &self.room).field("members", &self.members).finish_non_exhaustive()
    }
}

/// Where devices were found. Nothing of it is kept on disk.
#[derive(Debug, Default)]
pub(crate) struct Found {
    addresses: BTreeMap<DeviceId, Vec<String>>,
}

impl Found {
    pub(crate) fn of(&self, key: &PublicKey) -> &[String] {
        if self.addresses.is_empty() {
            return &[];
        }
        self.addresses.get(&key.device_id()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether it was found at all.
    pub(crate) fn holds(&self, key: &PublicKey) -> bool {
        !self.of(key).is_empty()
    }
}

impl<S: Store> Replica<S> {
    /// The circles of this device's rooms, those first in which something was stored last. As long as
    /// [`Replica::belonging`] is the same, so are they, but for their order.
    pub fn circles(&self) -> Vec<Circle> {
        let mut rooms: Vec<_> = self.own_rooms().filter_map(|room| Some((room, room.membership.as_ref()?))).collect();
        rooms.sort_by_key(|(room, _)| {
            let newest = Lane::ALL.iter().map(|lane| *room.newest.get(*lane)).max();
            (std::cmp::Reverse(newest), room.id)
        });
        let circles = rooms.into_iter().map(|(room, membership)| {
            let others = membership.members.keys().filter(|key| **key != self.me && !self.known.is_blocked(key));
            let mut members: Vec<DeviceId> = others.map(PublicKey::device_id).collect();
            members.sort_unstable();
            Circle { room: room.id, beacon: membership.beacon, members }
        });
        circles.filter(|circle| !circle.members.is_empty()).collect()
    }

    /// Another number whenever somebody may belong to a room that did not before, or no more, or a beacon key changed.
    pub fn belonging(&self) -> u64 {
        self.gathering.belonging()
    }

    /// A device was found at these addresses just now, as `ip:port`, best first, in place of those that were said before;
    /// `[]`: it is not found any more, which nobody but the caller notices. While it is a member of a room in common it is
    /// one that listens, and dialled there as well as at what members told. Of a device at most
    /// [`limits::FOUND_ADDRESSES`] count, and of all at most [`limits::FOUND`].
    pub fn found(&mut self, device: DeviceId, mut addresses: Vec<String>) {
        addresses.retain(|address| address.len() <= limits::ADDRESS_BYTES);
        addresses.truncate(limits::FOUND_ADDRESSES);
        if addresses.is_empty() {
            if self.found.addresses.remove(&device).is_some() {
                self.gathering.lost();
            }
            return;
        }
        let is_new = !self.found.addresses.contains_key(&device);
        if is_new && self.found.addresses.len() >= limits::FOUND {
            return;
        }
        self.found.addresses.insert(device, addresses);
        self.gathering.sighted(device, is_new);
    }

    /// Where a device was reached last and told members to be: as [`Replica::known_addresses`], without where it was only
    /// found, which is anybody's word. `None`: it was never met.
    pub fn told_addresses(&self, device: DeviceId) -> Option<Vec<String>> {
        self.fellow(device).map(|key| self.trusted_addresses(&key).cloned().collect())
    }
}
