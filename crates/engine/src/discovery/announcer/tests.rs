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
                Act::Forget => "forget".to_owned(),
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
    at_addresses(&mut alice, 0, &["10.0.0.1"], &[]);
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
    alice.set_circles(at(40_000), vec![circle(3, 3), circle(2, 2)]);
    said(&mut alice, 40_000, 45_000);
    let mut others = vec![circle(2, 2), circle(3, 3)];
    others[0].members.push(ALICE);
    alice.set_circles(at(46_000), others);
    assert!(
        times(&said(&mut alice, 46_000, 50_000), "announce").is_empty(),
        "who belongs, and in what order, is not said"
    );
}

/// These are its addresses now: those that tell networks from each other, and others.
fn at_addresses(alice: &mut Announcer, now: u64, telling: &[&str], others: &[&str]) {
    let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<BTreeSet<IpAddr>>();
    alice.set_addresses(at(now), &parsed(telling) | &parsed(others), parsed(telling));
}

#[test]
fn another_network_hears_another_name_and_nothing_of_the_last_one() {
    let mut alice = listening();
    at_addresses(&mut alice, 0, &["10.0.0.1"], &[]);
    said(&mut alice, 0, 5000);
    at_addresses(&mut alice, 6000, &["10.0.0.1", "fd00::1"], &[]);
    let more = said(&mut alice, 6000, 9000);
    assert_eq!(times(&more, "announce 2").len(), 3);
    assert_eq!(times(&more, "ask"), [6000]);
    // The cable is pulled, and in again elsewhere.
    at_addresses(&mut alice, 10_000, &[], &[]);
    said(&mut alice, 10_000, 11_000);
    at_addresses(&mut alice, 12_000, &["192.168.7.7"], &[]);
    let elsewhere = said(&mut alice, 12_000, 20_000);
    assert_eq!(times(&elsewhere, "announce 3"), [12_000, 12_250, 13_000]);
    assert_eq!(elsewhere[0], (12_000, "forget".to_owned()));
    assert!(times(&elsewhere, "withdraw").is_empty());
    // And back in the same place.
    at_addresses(&mut alice, 21_000, &[], &[]);
    at_addresses(&mut alice, 22_000, &["192.168.7.7"], &[]);
    assert_eq!(times(&said(&mut alice, 22_000, 24_000), "announce 3").len(), 3);
    // And after a while without any network, wherever that is.
    at_addresses(&mut alice, 25_000, &[], &[]);
    said(&mut alice, 25_000, 54_000);
    at_addresses(&mut alice, 55_000, &["192.168.7.7"], &[]);
    assert_eq!(times(&said(&mut alice, 55_000, 57_000), "announce 4").len(), 3);
}

#[test]
fn what_a_device_is_called_does_not_follow_it_by_addresses_that_are_the_same_everywhere() {
    let same = ["fe80::1", "172.17.0.1", "10.8.0.2"];
    let mut alice = listening();
    // At the start there is nothing else for a moment.
    at_addresses(&mut alice, 0, &[], &same);
    at_addresses(&mut alice, 2000, &["10.0.0.1"], &same);
    assert_eq!(times(&said(&mut alice, 2000, 5000), "announce 2").len(), 3);
    at_addresses(&mut alice, 10_000, &["192.168.7.7"], &same);
    let elsewhere = said(&mut alice, 10_000, 15_000);
    assert_eq!(times(&elsewhere, "announce 3").len(), 3);
    assert!(times(&elsewhere, "withdraw").is_empty() && times(&elsewhere, "forget").len() == 1);
    // A moment without, in the same place: it might have been another one.
    at_addresses(&mut alice, 20_000, &[], &same);
    assert_eq!(times(&said(&mut alice, 20_000, 20_500), "announce 4").len(), 2);
    at_addresses(&mut alice, 21_000, &["192.168.7.7"], &same);
    let back = said(&mut alice, 21_000, 25_000);
    assert_eq!(times(&back, "announce 3").len(), 3);
    assert!(times(&back, "withdraw").is_empty() && times(&back, "forget").len() == 1);
    // And with a moment without, elsewhere.
    at_addresses(&mut alice, 29_000, &[], &[]);
    said(&mut alice, 29_000, 29_500);
    at_addresses(&mut alice, 30_000, &[], &same);
    assert_eq!(times(&said(&mut alice, 30_000, 30_500), "announce 5").len(), 2);
    at_addresses(&mut alice, 31_000, &["10.0.0.1"], &same);
    assert_eq!(times(&said(&mut alice, 31_000, 35_000), "announce 5").len(), 3);
    // A long while without, in the same place.
    at_addresses(&mut alice, 40_000, &[], &same);
    said(&mut alice, 40_000, 60_000);
    at_addresses(&mut alice, 70_000, &["10.0.0.1"], &same);
    assert_eq!(times(&said(&mut alice, 70_000, 75_000), "announce 6").len(), 3);
    // And where somebody was removed meanwhile, the name is not the former one either.
    alice.set_circles(at(76_000), vec![circle(1, 1)]);
    said(&mut alice, 76_000, 80_000);
    at_addresses(&mut alice, 80_000, &[], &same);
    alice.set_circles(at(81_000), vec![circle(1, 2)]);
    at_addresses(&mut alice, 82_000, &["10.0.0.1"], &same);
    assert!(times(&said(&mut alice, 82_000, 85_000), "announce 6").is_empty());
}

