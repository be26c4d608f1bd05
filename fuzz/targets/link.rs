//! What people paste and type: invite links, codes, ids, addresses.

#![no_main]

use lanline_engine::net::Address;
use lanline_fuzz::{canonical, memory};
use lanline_protocol::code::Code;
use lanline_protocol::id::RoomId;
use lanline_protocol::identity::DeviceId;
use lanline_protocol::limits;
use lanline_protocol::link::InviteLink;
use libfuzzer_sys::fuzz_target;

const TIMES: usize = 64;
const BESIDES: usize = 16 * 1024;

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > 4 * limits::LINK_BYTES {
        return;
    }
    memory::within(bytes.len() * TIMES + BESIDES, || {
        if let Ok(text) = str::from_utf8(bytes) {
            typed(text);
        }
        // The checksum is against slips: who makes a link up computes it.
        let _ = canonical::read::<InviteLink>(bytes);
        if let Some(link) = follow(&made_up(bytes)) {
            assert_eq!(canonical::read::<InviteLink>(bytes).as_ref(), Some(&link), "it says what stood in it");
        }
    });
});

/// A link whose checksum is right.
fn made_up(payload: &[u8]) -> String {
    let sum = blake3::derive_key("lanline/1 2026 link checksum", payload);
    let bytes = [payload, &sum[..5]].concat();
    format!("lanline:j/{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

fn typed(text: &str) {
    follow(text);
    if let Ok(code) = text.parse::<Code>() {
        assert_eq!(code.to_string().parse(), Ok(code));
    }
    if let Ok(device) = text.parse::<DeviceId>() {
        assert_eq!(device.to_string().parse(), Ok(device));
    }
    if let Ok(address) = Address::parse(text, 12345) {
        let shown = address.to_string();
        assert_eq!(Address::parse(&shown, 1).as_ref(), Ok(&address), "{shown}");
    }
    if let Ok(room) = text.parse::<RoomId>() {
        assert_eq!(room.to_string().parse(), Ok(room));
    }
}

fn follow(text: &str) -> Option<InviteLink> {
    let link: InviteLink = text.parse().ok()?;
    assert!((1..=limits::LINK_HOSTS).contains(&link.hosts.len()));
    for host in &link.hosts {
        assert!(host.addresses.len() <= limits::ADDRESSES);
        assert!(host.addresses.iter().all(|address| address.len() <= limits::ADDRESS_BYTES));
    }
    let shown = link.to_string();
    assert_eq!(shown.parse(), Ok(link.clone()));
    assert_eq!(shown.to_uppercase().parse(), Ok(link.clone()));
    Some(link)
}
