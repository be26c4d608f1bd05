//! `docs/vectors.json` and the code agree, both ways: what stands there is computed anew, and what can be read is
//! read and written again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

mod altered;
mod conversation;
mod keys;
mod room;
#[path = "../rooms/schema.rs"]
mod schema;

use std::sync::LazyLock;

use lanline_protocol::body::Body;
use lanline_protocol::entry::Entry;
use lanline_protocol::id::RoomId;
use lanline_protocol::identity::{DeviceKey, Signature};
use lanline_protocol::kind::Kind;
use lanline_protocol::record::{Record, WireRecord};
use serde_json::Value;

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../docs/vectors.json")).unwrap());

/// What stands at a place such as `/keys/alice/seed`.
fn at(place: &str) -> &'static Value {
    VECTORS.pointer(place).unwrap_or_else(|| panic!("vectors.json has nothing at {place}"))
}

fn text(place: &str) -> &'static str {
    at(place).as_str().unwrap()
}

fn number(place: &str) -> u64 {
    at(place).as_u64().unwrap()
}

/// The names of what stands there.
fn names(place: &str) -> Vec<&'static String> {
    at(place).as_object().unwrap().keys().collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()
}

fn bytes(place: &str) -> Vec<u8> {
    bytes_of(text(place))
}

fn array<const N: usize>(place: &str) -> [u8; N] {
    bytes(place).try_into().unwrap()
}

fn key(name: &str) -> DeviceKey {
    DeviceKey::from_seed(&array(&format!("/keys/{name}/seed")))
}

fn room() -> RoomId {
    RoomId::new(array("/room"))
}

fn entry(name: &str) -> Entry {
    let place = format!("/entries/{name}");
    let signature = at(&place).get("signature").map(|hex| Signature::from_slice(&bytes_of(hex.as_str().unwrap())));
    let (header, body) = (bytes(&format!("{place}/header")), bytes(&format!("{place}/body")));
    Entry::from_parts(header, Some(body), signature.map(Option::unwrap)).unwrap()
}

fn record(name: &str) -> Record {
    let content = bytes(&format!("/records/{name}/content"));
    let signature = Signature::new(array(&format!("/records/{name}/signature")));
    Record::read(WireRecord { content: content.into(), signature }).unwrap()
}

fn body(name: &str) -> Body {
    let kind = Kind::from_number(u16::try_from(number(&format!("/bodies/{name}/kind"))).unwrap());
    Body::decode(kind, &bytes(&format!("/bodies/{name}/body")))
}

/// What is shown of them in protocol.md is what stands in vectors.json.
#[test]
fn the_document_shows_the_same_values() {
    let vectors = include_str!("../../../../docs/vectors.json");
    let document = include_str!("../../../../docs/protocol.md");
    let (_, section) = document.split_once("\n## Test vectors\n").expect("a section of that name");
    let mut values: Vec<String> = Vec::new();
    for line in section.lines() {
        let last = line.split("   =").next().unwrap_or_default().split_whitespace().last().unwrap_or_default();
        let is_hex = last.len() >= 8 && last.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
        match values.last_mut() {
            Some(value) if line.starts_with("    ") => value.push_str(last),
            _ if is_hex || last.starts_with("lanline:j/") || last.len() == 63 => values.push(last.to_owned()),
            _ => {}
        }
        values.extend(line.split('`').filter(|code| code.len() == 64).map(str::to_owned));
    }
    assert!(values.len() > 20, "only {} values were found", values.len());
    for value in values {
        assert!(vectors.contains(&format!("\"{value}\"")), "{value} is not in vectors.json");
    }
}
