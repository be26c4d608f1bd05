//! The device's events, passed on to the page under the same names, spelled with hyphens.
//!
//! An event is source code to the web view, and waits there without bound while the page is busy. So what
//! the page is told is small, about thirty times a second at most, and never more than the page has taken in:
//!
//! - of a message an event carries only `id`, `room` and `sent_at`; the page asks for the rest;
//! - of several events that say the same, only the last is told;
//! - where more than a page can follow has gathered, it is told [`Event::EventsLost`] once, and asks again for all it
//!   shows.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use lanline_engine::Node;
use lanline_engine::api::Event;
use lanline_engine::events::EventStream;
use serde_json::{Map, Value};
use tauri::async_runtime::spawn;
use tauri::{AppHandle, Emitter, Manager};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// The least time between the beginnings of two batches.
const BATCH_EVERY: Duration = Duration::from_millis(33);
/// The most events in one batch.
const BATCH_LIMIT: usize = 256;
/// How long the page is waited for: longer, and it hangs or is another by now.
const HEARD_WITHIN: Duration = Duration::from_secs(10);
/// What is told of a message.
const OF_MESSAGE: [&str; 3] = ["id", "room", "sent_at"];

/// Passes on, from now on, every event until the device is closed.
pub(crate) fn forward(node: &Node, app: &AppHandle) {
    spawn(pass_on(node.subscribe(), app.clone()));
}

async fn pass_on(mut events: EventStream, app: AppHandle) {
    while let Some(event) = events.next().await {
        let begun = Instant::now();
        let mut batch = Batch::default();
        batch.add(&event);
        while let Some(Some(event)) = at_once(events.next()).await {
            batch.add(&event);
        }
        for (name, fields) in batch.events() {
            if let Err(error) = app.emit_to(crate::window::LABEL, &name.replace('_', "-"), fields) {
                tracing::warn!(%name, %error, "an event did not reach the page");
            }
        }
        heard(&app).await;
        sleep_until(begun + BATCH_EVERY).await;
    }
}

/// What the future gives without waiting.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(tokio::task::unconstrained(future));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits until the page has taken in what it was sent: scripts run there one after the other.
async fn heard(app: &AppHandle) {
    let Some(window) = app.get_webview_window(crate::window::LABEL) else { return };
    let (done, mut taken) = mpsc::channel::<()>(1);
    // Where the page cannot answer, the callback is dropped, and the wait ends with it.
    let asked = window.eval_with_callback("0", move |_| {
        let _ = done.try_send(());
    });
    if asked.is_ok() {
        let _ = timeout(HEARD_WITHIN, taken.recv()).await;
    }
}

