//! Where another device answered than the one that was dialled. It is not dialled there again by itself: whoever answers
//! would see this device come again and again, and a person who does not know of it cannot clear it up.
//!
//! A person who connects to the device, other addresses of it, and another network are new beginnings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use lanline_protocol::identity::DeviceId;

use crate::net::Address;

/// Of how many devices it is remembered.
const DEVICES: usize = 1024;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Impostors(Mutex<BTreeMap<DeviceId, Answered>>);

#[derive(Debug)]
struct Answered {
    /// Where the device was thought to be then.
    known: BTreeSet<String>,
    /// Where another one is.
    by_another: BTreeSet<String>,
}

impl Impostors {
    /// Which of a device's addresses may be dialled.
    pub(crate) fn without(&self, device: DeviceId, addresses: Vec<Address>) -> Vec<Address> {
        let mut all = self.lock();
        let known = shown(&addresses);
        match all.get(&device) {
            Some(answered) if answered.known == known => {
                addresses.into_iter().filter(|address| !answered.by_another.contains(&address.to_string())).collect()
            }
            Some(_) => {
                all.remove(&device);
                addresses
            }
            None => addresses,
        }
    }

    /// Another device answered at one of its addresses. Whether that is news.
    pub(crate) fn note(&self, device: DeviceId, addresses: &[Address], at: &str) -> bool {
        let mut all = self.lock();
        if all.len() >= DEVICES && !all.contains_key(&device) {
            all.pop_first();
        }
        let fresh = || Answered { known: shown(addresses), by_another: BTreeSet::new() };
        all.entry(device).or_insert_with(fresh).by_another.insert(at.to_owned())
    }

    /// A person asked for the device, and it was there.
    pub(crate) fn forget(&self, device: DeviceId) {
        self.lock().remove(&device);
    }

    /// This device is on another network.
    pub(crate) fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Answered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(addresses: &[Address]) -> BTreeSet<String> {
    addresses.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| Address::parse(text, 1).unwrap()).collect()
    }

    #[test]
    fn where_another_answered_is_dialled_again_for_a_reason_only() {
        let impostors = Impostors::default();
        let (alice, bob) = (DeviceId::new([1; 32]), DeviceId::new([2; 32]));
        let both = || addresses(&["10.0.0.1:1", "[fd00::1]:2"]);
        let left = |impostors: &Impostors, device, all| shown(&impostors.without(device, all)).len();
        assert!(impostors.note(alice, &both(), "[fd00::1]:2"));
        assert!(!impostors.note(alice, &both(), "[fd00::1]:2"));
        assert_eq!(shown(&impostors.without(alice, both())), ["10.0.0.1:1".to_owned()].into());
        assert_eq!(left(&impostors, bob, both()), 2);
        // In another order they are the same.
        assert_eq!(left(&impostors, alice, addresses(&["[fd00::1]:2", "10.0.0.1:1"])), 1);
        assert!(impostors.note(alice, &both(), "10.0.0.1:1"));
        assert_eq!(left(&impostors, alice, both()), 0);
        assert_eq!(left(&impostors, alice, addresses(&["10.0.0.1:1", "[fd00::1]:2", "10.0.0.3:1"])), 3);
        assert_eq!(left(&impostors, alice, both()), 2, "they changed, and changed back");

        impostors.note(alice, &both(), "10.0.0.1:1");
        impostors.forget(alice);
        assert_eq!(left(&impostors, alice, both()), 2);
        impostors.note(alice, &both(), "10.0.0.1:1");
        impostors.forget_all();
        assert_eq!(left(&impostors, alice, both()), 2);
    }
}
