//! Who is to hear what: the bridge without its sockets.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use lanline_engine::api::{Message, MessageKind};

use crate::plain;

/// How many messages are remembered as told. Behind more than that, one that is asked for again would be told again.
const REMEMBERED: usize = 4096;

/// One connected client.
pub(super) type ClientId = u64;
/// One line that a client posted.
pub(super) type PostId = u64;

/// Decides what each client hears: everything that is said in the room, once and in order, but for what it posted
/// itself.
#[derive(Debug)]
pub(super) struct Hub {
    me: String,
    room: String,
    /// Posts that the device has not answered.
    posting: BTreeSet<PostId>,
    /// Who posted which message, until it is told.
    posted: HashMap<String, ClientId>,
    /// What was heard and is not told, in order.
    heard: VecDeque<Heard>,
    told: HashSet<String>,
    told_in_order: VecDeque<String>,
}

/// A message that is to be told.
#[derive(Debug)]
struct Heard {
    id: String,
    lines: String,
    /// Posts one of which it may be: until they are answered it is not known who must not hear it.
    may_be: BTreeSet<PostId>,
}

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Telling {
    /// Whose own words they are.
    pub(super) except: Option<ClientId>,
    /// Whole lines.
    pub(super) lines: String,
}

impl Hub {
    /// For a device and a room; what is `known` is not told.
    pub(super) fn new(me: String, room: String, known: impl Iterator<Item = String>) -> Self {
        let mut hub = Self {
            me,
            room,
            posting: BTreeSet::new(),
            posted: HashMap::new(),
            heard: VecDeque::new(),
            told: HashSet::new(),
            told_in_order: VecDeque::new(),
        };
        known.for_each(|id| hub.remember(id));
        hub
    }

    /// The room.
    pub(super) fn room(&self) -> &str {
        &self.room
    }

    /// Whether a message was told already, or is about to be.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.told.contains(id)
    }

    /// A client's line was handed to the device.
    pub(super) fn posting(&mut self, post: PostId) {
        self.posting.insert(post);
    }

    /// The device answered: it is this message, or none.
    pub(super) fn answered(&mut self, post: PostId, client: ClientId, message: Option<String>) {
        self.posting.remove(&post);
        if let Some(id) = message
            && (!self.told.contains(&id) || self.heard.iter().any(|heard| heard.id == id))
        {
            self.posted.insert(id, client);
        }
        for heard in &mut self.heard {
            heard.may_be.remove(&post);
        }
    }

    /// Something was said.
    pub(super) fn hear(&mut self, message: &Message) {
        if message.room != self.room || self.told.contains(&message.id) {
            return;
        }
        let Some(lines) = lines(message) else { return };
        let may_be = if message.author == self.me { self.posting.clone() } else { BTreeSet::new() };
        self.remember(message.id.clone());
        self.heard.push_back(Heard { id: message.id.clone(), lines, may_be });
    }

    /// What is to be written now, if anything.
    pub(super) fn tell(&mut self) -> Option<Telling> {
        let next = self.heard.front()?;
        if !next.may_be.is_empty() && !self.posted.contains_key(&next.id) {
            return None;
        }
        let Heard { id, lines, .. } = self.heard.pop_front()?;
        Some(Telling { except: self.posted.remove(&id), lines })
    }

    fn remember(&mut self, id: String) {
        if self.told.insert(id.clone()) {
            self.told_in_order.push_back(id);
        }
        if self.told_in_order.len() > REMEMBERED
            && let Some(oldest) = self.told_in_order.pop_front()
        {
            self.told.remove(&oldest);
        }
    }
}

