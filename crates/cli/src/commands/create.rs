use lanline_engine::{
    Settings,
    api::{CreateRoom, RoomCreated},
};

use crate::{device::Device, exit::Failure, plain, print};

/// Makes a room.
pub(crate) async fn run(settings: &Settings, name: String, json: bool) -> Result<(), Failure> {
    let params = CreateRoom { name: name.clone() };
    let made = Device::for_a_moment(settings, async |device| {
        let made: RoomCreated = device.call("create_room", params).await?;
        Ok(made)
    });
    let made = made.await?;
    if json {
        print::json(&made)?;
    } else {
        print::text(&format!("The room {} is made; its id is {}.", plain::name(&name), made.room));
    }
    Ok(())
}
