//! Devices in one room: how they meet, and that each of them holds what was said.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::device::{Device, SOON, text};

/// A room that the host opens and the guests have joined; the host listens on this port.
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) port: u16,
}

/// The host listens, makes a room and invites; the guests join.
#[track_caller]
pub(crate) fn meet(host: &Device, guests: &[&Device]) -> Room {
    let port = host.serve(0);
    let id = text(&host.ask("create_room", json!({"name": "Kitchen"}))["room"]);
    for guest in guests {
        let marks = (host.mark(), guest.mark());
        join(host, guest, &id);
        host.until_connected(marks.0, guest);
        guest.until_connected(marks.1, host);
    }
    Room { id, port }
}

/// One more joins.
#[track_caller]
pub(crate) fn join(host: &Device, guest: &Device, room: &str) {
    let link = invite(host, room);
    assert_eq!(guest.ask("join", json!({"link": link}))["room"], room);
}

/// A link into the room, for one.
#[track_caller]
pub(crate) fn invite(host: &Device, room: &str) -> String {
    text(&host.ask("invite", json!({"room": room}))["link"])
}

/// One says something, and the other is told of it.
#[track_caller]
pub(crate) fn tell(from: &Device, to: &Device, room: &str) {
    let mark = to.mark();
    let said = from.say(room);
    to.event(mark, "incoming_message", |event| event["message"]["text"] == said);
}

/// Both ways.
#[track_caller]
pub(crate) fn talk(alice: &Device, bob: &Device, room: &str) {
    tell(alice, bob, room);
    tell(bob, alice, room);
}

/// Waits until all hold the same texts in the same order, and with them everything that any of them answered to have;
/// each once, and each author's in the order in which they were said. Gives how many there are.
#[track_caller]
pub(crate) fn assert_settled(devices: &[&Device], room: &str) -> usize {
    let deadline = Instant::now() + SOON;
    loop {
        let held: Vec<Vec<String>> = devices.iter().map(|device| texts(device, room)).collect();
        let sets: Vec<BTreeSet<&String>> = held.iter().map(|texts| texts.iter().collect()).collect();
        let answered: Vec<String> = devices.iter().flat_map(|device| device.answered()).collect();
        let missing: Vec<&String> =
            answered.iter().filter(|text| !sets.iter().all(|texts| texts.contains(text))).collect();
        if missing.is_empty() && held.windows(2).all(|pair| pair[0] == pair[1]) {
            assert_in_order(&held[0]);
            return held[0].len();
        }
        if Instant::now() >= deadline {
            let counts: Vec<usize> = held.iter().map(Vec::len).collect();
            let logs: Vec<String> = devices.iter().map(|device| device.log()).collect();
            let some = &missing[..missing.len().min(10)];
            panic!("they hold {counts:?}; {} lack somewhere: {some:?}…\n{}", missing.len(), logs.join("\n---\n"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Each author numbers its texts.
#[track_caller]
fn assert_in_order(texts: &[String]) {
    let mut last: BTreeMap<&str, u32> = BTreeMap::new();
    for text in texts {
        let mut words = text.split(' ');
        let (author, number) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        if let Some(before) = last.insert(author, number) {
            assert!(before < number, "{author} said {before}, then {number}");
        }
    }
}

/// All texts of the room that a device holds, as it shows them.
#[track_caller]
fn texts(device: &Device, room: &str) -> Vec<String> {
    let mut pages: Vec<Vec<Value>> = Vec::new();
    let mut more = true;
    while more {
        let before = pages.last().and_then(|page| page.first()).map(|message| message["id"].clone());
        let mut page = device.ask("messages", json!({"room": room, "limit": 500, "before": before}));
        let messages = page["messages"].as_array_mut().map(std::mem::take).unwrap();
        more = page["more"] == true && !messages.is_empty();
        pages.push(messages);
    }
    let messages = pages.iter().rev().flatten().filter(|message| message["kind"] == "text");
    messages.map(|message| text(&message["text"])).collect()
}
