use lanline_protocol::id::RoomId;

use super::*;

const ALICE: DeviceId = DeviceId::new([1; 32]);
const BOB: DeviceId = DeviceId::new([2; 32]);
/// In the middle of a day.
const NOON: u64 = 20_000 * DAY_MS + DAY_MS / 2;

fn at(ms: u64) -> Moment {
    Moment { steady_ms: ms, wall_ms: NOON + ms }
}

/// With "random" bytes that count up.
fn alice() -> Announcer {
    let mut next = 0_u8;
    let random = move |bytes: &mut [u8]| {
        next += 1;
        bytes.fill(next);
    };
    Announcer::new(at(0), ALICE, Box::new(random))
}

fn listening() -> Announcer {
    let mut alice = alice();
    alice.set_port(at(0), Some(4000));
    alice
}

fn circle(room: u8, beacon: u8) -> Circle {
    Circle { room: RoomId::new([room; 32]), beacon: Hash::new([beacon; 32]), members: vec![BOB] }
}

/// What is said until a time, each when it is due; announcements as the number of their name.
fn said(alice: &mut Announcer, from: u64, until: u64) -> Vec<(u64, String)> {
    let (mut now, mut said) = (from, Vec::new());
    loop {
        for act in alice.acts(at(now)) {
            let what = match act {
                Act::Announce(announcement) => format!("announce {}", announcement.instance.0[0]),
                Act::Withdraw(instance) => format!("withdraw {}", instance.0[0]),
                Act::Ask => "ask".to_owned(),
                Act::Answer(to, _) => format!("answer {to}"),
            };
            said.push((now, what));
        }
        let due = alice.due_ms(at(now));
        assert!(due > now, "it would be called again and again");
        if due > until {
            return said;
        }
        now = due;
    }
}

fn times(said: &[(u64, String)], what: &str) -> Vec<u64> {
    said.iter().filter(|(_, said)| said.starts_with(what)).map(|(at, _)| *at).collect()
}

fn announced(alice: &mut Announcer, now: u64) -> Announcement {
    let announced = alice.acts(at(now)).into_iter().find_map(|act| match act {
        Act::Announce(announcement) => Some(announcement),
        _ => None,
    });
    announced.expect("nothing was announced")
}

#[test]
fn a_server_is_announced_thrice_at_first_and_then_every_30_seconds() {
    let mut alice = listening();
    let said = said(&mut alice, 0, 65_000);
    assert_eq!(times(&said, "announce"), [0, 250, 1000, 31_000, 61_000]);
    assert_eq!(said.len(), 5);
}

#[test]
fn a_device_without_a_server_says_nothing_and_answers_nobody() {
    let mut alice = alice();
    alice.set_addresses(at(0), ["10.0.0.1".parse().unwrap()].into());
    alice.asked(at(0), "10.0.0.2:9".parse().unwrap());
    alice.set_circles(at(0), vec![circle(1, 1)]);
    alice.set_name(at(0), "Alice");
    alice.set_visible(at(0), 60_000);
    assert_eq!(said(&mut alice, 0, 100_000), [(0, "ask".to_owned())], "it only looks who is there");
    assert!(alice.leave().is_empty());
}

#[test]
fn a_server_that_stops_takes_leave_once() {
    let mut alice = listening();
    said(&mut alice, 0, 5000);
    alice.set_port(at(6000), None);
    assert_eq!(said(&mut alice, 6000, 200_000), [(6000, "withdraw 2".to_owned())]);
    assert!(alice.leave().is_empty());
    alice.set_port(at(200_000), Some(4000));
    said(&mut alice, 200_000, 201_000);
    assert_eq!(alice.leave(), [Act::Withdraw(Instance([2; 8]))]);
    assert!(alice.leave().is_empty());
}

#[test]
fn the_next_day_has_another_name_and_the_last_one_is_good_for_a_moment_longer() {
    let mut alice = listening();
    let midnight = DAY_MS / 2;
    let said = said(&mut alice, 0, midnight + 5000);
    let around: Vec<_> =
        said.iter().filter(|(at, _)| *at >= midnight).map(|(at, what)| (at - midnight, what.as_str())).collect();
    let expected = [(0, "announce 3"), (250, "announce 3"), (1000, "announce 3"), (OVERLAP_MS, "withdraw 2")];
    assert_eq!(around, expected);
    assert!(said.iter().filter(|(at, _)| *at < midnight).all(|(_, what)| what == "announce 2"));
}

