use std::time::Duration;

use lanline_engine::{Node, Settings, rpc};

use crate::{exit::Failure, signal};

/// How long taking leave may last: with what `rpc::serve` may take, less than 5 s.
const LEAVE: Duration = Duration::from_secs(1);

/// Serves standard input and output until the input ends or a signal comes.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    let node = Node::open(settings).await.map_err(Failure::input)?;
    let served = rpc::serve(&node, tokio::io::stdin(), tokio::io::stdout(), signal::asked_to_end()).await;
    if let Err(error) = served {
        // The other program closed a stream: that is how it ends this one.
        tracing::debug!(%error, "standard input or output broke");
    }
    if tokio::time::timeout(LEAVE, node.close()).await.is_err() {
        tracing::warn!("something was still under way at the end");
    }
    Ok(())
}
