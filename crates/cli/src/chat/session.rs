//! Carries out what a conversation wants: between device, keyboard and screen.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::IsTerminal,
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lanline_engine::{
    Settings,
    api::{CompareEnd, Event, Joined, MessageKind, RoomSummary, Rooms},
    events::EventStream,
};

use super::{
    answer::{self, Answer},
    conversation::{Conversation, Step},
    keyboard::{Key, Keyboard},
    screen::Screen,
    typed::{self, Typed},
};
use crate::{clock, commands, device::Device, exit::Failure, line::Line, plain};

/// How many messages may be on their way to the disk before no more is read.
const IN_FLIGHT: usize = 256;
/// How many messages are shown on entering, where not more are unread; and how many are asked for at once.
const SHOWN: u64 = 20;
const SHOWN_MOST: u64 = 500;
/// How long what was said may take to reach another member once there is no more input.
const LINGER: Duration = Duration::from_secs(2);
/// How long it may take to reach this device's disk.
const WRITING: Duration = Duration::from_secs(60);

/// A person, or a program, in one room at a time.
pub(super) struct Session<'a> {
    settings: &'a Settings,
    /// Another one where the process that held the folder has ended.
    device: &'a mut Device,
    me: String,
    screen: &'a Screen,
    /// Whether an invite's QR code is drawn even where nobody looks.
    qr: bool,
    events: EventStream,
    asked: FuturesUnordered<BoxFuture<'static, Answer>>,
    room: RoomSummary,
    conversation: Conversation,
    /// What is shown on entering could not be read: it is asked for again when something happens.
    not_entered: bool,
    /// What was said and is not known to be on the disk, by its number.
    unanswered: BTreeMap<u64, Unanswered>,
    said: u64,
    /// How many lines were not taken.
    refused: usize,
    /// What this session's messages are named by, so that one sent again is not sent twice.
    stamp: String,
    /// Another room is being looked for or joined: what is typed next is meant for that one.
    moving: bool,
    /// The device that is compared with, once it is known what both show, and the words of that. Until this person has
    /// answered, nothing that others do makes it another one, not even that they end it: `/same` may be typed already.
    comparing: Option<(String, Vec<String>)>,
    /// Rooms in which something new was told of.
    elsewhere: BTreeSet<String>,
    /// Rooms of which that is still to be told.
    untold: BTreeMap<String, String>,
}

struct Unanswered {
    room: String,
    text: String,
}

