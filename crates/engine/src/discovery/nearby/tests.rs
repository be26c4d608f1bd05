use lanline_protocol::id::{Hash, RoomId};
use proptest::prelude::*;

use super::*;
use crate::{
    discovery::{announcement::Tag, sighting::STALE_MS},
    net::LinkAddress,
};

const ALICE: DeviceId = DeviceId::new([1; 32]);
const BOB: DeviceId = DeviceId::new([2; 32]);

fn at(ms: u64) -> Moment {
    Moment { steady_ms: ms, wall_ms: 1_795_000_000_000 + ms }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn home() -> Circle {
    Circle { room: RoomId::new([1; 32]), beacon: Hash::new([1; 32]), members: vec![ALICE, BOB] }
}

fn stranger(instance: u16) -> Announcement {
    let [high, low] = instance.to_be_bytes();
    let instance = Instance([high, low, 0, 0, 0, 0, 0, 0]);
    Announcement { instance, port: 12345, protocol: 1, tags: vec![Tag([9; 8]); 8], name: None }
}

fn member(instance: u16, device: DeviceId) -> Announcement {
    let mut said = stranger(instance);
    said.tags = vec![tag::tag(&home().beacon, said.instance, device)];
    said
}

fn named(instance: u16, name: &str) -> Announcement {
    Announcement { name: Some(name.to_owned()), ..stranger(instance) }
}

/// In a room with alice and bob.
fn carol() -> Nearby {
    let mut carol = Nearby::default();
    carol.set_circles(at(0), vec![home()]);
    carol
}

fn shown(nearby: &Nearby) -> Vec<String> {
    let who = |near: &Near| match (near.device, &near.name) {
        (Some(ALICE), _) => "alice".to_owned(),
        (Some(BOB), _) => "bob".to_owned(),
        (_, name) => name.clone().unwrap_or_else(|| "nameless".to_owned()),
    };
    let addresses = |near: &Near| near.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    nearby.list().iter().map(|near| format!("{} {}", who(near), addresses(near))).collect()
}

#[test]
fn members_come_first_and_then_those_with_a_name() {
    let mut carol = carol();
    let from = |n: u8| address(&format!("10.0.0.{n}:12345"));
    carol.heard(at(0), stranger(1), from(1), Via::Multicast);
    carol.heard(at(0), named(2, "Zoe"), from(2), Via::Mdns);
    carol.heard(at(0), member(3, BOB), from(3), Via::Broadcast);
    carol.heard(at(0), named(4, "Dave"), from(4), Via::Mdns);
    let expected = ["bob 10.0.0.3:12345", "Dave 10.0.0.4:12345", "Zoe 10.0.0.2:12345", "nameless 10.0.0.1:12345"];
    assert_eq!(shown(&carol), expected);
    assert_eq!(carol.take_found(at(0)), [(BOB, vec![from(3)])]);
    assert!(carol.take_changed() && !carol.take_changed());
}

#[test]
fn what_is_heard_in_several_ways_is_one_device() {
    let mut carol = carol();
    for (ms, from, via) in [
        (0, "[fe80::3%2]:12345", Via::Multicast),
        (5, "[fd00::3]:12345", Via::Mdns),
        (10, "10.0.0.3:12345", Via::Broadcast),
        (20, "10.0.0.3:12345", Via::Mdns),
    ] {
        carol.heard(at(ms), member(3, BOB), address(from), via);
    }
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345 [fd00::3]:12345 [fe80::3%2]:12345"], "best first");
    let [near] = carol.list().try_into().unwrap();
    assert_eq!((near.via, near.seen_at), (Via::Multicast, at(20).wall_ms));
    carol.take_changed();
    carol.heard(at(30_000), member(3, BOB), address("10.0.0.3:12345"), Via::Broadcast);
    assert!(!carol.take_changed(), "that it is still there is no news");
    assert_eq!(carol.list()[0].seen_at, at(30_000).wall_ms);
}

#[test]
fn who_is_not_heard_any_more_is_gone_in_time_and_an_address_before_it() {
    let mut carol = carol();
    carol.heard(at(0), member(3, BOB), address("10.0.0.3:12345"), Via::Mdns);
    carol.heard(at(30_000), member(3, BOB), address("10.0.0.4:12345"), Via::Mdns);
    carol.take_found(at(30_000));
    assert_eq!(carol.due_ms(), Some(STALE_MS));
    carol.tick(at(STALE_MS - 1));
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345 10.0.0.4:12345"]);
    carol.tick(at(STALE_MS));
    assert_eq!(carol.take_found(at(STALE_MS)), [(BOB, vec![address("10.0.0.4:12345")])]);
    carol.tick(at(30_000 + STALE_MS));
    assert_eq!(carol.take_found(at(30_000 + STALE_MS)), [(BOB, Vec::new())]);
    assert!(carol.list().is_empty() && carol.due_ms().is_none());
}

#[test]
fn who_takes_leave_is_gone_at_once_but_not_by_somebody_elses_word() {
    let mut carol = carol();
    let (own, other) = (address("10.0.0.3:12345"), address("10.0.0.66:12345"));
    carol.heard(at(0), member(3, BOB), own, Via::Broadcast);
    carol.take_found(at(0));
    let instance = member(3, BOB).instance;
    carol.bye(at(1), instance, other.ip(), Via::Multicast);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345"]);
    // Who says again what bob said is heard under bob's name, too, and can take him off no more than before.
    carol.heard(at(2), member(3, BOB), other, Via::Broadcast);
    for via in [Via::Multicast, Via::Mdns] {
        carol.bye(at(3), instance, other.ip(), via);
        assert_eq!(shown(&carol), ["bob 10.0.0.3:12345 10.0.0.66:12345"]);
    }
    carol.bye(at(4), instance, own.ip(), Via::Multicast);
    assert!(carol.list().is_empty());
    assert_eq!(carol.take_found(at(2000)), [(BOB, Vec::new())]);
}

#[test]
fn what_mdns_says_moves_nobody_who_is_heard() {
    let mut carol = carol();
    let own = address("10.0.0.3:12345");
    carol.heard(at(0), member(3, BOB), own, Via::Broadcast);
    let moved = Announcement { port: 9, ..member(3, BOB) };
    carol.heard(at(1), moved, address("10.0.0.3:9"), Via::Mdns);
    assert_eq!(carol.list()[0].addresses, [address("10.0.0.3:9"), own]);
    carol.heard(at(2), member(3, BOB), own, Via::Broadcast);
    assert_eq!(carol.list()[0].addresses, [own]);
}

#[test]
fn a_member_that_flits_about_is_passed_on_now_and_then_and_at_last_as_it_is() {
    let mut carol = carol();
    let mut passed = Vec::new();
    for now in (0..10_000).step_by(10) {
        let port = 1000 + u16::try_from(now / 10).unwrap();
        let flitted = Announcement { port, ..member(3, BOB) };
        carol.heard(at(now), flitted, SocketAddr::from(([10, 0, 0, 3], port)), Via::Broadcast);
        passed.extend(carol.take_found(at(now)).into_iter().map(|(_, addresses)| (now, addresses)));
    }
    let times: Vec<u64> = passed.iter().map(|(now, _)| *now).collect();
    assert_eq!(times, [0, 2000, 4000, 6000, 8000]);
    assert_eq!(carol.due_ms(), Some(10_000));
    assert_eq!(carol.take_found(at(10_000)), [(BOB, vec![address("10.0.0.3:1999")])]);
    assert_eq!(carol.take_found(at(20_000)), []);
    assert!(carol.passed.is_empty());
}

fn link(index: u32, ip: &str, prefix: u8) -> Link {
    let addresses = vec![LinkAddress { ip: ip.parse().unwrap(), prefix, broadcast: None }];
    Link { index, name: format!("eth{index}"), loopback: false, point_to_point: false, addresses }
}

#[test]
fn on_another_network_nobody_of_the_last_one_is_near() {
    let mut carol = carol();
    for from in ["10.0.0.3:12345", "[fe80::3%2]:12345"] {
        carol.heard(at(0), member(3, BOB), address(from), Via::Broadcast);
    }
    carol.heard(at(0), named(4, "Dave"), address("10.0.0.4:12345"), Via::Broadcast);
    carol.take_found(at(0));
    carol.take_changed();
    carol.set_links(&[link(2, "10.0.0.1", 24), link(2, "fe80::1", 64)]);
    assert!(!carol.take_changed() && carol.take_found(at(5000)).is_empty(), "it is where it was");
    carol.set_links(&[link(2, "192.168.7.7", 24), link(2, "fe80::1", 64)]);
    assert_eq!(shown(&carol), ["bob [fe80::3%2]:12345"]);
    assert_eq!(carol.take_found(at(5000)), [(BOB, vec![address("[fe80::3%2]:12345")])]);
    carol.set_links(&[link(3, "fe80::1", 64)]);
    assert!(carol.list().is_empty() && carol.take_changed(), "that of another interface");
    assert_eq!(carol.take_found(at(10_000)), [(BOB, Vec::new())]);
}

#[test]
fn after_a_sleep_nobody_is_near_who_was_not_heard_since() {
    let mut carol = carol();
    carol.heard(at(0), member(3, BOB), address("10.0.0.3:12345"), Via::Mdns);
    carol.take_found(at(0));
    carol.clear();
    assert!(carol.list().is_empty());
    assert_eq!(carol.take_found(at(5000)), [(BOB, Vec::new())]);
}

#[test]
fn where_a_member_is_is_judged_by_what_was_heard_last() {
    let mut carol = carol();
    let [old, new, other] = ["10.0.0.3:12345", "10.0.0.4:12345", "10.0.0.5:12345"].map(address);
    for from in [old, other] {
        carol.heard(at(0), member(3, BOB), from, Via::Broadcast);
    }
    carol.heard(at(29_000), member(3, BOB), new, Via::Broadcast);
    carol.heard(at(29_200), member(3, BOB), other, Via::Mdns);
    assert_eq!(carol.newest_addresses_of(BOB), [other, new]);
    assert_eq!(carol.take_found(at(29_200))[0].1.len(), 3, "it is looked at the last one all the same");
    carol.heard(at(40_000), member(4, BOB), old, Via::Broadcast);
    assert_eq!(carol.newest_addresses_of(BOB), [old]);
}

#[test]
fn whom_mdns_forgot_is_there_as_long_as_it_is_heard() {
    let mut carol = carol();
    let from = address("10.0.0.3:12345");
    for n in [3, 4] {
        carol.heard(at(0), stranger(n), from, Via::Mdns);
    }
    carol.heard(at(1000), stranger(4), from, Via::Broadcast);
    for n in [3, 4] {
        carol.bye(at(2000), stranger(n).instance, from.ip(), Via::Mdns);
    }
    let there = |carol: &Nearby| carol.sightings.keys().copied().collect::<Vec<_>>();
    assert_eq!(there(&carol), [stranger(4).instance]);
    carol.heard(at(1000 + STALE_MS), stranger(4), from, Via::Mdns);
    carol.bye(at(1000 + STALE_MS), stranger(4).instance, from.ip(), Via::Mdns);
    assert_eq!(there(&carol), []);
}

#[test]
fn a_device_that_takes_another_name_of_the_day_is_never_out_of_sight() {
    let mut carol = carol();
    let from = address("10.0.0.3:12345");
    carol.heard(at(0), member(3, BOB), from, Via::Mdns);
    carol.heard(at(10), member(4, BOB), from, Via::Mdns);
    assert_eq!(carol.take_found(at(10)), [(BOB, vec![from])]);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345"]);
    carol.bye(at(20), member(3, BOB).instance, from.ip(), Via::Multicast);
    assert_eq!(carol.take_found(at(2010)), [(BOB, vec![from])]);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345"]);
}

#[test]
fn a_server_that_moves_to_another_port_is_found_there_alone() {
    let mut carol = carol();
    carol.heard(at(0), member(3, BOB), address("10.0.0.3:12345"), Via::Mdns);
    carol.heard(at(0), member(3, BOB), address("10.0.0.66:12345"), Via::Mdns);
    let moved = |port| Announcement { port, ..member(3, BOB) };
    carol.heard(at(5), moved(4000), address("10.0.0.3:4000"), Via::Mdns);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:4000 10.0.0.66:12345"]);
    carol.heard(at(6), moved(4001), address("10.0.0.3:4001"), Via::Broadcast);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:4001 10.0.0.66:12345"]);
}

#[test]
fn whoever_says_again_what_a_member_said_does_not_push_it_out() {
    let mut carol = carol();
    let own = address("10.0.0.200:12345");
    carol.heard(at(0), member(3, BOB), own, Via::Mdns);
    for n in 1..100 {
        carol.heard(at(n), member(3, BOB), address(&format!("10.0.0.{n}:12345")), Via::Multicast);
    }
    let [(device, addresses)] = carol.take_found(at(100)).try_into().unwrap();
    assert!(device == BOB && addresses.len() == ADDRESSES && addresses.contains(&own));
}

#[test]
fn who_is_removed_is_not_found_any_more_and_who_joins_is() {
    let mut carol = carol();
    let from = address("10.0.0.3:12345");
    carol.heard(at(0), member(3, BOB), from, Via::Mdns);
    assert_eq!(carol.take_found(at(0)), [(BOB, vec![from])]);
    // Bob is removed, and the key is another one.
    let after = Circle { beacon: Hash::new([2; 32]), members: vec![ALICE], ..home() };
    carol.set_circles(at(10), vec![after.clone()]);
    assert_eq!(carol.take_found(at(2000)), [(BOB, Vec::new())]);
    assert_eq!(shown(&carol), ["nameless 10.0.0.3:12345"]);
    // The room was left: nobody of it is anybody here.
    carol.set_circles(at(2020), vec![home()]);
    assert_eq!(carol.take_found(at(4000)), [(BOB, vec![from])]);
    carol.set_circles(at(4030), Vec::new());
    assert_eq!(carol.take_found(at(6000)), [(BOB, Vec::new())]);
}

#[test]
fn a_member_whose_tags_take_turns_stays_recognised() {
    let mut carol = carol();
    let from = address("10.0.0.3:12345");
    carol.heard(at(0), stranger(3), from, Via::Mdns);
    assert_eq!(shown(&carol), ["nameless 10.0.0.3:12345"]);
    carol.heard(at(30_000), member(3, BOB), from, Via::Mdns);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345"]);
    carol.heard(at(60_000), stranger(3), from, Via::Mdns);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345"]);
    carol.set_circles(at(60_001), vec![home()]);
    assert_eq!(shown(&carol), ["bob 10.0.0.3:12345"]);
}

#[test]
fn a_flood_takes_its_own_place_and_nobody_elses() {
    let mut carol = carol();
    carol.heard(at(0), member(60_000, BOB), address("10.0.0.3:12345"), Via::Mdns);
    carol.heard(at(1), named(60_001, "Dave"), address("10.0.0.4:12345"), Via::Mdns);
    let source = |n: u16| SocketAddr::from(([172, 16, (n >> 8) as u8, n as u8], 1));
    for n in 0..20_000 {
        carol.heard(at(2 + u64::from(n) / 100), stranger(n), source(n), Via::Multicast);
        assert!(carol.sightings.len() <= SIGHTINGS);
    }
    let list = shown(&carol);
    assert_eq!(list.get(..2), Some(["bob 10.0.0.3:12345".to_owned(), "Dave 10.0.0.4:12345".to_owned()].as_slice()));
    // A member that comes while it lasts is found all the same.
    carol.heard(at(300), member(60_002, ALICE), address("10.0.0.5:12345"), Via::Mdns);
    carol.heard(at(300), stranger(30_000), source(30_000), Via::Multicast);
    assert!(shown(&carol).contains(&"alice 10.0.0.5:12345".to_owned()));
}

#[test]
fn one_address_has_few_devices_and_the_oldest_name_gives_way() {
    let mut carol = carol();
    let from = |n: u16| SocketAddr::from(([10, 0, 0, 3], 1000 + n));
    for n in 0..50 {
        carol.heard(at(n.into()), stranger(n), from(n), Via::Mdns);
    }
    let ports: Vec<u16> = carol.list().iter().map(|near| near.addresses[0].port()).collect();
    assert_eq!(ports, (1042..1050).collect::<Vec<_>>());
}

#[test]
fn this_device_is_not_near_itself() {
    let mut carol = carol();
    carol.heard(at(0), stranger(3), address("10.0.0.3:12345"), Via::Mdns);
    carol.own(stranger(3).instance);
    carol.own(stranger(4).instance);
    for n in [3, 4] {
        carol.heard(at(1), stranger(n), address("10.0.0.3:12345"), Via::Mdns);
    }
    assert!(carol.list().is_empty());
}

#[test]
fn so_much_is_computed_in_a_second_and_the_rest_in_the_next() {
    let mut carol = Nearby::default();
    let many = |n: u8| Circle {
        room: RoomId::new([n + 10; 32]),
        beacon: Hash::new([n + 10; 32]),
        members: (0..4000_u16).map(|m| DeviceId::new(std::array::from_fn(|at| (m >> (at % 2 * 8)) as u8))).collect(),
    };
    carol.set_circles(at(0), (0..10).map(many).chain([home()]).collect());
    let from = |n: u16| SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1));
    for n in 0..10 {
        carol.heard(at(10), member(n, BOB), from(n), Via::Mdns);
    }
    let found = |carol: &Nearby| carol.list().iter().filter(|near| near.device.is_some()).count();
    // The last two are in one line then, since they are of one device.
    assert_eq!(carol.sightings.values().filter(|sighting| sighting.looked != Looked::No).count(), 2);
    assert_eq!(carol.due_ms(), Some(1000));
    for second in 1..5 {
        carol.tick(at(second * 1000));
    }
    assert!(carol.sightings.values().all(|sighting| sighting.looked != Looked::No) && found(&carol) == 1);
}

