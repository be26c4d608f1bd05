//! Two devices on one machine, which share the port.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use super::super::Via;
use super::super::message::{DATAGRAM_BYTES, Message};
use super::super::transports::Ports;
use super::device::{Device, announcement, is_ask, until};
use crate::net::{Link, LinkAddress};

/// IPv4 loopback, which every system has.
fn loopback() -> Vec<Link> {
    let lo = if_addrs::get_if_addrs().unwrap().into_iter().find(|interface| interface.ip() == Ipv4Addr::LOCALHOST);
    let lo = lo.unwrap();
    let address = LinkAddress { ip: lo.ip(), prefix: 8, broadcast: None };
    vec![Link {
        index: lo.index.unwrap(),
        name: lo.name,
        loopback: true,
        point_to_point: false,
        addresses: vec![address],
    }]
}

/// Ports that nobody else has.
fn ports() -> Ports {
    let free = || UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    Ports { datagrams: free(), mdns: free() }
}

#[tokio::test]
async fn two_devices_of_one_machine_share_the_port_and_hear_each_other() {
    let ports = ports();
    let (mut alice, mut bob) = (Device::start_on(ports, loopback()), Device::start_on(ports, loopback()));
    alice.transports.announce(&announcement(1));
    let heard = bob.finds(&announcement(1), Via::Multicast).await;
    assert_eq!(heard.from, "127.0.0.1:4001".parse().unwrap());

    // Answers come to who asked, whoever else listens.
    bob.transports.ask();
    let ask = alice.hears("an ask", is_ask).await;
    alice.transports.answer(ask.from, &announcement(2));
    // Loopback has no broadcast: the group was asked.
    bob.finds(&announcement(2), Via::Multicast).await;

    alice.transports.withdraw(announcement(1).instance);
    bob.hears("a bye", |heard| heard.what == Message::Bye(announcement(1).instance)).await;
    alice.has_not_heard(|heard| matches!(heard.what, Message::Announce(_) | Message::Bye(_)));
}

#[tokio::test]
async fn what_this_device_said_itself_is_told_apart() {
    let mut alice = Device::start_on(ports(), loopback());
    alice.transports.announce(&announcement(1));
    alice.transports.ask();
    alice.transports.withdraw(announcement(1).instance);
    let own = || alice.transports.traffic().links.iter().map(|link| link.own.multicast + link.own.unicast).sum::<u64>();
    until("its own words come back", || own() >= 4).await;
    let traffic = alice.transports.traffic();
    assert!(traffic.links.iter().all(|link| link.others == Default::default()), "{traffic:?}");
    alice.has_not_heard(|_| true);
}

#[tokio::test]
async fn garbage_is_dropped_and_counted_and_what_comes_behind_it_is_heard() {
    let ports = ports();
    let (mut alice, mut bob) = (Device::start_on(ports, loopback()), Device::start_on(ports, loopback()));
    let mallory = UdpSocket::bind("127.0.0.1:0").unwrap();
    let everybody = SocketAddr::from((super::super::datagram::GROUP_V4, ports.datagrams));
    socket2::SockRef::from(&mallory).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    let ask = Message::Ask.to_datagram();
    let oversize = [ask.as_slice(), &[0; DATAGRAM_BYTES]].concat();
    let cut = ask.split_last().unwrap().1;
    let bad: [&[u8]; 6] = [&[], b"lanline", b"another program's", cut, &oversize, &[0xff; 65_000]];
    let sent = bad.iter().filter(|datagram| mallory.send_to(datagram, everybody).is_ok()).count() as u64;
    let dropped = || alice.transports.traffic().links.iter().map(|link| link.dropped).sum::<u64>();
    until("all of it is dropped", || dropped() >= sent - 1).await;

    // A flood, of which most is never read.
    for _ in 0..20_000 {
        let _ = mallory.send_to(b"another program's", everybody);
        let _ = mallory.send_to(&ask, everybody);
    }
    let heard = until_announced(&mut alice, &mut bob).await;
    assert_eq!(heard.ip(), Ipv4Addr::LOCALHOST);
    let traffic = alice.transports.traffic();
    let asks: u64 = traffic.links.iter().map(|link| link.others.multicast).sum();
    assert!(asks < 2_000, "more was looked at than a few seconds' worth: {traffic:?}");
}

/// Says it again and again, as devices do.
async fn until_announced(alice: &mut Device, bob: &mut Device) -> SocketAddr {
    let (transports, finding) = (&bob.transports, announcement(3));
    let saying = async {
        loop {
            transports.announce(&finding);
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
    };
    tokio::select! {
        heard = alice.finds(&finding, Via::Multicast) => heard.from,
        () = saying => unreachable!(),
    }
}

#[tokio::test]
async fn a_port_that_another_program_keeps_to_itself_leaves_answers_to_be_heard() {
    let ports = ports();
    let other = UdpSocket::bind(("0.0.0.0", ports.datagrams)).unwrap();
    let mut alice = Device::start_on(ports, loopback());
    let deaf = |device: &Device| device.transports.traffic().links.iter().find_map(|link| link.deaf);
    assert_eq!(deaf(&alice), Some(super::super::traffic::Trouble::PortTaken));
    other.join_multicast_v4(&super::super::datagram::GROUP_V4, &Ipv4Addr::LOCALHOST).unwrap();
    other.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    alice.transports.ask();
    let mut buffer = [0; 2048];
    let (_, asker) = other.recv_from(&mut buffer).unwrap();
    other.send_to(&Message::Announce(announcement(4)).to_datagram(), asker).unwrap();
    alice.finds(&announcement(4), Via::Multicast).await;

    drop(other);
    until("it listens once the port is free", || deaf(&alice).is_none()).await;
    let bob = Device::start_on(ports, loopback());
    bob.transports.announce(&announcement(5));
    alice.finds(&announcement(5), Via::Multicast).await;
}

#[tokio::test]
async fn the_network_is_looked_through_also_by_a_device_that_was_only_just_started() {
    let (sender, _heard) = tokio::sync::mpsc::channel(1);
    let transports = super::super::transports::Transports::start_on(sender, ports());
    // As another interface would look: nothing leaves this machine.
    let outward = loopback().into_iter().map(|mut link| {
        link.loopback = false;
        link.addresses.iter_mut().for_each(|address| address.prefix = 24);
        link
    });
    let looked = async {
        transports.has_links().await;
        transports.probe()
    };
    let started = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        transports.set_interfaces(outward.collect());
    };
    assert_eq!(tokio::join!(looked, started).0, 253);
}
