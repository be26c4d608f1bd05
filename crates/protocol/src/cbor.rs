//! Deterministic CBOR (RFC 8949, section 4.2): what peers send is checked once, here, before it is decoded.
//!
//! `minicbor` decodes numbered fields and skips those it does not know, but takes indefinite lengths,
//! repeated keys and padded integers too. Two devices that read the same bytes differently would drift
//! apart, so such bytes are refused before anything is built from them.

use minicbor::data::Type;
use minicbor::decode::{Decode, Decoder};
use minicbor::encode::Encode;

/// How deep arrays and maps may nest. Nothing in the protocol needs more than six.
const MAX_DEPTH: u8 = 8;

/// Why bytes were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// Not one well-formed, deterministic CBOR item from the first byte to the last.
    #[error("not deterministic CBOR at byte {0}")]
    NotDeterministic(usize),
    /// Deterministic CBOR, but not the value expected.
    #[error("unexpected value: {0}")]
    Unexpected(String),
}

/// Encodes a value. Types with numbered fields come out deterministic.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a `Vec` cannot fail, and our encoders raise no errors of their own.
    match minicbor::encode(value, &mut bytes) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// Decodes a value from bytes that are exactly one deterministic CBOR item. Unknown fields are skipped.
///
/// # Errors
/// [`CborError`] when they are not, or do not hold a `T`.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CborError> {
    check(bytes)?;
    decode_checked(bytes)
}

/// Decodes a value from the beginning of bytes that were checked.
pub(crate) fn decode_checked<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CborError> {
    minicbor::decode(bytes).map_err(|error| CborError::Unexpected(error.to_string()))
}

/// Whether the bytes are exactly one deterministic CBOR item of the types the protocol uses:
/// integers, byte and text strings, arrays, maps, booleans and null.
///
/// # Errors
/// [`CborError::NotDeterministic`] with the offset of the first item that is not.
pub fn check(bytes: &[u8]) -> Result<(), CborError> {
    let mut decoder = Decoder::new(bytes);
    item(&mut decoder, bytes, 0).ok_or(CborError::NotDeterministic(decoder.position()))?;
    if decoder.position() == bytes.len() { Ok(()) } else { Err(CborError::NotDeterministic(decoder.position())) }
}

/// Steps over one item; `None` where it is not deterministic.
fn item(decoder: &mut Decoder<'_>, bytes: &[u8], depth: u8) -> Option<()> {
    if depth > MAX_DEPTH || !shortest_head(bytes.get(decoder.position()..)?) {
        return None;
    }
    match decoder.datatype().ok()? {
        Type::Bool | Type::Null => decoder.skip().ok(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64().ok().map(|_| ()),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => decoder.int().ok().map(|_| ()),
        Type::Bytes => decoder.bytes().ok().map(|_| ()),
        Type::String => decoder.str().ok().map(|_| ()),
        Type::Array => {
            let length = decoder.array().ok()??;
            (0..length).try_for_each(|_| item(decoder, bytes, depth + 1))
        }
        Type::Map => {
            let length = decoder.map().ok()??;
            let mut previous: Option<&[u8]> = None;
            (0..length).try_for_each(|_| {
                let start = decoder.position();
                item(decoder, bytes, depth + 1)?;
                let key = bytes.get(start..decoder.position())?;
                if previous.is_some_and(|before| before >= key) {
                    return None;
                }
                previous = Some(key);
                item(decoder, bytes, depth + 1)
            })
        }
        _ => None,
    }
}

/// Whether an item's head uses the fewest bytes for its argument (RFC 8949, section 4.2.1).
fn shortest_head(bytes: &[u8]) -> bool {
    let Some((first, rest)) = bytes.split_first() else { return false };
    if first >> 5 == 7 {
        return true; // simple values; floats are refused by their type
    }
    let argument = |length: usize| {
        rest.get(..length).map(|bytes| bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)))
    };
    match first & 0x1f {
        0..=23 => true,
        24 => argument(1).is_some_and(|value| value > 23),
        25 => argument(2).is_some_and(|value| value > 0xff),
        26 => argument(4).is_some_and(|value| value > 0xffff),
        27 => argument(8).is_some_and(|value| value > 0xffff_ffff),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_protocol_writes() {
        for good in [
            &[0x00][..],
            &[0x18, 0x18],
            &[0x82, 0x02, 0xa0],
            &[0xa2, 0x00, 0x41, 0xff, 0x01, 0xf6],
            &[0x63, b'a', b'b', b'c'],
            &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(check(good), Ok(()), "{good:x?}");
        }
    }

    #[test]
    fn refuses_every_second_way_of_saying_the_same() {
        for (bad, why) in [
            (&[][..], "nothing"),
            (&[0x00, 0x00], "trailing byte"),
            (&[0x18, 0x17], "padded integer"),
            (&[0x19, 0x00, 0xff], "padded integer"),
            (&[0x58, 0x01, 0xff], "padded length"),
            (&[0x9f, 0xff], "indefinite array"),
            (&[0xbf, 0xff], "indefinite map"),
            (&[0x5f, 0xff], "indefinite bytes"),
            (&[0xa2, 0x00, 0x00, 0x00, 0x00], "duplicate key"),
            (&[0xa2, 0x01, 0x00, 0x00, 0x00], "keys out of order"),
            (&[0xc0, 0x00], "tag"),
            (&[0xfb, 0, 0, 0, 0, 0, 0, 0, 0], "float"),
            (&[0xf7], "undefined"),
            (&[0x61, 0xff], "not UTF-8"),
            (&[0x5a, 0xff, 0xff, 0xff, 0xff], "length beyond the end"),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "count beyond the end"),
            (&[0x81; 64], "too deep"),
        ] {
            assert!(check(bad).is_err(), "{why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = check(&bytes);
        }
    }
}
