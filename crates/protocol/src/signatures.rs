//! Signatures, checked.
//!
//! Those of one author cost far less together than one by one. What is decided must not depend on what came together with
//! what, so the rules are those of ZIP 215 (<https://zips.z.cash/zip-0215>), under which it never does: with those of
//! RFC 8032, somebody could sign so that a device that checks one at a time refuses what another takes.

use core::convert::Infallible;
use std::collections::BTreeMap;
use std::mem;

use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use rand_core::{TryCryptoRng, TryRng};

use crate::identity::{Context, PublicKey, Signature};
use crate::planted;

/// Somebody's signature, as far as anybody knows.
struct Claim {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

impl Claim {
    fn signature(&self) -> ed25519_zebra::Signature {
        ed25519_zebra::Signature::from_bytes(self.signature.as_bytes())
    }
}

/// Signatures to be checked together.
#[derive(Default)]
pub(crate) struct Signatures {
    claims: Vec<Claim>,
    /// Keys as the arithmetic takes them: each is unpacked once.
    keys: BTreeMap<PublicKey, Option<VerificationKey>>,
}

impl core::fmt::Debug for Signatures {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Signatures").field("claims", &self.claims.len()).finish_non_exhaustive()
    }
}

impl Signatures {
    /// One more.
    pub(crate) fn add(&mut self, key: &PublicKey, context: Context, bytes: &[u8], signature: Signature) {
        self.claims.push(Claim { key: *key, message: context.message(bytes), signature });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.claims.len()
    }

    /// Which of them hold, in the order in which they were added; afterwards there are none.
    pub(crate) fn check(&mut self) -> Vec<bool> {
        let claims = mem::take(&mut self.claims);
        if claims.len() > 1 && !planted::REMEMBERS && self.all_hold(&claims) {
            return vec![true; claims.len()];
        }
        claims
            .iter()
            .map(|claim| {
                let parts = [claim.key.as_bytes().as_slice(), &claim.message, claim.signature.as_bytes()];
                planted::once(parts, || self.holds(claim))
            })
            .collect()
    }

    fn key(&mut self, key: &PublicKey) -> Option<&VerificationKey> {
        let unpack = || {
            // Of a key of small order everybody can make signatures.
            let weak = ed25519_dalek::VerifyingKey::from_bytes(key.as_bytes()).ok()?.is_weak();
            VerificationKey::try_from(*key.as_bytes()).ok().filter(|_| !weak)
        };
        self.keys.entry(*key).or_insert_with(unpack).as_ref()
    }

    fn holds(&mut self, claim: &Claim) -> bool {
        self.key(&claim.key).is_some_and(|key| key.verify(&claim.signature(), &claim.message).is_ok())
    }

    fn all_hold(&mut self, claims: &[Claim]) -> bool {
        let mut factors = blake3::Hasher::new_derive_key("lanline/1 2026 signatures checked together");
        let mut batch = batch::Verifier::new();
        for claim in claims {
            if self.key(&claim.key).is_none() {
                return false;
            }
            for part in [claim.key.as_bytes().as_slice(), &claim.message, claim.signature.as_bytes()] {
                factors.update(&(part.len() as u64).to_be_bytes()).update(part);
            }
            batch.queue((VerificationKeyBytes::from(*claim.key.as_bytes()), claim.signature(), &claim.message));
        }
        batch.verify(Factors(factors.finalize_xof())).is_ok()
    }
}

/// What the signatures are weighed with, so that two false ones do not make up for each other. Drawn from all of them: who
/// makes them knows the weights only once there is nothing left to choose.
struct Factors(blake3::OutputReader);

impl TryRng for Factors {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Factors {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::DeviceKey;

    const CONTEXT: Context = Context::Entry;

