use lanline_engine::{
    Settings,
    api::{KeyPlace, NoParams, Status, StoreCondition},
};

use crate::{device::Device, exit::Failure, plain, print};

/// Says who this device is and how it is doing.
pub(crate) async fn run(settings: &Settings, json: bool) -> Result<(), Failure> {
    let found = Device::for_a_moment(settings, async |device| {
        let status: Status = device.call("status", NoParams {}).await?;
        Ok((status, device.is_here()))
    });
    let (status, is_here) = found.await?;
    if json {
        print::json(&status)?;
        return Ok(());
    }
    let name = if status.name.is_empty() { "none yet; --name gives one".to_owned() } else { plain::name(&status.name) };
    let server = match (status.server.running, is_here) {
        (true, _) => format!("listens on {}", status.server.addresses.join(", ")),
        (false, true) => "does not run; `lanline serve` starts it".to_owned(),
        (false, false) => "does not run; `lanline call start_server` starts it".to_owned(),
    };
    let store = match (status.store.state, status.store.reason) {
        (StoreCondition::Ok, _) => "reads and writes".to_owned(),
        (StoreCondition::ReadOnly, reason) => format!("only reads: {}", reason.unwrap_or_default()),
        (StoreCondition::Failed, reason) => format!("failed: {}", reason.unwrap_or_default()),
    };
    let process = if is_here { "none; this command opened the folder itself" } else { "runs, and was asked" };
    let key = match status.key_at {
        KeyPlace::KeyStore => "in the system's key store",
        KeyPlace::File => "in identity.key in the folder, which only this user can read",
    };
    let rows = [
        ("Name", name),
        ("Device", status.device_id),
        ("Version", format!("{} ({})", status.version, status.protocol)),
        ("Folder", settings.data_dir.display().to_string()),
        ("Process", process.to_owned()),
        ("Key", key.to_owned()),
        ("Server", server),
        ("Store", store),
    ];
    print::text(&print::table(&rows.map(|(what, is)| [what.to_owned(), plain::line(&is)])));
    Ok(())
}
