use lanline_engine::{
    Settings,
    api::{NoParams, RoomSummary, Rooms},
};

use crate::{device::Device, exit::Failure, plain, print, room};

/// Lists the rooms.
pub(crate) async fn run(settings: &Settings, json: bool) -> Result<(), Failure> {
    let rooms = Device::for_a_moment(settings, async |device| {
        let rooms: Rooms = device.call("rooms", NoParams {}).await?;
        Ok(rooms)
    });
    let rooms = rooms.await?;
    if json {
        print::json(&rooms)?;
    } else if rooms.is_empty() {
        print::aside(room::NO_ROOMS);
    } else {
        print::text(&table(&rooms));
    }
    Ok(())
}

/// One line a room: its id, how many members, what is unread, and last its name, which its owner chose.
pub(crate) fn table(rooms: &[RoomSummary]) -> String {
    let row = |room: &RoomSummary| {
        let unread = if room.unread > 0 { format!("{} unread", room.unread) } else { String::new() };
        let members = if room.members == 1 { "member" } else { "members" };
        [room.room.clone(), format!("{} {members}", room.members), unread, plain::name(&room.name)]
    };
    print::table(&rooms.iter().map(row).collect::<Vec<_>>())
}
