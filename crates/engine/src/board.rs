//! What is known of the device without asking its core, and who is told when it changes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use crate::{
    api::{Event, Notice, NoticeKind, ServerState, StoreCondition, StoreState},
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
    /// Told whenever the name or the server is another.
    outward: watch::Sender<()>,
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
        Self { events: Events::new(), heard: Notify::new(), notes: Mutex::new(notes), outward: watch::Sender::new(()) }
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
        self.outward.send_replace(());
    }

    /// Where it is told that the name or the server is another.
    pub(crate) fn outward(&self) -> watch::Receiver<()> {
        self.outward.subscribe()
    }

    pub(crate) fn server(&self) -> ServerState {
        self.lock().server.clone()
    }

    /// Notes it, and tells of it if it is news.
    pub(crate) fn set_server(&self, server: ServerState) {
        let news = std::mem::replace(&mut self.lock().server, server.clone()) != server;
        if news {
            self.emit(Event::ServerChanged(server));
            self.outward.send_replace(());
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

    /// How many entries a kept notice about a room speaks of.
    pub(crate) fn told_count(&self, kind: NoticeKind, room: &str) -> u64 {
        let notes = self.lock();
        let mut told = notes.notices.iter().filter(|told| told.kind == kind && told.room.as_deref() == Some(room));
        told.next_back().and_then(|told| told.count).unwrap_or(0)
    }

    /// Puts back what was kept before this start.
    pub(crate) fn restore_notices(&self, mut notices: Vec<Notice>) {
        notices.drain(..notices.len().saturating_sub(NOTICES));
        self.lock().notices = notices.into();
    }

    /// Keeps it for who asks later, in place of those that it says all of, and tells of it.
    pub(crate) fn notice(&self, mut notice: Notice) {
        let mut notes = self.lock();
        notice.id = notes.notices.back().map_or(0, |last| last.id.saturating_add(1)).max(notice.at);
        notes.notices.retain(|before| !notice.says_all_of(before));
        if notes.notices.len() >= NOTICES {
            // Others may have as many devices fork, flood or answer as they like: that takes nothing else's place.
            let by_others = |before: &Notice| {
                matches!(before.kind, NoticeKind::Forked | NoticeKind::Slowed | NoticeKind::IdentityChanged)
            };
            let theirs = notes.notices.iter().position(by_others);
            notes.notices.remove(theirs.unwrap_or(0));
        }
        notes.notices.push_back(notice.clone());
        drop(notes);
        self.emit(Event::Notice(notice));
    }

    /// Keeps it no longer.
    pub(crate) fn dismiss_notice(&self, id: u64) {
        self.lock().notices.retain(|notice| notice.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_notice_about_a_thing_takes_the_place_of_what_it_says_all_of() {
        let board = Board::new();
        let say = |kind, room: &str| {
            let room = Some(room.to_owned());
            board.notice(Notice { id: 0, kind, at: 7, room, device_id: None, count: None, text: String::new() });
        };
        let kept = || board.notices().into_iter().map(|notice| (notice.kind, notice.room.unwrap())).collect::<Vec<_>>();
        let (garden, kitchen) = ("garden".to_owned(), "kitchen".to_owned());
        for (kind, room) in [
            (NoticeKind::Damaged, "garden"),
            (NoticeKind::Forked, "garden"),
            (NoticeKind::Damaged, "kitchen"),
            (NoticeKind::Damaged, "garden"),
        ] {
            say(kind, room);
        }
        let before = [
            (NoticeKind::Forked, garden.clone()),
            (NoticeKind::Damaged, kitchen.clone()),
            (NoticeKind::Damaged, garden.clone()),
        ];
        assert_eq!(kept(), before);
        say(NoticeKind::Repaired, "garden");
        let after = [before[0].clone(), before[1].clone(), (NoticeKind::Repaired, garden.clone())];
        assert_eq!(kept(), after, "what came back is damaged no more");
        say(NoticeKind::Damaged, "garden");
        let last = [(NoticeKind::Repaired, garden.clone()), (NoticeKind::Damaged, garden)];
        assert!(kept().ends_with(&last), "and may be damaged again");
        board.dismiss_notice(board.notices()[1].id);
        assert!(!kept().contains(&(NoticeKind::Damaged, kitchen)));
        for n in 0..30 {
            say(NoticeKind::Forked, &n.to_string());
        }
        assert_eq!(board.notices().len(), NOTICES);
        for (kind, n) in [NoticeKind::Slowed, NoticeKind::IdentityChanged].into_iter().cycle().zip(0..60) {
            say(kind, &n.to_string());
        }
        assert_eq!(board.notices().len(), NOTICES);
        assert!(kept().starts_with(&last), "what others do pushes nothing else out");
        let ids: std::collections::BTreeSet<u64> = board.notices().iter().map(|notice| notice.id).collect();
        assert_eq!(ids.len(), NOTICES, "each has an id of its own, though all are of one moment");
    }
}
