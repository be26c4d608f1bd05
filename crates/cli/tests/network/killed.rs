//! A process is killed while everybody writes.

use std::time::Instant;

use crate::{
    conversation::{assert_settled, meet, talk},
    device::Device,
};

/// What each is given to say in a cycle, as fast as it takes it.
const TEXTS: usize = 800;

#[test]
fn nothing_that_was_answered_is_lost_however_often_a_process_is_killed() {
    let (mut alice, mut bob) = (Device::start("alice"), Device::start("bob"));
    let room = meet(&alice, &[&bob]);
    // After how many more answers of its own each is killed, by turns.
    for (cycle, answers) in [1, 40, 150, 400, 700].into_iter().enumerate() {
        let marks = (alice.mark(), bob.mark());
        let killed_at = std::thread::scope(|scope| {
            let (victim, survivor) = if cycle % 2 == 0 { (&alice, &bob) } else { (&bob, &alice) };
            let until = victim.asked() + answers;
            let writing =
                [scope.spawn(|| survivor.flood(&room.id, TEXTS)), scope.spawn(|| victim.flood(&room.id, TEXTS))];
            victim.until_answered(until);
            let killed_at = Instant::now();
            victim.kill();
            for writing in writing {
                writing.join().unwrap();
            }
            killed_at
        });
        if cycle % 2 == 0 {
            bob.assert_gone(marks.1, &alice, killed_at, &["reset"]);
            let mark = bob.mark();
            alice.start_again();
            alice.serve(room.port);
            bob.until_connected(mark, &alice);
        } else {
            alice.assert_gone(marks.0, &bob, killed_at, &["reset"]);
            let mark = alice.mark();
            bob.start_again();
            alice.until_connected(mark, &bob);
        }
        assert_settled(&[&alice, &bob], &room.id);
    }
    talk(&alice, &bob, &room.id);
    // Each survivor had all of its texts answered.
    assert!(assert_settled(&[&alice, &bob], &room.id) >= 5 * TEXTS);

    // What they show is on their disks.
    alice.kill();
    bob.kill();
    alice.start_again();
    bob.start_again();
    assert!(assert_settled(&[&alice, &bob], &room.id) >= 5 * TEXTS);
}
