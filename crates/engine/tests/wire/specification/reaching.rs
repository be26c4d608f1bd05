//! Reaching back over real sockets: nobody is sent anywhere else.

use std::net::{Ipv4Addr, SocketAddr};

use lanline_protocol::frame::{Frame, Reach, ReachOutcome};
use tokio::net::{TcpListener, TcpSocket};

use crate::device::{BOB, Device};
use lanline_peer::Peer;

/// Loopback addresses are many: bob is at the second, and somebody else listens on the same port at the first.
const BOBS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

#[cfg(target_os = "linux")]
#[tokio::test]
async fn reach_back_only() {
    let alice = Device::open().await;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = other.local_addr().unwrap().port();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((BOBS, 0))).unwrap();
    let stream = socket.connect(alice.address).await.unwrap();
    let mut bob = Peer::over(stream, BOB).await;
    bob.hello().await;
    let reached = async |bob: &mut Peer| {
        bob.say(&Frame::Reach(Reach { port })).await;
        bob.find(|frame| match frame {
            Frame::Reached(reached) => Some(reached),
            _ => None,
        })
        .await
    };
    let refused = reached(&mut bob).await;
    assert_eq!((refused.port, refused.outcome, refused.address.as_str()), (port, ReachOutcome::Refused, "127.0.0.2"));
    let own = TcpListener::bind((BOBS, port)).await.unwrap();
    assert_eq!(reached(&mut bob).await.outcome, ReachOutcome::Open);
    let (_, from) = own.accept().await.unwrap();
    assert_ne!(from, alice.address);
    // Nobody came to the other address: what waits there would be first.
    let mark = tokio::net::TcpStream::connect(other.local_addr().unwrap()).await.unwrap();
    let (_, first) = other.accept().await.unwrap();
    assert_eq!(first, mark.local_addr().unwrap());
    alice.node.close().await;
}
