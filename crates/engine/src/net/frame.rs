//! Frames as they stand on the wire, and the three that the connection keeps for itself.
//!
//! A frame is a big-endian `u32` length and that many bytes: what `LengthDelimitedCodec` of
//! `tokio_util` writes. Reading is done here all the same, because that codec reserves the declared
//! length at once, and a peer would have a megabyte reserved for four bytes.
//!
//! The bytes are a CBOR array of two, type and body; the body is a map. Types 1 to 3 are the
//! connection's own (goodbye, ping, pong); all others belong to the core.

use std::convert::Infallible;

use bytes::{Buf, Bytes, BytesMut};

/// Bytes of the length that precedes every frame.
pub(super) const HEADER: usize = 4;

/// A ping, with its length.
pub(super) const PING: [u8; 7] = [0, 0, 0, 3, 0x82, 0x02, 0xA0];

/// A pong, with its length.
pub(super) const PONG: [u8; 7] = [0, 0, 0, 3, 0x82, 0x03, 0xA0];

/// Bytes of the reason that is kept from a peer's goodbye.
const REASON_MAX: usize = 64;

/// How long a frame from the peer may be. A connection begins at [`FrameLimit::Stranger`]; the core raises it as it
/// learns who the peer is.
pub use lanline_protocol::session::FrameLimit;

/// What the bytes that arrived so far hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole frame, taken from the buffer.
    Frame(Bytes),
    /// More has to arrive.
    Incomplete,
    /// A frame of this declared length, which is over the limit; the buffer is as it was.
    TooLong(usize),
}

/// Takes the next frame from what has arrived.
pub(super) fn next(buffer: &mut BytesMut, limit: usize) -> Next {
    let Some(header) = buffer.first_chunk::<HEADER>() else {
        return Next::Incomplete;
    };
    let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
    if length > limit {
        return Next::TooLong(length);
    }
    if buffer.len() - HEADER < length {
        return Next::Incomplete;
    }
    buffer.advance(HEADER);
    Next::Frame(buffer.split_to(length).freeze())
}

/// Whose a frame is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Goodbye(String),
    Ping,
    Pong,
    /// For the core, which decodes it.
    Core,
    /// Not an array of two.
    Bad,
}

/// Tells the connection's own frames from the core's.
pub(super) fn kind(frame: &[u8]) -> Kind {
    match frame {
        [0x82, 0x01, ..] => goodbye_reason(frame).map_or(Kind::Bad, Kind::Goodbye),
        [0x82, 0x02, ..] => Kind::Ping,
        [0x82, 0x03, ..] => Kind::Pong,
        [0x82, _, ..] => Kind::Core,
        _ => Kind::Bad,
    }
}

/// A goodbye with its length.
pub(super) fn goodbye(reason: &str) -> Bytes {
    fn body(reason: &str) -> Result<Vec<u8>, minicbor::encode::Error<Infallible>> {
        let mut encoder = minicbor::Encoder::new(Vec::new());
        encoder.array(2)?.u8(1)?.map(1)?.u8(0)?.str(reason)?;
        Ok(encoder.into_writer())
    }
    // Writing to memory cannot fail; a goodbye without a reason would still be one.
    let body = body(reason).unwrap_or_else(|_| vec![0x82, 0x01, 0xA0]);
    let length = u32::try_from(body.len()).unwrap_or_default();
    [length.to_be_bytes().as_slice(), &body].concat().into()
}

/// The reason in a goodbye, cut and cleaned; empty when there is none. `None`: not a goodbye.
fn goodbye_reason(frame: &[u8]) -> Option<String> {
    let mut decoder = minicbor::Decoder::new(frame);
    decoder.array().ok()?;
    decoder.u8().ok()?;
    let fields = decoder.map().ok()??;
    if fields == 0 {
        return Some(String::new());
    }
    // Fields stand in ascending order, so that the reason is the first if it is there at all.
    if decoder.u8().ok() != Some(0) {
        return Some(String::new());
    }
    let text = decoder.str().ok()?;
    Some(text.chars().filter(|c| matches!(c, 'a'..='z' | '_')).take(REASON_MAX).collect())
}

#[cfg(test)]
mod tests {
    use tokio_util::codec::{Encoder, LengthDelimitedCodec};

    use super::*;

    #[test]
    fn frames_are_those_of_the_length_delimited_codec() {
        let mut buffer = BytesMut::new();
        let mut codec = LengthDelimitedCodec::new();
        for frame in [&b"\x82\x05\xA0"[..], b"", &[7; 300]] {
            codec.encode(Bytes::copy_from_slice(frame), &mut buffer).unwrap();
        }
        assert_eq!(next(&mut buffer, 300), Next::Frame(Bytes::from_static(b"\x82\x05\xA0")));
        assert_eq!(next(&mut buffer, 300), Next::Frame(Bytes::new()));
        assert_eq!(next(&mut buffer, 299), Next::TooLong(300));
        assert_eq!(next(&mut buffer, 300), Next::Frame(Bytes::from_static(&[7; 300])));
        assert_eq!(next(&mut buffer, 300), Next::Incomplete);
    }

    #[test]
    fn a_declared_length_reserves_nothing() {
        let mut buffer = BytesMut::from(&b"\x00\x10\x00\x00\x82"[..]);
        let capacity = buffer.capacity();
        assert_eq!(next(&mut buffer, FrameLimit::Data.bytes()), Next::Incomplete);
        assert_eq!(buffer.capacity(), capacity);
        assert_eq!(next(&mut BytesMut::from(&b"\xFF\xFF\xFF\xFF"[..]), 10), Next::TooLong(0xFFFF_FFFF));
    }

    #[test]
    fn the_connections_own_frames_are_told_from_the_cores() {
        assert_eq!(kind(&PING[HEADER..]), Kind::Ping);
        assert_eq!(kind(&PONG[HEADER..]), Kind::Pong);
        assert_eq!(kind(&goodbye("shutdown")[HEADER..]), Kind::Goodbye("shutdown".into()));
        assert_eq!(kind(&[0x82, 0x01, 0xA0]), Kind::Goodbye(String::new()));
        assert_eq!(kind(&[0x82, 0x01, 0xA1, 0x07, 0x00]), Kind::Goodbye(String::new()));
        assert_eq!(kind(&[0x82, 0x04, 0xA0]), Kind::Core);
        assert_eq!(kind(&[0x82, 0x18]), Kind::Core);
        for bad in [&[][..], &[0x82], &[0x83, 0x02, 0xA0], b"GET / HTTP/1.1", &[0x82, 0x01], &[0x82, 0x01, 0xA1, 0x00]]
        {
            assert_eq!(kind(bad), Kind::Bad, "{bad:?}");
        }
    }

    #[test]
    fn a_peers_reason_is_cut_and_cleaned() {
        assert_eq!(kind(&goodbye("<b>No\u{202e}pe</b>_x")[HEADER..]), Kind::Goodbye("bopeb_x".into()));
        assert_eq!(kind(&goodbye(&"a".repeat(1000))[HEADER..]), Kind::Goodbye("a".repeat(64)));
    }
}
