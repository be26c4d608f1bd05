//! What happened, as one number by which two runs are compared, and in words where somebody wants to read it.

use std::fmt::Arguments;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    print: bool,
    /// Events hashed.
    pub(crate) events: u64,
}

impl Trace {
    pub(crate) fn new(print: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, print, events: 0 }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Takes in something that happened, with its bytes.
    pub(crate) fn take(&mut self, now_us: u64, what: u64, bytes: &[u8]) {
        self.events += 1;
        self.mix(now_us);
        self.mix(what);
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.mix(u64::from_le_bytes(word));
        }
    }

    /// Tells it in words, where somebody listens.
    pub(crate) fn say(&mut self, now_us: u64, words: Arguments<'_>) {
        if self.print {
            println!("{:>10}.{:03} {words}", now_us / 1_000_000, now_us / 1000 % 1000);
        }
    }

    pub(crate) fn prints(&self) -> bool {
        self.print
    }
}
