use std::time::Duration;

use lanline_protocol::{
    command::CommandError,
    frame::Refusal,
    id::RoomId,
    link::{InviteLink, LinkHost},
    membership::Role,
};
use tokio::{sync::oneshot, time::Instant};

use super::invite_link;
use crate::{
    Node,
    api::{ApiError, ErrorCode, Join, Joined},
    core::JoinEnd,
    dialing::readable,
    net::Address,
    platform,
    settings::DEFAULT_PORT,
};

/// How long `join` may take.
pub(super) const JOIN: Duration = Duration::from_millis(19_700);
/// How long one of several hosts may take to be reached before the next is asked.
const HOST: Duration = Duration::from_secs(5);
/// How often one host is asked, where the connection to it ends before it has answered.
const TRIES: usize = 2;

/// What became of asking one host.
enum Asked {
    Joined,
    /// It decided, and no other would decide otherwise.
    Final(ApiError),
    /// Another host may do better.
    Next(ApiError),
}

impl Node {
    /// Joins a room by an invite's link, or by an address and a code.
    pub async fn join(&self, params: Join) -> Result<Joined, ApiError> {
        match params {
            Join { link: Some(given), address: None, code: None } if is_address(&given) => Err(ApiError::invalid(
                "This is an address and no link: give the code that the device there shows as well.",
            )),
            Join { link: Some(link), address: None, code: None } => self.join_by_link(&link).await,
            Join { link: None, address: Some(address), code: Some(code) } => self.join_by_code(&address, &code).await,
            _ => Err(ApiError::invalid("Give the invite's link, or the other device's address and the code it shows.")),
        }
    }

    async fn join_by_link(&self, link: &str) -> Result<Joined, ApiError> {
        let link = invite_link(link)?;
        let deadline = Instant::now() + JOIN;
        if let Some(joined) = self.membership(link.room).await? {
            return Ok(joined);
        }
        self.make_a_name().await?;
        let mut failure: Option<ApiError> = None;
        for (index, host) in link.hosts.iter().enumerate().filter(|(_, host)| host.device != self.device_id()) {
            let others = link.hosts.len() - index - 1;
            let until = if others > 0 { deadline.min(Instant::now() + HOST) } else { deadline };
            match self.ask(&link, host, until, deadline).await {
                Asked::Joined => {
                    let joined = self.membership(link.room).await?;
                    return joined.ok_or_else(|| refused("This device was removed from the room again."));
                }
                Asked::Final(error) => return Err(error),
                // Another key at one address says less than what became of the others.
                Asked::Next(error) if failure.is_none() || error.code != ErrorCode::IdentityChanged => {
                    failure = Some(error);
                }
                Asked::Next(_) => {}
            }
        }
        Err(failure.unwrap_or_else(|| refused("This invite is this device's own: give it to another.")))
    }

    /// The room, if this device is a member of it.
    pub(super) async fn membership(&self, id: RoomId) -> Result<Option<Joined>, ApiError> {
        let me = self.device_id();
        let found = self.core().read(move |machine| {
            let members = match machine.replica.members(id) {
                Err(CommandError::NotFound(_)) => return Ok(None),
                members => members?,
            };
            let Some(own) = members.iter().find(|member| member.device == me) else { return Ok(None) };
            let rooms = machine.replica.rooms()?;
            let name = rooms.into_iter().find(|room| room.id == id).map(|room| room.name).unwrap_or_default();
            Ok(Some(Joined { room: id.to_string(), name, pending: own.role == Role::Pending }))
        });
        found.await
    }

    /// Others are to see who joins: a device without a name takes the system's.
    pub(super) async fn make_a_name(&self) -> Result<(), ApiError> {
        let named = self.core().write(|machine, now| {
            if machine.replica.name().is_empty() {
                machine.replica.set_name(now, &platform::host_name())?;
            }
            Ok(())
        });
        named.await
    }

