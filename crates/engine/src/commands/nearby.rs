use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use lanline_protocol::{identity::DeviceId, name};
use tokio::time::Instant;

use crate::{
    Node,
    api::{ApiError, NearbyDevice, NearbyDevices, NoParams, Probed, SetVisible, VISIBLE_MAX_MS, Visible},
    core::Machine,
    discovery::{announcement::Instance, nearby::Near},
    impostors::Impostors,
    net::Zones,
};

/// By what two of one name are told apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Known(DeviceId),
    Unknown(Instance),
}

impl Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(device) => device.fmt(f),
            Self::Unknown(instance) => instance.fmt(f),
        }
    }
}

impl Node {
    /// The devices found on this network now.
    pub async fn nearby(&self, _: NoParams) -> Result<NearbyDevices, ApiError> {
        let (near, zones) = self.discovery()?.look();
        // Not while the core waits: they may be many.
        let near = near.into_iter().map(|near| shown(near, &zones, self.core().impostors())).collect();
        self.core().read(move |machine| Ok(listed(machine, near))).await
    }

    /// Asks each address of the networks around this device who is there.
    pub async fn probe(&self, _: NoParams) -> Result<Probed, ApiError> {
        let asked = self.discovery()?.probe().await.unwrap_or_default();
        Ok(Probed { addresses: u64::try_from(asked).unwrap_or(u64::MAX) })
    }

    /// Announces this device's name to everybody near for a while.
    pub async fn set_visible(&self, params: SetVisible) -> Result<Visible, ApiError> {
        self.must_stay()?;
        if params.ttl_ms > VISIBLE_MAX_MS {
            return Err(ApiError::invalid(format!("`ttl_ms` is at most {VISIBLE_MAX_MS}, an hour: give less.")));
        }
        Ok(Visible { visible_until: self.discovery()?.set_visible(params.ttl_ms) })
    }
}

/// Its addresses as people read them. Where at each of them another answered than the member it says it is, it is nobody.
fn shown(mut near: Near, zones: &Zones, impostors: &Impostors) -> (Near, Vec<String>) {
    let addresses: Vec<String> = near.addresses.iter().map(|address| zones.show(address)).collect();
    near.device.take_if(|device| impostors.leaves_alone(*device, &addresses, Instant::now()));
    (near, addresses)
}

/// With what is known of each, best first.
fn listed(machine: &Machine, near: Vec<(Near, Vec<String>)>) -> NearbyDevices {
    let peers = machine.replica.peers();
    let dialled: BTreeMap<&str, DeviceId> =
        peers.iter().filter(|peer| peer.dialled).map(|peer| (peer.address.as_str(), peer.device)).collect();
    let mut found: Vec<(Who, Option<String>, NearbyDevice)> = near
        .into_iter()
        .map(|(near, addresses)| {
            let connected = || addresses.iter().find_map(|address| dialled.get(address.as_str())).copied();
            let device = near.device.or_else(connected);
            let known = device.and_then(|device| {
                let peer = || peers.iter().find(|peer| peer.device == device).map(|peer| peer.name.clone());
                machine.replica.name_of_fellow(device).or_else(peer).filter(|name| !name.is_empty())
            });
            let who = device.map_or(Who::Unknown(near.instance), Who::Known);
            // What a device says of itself may be hidden: then it shows none.
            let own = near.name.map(|own| name::clean(&own)).filter(|own| !own.is_empty());
            let device_id = device.map(|device| device.to_string());
            let listed = NearbyDevice { device_id, name: None, addresses, via: near.via, seen_at: near.seen_at };
            (who, known.or(own), listed)
        })
        .collect();
    let mut names = name::told_apart(found.iter().filter_map(|(who, name, _)| Some((*who, name.clone()?))));
    for (who, _, listed) in &mut found {
        listed.name = names.remove(who);
    }
    found.sort_by_key(|(who, _, listed)| (matches!(who, Who::Unknown(_)), listed.name.is_none()));
    found.into_iter().map(|(.., listed)| listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        discovery::Via,
        net::{Address, Link},
    };

    #[test]
    fn who_cannot_prove_who_it_says_it_is_is_nobody() {
        let (alice, impostors) = (DeviceId::new([1; 32]), Impostors::default());
        let addresses = ["10.0.0.3:12345", "[fe80::3%7]:12345"].map(|text| text.parse().unwrap()).to_vec();
        let link =
            Link { index: 7, name: "eth0".into(), loopback: false, point_to_point: false, addresses: Vec::new() };
        let (instance, zones) = (Instance([3; 8]), Zones::of(&[link]));
        let near = Near { instance, device: Some(alice), name: None, addresses, via: Via::Mdns, seen_at: 0 };
        let (known, texts) = shown(near.clone(), &zones, &impostors);
        assert_eq!(
            (known.device, texts.as_slice()),
            (Some(alice), ["10.0.0.3:12345", "[fe80::3%eth0]:12345"].map(String::from).as_slice())
        );
        let all: Vec<Address> = near.addresses.iter().copied().map(Address::from).collect();
        impostors.note(alice, &all, &texts[0], Instant::now());
        assert_eq!(shown(near.clone(), &zones, &impostors).0.device, Some(alice), "elsewhere it may be alice");
        impostors.note(alice, &all, "10.0.0.3:12345", Instant::now());
        let one = Near { addresses: near.addresses[..1].to_vec(), ..near };
        assert_eq!(shown(one, &zones, &impostors).0.device, None);
    }
}
