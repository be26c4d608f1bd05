//! A machine falls asleep and wakes up.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::{
    conversation::{assert_settled, meet, talk},
    device::Device,
};

/// Longer than a device may be silent.
const SLEEP: Duration = Duration::from_secs(12);

fn sleeps(sleeper: &Device, other: &Device, room: &str) {
    talk(sleeper, other, room);
    let marks = (sleeper.mark(), other.mark());
    let since = Instant::now();
    sleeper.signal(Signal::STOP);
    other.say(room);
    other.assert_gone(marks.1, sleeper, since, &["silent", "stalled"]);
    for _ in 0..20 {
        other.say(room);
    }
    std::thread::sleep(SLEEP.saturating_sub(since.elapsed()));

    let awake = other.mark();
    sleeper.signal(Signal::CONT);
    other.until_connected(awake, sleeper);
    for _ in 0..20 {
        sleeper.say(room);
    }
    assert_eq!(assert_settled(&[sleeper, other], room), 2 + 1 + 40);
    talk(sleeper, other, room);
}

#[test]
fn a_server_that_sleeps_is_missed_and_catches_up() {
    let (alice, bob) = (Device::start("alice"), Device::start("bob"));
    let room = meet(&alice, &[&bob]);
    sleeps(&alice, &bob, &room.id);
}

#[test]
fn a_client_that_sleeps_is_missed_and_catches_up() {
    let (alice, bob) = (Device::start("alice"), Device::start("bob"));
    let room = meet(&alice, &[&bob]);
    sleeps(&bob, &alice, &room.id);
}
