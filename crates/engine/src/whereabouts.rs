//! Whether this device is on another network than before.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{net::local_addresses, server::Server};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(2);

/// Looks for this device's addresses, whether or not it listens at them, and tells of others than before: the server at
/// once, and whoever dials by `moved`. For as long as it runs.
pub(crate) async fn watch(server: Arc<Server>, moved: watch::Sender<()>) {
    let mut before = addresses().await;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = addresses().await;
        if now != before {
            tracing::info!(addresses = now.len(), "this device has other addresses");
            before = now;
            moved.send_replace(());
        }
        // Each time: what a server shows may depend on more than these.
        server.moved().await;
    }
}

/// Asking the system may take a moment. Where it does not answer, there are none.
async fn addresses() -> Vec<SocketAddr> {
    tokio::task::spawn_blocking(|| local_addresses(0)).await.unwrap_or_default()
}
