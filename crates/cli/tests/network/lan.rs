//! A local network that can be split in two: a network namespace for each device and for each of two switches, and a
//! cable between the switches.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// The switches, the cable between them and the devices at them; gone when dropped.
pub(crate) struct Lan {
    switches: [String; 2],
    /// The namespaces of the devices.
    pub(crate) places: Vec<String>,
}

impl Lan {
    /// With so many places at each switch, those of the first before those of the second. `None` where this user may
    /// not make one.
    pub(crate) fn lay(sides: [usize; 2]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |part: String| format!("lanline-lan-{}-{count}-{part}", std::process::id());
        let switches = ["a", "b"].map(|side| name(side.to_owned()));
        if !ip(&["netns", "add", &switches[0]]) {
            return None;
        }
        let mut lan = Self { switches, places: Vec::new() };
        assert!(ip(&["netns", "add", &lan.switches[1]]));
        for switch in &lan.switches {
            assert!(ip(&["-n", switch, "link", "add", "bridge", "type", "bridge"]));
            assert!(ip(&["-n", switch, "link", "set", "bridge", "up"]));
        }
        let [one, other] = &lan.switches;
        assert!(ip(&["link", "add", "across", "netns", one, "type", "veth", "peer", "name", "across", "netns", other]));
        for switch in &lan.switches {
            assert!(ip(&["-n", switch, "link", "set", "across", "master", "bridge"]));
        }
        lan.join();
        let places = sides.iter().zip(0_usize..).flat_map(|(places, side)| std::iter::repeat_n(side, *places));
        for (side, number) in places.zip(1..) {
            let place = name(number.to_string());
            let (switch, plug) = (&lan.switches[side], format!("plug{number}"));
            assert!(ip(&["netns", "add", &place]));
            assert!(ip(&[
                "link", "add", &plug, "netns", switch, "type", "veth", "peer", "name", "eth", "netns", &place
            ]));
            assert!(ip(&["-n", switch, "link", "set", &plug, "master", "bridge"]));
            assert!(ip(&["-n", switch, "link", "set", &plug, "up"]));
            assert!(ip(&["-n", &place, "addr", "add", &format!("10.78.0.{number}/24"), "dev", "eth"]));
            assert!(ip(&["-n", &place, "link", "set", "lo", "up"]));
            assert!(ip(&["-n", &place, "link", "set", "eth", "up"]));
            lan.places.push(place);
        }
        Some(lan)
    }

    /// Pulls the cable between the two switches.
    pub(crate) fn split(&self) {
        self.across("down");
    }

    /// Plugs it in.
    pub(crate) fn join(&self) {
        self.across("up");
    }

    fn across(&self, state: &str) {
        for switch in &self.switches {
            assert!(ip(&["-n", switch, "link", "set", "across", state]));
        }
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in self.places.iter().chain(&self.switches) {
            ip(&["netns", "del", name]);
        }
    }
}

/// Runs `ip`. Whether it worked.
pub(crate) fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).output().is_ok_and(|output| output.status.success())
}
