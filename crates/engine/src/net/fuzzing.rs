//! What the fuzz targets reach without a socket: both sides' settings of TLS, whom a handshake was with, and frames as
//! they are cut from a connection. Nothing of it is in what is shipped.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use lanline_protocol::identity::{DeviceId, DeviceKey, PublicKey};
use rustls::{ClientConfig, CommonState, Error, ServerConfig};

use super::frame::{self, FrameLimit, Kind, Next};
use super::tls::{self, Tls, TlsError};

/// What a device listens and dials with.
#[derive(Debug)]
pub struct Device(Tls);

impl Device {
    /// The device of this key.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn new(key: &DeviceKey) -> Result<Self, TlsError> {
        Tls::new(key).map(Self)
    }

    /// For who listens.
    pub fn server(&self) -> Arc<ServerConfig> {
        self.0.server()
    }

    /// For who dials, and may expect a certain device.
    pub fn client(&self, expect: Option<DeviceId>) -> Arc<ClientConfig> {
        Arc::clone(self.0.connector(expect).config())
    }
}

/// Who is on the other side of a finished handshake.
///
/// # Errors
/// Why it is not spoken to.
pub fn peer(state: &CommonState) -> Result<PublicKey, Error> {
    tls::key_of_peer(state)
}

/// The key in a certificate.
pub fn key_of(certificate: &[u8]) -> Option<PublicKey> {
    tls::key_of(&certificate.into()).ok()
}

/// Whose a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The connection's own; a goodbye with its reason.
    Own(Option<String>),
    /// For the core.
    Core(Bytes),
    /// It ends the connection.
    Bad,
}

/// Cuts the next frame from what has arrived; `None`: more has to arrive.
pub fn next(buffer: &mut BytesMut, limit: FrameLimit) -> Option<Cut> {
    Some(match frame::next(buffer, limit.bytes()) {
        Next::Incomplete => return None,
        Next::TooLong(_) => Cut::Bad,
        Next::Frame(bytes) => match frame::kind(&bytes) {
            Kind::Goodbye(reason) => Cut::Own(Some(reason)),
            Kind::Ping | Kind::Pong => Cut::Own(None),
            Kind::Core => Cut::Core(bytes),
            Kind::Bad => Cut::Bad,
        },
    })
}
