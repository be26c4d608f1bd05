//! One load client: a TLS connection and whoever speaks over it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What takes longer than this does not happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes read at a time, where little comes and where much does.
const READ_LITTLE: usize = 1024;
const READ_MUCH: usize = 64 * 1024;

/// What a client heard in one go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// Messages of its own that the server answered for.
    pub(crate) acked: u64,
    /// Messages that were delivered to it.
    pub(crate) delivered: u64,
}

/// A protocol as one client speaks it: bytes in, bytes out.
pub(crate) trait Speech: Send {
    /// What is said first.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()>;
    /// Takes what has arrived, and answers what has to be answered.
    fn hear(&mut self, input: &mut BytesMut, out: &mut Vec<u8>) -> Result<Heard>;
    /// Whether it may publish, or is subscribed, as it is to.
    fn is_ready(&self) -> bool;
    /// Says the next messages of those it was given, at most so many. How many that were.
    fn publish(&mut self, count: usize, out: &mut Vec<u8>) -> Result<usize>;
}

/// See the module's documentation.
pub(crate) struct Link {
    stream: TlsStream<TcpStream>,
    input: BytesMut,
    out: Vec<u8>,
    pub(crate) speech: Box<dyn Speech>,
}

/// An address of this machine's own for the client with this number, so that each looks like another device.
pub(crate) fn source(index: usize) -> Ipv4Addr {
    let part = |number: usize| u8::try_from(number).unwrap_or(1);
    Ipv4Addr::new(127, part(1 + index / 62_500), part(index / 250 % 250), part(1 + index % 250))
}

/// Dials, as the client with this number, and shakes hands.
pub(crate) async fn dial(index: usize, to: SocketAddr, tls: &TlsConnector) -> Result<TlsStream<TcpStream>> {
    let dialling = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((source(index), 0).into())?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").context("a name for the library")?;
        anyhow::Ok(tls.connect(name, stream).await?)
    };
    timeout(PATIENCE, dialling).await.context("no connection in time")?
}

impl Link {
    /// Begins to speak on a connection, and waits until that is agreed on.
    pub(crate) async fn open(stream: TlsStream<TcpStream>, speech: Box<dyn Speech>) -> Result<Self> {
        let mut link = Self { stream, input: BytesMut::with_capacity(READ_LITTLE), out: Vec::new(), speech };
        link.speech.begin(&mut link.out)?;
        link.flush().await?;
        let agreeing = async {
            while !link.speech.is_ready() {
                link.turn().await?;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, agreeing).await.context("the server did not answer in time")??;
        Ok(link)
    }

    /// Waits for more to arrive and deals with it.
    pub(crate) async fn turn(&mut self) -> Result<Heard> {
        let count = self.stream.read_buf(&mut self.input).await?;
        self.take(count).await
    }

    /// As [`Self::turn`], but not for longer than this.
    pub(crate) async fn turn_within(&mut self, limit: Duration) -> Result<Heard> {
        match timeout(limit, self.stream.read_buf(&mut self.input)).await {
            Ok(count) => self.take(count?).await,
            Err(_) => Ok(Heard::default()),
        }
    }

    async fn take(&mut self, count: usize) -> Result<Heard> {
        if count == 0 {
            bail!("the server hung up");
        }
        let heard = self.speech.hear(&mut self.input, &mut self.out)?;
        self.flush().await?;
        // An idle connection holds no more than it needs.
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        self.input.reserve(if count >= READ_LITTLE { READ_MUCH } else { READ_LITTLE });
        Ok(heard)
    }

    /// Publishes the next messages. How many that were; none where there are no more.
    pub(crate) async fn publish(&mut self, count: usize) -> Result<usize> {
        let published = self.speech.publish(count, &mut self.out)?;
        self.flush().await?;
        Ok(published)
    }

    async fn flush(&mut self) -> Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await?;
            self.out.clear();
        }
        Ok(())
    }
}
