//! NATS, as far as it is needed: one stream, published to with an answer for each message.

use std::path::Path;

use anyhow::{Result, bail};
use bytes::{Buf, BytesMut};

use crate::link::{Heard, Speech};

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":true,\"lang\":\"rust\",\"version\":\"1\",\"protocol\":1,\"headers\":true,\"no_responders\":true}\r\n";
const STREAM: &str = r#"{"name":"BENCH","subjects":["bench"],"storage":"file","retention":"limits","num_replicas":1}"#;

pub(super) fn config(folder: &Path, port: u16, synced: bool) -> String {
    let folder = folder.display();
    let sync = if synced { "sync_interval: always" } else { "" };
    format!(
        "listen: \"127.0.0.1:{port}\"\n\
         tls {{ cert_file: \"{folder}/cert.pem\", key_file: \"{folder}/key.pem\", handshake_first: true }}\n\
         jetstream {{ store_dir: \"{folder}/store\"\n {sync} }}\n"
    )
}

/// Takes one operation: its line, and the payload of a message.
fn next(input: &mut BytesMut) -> Result<Option<(String, BytesMut)>> {
    let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = std::str::from_utf8(input.get(..end).unwrap_or_default())?.to_owned();
    let mut length = 0;
    if line.starts_with("MSG ") || line.starts_with("HMSG ") {
        length = line.rsplit(' ').next().unwrap_or_default().parse::<usize>()? + 2;
    }
    if input.len() < end + 2 + length {
        return Ok(None);
    }
    input.advance(end + 2);
    Ok(Some((line, input.split_to(length))))
}

fn common(line: &str, out: &mut Vec<u8>) -> Result<()> {
    if line.starts_with("PING") {
        out.extend(b"PONG\r\n");
    } else if line.starts_with("-ERR") {
        bail!("{line}");
    }
    Ok(())
}

/// Publishes, each message with a subject for its answer.
pub(super) struct Publisher {
    inbox: String,
    text: String,
    ready: bool,
}

impl Publisher {
    pub(super) fn new(index: usize, text: &str) -> Self {
        Self { inbox: format!("_INBOX.{index}"), text: text.to_owned(), ready: false }
    }
}

impl Speech for Publisher {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let inbox = &self.inbox;
        out.extend(CONNECT.as_bytes());
        out.extend(format!("SUB {inbox}.> 1\r\n").as_bytes());
        let length = STREAM.len();
        out.extend(format!("PUB $JS.API.STREAM.CREATE.BENCH {inbox}.s {length}\r\n{STREAM}\r\n").as_bytes());
        Ok(())
    }

    fn hear(&mut self, input: &mut BytesMut, out: &mut Vec<u8>) -> Result<Heard> {
        let mut heard = Heard::default();
        while let Some((line, payload)) = next(input)? {
            if !line.starts_with("MSG ") && !line.starts_with("HMSG ") {
                common(&line, out)?;
                continue;
            }
            if payload.windows(8).any(|window| window == b"\"error\":") || line.starts_with("HMSG") {
                bail!("{}", String::from_utf8_lossy(&payload));
            }
            if self.ready {
                heard.acked += 1;
            }
            self.ready = true;
        }
        Ok(heard)
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn publish(&mut self, count: usize, out: &mut Vec<u8>) -> Result<usize> {
        for _ in 0..count {
            out.extend(format!("PUB bench {}.p {}\r\n", self.inbox, self.text.len()).as_bytes());
            out.extend(self.text.as_bytes());
            out.extend(b"\r\n");
        }
        Ok(count)
    }
}

const CONSUMER: &str = r#"{"stream_name":"BENCH","config":{"deliver_subject":"kept","ack_policy":"none","deliver_policy":"new","flow_control":false}}"#;

/// Is sent what is published: as it comes in, or, where that is asked for, from the stream, once it is in there.
#[derive(Default)]
pub(super) struct Subscriber {
    kept: bool,
    ready: bool,
}

impl Subscriber {
    pub(super) fn new(kept: bool) -> Self {
        Self { kept, ready: false }
    }
}

impl Speech for Subscriber {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.extend(CONNECT.as_bytes());
        if self.kept {
            let length = CONSUMER.len();
            out.extend(b"SUB kept 1\r\nSUB _INBOX.made 2\r\n");
            out.extend(format!("PUB $JS.API.CONSUMER.CREATE.BENCH _INBOX.made {length}\r\n{CONSUMER}\r\n").as_bytes());
        } else {
            out.extend(b"SUB bench 1\r\nPING\r\n");
        }
        Ok(())
    }

    fn hear(&mut self, input: &mut BytesMut, out: &mut Vec<u8>) -> Result<Heard> {
        let mut heard = Heard::default();
        while let Some((line, payload)) = next(input)? {
            common(&line, out)?;
            if line.starts_with("MSG _INBOX.made ") {
                if payload.windows(8).any(|window| window == b"\"error\":") {
                    bail!("{}", String::from_utf8_lossy(&payload));
                }
                self.ready = true;
                continue;
            }
            self.ready |= line.starts_with("PONG");
            heard.delivered += u64::from(line.starts_with("MSG ") || line.starts_with("HMSG kept "));
        }
        Ok(heard)
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn publish(&mut self, _: usize, _: &mut Vec<u8>) -> Result<usize> {
        bail!("it only listens")
    }
}
