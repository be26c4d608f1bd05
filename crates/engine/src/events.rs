//! What happened, told to whoever listens: bounded, and honest about what a slow reader missed.
//!
//! The model is chatmail/core's `events.rs`: a fixed number of events is kept, the oldest give way, and a reader that
//! was overtaken is told how many it missed.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::api::Event;

/// How many events are kept for a reader that is behind. A power of two, to which the channel rounds up.
const CAPACITY: usize = 16_384;

/// Where the device tells what happened.
#[derive(Debug)]
pub(crate) struct Events {
    /// `None` once closed.
    sender: Mutex<Option<broadcast::Sender<Arc<Event>>>>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self { sender: Mutex::new(Some(broadcast::Sender::new(capacity))) }
    }

    /// Tells every subscriber; never waits.
    pub(crate) fn emit(&self, event: Event) {
        if let Some(sender) = self.lock().as_ref() {
            // Fails only where nobody listens.
            let _ = sender.send(Arc::new(event));
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.lock().as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// A stream of what happens from now on.
    pub(crate) fn subscribe(&self) -> EventStream {
        let receiver = match self.lock().as_ref() {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        };
        EventStream { receiver }
    }

    /// Ends every stream, once it has given what it still holds.
    pub(crate) fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<broadcast::Sender<Arc<Event>>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One subscriber's view of what happens. Holds at most 16,384 events behind; see [`Event::EventsLost`].
#[derive(Debug)]
pub struct EventStream {
    receiver: broadcast::Receiver<Arc<Event>>,
}

impl EventStream {
    /// The next event, waiting for it; `None` once the device is closed. May be dropped while waiting without losing
    /// an event.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.recv().await {
            Ok(event) => Some(Arc::unwrap_or_clone(event)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Event::EventsLost { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event, if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        match self.receiver.try_recv() {
            Ok(event) => Some(Arc::unwrap_or_clone(event)),
            Err(broadcast::error::TryRecvError::Lagged(count)) => Some(Event::EventsLost { count }),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }

    /// Whether [`next`](Self::next) would wait.
    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(n: u64) -> Event {
        Event::RoomChanged { room: n.to_string() }
    }

    #[tokio::test]
    async fn every_subscriber_gets_every_event_in_order() {
        let events = Events::new();
        let mut alice = events.subscribe();
        let mut bob = events.subscribe();
        for n in 0..5 {
            events.emit(room(n));
        }
        events.close();
        for n in 0..5 {
            assert_eq!(alice.next().await, Some(room(n)));
            assert_eq!(bob.next().await, Some(room(n)));
        }
        assert_eq!(alice.next().await, None);
        assert_eq!(events.subscribe().next().await, None);
    }

    #[tokio::test]
    async fn a_reader_that_was_overtaken_is_told_how_many_it_missed() {
        let events = Events::with_capacity(8);
        let mut slow = events.subscribe();
        for n in 0..20 {
            events.emit(room(n));
        }
        assert_eq!(slow.next().await, Some(Event::EventsLost { count: 12 }));
        for n in 12..20 {
            assert_eq!(slow.next().await, Some(room(n)));
        }
        events.emit(room(20));
        assert_eq!(slow.next().await, Some(room(20)));
    }
}
