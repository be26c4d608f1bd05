use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CompareEnd, Message, MessageStatus, Notice, Pictures, ServerState, StoreState};

/// Something that happened, for whoever shows it. Serialises to an object of its fields; [`Event::name`] says which.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Event {
    /// Another member's message was stored here.
    IncomingMessage {
        /// The message.
        message: Box<Message>,
    },
    /// A message of this device's own was stored, through whichever door it was sent.
    MessageSent {
        /// The message.
        message: Box<Message>,
    },
    /// A message that was told of earlier looks different now.
    MessageChanged {
        /// The message as it is now.
        message: Box<Message>,
    },
    /// An own message got further.
    MessageStatus {
        /// The message's id.
        id: String,
        /// How far it got.
        status: MessageStatus,
        /// How many other members acknowledged to hold it.
        stored_by: u64,
        /// How many other members signed that they received it.
        delivered_to: u64,
        /// How many other members signed that they read it.
        read_by: u64,
    },
    /// A device is connected.
    PeerConnected {
        /// Its id.
        device_id: String,
        /// The name it gave itself; empty where none is known.
        name: String,
        /// Its end of the connection.
        address: String,
    },
    /// A device is no longer connected.
    PeerDisconnected {
        /// Its id.
        device_id: String,
        /// Why, in one word: the other device's own (such as `shutdown`, `server_stopped`), else `silent`, `reset`, ….
        /// `network_changed`: this device has the address no more that it was connected from, and dials anew.
        /// `surplus`: one of the two is connected to enough others of their rooms, and what is said goes on through those.
        reason: String,
    },
    /// A member signed how far it received and read.
    ReceiptsChanged {
        /// The room's id.
        room: String,
        /// The member's device.
        device_id: String,
    },
    /// A room's name, members or settings changed, or how far many own messages got at once.
    RoomChanged {
        /// The room's id.
        room: String,
    },
    /// More of a room was read on this device: its count of unread messages is another.
    RoomRead {
        /// The room's id.
        room: String,
    },
    /// The code that was shown for a room is over: somebody typed it, or another one.
    CodeEnded {
        /// The room's id.
        room: String,
        /// Whether it was another one: somebody mistyped it, or guesses.
        wrong: bool,
    },
    /// The person of a connected device wants to compare: these pictures are to be shown, and the answer is
    /// `confirm_compare`.
    CompareAsked {
        /// The device.
        device_id: String,
        /// What it is called here.
        name: String,
        /// What both show.
        #[serde(flatten)]
        pictures: Pictures,
    },
    /// What was shown to compare with a device is over, or `broken` before it was.
    CompareEnded {
        /// The device.
        device_id: String,
        /// What it is called here.
        name: String,
        /// How it ended.
        reason: CompareEnd,
    },
    /// Another device is near, or gone, or at another address: `nearby` is to be asked again. At most four times a second.
    NearbyChanged {},
    /// The server started, stopped, or has other addresses.
    ServerChanged(ServerState),
    /// The store's condition changed.
    StoreChanged(StoreState),
    /// Something about what this device keeps that its person should know.
    Notice(Notice),
    /// This reader was too slow and missed events: ask again for what is shown.
    EventsLost {
        /// How many.
        count: u64,
    },
}

impl Event {
    /// The event's name, as the doors spell it (the app with `-` for `_`).
    pub fn name(&self) -> &'static str {
        match self {
            Self::IncomingMessage { .. } => "incoming_message",
            Self::MessageSent { .. } => "message_sent",
            Self::MessageChanged { .. } => "message_changed",
            Self::MessageStatus { .. } => "message_status",
            Self::PeerConnected { .. } => "peer_connected",
            Self::PeerDisconnected { .. } => "peer_disconnected",
            Self::ReceiptsChanged { .. } => "receipts_changed",
            Self::RoomChanged { .. } => "room_changed",
            Self::RoomRead { .. } => "room_read",
            Self::CodeEnded { .. } => "code_ended",
            Self::CompareAsked { .. } => "compare_asked",
            Self::CompareEnded { .. } => "compare_ended",
            Self::NearbyChanged {} => "nearby_changed",
            Self::ServerChanged(_) => "server_changed",
            Self::StoreChanged(_) => "store_changed",
            Self::Notice(_) => "notice",
            Self::EventsLost { .. } => "events_lost",
        }
    }

    /// The names of all events.
    pub const NAMES: &[&str] = &[
        "incoming_message",
        "message_sent",
        "message_changed",
        "message_status",
        "peer_connected",
        "peer_disconnected",
        "receipts_changed",
        "room_changed",
        "room_read",
        "code_ended",
        "compare_asked",
        "compare_ended",
        "nearby_changed",
        "server_changed",
        "store_changed",
        "notice",
        "events_lost",
    ];

    /// The event of this name with these fields, as another process spelt it; `None` where the name is not known
    /// here, because that process is of a newer version.
    ///
    /// # Errors
    /// The fields are not those of this event.
    pub fn from_parts(name: &str, fields: Value) -> Result<Option<Self>, serde_json::Error> {
        if !Self::NAMES.contains(&name) {
            return Ok(None);
        }
        Named::deserialize(json!({"name": name, "fields": fields})).map(Some)
    }
}

