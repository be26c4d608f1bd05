//! What a peer shows in the handshake, rightly or not; and one that believes everyone. For the tests of the engine,
//! which lets such peers meet a device, and for the bench, whose load clients they are. Nothing here is shipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what fails here ends the test or the bench that wanted it, and nothing else"
)]

mod raw;

use std::sync::Arc;

use lanline_protocol::identity::{DeviceId, DeviceKey};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureAlgorithm, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub use raw::{PATIENCE, PING, PONG, Peer, shake};

/// The protocol and its version, as ALPN (RFC 7301) names it.
pub const ALPN: &[u8] = b"lanline/1";

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub enum Shows {
    /// No certificate.
    Nothing,
    /// One certificate with the key of 32 times this byte.
    Key(u8),
    /// One certificate with the key of this seed.
    Seed([u8; 32]),
    /// The same certificate twice.
    Twice(u8),
    /// A key of another kind.
    P256,
    /// As [`Shows::P256`].
    P384,
    /// As [`Shows::P256`], of 2048 bits.
    Rsa,
    /// The certificate of one key, and whatever is signed is signed with the other.
    Borrowed {
        /// Whose certificate.
        of: u8,
        /// Who shows it.
        by: u8,
    },
    /// A certificate with the key of this seed, whose type it says to be another one: the last byte of its identifier,
    /// which is 0x70 for Ed25519.
    Mistyped(u8, u8),
    /// A certificate with the key of this seed, and a byte behind it.
    Followed(u8),
    /// A certificate with the key of this seed that names a device in its subject.
    Naming(u8, DeviceId),
}

impl Shows {
    fn identity(self) -> Option<CertifiedKey> {
        let generated = |algorithm| rcgen::KeyPair::generate_for(algorithm).unwrap();
        let key = match self {
            Self::Nothing => return None,
            Self::Seed(seed) => ed25519(&seed),
            Self::P256 => generated(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::P384 => generated(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::Rsa => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap(),
            Self::Key(seed)
            | Self::Twice(seed)
            | Self::Mistyped(seed, _)
            | Self::Followed(seed)
            | Self::Naming(seed, _)
            | Self::Borrowed { by: seed, .. } => ed25519(&[seed; 32]),
        };
        let count = if matches!(self, Self::Twice(_)) { 2 } else { 1 };
        let certificate = self.certificate(&key);
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(private).unwrap();
        Some(CertifiedKey::new(vec![certificate; count], Arc::new(Insistent(key))))
    }

    fn certificate(self, key: &rcgen::KeyPair) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::default();
        if let Self::Naming(_, device) = self {
            params.distinguished_name.push(rcgen::DnType::CommonName, device.to_string());
        }
        let mut bytes = match self {
            Self::Borrowed { of, .. } => params.self_signed(&ed25519(&[of; 32])),
            _ => params.self_signed(key),
        }
        .unwrap()
        .der()
        .to_vec();
        match self {
            Self::Mistyped(_, last) => {
                // The key's own type stands right before the key: 33 bytes of a bit string with no bits unused.
                let spki = [0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
                let at = bytes.windows(spki.len()).position(|window| window == spki).unwrap();
                bytes[at + 4] = last;
            }
            Self::Followed(_) => bytes.push(0),
            _ => {}
        }
        bytes.into()
    }

    /// For who dials so: TLS 1.3, believes whoever answers, resumes nothing, offers these protocols (none: no ALPN).
    pub fn client(self, alpn: &[&[u8]]) -> TlsConnector {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting));
        let mut config = match self.identity() {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config.resumption = Resumption::disabled();
        TlsConnector::from(Arc::new(config))
    }

    /// For who listens so, and asks for no certificate.
    ///
    /// # Panics
    /// With [`Shows::Nothing`]: a server shows something.
    pub fn server(self, alpn: &[&[u8]]) -> TlsAcceptor {
        let identity = self.identity().expect("a server shows something");
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn ed25519(seed: &[u8; 32]) -> rcgen::KeyPair {
    let der = DeviceKey::from_seed(seed).to_pkcs8_der().to_vec();
    rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der), &rcgen::PKCS_ED25519).unwrap()
}

/// What the keys shown here sign by.
const SCHEMES: [SignatureScheme; 4] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
];

/// Signs as its key can, whatever the other side asked for.
#[derive(Debug)]
struct Insistent(Arc<dyn SigningKey>);

impl SigningKey for Insistent {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(&SCHEMES)
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
        SCHEMES.to_vec()
    }
}
