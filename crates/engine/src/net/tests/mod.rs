//! Real sockets on loopback. Alice, Bob and Carol are devices; strangers are whoever else connects.

mod dialling;
mod listening;
mod strangers;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lanline_protocol::identity::{DeviceKey, PublicKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureAlgorithm, SignatureScheme, version::TLS13,
};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, client};

use super::*;

/// However busy the machine: what takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// For what is not about time.
fn patient() -> Timeouts {
    Timeouts { silent: Duration::from_secs(60), stalled: Duration::from_secs(60), ..Timeouts::default() }
}

struct Device {
    net: Net,
    key: PublicKey,
    events: UnboundedReceiver<ConnectionEvent>,
}

/// One side of a connection.
struct Side {
    peer: PublicKey,
    exporter: [u8; 32],
    dialled: bool,
    address: SocketAddr,
    handle: ConnectionHandle,
}

impl Device {
    fn new(seed: u8, timeouts: Timeouts) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let (sender, events) = unbounded_channel();
        let sink = move |event| drop(sender.send(event));
        let net = Net::new(&key, Handle::current(), timeouts, sink).unwrap();
        Self { net, key: key.public(), events }
    }

    /// Listens on loopback, at any free port.
    fn listen(&self) -> (Listener, SocketAddr) {
        let listener = self.net.listen(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], 0).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()));
        (listener, address)
    }

    async fn dial(&self, address: SocketAddr) -> Result<Dialled, DialError> {
        self.net.dial(&[address.into()], None, PATIENCE).await
    }

    async fn event(&mut self) -> ConnectionEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a living sink")
    }

    async fn opened(&mut self) -> Side {
        match self.event().await {
            ConnectionEvent::Opened { peer, exporter, dialled, address, handle, .. } => {
                Side { peer, exporter, dialled, address, handle }
            }
            other => panic!("not Opened: {other:?}"),
        }
    }

    async fn frame(&mut self) -> (Bytes, FramePermit) {
        loop {
            match self.event().await {
                ConnectionEvent::Frame { bytes, permit, .. } => return (bytes, permit),
                ConnectionEvent::Drained { .. } => {}
                other => panic!("not Frame: {other:?}"),
            }
        }
    }

    /// The reason of the next end of a connection, whatever comes before it.
    async fn closed(&mut self) -> CloseReason {
        loop {
            if let ConnectionEvent::Closed { reason, .. } = self.event().await {
                return reason;
            }
        }
    }
}

/// Alice listens, Bob dials.
async fn pair(timeouts: Timeouts) -> (Device, Side, Device, Side, Listener) {
    let mut alice = Device::new(1, timeouts);
    let mut bob = Device::new(2, timeouts);
    let (listener, address) = alice.listen();
    bob.dial(address).await.unwrap();
    let (at_alice, at_bob) = (alice.opened().await, bob.opened().await);
    (alice, at_alice, bob, at_bob, listener)
}

/// A frame of the core's, of this length.
fn frame_of(length: usize, fill: u8) -> Bytes {
    let mut frame = vec![fill; length];
    frame[..2].copy_from_slice(&[0x82, 0x05]);
    frame.into()
}

/// What a stranger shows.
#[derive(Clone, Copy, Debug)]
enum Shows {
    Nothing,
    Ed25519,
    Two,
    P256,
}

impl Shows {
    fn identity(self) -> Option<CertifiedKey> {
        let (algorithm, count) = match self {
            Self::Nothing => return None,
            Self::Ed25519 => (&rcgen::PKCS_ED25519, 1),
            Self::Two => (&rcgen::PKCS_ED25519, 2),
            Self::P256 => (&rcgen::PKCS_ECDSA_P256_SHA256, 1),
        };
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().der().clone();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(private).unwrap();
        Some(CertifiedKey::new(vec![certificate; count], Arc::new(Insistent(key))))
    }
}

/// Signs as its key can, whatever the other side asked for.
#[derive(Debug)]
struct Insistent(Arc<dyn SigningKey>);

impl SigningKey for Insistent {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(&[SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256])
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// Believes everyone.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn stranger_client(shows: Shows, alpn: &[&[u8]]) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting));
    let mut config = match shows.identity() {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

fn stranger_server(shows: Shows, alpn: &[&[u8]]) -> tokio_rustls::TlsAcceptor {
    let identity = shows.identity().expect("a server shows something");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// A peer that holds a key and speaks TLS, but writes what it likes.
async fn raw_peer(address: SocketAddr) -> client::TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("lanline").unwrap();
    stranger_client(Shows::Ed25519, &[ALPN]).connect(name, stream).await.unwrap()
}
