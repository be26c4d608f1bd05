//! What becomes of own messages: told when they advance, each time a fact; several at once in one line.

use std::collections::{BTreeMap, HashMap};

use lanline_engine::api::MessageStatus;

use crate::plain;

/// How long advances are gathered, in milliseconds: what is stored is often delivered a moment later.
const GATHER: u64 = 300;
/// How long nobody else may hold a message until that is said, in milliseconds.
const MOMENT: u64 = 3000;

/// The own messages whose fate is told.
#[derive(Debug, Default)]
pub(super) struct Fates {
    followed: HashMap<String, Fate>,
    /// The last one that was said here.
    last: Option<String>,
    /// Who advanced since the last telling, in order.
    advanced: Vec<String>,
    tell_at: Option<u64>,
    /// When it is to be said that nobody else holds what was said.
    alone_at: Option<u64>,
    /// It was said, and nothing has advanced since.
    alone_told: bool,
    /// Messages nobody here knows yet, and how far they got.
    unknown: BTreeMap<String, MessageStatus>,
}

#[derive(Debug)]
struct Fate {
    text: String,
    status: MessageStatus,
}

impl Fates {
    /// Follows a message that was just said.
    pub(super) fn follow(&mut self, id: &str, text: &str, status: MessageStatus, now: u64) {
        self.follow_shown(id, text, status);
        if status == MessageStatus::Queued && !self.alone_told && self.alone_at.is_none() {
            self.alone_at = Some(now.saturating_add(MOMENT));
        }
        if let Some(status) = self.unknown.remove(id) {
            self.reached(id, status, now);
        }
    }

    /// Follows a message that was shown as it stands.
    pub(super) fn follow_shown(&mut self, id: &str, text: &str, status: MessageStatus) {
        self.last = Some(id.to_owned());
        // A read message has nowhere to go.
        if status < MessageStatus::Read {
            self.followed.insert(id.to_owned(), Fate { text: plain::excerpt(text), status });
        }
    }

    pub(super) fn is_followed(&self, id: &str) -> bool {
        self.followed.contains_key(id)
    }

    /// A message got so far.
    pub(super) fn reached(&mut self, id: &str, status: MessageStatus, now: u64) {
        let Some(fate) = self.followed.get_mut(id).filter(|fate| fate.status < status) else { return };
        fate.status = status;
        self.advanced.retain(|other| other != id);
        self.advanced.push(id.to_owned());
        self.tell_at.get_or_insert(now.saturating_add(GATHER));
        self.alone_told = false;
    }

    /// A message got so far that is not known here.
    pub(super) fn unknown(&mut self, id: &str, status: MessageStatus) {
        self.unknown.insert(id.to_owned(), status);
    }

    pub(super) fn has_unknown(&self) -> bool {
        !self.unknown.is_empty()
    }

    pub(super) fn take_unknown(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unknown).into_keys().collect()
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.tell_at.into_iter().chain(self.alone_at).min()
    }

    /// What there is to tell by now.
    pub(super) fn tick(&mut self, now: u64, no_others: bool) -> Vec<String> {
        let mut told = Vec::new();
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell_at = None;
            told.extend(self.advances());
        }
        if self.alone_at.is_some_and(|at| at <= now) {
            self.alone_at = None;
            if self.kept() > 0 {
                self.alone_told = true;
                told.push(if no_others {
                    "You are alone in this room: /invite lets others in, and they will see what you said.".to_owned()
                } else {
                    "Nobody else holds what you said yet: it goes out when another member is reachable.".to_owned()
                });
            }
        }
        told
    }

    fn advances(&mut self) -> Vec<String> {
        let mut by_status: BTreeMap<MessageStatus, Vec<&str>> = BTreeMap::new();
        for fate in self.advanced.iter().filter_map(|id| self.followed.get(id)) {
            by_status.entry(fate.status).or_default().push(&fate.text);
        }
        let told = by_status.into_iter().filter_map(|(status, texts)| {
            let got = match status {
                MessageStatus::Queued => return None,
                MessageStatus::Stored => "Stored by another member",
                MessageStatus::Delivered => "Delivered",
                MessageStatus::Read => "Read",
            };
            Some(match texts.as_slice() {
                [] => return None,
                [text] => format!("{got}: {text}"),
                [.., last] => format!("{got}: {} messages, the last {last}", texts.len()),
            })
        });
        let told = told.collect();
        for id in std::mem::take(&mut self.advanced) {
            if self.followed.get(&id).is_some_and(|fate| fate.status == MessageStatus::Read) {
                self.followed.remove(&id);
            }
        }
        told
    }

    /// How many nobody else is known to hold.
    pub(super) fn kept(&self) -> usize {
        self.followed.values().filter(|fate| fate.status == MessageStatus::Queued).count()
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }
}
