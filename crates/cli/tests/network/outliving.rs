//! A room that outlives the device it began at, on a network that falls apart.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    conversation::{assert_settled, join, meet, talk, tell},
    device::{Device, SOON, text},
    lan::Lan,
    skipped,
};

/// Who belongs, with the role and the vote of each, as a device sees it.
#[track_caller]
fn members(device: &Device, room: &str) -> Vec<(String, String, bool)> {
    let members = device.ask("members", json!({"room": room}));
    let mut members: Vec<_> = members.as_array().unwrap().iter().map(standing).collect();
    members.sort();
    members
}

fn standing(member: &Value) -> (String, String, bool) {
    (text(&member["name"]), text(&member["role"]), member["voter"] == true)
}

/// Waits until all of them see these members.
#[track_caller]
fn until_agreed(devices: &[&Device], room: &str, expected: &[(&str, &str, bool)]) {
    let expected: Vec<_> =
        expected.iter().map(|(name, role, voter)| ((*name).into(), (*role).into(), *voter)).collect();
    let deadline = Instant::now() + SOON;
    loop {
        let seen: Vec<_> = devices.iter().map(|device| members(device, room)).collect();
        if seen.iter().all(|members| *members == expected) {
            return;
        }
        assert!(Instant::now() < deadline, "{expected:?} is what none but these may see: {seen:#?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn six_go_on_without_the_creator_on_a_network_that_splits_twice() {
    let Some(lan) = Lan::lay([3, 4]) else { return skipped("root and iproute2, to split a network") };
    let names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace"];
    let started = |place: usize| Device::start_in(names[place], &lan.places[place]);
    let devices = [0, 1, 2, 3, 4, 5].map(started);
    let [alice, bob, carol, dave, erin, frank] = &devices;
    let room = meet(alice, &[bob, carol, dave, erin, frank]);
    let room = room.id.as_str();
    // On either side of what will be cut there is one whom the others can reach.
    for listener in [bob, dave] {
        listener.serve(0);
    }
    for device in &devices {
        device.say(room);
    }
    assert_settled(&devices.each_ref(), room);

    // The first split, in which the creator is killed for good.
    lan.split();
    alice.kill();
    talk(bob, carol, room);
    for (from, to) in [(dave, erin), (erin, frank), (frank, dave)] {
        tell(from, to, room);
    }
    lan.join();
    let survivors = [bob, carol, dave, erin, frank];
    assert_settled(&survivors, room);

    // The second, in which both sides vote, and neither has the majority of the six.
    lan.split();
    talk(carol, bob, room);
    talk(erin, frank, room);
    for voter in [bob, carol, dave, erin] {
        let tally = voter.ask("vote", json!({"room": room, "act": {"owner": carol.id}}));
        assert_eq!((&tally["done"], &tally["needed"]), (&json!(false), &json!(4)), "{}", voter.name);
    }
    assert_eq!(
        carol.try_ask("remove_member", json!({"room": room, "device_id": frank.id})).unwrap_err()["data"]["code"],
        "not_owner"
    );
    lan.join();
    let voters = |names: &[&'static str]| -> Vec<(&str, &str, bool)> {
        names.iter().map(|name| (*name, if *name == "carol" { "owner" } else { "member" }, true)).collect()
    };
    until_agreed(&survivors, room, &voters(&names[..6]));

    // A seventh comes by a link of a member who listens, and the new owner confirms it and removes one.
    let grace = started(6);
    join(dave, &grace, room);
    let added = [&voters(&names[..6])[..], &[("grace", "member", false)]].concat();
    until_agreed(&survivors, room, &added);
    carol.ask("admit", json!({"room": room, "device_id": grace.id}));
    tell(&grace, carol, room);
    let mark = frank.mark();
    frank.say(room);
    assert_settled(&[bob, carol, dave, erin, frank, &grace], room);
    carol.ask("remove_member", json!({"room": room, "device_id": frank.id}));
    frank.event(mark, "peer_disconnected", |event| event["reason"] == "removed");
    let refused = frank.try_ask("send_message", json!({"room": room, "text": "frank 99"})).unwrap_err();
    assert_eq!(refused["data"]["code"], "not_a_member");

    let remaining = [bob, carol, dave, erin, &grace];
    for device in remaining {
        device.say(room);
    }
    until_agreed(&remaining, room, &voters(&["alice", "bob", "carol", "dave", "erin", "grace"]));
    assert!(assert_settled(&remaining, room) >= 20);
    let proposals = bob.ask("room_votes", json!({"room": room}));
    assert_eq!(proposals, json!([]));
}
