//! Things that happen in a certain order, in which chance alone would hardly ever bring them about.

use lanline_protocol::id::RoomId;

use crate::world::{Happening, World};

/// One of them, at its time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A person says something in a room, as long as the device is in it as far as its person knows.
    Talk(usize, RoomId),
    /// The device goes on with its newest backup.
    Restore(usize),
}

impl World {
    pub(crate) fn play(&mut self, step: Step) {
        if self.healing {
            return;
        }
        match step {
            Step::Talk(device, room) => self.say_in(device, room, 40, false),
            Step::Restore(device) => self.restore_newest(device),
        }
    }

    /// A device goes on with a copy of its disk from a moment ago, in which its person was silent; and its person speaks
    /// before it meets anybody. What it writes now gets the numbers by which others know what it held before.
    pub(crate) fn go_back(&mut self, device: usize) {
        let Some(room) = self.room_of(device) else { return };
        self.back_up(device);
        let others: Vec<usize> = (0..self.devices.len()).filter(|other| *other != device).collect();
        // Meanwhile the others speak, and it hears them.
        for _ in 0..self.dice.between(4, 20) {
            let Some(other) = self.dice.pick(&others).copied() else { return };
            let pause = self.dice.between(0, 3_000_000);
            self.after(pause, Happening::Step(Step::Talk(other, room)));
        }
        self.after(4_000_000, Happening::Step(Step::Restore(device)));
        let alone_us = self.dice.between(9_000_000, 14_000_000);
        let ways = others.iter().flat_map(|other| [(device, *other), (*other, device)]).collect();
        self.after(4_000_000, Happening::Raise(ways, alone_us));
        for _ in 0..self.dice.between(20, 80) {
            let pause = self.dice.between(7_500_000, 13_000_000);
            self.after(pause, Happening::Step(Step::Talk(device, room)));
        }
    }
}
