//! What an onlooker notes who sees every disk: what was said and answered, what lay on which disk, what was read. Each
//! commit is held against it.

use std::collections::{BTreeMap, BTreeSet};

use lanline_protocol::entry::LogKey;
use lanline_protocol::id::{EntryId, Hash, RoomId, StoreId};
use lanline_protocol::kind::Lane;
use lanline_protocol::limits;
use lanline_protocol::record::RecordKey;
use lanline_protocol::store::{Arrival, Item, Store};

use crate::view::View;
use crate::world::World;

/// A set of devices.
pub(crate) type Mask = u32;

pub(crate) fn bit(device: usize) -> Mask {
    1 << device
}

/// What is known of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) author: usize,
    pub(crate) log: LogKey,
    pub(crate) seq: u64,
    pub(crate) timestamp_us: u64,
    /// On whose disk it lies.
    pub(crate) held: Mask,
    /// On whose disk it ever lay.
    pub(crate) ever: Mask,
    /// Where it was read.
    pub(crate) read: Mask,
    /// Whether some device shows it where it arrived, since it came from the future.
    pub(crate) adrift: bool,
    /// Whether it was lost with the last disk that held it.
    pub(crate) lost: bool,
}

/// Something that a person said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) device: usize,
    pub(crate) room: RoomId,
    pub(crate) text: String,
    pub(crate) client_id: String,
    pub(crate) reply_to: Option<EntryId>,
    pub(crate) answered: Option<EntryId>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) entries: BTreeMap<EntryId, Known>,
    pub(crate) records: BTreeSet<(RecordKey, u64, Hash)>,
    /// The version that each device holds of a record.
    pub(crate) versions: BTreeMap<(usize, RecordKey), u64>,
    /// Own entries by their number.
    pub(crate) slots: BTreeMap<(LogKey, u64), EntryId>,
    pub(crate) said: Vec<Said>,
    /// Devices whose disk was replaced by an older copy, and when that was last.
    pub(crate) rolled_back: Mask,
    pub(crate) rolled_back_at: Vec<Option<u64>>,
    /// Own logs of which a rolled back device was given back what it had lost: it knows that it is an older copy.
    pub(crate) returned: BTreeSet<(usize, LogKey)>,
    /// The latest time that each device believed of an entry since it was started.
    pub(crate) seen_us: Vec<u64>,
    /// How far cursors and acks were found true: owner of the arrivals, its store, who holds, room, lane.
    pub(crate) checked: BTreeMap<(usize, StoreId, usize, RoomId, Lane), Arrival>,
    /// Entries that some disk lost the words of, by their log, each with the first number of its group.
    pub(crate) damaged: BTreeMap<LogKey, Vec<(u64, EntryId)>>,
    /// Logs in which one number was given twice, by a disk that was rolled back and had not noticed yet. Acks and receipts
    /// name numbers, and so do not tell which of the two they mean.
    pub(crate) forked: BTreeSet<LogKey>,
    /// Devices that joined a room, and those that left or were removed since.
    pub(crate) members: BTreeMap<(RoomId, usize), bool>,
}

impl Ledger {
    pub(crate) fn new(devices: usize) -> Self {
        Self { rolled_back_at: vec![None; devices], seen_us: vec![0; devices], ..Self::default() }
    }

    pub(crate) fn answered(&mut self, at: usize, entry: EntryId) {
        if let Some(said) = self.said.get_mut(at) {
            said.answered = Some(entry);
        }
    }

    pub(crate) fn joined(&mut self, room: RoomId, device: usize) {
        self.members.insert((room, device), true);
    }

    pub(crate) fn ended(&mut self, room: RoomId, device: usize) {
        self.members.insert((room, device), false);
    }
}

impl World {
    /// A disk was replaced by an older copy of itself.
    pub(crate) fn note_rollback(&mut self, index: usize) {
        self.ledger.rolled_back |= bit(index);
        self.ledger.rolled_back_at[index] = Some(self.now_us);
        self.ledger.checked.retain(|(owner, _, holder, ..), _| *owner != index && *holder != index);
        self.ledger.versions.retain(|(holder, _), _| *holder != index);
        self.ledger.returned.retain(|(holder, _)| *holder != index);
        let Some(disk) = self.devices[index].disk() else { return };
        let mut held = BTreeSet::new();
        for room in disk.rooms().unwrap_or_default() {
            for lane in Lane::ALL {
                let page = disk.page(room, lane, 0, usize::MAX, usize::MAX).unwrap_or_default();
                held.extend(page.iter().filter_map(|item| match item {
                    Item::Entry(stored) => Some(stored.entry.id),
                    Item::Lost(lost) => Some(lost.id),
                    Item::Record(..) => None,
                }));
            }
        }
        for (id, known) in &mut self.ledger.entries {
            if held.contains(id) {
                known.held |= bit(index);
                known.lost = false;
            } else if known.held & bit(index) != 0 {
                known.held &= !bit(index);
                known.lost |= known.held == 0;
            }
        }
    }

    /// A device starts on what is on its disk: its clock follows the tips of all logs, as far as they can be believed.
    pub(crate) fn note_started(&mut self, index: usize) {
        let believed = self.devices[index].time(self.now_us).wall_us.saturating_add(limits::CLOCK_AHEAD_US);
        let Some(disk) = self.devices[index].disk() else { return };
        let rooms = disk.rooms().unwrap_or_default().into_iter();
        let lanes = rooms.flat_map(|room| Lane::ALL.map(|lane| disk.tips(room, lane).unwrap_or_default()));
        let times = lanes.flatten().map(|tip| tip.timestamp_us).filter(|at| *at <= believed);
        self.ledger.seen_us[index] = times.max().unwrap_or(0);
    }

    /// A person read everything as far as a message.
    pub(crate) fn note_read(&mut self, index: usize, room: RoomId, message: EntryId) {
        let Some(disk) = self.devices[index].disk() else { return };
        let Ok(Some(stored)) = disk.entry(message) else { return };
        let mut before = Some(lanline_protocol::store::Order { id: EntryId::new([0xff; 32]), ..stored.order });
        while let Some(bound) = before {
            let page = disk.timeline(room, Some(bound), &[], 64).unwrap_or_default();
            before = page.last().map(|stored| stored.order);
            for stored in page {
                if let Some(known) = self.ledger.entries.get_mut(&stored.entry.id) {
                    known.read |= bit(index);
                }
            }
        }
    }

    /// A room as it lies on a device's disk.
    pub(crate) fn view(&self, index: usize, room: RoomId) -> Option<View> {
        self.devices[index].disk().and_then(|disk| View::of(disk, room))
    }
}
