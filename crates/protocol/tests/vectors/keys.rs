//! Keys, identifiers, signatures, what is derived, and which CBOR is taken.

use lanline_protocol::body::Ballot;
use lanline_protocol::cbor;
use lanline_protocol::comparison::{PICTURES, Parties};
use lanline_protocol::frame::room_tag;
use lanline_protocol::id::{Hash, LogId, RoomId, StoreId};
use lanline_protocol::identity::{Context, DeviceId, PublicKey, Signature};
use lanline_protocol::kind::Kind;
use lanline_protocol::link::{InviteLink, InviteSecret, JoinClaim, LinkHost};

use crate::{array, at, body, bytes, bytes_of, entry, key, names, number, room, schema, text};

#[test]
fn keys() {
    for name in names("/keys") {
        let place = |field: &str| format!("/keys/{name}/{field}");
        let (key, public) = (key(name), key(name).public());
        assert_eq!(public.as_bytes().as_slice(), bytes(&place("public_key")));
        assert_eq!(public.to_spki(), bytes(&place("spki")));
        assert_eq!(PublicKey::from_spki(&bytes(&place("spki"))), Some(public));
        assert_eq!(*key.to_pkcs8_der(), bytes(&place("pkcs8")));
        assert_eq!(public.device_id(), DeviceId::new(array(&place("device_id"))));
        assert_eq!(public.device_id().to_string(), text(&place("device_id_text")));
        assert_eq!(text(&place("device_id_text")).parse(), Ok(public.device_id()));
    }
}

#[test]
fn ids() {
    for id in at("/ids").as_array().unwrap() {
        let (bytes, text) = (bytes_of(id["bytes"].as_str().unwrap()), id["text"].as_str().unwrap());
        match bytes.len() {
            16 => {
                let id = LogId::from_slice(&bytes).unwrap();
                assert_eq!(id.to_string(), text);
                assert_eq!(text.to_uppercase().parse(), Ok(id));
                assert_eq!(StoreId::from_slice(&bytes).unwrap().to_string(), text);
            }
            _ => {
                let id = RoomId::from_slice(&bytes).unwrap();
                assert_eq!(id.to_string(), text);
                assert_eq!(text.to_uppercase().parse(), Ok(id));
            }
        }
    }
    assert_eq!(room(), RoomId::of_creation(entry("create").id));
}

#[test]
fn signatures() {
    for name in names("/signatures") {
        let place = |field: &str| format!("/signatures/{name}/{field}");
        let context = match name.as_str() {
            "entry" => Context::Entry,
            "record" => Context::Record,
            "vote" => Context::Vote,
            "join" => Context::Join,
            other => panic!("no such context: {other}"),
        };
        let (key, data) = (key(text(&place("key"))), bytes(&place("data")));
        let signature = Signature::new(array(&place("signature")));
        assert_eq!(key.sign(context, &data), signature);
        assert!(key.public().verify(context, &data, &signature));
        assert_eq!(text(&place("context")), format!("lanline/1 {name}\0"));
    }
}

#[test]
fn a_ballot() {
    let act = body("appoint");
    let link = act.link().unwrap();
    let ballot = Ballot {
        room: room().creation(),
        previous: link.previous,
        epoch: link.epoch,
        kind: Kind::Appoint.number(),
        subject: key("bob").public(),
    };
    assert_eq!(cbor::encode(&ballot), bytes("/ballot/bytes"));
    schema::item("ballot", &bytes("/ballot/bytes")).unwrap();
    let signature = Signature::new(array("/ballot/signature"));
    let voter = key(text("/ballot/voter"));
    assert_eq!(voter.sign(Context::Vote, &bytes("/ballot/bytes")), signature);
    assert_eq!((link.votes[0].voter, link.votes[0].signature), (voter.public(), signature));
}

