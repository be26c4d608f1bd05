//! What two devices say to each other to compare; see [`crate::comparison`].

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::id::Hash;

/// Asks to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Compare {
    /// Binds the sender to its nonce; the comparison's name from here on.
    #[n(0)]
    pub commitment: Hash,
}

/// Answers a [`Compare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CompareAnswer {
    /// Which comparison.
    #[n(0)]
    pub commitment: Hash,
    /// The sender's nonce.
    #[n(1)]
    pub nonce: Hash,
}

/// Reveals what a [`Compare`] committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CompareReveal {
    /// Which comparison.
    #[n(0)]
    pub commitment: Hash,
    /// The sender's nonce.
    #[n(1)]
    pub nonce: Hash,
}

/// Ends a comparison, or refuses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CompareEnd {
    /// Which comparison.
    #[n(0)]
    pub commitment: Hash,
    /// Why.
    #[n(1)]
    pub why: CompareEndReason,
}

/// Why a device ends a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareEndReason {
    /// Its person sees other pictures.
    Differ,
    /// Another comparison is under way there, or the other device asked too often.
    Busy,
    /// It compares with devices that share a room with it.
    NoFellow,
    /// It waits no longer; also a reason that a newer version gives and this one does not know.
    Withdrawn,
}

impl<C> Encode<C> for CompareEndReason {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let number = match self {
            Self::Differ => 0,
            Self::Busy => 1,
            Self::NoFellow => 2,
            Self::Withdrawn => 3,
        };
        e.u16(number)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for CompareEndReason {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(match d.u16()? {
            0 => Self::Differ,
            1 => Self::Busy,
            2 => Self::NoFellow,
            _ => Self::Withdrawn,
        })
    }
}
