//! What others are told of the replica after each commit, without asking.

use lanline_protocol::replica::Target;
use tokio::sync::watch;

use super::Replica;

/// See the module's documentation.
pub(super) struct Published {
    targets: watch::Sender<Vec<Target>>,
    /// As of which look of the replica they were named.
    looked: Option<u64>,
    circles: watch::Sender<u64>,
    /// As of which number of the replica's.
    belonging: Option<u64>,
}

/// Where it is told.
#[derive(Clone, Debug)]
pub(crate) struct Subscribed {
    /// Devices to be dialled.
    pub(crate) targets: watch::Receiver<Vec<Target>>,
    /// Another number whenever who belongs to this device's rooms may have changed, and where the replica was opened anew,
    /// which forgets what it was told.
    pub(crate) circles: watch::Receiver<u64>,
}

impl Published {
    pub(super) fn new() -> (Self, Subscribed) {
        let (targets, named) = watch::channel(Vec::new());
        let (circles, changed) = watch::channel(0);
        let subscribed = Subscribed { targets: named, circles: changed };
        (Self { targets, looked: None, circles, belonging: None }, subscribed)
    }

    /// Another replica comes: nothing that was told is of it.
    pub(super) fn begin_anew(&mut self) {
        (self.looked, self.belonging) = (None, None);
    }

    /// Tells what changed; `None`: there is nothing to go by.
    pub(super) fn publish(&mut self, replica: Option<&Replica>) {
        let looked = replica.map(Replica::looks);
        if std::mem::replace(&mut self.looked, looked) != looked {
            let targets = replica.map(Replica::targets).unwrap_or_default();
            self.targets.send_if_modified(|before| {
                let changed = before != targets;
                if changed {
                    targets.clone_into(before);
                }
                changed
            });
        }
        let Some(belonging) = replica.map(Replica::belonging) else { return };
        if self.belonging.replace(belonging) != Some(belonging) {
            self.circles.send_modify(|number| *number = number.wrapping_add(1));
        }
    }
}