#[test]
fn an_invite() {
    let secret = InviteSecret::new(array("/invite/secret"));
    let link = InviteLink {
        room: room(),
        secret: secret.clone(),
        expires_at_ms: number("/invite/expires_at_ms"),
        hosts: vec![LinkHost {
            device: key("alice").public().device_id(),
            addresses: at("/invite/addresses").as_array().unwrap().iter().map(|a| a.as_str().unwrap().into()).collect(),
        }],
    };
    assert_eq!(link.to_string(), text("/invite/link"));
    assert_eq!(text("/invite/link").parse(), Ok(link.clone()));
    assert_eq!(cbor::encode(&link), bytes("/invite/payload"));
    schema::item("invite-link", &bytes("/invite/payload")).unwrap();
    assert_eq!(secret.key().public(), PublicKey::new(array("/invite/public_key")));
    let with_seed = lanline_protocol::identity::DeviceKey::from_seed(&array("/invite/seed"));
    assert_eq!(with_seed.public(), secret.key().public());
    // The checksum is what follows the payload.
    let encoded = text("/invite/link").strip_prefix("lanline:j/").unwrap().to_uppercase();
    let decoded = data_encoding::BASE32_NOPAD.decode(encoded.as_bytes()).unwrap();
    assert_eq!(decoded, [bytes("/invite/payload"), bytes("/invite/checksum")].concat());
}

#[test]
fn tags_and_the_claim() {
    let exporter = Hash::new(array("/connection/exporter"));
    let (joiner, host) = (key(text("/connection/joiner")), key(text("/connection/host")));
    for name in ["alice", "bob"] {
        let tag = room_tag(room(), &exporter, key(name).public().device_id());
        assert_eq!(tag.as_bytes().as_slice(), bytes(&format!("/connection/tag_of_{name}")));
    }
    let claim =
        JoinClaim { room: room(), exporter, joiner: joiner.public().device_id(), host: host.public().device_id() };
    assert_eq!(cbor::encode(&claim), bytes("/connection/claim"));
    schema::item("join-claim", &bytes("/connection/claim")).unwrap();
    let signature = Signature::new(array("/connection/join_signature"));
    assert_eq!(claim.sign(&InviteSecret::new(array("/invite/secret"))), signature);
    assert!(claim.holds(&PublicKey::new(array("/invite/public_key")), &signature));
}

#[test]
fn deterministic() {
    for name in names("/deterministic/taken") {
        assert_eq!(cbor::check(&bytes(&format!("/deterministic/taken/{name}"))), Ok(()), "{name}");
    }
    for name in names("/deterministic/refused") {
        assert!(cbor::check(&bytes(&format!("/deterministic/refused/{name}"))).is_err(), "{name}");
    }
}

#[test]
fn a_comparison() {
    let device = |place: &str| key(text(place)).public().device_id();
    let parties = Parties {
        exporter: Hash::new(array("/connection/exporter")),
        asker: device("/comparison/asker"),
        asked: device("/comparison/asked"),
    };
    let nonce = |of: &str| Hash::new(array(&format!("/comparison/{of}_nonce")));
    assert_eq!(parties.commitment(&nonce("askers")).as_bytes().as_slice(), bytes("/comparison/commitment"));
    let pictures = parties.pictures(&nonce("askers"), &nonce("askeds"));
    assert_eq!(serde_json::to_value(pictures.numbers()).unwrap(), *at("/comparison/pictures"));
    let words: Vec<&str> = pictures.iter().map(|(word, _)| word).collect();
    assert_eq!(serde_json::to_value(words).unwrap(), *at("/comparison/words"));
}

/// The document's table of pictures is the code's.
#[test]
fn the_pictures() {
    let document = include_str!("../../../../docs/protocol.md");
    let (_, section) = document.split_once("The pictures by their numbers").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let cells = section.lines().skip_while(|line| !line.starts_with("| 0 |")).take(8);
    let shown: Vec<(&str, &str)> = cells
        .flat_map(|row| row.split(" | ").skip(1))
        .filter_map(|cell| cell.trim_end_matches(" |").split_once(' '))
        .map(|(emoji, word)| (word, emoji))
        .collect();
    assert_eq!(shown, PICTURES);
}
