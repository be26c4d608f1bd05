use lanline_engine::Settings;
use serde_json::Value;

use crate::{device::Device, exit::Failure, plain, print};

/// Calls one command: in the process that holds the data folder, or else in this one.
pub(crate) async fn run(settings: Settings, method: &str, params: Option<&str>) -> Result<(), Failure> {
    let params: Value = match params {
        None => Value::Null,
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Failure::input(format!("The arguments are not JSON ({error}): give one JSON object.")))?,
    };
    let called = Device::for_a_moment(&settings, async |device| Ok(device.call::<_, Value>(method, params).await?));
    let printed = serde_json::to_string_pretty(&called.await?).map_err(Failure::input)?;
    print::text(&plain::json(&printed));
    Ok(())
}
