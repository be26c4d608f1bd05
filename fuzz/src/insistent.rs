//! Somebody who shows whatever certificates in a handshake, and signs with the key they have.

use std::sync::{Arc, LazyLock};

use lanline_engine::net::ALPN;
use lanline_protocol::identity::{DeviceKey, PublicKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection, SignatureAlgorithm,
    SignatureScheme,
};

/// What they show.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Whether they sign by a key of another kind.
    pub p256: bool,
    /// Their certificates; empty ones stand for the right one.
    pub certificates: Vec<&'a [u8]>,
    /// The protocol that they speak.
    pub alpn: &'a [u8],
}

struct Keys {
    ed25519: Arc<dyn SigningKey>,
    p256: Arc<dyn SigningKey>,
    certificate: CertificateDer<'static>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let der = device().to_pkcs8_der().to_vec();
    let pair =
        rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der.clone()), &rcgen::PKCS_ED25519);
    let certificate = rcgen::CertificateParams::default().self_signed(&pair.unwrap()).unwrap().der().clone();
    let p256 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_der();
    let load = |der: Vec<u8>| {
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der));
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(private).unwrap();
        Arc::new(Insistent(key)) as Arc<dyn SigningKey>
    };
    Keys { ed25519: load(der), p256: load(p256), certificate }
});

fn device() -> DeviceKey {
    DeviceKey::from_seed(&[7; 32])
}

/// Makes what is made once.
pub fn prepare() {
    LazyLock::force(&KEYS);
}

/// The key that they can sign by.
pub fn key() -> PublicKey {
    device().public()
}

fn identity(shown: &Shown<'_>) -> Arc<CertifiedKey> {
    let certificate = |der: &&[u8]| match der {
        [] => KEYS.certificate.clone(),
        der => CertificateDer::from(der.to_vec()),
    };
    let key = if shown.p256 { &KEYS.p256 } else { &KEYS.ed25519 };
    Arc::new(CertifiedKey::new(shown.certificates.iter().map(certificate).collect(), Arc::clone(key)))
}

/// They dial.
pub fn client(shown: &Shown<'_>) -> ClientConnection {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_client_cert_resolver(Arc::new(Always(identity(shown))));
    config.alpn_protocols = vec![shown.alpn.to_vec()];
    config.resumption = Resumption::disabled();
    dial(Arc::new(config))
}

/// They listen, and ask for no certificate.
pub fn server(shown: &Shown<'_>) -> ServerConnection {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(identity(shown))));
    config.alpn_protocols = vec![shown.alpn.to_vec()];
    ServerConnection::new(Arc::new(config)).unwrap()
}

/// Dials with these settings.
pub fn dial(config: Arc<ClientConfig>) -> ClientConnection {
    // An empty or overlong name of a protocol is refused before anything is said.
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols.retain(|name| (1..256).contains(&name.len()));
    if config.alpn_protocols.is_empty() {
        config.alpn_protocols.push([ALPN, b"?"].concat());
    }
    ClientConnection::new(Arc::new(config), ServerName::try_from("lanline").unwrap()).unwrap()
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Signs as its key can, whatever the other side asked for.
#[derive(Debug)]
struct Insistent(Arc<dyn SigningKey>);

impl SigningKey for Insistent {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
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
