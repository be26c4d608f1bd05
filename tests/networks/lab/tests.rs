//! That what a network is said to have it has: else devices would be praised for getting along with nothing.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use super::{Host, Lab, Lan};
use crate::story::lab;

/// Much longer than anything takes here that goes through.
const PATIENCE: Duration = Duration::from_millis(600);

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 81, 81, 81);
const PORT: u16 = 4081;

/// Whether one can connect to another there.
fn reaches(from: &Host, to: &Host, address: IpAddr) -> bool {
    let _listener = to.place().inside(|| TcpListener::bind(SocketAddr::from((address, PORT))).unwrap());
    from.place().inside(|| TcpStream::connect_timeout(&SocketAddr::from((address, PORT)), PATIENCE)).is_ok()
}

fn both(lab: &Lab) -> (Lan, Host, Host) {
    let lan = lab.lan();
    let (alice, bob) = (lab.host("alice", &lan), lab.host("bob", &lan));
    (lan, alice, bob)
}

#[test]
fn a_router_passes_on_what_is_sent_to_one_and_not_what_is_sent_to_all() {
    let Some(lab) = lab("a router") else { return };
    let (kitchen, attic) = (lab.lan(), lab.lan());
    let _router = lab.router(&[&kitchen, &attic]);
    let (alice, bob, carol) = (lab.host("alice", &kitchen), lab.host("bob", &attic), lab.host("carol", &kitchen));
    assert!(reaches(&alice, &bob, bob.address()) && reaches(&bob, &carol, carol.address()));
    let hears = |host: &Host| {
        let IpAddr::V4(own) = host.address() else { panic!("an IPv4 address") };
        let ear = host.place().inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap());
        ear.join_multicast_v4(&GROUP, &own).unwrap();
        ear.set_read_timeout(Some(PATIENCE)).unwrap();
        ear
    };
    let (bobs, carols) = (hears(&bob), hears(&carol));
    let mouth = alice.place().inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
    mouth.set_multicast_ttl_v4(8).unwrap();
    mouth.send_to(b"all", (GROUP, PORT)).unwrap();
    assert!(carols.recv(&mut [0; 8]).is_ok(), "on the same network it is heard");
    assert!(bobs.recv(&mut [0; 8]).is_err(), "the router passed it on");
}

#[test]
fn isolated_ports_lead_to_the_router_only() {
    let Some(lab) = lab("isolated ports") else { return };
    let lan = lab.lan();
    let router = lab.router(&[&lan]);
    let (alice, bob) = (lab.host("alice", &lan), lab.host("bob", &lan));
    assert!(reaches(&alice, &bob, bob.address()));
    lan.isolate();
    assert!(!reaches(&alice, &bob, bob.address()) && reaches(&alice, router.host(), router.host().address()));
}

#[test]
fn a_firewall_drops_what_it_is_told_to() {
    let Some(lab) = lab("a firewall") else { return };
    let (_lan, alice, bob) = both(&lab);
    bob.firewall("input", "ct state established,related accept; meta l4proto tcp drop;");
    assert!(!reaches(&alice, &bob, bob.address()) && reaches(&bob, &alice, alice.address()));
}

#[test]
fn a_network_without_ipv4_has_none() {
    let Some(lab) = lab("IPv6") else { return };
    let lan = lab.lan().six_only();
    let router = lab.router(&[&lan]);
    let (alice, bob) = (lab.host("alice", &lan), lab.host("bob", &lan));
    assert!(alice.address().is_ipv6() && alice.link_local() != bob.link_local());
    assert!(reaches(&alice, &bob, bob.address()) && reaches(&alice, router.host(), router.host().address()));
}

#[test]
fn a_vpn_takes_what_is_for_the_network() {
    let Some(lab) = lab("a VPN") else { return };
    let (_lan, alice, bob) = both(&lab);
    assert!(reaches(&alice, &bob, bob.address()));
    let tunnel = alice.vpn();
    assert!(!reaches(&alice, &bob, bob.address()) && !reaches(&bob, &alice, alice.address()));
    drop(tunnel);
    assert!(reaches(&alice, &bob, bob.address()));
}

#[test]
fn a_hotspots_guests_reach_what_is_beyond_it_and_not_the_other_way_round() {
    let Some(lab) = lab("a hotspot") else { return };
    let (uplink, hotspot) = (lab.lan(), lab.lan());
    let (alice, carol) = (lab.host("alice", &uplink), lab.host("carol", &uplink));
    alice.plug_in(&hotspot);
    alice.masquerade("eth0");
    let bob = lab.host("bob", &hotspot);
    bob.ip(&format!("route add default via {}", alice.address_at(1)));
    assert!(reaches(&bob, &carol, carol.address()) && !reaches(&carol, &bob, bob.address()));
}

#[test]
fn a_cable_can_be_pulled_slow_narrow_and_dead() {
    let Some(lab) = lab("cables") else { return };
    let near = lab.lan();
    let delay = Duration::from_millis(100);
    let far = near.far_end(delay);
    let (alice, bob) = (lab.host("alice", &near), lab.host("bob", &far));
    let since = Instant::now();
    assert!(reaches(&alice, &bob, bob.address()));
    assert!(since.elapsed() >= 2 * delay, "there and back");

    // 100 KiB at 50 KiB/s.
    far.throttle("bob", "400kbit");
    let listener = bob.place().inside(|| TcpListener::bind(SocketAddr::from((bob.address(), PORT))).unwrap());
    let sending = alice.place().inside(|| TcpStream::connect(SocketAddr::from((bob.address(), PORT))).unwrap());
    let mut taking = listener.accept().unwrap().0;
    let since = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || (&sending).write_all(&[0; 100 * 1024]).unwrap());
        let mut taken = Vec::new();
        taking.read_to_end(&mut taken).unwrap();
        assert_eq!(taken.len(), 100 * 1024);
    });
    assert!(since.elapsed() >= Duration::from_millis(1200), "it took only {:?}", since.elapsed());
    drop(listener);

    let before = alice.sent().1;
    far.pass_on("drop");
    assert!(!reaches(&alice, &bob, bob.address()) && alice.sent().1 > before);
    near.pull("alice");
    assert!(alice.place().ask_ip(&["link", "show", "eth0"]).contains("NO-CARRIER"));
    near.plug("alice");
    assert!(!alice.place().ask_ip(&["link", "show", "eth0"]).contains("NO-CARRIER"));
}