#[test]
fn who_waits_longest_to_be_looked_at_is_first_whatever_it_calls_itself() {
    let mut carol = Nearby::default();
    let many = |n: u8| Circle {
        room: RoomId::new([n + 10; 32]),
        beacon: Hash::new([n + 10; 32]),
        members: (0..6000_u16).map(|m| DeviceId::new(std::array::from_fn(|at| (m >> (at % 2 * 8)) as u8))).collect(),
    };
    carol.set_circles(at(0), (0..10).map(many).chain([home()]).collect());
    let from = |n: u16| SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1));
    carol.heard(at(0), stranger(0), from(0), Via::Broadcast);
    carol.heard(at(1), member(60_000, BOB), from(1), Via::Broadcast);
    for second in 1..3_u16 {
        for n in 0..20 {
            carol.heard(
                at(u64::from(second) * 1000),
                stranger(second * 100 + n),
                from(second * 100 + n),
                Via::Broadcast,
            );
        }
    }
    assert!(
        shown(&carol)[0].starts_with("bob "),
        "one that calls itself 00 is looked at in each second: {:?}",
        shown(&carol)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is heard, in whatever order: nothing grows beyond its bounds, and what is passed on are members alone.
    #[test]
    fn nothing_that_is_heard_breaks_the_bounds(
        steps in proptest::collection::vec((0..4_u8, 0..600_u16, 0..40_u8, 0..3_u8, 0..20_000_u64), 1..200)
    ) {
        let mut carol = carol();
        let mut now = 0;
        for (what, instance, host, who, later) in steps {
            now += later / 10;
            let from = SocketAddr::from(([10, 0, 0, host], 1 + u16::from(who)));
            let said = match who {
                0 => stranger(instance),
                1 => member(instance, ALICE),
                _ => named(instance, "Dave"),
            };
            match what {
                0 | 1 => carol.heard(at(now), said, from, Via::Multicast),
                2 => {
                    carol.bye(at(now), said.instance, from.ip(), Via::Multicast);
                    true
                }
                _ => {
                    carol.tick(at(now));
                    true
                }
            };
            prop_assert!(carol.sightings.len() <= SIGHTINGS);
            for near in carol.list() {
                prop_assert!((1..=ADDRESSES).contains(&near.addresses.len()));
            }
            for (device, _) in carol.take_found(at(now)) {
                prop_assert_eq!(device, ALICE);
            }
            prop_assert!(carol.due_ms().is_none_or(|due| due > 0));
        }
    }
}
