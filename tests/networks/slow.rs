//! A network on which everything is late and some of it lost.

use std::time::{Duration, Instant};

use crate::{
    conversation::{assert_settled, meet, tell},
    story::{self, Outcome, seconds},
};

#[test]
fn a_conversation_is_slow_and_whole_where_frames_are_lost_and_late() {
    story::on("5 % of all frames are lost, and each takes 200 ms", |lab| {
        let near = lab.lan();
        let far = near.far_end(Duration::from_millis(200));
        far.lose(5);
        let (alices, bobs) = (lab.host("alice", &near), lab.host("bob", &far));
        let (alice, bob) = (alices.device(), bobs.device());
        let since = Instant::now();
        let room = meet(&alice, &[&bob]).id;
        let met = since.elapsed();
        let slowest = (0..10)
            .map(|_| {
                let since = Instant::now();
                tell(&alice, &bob, &room);
                tell(&bob, &alice, &room);
                since.elapsed()
            })
            .max()
            .unwrap_or_default();
        std::thread::scope(|scope| {
            for device in [&alice, &bob] {
                scope.spawn(|| device.flood(&room, 100));
            }
        });
        let count = assert_settled(&[&alice, &bob], &room);
        assert_eq!(count, 220);
        Outcome::new("they find each other and talk, late, and nothing is lost").measured(format!(
            "joined in {}; question and answer took up to {}",
            seconds(met),
            seconds(slowest)
        ))
    });
}
