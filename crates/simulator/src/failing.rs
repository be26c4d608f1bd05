//! What a device does whose disk does not take what it writes: connections are dropped, the store is rolled back and
//! opened anew, and nothing is taken in until it works again.

use lanline_protocol::store::{Store, StoreError};

use crate::device::{Command, Input};
use crate::disk::{Disk, Fault};
use crate::world::{Happening, World};

const RETRY_US: u64 = 5_000_000;
const RETRY_BYTES: usize = 256 * 1024;

impl World {
    /// The store did not take it.
    pub(crate) fn fail(&mut self, index: usize, error: &StoreError) {
        self.trace.say(self.now_us, format_args!("{index}: {error}"));
        self.trace.take(self.now_us, 3, error.to_string().as_bytes());
        let device = &mut self.devices[index];
        let Some(machine) = device.machine.as_mut() else { return };
        let fault = machine.store_mut().fault();
        if machine.store_mut().power_was_cut() {
            let pause = self.dice.between(100_000, 20_000_000);
            self.crash(index, true);
            self.after(pause, Happening::Boot(index));
            return;
        }
        if fault == Fault::None {
            self.violate("store", format!("the store of {index} refuses: {error}"));
            return;
        }
        self.part_with_all(index);
        if matches!(error, StoreError::Failed(_)) {
            // It ends; a person starts it again once the disk was seen to.
            self.crash(index, false);
            return;
        }
        let device = &mut self.devices[index];
        let Some(machine) = device.machine.take() else { return };
        let mut store = machine.into_store();
        let _ = store.rollback();
        self.reopen(index, store);
        self.devices[index].refusing_until = Some(self.now_us + RETRY_US);
    }

    fn reopen(&mut self, index: usize, mut store: Disk) {
        let fault = store.fault();
        store.set_fault(Fault::None);
        let device = &mut self.devices[index];
        // It goes on with other random numbers than it drew for what was rolled back.
        device.boots += 1;
        match device.open(self.seed, self.now_us, store) {
            Ok(mut replica) => {
                replica.store_mut().set_fault(fault);
                self.devices[index].machine = Some(replica);
            }
            Err(error) => self.violate("store", format!("{index} cannot be opened: {error}")),
        }
        self.note_started(index);
        let device = &mut self.devices[index];
        device.dialer = Default::default();
        (device.looked, device.wishes_changed) = (None, true);
    }

    fn part_with_all(&mut self, index: usize) {
        let connections = std::mem::take(&mut self.devices[index].connections);
        self.devices[index].limits.clear();
        self.devices[index].joining = None;
        for (link, end) in connections.into_values() {
            self.hang_up(link, end, "read_only");
        }
    }

    /// While nothing is taken in.
    pub(crate) fn refuse(&mut self, index: usize) {
        for input in std::mem::take(&mut self.devices[index].inbox) {
            if let Input::Opened { link, end, .. } = input {
                self.hang_up(link, end, "read_only");
            }
        }
        let now_us = self.now_us;
        let device = &mut self.devices[index];
        if device.refusing_until.is_none_or(|at| at > now_us) {
            return;
        }
        let Some(machine) = device.machine.as_mut() else { return };
        let store = machine.store_mut();
        let tried = store
            .put_value("retry", Some(&vec![0; RETRY_BYTES]))
            .and_then(|()| store.commit())
            .and_then(|()| store.put_value("retry", None))
            .and_then(|()| store.commit());
        match tried {
            Ok(()) => {
                device.refusing_until = None;
                let addresses = device.addresses();
                self.give(index, Input::Command(Command::Listen(addresses)));
            }
            Err(_) => {
                let _ = store.rollback();
                device.refusing_until = Some(now_us + RETRY_US);
            }
        }
    }
}
