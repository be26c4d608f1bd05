//! The server process, and what its person does there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use lanline_protocol::id::RoomId;
use lanline_protocol::link::InviteLink;
use serde_json::{Value, json};

use super::{Member, Spoken, Takes};
use crate::link::{Link, dial};
use crate::process::{Daemon, free_port, pinned};

/// Members who join at one time.
const JOINING: usize = 24;

/// A `lanline serve` with a data folder of its own.
pub(crate) struct Server {
    binary: PathBuf,
    folder: PathBuf,
    processors: Option<String>,
    port: u16,
    pub(crate) daemon: Daemon,
}

/// A room on it.
#[derive(Clone)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) link: Arc<InviteLink>,
    pub(crate) text: String,
}

impl Server {
    pub(crate) fn start(binary: &Path, folder: &Path, processors: Option<&str>) -> Result<Self> {
        let port = free_port()?;
        let daemon = serve(binary, folder, processors, port)?;
        let (binary, folder) = (binary.to_owned(), folder.to_owned());
        Ok(Self { binary, folder, processors: processors.map(str::to_owned), port, daemon })
    }

    /// Starts it again where it was, after it was killed.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.daemon = serve(&self.binary, &self.folder, self.processors.as_deref(), self.port)?;
        Ok(())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.daemon.address
    }

    /// One call, as a person's program makes it.
    pub(crate) fn call(&self, method: &str, params: &Value) -> Result<Value> {
        call(&self.binary, &self.folder, method, params)
    }

    /// A new room, and an invite that lets so many in.
    pub(crate) fn room(&self, name: &str, uses: usize) -> Result<Room> {
        let made = self.call("create_room", &json!({"name": name}))?;
        let room = made.get("room").and_then(Value::as_str).context("no room was made")?.to_owned();
        let invited = self.call("invite", &json!({"room": room, "uses": uses}))?;
        let link: InviteLink = invited.get("link").and_then(Value::as_str).context("no link")?.parse()?;
        Ok(Room { id: link.room, text: room, link: Arc::new(link) })
    }

    /// Lets these in, some at a time; they hang up again.
    pub(crate) async fn admit(&self, room: &Room, members: &[Arc<Mutex<Member>>]) -> Result<()> {
        let mut joining = tokio::task::JoinSet::new();
        for member in members {
            if joining.len() >= JOINING {
                joining.join_next().await.context("nobody joined")???;
            }
            let (member, room, address) = (Arc::clone(member), room.clone(), self.address());
            joining.spawn(async move { connect(address, &room, &member, Takes::Nothing).await.map(drop) });
        }
        while let Some(joined) = joining.join_next().await {
            joined??;
        }
        Ok(())
    }

    /// A member's connection.
    pub(crate) async fn connect(&self, room: &Room, member: &Arc<Mutex<Member>>, takes: Takes) -> Result<Link> {
        connect(self.address(), room, member, takes).await
    }
}

/// As [`Server::connect`], wherever it listens.
pub(crate) async fn connect(
    address: SocketAddr,
    room: &Room,
    member: &Arc<Mutex<Member>>,
    takes: Takes,
) -> Result<Link> {
    let (index, tls) = {
        let member = super::speech::lock(member);
        (member.index, member.tls.clone())
    };
    let stream = dial(index, address, &tls).await?;
    let mut exporter = [0; 32];
    stream.get_ref().1.export_keying_material(&mut exporter, b"EXPORTER-lanline-1", None)?;
    let speech = Spoken::new(Arc::clone(member), room, exporter, takes)?;
    Link::open(stream, Box::new(speech)).await
}

fn serve(binary: &Path, folder: &Path, processors: Option<&str>, port: u16) -> Result<Daemon> {
    // The program makes its folder by itself, for its user alone.
    let around = folder.parent().context("a folder within another")?;
    let mut command = pinned(binary, processors);
    command.args(["serve", "--name", "server", "--port", &port.to_string(), "--data-dir"]).arg(folder);
    command.env("LANLINE_LISTEN", "127.0.0.1").env("LANLINE_KEY_STORE", "file").env("LANLINE_DISCOVERY", "off");
    command.current_dir(around);
    Daemon::start(command, port, &folder.with_extension("log"))
}

/// A call to the device of a data folder.
pub(crate) fn call(binary: &Path, folder: &Path, method: &str, params: &Value) -> Result<Value> {
    let output = Command::new(binary)
        .args(["call", "--data-dir"])
        .arg(folder)
        .args([method, &params.to_string()])
        .env("LANLINE_KEY_STORE", "file")
        .current_dir(folder)
        .output()?;
    if !output.status.success() {
        bail!("{method}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
