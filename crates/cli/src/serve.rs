use std::io::Write;

use lanline_engine::{
    Node, Settings,
    api::{NoParams, StartServer},
};

use crate::{exit::Failure, signal};

/// Runs a listening device until a signal comes.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    let asked_to_end = tokio::spawn(signal::asked_to_end());
    let node = Node::open(settings).await.map_err(Failure::input)?;
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
