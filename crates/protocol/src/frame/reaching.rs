//! What two devices say to each other so that one learns whether it is reached; see [`crate::reaching`].

use minicbor::{Decode, Decoder, Encode, Encoder};

/// Asks whether the receiver reaches the sender: at the address at which this connection's other end is, and this port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reach {
    /// Never 0.
    #[n(0)]
    pub port: u16,
}

/// Answers a [`Reach`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reached {
    /// The port that was asked for.
    #[n(0)]
    pub port: u16,
    /// What became of it.
    #[n(1)]
    pub outcome: ReachOutcome,
    /// Where the sender sees the receiver of this: an IP address as text, without port and zone; at most
    /// [`crate::limits::ADDRESS_BYTES`].
    #[n(2)]
    pub address: String,
    /// The sender's clock, in microseconds since the Unix epoch. For members of a room of both only.
    #[n(3)]
    pub clock: Option<u64>,
}

/// What became of a try to reach a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachOutcome {
    /// Something took the connection.
    Open,
    /// The device is there, and nothing took it.
    Refused,
    /// Nothing answered in time.
    Silent,
    /// The network does not lead there.
    Unreachable,
    /// It was not tried: another is under way, it was asked too often, or this device cannot; also an outcome that a
    /// newer version gives and this one does not know.
    Untried,
}

impl<C> Encode<C> for ReachOutcome {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let number = match self {
            Self::Open => 0,
            Self::Refused => 1,
            Self::Silent => 2,
            Self::Unreachable => 3,
            Self::Untried => 4,
        };
        e.u16(number)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ReachOutcome {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(match d.u16()? {
            0 => Self::Open,
            1 => Self::Refused,
            2 => Self::Silent,
            3 => Self::Unreachable,
            _ => Self::Untried,
        })
    }
}
