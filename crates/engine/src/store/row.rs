//! From rows to what the protocol knows, and back.

use lanline_protocol::{
    entry::{Entry, EntryError},
    id::{Hash, RoomId, StoreId},
    identity::{PublicKey, Signature},
    limits,
    record::{Record, RecordKey, RecordName},
    store::{Arrival, Order, StoreError, Stored},
};
use rusqlite::{Error, Row};

use super::trouble::failure;

/// An unsigned number that is only given back, as the signed one with the same bits.
pub(super) fn from_bits(number: i64) -> u64 {
    number.cast_unsigned()
}

/// As [`from_bits`], the other way.
pub(super) fn to_bits(number: u64) -> i64 {
    number.cast_signed()
}

/// A bound to compare with: what it is compared with is below [`limits::NUMBER`], so a higher bound is the same as
/// that.
pub(super) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number to be compared with bounds.
pub(super) fn comparable(number: u64) -> Result<i64, Error> {
    i64::try_from(number)
        .ok()
        .filter(|_| number < limits::NUMBER)
        .ok_or_else(|| Error::ToSqlConversionFailure(format!("{number} is out of range").into()))
}

/// A fixed-size value.
pub(super) fn bytes<const N: usize>(row: &Row<'_>, column: usize) -> Result<[u8; N], Error> {
    row.get(column)
}

/// An entry, of the columns that every statement for entries selects. A damaged body is absent; a damaged header
/// is an error.
pub(super) fn stored(row: &Row<'_>) -> Result<Stored, StoreError> {
    let arrival = from_bits(row.get(0).map_err(failure)?);
    let parts = |with_body: bool| {
        let header = row.get(3).map_err(failure)?;
        let body = if with_body { row.get(4).map_err(failure)? } else { None };
        let signature: Option<[u8; 64]> = row.get(6).map_err(failure)?;
        Ok(Entry::from_parts(header, body, signature.map(Signature::new)))
    };
    let entry = match parts(true)? {
        Err(EntryError::BodyMismatch) => {
            tracing::error!(arrival, "the body of an entry in the database is damaged: it counts as missing");
            parts(false)?
        }
        entry => entry,
    };
    let id: [u8; 32] = bytes(row, 1).map_err(failure)?;
    match entry {
        Ok(entry) if *entry.id.as_bytes() == id => Ok(Stored {
            arrival,
            order: Order {
                time_us: from_bits(row.get(2).map_err(failure)?),
                author: entry.header.author,
                seq: entry.header.seq,
                id: entry.id,
            },
            erased: row.get(5).map_err(failure)?,
            entry,
        }),
        _ => Err(StoreError::Failed(format!("entry {arrival} is damaged"))),
    }
}

/// A record, of the columns that every statement for records selects. A damaged one counts as not held: whoever has
/// it sends it again, and it is replaced.
pub(super) fn record(room: RoomId, row: &Row<'_>) -> Result<Option<(Arrival, Record)>, Error> {
    let arrival = from_bits(row.get(0)?);
    let key = RecordKey {
        room,
        author: PublicKey::new(bytes(row, 1)?),
        store: StoreId::new(bytes(row, 2)?),
        name: RecordName(row.get(3)?),
    };
    let record = Record {
        key,
        version: from_bits(row.get(4)?),
        value: row.get(5)?,
        content: row.get(6)?,
        signature: Signature::new(bytes(row, 7)?),
    };
    if *checksum(&record).as_bytes() == bytes(row, 8)? {
        return Ok(Some((arrival, record)));
    }
    tracing::error!(arrival, "a record in the database is damaged: it counts as not held");
    Ok(None)
}

/// What tells a damaged record.
pub(super) fn checksum(record: &Record) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(record.key.room.as_bytes());
    hasher.update(record.key.author.as_bytes());
    hasher.update(record.key.store.as_bytes());
    hasher.update(&record.key.name.0.to_le_bytes());
    hasher.update(&record.version.to_le_bytes());
    hasher.update(record.signature.as_bytes());
    hasher.update(&record.value);
    hasher.update(&record.content);
    Hash::new(*hasher.finalize().as_bytes())
}
