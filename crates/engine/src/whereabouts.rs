//! On which networks this device is. It is looked in this one place; whoever needs it subscribes.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    net::{Link, links},
    server::Server,
};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// Looks for this device's interfaces, whether or not it listens there, and says so where they are others than before;
/// the server is told each time. For as long as it runs.
pub(crate) async fn watch(server: Arc<Server>, seen: watch::Sender<Vec<Link>>) {
    loop {
        // Where the system does not answer, nothing is known to have changed.
        if let Some(links) = look().await {
            let changed = seen.send_if_modified(|before| {
                let changed = *before != links;
                *before = links;
                changed
            });
            if changed {
                tracing::info!(interfaces = seen.borrow().len(), "this device is on other networks");
            }
        }
        // Each time: what a server shows may depend on more than these.
        server.moved().await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Asking the system may take a moment.
async fn look() -> Option<Vec<Link>> {
    match tokio::task::spawn_blocking(links).await {
        Ok(Ok(links)) => Some(links),
        Ok(Err(error)) => {
            tracing::debug!(%error, "this device's interfaces cannot be listed");
            None
        }
        Err(_) => None,
    }
}

/// All addresses of these.
pub(crate) fn addresses(links: &[Link]) -> Vec<IpAddr> {
    links.iter().flat_map(|link| link.addresses.iter().map(|address| address.ip)).collect()
}

/// Those at which this device listens. Loopback leads nowhere else, and is only of use where there is nothing else, or
/// where it was asked for by name.
pub(crate) fn reachable(mut links: Vec<Link>, listen: &[SocketAddr]) -> Vec<Link> {
    if listen.is_empty() || listen.iter().any(|address| address.ip().is_unspecified()) {
        if links.iter().any(|link| !link.loopback) {
            links.retain(|link| !link.loopback);
        }
        return links;
    }
    for link in &mut links {
        link.addresses.retain(|address| listen.iter().any(|listening| listening.ip() == address.ip));
    }
    links.retain(|link| !link.addresses.is_empty());
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::LinkAddress;

    fn link(index: u32, ips: &[&str]) -> Link {
        let address = |ip: &&str| LinkAddress { ip: ip.parse().unwrap(), prefix: 8, broadcast: None };
        let addresses: Vec<LinkAddress> = ips.iter().map(address).collect();
        let loopback = addresses.iter().any(|address| address.ip.is_loopback());
        Link { index, name: format!("if{index}"), loopback, point_to_point: false, addresses }
    }

    #[test]
    fn only_where_it_listens_is_a_device_reached() {
        let all = vec![link(1, &["127.0.0.1", "::1"]), link(2, &["10.0.0.1", "fe80::1"]), link(3, &["10.9.0.1"])];
        let shown = |listen: &[&str]| {
            let listen: Vec<SocketAddr> = listen.iter().map(|address| address.parse().unwrap()).collect();
            addresses(&reachable(all.clone(), &listen)).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for listen in [&[][..], &["0.0.0.0:0"], &["10.9.0.1:0", "[::]:0"]] {
            assert_eq!(shown(listen), ["10.0.0.1", "fe80::1", "10.9.0.1"]);
        }
        assert_eq!(shown(&["127.0.0.1:0"]), ["127.0.0.1"]);
        assert_eq!(shown(&["[fe80::1%2]:0", "10.9.0.1:0"]), ["fe80::1", "10.9.0.1"]);
        assert_eq!(shown(&["192.168.1.1:0"]), [""; 0]);
        let alone = reachable(vec![link(1, &["127.0.0.1"])], &[]);
        assert_eq!(addresses(&alone).len(), 1, "better than nothing");
    }
}
