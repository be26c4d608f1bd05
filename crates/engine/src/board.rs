//! What is known of the device without asking its core, and who is told when it changes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    api::{Event, Notice, ServerState, StoreCondition, StoreState},
    events::{EventStream, Events},
};

/// How many notices are kept.
const NOTICES: usize = 20;

/// Shared by the core, the server and every door.
#[derive(Debug)]
pub(crate) struct Board {
    events: Events,
    /// Holds a permit from the first subscription on.
    heard: Notify,
    notes: Mutex<Notes>,
}

#[derive(Debug)]
struct Notes {
    name: String,
    server: ServerState,
    store: StoreState,
    notices: VecDeque<Notice>,
}

impl Board {
    pub(crate) fn new() -> Self {
        let store = StoreState { state: StoreCondition::Ok, reason: None };
        let notes = Notes { name: String::new(), server: ServerState::default(), store, notices: VecDeque::new() };
        Self { events: Events::new(), heard: Notify::new(), notes: Mutex::new(notes) }
    }

    /// Tells every subscriber.
    pub(crate) fn emit(&self, event: Event) {
        self.events.emit(event);
    }

    pub(crate) fn subscribe(&self) -> EventStream {
        let events = self.events.subscribe();
        self.heard.notify_one();
        events
    }

    /// Whether anybody is subscribed now.
    pub(crate) fn is_heard(&self) -> bool {
        self.events.is_heard()
    }

    /// Done once somebody subscribed.
    pub(crate) async fn heard(&self) {
        self.heard.notified().await;
    }

    /// Ends every subscriber's stream.
    pub(crate) fn close(&self) {
        self.events.close();
    }

    pub(crate) fn name(&self) -> String {
        self.lock().name.clone()
    }

    pub(crate) fn set_name(&self, name: &str) {
        name.clone_into(&mut self.lock().name);
    }

    pub(crate) fn server(&self) -> ServerState {
        self.lock().server.clone()
    }

    /// Notes it, and tells of it if it is news.
    pub(crate) fn set_server(&self, server: ServerState) {
        let news = std::mem::replace(&mut self.lock().server, server.clone()) != server;
        if news {
            self.emit(Event::ServerChanged(server));
        }
    }

    pub(crate) fn store(&self) -> StoreState {
        self.lock().store.clone()
    }

    /// Notes it, and tells of it if it is news.
    pub(crate) fn set_store(&self, store: StoreState) {
        let news = std::mem::replace(&mut self.lock().store, store.clone()) != store;
        if news {
            self.emit(Event::StoreChanged(store));
        }
    }

    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.lock().notices.iter().cloned().collect()
    }

    /// Keeps it for who asks later, and tells of it.
    pub(crate) fn notice(&self, notice: Notice) {
        let mut notes = self.lock();
        if notes.notices.len() >= NOTICES {
            notes.notices.pop_front();
        }
        notes.notices.push_back(notice.clone());
        drop(notes);
        self.emit(Event::Notice(notice));
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
