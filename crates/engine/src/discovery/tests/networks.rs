//! Devices on machines of their own. None of these networks has a default route.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::message::Message;
use super::super::traffic::{Family, LinkTraffic, Trouble};
use super::super::{Heard, Via};
use super::device::{Device, announcement, announcement_named, is_ask, until};
use super::lab::{Machine, pair};
use crate::net::links;

/// Runs a device on another machine which answers whoever asks, until the returned end is dropped.
fn answering(machine: &Machine, number: u8, ends: &CancellationToken) {
    machine.run(async || {
        let mut bob = Device::start();
        while !ends.is_cancelled() {
            bob.transports.set_interfaces(links().unwrap());
            bob.transports.announce(&announcement(number));
            let asked = tokio::time::timeout(Duration::from_millis(300), bob.hears("an ask", is_ask)).await;
            if let Ok(asked) = asked {
                bob.transports.answer(asked.from, &announcement(number + 100));
            }
        }
        bob.transports.withdraw(announcement(number).instance);
    });
}

/// A device here, while another answers there.
fn with_answering(alice: &Machine, bob: &Machine, work: impl AsyncFnOnce(&mut Device, DropGuard) + Send) {
    std::thread::scope(|scope| {
        let ends = CancellationToken::new();
        let end = ends.clone().drop_guard();
        scope.spawn(move || answering(bob, 1, &ends));
        alice.run(async || work(&mut Device::start(), end).await);
    });
}

fn is_six(heard: &Heard) -> bool {
    heard.from.is_ipv6()
}

fn of(traffic: &[LinkTraffic], name: &str, family: Family) -> LinkTraffic {
    traffic.iter().find(|link| link.name == name && link.family == family).unwrap().clone()
}

#[test]
fn announcements_answers_and_goodbyes_come_in_every_way() {
    let Some((alice, bob)) = pair() else { return };
    with_answering(&alice, &bob, async |alice, end| {
        let multicast = alice.finds(&announcement(1), Via::Multicast).await;
        let broadcast = alice.finds(&announcement(1), Via::Broadcast).await;
        assert_eq!(broadcast.from, "10.77.0.2:4001".parse().unwrap());
        assert_eq!(multicast.from.port(), 4001);
        alice.finds(&announcement(1), Via::Mdns).await;
        let six = |heard: &Heard| is_six(heard) && heard.via == Via::Multicast;
        let six = alice.hears("IPv6", six).await;
        let std::net::SocketAddr::V6(from) = six.from else { unreachable!() };
        assert!(from.scope_id() != 0 && from.ip().is_unicast_link_local(), "{from}");
        let answered = Message::Announce(announcement(101));
        for (six, via) in [(false, Via::Multicast), (false, Via::Broadcast), (true, Via::Multicast)] {
            alice.transports.ask();
            let is_answer = |heard: &Heard| heard.what == answered && is_six(heard) == six && heard.via == via;
            alice.hears(&format!("an answer by {via:?}, IPv6: {six}"), is_answer).await;
        }
        drop(end);
        let bye = Message::Bye(announcement(1).instance);
        alice.hears("a bye", |heard| heard.what == bye && heard.via == Via::Multicast).await;
        alice.hears("a bye by mDNS", |heard| heard.what == bye && heard.via == Via::Mdns).await;
    });
}

#[test]
fn a_network_of_ipv6_alone_is_enough() {
    let Some((alice, bob)) = pair() else { return };
    alice.ip("addr del 10.77.0.1/24 dev eth0");
    bob.ip("addr del 10.77.0.2/24 dev eth0");
    with_answering(&alice, &bob, async |alice, _end| {
        assert!(is_six(&alice.finds(&announcement(1), Via::Multicast).await));
        assert!(is_six(&alice.finds(&announcement(1), Via::Mdns).await));
        alice.transports.ask();
        assert!(is_six(&alice.finds(&announcement(101), Via::Multicast).await));
    });
}

#[test]
fn asked_one_by_one_a_device_is_found_that_hears_nothing_said_to_all() {
    let Some((alice, bob)) = pair() else { return };
    // Its network lets nothing through that is not for one.
    alice.ip("link set eth0 multicast off");
    bob.ip("link set eth0 multicast off");
    with_answering(&alice, &bob, async |alice, _end| {
        assert_eq!(alice.transports.probe(), 253);
        assert_eq!(alice.transports.probe(), 253, "no second time meanwhile");
        let heard = alice.finds(&announcement(101), Via::Probe).await;
        assert_eq!(heard.from, "10.77.0.2:4101".parse().unwrap());
    });
}