#[test]
fn another_key_or_a_room_that_was_left_gives_another_name_and_a_new_room_does_not() {
    let mut alice = listening();
    alice.set_circles(at(0), vec![circle(1, 1)]);
    said(&mut alice, 0, 5000);
    alice.set_circles(at(6000), vec![circle(1, 1), circle(2, 2)]);
    assert_eq!(times(&said(&mut alice, 6000, 10_000), "announce 2"), [6000, 6250, 7000]);
    for (now, circles, former, name) in
        [(10_000, vec![circle(1, 3), circle(2, 2)], 2, 3), (20_000, vec![circle(2, 2)], 3, 4)]
    {
        alice.set_circles(at(now), circles);
        let said = said(&mut alice, now, now + 5000);
        assert_eq!(times(&said, &format!("announce {name}")), [now, now + 250, now + 1000]);
        assert_eq!(times(&said, &format!("withdraw {former}")), [now + OVERLAP_MS]);
    }
    alice.set_circles(at(30_000), vec![circle(2, 2)]);
    assert!(times(&said(&mut alice, 30_000, 31_000), "announce").is_empty(), "nothing changed");
}

#[test]
fn another_network_hears_another_name_and_nothing_of_the_last_one() {
    let mut alice = listening();
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<BTreeSet<IpAddr>>();
    alice.set_addresses(at(0), addresses(&["10.0.0.1"]));
    said(&mut alice, 0, 5000);
    alice.set_addresses(at(6000), addresses(&["10.0.0.1", "fd00::1"]));
    let more = said(&mut alice, 6000, 9000);
    assert_eq!(times(&more, "announce 2").len(), 3);
    assert_eq!(times(&more, "ask"), [6000]);
    // The cable is pulled, and in again elsewhere.
    alice.set_addresses(at(10_000), addresses(&[]));
    said(&mut alice, 10_000, 11_000);
    alice.set_addresses(at(12_000), addresses(&["192.168.7.7"]));
    let elsewhere = said(&mut alice, 12_000, 20_000);
    assert_eq!(times(&elsewhere, "announce 3"), [12_000, 12_250, 13_000]);
    assert!(times(&elsewhere, "withdraw").is_empty());
    // And back in the same place.
    alice.set_addresses(at(21_000), addresses(&[]));
    alice.set_addresses(at(22_000), addresses(&["192.168.7.7"]));
    assert_eq!(times(&said(&mut alice, 22_000, 24_000), "announce 3").len(), 3);
}

#[test]
fn the_name_is_said_while_a_person_wants_it() {
    let mut alice = listening();
    alice.set_name(at(0), "Alice");
    said(&mut alice, 0, 5000);
    alice.set_visible(at(5000), 60_000);
    assert_eq!(alice.visible_until(at(5000)), Some(NOON + 65_000));
    assert_eq!(announced(&mut alice, 5000).name.as_deref(), Some("Alice"));
    said(&mut alice, 5000, 10_000);
    alice.set_name(at(10_000), "Alice L.");
    assert_eq!(announced(&mut alice, 10_000).name.as_deref(), Some("Alice L."));
    assert_eq!(times(&said(&mut alice, 10_001, 65_500), "announce").last(), Some(&65_250));
    assert_eq!(alice.visible_until(at(65_500)), None);
    assert_eq!(announced(&mut alice, 66_000).name, None);
    alice.set_visible(at(70_000), 60_000);
    assert!(announced(&mut alice, 70_000).name.is_some());
    alice.set_visible(at(71_000), 0);
    assert_eq!(announced(&mut alice, 71_000).name, None);
}

#[test]
fn who_asks_is_answered_soon_once_and_not_without_end() {
    let mut alice = listening();
    said(&mut alice, 0, 5000);
    let bob = "10.0.0.2:5000".parse().unwrap();
    alice.asked(at(6000), bob);
    alice.asked(at(6001), bob);
    let answers = said(&mut alice, 6000, 7000);
    assert!(matches!(answers.as_slice(), [(at, what)] if *at < 6000 + ANSWER_MS && what == "answer 10.0.0.2:5000"));
    for n in 0..10_000_u16 {
        let [high, low] = n.to_be_bytes();
        alice.asked(at(8000), SocketAddr::from(([10, 1, high, low], 9)));
    }
    assert_eq!(times(&said(&mut alice, 8000, 9000), "answer").len() as u64, ANSWERS);
    for n in 0..10_000_u16 {
        let [high, low] = n.to_be_bytes();
        alice.asked(at(9000), SocketAddr::from(([10, 1, high, low], 9)));
    }
    assert_eq!(times(&said(&mut alice, 9000, 10_000), "answer").len() as u64, ANSWERS_A_SECOND);
}

#[test]
fn however_often_somebody_looks_it_is_asked_now_and_then() {
    let mut alice = alice();
    let mut asked = Vec::new();
    for now in (0..10_000).step_by(100) {
        alice.look(at(now));
        asked.extend(times(&said(&mut alice, now, now + 1), "ask"));
    }
    assert_eq!(asked, [0, 3000, 6000, 9000]);
}

#[test]
fn what_is_announced_fits_whatever_the_device_belongs_to() {
    let mut alice = listening();
    alice.set_name(at(0), &"n".repeat(128));
    alice.set_visible(at(0), 1000);
    alice.set_circles(at(0), (0..200).map(|n| circle(n, n)).collect());
    let said = announced(&mut alice, 0);
    assert!(said.is_sound() && said.port == 4000 && said.protocol == 1, "{said:?}");
}