/// Events that are told together, in order, each once.
#[derive(Default)]
struct Batch {
    events: Vec<Option<(&'static str, Value)>>,
    /// Where what is told of a thing stands, by the event's name and what it is about.
    places: HashMap<(&'static str, String), usize>,
    /// How many are left to tell.
    left: usize,
    lost: u64,
}

impl Batch {
    fn add(&mut self, event: &Event) {
        if let Event::EventsLost { count } = event {
            self.lose(*count);
            return;
        }
        if self.lost > 0 {
            self.lose(1);
            return;
        }
        let name = event.name();
        let fields = small(serde_json::to_value(event).unwrap_or_default());
        if let Some(subject) = subject(event, &fields) {
            let place = self.places.insert((name, subject), self.events.len());
            if let Some(earlier) = place.and_then(|place| self.events.get_mut(place)) {
                *earlier = None;
                self.left -= 1;
            }
        }
        self.events.push(Some((name, fields)));
        self.left += 1;
        if self.left > BATCH_LIMIT {
            self.lose(0);
        }
    }

    /// Gives up telling one by one.
    fn lose(&mut self, count: u64) {
        self.lost += count + self.left as u64;
        self.left = 0;
        self.events.clear();
        self.places.clear();
    }

    fn events(self) -> impl Iterator<Item = (&'static str, Value)> {
        let lost = (self.lost > 0).then_some(Event::EventsLost { count: self.lost });
        let lost = lost.map(|lost| (lost.name(), serde_json::to_value(&lost).unwrap_or_default()));
        self.events.into_iter().flatten().chain(lost)
    }
}

/// Only [`OF_MESSAGE`] of a message.
fn small(mut fields: Value) -> Value {
    if let Some(Value::Object(message)) = fields.get_mut("message") {
        *message = std::mem::take(message)
            .into_iter()
            .filter(|(name, _)| OF_MESSAGE.contains(&name.as_str()))
            .collect::<Map<_, _>>();
    }
    fields
}

/// What an event is about, if a later one of the same name about the same makes it superfluous.
fn subject(event: &Event, fields: &Value) -> Option<String> {
    match event {
        Event::PeerConnected { .. } | Event::PeerDisconnected { .. } => None,
        Event::ServerChanged(_) | Event::StoreChanged(_) | Event::NearbyChanged {} => Some(String::new()),
        Event::MessageStatus { id, .. } => Some(id.clone()),
        _ => Some(fields.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use lanline_engine::api::{MessageStatus, ServerState};
    use serde_json::json;

    use super::*;

    fn status(id: usize, read_by: u64) -> Event {
        let (id, status) = (id.to_string(), MessageStatus::Stored);
        Event::MessageStatus { id, status, stored_by: 1, delivered_to: 0, read_by }
    }

    fn told(events: &[Event]) -> Vec<(&'static str, Value)> {
        let mut batch = Batch::default();
        for event in events {
            batch.add(event);
        }
        batch.events().collect()
    }

    #[test]
    fn of_a_message_only_where_it_stands_is_told() {
        let message =
            json!({ "id": "m", "room": "r", "sent_at": 7, "text": "secret", "author": "a", "status": "read" });
        assert_eq!(
            small(json!({ "message": message })),
            json!({ "message": { "id": "m", "room": "r", "sent_at": 7 } })
        );
        for fields in [json!({ "id": "m" }), json!({}), json!(null)] {
            assert_eq!(small(fields.clone()), fields);
        }
    }

    #[test]
    fn of_several_that_say_the_same_the_last_is_told() {
        let room = |room: &str| Event::RoomChanged { room: room.to_owned() };
        let server =
            |running| Event::ServerChanged(ServerState { running, port: None, addresses: Vec::new(), failure: None });
        let gone = Event::PeerDisconnected { device_id: "d".into(), reason: "silent".into() };
        let batch = told(&[
            room("a"),
            status(1, 0),
            server(true),
            room("b"),
            gone.clone(),
            status(1, 1),
            gone,
            room("a"),
            server(false),
        ]);
        let names: Vec<&str> = batch.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "room_changed",
                "peer_disconnected",
                "message_status",
                "peer_disconnected",
                "room_changed",
                "server_changed"
            ]
        );
        assert_eq!(batch[0].1, json!({ "room": "b" }));
        assert_eq!(batch[2].1["read_by"], json!(1));
        assert_eq!(batch[5].1["running"], json!(false));
    }

    #[test]
    fn a_backlog_is_told_as_one_event() {
        let all: Vec<Event> = (0..BATCH_LIMIT).map(|id| status(id, 0)).collect();
        assert_eq!(told(&all).len(), BATCH_LIMIT);

        let more: Vec<Event> = (0..1000).map(|id| status(id, 0)).collect();
        assert_eq!(told(&more), [("events_lost", json!({ "count": 1000 }))]);

        let lost = [status(1, 0), Event::EventsLost { count: 10 }, status(2, 0)];
        assert_eq!(told(&lost), [("events_lost", json!({ "count": 12 }))]);
    }

    #[tokio::test]
    async fn what_is_there_is_taken_without_waiting() {
        assert_eq!(at_once(async { 1 }).await, Some(1));
        assert_eq!(at_once(std::future::pending::<u8>()).await, None);
    }
}
