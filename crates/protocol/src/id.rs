//! Fixed-size identifiers: how they are kept, compared, encoded and shown.

use core::fmt;
use core::str::FromStr;

use minicbor::{Decode, Encode};

use crate::kind::Lane;

/// The text is not an identifier of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier")]
pub struct ParseIdError;

/// Declares a value of exactly `$len` bytes: a CBOR byte string on the wire.
macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// From its bytes.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// From a slice, if it has the right length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let text = data_encoding::BASE32_NOPAD.encode(&self.0).to_lowercase();
                write!(f, "{}({})", stringify!($name), text.get(..8).unwrap_or_default())
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let position = d.position();
                Self::from_slice(d.bytes()?).ok_or_else(|| {
                    minicbor::decode::Error::message(concat!("wrong length of ", stringify!($name))).at(position)
                })
            }
        }
    };
}
pub(crate) use fixed_bytes;

/// Shows and reads an identifier as lower-case base32 (RFC 4648) without padding.
macro_rules! base32_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::BASE32_NOPAD.encode(self.as_bytes()).to_ascii_lowercase())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.len() > 128 {
                    return Err(ParseIdError);
                }
                data_encoding::BASE32_NOPAD
                    .decode(text.to_ascii_uppercase().as_bytes())
                    .ok()
                    .and_then(|bytes| Self::from_slice(&bytes))
                    .ok_or(ParseIdError)
            }
        }
    };
}

fixed_bytes! {
    /// A room: the id of its creation entry.
    RoomId, 32
}
base32_text!(RoomId);

fixed_bytes! {
    /// An entry: BLAKE3 of its header's bytes.
    EntryId, 32
}
base32_text!(EntryId);

fixed_bytes! {
    /// One author's log in one room and lane from one store; drawn at random when the log is begun.
    LogId, 16
}
base32_text!(LogId);

impl LogId {
    /// The lane that logs with this id are of: the last bit says it, so that what is said of a log in one lane is
    /// nothing to the other.
    pub const fn lane(&self) -> Lane {
        let [.., last] = self.0;
        if last & 1 == 1 { Lane::Membership } else { Lane::Content }
    }

    /// This one with the bit of a lane.
    #[must_use]
    pub const fn of_lane(self, lane: Lane) -> Self {
        let mut bytes = self.0;
        let [.., last] = &mut bytes;
        *last = match lane {
            Lane::Membership => *last | 1,
            Lane::Content => *last & !1,
        };
        Self(bytes)
    }
}

fixed_bytes! {
    /// One device's database; drawn at random when it is made.
    StoreId, 16
}
base32_text!(StoreId);

fixed_bytes! {
    /// The first half of an entry id: enough to name an entry of a log whose number is named too.
    ShortId, 16
}

impl ShortId {
    /// The first half of this id.
    pub fn of(id: EntryId) -> Self {
        let [first, _] = id.as_bytes().as_chunks::<16>().0 else { return Self::new([0; 16]) };
        Self::new(*first)
    }
}

fixed_bytes! {
    /// A BLAKE3 hash.
    Hash, 32
}

impl Hash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(*blake3::hash(bytes).as_bytes())
    }
}

impl RoomId {
    /// The room that this creation entry begins.
    pub const fn of_creation(id: EntryId) -> Self {
        Self::new(*id.as_bytes())
    }

    /// The creation entry's id.
    pub const fn creation(self) -> EntryId {
        EntryId::new(*self.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_from_their_text() {
        let id = EntryId::new([0xa5; 32]);
        assert_eq!(id.to_string().len(), 52);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "x", "1", &"a".repeat(53), &"a".repeat(10_000), "ä"] {
            assert_eq!(bad.parse::<EntryId>(), Err(ParseIdError), "{bad}");
        }
    }
}
