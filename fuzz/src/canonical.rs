//! That what can be read can be written, and says the same.

use std::fmt::Debug;

use lanline_protocol::cbor;
use minicbor::{Decode, Encode};

/// Reads a value and writes it again. What comes out is read as the same value, is written the same way for ever, and is
/// what was read but for fields that this version does not know or that say nothing.
///
/// # Panics
/// Where that is not so.
pub fn read<T>(bytes: &[u8]) -> Option<T>
where
    T: for<'b> Decode<'b, ()> + Encode<()> + Debug + PartialEq,
{
    let value: T = cbor::decode(bytes).ok()?;
    let written = cbor::encode(&value);
    assert!(written == bytes || written.len() < bytes.len(), "{value:?} was read of as many other bytes");
    assert_eq!(cbor::decode::<T>(&written).as_ref(), Ok(&value), "it is read otherwise than it was written");
    Some(value)
}
