//! Six digits that somebody would like to do without.

use lanline_peer::Peer;
use lanline_protocol::code::Code;
use lanline_protocol::frame::{Admission, Frame, Open, Pair, PairAnswer, PairProof, PairRefusal, Paired, Tag};
use lanline_protocol::id::{Hash, RoomId};
use lanline_protocol::identity::DeviceId;
use lanline_protocol::pairing::{Guest, Meeting};
use lanline_protocol::replica::Random;
use serde_json::json;

use super::mallory::{MALLORY, alice, answers, key_of, stranger};
use crate::device::{BOB, CAROL, Device};

struct Drawn(u8);

impl Random for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        bytes.fill(self.0);
    }
}

/// Alice, a room of hers, and the code that she shows.
async fn shown() -> (Device, RoomId, Code) {
    let (alice, room) = alice().await;
    let shown = alice.call("invite", json!({"room": room.to_string(), "uses": 10})).await;
    (alice, room, shown["code"].as_str().unwrap().parse().unwrap())
}

/// Another one.
fn other_than(code: &Code) -> Code {
    let digits: String = code.to_string().split(' ').collect();
    let next = (digits.parse::<u32>().unwrap() + 1) % 1_000_000;
    format!("{next:06}").parse().unwrap()
}

fn id(seed: u8) -> DeviceId {
    key_of(seed).public().device_id()
}

async fn greeted(alice: &Device, seed: u8) -> Peer {
    let mut peer = Peer::dial(alice.address, seed).await;
    peer.hello().await;
    peer
}

fn pair(message: Vec<u8>) -> Frame {
    Frame::Pair(Pair { method: 1, message })
}

fn guess(proof: Hash) -> Frame {
    Frame::PairProof(PairProof { proof })
}

/// What the device said that shows the code.
async fn answer(peer: &mut Peer) -> Result<Vec<u8>, PairRefusal> {
    peer.find(|frame| match frame {
        Frame::PairAnswer(answer) => Some(Ok(answer.message)),
        Frame::Paired(paired) => Some(Err(paired.refusal.unwrap())),
        _ => None,
    })
    .await
}

/// Whether this device is in.
async fn end(peer: &mut Peer) -> Result<(), PairRefusal> {
    peer.find(|frame| match frame {
        Frame::Paired(Paired { admission: Some(_), .. }) => Some(Ok(())),
        Frame::Paired(paired) => Some(Err(paired.refusal.unwrap())),
        _ => None,
    })
    .await
}

/// Types a code, up to the proof, which is not sent.
async fn type_in(peer: &mut Peer, code: &Code, meeting: Meeting) -> Result<Hash, PairRefusal> {
    let (guest, message) = Guest::<lanline_protocol::pake::Spake>::begin(code, meeting, &mut Drawn(0));
    peer.say(&pair(message)).await;
    let (_, proof) = guest.answered(&answer(peer).await?).expect("an honest answer");
    Ok(proof)
}

fn meeting(peer: &Peer, seed: u8) -> Meeting {
    Meeting { exporter: peer.exporter, guest: id(seed), host: peer.key.device_id() }
}

#[tokio::test]
async fn a_code_that_somebody_used() {
    let (alice, room, code) = shown().await;
    let mut bob = greeted(&alice, BOB).await;
    let meets = meeting(&bob, BOB);
    let proof = type_in(&mut bob, &code, meets).await.unwrap();
    bob.say(&guess(proof)).await;
    end(&mut bob).await.unwrap();
    let mut mallory = stranger(&alice).await;
    let meets = meeting(&mallory, MALLORY);
    assert_eq!(type_in(&mut mallory, &code, meets).await, Err(PairRefusal::NoCode));
    assert_eq!(alice.members(room).await, ["alice", "bob"]);
    alice.node.close().await;
}

#[tokio::test]
async fn two_at_once_by_one_code() {
    let (alice, room, code) = shown().await;
    let (mut bob, mut mallory) = (greeted(&alice, BOB).await, stranger(&alice).await);
    let (bobs, mallorys) = (meeting(&bob, BOB), meeting(&mallory, MALLORY));
    // Both were answered before either proved anything.
    let of_bob = type_in(&mut bob, &code, bobs).await.unwrap();
    let of_mallory = type_in(&mut mallory, &code, mallorys).await.unwrap();
    bob.say(&guess(of_bob)).await;
    end(&mut bob).await.unwrap();
    mallory.say(&guess(of_mallory)).await;
    assert_eq!(end(&mut mallory).await, Err(PairRefusal::NoCode));
    assert_eq!(alice.members(room).await, ["alice", "bob"]);
    alice.node.close().await;
}

