//! The network of a device changes while it talks.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    conversation::{assert_settled, meet, talk},
    device::Device,
    finding::{FOUND, near_at, until_near, until_not_near},
    lab::{Host, Lan},
    story::{self, Outcome, Over, seconds},
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
        let _over = Over(&over);
        std::thread::sleep(Duration::from_millis(300));
        happens();
        let since = Instant::now();
        let heard = [(alice, bob), (bob, alice)].map(|(from, to)| {
            let mark = to.mark();
            let said = from.say(room);
            to.event(mark, "incoming_message", |event| event["message"]["text"] == said.as_str()).0
        });
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

#[test]
fn a_conversation_goes_on_with_whoever_is_on_the_other_network() {
    story::on("a device goes to another network", |lab| {
        let (home, office) = (lab.lan(), lab.lan());
        let _routers = (lab.router(&[&home]), lab.router(&[&office]));
        let (alices, bobs, carols) = (lab.host("alice", &home), lab.host("bob", &home), lab.host("carol", &home));
        let (alice, bob, carol) = (alices.device(), bobs.device(), carols.device());
        let room = meet(&alice, &[&bob, &carol]).id;
        carol.serve(0);
        bob.serve(0);
        talk(&alice, &bob, &room);
        // The two have found each other by now, or will.
        bob.until_connected(0, &carol);

        // Carol goes there first, and is not heard of any more.
        let gone = bob.mark();
        carols.switch_to(&office);
        bob.event(gone, "peer_disconnected", |event| event["device_id"] == carol.id);
        let mark = bob.mark();
        let since = Instant::now();
        bobs.switch_to(&office);
        let at = bob.event(mark, "peer_connected", |event| event["device_id"] == carol.id).0;
        let took = at.saturating_duration_since(since);
        talk(&bob, &carol, &room);
        assert!(took <= LOOKED_FOR, "it went on only after {took:?}");
        // What was near at home is not near here.
        until_not_near(&bob, alices.address());
        Outcome::new("it talks with the members who are there, and lists nobody who was only on the last one")
            .measured(format!("connected after {}", seconds(took)))
    });
}

#[test]
fn what_was_near_before_a_sleep_is_looked_for_anew() {
    story::on("a device sleeps for ten seconds", |lab| {
        let lan = lab.lan();
        let _router = lab.router(&[&lan]);
        let (alices, bobs, carols) = (lab.host("alice", &lan), lab.host("bob", &lan), lab.host("carol", &lan));
        let (alice, bob, carol) = (alices.device(), bobs.device(), carols.device());
        let room = meet(&alice, &[&bob]).id;
        talk(&alice, &bob, &room);
        carol.serve(0);
        until_near(&bob, carols.address(), Instant::now());

        bob.signal(Signal::STOP);
        // She is gone without a word, and what was said of her would count for a minute.
        carol.kill();
        alices.move_to(lan.address(FREE));
        alice.say(&room);
        std::thread::sleep(Duration::from_secs(10));
        let (mark, since) = (bob.mark(), Instant::now());
        bob.signal(Signal::CONT);
        let gone = until_not_near(&bob, carols.address());
        assert!(gone <= FOUND, "carol was listed for {gone:?}");
        bob.event(mark, "incoming_message", |_| true);
        let took = since.elapsed();
        assert!(took <= LOOKED_FOR, "it went on only after {took:?}");
        until_near(&bob, alices.address(), since);
        assert!(near_at(&bob, carols.address()).is_none());
        talk(&alice, &bob, &room);
        assert_settled(&[&alice, &bob], &room);
        Outcome::new("the conversation goes on by itself, and nobody is listed who left meanwhile")
            .measured(format!("went on {} after it woke", seconds(took)))
    });
}