#[test]
fn after_a_sleep_it_asks_and_announces_at_once_and_after_a_long_one_by_another_name() {
    let mut alice = listening();
    at_addresses(&mut alice, 0, &["10.0.0.1"], &[]);
    said(&mut alice, 0, 5000);
    for (now, slept, name) in [(10_000, 20_000, "announce 2"), (20_000, SLEPT_MS, "announce 3")] {
        alice.awoke(at(now), slept);
        let said = said(&mut alice, now, now + 5000);
        assert_eq!(times(&said, name), [now, now + 250, now + 1000]);
        assert_eq!((times(&said, "ask"), times(&said, "forget")), (vec![now], vec![now]));
        assert!(times(&said, "withdraw").is_empty());
    }
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
fn one_that_asks_without_end_leaves_the_others_their_answers() {
    let mut alice = listening();
    said(&mut alice, 0, 5000);
    let mut answered = Vec::new();
    for now in (10_000..13_000).step_by(10) {
        for port in 1..20 {
            alice.asked(at(now), SocketAddr::from(([10, 0, 0, 66], port * 100 + u16::try_from(now % 100).unwrap())));
        }
        if now == 12_500 {
            alice.asked(at(now), "10.0.0.2:5000".parse().unwrap());
        }
        answered.extend(said(&mut alice, now, now + 9));
    }
    answered.extend(said(&mut alice, 13_000, 14_000));
    assert_eq!(times(&answered, "answer 10.0.0.2:5000").len(), 1);
    assert_eq!(times(&answered, "answer 10.0.0.66").len(), 3 * ANSWERS_TO_ONE);
    assert!(alice.answered.len() as u64 <= ANSWERS + ANSWERS_A_SECOND);
}

#[test]
fn a_clock_that_is_set_back_shows_nobody_for_longer() {
    let mut alice = listening();
    alice.set_name(at(0), "Alice");
    said(&mut alice, 0, 5000);
    alice.set_visible(at(5000), 60_000);
    let late = Moment { steady_ms: 5001, ..at(5000) };
    assert_eq!(alice.visible_until(late), alice.visible_until(at(5000)), "the clocks are not read at once");
    let back = |ms: u64| Moment { steady_ms: ms, wall_ms: NOON + ms - 3_600_000 };
    assert_eq!(alice.visible_until(back(35_000)), Some(back(65_000).wall_ms));
    assert!(alice.due_ms(back(35_000)) <= 65_000);
    assert_eq!(alice.visible_until(back(65_000)), None);
    // And one that stands still in sleep.
    let slept = Moment { steady_ms: 6000, wall_ms: NOON + 65_000 };
    assert_eq!(alice.visible_until(slept), None);
    alice.acts(back(65_000));
    assert_eq!(alice.visible_until, None);
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
