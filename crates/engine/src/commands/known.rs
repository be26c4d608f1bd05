use super::{checked_name, device_id};
use crate::{
    Node,
    api::{ApiError, ForgetDevice, KnownDevices, NoParams, Nothing, SetDevice},
};

impl Node {
    /// Devices that this one has met.
    pub async fn devices(&self, _: NoParams) -> Result<KnownDevices, ApiError> {
        let devices = self.core().read(|machine| Ok(machine.replica.devices())).await?;
        Ok(devices.into_iter().map(Into::into).collect())
    }

    /// Calls a device by another name than its own, and blocks it or not.
    pub async fn set_device(&self, params: SetDevice) -> Result<Nothing, ApiError> {
        let device = device_id(&params.device_id)?;
        let name = params.name.map(|name| if name.is_empty() { Ok(name) } else { checked_name(&name) }).transpose()?;
        let set =
            self.core().write(move |machine, _| machine.replica.set_device(device, name.as_deref(), params.blocked));
        set.await
    }

    /// Forgets what is known of a device beside the rooms.
    pub async fn forget_device(&self, params: ForgetDevice) -> Result<Nothing, ApiError> {
        let device = device_id(&params.device_id)?;
        self.core().write(move |machine, _| machine.replica.forget_device(device)).await
    }
}
