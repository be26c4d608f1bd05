use std::io::Write;

use lanline_engine::{
    Node, Settings,
    api::{NoParams, StartServer},
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
            let device_id = node.status(NoParams {}).await.map(|status| status.device_id).unwrap_or_default();
            // Nobody may be reading; the server runs all the same.
            let _ = writeln!(std::io::stdout(), "Listening on {addresses} as {device_id}. Ctrl-C stops.");
            let _ = asked_to_end.await;
            Ok(())
        }
        Err(error) => Err(Failure::input(error)),
    };
    node.close().await;
    result
}
