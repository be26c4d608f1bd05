//! Who is near, on loopback.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

use crate::process::{Rpc, SOON, assert_failed, lanline, run};

/// On loopback alone.
fn discovering(home: &Path, args: &[&str]) -> Command {
    let mut command = lanline(home, args);
    command.env("LANLINE_DISCOVERY", "on").env("LANLINE_LISTEN", "127.0.0.1");
    command
}

fn at<'a>(list: &'a Value, address: &str) -> Option<&'a Value> {
    list.as_array().unwrap().iter().find(|near| near["addresses"].as_array().unwrap().contains(&json!(address)))
}

#[test]
fn who_is_near_is_listed_and_told_of_when_it_goes() {
    let homes = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [alices, bobs] = homes.each_ref().map(|home| home.path());
    let mut alice = Rpc::spawn(discovering(alices, &["rpc", "--name", "Alice in the workshop", "--port", "0"]));
    let address = alice.ask("start_server", json!({}))["result"]["addresses"][0].as_str().unwrap().to_owned();
    alice.ask("set_visible", json!({"ttl_ms": 600_000}));

    let nearby = |args: &[&str]| {
        let output = discovering(bobs, &[&["nearby"], args].concat()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let begun = Instant::now();
    let found = loop {
        let list: Value = serde_json::from_str(&nearby(&["--json"])).unwrap();
        if let Some(near) = at(&list, &address) {
            break near.clone();
        }
        assert!(begun.elapsed() < SOON, "alice is not found");
    };
    assert_eq!((&found["name"], &found["device_id"]), (&json!("Alice in the workshop"), &Value::Null));
    assert!(["mdns", "broadcast", "multicast"].contains(&found["via"].as_str().unwrap()), "{found}");
    let printed = nearby(&[]);
    let line = printed.lines().find(|line| line.contains(&address)).unwrap();
    assert!(line.contains("<Alice in the workshop>") && line.ends_with(" s ago"), "{line}");

    // There is nobody to be asked one by one on loopback, and that is said.
    let probed = discovering(bobs, &["nearby", "--probe", "--json"]).stdin(Stdio::null()).output().unwrap();
    assert!(probed.status.success());
    assert!(String::from_utf8_lossy(&probed.stderr).contains("Asking 0 addresses"), "{probed:?}");
    assert!(at(&serde_json::from_slice(&probed.stdout).unwrap(), &address).is_some(), "{probed:?}");

    let mut watching = Rpc::spawn(discovering(bobs, &["nearby", "--watch", "--json"]));
    while at(&watching.read(), &address).is_none() {}
    alice.end();
    while at(&watching.read(), &address).is_some() {}
}

#[test]
fn without_discovery_it_says_how_to_have_it() {
    let home = tempfile::tempdir().unwrap();
    assert_failed(&run(home.path(), &["nearby"]), 2, &["LANLINE_DISCOVERY=on"]);
    let output = discovering(home.path(), &["nearby", "--no-discovery"]).stdin(Stdio::null()).output().unwrap();
    assert_failed(&output, 2, &["--no-discovery"]);
}
