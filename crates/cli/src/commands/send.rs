use std::{collections::VecDeque, io::IsTerminal};

use lanline_engine::{
    Settings,
    api::{CallError, ErrorCode, RoomSummary, SendMessage, Sent},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    task::JoinHandle,
};

use crate::{device::Device, exit::Failure, print, room, signal};

/// How many messages may be on their way to the disk at once.
const IN_FLIGHT: usize = 256;
/// The most bytes of a line that are held: more than a message may have, so that the device says what that is.
const LINE_MAX: u64 = 64 * 1024;

const KEPT: &str = "No Lanline runs with this data folder: what is not sent yet is kept, and goes out when this device \
                    next runs (`lanline chat`, `lanline serve` or the app).";

/// Sends one message, or one a line of standard input.
pub(crate) async fn run(settings: &Settings, given: &str, words: &[String], json: bool) -> Result<(), Failure> {
    let text = words.join(" ");
    let is_here = if words.is_empty() || text == "-" {
        lines(settings, given, json).await?
    } else {
        Device::for_a_moment(settings, async |device| {
            let room = room::named(device, given).await?;
            let sent: Sent = device.call("send_message", message(&room, text)).await?;
            if json {
                print::json(&sent)?;
            }
            Ok(device.is_here())
        })
        .await?
    };
    if is_here {
        print::aside(KEPT);
    }
    Ok(())
}

fn message(room: &RoomSummary, text: String) -> SendMessage {
    SendMessage { room: room.room.clone(), text, reply_to: None, client_id: None }
}

/// Sends every line until the input ends or a signal comes. The input may last: meanwhile this is a whole device, so
/// that what it sends goes out and other terminals reach it.
async fn lines(settings: &Settings, given: &str, json: bool) -> Result<bool, Failure> {
    let device = Device::to_stay(settings).await?;
    // Nobody listens to what happens, so nobody is to be waited for before others are dialled.
    drop(device.events());
    let result = match room::named(&device, given).await {
        Ok(room) => {
            if std::io::stdin().is_terminal() {
                print::aside("Every line you type is a message; Ctrl-D ends.");
            }
            tokio::select! {
                result = pump(&device, &room, json) => result,
                () = signal::asked_to_end() => ended_by_signal(),
            }
        }
        Err(failure) => Err(failure),
    };
    let is_here = device.is_here();
    device.close().await;
    result.map(|()| is_here)
}

/// A person who types line by line ends it so; a program's input was not all read.
fn ended_by_signal() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::undone("This was ended before its input did: what came last may not have been sent."))
}

/// One message that was asked to be sent.
struct Asked {
    line: usize,
    sent: JoinHandle<Result<Sent, CallError>>,
}

async fn pump(device: &Device, room: &RoomSummary, json: bool) -> Result<(), Failure> {
    let mut input = BufReader::new(tokio::io::stdin());
    let mut asked: VecDeque<Asked> = VecDeque::new();
    let mut number = 0;
    let read = loop {
        let mut line = Vec::new();
        let mut bounded = (&mut input).take(LINE_MAX);
        let mut reading = std::pin::pin!(bounded.read_until(b'\n', &mut line));
        // Answers are told as they come, however long the next line takes.
        let read = loop {
            tokio::select! {
                read = &mut reading => break read,
                told = first(&mut asked), if !asked.is_empty() => told.and_then(|sent| tell(&sent, json))?,
            }
        };
        match read {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(Failure::input(format!("Standard input cannot be read ({error})."))),
        }
        number += 1;
        if line.len() as u64 == LINE_MAX && !line.ends_with(b"\n") {
            break Err(Failure::input(format!(
                "Line {number} is longer than {LINE_MAX} bytes: it was not sent, and neither was what follows."
            )));
        }
        let Ok(text) = String::from_utf8(line) else {
            break Err(Failure::input(format!(
                "Line {number} is not text in UTF-8: it was not sent, and neither was what follows."
            )));
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.trim().is_empty() {
            continue;
        }
        let sent = tokio::spawn(device.submit("send_message", message(room, text.to_owned())));
        asked.push_back(Asked { line: number, sent });
        while asked.len() >= IN_FLIGHT {
            first(&mut asked).await.and_then(|sent| tell(&sent, json))?;
        }
    };
    while !asked.is_empty() {
        first(&mut asked).await.and_then(|sent| tell(&sent, json))?;
    }
    read
}

fn tell(sent: &Sent, json: bool) -> Result<(), Failure> {
    if json {
        // Whoever closed standard output still wants the messages sent.
        print::json(sent)?;
    }
    Ok(())
}

/// What became of the message that was asked first. May be dropped while waiting.
async fn first(asked: &mut VecDeque<Asked>) -> Result<Sent, Failure> {
    let Some(oldest) = asked.front_mut() else { return std::future::pending().await };
    let (line, answer) = (oldest.line, (&mut oldest.sent).await);
    asked.pop_front();
    let failed = |error: CallError| {
        // Where the device ended, it may have written more than it could answer.
        let about = match &error {
            CallError::Failed(error) if error.code == ErrorCode::Internal => {
                format!("It is not known whether line {line} and what follows it were sent")
            }
            _ => format!("Line {line} was not sent, and what follows it may not have been"),
        };
        Failure::from(error).about(&about)
    };
    answer.map_err(Failure::input)?.map_err(failed)
}
