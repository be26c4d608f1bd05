//! On which networks this device is, and whether it slept. It is looked in this one place; whoever needs it subscribes.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::watch;

use crate::{
    net::{Link, links},
    server::Server,
};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// By how much longer than it should a look may take to come before this device counts as having slept.
const LATE: Duration = Duration::from_secs(5);

/// Where this device is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whereabouts {
    pub(crate) links: Vec<Link>,
    /// How long it slept, all in all, since it is looked.
    pub(crate) slept: Duration,
}

/// Looks for this device's interfaces, whether or not it listens there, and says so where they are others than before or
/// where it slept; the server is told each time. For as long as it runs.
pub(crate) async fn watch(server: Arc<Server>, seen: watch::Sender<Whereabouts>) {
    let mut slept = Duration::ZERO;
    loop {
        // Where the system does not answer, nothing is known to have changed.
        let links = look().await;
        let changed = seen.send_if_modified(|before| {
            let elsewhere = links.as_ref().is_some_and(|links| *links != before.links);
            let awoke = slept > before.slept;
            if let Some(links) = links {
                before.links = links;
            }
            before.slept = slept;
            elsewhere | awoke
        });
        if changed {
            tracing::info!(
                interfaces = seen.borrow().links.len(),
                ?slept,
                "this device is on other networks, or awoke"
            );
        }
        // Each time: what a server shows may depend on more than these.
        server.moved().await;
        let (steady, wall) = (Instant::now(), SystemTime::now());
        tokio::time::sleep(LOOK).await;
        slept += slept_within(steady.elapsed(), wall.elapsed().unwrap_or_default());
    }
}

/// How long this device slept, by how long it took to come to the next look on the clock that only goes on and on that of
/// people. Of the first, some systems count sleep and others do not; the second may be set, which then looks like sleep.
fn slept_within(steady: Duration, wall: Duration) -> Duration {
    let took = steady.max(wall);
    if took > LOOK + LATE { took.saturating_sub(LOOK) } else { Duration::ZERO }
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

/// Those of them that tell one network from another: what a device calls itself on every link is the same everywhere, and
/// so is what it shares with its own virtual machines, or with the far end of a tunnel.
pub(crate) fn telling(links: &[Link]) -> BTreeSet<IpAddr> {
    let leads_on = |link: &&Link| !link.loopback && !link.point_to_point && !link.is_virtual();
    let of_one_network = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    let addresses = links.iter().filter(leads_on).flat_map(|link| &link.addresses).map(|address| address.ip);
    addresses.filter(of_one_network).collect()
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
    fn a_look_that_comes_much_too_late_was_slept_through_on_either_clock() {
        let seconds = Duration::from_secs;
        for (steady, wall, slept) in [(1, 1, 0), (6, 6, 0), (7, 1, 6), (1, 601, 600), (601, 601, 600), (1, 0, 0)] {
            assert_eq!(slept_within(seconds(steady), seconds(wall)), seconds(slept), "{steady} {wall}");
        }
    }

    #[test]
    fn what_is_the_same_everywhere_tells_no_network() {
        let mut links = vec![link(1, &["127.0.0.1"]), link(2, &["10.0.0.1", "fe80::1", "169.254.1.1", "fd00::1"])];
        links.push(Link { name: "docker0".into(), ..link(3, &["172.17.0.1"]) });
        links.push(Link { point_to_point: true, ..link(4, &["10.8.0.2"]) });
        let told: Vec<String> = telling(&links).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.0.0.1", "fd00::1"]);
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
