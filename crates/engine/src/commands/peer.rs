use std::{net::SocketAddr, time::Duration};

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
/// How long of that a device that is connected already may take to say hello.
const HELLO: Duration = Duration::from_secs(4);

/// How long it waits who was hung up on at once, before each time that it tries again.
const PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];

/// Why a device was not reached.
enum Missed {
    /// It hung up at once, as one does at whose door there is a crowd.
    Crowded(ApiError),
    /// To try again would change nothing.
    Other(ApiError),
}

impl From<ApiError> for Missed {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

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
        let deadline = Instant::now() + CONNECT;
        if let Some((connection, device)) = self.connected_to(expected, address.as_ref()).await?
            && self.hears(connection, device, deadline).await?
        {
            self.stay_with(device).await?;
            return Ok(Connected { device_id: device.to_string() });
        }
        let addresses = match (address, expected) {
            (Some(address), _) => vec![address],
            (None, Some(device)) => self.known_addresses(device).await?,
            (None, None) => Vec::new(),
        };
        let device = self.reach(&addresses, expected, deadline).await?;
        self.stay_with(device).await?;
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

    /// The device that is meant and the connection with it, if there is one already; it may not have said hello yet.
    async fn connected_to(
        &self,
        expected: Option<DeviceId>,
        address: Option<&Address>,
    ) -> Result<Option<(ConnectionId, DeviceId)>, ApiError> {
        let address = match address {
            Some(Address::Socket(address)) => Some(show(address)),
            _ => None,
        };
        let found = self.core().read(move |machine| {
            if let Some(device) = expected {
                return Ok(machine.replica.connection(device).map(|connection| (connection, device)));
            }
            let mut peers = machine.replica.peers().into_iter();
            let found = peers.find(|peer| peer.dialled && Some(&peer.address) == address.as_ref());
            Ok(found.map(|peer| (peer.connection, peer.device)))
        });
        found.await
    }

    /// The device at an address that was dialled and has said hello, if there is one.
    pub(super) async fn connected_at(&self, address: &Address) -> Result<Option<DeviceId>, ApiError> {
        match self.connected_to(None, Some(address)).await? {
            Some((_, device)) if self.is_connected(device).await? => Ok(Some(device)),
            _ => Ok(None),
        }
    }

    /// Who is at an address, for a diagnosis: whoever is connected there already, or else dialled, until it said hello. The
    /// connection is as one that the other device dialled: nobody stays with it.
    pub(crate) async fn meet(&self, address: SocketAddr, limit: Duration) -> Result<DeviceId, DialError> {
        let deadline = Instant::now() + limit;
        let address = Address::Socket(address);
        if let Ok(Some(device)) = self.connected_at(&address).await {
            return Ok(device);
        }
        let dialled = self.net().dial(std::slice::from_ref(&address), None, limit).await?;
        let (connection, device) = (ConnectionId(dialled.id.0), dialled.peer.device_id());
        match tokio::time::timeout_at(deadline, self.core().greeted(connection, device)).await {
            Ok(Ok(Ok(()))) => Ok(device),
            Ok(_) => Err(DialError::HungUp(address.to_string())),
            Err(_) => Err(DialError::TimedOut(address.to_string())),
        }
    }

    /// Whether the device on a connection that is there already says hello; `false`: it ended, or took too long.
    async fn hears(&self, connection: ConnectionId, device: DeviceId, deadline: Instant) -> Result<bool, ApiError> {
        let until = deadline.min(Instant::now() + HELLO);
        match tokio::time::timeout_at(until, self.core().greeted(connection, device)).await {
            Ok(greeted) => greeted.map(|greeted| greeted.is_ok()),
            Err(_) => Ok(false),
        }
    }

    /// Where a device that is not connected may be.
    async fn known_addresses(&self, device: DeviceId) -> Result<Vec<Address>, ApiError> {
        let found = self.core().read(move |machine| {
            let addresses = machine.replica.known_addresses(device);
            let unknown = CommandError::NotFound("no address of that device is known; give one");
            if addresses.is_empty() { Err(unknown) } else { Ok(addresses) }
        });
        Ok(readable(&found.await?))
    }

