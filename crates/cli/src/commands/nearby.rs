use std::time::Duration;

use lanline_engine::{
    Settings,
    api::{Event, NearbyDevice, NearbyDevices, NoParams, Probed, Via},
};

use crate::{clock, device::Device, exit::Failure, line, plain, print, signal};

/// How long others are waited for where nobody looked before this command.
const FIRST: Duration = Duration::from_secs(2);
/// How long what is asked one by one takes to be answered.
const PROBED: Duration = Duration::from_millis(5500);

/// Lists the devices found on this network, once or until it is asked to end.
pub(crate) async fn run(settings: &Settings, watch: bool, probe: bool, json: bool) -> Result<(), Failure> {
    Device::for_a_moment(settings, async |device| {
        // Before anything is asked: what happens meanwhile is not missed.
        let mut events = device.events();
        let mut devices: NearbyDevices = device.call("nearby", NoParams {}).await?;
        if probe {
            let Probed { addresses } = device.call("probe", NoParams {}).await?;
            print::aside(&format!("Asking {addresses} addresses, which takes five seconds."));
        }
        if !watch {
            let waited = if probe { PROBED } else { FIRST };
            if probe || device.is_here() {
                tokio::time::sleep(waited).await;
                devices = device.call("nearby", NoParams {}).await?;
            }
            return show(&devices, json);
        }
        let mut shown = Shown::default();
        let mut ended = std::pin::pin!(signal::asked_to_end());
        loop {
            if !shown.take(&devices, json)? {
                return Ok(());
            }
            loop {
                tokio::select! {
                    event = events.next() => match event {
                        Some(Event::NearbyChanged {} | Event::EventsLost { .. }) => break,
                        Some(_) => {}
                        None => return Ok(()),
                    },
                    () = &mut ended => return Ok(()),
                }
            }
            devices = device.call("nearby", NoParams {}).await?;
        }
    })
    .await
}

fn show(devices: &[NearbyDevice], json: bool) -> Result<(), Failure> {
    if json {
        print::json(&devices)?;
    } else if devices.is_empty() {
        print::aside("No other Lanline was found on this network: `lanline nearby --probe` asks each address of it.");
    } else {
        let now = clock::now_ms();
        let row = |device: &NearbyDevice| {
            let [name, id, addresses, way] = described(device);
            [name, id, addresses, way, ago(now.saturating_sub(device.seen_at))]
        };
        print::text(&print::table(&devices.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(())
}

/// Who it is as far as that is known, its id, where it is, and how it was found.
fn described(device: &NearbyDevice) -> [String; 4] {
    let name = device.name.as_deref().map_or_else(|| "a device without a name".to_owned(), plain::name);
    let id = device.device_id.as_deref().map_or_else(|| "-".to_owned(), line::short);
    let addresses: Vec<String> = device.addresses.iter().map(|address| plain::line(address)).collect();
    let way = match device.via {
        Via::Mdns => "by mDNS",
        Via::Broadcast => "by broadcast",
        Via::Multicast => "by multicast",
        Via::Probe => "by asking its address",
    };
    [name, id, addresses.join(", "), way.to_owned()]
}

fn ago(ms: u64) -> String {
    format!("{} s ago", ms / 1000)
}

/// What was told of who is near while somebody watches.
#[derive(Default)]
struct Shown {
    before: Vec<[String; 4]>,
    begun: bool,
}

impl Shown {
    /// Tells what is another than before. `false`: nobody reads it.
    fn take(&mut self, devices: &[NearbyDevice], json: bool) -> Result<bool, Failure> {
        let now: Vec<[String; 4]> = devices.iter().map(described).collect();
        let before = std::mem::replace(&mut self.before, now.clone());
        let begun = std::mem::replace(&mut self.begun, true);
        if begun && before == now {
            return Ok(true);
        }
        if json {
            return print::json(&devices);
        }
        let gone = before.iter().filter(|row| !now.contains(row)).map(|row| told("gone", row));
        let found = now.iter().filter(|row| !before.contains(row)).map(|row| told("found", row));
        let lines: Vec<[String; 5]> = gone.chain(found).collect();
        if !lines.is_empty() {
            print::text(&print::table(&lines));
        }
        Ok(true)
    }
}

fn told(what: &str, row: &[String; 4]) -> [String; 5] {
    let [name, id, addresses, way] = row.clone();
    [what.to_owned(), name, id, addresses, way]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: Option<&str>, id: Option<&str>) -> NearbyDevice {
        NearbyDevice {
            device_id: id.map(str::to_owned),
            name: name.map(str::to_owned),
            addresses: vec!["10.0.0.2:12345".into(), "[fe80::1%eth0]:12345".into()],
            via: Via::Mdns,
            seen_at: 0,
        }
    }

    #[test]
    fn a_device_is_described_as_far_as_it_is_known_and_harmlessly() {
        let both = "10.0.0.2:12345, [fe80::1%eth0]:12345";
        let known = device(Some("Bob"), Some("KFBWEXA-AAAAAAA-BBBBBBB"));
        assert_eq!(described(&known), ["<Bob>", "KFBWEXA", both, "by mDNS"]);
        assert_eq!(described(&device(None, None)), ["a device without a name", "-", both, "by mDNS"]);
        let hostile = device(Some("a\u{1b}[2Jb\nc"), None);
        assert!(!described(&hostile).concat().chars().any(char::is_control));
    }

    #[test]
    fn only_what_changed_is_told_to_who_watches() {
        let mut shown = Shown::default();
        let bob = device(Some("Bob"), None);
        shown.take(std::slice::from_ref(&bob), false).unwrap();
        assert_eq!(shown.before, [described(&bob)]);
        shown.take(&[NearbyDevice { seen_at: 9, ..bob }], false).unwrap();
        assert_eq!(shown.before.len(), 1, "when it was heard is no news");
    }
}
