//! One conversation: what happens goes in, what is to be shown and asked comes out. No terminal, no clock, no device.

use std::collections::{BTreeMap, HashMap, HashSet};

use lanline_engine::api::{Event, Member, Message, MessagePage, MessageStatus, StoreCondition};

use super::fate::Fates;
use crate::{
    commands,
    line::{self, Line},
    plain,
};

/// What the conversation wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Show this.
    Show(Line),
    /// Ask for the members, and give them to [`Conversation::members`].
    Members,
    /// Ask for the messages before this one, or the newest, and give them to [`Conversation::page`].
    Page(Option<String>),
    /// Mark everything up to this message as read, and call [`Conversation::marked`] when that is done.
    Mark(String),
}

/// A room as it is followed from the moment of entering it.
#[derive(Debug)]
pub(crate) struct Conversation {
    me: String,
    room: String,
    members: BTreeMap<String, Person>,
    /// Whether own words are shown when they are said: not where they stand on the screen already, as typed.
    echo: bool,
    /// The messages shown, and those of them whose words were not there yet.
    shown: HashMap<String, Shown>,
    /// Where what was shown on entering begins, by time and id: what stands before it is history and not shown later
    /// either, but for what was unread.
    begin: Option<(u64, String)>,
    entering: Entering,
    entered: bool,
    /// What came while a page with what stands before it is awaited, which may hold it or not.
    early: Vec<Message>,
    /// Events were missed before that.
    missed_early: bool,
    catching_up: Option<CatchingUp>,
    /// How many own messages were asked to be sent and not yet answered.
    unanswered: usize,
    /// Ids that were told of and belong elsewhere.
    foreign: HashSet<String>,
    fates: Fates,
    reading: Reading,
}

#[derive(Clone, Debug)]
struct Person {
    name: String,
    online: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Whole,
    /// Its words are to come.
    Partly,
}

/// Pages fetched so far, newest first, until what was shown already is reached.
#[derive(Debug)]
struct CatchingUp {
    /// Whether something may be missing anywhere since entering, and not just at the end.
    thoroughly: bool,
    messages: Vec<Message>,
    /// It was asked for again meanwhile.
    again: Option<bool>,
}

/// What is to be shown on entering, as far as it was fetched.
#[derive(Debug, Default)]
struct Entering {
    pages: usize,
    /// The newest messages, and before them those that are unread.
    messages: Vec<Message>,
}

/// How many pages are looked through for what is unread.
const ENTERING_PAGES: usize = 20;
/// How many messages may come while a page is awaited; of more it is told that they were missed.
const EARLY: usize = 10_000;

/// What of the others' messages is marked as read.
#[derive(Debug, Default)]
struct Reading {
    /// Something unread stands so far up that it was not shown: nothing is marked, or that would be, too.
    held: bool,
    /// The newest of them that was shown, by its time.
    newest: Option<(u64, String)>,
    /// Something was shown that is not marked yet.
    behind: bool,
    /// A mark is being set.
    marking: bool,
}

impl Conversation {
    /// About to be entered: give it the members first, then a page of messages.
    pub(crate) fn new(me: String, room: String, echo: bool) -> Self {
        Self {
            me,
            room,
            members: BTreeMap::new(),
            echo,
            shown: HashMap::new(),
            begin: None,
            entering: Entering::default(),
            entered: false,
            early: Vec::new(),
            missed_early: false,
            catching_up: None,
            unanswered: 0,
            foreign: HashSet::new(),
            fates: Fates::default(),
            reading: Reading::default(),
        }
    }

