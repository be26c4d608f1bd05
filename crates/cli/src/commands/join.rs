use lanline_engine::{
    Settings,
    api::{Join, Joined},
};

use crate::{device::Device, exit::Failure, plain, print};

/// Joins a room by a link.
pub(crate) async fn run(settings: &Settings, link: String, json: bool) -> Result<(), Failure> {
    let params = Join { link: Some(link), ..Join::default() };
    let joined = Device::for_a_moment(settings, async |device| {
        let joined: Joined = device.call("join", params).await?;
        Ok((joined, device.is_here()))
    });
    let (joined, is_here) = joined.await?;
    if json {
        print::json(&joined)?;
        return Ok(());
    }
    let (name, id) = (plain::name(&joined.name), &joined.room);
    if joined.pending {
        print::text(&format!("Asked to join {name} (id {id}): its owner still has to let you in."));
    } else {
        print::text(&format!("Joined {name}; its id is {id}."));
    }
    if is_here {
        print::aside("What was said there comes when this device runs: `lanline chat`, `lanline serve` or the app.");
    }
    Ok(())
}
