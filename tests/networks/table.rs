//! `docs/networks.md`: what came of each network.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
};

use crate::story::Outcome;

/// With it set, a run writes the page; else it holds it against what it finds.
const WRITES: &str = "LANLINE_WRITE_DOCS";

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/networks.md");

const HEAD: &str = "\
# Networks

What Lanline does on networks that work, and on those that something keeps from working. Each row is a scenario of
`tests/networks`, which lays that network out of namespaces, switches and cables and puts real devices on it. The tests
hold the first two columns; the last is what the run that wrote this page measured, with a build that is not optimised,
and differs from run to run.

Written by `LANLINE_WRITE_DOCS=1 cargo nextest run -p lanline-cli --test networks`, as root.

| network | what happens | measured |
|---|---|---|
";

/// All of them, as the page lists them.
pub(crate) const NETWORKS: &[&str] = &[
    "one network with 30 devices",
    "IPv6 only",
    "no default route",
    "two interfaces, of which the first, with the default route, is dead",
    "a hotspot: one of them is the other's router",
    "two networks, and a router between that forwards no multicast",
    "the client gets another address while they talk",
    "the server gets another address while they talk",
    "a cable is pulled for ten seconds",
    "a device goes to another network",
    "a device sleeps for ten seconds",
    "5 % of all frames are lost, and each takes 200 ms",
    "an access point that keeps its guests apart",
    "a network that passes on neither multicast nor broadcast over UDP",
    "a cable that is not plugged in",
    "two networks, and a router between that keeps them apart",
    "a device that does not let others connect",
    "a firewall that lets nothing in",
    "a firewall that rejects what comes in",
    "a firewall that lets nothing out",
    "a firewall that drops all UDP",
    "a VPN that takes the route to the local network",
    "somebody announces what a known device announces",
    "5,000 announcements a second of devices that are not there",
];

/// Holds the row of a network against what came of it, or writes it.
pub(crate) fn hold(network: &str, outcome: &Outcome) {
    if std::env::var_os(WRITES).is_some() {
        return write(network, outcome);
    }
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    let row = rows(&page).remove(network);
    let happens = row.map(|row| row.happens);
    assert_eq!(
        happens.as_deref(),
        Some(outcome.happens.as_str()),
        "docs/networks.md says otherwise of {network:?}; where this is right, write it with {WRITES}=1"
    );
}

/// Replaces one row, while other runs may replace others.
fn write(network: &str, outcome: &Outcome) {
    let mut file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(PAGE).unwrap();
    file.lock().unwrap();
    let mut page = String::new();
    file.read_to_string(&mut page).unwrap();
    let mut rows = rows(&page);
    rows.insert(network.to_owned(), outcome.clone());
    replace(&mut file, &shown(&rows));
}

fn replace(file: &mut File, page: &str) {
    file.rewind().unwrap();
    file.set_len(0).unwrap();
    file.write_all(page.as_bytes()).unwrap();
}

/// The page of these rows.
fn shown(rows: &BTreeMap<String, Outcome>) -> String {
    let known = NETWORKS.iter().filter_map(|network| Some((network, rows.get(*network)?)));
    let lines = known.map(|(network, row)| format!("| {network} | {} | {} |\n", row.happens, row.measured));
    HEAD.chars().chain(lines.collect::<String>().chars()).collect()
}

/// The rows of a page.
fn rows(page: &str) -> BTreeMap<String, Outcome> {
    let lines = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    lines
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            let mut cell = || Some(cells.next()?.to_owned());
            Some((cell()?, Outcome { happens: cell()?, measured: cell()? }))
        })
        .collect()
}

#[test]
fn the_page_has_a_row_for_each_network_and_no_other() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let rows = rows(&page);
    assert!(NETWORKS.iter().all(|network| rows.contains_key(*network)), "a row is missing; write the page");
    assert_eq!(page, shown(&rows));
}
