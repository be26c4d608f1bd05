//! What a device finds by itself, and what it says where it does not.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::device::{Device, SOON, text};

/// How soon another must be found on a network that works.
pub(crate) const FOUND: Duration = Duration::from_secs(2);

/// How often it is looked whether something is found.
const LOOK: Duration = Duration::from_millis(50);

/// One that a device found nearby.
#[derive(Clone, Debug)]
pub(crate) struct Near {
    pub(crate) device: Option<String>,
    pub(crate) addresses: Vec<String>,
}

/// All that a device found.
#[track_caller]
pub(crate) fn nearby(device: &Device) -> Vec<Near> {
    let entries = device.ask("nearby", json!({}));
    let strings = |value: &Value| value.as_array().unwrap().iter().map(text).collect();
    let near = |entry: &Value| Near {
        device: entry["device_id"].as_str().map(str::to_owned),
        addresses: strings(&entry["addresses"]),
    };
    entries.as_array().unwrap().iter().map(near).collect()
}

/// What a device found at an address, if anything.
#[track_caller]
pub(crate) fn near_at(device: &Device, address: IpAddr) -> Option<Near> {
    nearby(device).into_iter().find(|near| near.addresses.iter().any(|known| is_at(known, address)))
}

/// Waits until a device found something at an address; gives what, and how long it took since then.
#[track_caller]
pub(crate) fn until_near(device: &Device, address: IpAddr, since: Instant) -> (Near, Duration) {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(near) = near_at(device, address) {
            return (near, since.elapsed());
        }
        assert!(Instant::now() < deadline, "{} does not find {address}:\n{}", device.name, device.log());
        std::thread::sleep(LOOK);
    }
}

/// Waits until a device lists nothing at an address any more; gives how long it took.
#[track_caller]
pub(crate) fn until_not_near(device: &Device, address: IpAddr) -> Duration {
    let since = Instant::now();
    while near_at(device, address).is_some() {
        assert!(since.elapsed() < SOON, "{} still lists {address}:\n{}", device.name, device.log());
        std::thread::sleep(LOOK);
    }
    since.elapsed()
}

/// Whether an address with a port is at this one.
fn is_at(known: &str, address: IpAddr) -> bool {
    let host = known.rsplit_once(':').map_or(known, |(host, _)| host);
    host.trim_matches(['[', ']']).split('%').next().and_then(|host| host.parse().ok()) == Some(address)
}

/// An address and a port, as a person would type them.
pub(crate) fn at(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

/// Asserts that this is what is wrong.
#[track_caller]
pub(crate) fn assert_cause(device: &Device, address: Option<&str>, expected: &str) {
    let diagnosis = device.ask("diagnose", json!({"address": address}));
    let checks = diagnosis["checks"].as_array().unwrap();
    let is_cause = |check: &&Value| check["state"] == "fail";
    // What keeps an address from being reached stands before all else.
    let first = if address.is_some() { checks.first().filter(is_cause) } else { checks.iter().find(is_cause) };
    let first = first.map(|check| text(&check["name"]));
    assert_eq!(first.as_deref(), Some(expected), "{} says: {diagnosis:#}\n{}", device.name, device.log());
}

/// Connects by what is typed.
#[track_caller]
pub(crate) fn connect(device: &Device, address: &str) -> Result<Value, Value> {
    device.try_ask("connect", json!({"address": address}))
}
