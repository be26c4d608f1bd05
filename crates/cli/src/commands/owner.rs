use lanline_engine::{
    Settings,
    api::{InRoom, Members, Nothing, OfMember},
};

use crate::{device::Device, exit::Failure, line, member, print, room};

/// Makes another member the owner of a room.
pub(crate) async fn hand_over(settings: &Settings, room: &str, who: &str, json: bool) -> Result<(), Failure> {
    let name = of_member(settings, "hand_over", room, who).await?;
    said(&format!("{name} owns the room now."), json)
}

/// Confirms a member whom another member added.
pub(crate) async fn admit(settings: &Settings, room: &str, who: &str, json: bool) -> Result<(), Failure> {
    let name = of_member(settings, "admit", room, who).await?;
    said(&format!("{name} is confirmed, and may vote."), json)
}

/// Calls a command about a member, and says who that was.
async fn of_member(settings: &Settings, command: &str, room: &str, who: &str) -> Result<String, Failure> {
    let asked = Device::for_a_moment(settings, async |device| {
        let room = room::named(device, room).await?.room;
        let members: Members = device.call("members", InRoom { room: room.clone() }).await?;
        let member = member::find(&members, who).map_err(Failure::input)?;
        let params = OfMember { room, device_id: member.device_id.clone() };
        device.call::<_, Nothing>(command, params).await?;
        Ok(line::called(&member.device_id, &member.name))
    });
    asked.await
}

fn said(sentence: &str, json: bool) -> Result<(), Failure> {
    if json {
        print::json(&Nothing::default())?;
    } else {
        print::text(sentence);
    }
    Ok(())
}
