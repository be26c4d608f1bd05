//! Words that a disk loses.

use lanline_protocol::id::EntryId;
use lanline_protocol::store::Store;

use crate::ledger::bit;
use crate::world::World;

impl World {
    /// Damages the words of an entry on a device's disk.
    pub(crate) fn damage(&mut self, index: usize) {
        let entries: Vec<EntryId> =
            self.ledger.entries.iter().filter(|(_, known)| known.held & bit(index) != 0).map(|(id, _)| *id).collect();
        let Some(id) = self.dice.pick(&entries).copied() else { return };
        let header = self.dice.percent(50);
        let device = &mut self.devices[index];
        let disk = match (&mut device.shelf, &mut device.machine) {
            (Some(store), _) => store,
            (None, Some(machine)) => machine.store_mut().held_mut(),
            _ => return,
        };
        let Ok(Some(stored)) = disk.entry(id) else { return };
        if disk.damage(id, header) {
            let log = stored.entry.header.log_key();
            let mut first = stored.entry.header.seq;
            let before = |seq| disk.at(stored.entry.room(), log, seq).unwrap_or_default();
            while before(first - 1).iter().any(|before| before.entry.signature.is_none()) {
                first -= 1;
            }
            self.ledger.damaged.entry(log).or_default().push((first, id));
            self.trace.say(self.now_us, format_args!("{index} loses the words of {id:?}"));
        }
    }

    /// Whether an entry can be passed on to nobody any more, since none of these devices has the words of one that it
    /// follows, or shares a group with. That disk was its only place when it was damaged, and no protocol helps.
    pub(crate) fn is_withheld(&self, group: &[usize], id: EntryId) -> bool {
        let Some(known) = self.ledger.entries.get(&id) else { return false };
        let has = |device: &usize, id| {
            let held = self.devices[*device].disk().and_then(|disk| disk.entry(id).ok().flatten());
            held.is_some_and(|stored| stored.entry.body.is_some())
        };
        let damaged = self.ledger.damaged.get(&known.log).into_iter().flatten();
        damaged.into_iter().any(|(first, lost)| *first <= known.seq && !group.iter().any(|device| has(device, *lost)))
    }
}
