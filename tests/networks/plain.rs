//! One network on which nothing is wrong, and many devices.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    device::Device,
    finding::{FOUND, nearby},
    lab::Host,
    story::{self, Outcome, percent, seconds},
};

/// Who is there.
const NAMES: [&str; 30] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "karl", "lena", "mallory",
    "nina", "oscar", "peggy", "quinn", "rupert", "sybil", "trent", "ursula", "victor", "wendy", "xaver", "yvonne",
    "zoe", "anna", "ben", "clara", "dora",
];

/// How long a device is watched that has nothing to do: as long as from one announcement to the next.
const WATCHED: Duration = Duration::from_secs(30);

/// How long after that all have said what they have to say at the beginning.
const SETTLED: Duration = Duration::from_secs(5);

/// What one may use while it has nothing to do: of a processor, twice what it is to use, for a build that is not optimised
/// on a machine that others use, too; and bytes a second on the network.
const IDLE_SHARE: f64 = 0.01;
const IDLE_BYTES: f64 = 1024.0;

#[test]
fn thirty_devices_see_each_other_in_two_seconds_and_are_quiet_then() {
    story::alone_on("one network with 30 devices", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let hosts = NAMES.map(|name| lab.host(name, &lan));
        let devices: Vec<Device> = std::thread::scope(|scope| {
            let starting: Vec<_> = hosts.iter().map(|host| scope.spawn(|| host.device())).collect();
            starting.into_iter().map(|device| device.join().unwrap()).collect()
        });

        std::thread::scope(|scope| devices.iter().for_each(|device| drop(scope.spawn(|| device.serve(0)))));
        let since = Instant::now();
        until_all_see_all(&devices, &hosts);
        let seen = since.elapsed();
        assert!(seen <= FOUND, "all saw all only after {seen:?}");

        std::thread::sleep(SETTLED);
        let before = read(&devices, &hosts);
        std::thread::sleep(WATCHED);
        let after = read(&devices, &hosts);
        let used: Vec<(f64, f64)> = before.iter().zip(&after).map(|(before, after)| after.since(before)).collect();
        let count = f64::from(u32::try_from(devices.len()).unwrap());
        let share = used.iter().map(|(share, _)| share).sum::<f64>() / count;
        let bytes = used.iter().map(|(_, bytes)| bytes).sum::<f64>() / count;
        assert!(share <= IDLE_SHARE, "an idle device uses {} of a processor", percent(share));
        assert!(bytes <= IDLE_BYTES, "an idle device sends {bytes:.0} bytes a second");
        Outcome::new("all see each other within 2 s of the last one's start, and are quiet then").measured(format!(
            "seen in {}; an idle one uses {} of a processor and sends {bytes:.0} bytes a second",
            seconds(seen),
            percent(share)
        ))
    });
}

/// Waits until each found each other one.
#[track_caller]
fn until_all_see_all(devices: &[Device], hosts: &[Host]) {
    let since = Instant::now();
    let addresses: BTreeSet<String> = hosts.iter().map(|host| host.address().to_string()).collect();
    let lacks = |(device, host): (&Device, &Host)| {
        let own = host.address().to_string();
        let found: BTreeSet<String> = nearby(device)
            .into_iter()
            .flat_map(|near| near.addresses)
            .filter_map(|address| Some(address.rsplit_once(':')?.0.to_owned()))
            .collect();
        addresses.iter().filter(|address| **address != own && !found.contains(*address)).count()
    };
    loop {
        let lacking: Vec<usize> = devices.iter().zip(hosts).map(lacks).collect();
        if lacking.iter().all(|lacking| *lacking == 0) {
            return;
        }
        assert!(since.elapsed() < 10 * FOUND, "so many are not found by each: {lacking:?}\n{}", devices[0].log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a device has used up to some moment.
struct Reading {
    at: Instant,
    processor: Duration,
    bytes: u64,
}

fn read(devices: &[Device], hosts: &[Host]) -> Vec<Reading> {
    let read = |(device, host): (&Device, &Host)| Reading {
        at: Instant::now(),
        processor: device.processor(),
        bytes: host.sent().0,
    };
    devices.iter().zip(hosts).map(read).collect()
}

impl Reading {
    /// The share of a processor, and bytes a second.
    fn since(&self, before: &Self) -> (f64, f64) {
        let time = (self.at - before.at).as_secs_f64();
        let bytes = f64::from(u32::try_from(self.bytes - before.bytes).unwrap());
        ((self.processor - before.processor).as_secs_f64() / time, bytes / time)
    }
}
