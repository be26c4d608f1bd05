use lanline_engine::{
    Settings,
    api::{Join, Joined},
};

use crate::{device::Device, exit::Failure, plain, print};

/// By a link, or by an address and a code.
pub(crate) fn asked(invite: String, code: &str) -> Join {
    if code.is_empty() {
        Join { link: Some(invite), ..Join::default() }
    } else {
        Join { address: Some(invite), code: Some(code.to_owned()), ..Join::default() }
    }
}

/// Joins a room by a link, or by an address and a code.
pub(crate) async fn run(settings: &Settings, invite: String, code: &[String], json: bool) -> Result<(), Failure> {
    let params = asked(invite, &code.concat());
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
