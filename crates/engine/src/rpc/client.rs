use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, BufWriter},
    sync::{mpsc, oneshot},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    lines::LINE_MAX,
    request::{self, Told},
};
use crate::{
    api::{Answer, ApiError, CallError, ErrorCode},
    events::{EventStream, Events},
};

/// A kept connection to a device in another process: any number of calls at once, and what it tells. Clones share the
/// connection; it is closed when the last is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    next_id: AtomicU64,
    /// Unbounded, so that asking needs no waiting and so fixes the order, as with [`Node::submit`](crate::Node::submit);
    /// the caller bounds what it has asked and not yet had answered.
    requests: mpsc::UnboundedSender<Vec<u8>>,
    _reader: AbortOnDropHandle<()>,
    _writer: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// Who waits for which answer; `None` once the other process has ended.
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>,
    events: Events,
}

impl Client {
    /// Over a stream at whose other end [`serve`](super::serve) runs. Must be called within a tokio runtime.
    pub(crate) fn over(
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { waiting: Mutex::new(Some(HashMap::new())), events: Events::new() });
        let (requests, to_write) = mpsc::unbounded_channel();
        let reading = Arc::clone(&shared);
        let reader = tokio::spawn(async move {
            read(input, &reading).await;
            reading.end();
        });
        let writer = tokio::spawn(write(to_write, output));
        let inner = Inner {
            shared,
            next_id: AtomicU64::new(1),
            requests,
            _reader: AbortOnDropHandle::new(reader),
            _writer: AbortOnDropHandle::new(writer),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Calls a command by its name; `params` is an object, or null for none.
    ///
    /// # Errors
    /// Those of [`Node::call`](crate::Node::call); and that the other process ended.
    pub async fn call(&self, name: &str, params: &Value) -> Result<Value, CallError> {
        self.submit(name, params).await
    }

    /// Asks: the order of effects is fixed when this returns, and the future awaits the answer. Dropping the future
    /// does not take the command back. The caller bounds how many answers it awaits.
    pub fn submit(&self, name: &str, params: &Value) -> impl Future<Output = Result<Value, CallError>> + Send + use<> {
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let request = request::call(id, name, params);
        if request.len() > LINE_MAX {
            let sentence = format!("A request may have {LINE_MAX} bytes: ask for less at once.");
            // The receiver is right here.
            let _ = answer.send(Err(CallError::Failed(ApiError::new(ErrorCode::TooLarge, sentence))));
        } else if let Some(waiting) = self.inner.shared.waiting().as_mut()
            // Under the lock, so that nobody is kept waiting for what was asked just when the other process ended.
            && self.inner.requests.send(request).is_ok()
        {
            waiting.insert(id, answer);
        }
        let name = name.chars().take(64).collect();
        async move {
            match answered.await {
                Ok(Err(CallError::UnknownCommand(_))) => Err(CallError::UnknownCommand(name)),
                Ok(answer) => answer,
                Err(_) => Err(ended()),
            }
        }
    }

    /// What happens from now on; ends when the other process does.
    pub fn subscribe(&self) -> EventStream {
        self.inner.shared.events.subscribe()
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<Answer>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody answers any more.
    fn end(&self) {
        self.waiting().take();
        self.events.close();
    }
}

fn ended() -> CallError {
    CallError::Failed(ApiError::new(
        ErrorCode::Internal,
        "The running Lanline ended before it answered: start it again, and see whether this took effect.",
    ))
}

async fn read(input: impl AsyncRead + Unpin, shared: &Shared) {
    // No limit to a line: the process at the other end is this same user's.
    let mut lines = BufReader::with_capacity(64 * 1024, input).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        match request::read(&line) {
            Some(Told::Answer(id, answer)) => {
                if let Some(asked) = shared.waiting().as_mut().and_then(|waiting| waiting.remove(&id)) {
                    // Whoever asked may not wait any more.
                    let _ = asked.send(answer);
                }
            }
            Some(Told::Event(event)) => shared.events.emit(event),
            None => {}
        }
    }
}

/// Writes requests until nobody can ask any more. Where the stream breaks, the reader finds its end.
async fn write(mut requests: mpsc::UnboundedReceiver<Vec<u8>>, output: impl AsyncWrite + Unpin) {
    let mut output = BufWriter::with_capacity(64 * 1024, output);
    while let Some(request) = requests.recv().await {
        let written = output.write_all(&request).await;
        let flushed = if requests.is_empty() { output.flush().await } else { Ok(()) };
        if written.and(flushed).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        Flags, Node, Settings,
        api::{COMMANDS, Event},
    };

    async fn alice() -> (tempfile::TempDir, Node, Client, CancellationToken) {
        let folder = tempfile::tempdir().unwrap();
        let flags = Flags { data_dir: Some(folder.path().into()), name: Some("Alice".into()), ..Flags::default() };
        let node = Node::open(Settings::load(flags).unwrap()).await.unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (served, stop) = (node.clone(), CancellationToken::new());
        let stopped = stop.clone();
        tokio::spawn(async move {
            let (input, output) = tokio::io::split(far);
            super::super::serve(&served, input, output, stopped.cancelled()).await
        });
        let (input, output) = tokio::io::split(near);
        (folder, node, Client::over(input, output), stop)
    }

    #[tokio::test]
    async fn calls_are_pipelined_in_the_order_asked_and_each_gets_its_own_answer() {
        let (_folder, node, client, _stop) = alice().await;
        let mut asked = Vec::new();
        for n in 0..500 {
            let named = client.submit("set_profile", &json!({"name": format!("Alice {n}")}));
            asked.push((named, client.submit("status", &Value::Null)));
        }
        // Answers may be fetched in any order.
        for (n, (named, status)) in asked.into_iter().enumerate().rev() {
            assert_eq!(status.await.unwrap()["name"], format!("Alice {n}"));
            assert_eq!(named.await, Ok(Value::Null));
        }
        node.close().await;
    }

    #[tokio::test]
    async fn errors_keep_their_kind() {
        let (_folder, node, client, _stop) = alice().await;
        assert_eq!(COMMANDS.iter().find(|name| **name == "dance"), None);
        for (name, params) in [("dance", json!({})), ("status", json!({"x": 1})), ("set_profile", json!({"name": " "}))]
        {
            let here = node.call(name, params.clone()).await.unwrap_err();
            assert_eq!(client.call(name, &params).await.unwrap_err(), here);
        }
        let long = json!({"name": "n".repeat(200)});
        let failed = client.call("set_profile", &long).await.unwrap_err();
        assert!(matches!(&failed, CallError::Failed(error) if error.code == ErrorCode::TooLarge), "{failed}");
        node.close().await;
    }

    #[tokio::test]
    async fn events_arrive_typed_until_the_process_ends_and_then_calls_fail() {
        let (_folder, node, client, stop) = alice().await;
        let mut events = client.subscribe();
        client.call("status", &Value::Null).await.unwrap();
        let told = Event::RoomChanged { room: "r".into() };
        node.board().emit(told.clone());
        assert_eq!(events.next().await, Some(told));
        stop.cancel();
        while events.next().await.is_some() {}
        assert_eq!(client.call("status", &Value::Null).await, Err(ended()));
        node.close().await;
    }

    #[tokio::test]
    async fn a_stream_that_breaks_fails_what_was_asked_and_what_is_asked_later() {
        let (near, far) = tokio::io::duplex(1024);
        let (input, output) = tokio::io::split(near);
        let client = Client::over(input, output);
        let mut events = client.subscribe();
        let asked = client.submit("status", &Value::Null);
        drop(far);
        assert_eq!(asked.await, Err(ended()));
        assert_eq!(events.next().await, None);
        assert_eq!(client.call("status", &Value::Null).await, Err(ended()));
    }

    #[tokio::test]
    async fn what_a_newer_version_tells_is_passed_over_and_what_cannot_be_read_of_it_is_lost_in_sight() {
        let (near, mut far) = tokio::io::duplex(1024);
        let (input, output) = tokio::io::split(near);
        let client = Client::over(input, output);
        let mut events = client.subscribe();
        for line in [
            r#"{"jsonrpc":"2.0","method":"earthquake","params":{"strength":9}}"#,
            "nonsense",
            "[]",
            r#"{"jsonrpc":"2.0","method":"incoming_message","params":{"message":{"kind":"hologram"}}}"#,
            r#"{"jsonrpc":"2.0","method":"room_changed","params":{"room":"r","why":"new"}}"#,
        ] {
            far.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        }
        assert_eq!(events.next().await, Some(Event::EventsLost { count: 1 }));
        assert_eq!(events.next().await, Some(Event::RoomChanged { room: "r".into() }));
    }
}