#[test]
fn an_interface_that_goes_or_takes_nothing_leaves_the_others_working() {
    let Some((alice, bob)) = pair() else { return };
    alice.cable("eth1", &bob, "eth1");
    alice.ip("addr add 10.78.0.1/24 dev eth1");
    bob.ip("addr add 10.78.0.2/24 dev eth1");
    let from_second = |heard: &Heard| heard.from.ip() == Ipv4Addr::new(10, 78, 0, 2);
    let from_first = |heard: &Heard| heard.from.ip() == Ipv4Addr::new(10, 77, 0, 2);
    let tunnel = alice.try_ip("tuntap add tun0 mode tun").is_ok();
    if tunnel {
        alice.ip("addr add 10.8.0.2/32 dev tun0");
        alice.ip("link set tun0 up");
    }
    with_answering(&alice, &bob, async |device, _end| {
        device.hears("one by the second", from_second).await;
        device.hears("one by the first", from_first).await;
        alice.ip("link del eth1");
        device.transports.announce(&announcement(9));
        device.transports.set_interfaces(links().unwrap());
        let traffic = device.transports.traffic();
        assert!(!traffic.links.iter().any(|link| link.name == "eth1"), "{traffic:?}");
        while tokio::time::timeout(Duration::from_millis(50), device.hears("any", |_| true)).await.is_ok() {}
        device.hears("one by the first, still", from_first).await;
        device.has_not_heard(from_second);
        // And it comes back.
        alice.cable("eth1", &bob, "eth1");
        alice.ip("addr add 10.78.0.1/24 dev eth1");
        bob.ip("addr add 10.78.0.2/24 dev eth1");
        device.transports.set_interfaces(links().unwrap());
        device.hears("one by the second, again", from_second).await;
    });
}

#[test]
fn a_fresh_ipv6_address_is_spoken_from_once_the_kernel_lets() {
    let Some((alice, bob)) = pair() else { return };
    let started = Instant::now();
    with_answering(&alice, &bob, async |alice, _end| {
        // For a second or two it is tried whether somebody else has it.
        let mute = || of(&alice.transports.traffic().links, "eth0", Family::V6).mute;
        until("it is spoken from", || mute().is_none()).await;
        eprintln!("spoken from after {:?}", started.elapsed());
        alice.hears("IPv6", is_six).await;
    });
}

