//! What is told beside the flow of batches and acknowledged by nothing: heads, records after heads, and who belongs to
//! those who do not follow it. As much at a time as the network takes, so that no room is too large to be told of.

use crate::frame::{Batch, Frame, Heads};
use crate::kind::Lane;
use crate::limits;
use crate::replica::{CloseReason, Replica};
use crate::session::{ConnectionId, Telling};
use crate::store::{Item, Store, StoreError};

impl<S: Store> Replica<S> {
    /// Tells it after what is being told already, and as much of it as can be at once.
    pub(crate) fn tell(&mut self, connection: ConnectionId, telling: Telling) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
        session.tellings.push_back(telling);
        self.go_on_telling(connection)
    }

    /// Goes on with what is being told until that is all, or enough waits for the network.
    pub(crate) fn go_on_telling(&mut self, connection: ConnectionId) -> Result<(), StoreError> {
        loop {
            let Some(session) = self.sessions.get_mut(&connection) else { return Ok(()) };
            if session.is_full() && !session.tellings.is_empty() {
                self.held_back.insert(connection);
                return Ok(());
            }
            self.held_back.remove(&connection);
            let Some(telling) = session.tellings.pop_front() else { return Ok(()) };
            let (frames, rest) = self.next_frames(telling)?;
            for frame in frames {
                self.send(connection, &frame);
            }
            if let Some(rest) = rest
                && let Some(session) = self.sessions.get_mut(&connection)
            {
                session.tellings.push_front(rest);
            }
        }
    }

    /// Ends the connection with a device that was removed from the last room in common, once it is told so.
    pub(crate) fn end_where_told(&mut self, connection: ConnectionId) {
        if !self.sessions.get(&connection).is_some_and(|session| session.ending) {
            return;
        }
        let fellow = self.is_with_fellow(connection);
        let Some(session) = self.sessions.get_mut(&connection) else { return };
        if fellow || session.shares_a_room() || !session.joining.is_empty() {
            session.ending = false;
        } else if session.tellings.is_empty() {
            self.close(connection, CloseReason::Removed);
        }
    }

    /// What is told next, and what then is left.
    fn next_frames(&self, telling: Telling) -> Result<(Vec<Frame>, Option<Telling>), StoreError> {
        match telling {
            Telling::Heads { room, slot, lane, heads, told } => {
                let mut left = heads.get(told..).unwrap_or_default().chunks(limits::HEADS_PAGE);
                let page = left.next().unwrap_or_default().to_vec();
                let last = left.next().is_none();
                let told = told + page.len();
                let frame = Frame::Heads(Heads { slot, lane, heads: page, last });
                Ok((vec![frame], (!last).then_some(Telling::Heads { room, slot, lane, heads, told })))
            }
            Telling::Records { room, slot, mut after } => {
                let Some(held) = self.rooms.get(&room) else { return Ok((Vec::new(), None)) };
                let page = self.store.records(room, after, limits::RECORDS_PAGE)?;
                let (mut batch, mut bytes, mut left) = (beside(slot, Lane::Content), 0, page.len());
                for record in &page {
                    if bytes >= limits::BATCH_BYTES {
                        break;
                    }
                    (after, left) = (Some(record.key), left - 1);
                    // The peer's own too: where its database was rolled back, they are how it notices.
                    if held.is_member(&record.key.author) {
                        bytes += record.size();
                        batch.records.push(record.to_wire());
                    }
                }
                let all = left == 0 && page.len() < limits::RECORDS_PAGE;
                let frames = if batch.records.is_empty() { Vec::new() } else { vec![Frame::Batch(batch)] };
                Ok((frames, (!all).then_some(Telling::Records { room, slot, after })))
            }
            Telling::Entries { room, slot, ids } => {
                let (frame, rest) = self.next_entries(room, slot, &ids)?;
                Ok((vec![frame], rest))
            }
            Telling::Membership { room, slot, after, evidence, leave } => {
                // With a group of this version's that starts below it, it fits the frame of a peer to whom this device
                // is a stranger: one that holds nothing of the room any more must not end the connection over it.
                let (until, bytes) = (evidence.until, limits::STRANGER_FRAME / 4);
                let mut page = self.store.page(room, Lane::Membership, after, limits::BATCH_ITEMS, bytes)?;
                page.retain(|item| item.arrival() <= until.max(leave));
                let Some(after) = page.last().map(Item::arrival) else { return Ok((Vec::new(), None)) };
                let mut entries = Vec::new();
                let mut withheld = false;
                for item in page.into_iter().rev() {
                    let Item::Entry(stored) = item else { continue };
                    // The last of a group speaks for all of it.
                    if stored.entry.signature.is_some() {
                        withheld = evidence.withheld.contains(&stored.arrival);
                    }
                    if !withheld && (stored.arrival <= until || stored.entry.header.author == self.me) {
                        entries.push(stored.entry.to_wire());
                    }
                }
                entries.reverse();
                let batch = Batch { entries, ..beside(slot, Lane::Membership) };
                let frames = if batch.entries.is_empty() { Vec::new() } else { vec![Frame::Batch(batch)] };
                Ok((frames, Some(Telling::Membership { room, slot, after, evidence, leave })))
            }
        }
    }
}

/// A batch outside of arrival order: it says nothing of how far the peer then is.
fn beside(slot: u32, lane: Lane) -> Batch {
    Batch { slot, lane, entries: Vec::new(), records: Vec::new(), upto: None, anchor: None, end: false }
}
