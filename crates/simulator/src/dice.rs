//! Randomness from a seed: quick numbers for what happens, and bytes fit for keys for the devices.

use lanline_protocol::replica::Random;

/// Numbers from a seed (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The same seed, the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed ^ 0x6c61_6e6c_696e_6500);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// An index of something with this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// A number from `from` up to and without `to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.index(from.len())) }
    }

    /// A pause with this mean, in whatever unit, as between things that happen independently: short ones are common.
    pub(crate) fn pause(&mut self, mean: u64) -> u64 {
        // Sixteen steps of an exponential distribution, so that no floating point decides what happens.
        const STEPS: [u64; 16] = [3, 10, 17, 25, 33, 42, 52, 63, 76, 90, 107, 127, 153, 187, 240, 350];
        mean.saturating_mul(STEPS[self.index(STEPS.len())]) / 100
    }
}

/// BLAKE3 in counter mode.
pub(crate) struct Entropy(blake3::OutputReader);

impl Entropy {
    pub(crate) fn new(seed: u64, device: usize, boot: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_be_bytes()).update(&(device as u64).to_be_bytes()).update(&boot.to_be_bytes());
        Self(hasher.finalize_xof())
    }
}

impl Random for Entropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
