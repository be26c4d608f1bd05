//! What a peer shows in the handshake, rightly or not; and one that believes everyone. For the tests of the engine,
//! which lets such peers meet a device, and for the bench, whose load clients they are. Nothing here is shipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails here ends the test or the bench that wanted it, and nothing else"
)]

use std::sync::Arc;

use lanline_protocol::identity::DeviceKey;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureAlgorithm, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector};

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
}

impl Shows {
    fn identity(self) -> Option<CertifiedKey> {
        let (key, count) = match self {
            Self::Nothing => return None,
            Self::Key(seed) => (ed25519(&[seed; 32]), 1),
            Self::Seed(seed) => (ed25519(&seed), 1),
            Self::Twice(seed) => (ed25519(&[seed; 32]), 2),
            Self::P256 => (rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(), 1),
        };
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().der().clone();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(private).unwrap();
        Some(CertifiedKey::new(vec![certificate; count], Arc::new(Insistent(key))))
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
