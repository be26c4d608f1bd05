//! Frames on the wire, as a whole device reads them.

use lanline_engine::net::{CloseReason, Timeouts};
use lanline_protocol::frame::{Frame, Open, Tag, room_tag};
use lanline_protocol::identity::DeviceKey;
use serde_json::json;

use crate::described::Member;
use crate::device::{ALICE, BOB, Device, Sockets};
use lanline_peer::Peer;

const STRANGER: usize = 4_096;
const CONTROL: usize = 65_536;
const DATA: usize = 1_048_576;

#[tokio::test]
async fn frame_is_a_pair() {
    let alice = Device::open().await;
    for frame in [
        &[][..],
        &[0x80],
        &[0x81, 0x05],
        &[0x83, 0x05, 0xa0, 0x00],
        &[0x9f, 0x05, 0xa0, 0xff],
        &[0xa1, 0x05, 0xa0],
        &[0x05],
        &[0x82],
        &[0x82, 0x18, 0x63],
        &[0x82, 0x18, 0x63, 0xa0, 0x00],
        b"GET / HTTP/1.1",
    ] {
        let mut peer = Peer::dial(alice.address, BOB).await;
        peer.hello().await;
        peer.send(frame).await;
        assert_eq!(peer.goodbye().await, "bad_frame", "{frame:02x?}");
    }
    let mut peer = Peer::dial(alice.address, BOB).await;
    peer.hello().await;
    peer.send(&[0x82, 0x18, 0x63, 0xa0]).await;
    assert!(peer.is_connected().await);
    alice.node.close().await;
}

/// A frame of a type that nobody knows, of this length.
fn frame_of(length: usize) -> Vec<u8> {
    let short = u16::try_from(length - 6);
    let head = match short {
        Ok(bytes) => [&[0x82, 0x18, 0x63, 0x59][..], &bytes.to_be_bytes()].concat(),
        Err(_) => [&[0x82, 0x18, 0x63, 0x5a][..], &u32::try_from(length - 8).unwrap().to_be_bytes()].concat(),
    };
    [head.as_slice(), &vec![0; length - head.len()]].concat()
}

/// A frame up to the limit is taken, and a byte more ends the connection, before the bytes have come.
async fn holds_to(peer: &mut Peer, limit: usize) {
    let fits = frame_of(limit);
    assert_eq!(fits.len(), limit);
    peer.send(&fits).await;
    assert!(peer.is_connected().await, "{limit}");
    peer.write(&u32::try_from(limit + 1).unwrap().to_be_bytes()).await;
    assert_eq!(peer.goodbye().await, "frame_too_large", "{limit}");
}

#[tokio::test]
async fn frame_limit() {
    let alice = Device::open().await;
    let room = alice.call("create_room", json!({"name": "home"})).await["room"].take();

    let mut stranger = Peer::dial(alice.address, BOB).await;
    stranger.hello().await;
    holds_to(&mut stranger, STRANGER).await;

    // Who names a room knows its id, and may be about to show who belongs.
    let mut naming = Peer::dial(alice.address, BOB).await;
    naming.hello().await;
    let id = room.as_str().unwrap().parse().unwrap();
    let tag = room_tag(id, &naming.exporter, DeviceKey::from_seed(&[BOB; 32]).public().device_id());
    naming.send(&Frame::Open(Open { rooms: vec![Tag { slot: 0, tag }] }).encode()).await;
    holds_to(&mut naming, CONTROL).await;

    let mut member = Member::join(&alice, &room).await;
    member.settle().await;
    holds_to(&mut member.peer, DATA).await;

    // A sender need not wait for the limit to be raised: it is judged when what came before is dealt with.
    let mut hasty = Peer::dial(alice.address, BOB).await;
    hasty.hello().await;
    let tag = room_tag(id, &hasty.exporter, DeviceKey::from_seed(&[BOB; 32]).public().device_id());
    hasty.send(&Frame::Open(Open { rooms: vec![Tag { slot: 0, tag }] }).encode()).await;
    hasty.send(&frame_of(CONTROL)).await;
    assert!(hasty.is_connected().await);
    alice.node.close().await;
}

#[tokio::test]
async fn goodbye_before_closing() {
    let mut alice = Sockets::new(ALICE, Timeouts::default());
    let (_listener, address) = alice.listen();
    for (reason, word) in [
        (CloseReason::Disconnected, "disconnected"),
        (CloseReason::Shutdown, "shutdown"),
        (CloseReason::ServerStopped, "server_stopped"),
        (CloseReason::Replaced, "replaced"),
        (CloseReason::Stranger, "stranger"),
        (CloseReason::Removed, "removed"),
        (CloseReason::Renewed, "renewed"),
        (CloseReason::Silent, "silent"),
        (CloseReason::BadFrame, "bad_frame"),
        (CloseReason::FrameTooLarge, "frame_too_large"),
        (CloseReason::Evicted, "evicted"),
        (CloseReason::ReadOnly, "read_only"),
    ] {
        let mut peer = Peer::dial(address, BOB).await;
        let (_, handle) = alice.opened().await;
        // What was sent before is heard before.
        let before = vec![0x82, 0x18, 0x63, 0x01];
        handle.send(before.clone().into());
        handle.close(reason);
        handle.send(vec![0x82, 0x18, 0x63, 0x02].into());
        let heard = peer.rest().await;
        let [.., said, goodbye] = &heard[..] else { panic!("{heard:02x?}") };
        assert_eq!(*said, before, "{word}");
        let Ok(Frame::Goodbye(goodbye)) = Frame::decode(goodbye) else { panic!("{goodbye:02x?}") };
        assert_eq!(goodbye.reason, word);
    }
    // A whole device that ends.
    let alice = Device::open().await;
    let mut peer = Peer::dial(alice.address, BOB).await;
    peer.hello().await;
    assert!(peer.is_connected().await);
    let (reason, ()) = tokio::join!(peer.goodbye(), alice.node.close());
    assert_eq!(reason, "shutdown");
}
