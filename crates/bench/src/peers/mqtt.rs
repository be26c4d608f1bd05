//! MQTT 3.1.1 with QoS 1, as far as it is needed.

use std::path::Path;

use anyhow::{Result, bail};
use bytes::{Buf, BytesMut};

use crate::link::{Heard, Speech};

const TOPIC: &[u8] = b"bench";

pub(super) fn config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "listener {port} 127.0.0.1\ncertfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n\
         allow_anonymous true\nuser root\nset_tcp_nodelay true\n\
         persistence true\npersistence_location {folder}/\n\
         max_inflight_messages 0\nmax_queued_messages 0\nmax_queued_bytes 0\n"
    )
}

fn packet(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let mut length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(kind);
    loop {
        let more = length >= 128;
        out.push(u8::try_from(length % 128).unwrap_or_default() | if more { 0x80 } else { 0 });
        length /= 128;
        if !more {
            break;
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn length_of(part: &[u8]) -> [u8; 2] {
    u16::try_from(part.len()).unwrap_or_default().to_be_bytes()
}

/// Takes one packet: its first byte and the rest.
fn next(input: &mut BytesMut) -> Result<Option<(u8, BytesMut)>> {
    let (mut length, mut used) = (0_usize, 1_usize);
    loop {
        let Some(byte) = input.get(used) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * (used - 1));
        used += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if used > 4 {
            bail!("not MQTT");
        }
    }
    if input.len() < used + length {
        return Ok(None);
    }
    let kind = input.first().copied().unwrap_or_default();
    input.advance(used);
    Ok(Some((kind, input.split_to(length))))
}

pub(super) struct Client {
    id: String,
    subscribes: bool,
    text: String,
    ready: bool,
    number: u16,
}

impl Client {
    pub(super) fn new(index: usize, subscribes: bool, text: &str) -> Self {
        Self { id: format!("load{index}"), subscribes, text: text.to_owned(), ready: false, number: 0 }
    }
}

impl Speech for Client {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        // A clean session, and no pings asked for.
        let id = self.id.as_bytes();
        packet(out, 0x10, &[b"\x00\x04MQTT\x04\x02\x00\x00", &length_of(id), id]);
        if self.subscribes {
            packet(out, 0x82, &[&[0, 1], &length_of(TOPIC), TOPIC, &[1]]);
        }
        Ok(())
    }

    fn hear(&mut self, input: &mut BytesMut, out: &mut Vec<u8>) -> Result<Heard> {
        let mut heard = Heard::default();
        while let Some((kind, rest)) = next(input)? {
            match kind >> 4 {
                2 if rest.get(1) != Some(&0) => bail!("not let in"),
                2 => self.ready |= !self.subscribes,
                3 => {
                    heard.delivered += 1;
                    let at = 2 + TOPIC.len();
                    if kind & 0x06 != 0
                        && let Some(number) = rest.get(at..at + 2)
                    {
                        packet(out, 0x40, &[number]);
                    }
                }
                4 => heard.acked += 1,
                9 => self.ready = true,
                _ => {}
            }
        }
        Ok(heard)
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn publish(&mut self, count: usize, out: &mut Vec<u8>) -> Result<usize> {
        for _ in 0..count {
            self.number = self.number.checked_add(1).unwrap_or(1);
            packet(out, 0x32, &[&length_of(TOPIC), TOPIC, &self.number.to_be_bytes(), self.text.as_bytes()]);
        }
        Ok(count)
    }
}
