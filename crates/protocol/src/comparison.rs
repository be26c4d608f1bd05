//! What two people compare to be sure that nobody is between their devices: seven pictures of sixty-four, the same on
//! both sides of one connection and on no other.
//!
//! Who asks commits to a nonce before it sees the other's, and reveals it after. So whoever stands between two
//! connections has one guess in 2^42 that both show the same, however much it computes: when it learns what one of the
//! two will show, it is bound at the other. The model is the short authentication string of ZRTP (RFC 6189) and Matrix.

use crate::id::Hash;
use crate::identity::DeviceId;

const COMMITMENT_CONTEXT: &str = "lanline/1 2026 comparison commitment";
const PICTURES_CONTEXT: &str = "lanline/1 2026 comparison pictures";

/// How many pictures are compared.
pub const SHOWN: usize = 7;

/// The pictures by their numbers: the word that names each to programs, and its emoji.
pub const PICTURES: [(&str, &str); 64] = [
    ("dog", "🐶"),
    ("cat", "🐱"),
    ("lion", "🦁"),
    ("horse", "🐴"),
    ("pig", "🐷"),
    ("rabbit", "🐰"),
    ("elephant", "🐘"),
    ("frog", "🐸"),
    ("rooster", "🐓"),
    ("penguin", "🐧"),
    ("turtle", "🐢"),
    ("snake", "🐍"),
    ("fish", "🐟"),
    ("octopus", "🐙"),
    ("butterfly", "🦋"),
    ("snail", "🐌"),
    ("bee", "🐝"),
    ("tree", "🌳"),
    ("cactus", "🌵"),
    ("sunflower", "🌻"),
    ("mushroom", "🍄"),
    ("globe", "🌍"),
    ("moon", "🌙"),
    ("star", "⭐"),
    ("rainbow", "🌈"),
    ("fire", "🔥"),
    ("snowman", "⛄"),
    ("apple", "🍎"),
    ("banana", "🍌"),
    ("strawberry", "🍓"),
    ("corn", "🌽"),
    ("carrot", "🥕"),
    ("pizza", "🍕"),
    ("cake", "🎂"),
    ("bread", "🍞"),
    ("egg", "🥚"),
    ("coffee", "☕"),
    ("robot", "🤖"),
    ("ghost", "👻"),
    ("hat", "🎩"),
    ("glasses", "👓"),
    ("crown", "👑"),
    ("umbrella", "☔"),
    ("lock", "🔒"),
    ("key", "🔑"),
    ("hammer", "🔨"),
    ("bell", "🔔"),
    ("book", "📖"),
    ("clock", "⏰"),
    ("telephone", "📞"),
    ("lamp", "💡"),
    ("gift", "🎁"),
    ("balloon", "🎈"),
    ("guitar", "🎸"),
    ("trumpet", "🎺"),
    ("drum", "🥁"),
    ("ball", "⚽"),
    ("dice", "🎲"),
    ("rocket", "🚀"),
    ("train", "🚂"),
    ("bicycle", "🚲"),
    ("ship", "🚢"),
    ("anchor", "⚓"),
    ("castle", "🏰"),
];

/// Seven of [`PICTURES`], by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pictures([u8; SHOWN]);

impl Pictures {
    /// The number of each.
    pub fn numbers(&self) -> [u8; SHOWN] {
        self.0
    }

    /// Those that these words name, in this order; `None` where they are no seven of them.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let number = |word: &str| PICTURES.iter().position(|(known, _)| *known == word);
        let numbers: Option<Vec<u8>> =
            words.into_iter().map(|word| number(word).and_then(|number| u8::try_from(number).ok())).collect();
        numbers?.try_into().ok().map(Self)
    }

    /// The word and the emoji of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.into_iter().filter_map(|number| PICTURES.get(usize::from(number)).copied())
    }
}

/// Who compares with whom, on which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parties {
    /// The connection's TLS exporter.
    pub exporter: Hash,
    /// Who began.
    pub asker: DeviceId,
    /// The other.
    pub asked: DeviceId,
}

impl Parties {
    fn with(&self, nonces: &[&Hash]) -> Vec<u8> {
        let mut material = [*self.exporter.as_bytes(), *self.asker.as_bytes(), *self.asked.as_bytes()].concat();
        nonces.iter().for_each(|nonce| material.extend(nonce.as_bytes()));
        material
    }

    /// What binds who asks to a nonce that the other does not see yet.
    pub fn commitment(&self, nonce: &Hash) -> Hash {
        Hash::new(blake3::derive_key(COMMITMENT_CONTEXT, &self.with(&[nonce])))
    }

