use std::time::Duration;

use lanline_protocol::{code::Code, command::CommandError, frame::PairRefusal, id::RoomId, identity::DeviceId};
use tokio::{sync::oneshot, time::Instant};

use super::{
    invite_link,
    join::{JOIN, refused},
};
use crate::{
    Node,
    api::{ApiError, ErrorCode, Joined, NoParams, Nothing, ShowCode, ShownCode},
    core::{JoinEnd, sentence},
    net::Address,
    settings::DEFAULT_PORT,
};

/// How often it is looked whether the owner has let this device in.
const LOOK: Duration = Duration::from_millis(200);

impl Node {
    /// Shows a code to type in place of an invite's link.
    pub async fn show_code(&self, params: ShowCode) -> Result<ShownCode, ApiError> {
        let link = invite_link(&params.link)?;
        let shown = self.core().write(move |machine, now| machine.replica.show_code(now, &link, params.knowingly));
        shown.await.map(ShownCode::of)
    }

    /// The code that is live.
    pub async fn shown_code(&self, _: NoParams) -> Result<ShownCode, ApiError> {
        self.core().read_at(|machine, now| Ok(ShownCode::of(machine.replica.shown_code(now)))).await
    }

    /// Shows no code any more.
    pub async fn hide_code(&self, _: NoParams) -> Result<Nothing, ApiError> {
        let hidden = self.core().write(|machine, _| {
            machine.replica.hide_code();
            Ok(())
        });
        hidden.await
    }

    /// Joins the room that the device at an address shows a code for.
    pub(super) async fn join_by_code(&self, address: &str, code: &str) -> Result<Joined, ApiError> {
        let address = Address::parse(address, DEFAULT_PORT).map_err(|error| ApiError::invalid(error.to_string()))?;
        let code: Code = code.parse().map_err(|error| ApiError::invalid(sentence(&format!("{error}"))))?;
        let deadline = Instant::now() + JOIN;
        self.make_a_name().await?;
        let device = match self.connected_at(&address).await? {
            Some(device) => device,
            None => self.reach(&[address], None, deadline).await?,
        };
        let room = match tokio::time::timeout_at(deadline, self.ask_by_code(device, code)).await {
            Ok(asked) => asked?,
            Err(_) => return Err(unanswered()),
        };
        let gone = || refused("This device was removed from the room again.");
        loop {
            let joined = self.membership(room).await?.ok_or_else(gone)?;
            if !joined.pending || Instant::now() >= deadline {
                return Ok(joined);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Types the code there, and gives the room once this device's own admission is on its disk.
    async fn ask_by_code(&self, device: DeviceId, code: Code) -> Result<RoomId, ApiError> {
        let (answer, answered) = oneshot::channel();
        let asked = self.core().write(move |machine, _| {
            let gone = CommandError::NotFound("the other device is no longer connected; try again");
            let connection = machine.replica.connection(device).ok_or(gone)?;
            machine.replica.join_by_code(connection, &code)?;
            machine.connections.await_join(connection, None, answer);
            Ok(())
        });
        asked.await?;
        match answered.await {
            Ok(JoinEnd::Joined(room)) => Ok(room),
            Ok(JoinEnd::Unpaired(refusal)) => Err(unpaired(refusal)),
            // It was not asked by a link.
            Ok(JoinEnd::Refused(_)) => Err(unpaired(PairRefusal::Unavailable)),
            Ok(JoinEnd::Closed(reason)) => Err(ApiError::new(
                ErrorCode::Unreachable,
                format!("The other device ended the connection ({reason}): ask for another code, and try again."),
            )),
            Err(_) => Err(crate::turn::closed().into()),
        }
    }
}

fn unpaired(refusal: PairRefusal) -> ApiError {
    match refusal {
        PairRefusal::WrongCode => ApiError::new(
            ErrorCode::WrongCode,
            "That is not the code that the device at this address shows: ask for another one, each is good for one try.",
        ),
        PairRefusal::NoCode => ApiError::new(
            ErrorCode::Expired,
            "The device at this address shows no code: ask for one there, it is good for two minutes and one try.",
        ),
        PairRefusal::Unavailable => {
            refused("The other device cannot add anyone at the moment: try again, or ask another member.")
        }
    }
}

fn unanswered() -> ApiError {
    ApiError::new(
        ErrorCode::Unreachable,
        "The other device did not finish adding this one in 20 s: ask for another code when the network is quiet.",
    )
}
