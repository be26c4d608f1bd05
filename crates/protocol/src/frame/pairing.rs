//! What two devices say to each other to meet by a code; see [`crate::pairing`].

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::id::{Hash, RoomId};

/// Begins to meet by a code, by whoever typed it; see [`crate::pairing`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pair {
    /// [`crate::pake::Pake::METHOD`].
    #[n(0)]
    pub method: u8,
    /// The exchange's first message, at most [`crate::limits::PAIRING_BYTES`].
    #[cbor(n(1), with = "minicbor::bytes")]
    pub message: Vec<u8>,
}

/// Answers a [`Pair`] where a code is live, whatever the other typed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PairAnswer {
    /// The exchange's second message, at most [`crate::limits::PAIRING_BYTES`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub message: Vec<u8>,
}

/// Proves that the sender typed the code: its one guess.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PairProof {
    /// See [`crate::pairing`].
    #[n(0)]
    pub proof: Hash,
}

/// Why a device that asks by a code is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairRefusal {
    /// No code is live here.
    NoCode,
    /// The code was another one, and is over now.
    WrongCode,
    /// This device cannot add anyone now; also a reason that a newer version gives and this one does not know.
    Unavailable,
}

impl<C> Encode<C> for PairRefusal {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let number = match self {
            Self::NoCode => 0,
            Self::WrongCode => 1,
            Self::Unavailable => 2,
        };
        e.u16(number)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PairRefusal {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(match d.u16()? {
            0 => Self::NoCode,
            1 => Self::WrongCode,
            _ => Self::Unavailable,
        })
    }
}

/// What a host tells a guest that proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Admission {
    /// Proves that the host showed the code.
    #[n(0)]
    pub proof: Hash,
    /// The room that the guest was added to: it follows.
    #[n(1)]
    pub room: RoomId,
}

/// Ends meeting by a code: one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Paired {
    /// The guest is let in.
    #[n(0)]
    pub admission: Option<Admission>,
    /// It is not.
    #[n(1)]
    pub refusal: Option<PairRefusal>,
}