    async fn ask(&self, link: &InviteLink, host: &LinkHost, reach_by: Instant, deadline: Instant) -> Asked {
        let mut ended = None;
        for _ in 0..TRIES {
            let reached = match self.is_connected(host.device).await {
                Ok(true) => Ok(host.device),
                Ok(false) => self.reach(&readable(&host.addresses), Some(host.device), reach_by).await,
                Err(error) => Err(error),
            };
            if let Err(error) = reached {
                return match (error.code, ended) {
                    (ErrorCode::ReadOnly | ErrorCode::Internal, _) => Asked::Final(error),
                    (_, Some(ended)) => Asked::Next(ended),
                    (ErrorCode::NotFound, None) => Asked::Next(ApiError::new(ErrorCode::Unreachable, error.message)),
                    (_, None) => Asked::Next(error),
                };
            }
            match tokio::time::timeout_at(deadline, self.ask_once(link, host)).await {
                Ok(Ok(JoinEnd::Joined(_))) => return Asked::Joined,
                Ok(Ok(JoinEnd::Refused(refusal))) => return refusal_of(refusal),
                // It was not asked by code.
                Ok(Ok(JoinEnd::Unpaired(_))) => return refusal_of(Refusal::Unavailable),
                Ok(Ok(JoinEnd::Closed(reason))) => {
                    ended = Some(ApiError::new(
                        ErrorCode::Unreachable,
                        format!("The other device ended the connection ({reason}): try again in a moment."),
                    ));
                }
                Ok(Err(error)) => return Asked::Final(error),
                Err(_) => {
                    self.give_up(link.room, host).await;
                    return Asked::Final(ApiError::new(
                        ErrorCode::Unreachable,
                        "The other device did not finish adding this one in 20 s: try again when the network is quiet.",
                    ));
                }
            }
        }
        Asked::Next(ended.unwrap_or_else(|| refused("The other device did not add this one: try again.")))
    }

    async fn ask_once(&self, link: &InviteLink, host: &LinkHost) -> Result<JoinEnd, ApiError> {
        let (answer, answered) = oneshot::channel();
        let (link, device) = (link.clone(), host.device);
        let asked = self.core().write(move |machine, _| {
            let gone = CommandError::NotFound("the other device is no longer connected; try again");
            let connection = machine.replica.connection(device).ok_or(gone)?;
            machine.replica.join(connection, &link)?;
            machine.connections.await_join(connection, Some(link.room), answer);
            Ok(())
        });
        match asked.await {
            // It went in this very moment.
            Err(error) if error.code == ErrorCode::NotFound => {
                return Ok(JoinEnd::Closed(crate::net::CloseReason::Reset));
            }
            asked => asked?,
        }
        answered.await.map_err(|_| crate::turn::closed().into())
    }

    async fn give_up(&self, room: RoomId, host: &LinkHost) {
        let device = host.device;
        let given_up = self.core().write(move |machine, _| {
            if let Some(connection) = machine.replica.connection(device) {
                machine.replica.cancel_join(connection, room);
            }
            Ok(())
        });
        // Where the core does not take it, it is gone anyway.
        let _ = given_up.await;
    }
}

/// Whether somebody gave an address where a link belongs, as far as that can be told from other text.
fn is_address(given: &str) -> bool {
    match Address::parse(given.trim(), DEFAULT_PORT) {
        Ok(Address::Socket(_)) => true,
        Ok(Address::Name { host, .. }) => host.contains('.') || given.trim().len() > host.len(),
        Err(_) => false,
    }
}

pub(super) fn refused(message: &str) -> ApiError {
    ApiError::new(ErrorCode::Refused, message)
}

fn refusal_of(refusal: Refusal) -> Asked {
    match refusal {
        Refusal::Expired => {
            Asked::Final(ApiError::new(ErrorCode::Expired, "This invite's time is over: ask for a new one."))
        }
        Refusal::Used => Asked::Final(ApiError::new(
            ErrorCode::Used,
            "This invite is used up, or let this device in before: ask for a new one.",
        )),
        Refusal::Unknown => Asked::Next(refused("The other device does not know this invite: ask for a new one.")),
        Refusal::Unavailable => {
            Asked::Next(refused("The other device cannot add anyone at the moment: try again, or ask another member."))
        }
    }
}
