use super::checked_name;
use crate::{
    Node,
    api::{ApiError, DismissNotice, Listening, NoParams, Nothing, SetProfile, StartServer, Status},
    platform,
};

impl Node {
    /// What this device is and how it is doing.
    pub async fn status(&self, _: NoParams) -> Result<Status, ApiError> {
        Ok(Status {
            device_id: self.device_id().to_string(),
            name: self.board().name(),
            default_name: platform::host_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: "lanline/1".to_owned(),
            key_at: self.identity().place,
            server: self.board().server(),
            visible_until: self.visible_until(),
            store: self.board().store(),
            notices: self.board().notices(),
        })
    }

    /// Puts a notice away.
    pub async fn dismiss_notice(&self, params: DismissNotice) -> Result<Nothing, ApiError> {
        self.core().dismiss_notice(params.id).await
    }

    /// Sets the name this device shows to others.
    pub async fn set_profile(&self, params: SetProfile) -> Result<Nothing, ApiError> {
        let name = checked_name(&params.name)?;
        self.core().write(move |machine, now| machine.replica.set_name(now, &name)).await
    }

    /// Begins to listen for other devices.
    pub async fn start_server(&self, params: StartServer) -> Result<Listening, ApiError> {
        self.must_stay()?;
        self.server().start(params.port.unwrap_or(self.setup().port)).await
    }

    /// Listens again where this device listened when it ended, for doors that stay open. Where that fails the server's
    /// state says why.
    pub async fn resume_server(&self) {
        if let Err(error) = self.server().resume().await {
            tracing::warn!(%error, "the server could not be started again");
        }
    }

    /// Stops listening and takes leave of everyone who had dialled in.
    pub async fn stop_server(&self, _: NoParams) -> Result<Nothing, ApiError> {
        self.must_stay()?;
        self.server().stop().await
    }
}
