//! The other side of a connection to a device, byte by byte.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lanline_protocol::frame::{Frame, Hello};
use lanline_protocol::id::{Hash, StoreId};
use lanline_protocol::identity::PublicKey;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::{ALPN, Shows};

/// However busy the machine: what takes longer than this does not happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The whole frame, without its length.
pub const PING: [u8; 3] = [0x82, 0x02, 0xa0];
/// As [`PING`].
pub const PONG: [u8; 3] = [0x82, 0x03, 0xa0];

/// How a connection ends of which one side may still have said something.
const ENDS: [io::ErrorKind; 2] = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];

/// Dials a device and shakes hands, showing what it likes.
///
/// # Errors
/// Where the device refuses so soon that this side hears of it: in TLS 1.3 a dialler finishes first.
pub async fn shake(address: SocketAddr, shows: Shows, alpn: &[&[u8]]) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    shows.client(alpn).connect(ServerName::try_from("lanline").unwrap(), stream).await
}

/// A peer that dialled a device and shook hands as it should.
pub struct Peer {
    /// What it reads from and writes to.
    pub stream: TlsStream<TcpStream>,
    /// The connection's TLS exporter.
    pub exporter: Hash,
    /// The key that the device showed.
    pub key: PublicKey,
}

impl Peer {
    /// Dials as the device with this seed.
    pub async fn dial(address: SocketAddr, seed: u8) -> Self {
        Self::dial_as(address, Shows::Key(seed)).await
    }

    /// Dials and shows this.
    pub async fn dial_as(address: SocketAddr, shows: Shows) -> Self {
        Self::met(shake(address, shows, &[ALPN]).await.unwrap())
    }

    /// Shakes hands as the device with this seed on a connection that was dialled.
    pub async fn over(stream: TcpStream, seed: u8) -> Self {
        let client = Shows::Key(seed).client(&[ALPN]);
        Self::met(client.connect(ServerName::try_from("lanline").unwrap(), stream).await.unwrap())
    }

    fn met(stream: TlsStream<TcpStream>) -> Self {
        let (_, tls) = stream.get_ref();
        let exporter = tls.export_keying_material([0; 32], b"EXPORTER-lanline-1", None).unwrap();
        let certificate = ParsedCertificate::try_from(&tls.peer_certificates().unwrap()[0]).unwrap();
        let key = PublicKey::from_spki(&certificate.subject_public_key_info()).unwrap();
        Self { stream, exporter: Hash::new(exporter), key }
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        self.write(&[&length, frame].concat()).await;
    }

    /// As [`Self::send`], to a device that may have hung up. Whether it took it.
    pub async fn try_send(&mut self, frame: &[u8]) -> bool {
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        let written = self.stream.write_all(&[&length, frame].concat()).await.is_ok();
        written && self.stream.flush().await.is_ok()
    }

    /// Says who it is, or pretends to be.
    pub async fn hello(&mut self) {
        let hello = Hello { store: StoreId::new([0xb0; 16]), name: "bob".into(), agent: "test".into() };
        self.say(&Frame::Hello(hello)).await;
    }

    /// Sends a frame of the protocol.
    pub async fn say(&mut self, frame: &Frame) {
        self.send(&frame.encode()).await;
    }

    /// The next frame; `None` at a clean end.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        let reading = async {
            match self.stream.read_exact(&mut length).await {
                Err(error) if ENDS.contains(&error.kind()) => return None,
                result => result.unwrap(),
            };
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            self.stream.read_exact(&mut frame).await.unwrap();
            Some(frame)
        };
        timeout(PATIENCE, reading).await.expect("a frame, or an end, in time")
    }

    /// Reads on until this frame comes.
    pub async fn hear(&mut self, wanted: &[u8]) {
        while self.next().await.expect("the connection goes on") != wanted {}
    }

    /// Whether the other side is still there and in order: it answers a ping.
    pub async fn is_connected(&mut self) -> bool {
        self.send(&PING).await;
        loop {
            match self.next().await {
                Some(frame) if frame == PONG => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Reads on to the first frame that is wanted.
    pub async fn find<T>(&mut self, mut wanted: impl FnMut(Frame) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("the connection goes on");
            if let Some(found) = Frame::decode(&frame).ok().and_then(&mut wanted) {
                return found;
            }
        }
    }

    /// What is said until the device answers a ping, pings and pongs left out.
    pub async fn said(&mut self) -> Vec<Frame> {
        self.send(&PING).await;
        let mut said = Vec::new();
        loop {
            let frame = self.next().await.expect("the connection goes on");
            if frame == PONG {
                return said;
            }
            if frame != PING {
                said.push(Frame::decode(&frame).unwrap());
            }
        }
    }

    /// Reads to the end. Every frame is checked by reading.
    pub async fn rest(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    /// The reason of the goodbye that is the last frame.
    pub async fn goodbye(&mut self) -> String {
        let frames = self.rest().await;
        match frames.last().map(|frame| Frame::decode(frame)) {
            Some(Ok(Frame::Goodbye(goodbye))) => goodbye.reason,
            other => panic!("the last frame is {other:?}"),
        }
    }
}
