use jiff::tz::TimeZone;
use lanline_engine::{
    Settings,
    api::{ForgetDevice, KnownDevice, KnownDevices, NoParams, Nothing, SetDevice, Verified},
};

use crate::{args::Change, clock, device::Device, exit::Failure, line, member, plain, print};

/// Lists the devices that this one has met, or changes what is kept of one.
pub(crate) async fn run(settings: &Settings, which: Option<&str>, change: &Change, json: bool) -> Result<(), Failure> {
    let asked = Device::for_a_moment(settings, async |device| {
        let devices: KnownDevices = device.call("devices", NoParams {}).await?;
        let Some(which) = which else { return Ok((devices, None)) };
        let known = member::find(&devices, which).map_err(Failure::input)?.clone();
        set(device, &known, change).await?;
        Ok((devices, Some(known)))
    });
    let (devices, changed) = asked.await?;
    match changed {
        Some(_) if json => {
            print::json(&Nothing::default())?;
        }
        Some(known) => print::text(&said(&known, change)),
        None if json => {
            print::json(&devices)?;
        }
        None if devices.is_empty() => {
            print::aside("This device has met no other yet: `lanline invite` lets one into a room.");
        }
        None => print::text(&table(&devices)),
    }
    Ok(())
}

async fn set(device: &Device, known: &KnownDevice, change: &Change) -> Result<(), Failure> {
    let device_id = known.device_id.clone();
    if change.forget {
        return Ok(device.call::<_, Nothing>("forget_device", ForgetDevice { device_id }).await?);
    }
    let blocked = (change.block || change.unblock).then_some(change.block);
    let params = SetDevice { device_id, name: change.rename.clone(), blocked };
    Ok(device.call::<_, Nothing>("set_device", params).await?)
}

fn said(known: &KnownDevice, change: &Change) -> String {
    let name = line::called(&known.device_id, &known.name);
    match &change.rename {
        _ if change.forget => format!("{name} is forgotten: in a room of both it is met again."),
        _ if change.block => {
            format!("{name} is blocked: it is neither dialled nor let in. What it says still comes through others.")
        }
        _ if change.unblock => format!("{name} is no longer blocked."),
        Some(given) if !given.is_empty() => format!("{name} is called {} here now.", plain::name(given)),
        _ => format!("{name} is called what it calls itself."),
    }
}

/// One line a device: its id, how sure it is who it is, where it was, and last what it is called.
fn table(devices: &[KnownDevice]) -> String {
    let zone = TimeZone::system();
    let row = |device: &KnownDevice| {
        let verified = match (device.verified, device.verified_at) {
            (Some(how), Some(at)) => format!("{} {}", verified(how), clock::full(at, &zone)),
            _ => "not verified".to_owned(),
        };
        let address = device.last_address.as_deref().map_or_else(|| "-".to_owned(), plain::line);
        let mut name = line::called(&device.device_id, &device.name);
        if let Some(own) = &device.own_name {
            name.push_str(&format!(", who calls itself {}", plain::name(own)));
        }
        let blocked = if device.blocked { "blocked" } else { "" };
        [device.device_id.clone(), verified, address, blocked.to_owned(), name]
    };
    print::table(&devices.iter().map(row).collect::<Vec<_>>())
}

fn verified(how: Verified) -> &'static str {
    match how {
        Verified::Link => "by link",
        Verified::Code => "by code",
        Verified::Compared => "compared",
    }
}
