//! What is read of a room at a time: in the order in which it arrived, and in that in which people see it.

use lanline_protocol::{
    id::{EntryId, RoomId},
    identity::PublicKey,
    kind::Lane,
    record::{Record, RecordKey},
    store::{Arrival, Item, Lost, Order, StoreError, Stored},
};
use rusqlite::params;

use super::{SqliteStore, count, row::bound, sql, statement::next_record, trouble::failure};

fn item(entry: Result<Stored, Lost>) -> Item {
    entry.map_or_else(Item::Lost, Item::Entry)
}

impl SqliteStore {
    /// [`Store::page`](lanline_protocol::store::Store::page)
    pub(super) fn read_page(
        &self,
        room: RoomId,
        lane: Lane,
        after: Arrival,
        items: usize,
        bytes: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let mut entries = self.db.prepare_cached(sql::PAGE_ENTRIES).map_err(failure)?;
        let mut records = self.db.prepare_cached(sql::PAGE_RECORDS).map_err(failure)?;
        let mut entries = entries.query(params![room.as_bytes(), lane.number(), bound(after)]).map_err(failure)?;
        let mut records = match lane {
            Lane::Content => Some(records.query(params![room.as_bytes(), bound(after)]).map_err(failure)?),
            Lane::Membership => None,
        };
        let mut record = records.as_mut().map(|rows| next_record(rows, room)).transpose()?.flatten();
        let mut entry = self.next_entry(&mut entries)?.map(item);
        let mut page = Vec::new();
        let mut size = 0_usize;
        loop {
            let entry_first = match (&entry, &record) {
                (Some(item), Some((arrival, _))) => item.arrival() < *arrival,
                (entry, _) => entry.is_some(),
            };
            let full = |page: &Vec<Item>, size| page.len() >= items || size >= bytes;
            if entry_first {
                let Some(next) = entry else { break };
                let ends_group = match &next {
                    Item::Entry(stored) => {
                        size = size.saturating_add(stored.entry.size());
                        stored.entry.signature.is_some()
                    }
                    Item::Record(..) => true,
                    Item::Lost(lost) => lost.ends_group,
                };
                page.push(next);
                if ends_group && full(&page, size) {
                    break;
                }
                entry = self.next_entry(&mut entries)?.map(item);
            } else {
                let Some((arrival, found)) = record else { break };
                size = size.saturating_add(found.size());
                page.push(Item::Record(arrival, found));
                if full(&page, size) {
                    break;
                }
                record = records.as_mut().map(|rows| next_record(rows, room)).transpose()?.flatten();
            }
        }
        Ok(page)
    }

    /// [`Store::records`](lanline_protocol::store::Store::records)
    pub(super) fn read_records(
        &self,
        room: RoomId,
        after: Option<RecordKey>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let mut statement = self.db.prepare_cached(sql::RECORDS).map_err(failure)?;
        let (author, store, name) = match &after {
            Some(after) => (after.author.as_bytes().as_slice(), after.store.as_bytes().as_slice(), after.name.0),
            None => (&[][..], &[][..], 0),
        };
        let mut rows = statement.query(params![room.as_bytes(), author, store, name]).map_err(failure)?;
        let mut found = Vec::new();
        while found.len() < limit {
            let Some((_, record)) = next_record(&mut rows, room)? else { break };
            found.push(record);
        }
        Ok(found)
    }

    /// [`Store::timeline`](lanline_protocol::store::Store::timeline)
    pub(super) fn read_timeline(
        &self,
        room: RoomId,
        before: Option<Order>,
        hidden: &[u16],
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let end = Order {
            time_us: u64::MAX,
            author: PublicKey::new([0xff; 32]),
            seq: u64::MAX,
            id: EntryId::new([0xff; 32]),
        };
        let before = before.unwrap_or(end);
        let mut asked = limit;
        loop {
            let values = params![
                room.as_bytes(),
                bound(before.time_us),
                before.author.as_bytes(),
                bound(before.seq),
                before.id.as_bytes(),
                format!("{hidden:?}"), // numbers in brackets: JSON
                count(asked),
            ];
            let (mut found, lost) = self.entries_and_lost(sql::TIMELINE, values)?;
            // What is left out was counted too.
            if found.len() >= limit || found.len() + lost < asked {
                found.truncate(limit);
                return Ok(found);
            }
            asked = limit.saturating_add(lost).max(asked.saturating_add(1));
        }
    }
}
