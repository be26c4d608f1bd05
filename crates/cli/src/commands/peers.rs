use lanline_engine::{
    Settings,
    api::{Direction, NoParams, Peer, Peers},
};

use crate::{device::Device, exit::Failure, line, plain, print};

/// Lists the devices connected now.
pub(crate) async fn run(settings: &Settings, json: bool) -> Result<(), Failure> {
    let found = Device::for_a_moment(settings, async |device| {
        let peers: Peers = device.call("peers", NoParams {}).await?;
        Ok((peers, device.is_here()))
    });
    let (peers, is_here) = found.await?;
    if json {
        print::json(&peers)?;
    } else if is_here {
        print::aside("No Lanline runs with this data folder, so nobody is connected: start one with `lanline serve`.");
    } else if peers.is_empty() {
        print::aside("Nobody is connected.");
    } else {
        let row = |peer: &Peer| {
            let dialled = match peer.direction {
                Direction::In => "dialled this device",
                Direction::Out => "was dialled",
            };
            let (address, name) = (plain::line(&peer.address), line::called(&peer.device_id, &peer.name));
            [peer.device_id.clone(), address, dialled.to_owned(), format!("{} ms", peer.rtt_ms), name]
        };
        print::text(&print::table(&peers.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(())
}
