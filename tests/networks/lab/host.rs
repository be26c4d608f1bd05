//! A machine on one or more networks.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Lan, Namespace, Tunnel};
use crate::device::{Device, SOON};

/// One machine: its interfaces are `eth0`, `eth1` and so on, in the order in which they were plugged in.
#[derive(Debug)]
pub(crate) struct Host {
    namespace: Namespace,
    name: &'static str,
    /// Each interface's own address.
    addresses: Mutex<Vec<IpAddr>>,
}

impl Host {
    pub(super) fn new(name: &'static str) -> Self {
        Self { namespace: Namespace::new(name), name, addresses: Mutex::default() }
    }

    /// What it is called, and its device.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Has one more interface, at this network; gives its name.
    pub(crate) fn plug_in(&self, lan: &Lan) -> String {
        self.plug_in_as(lan, lan.next_number())
    }

    pub(super) fn plug_in_as(&self, lan: &Lan, number: u8) -> String {
        let interface = format!("eth{}", self.addresses.lock().unwrap().len());
        lan.lay(self.name, &self.namespace, &interface);
        let lease = lan.lease(number);
        let mut commands: Vec<String> =
            lease.addresses.iter().map(|address| format!("addr add {address} dev {interface}")).collect();
        commands.push(format!("link set {interface} up"));
        // The first way out stays.
        if let Some(gateway) = lease.gateway.filter(|_| self.addresses.lock().unwrap().is_empty()) {
            commands.push(format!("route add default via {gateway}"));
        }
        self.namespace.ip(&commands);
        let own = lease.addresses[0].split('/').next().unwrap().parse().unwrap();
        self.addresses.lock().unwrap().push(own);
        interface
    }

    /// Its address on the network that it was plugged into first.
    pub(crate) fn address(&self) -> IpAddr {
        self.addresses.lock().unwrap()[0]
    }

    /// Its address on the network that it was plugged into as the one of this number.
    pub(crate) fn address_at(&self, interface: usize) -> IpAddr {
        self.addresses.lock().unwrap()[interface]
    }

    /// Gets another IPv4 address on its first network, in the old one's place: as by another lease.
    pub(crate) fn move_to(&self, to: Ipv4Addr) {
        let from = std::mem::replace(&mut self.addresses.lock().unwrap()[0], to.into());
        self.namespace.ip(&[format!("addr add {to}/24 brd + dev eth0"), format!("addr del {from}/24 dev eth0")]);
    }

    /// Leaves its first network and comes to another, as a laptop does that finds another Wi-Fi.
    pub(crate) fn switch_to(&self, lan: &Lan) {
        self.namespace.ip(&["link del eth0".to_owned()]);
        let left = std::mem::take(&mut *self.addresses.lock().unwrap());
        self.plug_in(lan);
        self.addresses.lock().unwrap().extend(left.into_iter().skip(1));
    }

    /// Starts its device, which finds others and lets itself be found once it serves.
    pub(crate) fn device(&self) -> Device {
        Device::start_found(self.name, self.namespace.name())
    }

    /// Firewall rules: of a chain at this hook (`input`, `output`) of all families.
    pub(crate) fn firewall(&self, hook: &str, rules: &str) {
        self.namespace
            .nft(&format!("table inet lab {{ chain {hook} {{ type filter hook {hook} priority 0; {rules} }}; }}\n"));
    }

    /// The address of its first interface that every system gives itself, once it has.
    #[track_caller]
    pub(crate) fn link_local(&self) -> IpAddr {
        let deadline = Instant::now() + SOON;
        loop {
            let shown = self.namespace.ask_ip(&["-j", "-6", "addr", "show", "dev", "eth0"]);
            let shown: Value = serde_json::from_str(&shown).unwrap();
            let addresses = shown.as_array().unwrap().iter().filter_map(|link| link["addr_info"].as_array()).flatten();
            if let Some(own) = addresses.into_iter().find(|address| address["scope"] == "link") {
                return own["local"].as_str().unwrap().parse().unwrap();
            }
            assert!(Instant::now() < deadline, "{} has no link-local address: {shown}", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Passes on what its own guests send by this interface, in its own name, as a hotspot does.
    pub(crate) fn masquerade(&self, interface: &str) {
        self.namespace.forward();
        self.namespace.nft(&format!(
            "table ip lab {{ chain postrouting {{ type nat hook postrouting priority 100; oif {interface} masquerade; }}; }}\n"
        ));
    }

    /// Has a VPN that sends everything through its tunnel, this network's packets as well.
    pub(crate) fn vpn(&self) -> Tunnel {
        let tunnel = Tunnel::dig(&self.namespace, "10.99.0.2/24");
        self.ip("route add default dev tun0 table 99");
        self.ip("rule add pref 99 lookup 99");
        tunnel
    }

    /// Has `ip` do something there.
    pub(crate) fn ip(&self, command: &str) {
        self.namespace.ip(&[command.to_owned()]);
    }

    /// Bytes and packets that left by its first interface so far.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let shown: Value = serde_json::from_str(&self.namespace.ask_ip(&["-j", "-s", "link", "show", "eth0"])).unwrap();
        let count = |name| shown[0]["stats64"]["tx"][name].as_u64().unwrap();
        (count("bytes"), count("packets"))
    }

    /// Where it is, for what is no device.
    pub(crate) fn place(&self) -> &Namespace {
        &self.namespace
    }
}
