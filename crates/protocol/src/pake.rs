//! Password-authenticated key exchange: two sides that know the same few digits come to the same key, and who does not
//! know them learns nothing but whether one guess was right.

use rand_core_06::{CryptoRng, RngCore};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::Zeroizing;

use crate::code::Code;
use crate::replica::Random;

/// Which side of the exchange: nothing that one says can be said back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Whoever typed the code.
    Guest,
    /// Whoever showed it.
    Host,
}

/// One exchange. Behind a trait, so that another can take its place: CPace, once it is an RFC.
pub trait Pake: Sized {
    /// The number that names it on the wire.
    const METHOD: u8;

    /// Begins, between these two, and gives what the other side is to be sent.
    fn begin(side: Side, code: &Code, guest: &[u8], host: &[u8], random: &mut dyn Random) -> (Self, Vec<u8>);

    /// Takes what the other side sent. The key is the same on both only where the codes were; `None`: no honest side
    /// sends that.
    fn finish(self, theirs: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// SPAKE2 (Abdalla and Pointcheval, 2005) over the group of Ed25519, by the crate `spake2`.
pub struct Spake(Spake2<Ed25519Group>);

impl Pake for Spake {
    const METHOD: u8 = 1;

    fn begin(side: Side, code: &Code, guest: &[u8], host: &[u8], random: &mut dyn Random) -> (Self, Vec<u8>) {
        let (password, guest, host) = (Password::new(code.digits()), Identity::new(guest), Identity::new(host));
        let (exchange, ours) = match side {
            Side::Guest => Spake2::start_a_with_rng(&password, &guest, &host, HandedIn(random)),
            Side::Host => Spake2::start_b_with_rng(&password, &guest, &host, HandedIn(random)),
        };
        (Self(exchange), ours)
    }

    fn finish(self, theirs: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.finish(theirs).ok().map(Zeroizing::new)
    }
}

/// The randomness that was handed in, as the crate asks for it.
struct HandedIn<'a>(&'a mut dyn Random);

impl RngCore for HandedIn<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core_06::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core_06::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for HandedIn<'_> {}
