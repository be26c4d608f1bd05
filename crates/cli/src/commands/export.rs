use std::path::Path;

use lanline_engine::{
    Settings,
    api::{ExportIdentity, Passphrase},
};

use crate::{device::Device, exit::Failure, plain, print};

/// Writes this device's key and rooms to a file that the passphrase opens.
pub(crate) async fn run(settings: &Settings, file: &Path, passphrase: Passphrase, json: bool) -> Result<(), Failure> {
    let path = full(file)?;
    let params = ExportIdentity { path: path.clone(), passphrase };
    Device::for_a_moment(settings, async |device| Ok(device.call::<_, ()>("export_identity", params).await?)).await?;
    if json {
        print::json(&serde_json::json!({ "path": path }))?;
        return Ok(());
    }
    print::text(&format!("Wrote {}.", plain::line(&path)));
    print::aside(
        "Whoever has it and the passphrase is this device and reads its rooms: keep them apart. `lanline import` takes it \
         on another machine.",
    );
    Ok(())
}

/// As the process that holds the folder, which stands elsewhere, understands it.
pub(super) fn full(file: &Path) -> Result<String, Failure> {
    let path = std::path::absolute(file).map_err(Failure::input)?;
    path.into_os_string().into_string().map_err(|_| Failure::input("The path is not UTF-8: choose another."))
}
