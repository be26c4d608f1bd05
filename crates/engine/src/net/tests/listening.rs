use std::net::Ipv6Addr;

use super::*;

#[tokio::test]
async fn a_port_in_use_is_told_and_a_stopped_server_frees_it() {
    let alice = Device::new(1, patient());
    let bob = Device::new(2, patient());
    let (listener, address) = alice.listen();
    assert_eq!(listener.addresses(), [address]);
    let taken = bob.net.listen(&[address], address.port()).map(drop);
    assert_eq!(taken, Err(ListenError::PortInUse(address.port())));
    listener.stop().await;
    let listener = bob.net.listen(&[address], address.port()).unwrap();
    assert_eq!(listener.port(), address.port());
}

#[tokio::test]
async fn an_address_of_another_device_is_told() {
    let alice = Device::new(1, patient());
    let elsewhere = alice.net.listen(&["192.0.2.1:0".parse().unwrap()], 0).map(drop);
    assert_eq!(elsewhere, Err(ListenError::NoSuchAddress("192.0.2.1".into())));
}

#[tokio::test]
async fn without_addresses_it_listens_on_all_with_both_families() {
    let mut alice = Device::new(1, patient());
    let bob = Device::new(2, patient());
    let listener = alice.net.listen(&[], 0).unwrap();
    assert!(listener.addresses().iter().all(|address| address.port() == listener.port()));
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()));
    bob.dial(loopback).await.unwrap();
    // IPv4 is shown as IPv4 although one socket serves both.
    assert!(alice.opened().await.address.is_ipv4());
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, listener.port()));
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        bob.dial(six).await.unwrap();
        assert!(alice.opened().await.address.is_ipv6());
    }
}

/// Only Linux answers to all of 127.0.0.0/8.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn several_addresses_share_one_port() {
    let alice = Device::new(1, patient());
    let bob = Device::new(2, patient());
    let addresses = ["127.0.0.1:5", "127.0.0.2:6"].map(|address| address.parse().unwrap());
    let listener = alice.net.listen(&addresses, 0).unwrap();
    assert_eq!(listener.addresses().len(), 2);
    for mut address in addresses {
        address.set_port(listener.port());
        bob.dial(address).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_opens_after_a_server_has_stopped() {
    let mut alice = Device::new(1, patient());
    let bob = Arc::new(Device::new(2, patient()));
    for _ in 0..20 {
        let (listener, address) = alice.listen();
        let dials = (0..8).map(|_| {
            let bob = Arc::clone(&bob);
            tokio::spawn(async move { bob.dial(address).await.is_ok() })
        });
        let dials: Vec<_> = dials.collect();
        // Stopped while most are in their handshake.
        alice.opened().await;
        listener.stop().await;
        let mut opened = 1;
        while let Ok(event) = alice.events.try_recv() {
            opened += usize::from(matches!(event, ConnectionEvent::Opened { .. }));
        }
        for dial in dials {
            timeout(PATIENCE, dial).await.expect("every dial ends").unwrap();
        }
        while let Ok(event) = alice.events.try_recv() {
            assert!(!matches!(event, ConnectionEvent::Opened { .. }), "one more after {opened}");
        }
    }
}
