//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>), one object a line, over any pair of streams: standard input
//! and output, and the local socket.
//!
//! Beyond the specification: an id is a string or a number; a batch is an invalid request; a request
//! without an id is run and not answered.

mod client;
mod lines;
mod request;

use std::{io, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub use self::client::Client;
use self::lines::{LINE_MAX, Line, Lines};
use crate::{Node, events::EventStream, turn};

/// How many requests of one stream may be without an answer; then no more is read.
const IN_FLIGHT: usize = 1024;
/// How many answers may wait to be written; then no more requests are finished.
const UNWRITTEN: usize = 64;
/// How long what was read may take to finish once the input has ended.
const FINISH: Duration = Duration::from_millis(3000);
/// How long the answers that are then left may take to be written.
const FLUSH: Duration = Duration::from_millis(500);

/// Serves one stream until its input ends, `stop` is done, or its output is closed; then finishes what was read, within
/// 3.5 s. Events are written to it from the first moment on.
///
/// # Errors
/// The stream's own. Nothing that is read is an error.
pub async fn serve(
    node: &Node,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let (answers, to_write) = mpsc::channel(UNWRITTEN);
    let writer = write(to_write, node.subscribe(), output);
    let given_up = CancellationToken::new();
    let reader = Box::pin(read(node, input, answers, &given_up));
    let (writer, stop) = (pin!(writer), pin!(stop));
    // The reader owns the sender of answers: once it is dropped, the writer ends with the last request's answer.
    let (read, writer) = match select(writer, select(reader, stop)).await {
        Either::Left((written, _)) => return written,
        Either::Right((Either::Left((read, _)), writer)) => (read, writer),
        Either::Right((Either::Right(((), reader)), writer)) => {
            drop(reader);
            (Ok(()), writer)
        }
    };
    finish(writer, &given_up).await.and(read)
}

/// Waits for the answers to what was read, then answers the rest itself.
async fn finish(
    mut writer: impl Future<Output = io::Result<()>> + Unpin,
    given_up: &CancellationToken,
) -> io::Result<()> {
    if let Ok(written) = timeout(FINISH, &mut writer).await {
        return written;
    }
    given_up.cancel();
    // Whoever does not read by now does not want the answers.
    timeout(FLUSH, writer).await.unwrap_or(Ok(()))
}

async fn read(
    node: &Node,
    input: impl AsyncRead + Unpin,
    answers: mpsc::Sender<Vec<u8>>,
    given_up: &CancellationToken,
) -> io::Result<()> {
    let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next().await? {
        let request = match line {
            Line::Whole(text) if text.trim_ascii().is_empty() => continue,
            Line::Whole(text) => request::parse(text),
            Line::TooLong => Err(request::too_long()),
        };
        let request = match request {
            Ok(request) => request,
            Err(answer) => {
                // Fails only where the writer has ended, and then so does `serve`.
                let _ = answers.send(answer).await;
                continue;
            }
        };
        let Ok(permit) = in_flight.clone().acquire_owned().await else { break };
        let answered = node.submit(&request.method, request.params);
        let (answers, given_up) = (answers.clone(), given_up.clone());
        tokio::spawn(async move {
            let answer = given_up.run_until_cancelled(answered).await.unwrap_or_else(|| Err(turn::closed()));
            if let Some(id) = request.id {
                let _ = answers.send(request::answer(&id, answer)).await;
            }
            drop(permit);
        });
    }
    Ok(())
}

/// Writes answers and events as they come, until all senders of answers are gone.
async fn write(
    mut answers: mpsc::Receiver<Vec<u8>>,
    mut events: EventStream,
    output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(64 * 1024, output);
    let mut more_events = true;
    loop {
        let line = tokio::select! {
            answer = answers.recv() => match answer {
                Some(answer) => answer,
                None => break,
            },
            event = events.next(), if more_events => match event {
                Some(event) => request::notification(&event),
                None => {
                    more_events = false;
                    continue;
                }
            },
        };
        output.write_all(&line).await?;
        if answers.is_empty() && events.is_empty() {
            output.flush().await?;
        }
    }
    while let Some(event) = events.try_next() {
        output.write_all(&request::notification(&event)).await?;
    }
    output.flush().await
}

#[cfg(test)]
mod tests;
