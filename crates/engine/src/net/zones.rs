//! The names of this device's interfaces, by which link-local addresses are shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::address::{show, shown_with};
use super::interface::is_plain;
use super::link::Link;

/// Read once, so that many addresses are shown without asking the system for each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zones(BTreeMap<u32, String>);

impl Zones {
    /// Of these links.
    pub(crate) fn of(links: &[Link]) -> Self {
        Self(links.iter().map(|link| (link.index, link.name.clone())).filter(|(_, name)| is_plain(name)).collect())
    }

    /// As [`show`] shows it; the zone of an interface that is not known by its number.
    pub(crate) fn show(&self, address: &SocketAddr) -> String {
        shown_with(address, |index| self.0.get(&index).cloned().unwrap_or_else(|| index.to_string()))
    }
}

/// Several addresses, as [`show`] shows them; the system is asked once at most.
pub(crate) fn show_all(addresses: &[SocketAddr]) -> Vec<String> {
    let has_zone = |address: &SocketAddr| matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0);
    if !addresses.iter().any(has_zone) {
        return addresses.iter().map(show).collect();
    }
    let zones = super::links().map(|links| Zones::of(&links)).unwrap_or_default();
    addresses.iter().map(|address| zones.show(address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_they_are_one_by_one() {
        let links = super::super::links().unwrap();
        let zones = Zones::of(&links);
        let six = |zone: u32| format!("[fe80::1%{zone}]:7").parse::<SocketAddr>().unwrap();
        let mut addresses: Vec<SocketAddr> = links.iter().map(|link| six(link.index)).collect();
        addresses.extend(
            ["10.0.0.1:7", "[fd00::1]:7", "[fe80::1%4000000]:7"].map(|text| text.parse::<SocketAddr>().unwrap()),
        );
        let shown: Vec<String> = addresses.iter().map(show).collect();
        assert_eq!(addresses.iter().map(|address| zones.show(address)).collect::<Vec<_>>(), shown);
        assert_eq!(show_all(&addresses), shown);
    }
}
