//! Others that do a part of the same: started here, spoken to over the same TLS by the same kind of client.

mod irc;
mod measure;
mod mqtt;
mod nats;

pub(crate) use measure::measure;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use lanline_peer::Shows;
use tokio_rustls::TlsConnector;

use crate::link::{Link, Speech, dial};
use crate::process::{Daemon, free_port, pinned};

/// Who is measured beside Lanline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// JetStream, each message synced before it is acknowledged.
    NatsSynced,
    /// JetStream as it comes.
    Nats,
    Mosquitto,
    Ngircd,
}

impl Peer {
    pub(crate) const ALL: [Self; 4] = [Self::NatsSynced, Self::Nats, Self::Mosquitto, Self::Ngircd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NatsSynced => "JetStream, sync always",
            Self::Nats => "JetStream, defaults",
            Self::Mosquitto => "mosquitto",
            Self::Ngircd => "ngIRCd",
        }
    }

    pub(crate) fn durability(self) -> &'static str {
        match self {
            Self::NatsSynced => "file store, `sync_interval: always`: synced before the answer",
            Self::Nats => "file store, synced every 2 minutes: an answer says that it was written, not that it is kept",
            Self::Mosquitto => {
                "QoS 1 from memory, written every 30 minutes and at the end (`persistence true`): an answer promises no disk. Queues without limit (`max_queued_messages 0`, `max_inflight_messages 0`)"
            }
            Self::Ngircd => {
                "none: lines are passed on and forgotten, nothing is answered (a PING after each burst stands for it). No penalty (`MaxPenaltyTime 0`)"
            }
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::NatsSynced | Self::Nats => "nats-server",
            Self::Mosquitto => "mosquitto",
            Self::Ngircd => "ngircd",
        }
    }

    /// Whether it answers for each message.
    pub(crate) fn acknowledges(self) -> bool {
        self != Self::Ngircd
    }

    /// Where it is installed, if it is.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .map(|folder| folder.join(self.program()))
            .find(|program| program.is_file())
    }

    /// What it says that it is.
    pub(crate) fn version(self) -> String {
        let Some(program) = self.find() else { return "not installed".to_owned() };
        let flag = match self {
            Self::Mosquitto => "-h",
            _ => "--version",
        };
        let Ok(output) = Command::new(program).arg(flag).output() else { return "unknown".to_owned() };
        String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("unknown").to_owned()
    }
}

/// One of them, running.
pub(crate) struct Server {
    peer: Peer,
    pub(crate) daemon: Daemon,
    tls: TlsConnector,
}

/// A certificate for a server of this machine, and its key, as files.
fn certify(folder: &Path) -> Result<()> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let pem = |label: &str, der: &[u8]| {
        let text = data_encoding::BASE64.encode(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    std::fs::write(folder.join("cert.pem"), pem("CERTIFICATE", certificate.der()))?;
    std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &key.serialize_der()))?;
    Ok(())
}

impl Server {
    /// Starts it in a folder of its own.
    pub(crate) fn start(peer: Peer, folder: &Path, processors: Option<&str>) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        certify(folder)?;
        let port = free_port()?;
        let program = peer.find().context("not installed")?;
        let (config, arguments): (String, &[&str]) = match peer {
            Peer::NatsSynced | Peer::Nats => (nats::config(folder, port, peer == Peer::NatsSynced), &["-c"]),
            Peer::Mosquitto => (mqtt::config(folder, port), &["-c"]),
            Peer::Ngircd => (irc::config(folder, port), &["-n", "-f"]),
        };
        let file = folder.join("config");
        std::fs::write(&file, config)?;
        let mut command = pinned(&program, processors);
        command.args(arguments).arg(&file).current_dir(folder);
        let daemon = Daemon::start(command, port, &folder.join("log"))?;
        Ok(Self { peer, daemon, tls: Shows::Nothing.client(&[]) })
    }

    async fn open(&self, index: usize, speech: Box<dyn Speech>) -> Result<Link> {
        Link::open(dial(index, self.daemon.address, &self.tls).await?, speech).await
    }

    /// A client that publishes these messages, so many times.
    pub(crate) async fn publisher(&self, index: usize, text: &str) -> Result<Link> {
        let speech: Box<dyn Speech> = match self.peer {
            Peer::NatsSynced | Peer::Nats => Box::new(nats::Publisher::new(index, text)),
            Peer::Mosquitto => Box::new(mqtt::Client::new(index, false, text)),
            Peer::Ngircd => Box::new(irc::Client::new(index, text)),
        };
        self.open(index, speech).await
    }

    /// A client that is sent what others publish; where the server makes a difference, once it is `kept`.
    pub(crate) async fn subscriber(&self, index: usize, kept: bool) -> Result<Link> {
        let speech: Box<dyn Speech> = match self.peer {
            Peer::NatsSynced | Peer::Nats => Box::new(nats::Subscriber::new(kept)),
            Peer::Mosquitto => Box::new(mqtt::Client::new(index, true, "")),
            Peer::Ngircd => Box::new(irc::Client::new(index, "")),
        };
        self.open(index, speech).await
    }
}
