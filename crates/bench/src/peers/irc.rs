//! IRC (RFC 2812), as far as it is needed: one channel.

use std::path::Path;

use anyhow::{Result, bail};
use bytes::{Buf, BytesMut};

use crate::link::{Heard, Speech};

pub(super) fn config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "[Global]\nName = irc.bench.local\nInfo = bench\nListen = 127.0.0.1\nMotdPhrase = bench\n\
         [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxNickLength = 16\n\
         MaxPenaltyTime = 0\nPingTimeout = 600\nPongTimeout = 60\n\
         [Options]\nDNS = no\nIdent = no\nPAM = no\n\
         [SSL]\nCertFile = {folder}/cert.pem\nKeyFile = {folder}/key.pem\nPorts = {port}\n"
    )
}

/// Longest text that fits a line of 512 bytes with what the server puts before it.
const TEXT: usize = 400;

pub(super) struct Client {
    nick: String,
    text: String,
    ready: bool,
}

impl Client {
    pub(super) fn new(index: usize, text: &str) -> Self {
        Self { nick: format!("load{index}"), text: text.to_owned(), ready: false }
    }
}

impl Speech for Client {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.text.len() > TEXT {
            bail!("a line of IRC holds {TEXT} bytes");
        }
        let nick = &self.nick;
        out.extend(format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n").as_bytes());
        Ok(())
    }

    fn hear(&mut self, input: &mut BytesMut, out: &mut Vec<u8>) -> Result<Heard> {
        let mut heard = Heard::default();
        while let Some(end) = input.iter().position(|byte| *byte == b'\n') {
            let line = input.split_to(end);
            input.advance(1);
            let mut words = line.as_ref().split(|byte: &u8| *byte == b' ');
            let first = words.next().unwrap_or_default();
            if first == b"PING" {
                out.extend(b"PONG ");
                out.extend(line.get(5..).unwrap_or_default());
                out.extend(b"\n");
                continue;
            }
            if first == b"ERROR" {
                bail!("{}", String::from_utf8_lossy(&line));
            }
            match words.next().unwrap_or_default() {
                b"PRIVMSG" => heard.delivered += 1,
                b"001" => out.extend(b"JOIN #bench\r\n"),
                b"366" => self.ready = true,
                b"PONG" => {
                    let count = line.rsplit(|byte| *byte == b':').next().unwrap_or_default();
                    heard.acked += std::str::from_utf8(count)?.trim().parse::<u64>()?;
                }
                b"433" | b"465" | b"417" | b"404" => bail!("{}", String::from_utf8_lossy(&line)),
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
            out.extend(b"PRIVMSG #bench :");
            out.extend(self.text.as_bytes());
            out.extend(b"\r\n");
        }
        out.extend(format!("PING {count}\r\n").as_bytes());
        Ok(count)
    }
}
