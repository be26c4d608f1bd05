use std::{
    io::Write,
    time::{Duration, Instant},
};

use lanline_engine::{
    Node, OpenError, Settings,
    api::{CallError, ErrorCode},
    socket::Client,
};
use serde_json::Value;

use crate::exit::Failure;

/// How long to wait for a process that holds the data folder and cannot be reached: it is just starting or ending, or
/// it is another call, which may last 20 s.
const PATIENCE: Duration = Duration::from_secs(25);
const PAUSE: Duration = Duration::from_millis(50);

/// Calls one command: in the process that holds the data folder, or else in this one.
pub(crate) async fn run(settings: Settings, method: &str, params: Option<&str>) -> Result<(), Failure> {
    let params: Value = match params {
        None => Value::Null,
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Failure::input(format!("The arguments are not JSON ({error}): give one JSON object.")))?,
    };
    let result = call(settings, method, params).await?.map_err(Failure::command)?;
    let printed = serde_json::to_string_pretty(&result).map_err(Failure::input)?;
    // Whoever closed standard output does not want to read it.
    let _ = writeln!(std::io::stdout(), "{printed}");
    Ok(())
}

async fn call(settings: Settings, method: &str, params: Value) -> Result<Result<Value, CallError>, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(client) = Client::connect(&settings.data_dir).await {
            return Ok(client.call(method, &params).await);
        }
        match Node::open_alone(settings.clone()).await {
            Ok(node) => {
                let result = node.call(method, params).await;
                node.close().await;
                return Ok(result);
            }
            Err(error) if is_locked(&error) && Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(Failure::input(error)),
        }
    }
}

fn is_locked(error: &OpenError) -> bool {
    error.code() == ErrorCode::Locked
}