    /// Dials, and waits for the device's hello. Where that does not come, the connection is ended. Whom a device hangs up
    /// on at once tries again, since a device at whose door there is a crowd does so by chance.
    pub(super) async fn reach(
        &self,
        addresses: &[Address],
        expected: Option<DeviceId>,
        deadline: Instant,
    ) -> Result<DeviceId, ApiError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.reach_once(addresses, expected, deadline).await {
                Ok(device) => return Ok(device),
                Err(Missed::Crowded(error)) => {
                    let Some(again) = pauses.next().map(|pause| Instant::now() + pause) else { return Err(error) };
                    if again >= deadline {
                        return Err(error);
                    }
                    tracing::debug!(%error, "hung up on: trying again");
                    tokio::time::sleep_until(again).await;
                }
                Err(Missed::Other(error)) => return Err(error),
            }
        }
    }

    async fn reach_once(
        &self,
        addresses: &[Address],
        expected: Option<DeviceId>,
        deadline: Instant,
    ) -> Result<DeviceId, Missed> {
        if let Some(device) = expected {
            self.release(device).await?;
        }
        let limit = deadline.saturating_duration_since(Instant::now());
        let dialled = self.net().dial(addresses, expected, limit).await.map_err(|error| match error {
            DialError::HungUp(_) => Missed::Crowded(error.into()),
            error => Missed::Other(error.into()),
        })?;
        let (connection, device, address) = (ConnectionId(dialled.id.0), dialled.peer.device_id(), dialled.address);
        if expected.is_none() {
            self.release(device).await?;
        }
        match tokio::time::timeout_at(deadline, self.core().greeted(connection, device)).await {
            Ok(greeted) => greeted?.map(|()| device).map_err(|reason| {
                let error = parted(&show(&address), &reason);
                if is_crowded(&reason) { Missed::Crowded(error) } else { Missed::Other(error) }
            }),
            Err(_) => {
                // It did not answer, so that nobody relies on this connection.
                let ended =
                    self.core().write(move |machine, now| Ok(machine.end(now, connection, &CloseReason::Silent)?));
                ended.await?;
                Err(Missed::Other(DialError::TimedOut(show(&address)).into()))
            }
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

    /// Somebody asked for this device: the connection is not ended by itself.
    async fn stay_with(&self, device: DeviceId) -> Result<(), ApiError> {
        let kept = self.core().write(move |machine, _| {
            machine.connections.stay_with(device);
            Ok(())
        });
        kept.await
    }

    /// Whether a device is connected and has said hello.
    pub(super) async fn is_connected(&self, device: DeviceId) -> Result<bool, ApiError> {
        self.core().read(move |machine| Ok(is_greeted(&machine.replica, device))).await
    }
}

/// Whether a device that hung up may have done so because others came at the same time.
fn is_crowded(reason: &CloseReason) -> bool {
    matches!(reason.said().unwrap_or(reason.name()), "reset" | "evicted")
}

/// Why a device hung up that was dialled, as far as it said.
fn parted(address: &str, reason: &CloseReason) -> ApiError {
    let said = match reason {
        CloseReason::Silent | CloseReason::Stalled => return DialError::TimedOut(address.to_owned()).into(),
        CloseReason::Goodbye(word) => word.as_str(),
        own => own.name(),
    };
    let sentence = match said {
        "read_only" => {
            format!("{address} cannot write to its disk and takes nothing in: free some space there, then try again.")
        }
        "shutdown" => format!("{address} is shutting down: start Lanline there again."),
        "server_stopped" => format!("The server at {address} was stopped: start it there again."),
        "evicted" => format!("{address} is crowded: try again in a moment."),
        "" | "reset" => return DialError::HungUp(address.to_owned()).into(),
        word => format!("{address} ended the connection ({word}): try again in a moment."),
    };
    ApiError::new(ErrorCode::Unreachable, sentence)
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

#[cfg(test)]
mod tests;