#[tokio::test]
async fn a_guess_and_then_the_right_code() {
    let (alice, room, code) = shown().await;
    let mut mallory = stranger(&alice).await;
    let meets = meeting(&mallory, MALLORY);
    let wrong = type_in(&mut mallory, &other_than(&code), meets).await.unwrap();
    let right = type_in(&mut mallory, &code, meets).await.unwrap();
    // The second exchange took the place of the first, and the guess is of the second.
    mallory.say(&guess(wrong)).await;
    assert_eq!(end(&mut mallory).await, Err(PairRefusal::WrongCode));
    mallory.say(&guess(right)).await;
    assert_eq!(mallory.goodbye().await, "bad_frame");
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

/// Two exchanges on two connections, so that one confirms what the other guessed.
#[tokio::test]
async fn a_second_guess_on_a_second_connection() {
    let (alice, room, code) = shown().await;
    let (mut first, mut second) = (stranger(&alice).await, greeted(&alice, CAROL).await);
    let (firsts, seconds) = (meeting(&first, MALLORY), meeting(&second, CAROL));
    let wrong = type_in(&mut first, &other_than(&code), firsts).await.unwrap();
    let right = type_in(&mut second, &code, seconds).await.unwrap();
    first.say(&guess(wrong)).await;
    assert_eq!(end(&mut first).await, Err(PairRefusal::WrongCode));
    second.say(&guess(right)).await;
    assert_eq!(end(&mut second).await, Err(PairRefusal::NoCode));
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

/// In Bluetooth the one who shows the code took its own key for the other's, sent back to it.
#[tokio::test]
async fn reflected_pairing_message_cve_2020_26558() {
    let (alice, room, code) = shown().await;
    let mut mallory = stranger(&alice).await;
    let (_, message) =
        Guest::<lanline_protocol::pake::Spake>::begin(&other_than(&code), meeting(&mallory, MALLORY), &mut Drawn(0));
    mallory.say(&pair(message)).await;
    let own = answer(&mut mallory).await.unwrap();
    mallory.say(&pair(own.clone())).await;
    assert_eq!(mallory.goodbye().await, "bad_frame");
    // With the mark of a guest's message before it.
    let mut mallory = stranger(&alice).await;
    mallory.say(&pair([&[0x41][..], &own[1..]].concat())).await;
    assert!(answer(&mut mallory).await.is_ok());
    mallory.say(&guess(Hash::of(&own))).await;
    assert_eq!(end(&mut mallory).await, Err(PairRefusal::WrongCode));
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

/// In Bluetooth, too, each side could be made to believe that it was the other.
#[tokio::test]
async fn parts_changed_over() {
    let (alice, room, code) = shown().await;
    // The right code, by a guest for whom alice is the guest.
    let mut mallory = stranger(&alice).await;
    let swapped = Meeting { exporter: mallory.exporter, guest: mallory.key.device_id(), host: id(MALLORY) };
    let proof = type_in(&mut mallory, &code, swapped).await.unwrap();
    mallory.say(&guess(proof)).await;
    assert_eq!(end(&mut mallory).await, Err(PairRefusal::WrongCode));
    // And what only a host says.
    let admission = Some(Admission { proof: Hash::new([0; 32]), room });
    for frame in
        [Frame::PairAnswer(PairAnswer { message: vec![0x42; 33] }), Frame::Paired(Paired { admission, refusal: None })]
    {
        let mut mallory = stranger(&alice).await;
        mallory.say(&frame).await;
        assert_eq!(mallory.goodbye().await, "bad_frame", "{frame:?}");
    }
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

#[tokio::test]
async fn points_of_low_order() {
    let (alice, room, _) = shown().await;
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut order_4 = [0; 32];
    order_4[31] = 0x80;
    let order_8 = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    for (n, point) in [[0; 32], one, minus_one, order_4, order_8, [0xff; 32]].into_iter().enumerate() {
        let mut mallory = stranger(&alice).await;
        mallory.say(&pair([&[0x41][..], &point].concat())).await;
        let answered = mallory
            .find(|frame| match frame {
                Frame::PairAnswer(_) => Some(true),
                Frame::Goodbye(_) | Frame::Paired(_) => Some(false),
                _ => None,
            })
            .await;
        // Taken for a message like any other, it is a guess like any other; and the first guess ends the code.
        if answered {
            mallory.say(&guess(Hash::new([0; 32]))).await;
            assert_eq!(end(&mut mallory).await, Err(PairRefusal::WrongCode), "point {n}");
        }
        let link = alice.call("invite", json!({"room": room.to_string()})).await["link"].take();
        alice.call("show_code", json!({"link": link, "knowingly": true})).await;
    }
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

#[tokio::test]
async fn a_code_without_its_proof() {
    let (alice, room, _) = shown().await;
    let mut mallory = stranger(&alice).await;
    let meets = meeting(&mallory, MALLORY);
    let (_, message) = Guest::<lanline_protocol::pake::Spake>::begin(&"000000".parse().unwrap(), meets, &mut Drawn(0));
    mallory.say(&pair(message)).await;
    answer(&mut mallory).await.unwrap();
    // As if it were in: it is answered as before.
    let tag = lanline_protocol::frame::room_tag(room, &mallory.exporter, id(MALLORY));
    mallory.say(&Frame::Open(Open { rooms: vec![Tag { slot: 0, tag }] })).await;
    let heard = answers(&mut mallory).await;
    assert!(matches!(heard[..], [Frame::Unknown(_)]), "{heard:?}");
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

#[tokio::test]
async fn a_proof_of_another_connection() {
    let (alice, room, code) = shown().await;
    let (mut bob, mut mallory) = (greeted(&alice, BOB).await, stranger(&alice).await);
    let meets = meeting(&bob, BOB);
    let bobs = type_in(&mut bob, &code, meets).await.unwrap();
    let meets = meeting(&mallory, MALLORY);
    type_in(&mut mallory, &other_than(&code), meets).await.unwrap();
    mallory.say(&guess(bobs)).await;
    assert_eq!(end(&mut mallory).await, Err(PairRefusal::WrongCode));
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}

#[tokio::test]
async fn exchanges_without_end() {
    let (alice, room, _) = shown().await;
    let mut mallory = stranger(&alice).await;
    let meets = meeting(&mallory, MALLORY);
    for _ in 0..9 {
        let (_, message) =
            Guest::<lanline_protocol::pake::Spake>::begin(&"000000".parse().unwrap(), meets, &mut Drawn(0));
        mallory.say(&pair(message)).await;
    }
    assert_eq!(mallory.goodbye().await, "bad_frame");
    assert_eq!(alice.members(room).await, ["alice"]);
    alice.node.close().await;
}
