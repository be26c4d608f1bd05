use jiff::tz::TimeZone;
use lanline_engine::{
    Settings,
    api::{InRoom, Member, Members, NoParams, Role, Status},
};

use crate::{clock, device::Device, exit::Failure, line, print, room};

/// Lists who is in a room.
pub(crate) async fn run(settings: &Settings, given: &str, json: bool) -> Result<(), Failure> {
    let found = Device::for_a_moment(settings, async |device| {
        let room = room::named(device, given).await?;
        let members: Members = device.call("members", InRoom { room: room.room }).await?;
        let status: Status = device.call("status", NoParams {}).await?;
        Ok((members, status.device_id))
    });
    let (members, me) = found.await?;
    if json {
        print::json(&members)?;
    } else {
        print::text(&table(&members, &me));
    }
    Ok(())
}

/// One line a member: its device, what it is, whether it is here, and last its name, which it chose itself.
pub(crate) fn table(members: &[Member], me: &str) -> String {
    let zone = TimeZone::system();
    let row = |member: &Member| {
        let role = match member.role {
            Role::Owner => "owner",
            Role::Member if member.voter => "member",
            Role::Member => "member, no vote yet",
            Role::Pending => "waits to be let in",
        };
        let here = match (member.device_id == me, member.online, member.last_seen_at) {
            (true, _, _) => "this device".to_owned(),
            (_, true, _) => "online".to_owned(),
            (_, _, Some(at)) => format!("last seen {}", clock::full(at, &zone)),
            _ => "not seen yet".to_owned(),
        };
        [member.device_id.clone(), role.to_owned(), here, line::called(&member.device_id, &member.name)]
    };
    print::table(&members.iter().map(row).collect::<Vec<_>>())
}
