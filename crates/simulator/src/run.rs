//! One seed from its beginning to its verdict.

use crate::device::Command;
use crate::liar::Liar;
use crate::network::OPENING_US;
use crate::profile::Profile;
use crate::world::{Happening, Violation, World};

/// What is to be simulated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long things happen, in simulated minutes.
    pub minutes: u64,
    /// How many devices; by the seed where absent.
    pub devices: Option<usize>,
    /// The mean pause between two things that happen, in simulated seconds; by the seed where absent. A device's disk
    /// is replaced or damaged, and who belongs is decided, more seldom by as much beside the rest: a room's chain has
    /// room for so many epochs, and a member's add for so many logs, as years of plain use do not take.
    pub pause_s: Option<u64>,
    /// Whether to print what happens.
    pub print: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What must not have been so.
    pub violation: Option<Violation>,
    /// A number over everything that happened.
    pub hash: u64,
    /// Simulated time in microseconds.
    pub simulated_us: u64,
    /// Frames sent.
    pub frames: u64,
    /// Entries written.
    pub entries: usize,
}

/// How long after the last fault everybody must be of one mind, and silent.
const SETTLE_US: u64 = 420_000_000;
/// How long a device that was not reached may be passed over, and a little more.
const MEETING_US: u64 = 250_000_000;
/// How long nobody says anything, before that counts as silence: longer than the pause between two digests.
const SILENCE_US: u64 = 65_000_000;

/// Runs one seed.
pub fn run(seed: u64, options: &Options) -> Outcome {
    let profile = Profile::of(seed, options.devices, options.pause_s);
    let mut world = World::new(seed, profile, options.print);
    if options.print {
        println!("{:?}", world.profile);
    }
    world.simulate(options.minutes.saturating_mul(60_000_000));
    Outcome {
        seed,
        violation: world.violation.take(),
        hash: world.trace.hash(),
        simulated_us: world.now_us,
        frames: world.frames,
        entries: world.ledger.entries.len(),
    }
}

impl World {
    fn simulate(&mut self, length_us: u64) {
        self.begin();
        if let Some(liar) = self.profile.liar {
            let rate = self.dice.between(5, 40);
            self.devices[liar].liar = Some(Liar::new(&self.devices[liar].key_seed.clone(), rate));
        }
        let episode_us = length_us / self.profile.episodes;
        for _ in 0..self.profile.episodes {
            if self.violation.is_some() {
                return;
            }
            self.healing = false;
            for device in 0..self.devices.len() {
                self.boot(device);
            }
            self.after(0, Happening::Act);
            self.run_until(self.now_us + episode_us);
            self.settle();
            if self.violation.is_none() {
                self.judge();
            }
        }
    }

    /// The first begins a room, and some of the others join.
    fn begin(&mut self) {
        self.healing = true;
        for device in 0..self.devices.len() {
            self.boot(device);
        }
        self.run_until(self.now_us + 1_000_000);
        self.ask(0, Command::Create);
        self.run_until(self.now_us + 1_000_000);
        let Some(room) = self.rooms.first().copied() else { return };
        self.ledger.joined(room, 0);
        let uses = u32::try_from(self.devices.len()).unwrap_or(1);
        self.ask(0, Command::Invite { room, ttl_ms: 864_000_000, uses });
        self.run_until(self.now_us + 1_000_000);
        for member in 1..self.profile.members {
            self.join(member, 0);
        }
        for _ in 0..60 {
            self.run_until(self.now_us + 1_000_000);
            let all = (1..self.profile.members).all(|member| self.ledger.members.contains_key(&(room, member)));
            if all || self.violation.is_some() {
                return;
            }
            for member in 1..self.profile.members {
                if self.devices[member].joining.is_none() {
                    self.join(member, 0);
                }
            }
        }
        self.violate("never joined", "not all that were invited became members in a minute".into());
    }

    /// Faults stop; then everybody has as long as it takes to say what is left to say.
    fn settle(&mut self) {
        if self.violation.is_some() {
            return;
        }
        self.trace.say(self.now_us, format_args!("== faults stop"));
        self.healing = true;
        for device in 0..self.devices.len() {
            if self.devices[device].liar.is_some() {
                self.crash(device, false);
            }
            self.mend(device);
            let known = &mut self.devices[device];
            // Nobody wants to be left alone any more.
            known.held.clear();
            (known.wishes_changed, known.looked) = (true, None);
            known.asleep_until = 0;
            known.commit_us = self.profile.commit_us;
            if known.listens != self.profile.listens[device] {
                known.listens = self.profile.listens[device];
                let addresses = known.addresses();
                self.ask(device, Command::Listen(addresses));
            }
            self.work_soon(device);
        }
        self.open_network();
        let begun = self.now_us;
        self.last_frame_us = begun;
        while self.violation.is_none() {
            self.run_until(self.now_us + 5_000_000);
            let silent_us = (self.last_frame_us + SILENCE_US).max(self.last_opening_us + OPENING_US);
            if self.now_us > (begun + MEETING_US).max(silent_us) {
                return;
            }
            if self.now_us > begun + SETTLE_US {
                let what = format!("{} s after the last fault there is still something to say", SETTLE_US / 1_000_000);
                return self.violate("never quiet", what);
            }
        }
    }
}
