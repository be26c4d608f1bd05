use std::io::Write;

use lanline_engine::{
    KeyChoice, Node, Settings,
    api::{KeyPlace, NoParams, StartServer, Status},
};

use crate::{exit::Failure, signal};

/// Runs a listening device until a signal comes.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    let mut asked_to_end = tokio::spawn(signal::asked_to_end());
    // It may have to wait for a single command that holds the folder.
    let node = tokio::select! {
        opened = Node::open(settings) => opened.map_err(Failure::input)?,
        _ = &mut asked_to_end => return Ok(()),
    };
    // Nobody listens to what happens, so nobody is to be waited for.
    drop(node.subscribe());
    let started = node.start_server(StartServer::default()).await;
    let result = match started {
        Ok(listening) => {
            let addresses = listening.addresses.join(", ");
            let status = node.status(NoParams {}).await.ok();
            let device_id = status.as_ref().map(|status| status.device_id.as_str()).unwrap_or_default();
            // Nobody may be reading; the server runs all the same.
            let _ = writeln!(std::io::stdout(), "Listening on {addresses} as {device_id}. Ctrl-C stops.");
            if let Some(line) = status.and_then(|status| without_key_store(node.setup(), &status)) {
                let _ = writeln!(std::io::stdout(), "{line}");
            }
            let _ = asked_to_end.await;
            Ok(())
        }
        Err(error) => Err(Failure::input(error)),
    };
    node.close().await;
    result
}

/// What the person is told whose key is not where it should be.
fn without_key_store(settings: &Settings, status: &Status) -> Option<String> {
    (settings.key_store == KeyChoice::System && status.key_at == KeyPlace::File).then(|| {
        let folder = settings.data_dir.display();
        format!("No key store of this system holds this device's key: it lies in {folder}, where only this user can read it.")
    })
}