#[test]
fn who_is_not_of_this_network_is_not_heard() {
    let Some((alice, bob)) = pair() else { return };
    bob.ip("addr add 10.99.0.2/24 dev eth0");
    std::thread::scope(|scope| {
        let ends = CancellationToken::new();
        let end = ends.clone().drop_guard();
        let bob = &bob;
        scope.spawn(move || {
            bob.run(async || {
                let foreign = UdpSocket::bind("10.99.0.2:0").unwrap();
                socket2::SockRef::from(&foreign).set_multicast_if_v4(&Ipv4Addr::new(10, 99, 0, 2)).unwrap();
                let datagram = Message::Announce(announcement(6)).to_datagram();
                while !ends.is_cancelled() {
                    foreign.send_to(&datagram, (super::super::datagram::GROUP_V4, 12345)).unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        });
        alice.run(async || {
            let mut alice = Device::start();
            until("it is dropped", || of(&alice.transports.traffic().links, "eth0", Family::V4).dropped > 3).await;
            alice.has_not_heard(|_| true);
            drop(end);
        });
    });
}

#[test]
fn mdns_is_given_up_where_another_program_keeps_its_port() {
    let Some((alice, _bob)) = pair() else { return };
    alice.run(async || {
        let _four = UdpSocket::bind("0.0.0.0:5353").unwrap();
        let _six = UdpSocket::bind("[::]:5353");
        let alice = Device::start();
        let stopped = || alice.transports.traffic().mdns.stopped;
        until("it says so", || stopped() == Some(Trouble::PortTaken)).await;
    });
}

/// Threads of the mDNS crate in this process.
fn mdns_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let named = |task: &std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.filter(|task| named(task).starts_with("mDNS")).count()
}

#[test]
fn mdns_tells_of_changes_and_its_thread_ends_with_it() {
    let Some((alice, bob)) = pair() else { return };
    // As on networks where nothing else gets through.
    let named = announcement_named(1, "Bob");
    std::thread::scope(|scope| {
        let ends = CancellationToken::new();
        let end = ends.clone().drop_guard();
        let (bob, named) = (&bob, &named);
        scope.spawn(move || {
            bob.run(async || {
                let bob = Device::start();
                bob.transports.announce(&announcement(1));
                tokio::time::sleep(Duration::from_secs(2)).await;
                bob.transports.announce(named);
                while !ends.is_cancelled() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                bob.transports.withdraw(named.instance);
                tokio::time::sleep(Duration::from_millis(500)).await;
            });
        });
        alice.run(async || {
            let mut alice = Device::start();
            alice.finds(&announcement(1), Via::Mdns).await;
            alice.finds(named, Via::Mdns).await;
            drop(end);
            let bye = Message::Bye(named.instance);
            alice.hears("a bye by mDNS", |heard| heard.what == bye && heard.via == Via::Mdns).await;
            assert!(mdns_threads() >= 1);
            assert_eq!(alice.transports.traffic().mdns.stopped, None);
        });
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    while mdns_threads() > 0 {
        assert!(Instant::now() < deadline, "threads stay behind");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A response of mDNS with 80 addresses that nobody asked for, each of another host.
fn unwanted(number: u32) -> Vec<u8> {
    let mut response = vec![0, 0, 0x84, 0, 0, 0, 0, 80, 0, 0, 0, 0];
    for host in 0..80 {
        response.push(10);
        response.extend(format!("{number:08x}{host:02x}").as_bytes());
        response.extend(b"\x05local\0\0\x01\0\x01\0\x01\0\0\0\x04\x0a\x4d\0\x09");
    }
    response
}

#[test]
fn by_mdns_a_former_name_stays_until_it_is_withdrawn_and_one_that_is_forgotten_is_never_spoken_of() {
    let Some((alice, bob)) = pair() else { return };
    std::thread::scope(|scope| {
        let alice = &alice;
        let (told, mut steps) = tokio::sync::mpsc::unbounded_channel::<u8>();
        scope.spawn(move || {
            alice.run(async || {
                let alice = Device::start();
                alice.transports.announce(&announcement(1));
                while let Some(step) = steps.recv().await {
                    match step {
                        2 => alice.transports.announce(&announcement(2)),
                        3 => alice.transports.withdraw(announcement(1).instance),
                        _ => {
                            alice.transports.forget();
                            alice.transports.announce(&announcement(3));
                        }
                    }
                }
            });
        });
        bob.run(async || {
            let mut bob = Device::start();
            let by_mdns = |heard: &Heard, number| {
                heard.via == Via::Mdns && heard.what == Message::Bye(announcement(number).instance)
            };
            bob.finds(&announcement(1), Via::Mdns).await;
            told.send(2).unwrap();
            bob.finds(&announcement(2), Via::Mdns).await;
            bob.has_not_heard(|heard| by_mdns(heard, 1));
            told.send(3).unwrap();
            bob.hears("a bye of the former name", |heard| by_mdns(heard, 1)).await;
            told.send(4).unwrap();
            bob.finds(&announcement(3), Via::Mdns).await;
            // Longer than its thread goes on in silence.
            tokio::time::sleep(Duration::from_secs(5)).await;
            bob.has_not_heard(|heard| by_mdns(heard, 2));
            drop(told);
        });
    });
}

#[test]
fn mdns_that_is_flooded_is_given_up_while_the_flood_lasts_and_the_rest_works() {
    let Some((alice, bob)) = pair() else { return };
    std::thread::scope(|scope| {
        let ends = CancellationToken::new();
        let end = ends.clone().drop_guard();
        let bob = &bob;
        scope.spawn(move || {
            bob.enter();
            let mallory = UdpSocket::bind("10.77.0.2:0").unwrap();
            socket2::SockRef::from(&mallory).set_multicast_if_v4(&Ipv4Addr::new(10, 77, 0, 2)).unwrap();
            for number in 0.. {
                let _ = mallory.send_to(&unwanted(number), (Ipv4Addr::new(224, 0, 0, 251), 5353));
                if ends.is_cancelled() {
                    let _ = mallory.send_to(&Message::Ask.to_datagram(), (super::super::datagram::GROUP_V4, 12345));
                    return;
                }
            }
        });
        alice.run(async || {
            let mut alice = Device::start();
            let stopped = || alice.transports.traffic().mdns.stopped;
            until("it is given up", || stopped() == Some(Trouble::Flooded)).await;
            until("its thread ends though the flood lasts", || mdns_threads() == 0).await;
            drop(end);
            alice.hears("an ask", is_ask).await;
        });
    });
}
