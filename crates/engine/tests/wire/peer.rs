//! The other side of a connection, byte by byte.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lanline_engine::net::ALPN;
use lanline_peer::Shows;
use lanline_protocol::frame::{Frame, Hello};
use lanline_protocol::id::{Hash, StoreId};
use lanline_protocol::identity::PublicKey;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

/// However busy the machine: what takes longer than this does not happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const PING: [u8; 3] = [0x82, 0x02, 0xa0];
pub(crate) const PONG: [u8; 3] = [0x82, 0x03, 0xa0];

/// A peer that dialled a device and shook hands as it should.
pub(crate) struct Peer {
    stream: TlsStream<TcpStream>,
    pub(crate) exporter: Hash,
    /// The key that the device showed.
    pub(crate) key: PublicKey,
}

impl Peer {
    pub(crate) async fn dial(address: SocketAddr, seed: u8) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("lanline").unwrap();
        let stream = Shows::Key(seed).client(&[ALPN]).connect(name, stream).await.unwrap();
        let (_, tls) = stream.get_ref();
        let exporter = tls.export_keying_material([0; 32], b"EXPORTER-lanline-1", None).unwrap();
        let certificate = ParsedCertificate::try_from(&tls.peer_certificates().unwrap()[0]).unwrap();
        let key = PublicKey::from_spki(&certificate.subject_public_key_info()).unwrap();
        Self { stream, exporter: Hash::new(exporter), key }
    }

    /// Writes bytes as they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        self.write(&[&length, frame].concat()).await;
    }

    pub(crate) async fn hello(&mut self) {
        let hello = Hello { store: StoreId::new([0xb0; 16]), name: "bob".into(), agent: "test".into() };
        self.send(&Frame::Hello(hello).encode()).await;
    }

    /// The next frame; `None` at a clean end.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        let reading = async {
            match self.stream.read_exact(&mut length).await {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
                result => result.unwrap(),
            };
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            self.stream.read_exact(&mut frame).await.unwrap();
            Some(frame)
        };
        timeout(PATIENCE, reading).await.expect("a frame, or an end, in time")
    }

    /// Reads on until this frame comes.
    pub(crate) async fn hear(&mut self, wanted: &[u8]) {
        while self.next().await.expect("the connection goes on") != wanted {}
    }

    /// Whether the other side is still there and in order: it answers a ping.
    pub(crate) async fn is_connected(&mut self) -> bool {
        self.send(&PING).await;
        loop {
            match self.next().await {
                Some(frame) if frame == PONG => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Reads to the end. Every frame, and that TLS was closed in order, is checked by reading.
    pub(crate) async fn rest(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    /// The reason of the goodbye that is the last frame.
    pub(crate) async fn goodbye(&mut self) -> String {
        let frames = self.rest().await;
        match frames.last().map(|frame| Frame::decode(frame)) {
            Some(Ok(Frame::Goodbye(goodbye))) => goodbye.reason,
            other => panic!("the last frame is {other:?}"),
        }
    }
}
