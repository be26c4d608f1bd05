//! The cable is pulled between two devices: two network namespaces, joined by a pair of virtual interfaces.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use crate::{
    conversation::{assert_settled, meet, talk},
    device::Device,
    lan::ip,
    skipped,
};

/// Two namespaces and the cable between them; gone when dropped.
struct Network {
    /// Their names.
    ends: [String; 2],
}

/// The cable's plugs, by their interfaces' names.
const PLUGS: [&str; 2] = ["plug0", "plug1"];

impl Network {
    /// `None` where this user may not make one.
    fn lay() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let ends = [0, 1].map(|end| format!("lanline-test-{}-{count}-{end}", std::process::id()));
        if !ip(&["netns", "add", &ends[0]]) {
            return None;
        }
        let network = Self { ends };
        let [one, other] = &network.ends;
        assert!(ip(&["netns", "add", other]));
        assert!(ip(&["link", "add", PLUGS[0], "netns", one, "type", "veth", "peer", "name", PLUGS[1], "netns", other]));
        for (end, plug) in [0, 1].map(|end| (end, PLUGS[end])) {
            let name = &network.ends[end];
            assert!(ip(&["-n", name, "addr", "add", &format!("10.77.0.{}/24", end + 1), "dev", plug]));
            assert!(ip(&["-n", name, "link", "set", "lo", "up"]));
            network.plug(end);
        }
        Some(network)
    }

    fn plug(&self, end: usize) {
        assert!(ip(&["-n", &self.ends[end], "link", "set", PLUGS[end], "up"]));
    }

    fn pull(&self, end: usize) {
        assert!(ip(&["-n", &self.ends[end], "link", "set", PLUGS[end], "down"]));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in &self.ends {
            ip(&["netns", "del", name]);
        }
    }
}

/// What both may say of why the other is gone: nothing was heard, what was sent did not go through, or this device's own
/// interface is down.
const CUT: [&str; 4] = ["silent", "stalled", "reset", "network_changed"];

fn pull_the_cable_at(end: usize) {
    let Some(network) = Network::lay() else { return skipped("root and iproute2, to pull a cable") };
    let alice = Device::start_in("alice", &network.ends[0]);
    let bob = Device::start_in("bob", &network.ends[1]);
    let room = meet(&alice, &[&bob]);
    talk(&alice, &bob, &room.id);

    let marks = (alice.mark(), bob.mark());
    let since = Instant::now();
    network.pull(end);
    // They do not know yet, and go on.
    alice.say(&room.id);
    bob.say(&room.id);
    alice.assert_gone(marks.0, &bob, since, &CUT);
    bob.assert_gone(marks.1, &alice, since, &CUT);
    // They know, and go on.
    for _ in 0..20 {
        alice.say(&room.id);
        bob.say(&room.id);
    }

    let marks = (alice.mark(), bob.mark());
    network.plug(end);
    alice.until_connected(marks.0, &bob);
    bob.until_connected(marks.1, &alice);
    assert_eq!(assert_settled(&[&alice, &bob], &room.id), 2 + 2 + 40);
    talk(&alice, &bob, &room.id);
}

#[test]
fn a_cable_pulled_at_the_server_is_noticed_and_mended() {
    pull_the_cable_at(0);
}

#[test]
fn a_cable_pulled_at_the_client_is_noticed_and_mended() {
    pull_the_cable_at(1);
}
