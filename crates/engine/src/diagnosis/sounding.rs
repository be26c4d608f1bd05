//! All on the network are asked who is there, and what comes back is counted: only that tells whether it passes on what is
//! said to all.

use std::time::Duration;

use crate::{Node, discovery::traffic::Traffic};

/// How long until what is to come back has come: others answer within a tenth of a second.
const ANSWERED: Duration = Duration::from_secs(2);
/// How long a device that is there for this alone may take until it is on its networks.
const BEGUN: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(50);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sounding {
    /// This device was started so that it neither looks for others nor is found.
    Off,
    /// It does not say.
    Unknown,
    /// What was counted before all were asked, and after.
    Counted { before: Traffic, after: Traffic },
}

impl Sounding {
    /// Asks once.
    pub(super) async fn make(node: &Node) -> Self {
        if !node.setup().discovery {
            return Self::Off;
        }
        let Some(transports) = node.discovery().ok().and_then(|discovery| discovery.transports()) else {
            return Self::Unknown;
        };
        let begun = tokio::time::timeout(BEGUN, async {
            while transports.traffic().links.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        });
        // Where there are no networks there is nothing to count, either.
        let _ = begun.await;
        let before = transports.traffic();
        transports.ask();
        tokio::time::sleep(ANSWERED).await;
        Self::Counted { before, after: transports.traffic() }
    }

    /// Whether the system took anything that was said to all.
    pub(super) fn said_something(&self) -> bool {
        let Self::Counted { before, after } = self else { return false };
        let sent = |traffic: &Traffic| traffic.links.iter().map(|link| link.sent).fold(0, u64::saturating_add);
        sent(after) > sent(before)
    }
}
