//! Invite links: everything a newcomer needs, in one line that can be copied, shown as a QR code, or read out.
//!
//! `lanline:j/` and base32 (RFC 4648, no padding; upper and lower case are alike, so that a QR code can use
//! its compact alphanumeric mode) of a CBOR map followed by five bytes of BLAKE3 over it. The checksum finds
//! slips before anything is dialled; it is no protection, that is the secret's and the handshake's part.

use core::fmt;

use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cbor;
use crate::id::RoomId;
use crate::identity::{Context, DeviceId, DeviceKey, PublicKey, Signature};
use crate::limits;

use core::str::FromStr;

const PREFIX: &str = "lanline:j/";
const CHECKSUM_BYTES: usize = 5;
const CHECKSUM_CONTEXT: &str = "lanline/1 2026 link checksum";
const KEY_CONTEXT: &str = "lanline/1 2026 invite key";

/// An invite's secret: 128 random bits, in the link and nowhere else. Erased from memory when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Encode, Decode)]
#[cbor(transparent)]
pub struct InviteSecret(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    [u8; 16],
);

impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret(…)")
    }
}

impl InviteSecret {
    /// From its bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key whose public half stands in the invite entry.
    pub fn key(&self) -> DeviceKey {
        let seed = Zeroizing::new(blake3::derive_key(KEY_CONTEXT, &self.0));
        DeviceKey::from_seed(&seed)
    }
}

/// A member that can be dialled.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkHost {
    /// Whose key must answer there.
    #[n(0)]
    pub device: DeviceId,
    /// As `ip:port`, best first.
    #[n(1)]
    pub addresses: Vec<String>,
}

/// What an invite link says.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InviteLink {
    /// The room.
    #[n(0)]
    pub room: RoomId,
    /// The secret.
    #[n(1)]
    pub secret: InviteSecret,
    /// When it ends, in milliseconds since the Unix epoch, by the clock of the device that honours it.
    #[n(2)]
    pub expires_at_ms: u64,
    /// Members to ask, best first.
    #[n(3)]
    pub hosts: Vec<LinkHost>,
}

impl fmt::Debug for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteLink").field("room", &self.room).field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The text is not an intact invite link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a complete Lanline invite link; copy it again, whole")]
pub struct LinkError;

fn checksum(payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::derive_key(CHECKSUM_CONTEXT, payload);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(hash.split_at(CHECKSUM_BYTES).0);
    sum
}

impl fmt::Display for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = cbor::encode(self);
        let sum = checksum(&payload);
        payload.extend_from_slice(&sum);
        write!(f, "{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&payload).to_ascii_lowercase())
    }
}

impl FromStr for InviteLink {
    type Err = LinkError;

    /// White space around the link and within it, as mail programs leave it, is ignored.
    fn from_str(text: &str) -> Result<Self, LinkError> {
        if text.len() > limits::LINK_BYTES {
            return Err(LinkError);
        }
        let text: String = text.split_whitespace().collect::<String>().to_ascii_uppercase();
        let encoded = text.strip_prefix(&PREFIX.to_ascii_uppercase()).ok_or(LinkError)?;
        let bytes = data_encoding::BASE32_NOPAD.decode(encoded.as_bytes()).map_err(|_| LinkError)?;
        let length = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(LinkError)?;
        let (payload, sum) = bytes.split_at_checked(length).ok_or(LinkError)?;
        if sum != checksum(payload) {
            return Err(LinkError);
        }
        let link: Self = cbor::decode(payload).map_err(|_| LinkError)?;
        let bounded = (1..=limits::LINK_HOSTS).contains(&link.hosts.len())
            && link.hosts.iter().all(|host| {
                host.addresses.len() <= limits::ADDRESSES
                    && host.addresses.iter().all(|address| address.len() <= limits::ADDRESS_BYTES)
            });
        if bounded { Ok(link) } else { Err(LinkError) }
    }
}

/// What a joiner signs with the invite's key: who joins what through whom, on this connection and no other.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JoinClaim {
    /// The room.
    #[n(0)]
    pub room: RoomId,
    /// The connection's TLS exporter.
    #[n(1)]
    pub exporter: crate::id::Hash,
    /// Who joins.
    #[n(2)]
    pub joiner: DeviceId,
    /// Who is asked.
    #[n(3)]
    pub host: DeviceId,
}

impl JoinClaim {
    /// Signs it with the invite's key.
    pub fn sign(&self, secret: &InviteSecret) -> Signature {
        secret.key().sign(Context::Join, &cbor::encode(self))
    }

    /// Whether the holder of the invite's secret signed it.
    pub fn holds(&self, invite: &PublicKey, signature: &Signature) -> bool {
        invite.verify(Context::Join, &cbor::encode(self), signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> InviteLink {
        InviteLink {
            room: RoomId::new([1; 32]),
            secret: InviteSecret::new([2; 16]),
            expires_at_ms: 1_800_000_000_000,
            hosts: vec![LinkHost {
                device: DeviceId::new([3; 32]),
                addresses: vec!["192.168.1.20:12345".into(), "[fe80::1%2]:12345".into()],
            }],
        }
    }

    #[test]
    fn a_link_survives_copying() {
        let text = link().to_string();
        assert_eq!(text.parse(), Ok(link()));
        assert_eq!(text.to_uppercase().parse(), Ok(link()));
        let (start, end) = text.split_at(60);
        assert_eq!(format!("  {start}\r\n{end}\n").parse(), Ok(link()));
    }

    #[test]
    fn an_altered_or_shortened_link_is_noticed() {
        let text = link().to_string();
        for index in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[index] = if altered[index] == b'a' { b'b' } else { b'a' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(altered.parse::<InviteLink>(), Err(LinkError), "at {index}");
            assert_eq!(text.get(..index).unwrap().parse::<InviteLink>(), Err(LinkError), "cut at {index}");
        }
        assert_eq!("a".repeat(1 << 20).parse::<InviteLink>(), Err(LinkError));
    }

    #[test]
    fn a_claim_is_good_for_one_connection() {
        let secret = InviteSecret::new([2; 16]);
        let claim = JoinClaim {
            room: RoomId::new([1; 32]),
            exporter: crate::id::Hash::new([4; 32]),
            joiner: DeviceId::new([5; 32]),
            host: DeviceId::new([6; 32]),
        };
        let signature = claim.sign(&secret);
        let invite = secret.key().public();
        assert!(claim.holds(&invite, &signature));
        let elsewhere = JoinClaim { exporter: crate::id::Hash::new([7; 32]), ..claim.clone() };
        assert!(!elsewhere.holds(&invite, &signature));
        let swapped = JoinClaim { joiner: claim.host, host: claim.joiner, ..claim };
        assert!(!swapped.holds(&invite, &signature));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", link()).contains("secret: "));
        let shown = |secret: [u8; 16]| format!("{:?}", InviteSecret::new(secret));
        assert_eq!(shown([1; 16]), shown([2; 16]));
    }
}
