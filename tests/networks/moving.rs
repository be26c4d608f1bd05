//! The network of a device changes while it talks.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    conversation::{assert_settled, meet, talk},
    device::Device,
    lab::{Host, Lan},
    story::{self, Outcome, seconds},
};

/// How soon a conversation goes on after an address changed.
const CONTINUES: Duration = Duration::from_secs(3);

/// How soon it goes on where no system tells that the network is back: looked for at least so often.
const LOOKED_FOR: Duration = Duration::from_secs(10);

/// A number on the network that no host was given.
const FREE: u8 = 200;

/// Both talk all the time, and something happens. Gives how long after it each had heard the other say something anew.
#[track_caller]
fn talking_through(alice: &Device, bob: &Device, room: &str, happens: impl FnOnce()) -> Duration {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for device in [alice, bob] {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Acquire) {
                    device.say(room);
                    std::thread::sleep(Duration::from_millis(25));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        happens();
        let since = Instant::now();
        let heard = [(alice, bob), (bob, alice)].map(|(from, to)| {
            let mark = to.mark();
            let said = from.say(room);
            to.event(mark, "incoming_message", |event| event["message"]["text"] == said.as_str()).0
        });
        over.store(true, Ordering::Release);
        heard.map(|at| at.saturating_duration_since(since)).into_iter().max().unwrap_or_default()
    })
}

/// Alice serves, Bob came to her, and the host of one of them moves.
fn moves(lan: &Lan, alices: &Host, bobs: &Host, who: &Host) -> Outcome {
    let (alice, bob) = (alices.device(), bobs.device());
    let room = meet(&alice, &[&bob]).id;
    talk(&alice, &bob, &room);
    let took = talking_through(&alice, &bob, &room, || who.move_to(lan.address(FREE)));
    let count = assert_settled(&[&alice, &bob], &room);
    assert!(took <= CONTINUES, "it went on only after {took:?}\n{}\n---\n{}", alice.log(), bob.log());
    Outcome::new("the conversation goes on within 3 s, and nothing is lost")
        .measured(format!("went on after {}; {count} texts", seconds(took)))
}

#[test]
fn a_conversation_goes_on_when_the_client_gets_another_address() {
    story::on("the client gets another address while they talk", |lab| {
        let lan = lab.lan();
        let (alice, bob) = (lab.host("alice", &lan), lab.host("bob", &lan));
        moves(&lan, &alice, &bob, &bob)
    });
}

#[test]
fn a_conversation_goes_on_when_the_server_gets_another_address() {
    story::on("the server gets another address while they talk", |lab| {
        let lan = lab.lan();
        let (alice, bob) = (lab.host("alice", &lan), lab.host("bob", &lan));
        moves(&lan, &alice, &bob, &alice)
    });
}

#[test]
fn a_conversation_goes_on_when_the_cable_is_plugged_in_again() {
    story::on("a cable is pulled for ten seconds", |lab| {
        let lan = lab.lan();
        let (alices, bobs) = (lab.host("alice", &lan), lab.host("bob", &lan));
        let (alice, bob) = (alices.device(), bobs.device());
        let room = meet(&alice, &[&bob]).id;
        talk(&alice, &bob, &room);

        let (mark, pulled) = (alice.mark(), Instant::now());
        lan.pull("bob");
        // Both go on, each for itself.
        bob.say(&room);
        let (gone, _) = alice.event(mark, "peer_disconnected", |event| event["device_id"] == bob.id);
        let told = gone.saturating_duration_since(pulled);
        std::thread::sleep(Duration::from_secs(10).saturating_sub(pulled.elapsed()));
        alice.say(&room);

        let (marks, since) = ((alice.mark(), bob.mark()), Instant::now());
        lan.plug("bob");
        alice.until_connected(marks.0, &bob);
        let back = bob.event(marks.1, "peer_connected", |event| event["device_id"] == alice.id).0;
        let took = back.saturating_duration_since(since);
        talk(&alice, &bob, &room);
        assert_settled(&[&alice, &bob], &room);
        assert_eq!(bob.ask("peers", json!({})).as_array().unwrap().len(), 1);
        assert!(took <= LOOKED_FOR, "they were connected again only after {took:?}");
        Outcome::new("the other is told to be gone, and the conversation goes on by itself once the cable is back")
            .measured(format!("told after {}; back {} after the cable", seconds(told), seconds(took)))
    });
}
