use lanline_engine::{
    Settings,
    api::{NoParams, Preferences, SetSettings},
};

use crate::{device::Device, exit::Failure, print};

/// Shows what the person chose, after changing what is given.
pub(crate) async fn run(settings: &Settings, tell_read: Option<bool>, json: bool) -> Result<(), Failure> {
    let chosen: Preferences = Device::for_a_moment(settings, async |device| {
        let answered = match tell_read {
            None => device.call("settings", NoParams {}).await,
            tell_read => device.call("set_settings", SetSettings { tell_read }).await,
        };
        Ok(answered?)
    })
    .await?;
    if json {
        print::json(&chosen)?;
        return Ok(());
    }
    let rows = [("Tell others what is read here", if chosen.tell_read { "yes" } else { "no" })];
    print::text(&print::table(&rows.map(|(what, is)| [what.to_owned(), is.to_owned()])));
    Ok(())
}