    /// What both are shown.
    pub fn pictures(&self, askers_nonce: &Hash, askeds_nonce: &Hash) -> Pictures {
        let derived = blake3::derive_key(PICTURES_CONTEXT, &self.with(&[askers_nonce, askeds_nonce]));
        let mut bits = derived.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        Pictures([(); SHOWN].map(|()| {
            bits = bits.rotate_left(6);
            (bits & 63) as u8
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Bytes that follow from a number alone.
    fn drawn(number: u64) -> Hash {
        Hash::of(&number.to_be_bytes())
    }

    fn device(number: u64) -> DeviceId {
        DeviceId::new(*drawn(number).as_bytes())
    }

    #[test]
    fn the_pictures_differ_and_each_has_one_word() {
        let words: BTreeSet<&str> = PICTURES.iter().map(|(word, _)| *word).collect();
        let emoji: BTreeSet<&str> = PICTURES.iter().map(|(_, emoji)| *emoji).collect();
        assert_eq!((words.len(), emoji.len()), (64, 64));
        assert!(PICTURES.iter().all(|(word, emoji)| word.is_ascii() && emoji.chars().count() == 1));
    }

    #[test]
    fn pictures_are_known_by_their_words() {
        let shown = Pictures([0, 63, 0, 7, 1, 2, 3]);
        let words: Vec<&str> = shown.iter().map(|(word, _)| word).collect();
        assert_eq!(words, ["dog", "castle", "dog", "frog", "cat", "lion", "horse"]);
        assert_eq!(Pictures::of_words(words.iter().copied()), Some(shown));
        for others in [&words[1..], &[&words[..], &["dog"]].concat(), &[&words[..6], &["Dog"]].concat(), &[]] {
            assert_eq!(Pictures::of_words(others.iter().copied()), None);
        }
    }

    /// Alice and Bob compare, 2000 times, while Mallory holds a connection with each: she plays the asked to Alice and the
    /// asker to Bob, and where it is her turn she tries many nonces for what she knows by then.
    #[test]
    fn two_devices_see_the_same_and_nobody_between_makes_them() {
        let [alice, bob, mallory] = [1, 2, 3].map(device);
        let mut alike = 0;
        for trial in 0..2000 {
            let nonce = |of: u64| drawn(trial * 1000 + of);
            let honest = Parties { exporter: nonce(0), asker: alice, asked: bob };
            assert_eq!(honest.pictures(&nonce(1), &nonce(2)), honest.pictures(&nonce(1), &nonce(2)));

            let to_alice = Parties { exporter: nonce(3), asker: alice, asked: mallory };
            let to_bob = Parties { exporter: nonce(4), asker: mallory, asked: bob };
            // She is bound to Bob before she sees his nonce; then she knows what he will show. Alice's nonce she learns only
            // once she has answered: what she tries is against one that she guesses.
            let bobs = to_bob.pictures(&nonce(5), &nonce(2));
            let guessed = nonce(6);
            let best = (100..120).map(nonce).max_by_key(|tried| {
                let shown = to_alice.pictures(&guessed, tried).numbers();
                shown.iter().zip(bobs.numbers()).filter(|(one, other)| **one == *other).count()
            });
            let alices = to_alice.pictures(&nonce(1), &best.unwrap());
            assert_ne!(alices, bobs);
            alike += alices.numbers().iter().zip(bobs.numbers()).filter(|(one, other)| **one == *other).count();
        }
        // Of 14 000 pairs one in 64 is alike by chance: 219, give or take 15.
        assert!((130..310).contains(&alike), "{alike}");
    }

    #[test]
    fn what_is_shown_depends_on_all_that_it_is_bound_to() {
        let parties = Parties { exporter: drawn(1), asker: device(2), asked: device(3) };
        let others = [
            Parties { exporter: drawn(9), ..parties },
            Parties { asker: device(9), ..parties },
            Parties { asked: device(9), ..parties },
            Parties { asker: device(3), asked: device(2), ..parties },
        ];
        for other in others {
            assert_ne!(other.pictures(&drawn(4), &drawn(5)), parties.pictures(&drawn(4), &drawn(5)));
            assert_ne!(other.commitment(&drawn(4)), parties.commitment(&drawn(4)));
        }
        assert_ne!(parties.pictures(&drawn(4), &drawn(5)), parties.pictures(&drawn(5), &drawn(4)));
    }

    /// Each picture comes up as often as any other.
    #[test]
    fn pictures_are_drawn_evenly() {
        let mut counts = [0_u32; 64];
        for trial in 0..10_000 {
            let parties = Parties { exporter: drawn(trial), asker: device(1), asked: device(2) };
            for number in parties.pictures(&drawn(3), &drawn(4)).numbers() {
                counts[usize::from(number)] += 1;
            }
        }
        // 70 000 over 64: 1094, give or take 33.
        assert!(counts.iter().all(|count| (900..1290).contains(count)), "{counts:?}");
    }
}
