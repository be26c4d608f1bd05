//! What is shown of a conversation, line by line.
//!
//! A name stands in angle brackets, which it cannot contain; what somebody said begins with one, and nothing else does.
//! All other lines of a text are indented. So no text reads as another person's line.

use jiff::tz::TimeZone;
use lanline_engine::api::{Message, MessageKind, MessageState, MessageStatus};

use crate::{clock, plain};

/// As much of a device's id as tells two people of one name apart: its first group.
const SHORT_ID: usize = 7;
/// Narrower than this, and lines are left to the terminal.
const NARROW: usize = 30;
const INDENT: &str = "      ";

/// One thing that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Somebody said something.
    Said {
        /// When, by the author's clock: milliseconds since the Unix epoch.
        at: u64,
        /// Who; harmless.
        who: String,
        /// What; as it came.
        text: String,
        /// What else is to be known of it; harmless, may be empty.
        mark: String,
    },
    /// Something happened.
    Note {
        /// When: milliseconds since the Unix epoch.
        at: u64,
        /// What; harmless.
        what: String,
    },
    /// Lines as they are, without a time; harmless.
    Block(String),
}

/// How lines look here.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Whether notes are dimmed and names are bold.
    pub(crate) colours: bool,
    /// Where to break lines; `None` to leave them whole.
    pub(crate) columns: Option<usize>,
    /// In which zone times are told.
    pub(crate) zone: TimeZone,
}

impl Line {
    /// A message, under the names its reader knows people by.
    pub(crate) fn of(message: &Message, who: &impl Fn(&str, &str) -> String) -> Self {
        let author = who(&message.author, &message.author_name);
        let subject =
            who(message.subject.as_deref().unwrap_or_default(), message.subject_name.as_deref().unwrap_or_default());
        let itself = message.subject.as_deref() == Some(message.author.as_str());
        let by_majority = message.by_majority == Some(true);
        let what = match message.kind {
            MessageKind::Text => {
                let mut marks = Vec::new();
                let text = match (&message.text, message.state) {
                    _ if message.deleted == Some(true) => "(taken back)",
                    (_, Some(MessageState::Erased)) => "(erased)",
                    (_, Some(MessageState::Missing)) | (None, _) => "(not here yet)",
                    (Some(text), _) => text,
                };
                if message.edited_at.is_some() {
                    marks.push("edited");
                }
                if message.state == Some(MessageState::Forked) {
                    marks.push("its author's device said different things under one number");
                }
                let mark = marks.join(", ");
                return Self::Said { at: message.sent_at, who: author, text: text.to_owned(), mark };
            }
            MessageKind::File => format!("{author} offers a file, which this version cannot fetch."),
            MessageKind::RoomCreated => format!("{author} made this room."),
            MessageKind::MemberAdded if itself => format!("{author} joined."),
            MessageKind::MemberAdded => format!("{author} let {subject} in."),
            MessageKind::MemberRemoved if itself => format!("{author} left the room."),
            MessageKind::MemberRemoved if by_majority => format!("The majority removed {subject} from the room."),
            MessageKind::MemberRemoved => format!("{author} removed {subject} from the room."),
            MessageKind::RoleChanged if by_majority => format!("The majority made {subject} the owner."),
            MessageKind::RoleChanged => format!("{author} made {subject} the owner."),
            MessageKind::Unknown => format!("{author} wrote something that needs a newer version of Lanline."),
        };
        Self::Note { at: message.sent_at, what }
    }

    /// Adds to what is to be known of what somebody said.
    pub(crate) fn mark(&mut self, more: &str) {
        if let Self::Said { mark, .. } = self {
            if !mark.is_empty() {
                mark.push_str(", ");
            }
            mark.push_str(more);
        }
    }

    /// As it is printed, without the last line end.
    pub(crate) fn print(&self, look: &Look, now: u64) -> String {
        match self {
            Self::Said { at, who, text, mark } => {
                let time = clock::short(*at, now, &look.zone);
                let mut lines = plain::lines(text);
                let first = lines.next().unwrap_or_default();
                let mut said = vec![format!("{} {}", look.bold(who), first)];
                said.extend(lines);
                if let (false, Some(last)) = (mark.is_empty(), said.last_mut()) {
                    last.push_str(&format!("  {}", look.dim(&format!("[{mark}]"))));
                }
                look.under(&time, &said)
            }
            Self::Note { at, what } => {
                let time = clock::short(*at, now, &look.zone);
                look.dim(&look.under(&time, &[format!("* {what}")]))
            }
            Self::Block(lines) => lines.clone(),
        }
    }
}

impl Look {
    /// Lines behind a time, all but the first indented; broken where they would reach the terminal's edge, so that
    /// what comes after does not begin a row either.
    fn under(&self, time: &str, lines: &[String]) -> String {
        let mut printed: Vec<String> = Vec::new();
        for line in lines {
            let begin = if printed.is_empty() { format!("{time} ") } else { INDENT.to_owned() };
            match self.columns {
                Some(columns) if columns >= NARROW => {
                    let options = textwrap::Options::new(columns - 1)
                        .initial_indent(&begin)
                        .subsequent_indent(INDENT)
                        .word_separator(textwrap::WordSeparator::AsciiSpace);
                    printed.extend(textwrap::wrap(line, options).into_iter().map(Into::into));
                }
                _ => printed.push(format!("{begin}{line}")),
            }
        }
        printed.join("\n")
    }

    fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What to call a device: its name, or the beginning of its id while no name of it has arrived.
pub(crate) fn called(device: &str, name: &str) -> String {
    if name.trim().is_empty() { plain::name(&short(device)) } else { plain::name(name) }
}

/// Its name with the beginning of its id, where it may be meant by that.
pub(crate) fn called_with_id(device: &str, name: &str) -> String {
    let (name, short) = (name.trim(), short(device));
    // In a room, those that look alike carry it already.
    if name.is_empty() || name.ends_with(&short) {
        called(device, name)
    } else {
        plain::name(&format!("{name} {short}"))
    }
}

/// As much of its id as people read.
pub(crate) fn short(device: &str) -> String {
    device.chars().take(SHORT_ID).collect()
}

/// How far an own message got, in one word.
pub(crate) fn reached(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::Queued => "kept here",
        MessageStatus::Stored => "stored",
        MessageStatus::Delivered => "delivered",
        MessageStatus::Read => "read",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const NOON: u64 = 1_795_521_600_000;

    pub(crate) fn look() -> Look {
        Look { colours: false, columns: None, zone: TimeZone::UTC }
    }

    pub(crate) fn message(id: &str, author: &str, kind: MessageKind, text: &str) -> Message {
        Message {
            id: id.into(),
            room: "garden".into(),
            author: author.into(),
            author_name: author.into(),
            sent_at: NOON,
            kind,
            text: (kind == MessageKind::Text).then(|| text.to_owned()),
            reply_to: None,
            subject: None,
            subject_name: None,
            by_majority: None,
            edited_at: None,
            deleted: None,
            reactions: Vec::new(),
            state: None,
            unread: None,
            status: MessageStatus::Queued,
            stored_by: 0,
            delivered_to: 0,
            read_by: 0,
        }
    }

    fn who(device: &str, name: &str) -> String {
        called(device, name)
    }

    fn printed(message: &Message, look: &Look) -> String {
        Line::of(message, &who).print(look, NOON)
    }

    #[test]
    fn a_message_says_when_who_and_what() {
        let said = message("m", "Alice", MessageKind::Text, "hello\r\nworld");
        assert_eq!(printed(&said, &look()), "12:00 <Alice> hello\n      world");
        let mut joined = message("m", "Alice", MessageKind::MemberAdded, "");
        (joined.subject, joined.subject_name) = (Some("bobs-id".into()), Some("Bob".into()));
        assert_eq!(printed(&joined, &look()), "12:00 * <Alice> let <Bob> in.");
        joined.subject_name = Some(String::new());
        assert_eq!(printed(&joined, &look()), "12:00 * <Alice> let <bobs-id> in.");
        let mut gone = message("m", "Alice", MessageKind::MemberRemoved, "");
        gone.subject = Some("Alice".into());
        assert_eq!(printed(&gone, &look()), "12:00 * <Alice> left the room.");
        let mut missing = message("m", "Alice", MessageKind::Text, "");
        (missing.text, missing.state) = (None, Some(MessageState::Missing));
        assert_eq!(printed(&missing, &look()), "12:00 <Alice> (not here yet)");
    }

    #[test]
    fn nobody_can_fake_a_line_of_another() {
        let terminals = [None, Some(1), Some(40), Some(80), Some(200)];
        let fake = format!("hi{}\n12:00 <Alice> I owe you{}12:00 <Alice> all", " ".repeat(33), " ".repeat(73));
        for text in plain::HOSTILE.iter().copied().chain([fake.as_str()]) {
            for columns in terminals {
                let look = Look { columns, ..look() };
                for (name, text) in [(text, "text"), ("Bob", text), (text, text)] {
                    let mut said = message("m", "bobs-id", MessageKind::Text, text);
                    name.clone_into(&mut said.author_name);
                    let printed = printed(&said, &look);
                    assert!(printed.starts_with("12:00 <"), "{printed}");
                    assert!(
                        printed.lines().skip(1).all(|line| line.is_empty() || line.starts_with(INDENT)),
                        "{printed}"
                    );
                    assert!(!printed.chars().any(|c| c != '\n' && c.is_control()), "{printed:?}");
                    if let Some(columns) = columns.filter(|columns| *columns >= NARROW) {
                        assert!(printed.lines().all(|line| line.chars().count() < columns), "{printed}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_peers_chose_is_harmless_in_notes_too() {
        for text in plain::HOSTILE {
            for kind in [MessageKind::MemberAdded, MessageKind::RoleChanged, MessageKind::RoomCreated] {
                let mut note = message("m", "id", kind, "");
                (*text).clone_into(&mut note.author_name);
                (note.subject, note.subject_name) = (Some("x".into()), Some((*text).into()));
                let printed = printed(&note, &look());
                assert!(printed.starts_with("12:00 * <") && printed.lines().count() == 1, "{printed}");
                assert!(!printed.chars().any(char::is_control), "{printed:?}");
            }
        }
    }

    #[test]
    fn colours_are_our_own() {
        let colourful = Look { colours: true, ..look() };
        let said = message("m", "Alice", MessageKind::Text, "\u{1b}[31mred");
        assert_eq!(printed(&said, &colourful), "12:00 \u{1b}[1m<Alice>\u{1b}[0m ␛[31mred");
    }

    #[test]
    fn two_of_one_name_are_told_apart() {
        assert_eq!(called_with_id("ABCDEFG-HIJ", "Bob"), "<Bob ABCDEFG>");
        assert_eq!(called_with_id("ABCDEFG-HIJ", "Bob #ABCDEFG"), "<Bob #ABCDEFG>");
        assert_eq!(called_with_id("ABCDEFG-HIJ", " "), "<ABCDEFG>");
    }
}
