//! Who connects to whom, and that a room goes on without the device it began at.

use crate::{
    conversation::{assert_settled, meet, tell},
    device::Device,
};

#[test]
fn a_room_goes_on_through_another_listener_when_its_first_is_killed_for_good() {
    let devices = ["alice", "bob", "carol", "dave", "erin", "frank"].map(Device::start);
    let [alice, bob, clients @ ..] = &devices;
    let [carol, dave, erin, frank] = clients;
    let room = meet(alice, &[bob, carol, dave, erin, frank]);
    let marks = clients.each_ref().map(Device::mark);
    bob.serve(0);
    for (client, mark) in clients.iter().zip(marks) {
        client.until_connected(mark, bob);
    }
    for device in &devices {
        device.say(&room.id);
    }
    assert_settled(&devices.each_ref(), &room.id);

    std::thread::scope(|scope| {
        let writing = clients.each_ref().map(|client| scope.spawn(|| client.flood(&room.id, 200)));
        carol.until_answered(carol.asked());
        alice.kill();
        for writing in writing {
            writing.join().unwrap();
        }
    });
    for (from, to) in [(carol, dave), (dave, erin), (erin, frank), (frank, bob), (bob, carol)] {
        tell(from, to, &room.id);
    }
    let survivors = [bob, carol, dave, erin, frank];
    assert!(assert_settled(&survivors, &room.id) >= 800);
}

#[test]
fn a_client_whose_listeners_die_one_after_another_moves_over_each_time() {
    let [alice, bob, carol, dave, erin] = ["alice", "bob", "carol", "dave", "erin"].map(Device::start);
    let room = meet(&alice, &[&bob, &carol, &dave, &erin]);
    // Erin and Dave listen to nobody. Alice, Bob and Carol do, and Bob and Carol die.
    for listener in [&bob, &carol] {
        listener.serve(0);
        tell(listener, &erin, &room.id);
    }
    for listener in [&bob, &carol] {
        listener.kill();
        tell(&dave, &erin, &room.id);
        tell(&erin, &dave, &room.id);
    }
    assert_settled(&[&alice, &dave, &erin], &room.id);
}
