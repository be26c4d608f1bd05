use lanline_engine::{
    Settings,
    api::{InRoom, Nothing},
};

use crate::{device::Device, exit::Failure, plain, print, room};

/// Leaves a room.
pub(crate) async fn run(settings: &Settings, given: &str, json: bool) -> Result<(), Failure> {
    let left = Device::for_a_moment(settings, async |device| {
        let room = room::named(device, given).await?;
        device.call::<_, Nothing>("leave_room", InRoom { room: room.room.clone() }).await?;
        Ok((room, device.is_here()))
    });
    let (room, is_here) = left.await?;
    if json {
        print::json(&Nothing::default())?;
        return Ok(());
    }
    print::text(&format!("Left {}; what was said there stays readable.", plain::name(&room.name)));
    if is_here {
        print::aside("The others are told when this device next runs: `lanline chat`, `lanline serve` or the app.");
    }
    Ok(())
}
