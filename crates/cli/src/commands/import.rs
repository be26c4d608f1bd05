use std::path::Path;

use lanline_engine::{
    Settings,
    api::{ImportIdentity, NoParams, Passphrase, Rooms, Status},
};

use super::export::full;
use crate::{device::Device, exit::Failure, plain, print};

/// Makes this device the one that was exported.
pub(crate) async fn run(settings: &Settings, file: &Path, passphrase: Passphrase, json: bool) -> Result<(), Failure> {
    let params = ImportIdentity { path: full(file)?, passphrase };
    let imported = Device::for_a_moment(settings, async |device| {
        device.call::<_, ()>("import_identity", params).await?;
        let status: Status = device.call("status", NoParams {}).await?;
        let rooms: Rooms = device.call("rooms", NoParams {}).await?;
        Ok((status, rooms.len()))
    });
    let (status, rooms) = imported.await?;
    if json {
        print::json(&status)?;
        return Ok(());
    }
    let rooms = if rooms == 1 { "1 room".to_owned() } else { format!("{rooms} rooms") };
    print::text(&format!("This device is {} now, {}, with {rooms}.", plain::name(&status.name), status.device_id));
    print::aside(
        "What was said since the export comes from the members when this device runs. Use it on one machine only: \
         members see both as one device.",
    );
    Ok(())
}