    /// Something happened.
    pub(crate) fn event(&mut self, event: &Event, now: u64) -> Vec<Step> {
        match event {
            Event::IncomingMessage { message } if message.room == self.room => self.arrived(message),
            // Either just being sent from here, or said by this device through another door.
            Event::MessageSent { message } if message.room == self.room => {
                self.status(&message.id, message.status, now)
            }
            Event::MessageChanged { message } if message.room == self.room => self.changed(message),
            Event::MessageStatus { id, status, .. } => self.status(id, *status, now),
            Event::PeerConnected { device_id, name, .. } => self.connected(device_id, name, now),
            Event::PeerDisconnected { device_id, reason } => self.disconnected(device_id, reason, now),
            Event::RoomChanged { room } if *room == self.room => {
                let mut steps = vec![Step::Members];
                steps.extend(self.catch_up(false));
                steps
            }
            Event::ServerChanged(server) if server.running => {
                vec![note(now, format!("This device listens on {}.", plain::line(&server.addresses.join(", "))))]
            }
            Event::ServerChanged(_) => vec![note(now, "This device no longer listens.".to_owned())],
            Event::StoreChanged(store) => {
                let reason = plain::line(store.reason.as_deref().unwrap_or_default());
                let what = match store.state {
                    StoreCondition::Ok => "This device writes to its disk again.".to_owned(),
                    StoreCondition::ReadOnly => format!("This device cannot write to its disk: {reason}"),
                    StoreCondition::Failed => format!("This device's disk failed: {reason}"),
                };
                vec![note(now, what)]
            }
            Event::Notice(notice) => vec![note(now, plain::line(&notice.text))],
            Event::CodeEnded { wrong: true, .. } => {
                vec![note(now, "Somebody typed a wrong code: /invite shows another.".to_owned())]
            }
            Event::CompareAsked { device_id, name, pictures } => {
                let who = self.who(device_id, name);
                let what = "Ask what is shown there: then /same or /differ says what you saw.";
                vec![Step::Show(Line::Block(commands::compare::shown(&who, pictures))), note(now, what.to_owned())]
            }
            Event::CompareEnded { device_id, name, reason } => {
                vec![note(now, commands::compare::over(&self.who(device_id, name), *reason))]
            }
            Event::EventsLost { .. } => self.lost(),
            Event::IncomingMessage { .. }
            | Event::MessageSent { .. }
            | Event::MessageChanged { .. }
            | Event::RoomChanged { .. }
            | Event::RoomRead { .. }
            | Event::CodeEnded { .. }
            | Event::NearbyChanged {}
            | Event::ReceiptsChanged { .. } => Vec::new(),
        }
    }

    /// Events were missed: everything that is shown is asked for again.
    pub(crate) fn lost(&mut self) -> Vec<Step> {
        self.missed_early |= !self.entered;
        let mut steps = vec![Step::Members];
        steps.extend(self.catch_up(true));
        steps
    }

    /// The members, as asked.
    pub(crate) fn members(&mut self, members: &[Member], now: u64) -> Vec<Step> {
        let before = std::mem::take(&mut self.members);
        let person = |member: &Member| Person { name: member.name.clone(), online: member.online };
        self.members = members.iter().map(|member| (member.device_id.clone(), person(member))).collect();
        if before.is_empty() {
            return Vec::new();
        }
        let mut steps = Vec::new();
        for (device, person) in &self.members {
            // Who came or left is told by messages; here it is who changed.
            let Some(was) = before.get(device) else { continue };
            if was.name != person.name {
                let (old, new) = (line::called(device, &was.name), self.who(device, &person.name));
                steps.push(note(now, format!("{old} is called {new} now.")));
            }
            if was.online != person.online && *device != self.me {
                let here = if person.online { "connected" } else { "no longer connected" };
                steps.push(note(now, format!("{} is {here}.", self.who(device, &person.name))));
            }
        }
        steps
    }

    /// A page of messages, as asked.
    pub(crate) fn page(&mut self, page: MessagePage, now: u64) -> Vec<Step> {
        if !self.entered {
            return self.enter(page, now);
        }
        let Some(catching_up) = self.catching_up.as_mut() else { return Vec::new() };
        let oldest = page.messages.first().map(|message| message.id.clone());
        let stands = |begin: &(u64, String)| {
            let here = page.messages.iter().position(|message| message.id == begin.1);
            // Where it counts no more, others of its time are left.
            let gone = || page.messages.first().is_some_and(|oldest| oldest.sent_at < begin.0);
            let after = || page.messages.iter().take_while(|message| message.sent_at < begin.0).count();
            here.or_else(|| gone().then(after))
        };
        let begun = self.begin.as_ref().and_then(stands);
        let reached = begun.is_some()
            || !catching_up.thoroughly && page.messages.iter().any(|message| self.shown.contains_key(&message.id));
        let since = page.messages.into_iter().skip(begun.unwrap_or_default());
        catching_up.messages.splice(0..0, since);
        if let Some(oldest) = oldest
            && page.more
            && !reached
        {
            return vec![Step::Page(Some(oldest))];
        }
        let Some(CatchingUp { messages, again, .. }) = self.catching_up.take() else { return Vec::new() };
        let mut steps = Vec::new();
        for message in &messages {
            match self.shown.get(&message.id) {
                Some(Shown::Whole) => self.fates.reached(&message.id, message.status, now),
                Some(Shown::Partly) if !is_whole(message) => {}
                _ => steps.extend(self.show(message)),
            }
        }
        steps.extend(self.show_early());
        // What the newest messages do not hold was said elsewhere, or before this room was entered.
        let shown = &self.shown;
        self.foreign.extend(self.fates.take_unknown().into_iter().filter(|id| !shown.contains_key(id)));
        steps.extend(self.mark());
        let again = if std::mem::take(&mut self.missed_early) { Some(true) } else { again };
        if let Some(thoroughly) = again {
            steps.extend(self.catch_up(thoroughly));
        }
        steps
    }

