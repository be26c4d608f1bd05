//! The clients' sockets: lines in, lines out.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use lanline_engine::{
    api::{CallError, Event, MessagePage, Messages, PAGE_MAX, SendMessage, Sent, TEXT_MAX},
    events::EventStream,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{self, error::TrySendError},
    },
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::hub::{ClientId, Hub, PostId};
use crate::{device::Device, exit::Failure};

/// How many may be connected at once.
const CLIENTS: usize = 256;
/// How many lines of one client may be on their way to the disk; then no more of it is read.
const POSTING: usize = 16;
/// How many tellings may wait for one client; then it is let go, and nobody else waits for it.
const UNREAD: usize = 1024;
/// How long a client that takes nothing may hold up its own socket's writer.
const STALLED: Duration = Duration::from_secs(30);
/// How many pages are asked for again after events were lost.
const PAGES: usize = 20;

/// All connected clients and the room they share.
pub(super) struct Clients {
    device: Device,
    listener: TcpListener,
    hub: Hub,
    connected: BTreeMap<ClientId, Connected>,
    next_client: ClientId,
    next_post: PostId,
}

/// One client; its connection ends when this is dropped.
struct Connected {
    to_write: mpsc::Sender<Arc<str>>,
    /// Whether it may still post. One that only closed its half of the connection goes on reading.
    posts: bool,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// What a client's task says.
enum News {
    /// It posts a line.
    Line(ClientId, String, OwnedSemaphorePermit),
    /// The device answered.
    Posted(PostId, ClientId, Result<Sent, CallError>),
    /// A line that cannot be posted, and why.
    Refused(ClientId, String),
    /// It posts no more.
    Ended(ClientId),
    /// It reads no more.
    Gone(ClientId),
}

impl Clients {
    pub(super) fn new(device: &Device, listener: TcpListener, hub: Hub) -> Self {
        Self { device: device.clone(), listener, hub, connected: BTreeMap::new(), next_client: 0, next_post: 0 }
    }

    /// Serves them until the device ends.
    pub(super) async fn run(mut self, mut events: EventStream) -> Result<(), Failure> {
        let (news, mut to_do) = mpsc::channel(CLIENTS);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.welcome(stream, &news),
                    Err(error) => {
                        tracing::warn!(%error, "the bridge does not accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(happened) = to_do.recv() => self.take(happened, &news),
                event = events.next() => match event {
                    Some(Event::IncomingMessage { message } | Event::MessageSent { message }) => self.hub.hear(&message),
                    Some(Event::EventsLost { .. }) => self.catch_up().await?,
                    Some(_) => continue,
                    None => return Err(Failure::input("The running Lanline ended: start it again, then the bridge.")),
                },
            }
            while let Some(telling) = self.hub.tell() {
                let lines: Arc<str> = telling.lines.into();
                let clients: Vec<ClientId> =
                    self.connected.keys().copied().filter(|client| Some(*client) != telling.except).collect();
                for client in clients {
                    self.write(client, &lines);
                }
            }
        }
    }

    fn welcome(&mut self, mut stream: TcpStream, news: &mpsc::Sender<News>) {
        if self.connected.len() >= CLIENTS {
            // Who closed its half may be gone, which shows only when something is written to it.
            let half_closed = self.connected.iter().find(|(_, connected)| !connected.posts).map(|(client, _)| *client);
            let Some(client) = half_closed else {
                let sentence = format!("! {CLIENTS} clients are connected already: try again later.\n");
                tokio::spawn(async move {
                    // Whoever came in vain may be gone as well.
                    let _ = timeout(STALLED, stream.write_all(sentence.as_bytes())).await;
                });
                return;
            };
            self.connected.remove(&client);
        }
        let client = self.next_client;
        self.next_client += 1;
        let (to_write, waiting) = mpsc::channel(UNREAD);
        let (read, written) = stream.into_split();
        let writer = tokio::spawn(write(client, written, waiting, news.clone()));
        let reader = tokio::spawn(read_lines(client, read, news.clone()));
        let tasks = [writer, reader].map(AbortOnDropHandle::new);
        self.connected.insert(client, Connected { to_write, posts: true, _tasks: tasks });
    }

