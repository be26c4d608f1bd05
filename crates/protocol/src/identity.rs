//! The device's key, what is derived from it, and how it is written down.

use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{Signer, SigningKey};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::id::{ParseIdError, fixed_bytes};
use crate::signatures::Signatures;

/// DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410, section 4); the 32 key bytes follow.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// DER prefix of an Ed25519 PKCS#8 private key, version 1 (RFC 8410, section 7); the seed follows.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

fixed_bytes! {
    /// An Ed25519 public key (RFC 8032) as it stands in entries; a device's, or an invite's.
    PublicKey, 32
}

fixed_bytes! {
    /// An Ed25519 signature.
    Signature, 64
}

fixed_bytes! {
    /// Who a device is: BLAKE3 of its SubjectPublicKeyInfo.
    ///
    /// Shown as eight groups of seven characters: base32 (RFC 4648) in four parts of 13, each
    /// followed by a Luhn mod 32 check character, so that a mistyped id is noticed.
    DeviceId, 32
}

/// What a signature is about. Each use of a key signs under a context of its own, so that a
/// signature made for one purpose can never be shown as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The last entry of a group, by its author.
    Entry,
    /// A record, by the device it is about.
    Record,
    /// A vote for an act of the majority, by a voter.
    Vote,
    /// Proof of holding an invite's secret, by the key derived from it.
    Join,
}

impl Context {
    const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Entry => b"lanline/1 entry\0",
            Self::Record => b"lanline/1 record\0",
            Self::Vote => b"lanline/1 vote\0",
            Self::Join => b"lanline/1 join\0",
        }
    }

    pub(crate) fn message(self, bytes: &[u8]) -> Vec<u8> {
        [self.prefix(), bytes].concat()
    }
}

/// A private Ed25519 key: a device's identity, or an invite's. Erased from memory when dropped.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key that this seed stands for.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key().to_bytes())
    }

    /// Signs under a context.
    pub fn sign(&self, context: Context, bytes: &[u8]) -> Signature {
        Signature::new(self.0.sign(&context.message(bytes)).to_bytes())
    }

    /// PKCS#8 version 1 (RFC 8410), as TLS libraries take it.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let seed = Zeroizing::new(self.0.to_bytes());
        Zeroizing::new([PKCS8_PREFIX.as_slice(), seed.as_slice()].concat())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.public())
    }
}

impl PublicKey {
    /// The key in a DER SubjectPublicKeyInfo, if it is an Ed25519 one and nothing else.
    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        let key: [u8; 32] = spki.strip_prefix(SPKI_PREFIX.as_slice())?.try_into().ok()?;
        Some(Self::new(key))
    }

    /// DER SubjectPublicKeyInfo (RFC 8410).
    pub fn to_spki(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), self.as_bytes()].concat()
    }

    /// The device this key is the identity of.
    pub fn device_id(&self) -> DeviceId {
        DeviceId::new(*blake3::hash(&self.to_spki()).as_bytes())
    }

    /// Whether this key made the signature under the context: by the rules of ZIP 215, so that every device decides alike,
    /// but for keys of small order, which sign nothing.
    pub fn verify(&self, context: Context, bytes: &[u8], signature: &Signature) -> bool {
        let mut signatures = Signatures::default();
        signatures.add(self, context, bytes, *signature);
        signatures.check() == [true]
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.device_id().fmt(f)
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Luhn mod 32 (as Syncthing uses it, without its historical slip: factors alternate from the right).
fn check_character(part: &str) -> Option<char> {
    let mut sum = 0;
    let mut factor = 2;
    for byte in part.bytes().rev() {
        let value = BASE32.iter().position(|c| *c == byte)? * factor;
        sum += value / 32 + value % 32;
        factor = 3 - factor;
    }
    BASE32.get((32 - sum % 32) % 32).map(|c| char::from(*c))
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = data_encoding::BASE32_NOPAD.encode(self.as_bytes());
        let mut checked = String::with_capacity(56);
        for start in [0, 13, 26, 39] {
            let part = text.get(start..start + 13).unwrap_or_default();
            checked.push_str(part);
            checked.extend(check_character(part));
        }
        for (index, character) in checked.chars().enumerate() {
            if index > 0 && index % 7 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{character}")?;
        }
        Ok(())
    }
}

impl FromStr for DeviceId {
    type Err = ParseIdError;

    /// Takes upper and lower case, with or without dashes and spaces.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let typed: String =
            text.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase()).take(57).collect();
        if typed.len() != 56 || !typed.is_ascii() {
            return Err(ParseIdError);
        }
        let mut plain = String::with_capacity(52);
        for start in [0, 14, 28, 42] {
            let part = typed.get(start..start + 13).ok_or(ParseIdError)?;
            let check = typed.get(start + 13..start + 14).ok_or(ParseIdError)?;
            if check_character(part).ok_or(ParseIdError)?.to_string() != check {
                return Err(ParseIdError);
            }
            plain.push_str(part);
        }
        let bytes = data_encoding::BASE32_NOPAD.decode(plain.as_bytes()).map_err(|_| ParseIdError)?;
        bytes.try_into().map(Self::new).map_err(|_| ParseIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spki_round_trips_and_refuses_everything_else() {
        let alice = DeviceKey::from_seed(&[1; 32]).public();
        assert_eq!(PublicKey::from_spki(&alice.to_spki()), Some(alice));
        let mut long = alice.to_spki();
        long.push(0);
        assert_eq!(PublicKey::from_spki(&long), None);
        let mut other_type = alice.to_spki();
        other_type[8] = 0x6e; // X25519
        assert_eq!(PublicKey::from_spki(&other_type), None);
        assert_eq!(PublicKey::from_spki(&[]), None);
    }

    #[test]
    fn a_device_id_survives_being_read_out_and_notices_a_slip() {
        let id = DeviceKey::from_seed(&[2; 32]).public().device_id();
        let text = id.to_string();
        assert_eq!(text.len(), 63);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_lowercase().replace('-', " ").parse(), Ok(id));
        for index in (0..63).filter(|i| i % 8 != 7) {
            let mut slip = text.clone().into_bytes();
            slip[index] = if slip[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(String::from_utf8(slip).unwrap().parse::<DeviceId>(), Err(ParseIdError), "at {index}");
        }
        for bad in ["", "A", "ä".repeat(56).as_str(), &"A".repeat(57)] {
            assert_eq!(bad.parse::<DeviceId>(), Err(ParseIdError));
        }
    }

    #[test]
    fn a_signature_holds_for_its_context_only() {
        let alice = DeviceKey::from_seed(&[1; 32]);
        let signature = alice.sign(Context::Entry, b"x");
        assert!(alice.public().verify(Context::Entry, b"x", &signature));
        assert!(!alice.public().verify(Context::Record, b"x", &signature));
        assert!(!alice.public().verify(Context::Entry, b"y", &signature));
        assert!(!DeviceKey::from_seed(&[2; 32]).public().verify(Context::Entry, b"x", &signature));
    }

    #[test]
    fn debug_shows_no_secret() {
        let alice = DeviceKey::from_seed(&[7; 32]);
        assert_eq!(format!("{alice:?}"), format!("DeviceKey({})", alice.public().device_id()));
    }
}
