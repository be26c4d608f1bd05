//! TLS as Lanline speaks it: version 1.3 only (RFC 8446), both sides known by one self-signed
//! Ed25519 certificate, nothing resumed, nothing sent early.

use std::fmt;
use std::io;
use std::sync::Arc;

use lanline_protocol::identity::{DeviceId, DeviceKey, PublicKey};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, CommonState, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    PeerMisbehaved, ServerConfig, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};
use zeroize::Zeroizing;

/// The protocol and its version, as ALPN (RFC 7301) names it.
pub const ALPN: &[u8] = b"lanline/1";

/// Label of the exporter (RFC 8446, section 7.5) whose 32 bytes bind what is said on a connection to it.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-lanline-1";

/// The device's own key or certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made from the key.
    #[error("The device's certificate could not be made ({0}); start Lanline again.")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the key or the settings.
    #[error("Encryption could not be set up ({0}); start Lanline again.")]
    Library(#[from] Error),
}

/// Why a peer is not spoken to, although it speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// None, or more than one.
    NotOneCertificate,
    /// A key of another type, or a certificate that cannot be read.
    NotEd25519,
    /// Our own key: we dialled ourselves, or someone sends back what we sent.
    OwnKey,
    /// A certain device was dialled and another answered.
    OtherKey { found: PublicKey },
    /// It did not ask for our protocol.
    NoAlpn,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOneCertificate => f.write_str("not exactly one certificate"),
            Self::NotEd25519 => f.write_str("not an Ed25519 certificate"),
            Self::OwnKey => f.write_str("this device's own key"),
            Self::OtherKey { found } => write!(f, "another device than expected: {}", found.device_id()),
            Self::NoAlpn => f.write_str("another protocol, or another version of it (ALPN)"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
    }
}

impl Refusal {
    /// The refusal in a handshake's error, if that is what it was.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => inner.downcast_ref().copied(),
            _ => None,
        }
    }
}

/// The TLS library's error in one of a stream.
pub(super) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Both sides' settings with the device's certificate in them.
#[derive(Debug)]
pub(super) struct Tls {
    own: PublicKey,
    provider: Arc<CryptoProvider>,
    server: Arc<ServerConfig>,
    client: ClientConfig,
}

/// Whom a handshake reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) key: PublicKey,
    pub(super) exporter: [u8; 32],
}

impl Tls {
    pub(super) fn new(key: &DeviceKey) -> Result<Self, TlsError> {
        let own = key.public();
        // Named here and not left to the library's features, which decide whether the
        // post-quantum hybrid comes first, or at all.
        let provider = Arc::new(CryptoProvider {
            kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        });
        let identity = Arc::new(SingleCertAndKey::from(certify(key)?));
        let verifier = Arc::new(Verifier { own, expect: None, provider: Arc::clone(&provider) });

        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::clone(&verifier) as Arc<dyn ClientCertVerifier>)
            .with_cert_resolver(Arc::clone(&identity) as _);
        server.alpn_protocols = vec![ALPN.to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.max_early_data_size = 0;

        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(identity);
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = Resumption::disabled();
        client.enable_early_data = false;
        // A name would tell listeners on the network whom we look for, and identity is the key.
        client.enable_sni = false;

        Ok(Self { own, provider, server: Arc::new(server), client })
    }

    /// For those who dial this device.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// For a dial, which may expect a certain device: then nothing of ours, not even our
    /// certificate, is sent to another.
    pub(super) fn connector(&self, expect: Option<DeviceId>) -> TlsConnector {
        let mut client = self.client.clone();
        if expect.is_some() {
            let verifier = Verifier { own: self.own, expect, provider: Arc::clone(&self.provider) };
            client.dangerous().set_certificate_verifier(Arc::new(verifier));
        }
        TlsConnector::from(Arc::new(client))
    }

    /// A name for the library, which wants one; it is neither sent nor checked.
    pub(super) fn server_name() -> Result<ServerName<'static>, Error> {
        ServerName::try_from("lanline").map_err(|_| Error::UnsupportedNameType)
    }
}

/// Who is on the other side of a finished handshake.
pub(super) fn peer(stream: &TlsStream<TcpStream>) -> Result<Peer, Error> {
    let key = key_of_peer(stream.get_ref().1)?;
    let exporter = match stream {
        TlsStream::Client(stream) => stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, None)?,
        TlsStream::Server(stream) => stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, None)?,
    };
    Ok(Peer { key, exporter })
}

/// The key that the other side of a finished handshake has proved to hold.
pub(super) fn key_of_peer(state: &CommonState) -> Result<PublicKey, Error> {
    if state.alpn_protocol() != Some(ALPN) {
        return Err(Refusal::NoAlpn.into());
    }
    let [certificate] = state.peer_certificates().unwrap_or_default() else {
        return Err(Refusal::NotOneCertificate.into());
    };
    Ok(key_of(certificate)?)
}

pub(super) fn key_of(certificate: &CertificateDer<'_>) -> Result<PublicKey, Refusal> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(|_| Refusal::NotEd25519)?;
    PublicKey::from_spki(&parsed.subject_public_key_info()).ok_or(Refusal::NotEd25519)
}

/// The certificate says nothing but the key: its subject is the same on every device, and it never
/// ends, since no clock is needed to trust a key.
fn certify(key: &DeviceKey) -> Result<CertifiedKey, TlsError> {
    let private = Zeroizing::new(PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec())));
    let signing = Zeroizing::new(rcgen::KeyPair::from_der_and_sign_algo(&private, &rcgen::PKCS_ED25519)?);
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "lanline");
    params.not_before = rcgen::date_time_ymd(1975, 1, 1);
    params.not_after = rcgen::date_time_ymd(4096, 1, 1);
    let certificate = params.self_signed(&*signing)?;
    // Not by the provider, which would take the key and leave its bytes in memory.
    let private = aws_lc_rs::sign::any_supported_type(&private)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], private))
}

/// Accepts whoever proves to hold the Ed25519 key of the one certificate it shows. Whether that
/// device may do anything is not decided here.
#[derive(Debug)]
struct Verifier {
    own: PublicKey,
    expect: Option<DeviceId>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn verify(&self, certificate: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        if !others.is_empty() {
            return Err(Refusal::NotOneCertificate.into());
        }
        let found = key_of(certificate)?;
        if found == self.own {
            return Err(Refusal::OwnKey.into());
        }
        Ok(())
    }

    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signature.scheme != SignatureScheme::ED25519 {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        let valid = verify_tls13_signature(message, certificate, signature, algorithms)?;
        // Only now: who is said to have answered in another's place has proved to be that one.
        let found = key_of(certificate)?;
        if self.expect.is_some_and(|expected| found.device_id() != expected) {
            return Err(Refusal::OtherKey { found }.into());
        }
        Ok(valid)
    }
}

/// TLS 1.2 is neither compiled in nor configured; its signatures are refused all the same.
const NO_TLS12: Error = Error::PeerMisbehaved(PeerMisbehaved::SelectedTls12UsingTls13VersionExtension);

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(NO_TLS12)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(NO_TLS12)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
