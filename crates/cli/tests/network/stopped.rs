//! A server is stopped, and started again, while its clients write.

use std::time::Instant;

use serde_json::Value;

use crate::{
    conversation::{assert_settled, meet, talk},
    device::Device,
};

const TEXTS: usize = 600;

#[test]
fn clients_go_on_while_the_server_is_stopped_and_come_back_by_themselves() {
    let (alice, bob, carol) = (Device::start("alice"), Device::start("bob"), Device::start("carol"));
    let room = meet(&alice, &[&bob, &carol]);
    for cycle in 0..2 {
        let devices = [&alice, &bob, &carol];
        let marks = devices.map(Device::mark);
        std::thread::scope(|scope| {
            let until = bob.asked() + 100;
            let writing = devices.map(|device| scope.spawn(|| device.flood(&room.id, TEXTS)));
            bob.until_answered(until);
            alice.ask("stop_server", Value::Null);
            let since = Instant::now();
            for (client, mark) in [(&bob, marks[1]), (&carol, marks[2])] {
                client.assert_gone(mark, &alice, since, &["server_stopped"]);
                alice.assert_gone(marks[0], client, since, &["server_stopped"]);
            }
            for writing in writing {
                writing.join().unwrap();
            }
        });
        assert_eq!(alice.ask("status", Value::Null)["server"]["running"], false);
        assert_eq!(alice.ask("peers", Value::Null), serde_json::json!([]));
        bob.say(&room.id);

        let marks = devices.map(Device::mark);
        assert_eq!(alice.serve(room.port), room.port);
        for (client, mark) in [(&bob, marks[1]), (&carol, marks[2])] {
            client.until_connected(mark, &alice);
            alice.until_connected(marks[0], client);
        }
        let held = assert_settled(&devices, &room.id);
        assert_eq!(held, (cycle + 1) * (3 * TEXTS + 1) + cycle * 2);
        talk(&carol, &bob, &room.id);
    }
}