/// What comes next.
enum Next {
    Event(Option<Event>),
    Answer(Answer),
    Key(Key),
    Time,
    /// Nobody reads any more.
    Closed,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        device: &'a mut Device,
        me: String,
        screen: &'a Screen,
        room: RoomSummary,
        qr: bool,
    ) -> Self {
        Self {
            settings,
            events: device.events(),
            conversation: Conversation::new(me.clone(), room.room.clone(), !screen.is_terminal()),
            stamp: format!("chat {} {}", std::process::id(), clock::now_ms()),
            device,
            me,
            screen,
            qr,
            asked: FuturesUnordered::new(),
            room,
            not_entered: false,
            unanswered: BTreeMap::new(),
            said: 0,
            refused: 0,
            moving: false,
            comparing: None,
            elsewhere: BTreeSet::new(),
            untold: BTreeMap::new(),
        }
    }

    /// Until the input ends.
    pub(super) async fn talk(&mut self, keyboard: &mut Keyboard) -> Result<(), Failure> {
        self.enter(self.room.clone());
        let mut more = true;
        // Whether only the disk is waited for any more.
        let (mut end, mut writing) = (None, false);
        loop {
            if !more && self.is_done() {
                break;
            }
            match self.next(keyboard, more, end).await {
                Next::Closed if more && !std::io::stdin().is_terminal() => {
                    return Err(Failure::undone(
                        "Nobody reads what this chat shows any more: it ended before its input.",
                    ));
                }
                Next::Closed => break,
                Next::Key(Key::Line(line)) => {
                    if self.typed(&line) {
                        more = false;
                    }
                }
                Next::Key(Key::Bad(sentence)) => {
                    self.refused += 1;
                    self.note(sentence);
                }
                Next::Key(Key::End) => more = false,
                Next::Event(Some(event)) => self.event(&event),
                Next::Event(None) => self.reopen().await?,
                Next::Answer(answer) => self.answered(answer),
                Next::Time if end.is_some_and(|end| end <= tokio::time::Instant::now()) => {
                    if self.unanswered.is_empty() || writing {
                        break;
                    }
                    writing = true;
                    end = Some(tokio::time::Instant::now() + WRITING);
                }
                Next::Time => {
                    let steps = self.conversation.tick(clock::now_ms());
                    self.take(steps);
                }
            }
            if !more && end.is_none() {
                end = Some(tokio::time::Instant::now() + LINGER);
            }
        }
        self.farewell();
        match (self.unanswered.len(), self.refused) {
            (0, 0) => Ok(()),
            // A person saw it.
            (0, _) if self.screen.is_terminal() => Ok(()),
            (0, 1) => Err(Failure::undone("One line was not sent.")),
            (0, refused) => Err(Failure::undone(format!("{refused} lines were not sent."))),
            (1, _) => Err(Failure::undone("It is not known whether the last line was sent.")),
            (unanswered, _) => {
                Err(Failure::undone(format!("It is not known whether the last {unanswered} lines were sent.")))
            }
        }
    }

    async fn next(&mut self, keyboard: &mut Keyboard, more: bool, end: Option<tokio::time::Instant>) -> Next {
        let due = self.conversation.due().map(|due| Duration::from_millis(due.saturating_sub(clock::now_ms())));
        let due = due.map(|due| tokio::time::Instant::now() + due).into_iter().chain(end).min();
        let time = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let (screen, events, asked) = (self.screen, &mut self.events, &mut self.asked);
        let may_read = more && !self.moving && self.unanswered.len() < IN_FLIGHT;
        let is_asked = !asked.is_empty();
        tokio::select! {
            () = screen.closed() => Next::Closed,
            event = async { screen.ready().await; events.next().await } => Next::Event(event),
            answer = async { screen.ready().await; asked.next().await }, if is_asked => match answer {
                Some(answer) => Next::Answer(answer),
                None => Next::Time,
            },
            key = keyboard.next(), if may_read => Next::Key(key),
            () = time => Next::Time,
        }
    }

    /// Whether nothing more is to be waited for, once the input has ended.
    fn is_done(&self) -> bool {
        let is_told = self.asked.is_empty() && self.unanswered.is_empty();
        // A person who ends does not want to wait; and what another process holds, that process sends.
        let is_kept = self.conversation.kept() > 0 && !self.conversation.is_alone();
        is_told && (self.screen.is_terminal() || !self.device.is_here() || !is_kept)
    }

    fn farewell(&self) {
        let kept = self.conversation.kept();
        if self.device.is_here() && kept > 0 {
            let what = if kept == 1 { "What you said last is".to_owned() } else { format!("{kept} messages are") };
            self.note(&format!(
                "{what} kept, and will go out when this device next runs and another member is reachable."
            ));
        }
    }

    /// Understands a line. Whether it was the last.
    fn typed(&mut self, line: &str) -> bool {
        match typed::understand(line) {
            Typed::Nothing => {}
            Typed::Say(text) => self.say(text),
            Typed::Help => self.screen.show(&Line::Block(typed::HELP.to_owned())),
            Typed::Rooms => self.asked.push(answer::list_rooms(self.device)),
            Typed::Room(given) => {
                self.moving = true;
                self.asked.push(answer::find_room(self.device, given));
            }
            Typed::Members => self.asked.push(answer::list_members(self.device, &self.room.room, &self.me)),
            Typed::Vote(wish) => self.asked.push(answer::vote(self.device, &self.room.room, wish)),
            Typed::Compare(who) => self.asked.push(answer::compare(self.device, who)),
            Typed::Same(same) => match self.comparing.take() {
                Some((device, words)) => self.asked.push(answer::confirm(self.device, device, words, same)),
                None => self.note("Nothing is compared: /compare WHO begins."),
            },
            Typed::Invite => {
                self.asked.push(answer::invite(self.device, &self.room, self.qr || self.screen.is_terminal()));
            }
            Typed::Listen(port) => self.asked.push(answer::listen(self.device, port)),
            Typed::Join(link) => {
                self.moving = true;
                self.note("Joining…");
                self.asked.push(answer::join(self.device, &link));
            }
            Typed::Leave { sure: false } => {
                self.note(&format!(
                    "This leaves {} for good: type `/leave yes` to do it.",
                    plain::name(&self.room.name)
                ));
            }
            Typed::Leave { sure: true } => self.asked.push(answer::leave(self.device, &self.room.room)),
            Typed::Receipts => match self.conversation.last_own() {
                Some(id) => {
                    let names = self.conversation.names();
                    self.asked.push(answer::receipts(self.device, id, names));
                }
                None => self.note("You said nothing here yet."),
            },
            Typed::Quit => return true,
            Typed::Unknown(command) => {
                self.note(&format!(
                    "There is no {} like this: /help lists the commands, and // begins what is to be said with a slash.",
                    plain::excerpt(&command)
                ));
            }
        }
        false
    }

    fn say(&mut self, text: String) {
        self.said += 1;
        self.conversation.sending();
        let unanswered = Unanswered { room: self.room.room.clone(), text };
        self.send(self.said, &unanswered);
        self.unanswered.insert(self.said, unanswered);
    }

    fn send(&self, number: u64, what: &Unanswered) {
        let client_id = format!("{} {number}", self.stamp);
        self.asked.push(answer::send(self.device, &what.room, number, client_id, what.text.clone()));
    }

    /// Goes to a room.
    fn enter(&mut self, room: RoomSummary) {
        self.elsewhere.remove(&room.room);
        self.untold.remove(&room.room);
        let people = match room.members {
            // Of one that was just joined that is not known yet.
            0 => String::new(),
            1 => ": 1 member".to_owned(),
            members => format!(": {members} members"),
        };
        let unread = if room.unread > 0 { format!(", {} unread", room.unread) } else { String::new() };
        self.note(&format!("In {}{people}{unread}. /help lists the commands.", plain::name(&room.name)));
        self.conversation = Conversation::new(self.me.clone(), room.room.clone(), !self.screen.is_terminal());
        self.room = room;
        self.not_entered = false;
        self.ask_entry();
    }

    /// Asks for what is shown on entering the room.
    fn ask_entry(&self) {
        let shown = u32::try_from((self.room.unread + 3).clamp(SHOWN, SHOWN_MOST)).unwrap_or_default();
        self.asked.push(answer::entry(self.device, &self.room.room, shown));
    }

    fn event(&mut self, event: &Event) {
        if let Event::CompareAsked { device_id, name, .. } = event
            && self.comparing.as_ref().is_some_and(|(compared, _)| compared != device_id)
        {
            let who = self.conversation.who(device_id, name);
            self.note(&format!(
                "{who} wants to compare, too: say /same or /differ of what is shown, then /compare WHO shows that."
            ));
            return;
        }
        let steps = self.conversation.event(event, clock::now_ms());
        self.take(steps);
        if std::mem::take(&mut self.not_entered) {
            self.ask_entry();
        }
        match event {
            Event::IncomingMessage { message }
                if message.room != self.room.room
                    && message.kind == MessageKind::Text
                    && self.elsewhere.insert(message.room.clone()) =>
            {
                let who = crate::line::called(&message.author, &message.author_name);
                self.untold.insert(message.room.clone(), who);
                self.asked.push(answer::rooms(self.device));
            }
            Event::CompareAsked { device_id, pictures, .. } => {
                self.comparing = Some((device_id.clone(), pictures.words.clone()));
            }
            Event::CompareEnded { device_id, reason: CompareEnd::Same | CompareEnd::Differ, .. } => {
                self.comparing.take_if(|(compared, _)| compared == device_id);
            }
            Event::CompareEnded { device_id, reason, .. }
                if commands::compare::is_unsaid(*reason)
                    && self.comparing.as_ref().is_some_and(|(compared, _)| compared == device_id) =>
            {
                self.note("If you saw other pictures there, /differ says so still.");
            }
            Event::RoomChanged { room } if *room == self.room.room => self.asked.push(answer::rooms(self.device)),
            _ => {}
        }
    }

    fn answered(&mut self, answer: Answer) {
        let now = clock::now_ms();
        let here = self.room.room.clone();
        if matches!(answer, Answer::Found(_) | Answer::Joined(_)) {
            self.moving = false;
        }
        let steps = match answer {
            Answer::Entry { room, members: Ok(members), page: Ok(page) } if room == here => {
                let mut steps = self.conversation.members(&members, now);
                steps.extend(self.conversation.page(page, now));
                steps
            }
            Answer::Members { room, members: Ok(members) } if room == here => self.conversation.members(&members, now),
            Answer::Page { room, page: Ok(page) } if room == here => self.conversation.page(page, now),
            Answer::Entry { room, members: Err(error), .. }
            | Answer::Entry { room, page: Err(error), .. }
            | Answer::Members { room, members: Err(error) }
            | Answer::Page { room, page: Err(error) }
                if room == here =>
            {
                self.note(&plain::line(&error.to_string()));
                self.not_entered = !self.conversation.is_entered();
                self.conversation.forget_questions()
            }
            Answer::Marked { room } if room == here => self.conversation.marked(),
            Answer::Sent { room, number, sent } => {
                let Some(Unanswered { text, .. }) = self.unanswered.remove(&number) else { return };
                match sent {
                    Ok(sent) if room == here => self.conversation.sent(&sent.id, &text, now),
                    Ok(_) => Vec::new(),
                    Err(error) => {
                        self.refused += 1;
                        let error = plain::line(&error.to_string());
                        self.note(&format!("{} was not sent. {error}", plain::excerpt(&text)));
                        if room == here { self.conversation.not_sent() } else { Vec::new() }
                    }
                }
            }
            Answer::Rooms(Ok(rooms)) => {
                self.rooms(rooms);
                Vec::new()
            }
            Answer::Found(found) => {
                match found {
                    Ok(Ok(room)) => self.enter(room),
                    Ok(Err(sentence)) => self.note(&sentence),
                    Err(error) => self.note(&plain::line(&error.to_string())),
                }
                Vec::new()
            }
            Answer::Compared { device_id, words, lines } => {
                self.comparing = Some((device_id, words));
                lines.into_iter().map(Step::Show).collect()
            }
            Answer::Lines(Ok(lines)) => lines.into_iter().map(Step::Show).collect(),
            Answer::Joined(Ok(Joined { room, name, pending })) => {
                if pending {
                    self.note("The owner of that room still has to let you in.");
                }
                self.enter(RoomSummary { room, name, members: 0, unread: 0, frozen: None, last: None });
                Vec::new()
            }
            Answer::Left { room, left: Ok(()) } => {
                if room == here {
                    self.note("You left this room; what was said stays readable. /room ROOM goes to another.");
                }
                Vec::new()
            }
            Answer::Lines(Err(error))
            | Answer::Rooms(Err(error))
            | Answer::Joined(Err(error))
            | Answer::Left { left: Err(error), .. } => {
                self.note(&plain::line(&error.to_string()));
                Vec::new()
            }
            // Of a room that was left behind, or to be asked again.
            Answer::Entry { .. }
            | Answer::Members { .. }
            | Answer::Page { .. }
            | Answer::Marked { .. }
            | Answer::Interrupted => Vec::new(),
        };
        self.take(steps);
    }

    fn rooms(&mut self, rooms: Rooms) {
        for room in rooms {
            if room.room == self.room.room {
                if room.name != self.room.name {
                    self.note(&format!("This room is called {} now.", plain::name(&room.name)));
                }
                self.room = room;
            } else if let Some(who) = self.untold.remove(&room.room) {
                self.note(&format!("{who} wrote in {}: /room and its name goes there.", plain::name(&room.name)));
            }
        }
    }

    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            let room = &self.room.room;
            match step {
                Step::Show(line) => self.screen.show(&line),
                Step::Members => self.asked.push(answer::members(self.device, room)),
                Step::Page(before) => self.asked.push(answer::page(self.device, room, before)),
                Step::Mark(id) => self.asked.push(answer::mark(self.device, room, id)),
            }
        }
    }

    /// The process that held the folder ended: this one goes on, through the next one or by itself.
    async fn reopen(&mut self) -> Result<(), Failure> {
        self.note("The Lanline that this chat acted through has ended: going on without it.");
        if self.asked.len() > self.unanswered.len() {
            self.note("What it was asked last may not have been done.");
        }
        self.asked.clear();
        self.moving = false;
        *self.device = Device::to_stay(self.settings).await?;
        if self.device.is_here() {
            super::listen(self.device, self.screen).await;
        }
        // What is told while starting was shown; what happened meanwhile is asked for below.
        self.events = self.device.events();
        for (number, unanswered) in &self.unanswered {
            self.send(*number, unanswered);
        }
        let mut steps = self.conversation.forget_questions();
        if self.conversation.is_entered() {
            steps.extend(self.conversation.lost());
        } else {
            self.ask_entry();
        }
        self.take(steps);
        Ok(())
    }

    fn note(&self, what: &str) {
        self.screen.show(&Line::Note { at: clock::now_ms(), what: what.to_owned() });
    }
}
