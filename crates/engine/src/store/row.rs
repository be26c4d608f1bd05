//! From rows to what the protocol knows, and back.

use lanline_protocol::{
    entry::{Entry, EntryError, LogKey},
    id::{EntryId, Hash, LogId, RoomId, StoreId},
    identity::{PublicKey, Signature},
    limits,
    record::{Record, RecordKey, RecordName},
    store::{Arrival, Lost, Order, Stored},
};
use rusqlite::{Error, Row, types::ValueRef};

/// An unsigned number that is only given back, as the signed one with the same bits.
pub(super) fn from_bits(number: i64) -> u64 {
    number.cast_unsigned()
}

/// As [`from_bits`], the other way.
pub(super) fn to_bits(number: u64) -> i64 {
    number.cast_signed()
}

/// A number as the protocol has them, to be counted on from: what a disk made of it may be none.
pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64, Error> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(column, number))
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

/// An entry's id; one that no entry has, where it is damaged into something else than an id.
pub(super) fn id(row: &Row<'_>, column: usize) -> EntryId {
    EntryId::new(bytes(row, column).unwrap_or_default())
}

/// What an entry is named in its row, and what its header is hashed to: the same, where neither is damaged.
pub(super) fn ids(row: &Row<'_>, id: usize, header: usize) -> [Option<[u8; 32]>; 2] {
    let hashed =
        row.get_ref(header).ok().and_then(|value| value.as_blob().ok()).map(|header| *Hash::of(header).as_bytes());
    [bytes(row, id).ok(), hashed]
}

/// What a row for an entry turned out to be.
pub(super) enum Found {
    /// As it was stored, its words absent where they were erased or are known to be lost.
    Whole(Stored),
    /// As it was stored, but for its words, which are damaged.
    Wordless(Stored),
    /// Something whole, but not what its row names: its header or its id is damaged.
    Misnamed(Stored),
    /// Not to be read, and whether that is known.
    Damaged { arrival: Arrival, known: bool },
}

/// An entry, of the columns that every statement for entries selects.
pub(super) fn found(row: &Row<'_>) -> Result<Found, Error> {
    let arrival = from_bits(row.get(0)?);
    let (time_us, erased) = (from_bits(row.get(2)?), row.get(5)?);
    let known = matches!(row.get_ref(4)?, ValueRef::Null);
    let order = |entry: &Entry| Order { time_us, author: entry.header.author, seq: entry.header.seq, id: entry.id };
    let stored = |entry: Entry| Stored { arrival, order: order(&entry), entry, erased };
    let id: Option<[u8; 32]> = bytes(row, 1).ok();
    let is_it = |entry: &Entry| Some(*entry.id.as_bytes()) == id;
    Ok(match entry(row, 3, 4, 6) {
        Some(Ok(entry)) if is_it(&entry) => Found::Whole(stored(entry)),
        Some(Ok(entry)) => Found::Misnamed(stored(entry)),
        Some(Err(EntryError::BodyMismatch)) => match entry_without_body(row, 3, 6) {
            Some(entry) if is_it(&entry) => Found::Wordless(stored(entry)),
            _ => Found::Damaged { arrival, known },
        },
        _ => Found::Damaged { arrival, known },
    })
}

/// An entry, of the columns with its header, body and signature; `None` where they do not even hold bytes.
fn entry(row: &Row<'_>, header: usize, body: usize, signature: usize) -> Option<Result<Entry, EntryError>> {
    let signature: Option<[u8; 64]> = row.get(signature).ok()?;
    let body = row.get(body).ok()?;
    Some(Entry::from_parts(row.get(header).ok()?, body, signature.map(Signature::new)))
}

fn entry_without_body(row: &Row<'_>, header: usize, signature: usize) -> Option<Entry> {
    let signature: Option<[u8; 64]> = row.get(signature).ok()?;
    Entry::from_parts(row.get(header).ok()?, None, signature.map(Signature::new)).ok()
}

/// What is kept a second time of an entry of the membership lane, of the columns of [`super::sql::SPARE`].
pub(super) fn spare(row: &Row<'_>) -> Result<Option<Stored>, Error> {
    let (arrival, time_us) = (from_bits(row.get(0)?), from_bits(row.get(1)?));
    Ok(entry(row, 2, 3, 4).and_then(Result::ok).map(|entry| {
        let order = Order { time_us, author: entry.header.author, seq: entry.header.seq, id: entry.id };
        Stored { arrival, order, entry, erased: false }
    }))
}

/// What is left of an entry that is lost, of the columns of [`super::sql::LOST_AT`].
pub(super) fn lost(row: &Row<'_>) -> Result<Lost, Error> {
    Ok(Lost {
        arrival: from_bits(row.get(0)?),
        room: RoomId::new(bytes(row, 1)?),
        log: LogKey { author: PublicKey::new(bytes(row, 2)?), log: LogId::new(bytes(row, 3)?) },
        seq: from_bits(row.get(4)?),
        id: id(row, 5),
        ends_group: row.get(6)?,
    })
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