    /// Whether the room was entered: else it is waiting for a page.
    pub(crate) fn is_entered(&self) -> bool {
        self.entered
    }

    /// What was asked will not be answered: the device is another one now.
    pub(crate) fn forget_questions(&mut self) -> Vec<Step> {
        self.catching_up = None;
        self.entering = Entering::default();
        self.reading.marking = false;
        self.reading.behind = self.reading.newest.is_some();
        if self.entered { self.show_early() } else { Vec::new() }
    }

    /// A message is being sent.
    pub(crate) fn sending(&mut self) {
        self.unanswered += 1;
    }

    /// It is on the disk.
    pub(crate) fn sent(&mut self, id: &str, text: &str, now: u64) -> Vec<Step> {
        self.unanswered = self.unanswered.saturating_sub(1);
        let mut steps = Vec::new();
        // By a page that was asked meanwhile it may be there already.
        if self.shown.insert(id.to_owned(), Shown::Whole).is_none() {
            if self.echo {
                let who = self.who(&self.me, "");
                steps.push(Step::Show(Line::Said { at: now, who, text: text.to_owned(), mark: String::new() }));
            }
            self.fates.follow(id, text, MessageStatus::Queued, now);
        }
        steps.extend(self.settle());
        steps
    }

    /// It could not be sent.
    pub(crate) fn not_sent(&mut self) -> Vec<Step> {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.settle().into_iter().collect()
    }

    /// What was shown is marked as read, or cannot be.
    pub(crate) fn marked(&mut self) -> Vec<Step> {
        self.reading.marking = false;
        self.mark().into_iter().collect()
    }

    /// When [`tick`](Self::tick) has something to say, by the clock that `now` comes from.
    pub(crate) fn due(&self) -> Option<u64> {
        self.fates.due()
    }

