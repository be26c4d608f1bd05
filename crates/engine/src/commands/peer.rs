use std::time::Duration;

use lanline_protocol::{command::CommandError, identity::DeviceId, session::ConnectionId};
use tokio::time::Instant;

use super::device_id;
use crate::{
    Node,
    api::{ApiError, Connect, Connected, Direction, Disconnect, ErrorCode, NoParams, Nothing, Peer, Peers},
    core::is_greeted,
    dialing::readable,
    net::{Address, CloseReason, DialError, show},
    settings::DEFAULT_PORT,
};

/// How long `connect` may take.
const CONNECT: Duration = Duration::from_millis(9_800);

impl Node {
    /// Dials a device, by address, by id, or by both.
    pub async fn connect(&self, params: Connect) -> Result<Connected, ApiError> {
        self.must_stay()?;
        let address = params.address.as_deref().map(|text| Address::parse(text, DEFAULT_PORT));
        let address = address.transpose().map_err(|error| ApiError::invalid(error.to_string()))?;
        let expected = params.device_id.as_deref().map(device_id).transpose()?;
        if address.is_none() && expected.is_none() {
            return Err(ApiError::invalid("Give the address or the id of the device to connect to."));
        }
        if expected == Some(self.device_id()) {
            return Err(ApiError::invalid("This is this device's own id: give that of another."));
        }
        if let Some(device) = self.connected_to(expected, address.as_ref()).await? {
            return Ok(Connected { device_id: device.to_string() });
        }
        let addresses = match (address, expected) {
            (Some(address), _) => vec![address],
            (None, Some(device)) => self.known_addresses(device).await?,
            (None, None) => Vec::new(),
        };
        let device = self.reach(&addresses, expected, Instant::now() + CONNECT).await?;
        Ok(Connected { device_id: device.to_string() })
    }

    /// Takes leave of a connected device.
    pub async fn disconnect(&self, params: Disconnect) -> Result<Nothing, ApiError> {
        self.must_stay()?;
        let device = device_id(&params.device_id)?;
        let parted = self.core().write(move |machine, now| {
            let connection = machine.replica.connection(device).ok_or(CommandError::NotFound(NOT_CONNECTED))?;
            machine.hold(connection, device);
            Ok(machine.end(now, connection, &CloseReason::Disconnected)?)
        });
        parted.await
    }

    /// The devices connected now.
    pub async fn peers(&self, _: NoParams) -> Result<Peers, ApiError> {
        let peers = self.core().read(|machine| {
            let peers = machine.replica.peers().into_iter().map(|peer| Peer {
                device_id: peer.device.to_string(),
                name: peer.name,
                address: peer.address,
                direction: if peer.dialled { Direction::Out } else { Direction::In },
                rtt_ms: machine.connections.rtt_ms(peer.connection),
                rooms: peer.rooms.iter().map(ToString::to_string).collect(),
            });
            Ok(peers.collect())
        });
        peers.await
    }

    /// The device that is meant, if it is connected already.
    async fn connected_to(
        &self,
        expected: Option<DeviceId>,
        address: Option<&Address>,
    ) -> Result<Option<DeviceId>, ApiError> {
        let address = match address {
            Some(Address::Socket(address)) => Some(show(address)),
            _ => None,
        };
        let found = self.core().read(move |machine| {
            let mut peers = machine.replica.peers().into_iter();
            let found = peers.find(|peer| match expected {
                Some(device) => peer.device == device,
                None => peer.dialled && Some(&peer.address) == address.as_ref(),
            });
            Ok(found.map(|peer| peer.device))
        });
        found.await
    }

    /// Where a device that is not connected may be.
    async fn known_addresses(&self, device: DeviceId) -> Result<Vec<Address>, ApiError> {
        let found = self.core().read(move |machine| {
            let target = machine.replica.targets().into_iter().find(|target| target.device == device);
            let target = target.ok_or(CommandError::NotFound("no address of that device is known; give one"))?;
            Ok(target.addresses)
        });
        Ok(readable(&found.await?))
    }

    /// Dials, and waits for the device's hello.
    pub(super) async fn reach(
        &self,
        addresses: &[Address],
        expected: Option<DeviceId>,
        deadline: Instant,
    ) -> Result<DeviceId, ApiError> {
        if let Some(device) = expected {
            self.release(device).await?;
        }
        let limit = deadline.saturating_duration_since(Instant::now());
        let dialled = self.net().dial(addresses, expected, limit).await?;
        let (connection, device, address) = (ConnectionId(dialled.id.0), dialled.peer.device_id(), dialled.address);
        if expected.is_none() {
            self.release(device).await?;
        }
        let silent = || DialError::TimedOut(show(&address));
        let greeted = tokio::time::timeout_at(deadline, self.core().greeted(connection, device));
        match greeted.await.map_err(|_| silent())?? {
            Ok(()) => Ok(device),
            Err(CloseReason::Silent | CloseReason::Stalled) => Err(silent().into()),
            Err(_) => Err(DialError::HungUp(show(&address)).into()),
        }
    }

    /// Somebody asked for this device: it is dialled by itself again, too.
    async fn release(&self, device: DeviceId) -> Result<(), ApiError> {
        let released = self.core().write(move |machine, _| {
            machine.connections.release(device);
            Ok(())
        });
        released.await
    }

    /// Whether a device is connected and has said hello.
    pub(super) async fn is_connected(&self, device: DeviceId) -> Result<bool, ApiError> {
        self.core().read(move |machine| Ok(is_greeted(&machine.replica, device))).await
    }
}

const NOT_CONNECTED: &str = "that device is not connected; see `peers` for those that are";

impl From<DialError> for ApiError {
    fn from(error: DialError) -> Self {
        let code = match &error {
            DialError::NoAddress => ErrorCode::NotFound,
            DialError::OwnKey(_) => ErrorCode::InvalidArgument,
            DialError::UnknownHost(_)
            | DialError::Unreachable { .. }
            | DialError::TimedOut(_)
            | DialError::Refused(_)
            | DialError::HungUp(_) => ErrorCode::Unreachable,
            DialError::NotLanline(_) => ErrorCode::Refused,
            DialError::VersionUnsupported(_) => ErrorCode::VersionUnsupported,
            DialError::IdentityChanged { .. } => ErrorCode::IdentityChanged,
            DialError::Stopping => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}