    /// The encodings of the points of small order, canonical and not: what a key, or an `R`, of somebody who wants to divide
    /// devices may be. From "Taming the many EdDSAs" (Chalkias et al., 2020), table 1.
    fn of_small_order() -> Vec<[u8; 32]> {
        let c = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        let minus_c = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let hex = |text: &str| -> [u8; 32] {
            let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
            bytes.try_into().unwrap()
        };
        let near_p = |first: u8| -> [u8; 32] { [&[first][..], &[0xff; 30], &[0x7f]].concat().try_into().unwrap() };
        let mut one = [0; 32];
        one[0] = 1;
        // The last two are p and p+1, which are 0 and 1 once more.
        let points = [[0; 32], one, near_p(0xec), hex(c), hex(minus_c), near_p(0xed), near_p(0xee)];
        let signed = |point: &[u8; 32]| {
            let mut other = *point;
            other[31] ^= 0x80;
            [*point, other]
        };
        points.iter().flat_map(signed).collect()
    }

    fn signed(seed: u8, count: u8) -> Vec<(PublicKey, Vec<u8>, Signature)> {
        let key = DeviceKey::from_seed(&[seed; 32]);
        (0..count).map(|n| (key.public(), vec![n; 32], key.sign(CONTEXT, &[n; 32]))).collect()
    }

    fn alone(claims: &[(PublicKey, Vec<u8>, Signature)]) -> Vec<bool> {
        claims.iter().map(|(key, bytes, signature)| key.verify(CONTEXT, bytes, signature)).collect()
    }

    /// Together, whatever is remembered.
    fn together(claims: &[(PublicKey, Vec<u8>, Signature)]) -> bool {
        let mut signatures = Signatures::default();
        for (key, bytes, signature) in claims {
            signatures.add(key, CONTEXT, bytes, *signature);
        }
        let claims = mem::take(&mut signatures.claims);
        signatures.all_hold(&claims)
    }

    #[test]
    fn signatures_of_one_and_of_many_hold_together() {
        assert!(together(&signed(1, 32)));
        let many: Vec<_> = (1..20).flat_map(|seed| signed(seed, 2)).collect();
        assert!(together(&many));
        assert_eq!(alone(&many), vec![true; many.len()]);
    }

    #[test]
    fn one_false_signature_is_found_among_many_wherever_it_stands() {
        for index in [0, 3, 7] {
            let mut claims = signed(1, 8);
            claims[index].1 = vec![9; 32];
            assert!(!together(&claims));
            let mut signatures = Signatures::default();
            for (key, bytes, signature) in &claims {
                signatures.add(key, CONTEXT, bytes, *signature);
            }
            let verdicts = signatures.check();
            assert_eq!(verdicts, alone(&claims));
            assert_eq!(verdicts.iter().filter(|holds| !**holds).count(), 1);
            assert!(!verdicts[index] && signatures.len() == 0);
        }
    }

    #[test]
    fn two_signatures_that_exchange_what_is_wrong_with_them_do_not_hold() {
        // Their sum is right.
        let mut claims = signed(1, 2);
        let (first, second) = (*claims[0].2.as_bytes(), *claims[1].2.as_bytes());
        claims[0].2 = Signature::new([&first[..32], &second[32..]].concat().try_into().unwrap());
        claims[1].2 = Signature::new([&second[..32], &first[32..]].concat().try_into().unwrap());
        assert!(!together(&claims));
        assert_eq!(alone(&claims), [false, false]);
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // With S = 0 and R the neutral element the equation holds for such keys, whatever the message.
        let mut nothing = [0; 64];
        nothing[0] = 1;
        for key in of_small_order() {
            let claim = (PublicKey::new(key), b"x".to_vec(), Signature::new(nothing));
            assert_eq!(alone(std::slice::from_ref(&claim)), [false], "{key:02x?}");
            assert!(!together(&[claim.clone(), claim]));
        }
    }

    #[test]
    fn signatures_made_to_divide_devices_hold_alone_and_together_alike() {
        // Other points of small order in R's place: alone and together these must come to the same end.
        let honest = signed(3, 1).remove(0);
        for point in of_small_order() {
            let s = &honest.2.as_bytes()[32..];
            let claim = (honest.0, honest.1.clone(), Signature::new([&point[..], s].concat().try_into().unwrap()));
            assert_eq!(together(&[honest.clone(), claim.clone()]), alone(&[claim])[0]);
        }
    }
}
