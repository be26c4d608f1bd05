//! The tables of a store in memory, and what is read of several of them together.

use super::table::Table;
use crate::entry::LogKey;
use crate::frame::Head;
use crate::id::{EntryId, RoomId, StoreId};
use crate::identity::{DeviceId, PublicKey};
use crate::kind::Lane;
use crate::record::RecordKey;
use crate::store::{Arrival, Cursor, Device, Item, Order, Stored, Tip};

#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) items: Table<(RoomId, Lane, Arrival), Item>,
    pub(super) entries: Table<EntryId, (RoomId, Lane, Arrival)>,
    pub(super) timeline: Table<(RoomId, Order), Arrival>,
    pub(super) kinds: Table<(RoomId, u16, Arrival), EntryId>,
    pub(super) logs: Table<(RoomId, LogKey, u64, EntryId), Arrival>,
    pub(super) missing: Table<(RoomId, LogKey, u64, EntryId), ()>,
    pub(super) tips: Table<(RoomId, Lane, Head), Tip>,
    pub(super) records: Table<RecordKey, Arrival>,
    pub(super) cursors: Table<(StoreId, RoomId, Lane), Cursor>,
    pub(super) acks: Table<(RoomId, Lane, DeviceId), Arrival>,
    pub(super) sent: Table<(RoomId, String), EntryId>,
    pub(super) devices: Table<PublicKey, Device>,
    pub(super) values: Table<String, Vec<u8>>,
}

/// Does the same to every table.
macro_rules! each_table {
    ($tables:expr, $call:ident) => {{
        let tables = $tables;
        tables.items.$call();
        tables.entries.$call();
        tables.timeline.$call();
        tables.kinds.$call();
        tables.logs.$call();
        tables.missing.$call();
        tables.tips.$call();
        tables.records.$call();
        tables.cursors.$call();
        tables.acks.$call();
        tables.sent.$call();
        tables.devices.$call();
        tables.values.$call();
    }};
}

impl Tables {
    pub(super) fn commit(&mut self) {
        each_table!(self, commit);
    }

    /// Undoes what was not committed.
    pub(super) fn rollback(&mut self) {
        each_table!(self, rollback);
    }

    /// An entry, where it is not lost.
    pub(super) fn stored(&self, id: EntryId) -> Option<&Stored> {
        let place = self.entries.rows.get(&id)?;
        match self.items.rows.get(place)? {
            Item::Entry(stored) => Some(stored),
            Item::Record(..) | Item::Lost(_) => None,
        }
    }

    /// The entries of a log beyond a number, as far as another.
    pub(super) fn of_log(
        &self,
        room: RoomId,
        log: LogKey,
        after: u64,
        upto: u64,
    ) -> impl Iterator<Item = (u64, &Stored)> {
        let (from, to) = (EntryId::new([0; 32]), EntryId::new([0xff; 32]));
        let first = (room, log, after.saturating_add(1), from);
        let rows = (after < upto).then(|| self.logs.rows.range(first..=(room, log, upto, to)));
        rows.into_iter().flatten().filter_map(|((.., seq, id), _)| Some((*seq, self.stored(*id)?)))
    }
}