    /// Time went by.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Step> {
        let alone = self.is_alone();
        self.fates.tick(now, alone).into_iter().map(|what| note(now, what)).collect()
    }

    /// How many own messages nobody else is known to hold.
    pub(crate) fn kept(&self) -> usize {
        self.fates.kept()
    }

    /// Whether there is nobody else in the room.
    pub(crate) fn is_alone(&self) -> bool {
        self.members.len() < 2
    }

    /// What to call each member.
    pub(crate) fn names(&self) -> impl Fn(&str) -> String + Send + use<> {
        let names: BTreeMap<String, String> =
            self.members.iter().map(|(device, person)| (device.clone(), self.who(device, &person.name))).collect();
        move |device| names.get(device).cloned().unwrap_or_else(|| line::called(device, ""))
    }

    /// The last own message that was said here.
    pub(crate) fn last_own(&self) -> Option<&str> {
        self.fates.last()
    }

    /// What to call a device, by the name a message of it names, or by its name among the members.
    pub(crate) fn who(&self, device: &str, name: &str) -> String {
        let name = match self.members.get(device) {
            Some(person) if !person.name.is_empty() => person.name.as_str(),
            _ => name,
        };
        line::called(device, name)
    }

    /// The next page of what is to be shown on entering. What is unread may stand far up, since it may have come late: it
    /// is looked for before anything is shown.
    fn enter(&mut self, page: MessagePage, now: u64) -> Vec<Step> {
        let oldest = page.messages.first().map(|message| (message.sent_at, message.id.clone()));
        if self.entering.pages == 0 {
            self.begin.clone_from(&oldest);
            self.entering.messages = page.messages;
        } else {
            let unread = page.messages.into_iter().filter(|message| message.unread == Some(true));
            self.entering.messages.splice(0..0, unread);
        }
        self.entering.pages += 1;
        if page.unread_before > 0
            && page.more
            && self.entering.pages < ENTERING_PAGES
            && let Some((_, oldest)) = oldest
        {
            return vec![Step::Page(Some(oldest))];
        }
        self.entered = true;
        let Entering { messages, .. } = std::mem::take(&mut self.entering);
        let mut steps: Vec<Step> = Vec::new();
        if page.unread_before > 0 {
            self.reading.held = true;
            let what = "Not all that is unread is shown: `lanline messages` with `--before` shows the rest. The room stays unread.";
            steps.push(note(now, what.to_owned()));
        }
        for message in &messages {
            steps.extend(self.show(message));
        }
        steps.extend(self.show_early());
        steps.extend(if std::mem::take(&mut self.missed_early) { self.catch_up(true) } else { self.settle() });
        steps.extend(self.mark());
        steps
    }

    fn show_early(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for message in std::mem::take(&mut self.early) {
            if !self.shown.contains_key(&message.id) {
                steps.extend(self.show(&message));
            }
        }
        steps
    }

    fn arrived(&mut self, message: &Message) -> Vec<Step> {
        let is_early = !self.entered || self.catching_up.as_ref().is_some_and(|under_way| under_way.thoroughly);
        if is_early {
            if self.early.len() < EARLY {
                self.early.push(message.clone());
            } else {
                self.missed_early = true;
            }
            return Vec::new();
        }
        if self.shown.contains_key(&message.id) {
            return Vec::new();
        }
        let mut steps = self.show(message);
        steps.extend(self.mark());
        steps
    }

    fn changed(&mut self, message: &Message) -> Vec<Step> {
        let is_new = match self.shown.get(&message.id) {
            Some(Shown::Whole) => message.edited_at.is_some() || message.deleted == Some(true),
            Some(Shown::Partly) => is_whole(message),
            // It stands before what is shown.
            None => false,
        };
        if is_new { self.show(message) } else { Vec::new() }
    }

    fn show(&mut self, message: &Message) -> Vec<Step> {
        let shown = if is_whole(message) { Shown::Whole } else { Shown::Partly };
        self.shown.insert(message.id.clone(), shown);
        let mut line = Line::of(message, &|device, name| self.who(device, name));
        if message.author == self.me {
            line.mark(line::reached(message.status));
            if let Some(text) = &message.text {
                self.fates.follow_shown(&message.id, text, message.status);
            }
        } else if self.reading.newest.as_ref().is_none_or(|(at, _)| *at <= message.sent_at) {
            self.reading.newest = Some((message.sent_at, message.id.clone()));
            self.reading.behind = true;
        } else {
            // Older than what is marked: marking that once more says that this was read, too.
            self.reading.behind = true;
        }
        vec![Step::Show(line)]
    }

    fn mark(&mut self) -> Option<Step> {
        if self.reading.marking || self.reading.held || !self.reading.behind {
            return None;
        }
        let (_, id) = self.reading.newest.clone()?;
        (self.reading.behind, self.reading.marking) = (false, true);
        Some(Step::Mark(id))
    }

    fn status(&mut self, id: &str, status: MessageStatus, now: u64) -> Vec<Step> {
        if self.fates.is_followed(id) {
            self.fates.reached(id, status, now);
            return Vec::new();
        }
        if self.shown.contains_key(id) || self.foreign.contains(id) {
            return Vec::new();
        }
        // Either just being sent from here, or said by this device through another door.
        self.fates.unknown(id, status);
        self.settle().into_iter().collect()
    }

    /// Once no own message is under way, what is told of unknown ones is looked for among the newest messages.
    fn settle(&mut self) -> Option<Step> {
        if self.unanswered > 0 || !self.entered || !self.fates.has_unknown() {
            return None;
        }
        self.catch_up(false)
    }

    fn connected(&mut self, device: &str, name: &str, now: u64) -> Vec<Step> {
        let Some(person) = self.members.get_mut(device) else { return Vec::new() };
        if std::mem::replace(&mut person.online, true) || device == self.me {
            return Vec::new();
        }
        vec![note(now, format!("{} is connected.", self.who(device, name)))]
    }

    fn disconnected(&mut self, device: &str, reason: &str, now: u64) -> Vec<Step> {
        let Some(person) = self.members.get_mut(device) else { return Vec::new() };
        if !std::mem::replace(&mut person.online, false) || device == self.me {
            return Vec::new();
        }
        // Devices that are connected to enough others part now and then; what is said still reaches both.
        if reason == "surplus" {
            return Vec::new();
        }
        let reason = plain::line(&reason.replace('_', " "));
        vec![note(now, format!("{} is no longer connected ({reason}).", self.who(device, "")))]
    }

    /// Asks for the newest messages again, and before them for as many as it takes.
    fn catch_up(&mut self, thoroughly: bool) -> Option<Step> {
        if !self.entered {
            return None;
        }
        if let Some(under_way) = self.catching_up.as_mut() {
            under_way.again = Some(thoroughly || under_way.again.unwrap_or_default());
            return None;
        }
        self.catching_up = Some(CatchingUp { thoroughly, messages: Vec::new(), again: None });
        Some(Step::Page(None))
    }
}

fn is_whole(message: &Message) -> bool {
    use lanline_engine::api::{MessageKind, MessageState};
    message.state != Some(MessageState::Missing) && message.kind != MessageKind::Unknown
}

fn note(at: u64, what: String) -> Step {
    Step::Show(Line::Note { at, what })
}

#[cfg(test)]
mod tests;