/// [`Event`] with its name beside its fields: without one, some could not be told apart. The compiler holds the two
/// together.
#[derive(Deserialize)]
#[serde(remote = "Event", tag = "name", content = "fields", rename_all = "snake_case")]
enum Named {
    IncomingMessage {
        message: Box<Message>,
    },
    MessageSent {
        message: Box<Message>,
    },
    MessageChanged {
        message: Box<Message>,
    },
    MessageStatus {
        id: String,
        status: MessageStatus,
        stored_by: u64,
        delivered_to: u64,
        read_by: u64,
    },
    PeerConnected {
        device_id: String,
        name: String,
        address: String,
    },
    PeerDisconnected {
        device_id: String,
        reason: String,
    },
    ReceiptsChanged {
        room: String,
        device_id: String,
    },
    RoomChanged {
        room: String,
    },
    RoomRead {
        room: String,
    },
    CodeEnded {
        room: String,
        wrong: bool,
    },
    CompareAsked {
        device_id: String,
        name: String,
        #[serde(flatten)]
        pictures: Pictures,
    },
    CompareEnded {
        device_id: String,
        name: String,
        reason: CompareEnd,
    },
    NearbyChanged {},
    ServerChanged(ServerState),
    StoreChanged(StoreState),
    Notice(Notice),
    EventsLost {
        count: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{MessageKind, MessageStatus as Got, NoticeKind, Reaction, StoreCondition};

    #[test]
    fn events_and_messages_are_spelt_as_promised() {
        let message = Message {
            id: "m".into(),
            room: "r".into(),
            author: "a".into(),
            author_name: "Alice".into(),
            sent_at: 1,
            kind: MessageKind::RoomCreated,
            text: None,
            reply_to: None,
            subject: None,
            subject_name: None,
            by_majority: None,
            edited_at: None,
            deleted: None,
            reactions: vec![Reaction { emoji: "👍".into(), by: "b".into() }],
            state: None,
            unread: None,
            status: Got::Queued,
            stored_by: 0,
            delivered_to: 0,
            read_by: 0,
        };
        let spelt = json!({
            "id": "m", "room": "r", "author": "a", "author_name": "Alice", "sent_at": 1, "kind": "room_created",
            "reactions": [{"emoji": "👍", "by": "b"}], "status": "queued", "stored_by": 0, "delivered_to": 0,
            "read_by": 0,
        });
        let events = [
            (
                Event::IncomingMessage { message: Box::new(message.clone()) },
                "incoming_message",
                json!({"message": spelt}),
            ),
            (Event::MessageSent { message: Box::new(message.clone()) }, "message_sent", json!({"message": spelt})),
            (Event::MessageChanged { message: Box::new(message) }, "message_changed", json!({"message": spelt})),
            (
                Event::MessageStatus { id: "m".into(), status: Got::Read, stored_by: 3, delivered_to: 2, read_by: 1 },
                "message_status",
                json!({"id": "m", "status": "read", "stored_by": 3, "delivered_to": 2, "read_by": 1}),
            ),
            (
                Event::PeerConnected { device_id: "d".into(), name: "Bob".into(), address: "10.0.0.2:1".into() },
                "peer_connected",
                json!({"device_id": "d", "name": "Bob", "address": "10.0.0.2:1"}),
            ),
            (
                Event::PeerDisconnected { device_id: "d".into(), reason: "gone".into() },
                "peer_disconnected",
                json!({"device_id": "d", "reason": "gone"}),
            ),
            (
                Event::ReceiptsChanged { room: "r".into(), device_id: "d".into() },
                "receipts_changed",
                json!({"room": "r", "device_id": "d"}),
            ),
            (Event::RoomChanged { room: "r".into() }, "room_changed", json!({"room": "r"})),
            (Event::RoomRead { room: "r".into() }, "room_read", json!({"room": "r"})),
            (Event::CodeEnded { room: "r".into(), wrong: true }, "code_ended", json!({"room": "r", "wrong": true})),
            (
                Event::CompareAsked {
                    device_id: "d".into(),
                    name: "Bob".into(),
                    pictures: Pictures { words: vec!["dog".into()], emoji: vec!["🐶".into()] },
                },
                "compare_asked",
                json!({"device_id": "d", "name": "Bob", "words": ["dog"], "emoji": ["🐶"]}),
            ),
            (
                Event::CompareEnded { device_id: "d".into(), name: "Bob".into(), reason: CompareEnd::TheyDiffer },
                "compare_ended",
                json!({"device_id": "d", "name": "Bob", "reason": "they_differ"}),
            ),
            (Event::NearbyChanged {}, "nearby_changed", json!({})),
            (
                Event::ServerChanged(ServerState {
                    running: true,
                    port: Some(1),
                    addresses: vec!["[::1]:1".into()],
                    failure: None,
                }),
                "server_changed",
                json!({"running": true, "port": 1, "addresses": ["[::1]:1"]}),
            ),
            (
                Event::StoreChanged(StoreState { state: StoreCondition::ReadOnly, reason: Some("full".into()) }),
                "store_changed",
                json!({"state": "read_only", "reason": "full"}),
            ),
            (
                Event::Notice(Notice {
                    id: 3,
                    kind: NoticeKind::Damaged,
                    at: 1,
                    room: Some("r".into()),
                    device_id: None,
                    count: Some(2),
                    text: "Two.".into(),
                }),
                "notice",
                json!({"id": 3, "kind": "damaged", "at": 1, "room": "r", "count": 2, "text": "Two."}),
            ),
            (Event::EventsLost { count: 7 }, "events_lost", json!({"count": 7})),
        ];
        assert!(events.iter().map(|(_, name, _)| name).eq(Event::NAMES));
        for (event, name, fields) in events {
            assert_eq!(event.name(), name);
            assert_eq!(serde_json::to_value(&event).unwrap(), fields);
            assert_eq!(Event::from_parts(name, fields.clone()).unwrap(), Some(event));
            assert_eq!(Event::from_parts(name, json!({})).is_ok(), fields == json!({}));
        }
        assert_eq!(Event::from_parts("earthquake", json!({})).unwrap(), None);
    }
}