/// `<name> text`, every other line of the text indented: so no text reads as another's line.
fn lines(message: &Message) -> Option<String> {
    let text = match (message.kind, message.text.as_deref()) {
        (MessageKind::Text, Some(text)) => text,
        (MessageKind::Unknown, _) => "(something that needs a newer version of Lanline)",
        _ => return None,
    };
    let mut said = plain::name(&message.author_name);
    for (index, line) in plain::lines(text).enumerate() {
        said.push_str(if index == 0 { " " } else { "    " });
        said.push_str(&line);
        said.push('\n');
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use lanline_engine::api::MessageStatus;

    use super::*;

    fn message(id: &str, author: &str, text: &str) -> Message {
        Message {
            id: id.into(),
            room: "garden".into(),
            author: author.into(),
            author_name: author.to_uppercase(),
            sent_at: 0,
            kind: MessageKind::Text,
            text: Some(text.into()),
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

    fn hub() -> Hub {
        Hub::new("alice".into(), "garden".into(), std::iter::once("old".to_owned()))
    }

    fn told(hub: &mut Hub) -> Vec<(Option<ClientId>, String)> {
        std::iter::from_fn(|| hub.tell()).map(|telling| (telling.except, telling.lines)).collect()
    }

    #[test]
    fn what_is_said_is_told_once_and_in_order() {
        let mut hub = hub();
        hub.hear(&message("old", "bob", "before"));
        hub.hear(&message("1", "bob", "one"));
        hub.hear(&message("2", "alice", "two, from another door"));
        hub.hear(&message("1", "bob", "one"));
        hub.hear(&Message { room: "kitchen".into(), ..message("3", "bob", "elsewhere") });
        assert_eq!(
            told(&mut hub),
            [(None, "<BOB> one\n".to_owned()), (None, "<ALICE> two, from another door\n".to_owned())]
        );
        hub.hear(&message("2", "alice", "again"));
        assert_eq!(told(&mut hub), []);
    }

    #[test]
    fn nobody_hears_its_own_words_whichever_comes_first() {
        let mut hub = hub();
        // The answer comes before the event.
        hub.posting(1);
        hub.answered(1, 7, Some("a".into()));
        hub.hear(&message("a", "alice", "from seven"));
        assert_eq!(told(&mut hub), [(Some(7), "<ALICE> from seven\n".to_owned())]);
        // The event comes first: what is behind it waits too.
        hub.posting(2);
        hub.posting(3);
        hub.hear(&message("c", "alice", "from nine"));
        hub.hear(&message("d", "bob", "after it"));
        assert_eq!(told(&mut hub), []);
        hub.answered(2, 8, None);
        assert_eq!(told(&mut hub), []);
        hub.answered(3, 9, Some("c".into()));
        assert_eq!(
            told(&mut hub),
            [(Some(9), "<ALICE> from nine\n".to_owned()), (None, "<BOB> after it\n".to_owned())]
        );
        // Said through another door while somebody posts: told to all once that is known.
        hub.posting(4);
        hub.hear(&message("e", "alice", "from the window"));
        hub.answered(4, 9, Some("f".into()));
        assert_eq!(told(&mut hub), [(None, "<ALICE> from the window\n".to_owned())]);
        hub.hear(&message("f", "alice", "from nine"));
        assert_eq!(told(&mut hub), [(Some(9), "<ALICE> from nine\n".to_owned())]);
        assert!(hub.posted.is_empty());
    }

    #[test]
    fn a_text_of_many_lines_cannot_pass_for_anothers() {
        let mut hub = hub();
        hub.hear(&message("1", "bob", "hello\n<CAROL> forged\r\n\u{1b}[2Jend"));
        let [(_, lines)] = told(&mut hub).try_into().unwrap();
        assert_eq!(lines, "<BOB> hello\n    <CAROL> forged\n    \u{241b}[2Jend\n");
        hub.hear(&Message { author_name: "x> y\n<CAROL".into(), ..message("2", "bob", "z") });
        let [(_, lines)] = told(&mut hub).try_into().unwrap();
        assert_eq!((lines.matches('\n').count(), lines.matches('<').count()), (1, 1), "{lines}");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut hub = hub();
        for n in 0..3 * REMEMBERED {
            hub.hear(&message(&n.to_string(), "bob", "x"));
            hub.tell();
        }
        assert_eq!((hub.told.len(), hub.told_in_order.len()), (REMEMBERED, REMEMBERED));
    }
}