    fn take(&mut self, happened: News, news: &mpsc::Sender<News>) {
        match happened {
            News::Line(client, text, permit) => {
                let post = self.next_post;
                self.next_post += 1;
                self.hub.posting(post);
                let message = SendMessage { room: self.hub.room().to_owned(), text, reply_to: None, client_id: None };
                let sent = self.device.submit("send_message", message);
                let news = news.clone();
                tokio::spawn(async move {
                    let answer = sent.await;
                    drop(permit);
                    // Fails only where the bridge has ended.
                    let _ = news.send(News::Posted(post, client, answer)).await;
                });
            }
            News::Posted(post, client, answer) => {
                let failed = answer.as_ref().err().map(ToString::to_string);
                self.hub.answered(post, client, answer.ok().map(|sent| sent.id));
                if let Some(sentence) = failed {
                    self.write(client, &format!("! {sentence}\n").into());
                }
            }
            News::Refused(client, sentence) => self.write(client, &format!("! {sentence}\n").into()),
            News::Ended(client) => {
                if let Some(connected) = self.connected.get_mut(&client) {
                    connected.posts = false;
                }
            }
            News::Gone(client) => drop(self.connected.remove(&client)),
        }
    }

    /// Hands lines to a client's writer. One that has too much unread is let go.
    fn write(&mut self, client: ClientId, lines: &Arc<str>) {
        let Some(connected) = self.connected.get(&client) else { return };
        match connected.to_write.try_send(Arc::clone(lines)) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => {
                tracing::warn!(client, "a client of the bridge reads too slowly and is let go")
            }
            // It went, as who has posted its line does.
            Err(TrySendError::Closed(_)) => {}
        }
        self.connected.remove(&client);
    }

    /// Events were lost: what was said meanwhile is asked for.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        let mut missed = Vec::new();
        let mut before = None;
        for _ in 0..PAGES {
            let asked = Messages { room: self.hub.room().to_owned(), before, limit: Some(PAGE_MAX) };
            let page: MessagePage = self.device.call("messages", asked).await?;
            before = page.messages.first().map(|message| message.id.clone());
            let reached = page.messages.iter().any(|message| self.hub.knows(&message.id));
            missed.splice(0..0, page.messages);
            if reached || !page.more {
                break;
            }
        }
        for message in &missed {
            self.hub.hear(message);
        }
        Ok(())
    }
}

/// Writes what a client is told, until it goes or takes nothing any more.
async fn write(
    client: ClientId,
    mut stream: OwnedWriteHalf,
    mut lines: mpsc::Receiver<Arc<str>>,
    news: mpsc::Sender<News>,
) {
    while let Some(line) = lines.recv().await {
        match timeout(STALLED, stream.write_all(line.as_bytes())).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    // Fails only where the bridge has ended.
    let _ = news.send(News::Gone(client)).await;
}

/// Reads a client's lines until it closes its half of the connection.
async fn read_lines(client: ClientId, stream: OwnedReadHalf, news: mpsc::Sender<News>) {
    let posting = Arc::new(Semaphore::new(POSTING));
    let mut input = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        let Ok(permit) = Arc::clone(&posting).acquire_owned().await else { return };
        match next_line(&mut input, &mut line).await {
            Ok(true) => {}
            Ok(false) => break,
            // It broke: what is told to it would be lost.
            Err(_) => return drop(news.send(News::Gone(client)).await),
        }
        let said = match std::str::from_utf8(&line) {
            _ if line.len() > TEXT_MAX => News::Refused(
                client,
                format!("A line may have {TEXT_MAX} bytes: this one was not sent. Send it in parts."),
            ),
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => News::Line(client, text.to_owned(), permit),
            Err(_) => News::Refused(client, "This line is not text in UTF-8 and was not sent: send text.".to_owned()),
        };
        if news.send(said).await.is_err() {
            return;
        }
    }
    // Fails only where the bridge has ended.
    let _ = news.send(News::Ended(client)).await;
}

/// Reads the next line, without its end; of one that is too long, only as much as shows that it is. `false` at the end.
async fn next_line(input: &mut BufReader<OwnedReadHalf>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let most = TEXT_MAX as u64 + 2; // a text and its line end
    let mut read = (&mut *input).take(most).read_until(b'\n', line).await?;
    let ended = line.ends_with(b"\n");
    if line.is_empty() {
        return Ok(false);
    }
    if ended {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
        return Ok(true);
    }
    // The rest of it is passed over.
    let mut rest = Vec::new();
    while read as u64 == most {
        rest.clear();
        read = (&mut *input).take(most).read_until(b'\n', &mut rest).await?;
        if rest.ends_with(b"\n") {
            break;
        }
    }
    Ok(true)
}
